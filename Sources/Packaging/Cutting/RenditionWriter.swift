internal import CMAF
internal import Wire

/// The write side of one rendition: chunks in decode order become parts and segments at the
/// boundaries of the timeline, ready to be released.
///
/// A reference, as every chunk looks at parts of it.
final class RenditionWriter {
  let kind: MediaKind
  /// Of the newest chunk; what is kept of those before is in its ticks.
  private(set) var timescale: UInt32
  /// What the newest segment holds; nil before there is one.
  private(set) var serving: TrackDescription?
  /// Where the header is another than before: segments, and the earliest time that they show of it.
  private(set) var newHeaders: [(number: Int64, start: MediaTime)] = []
  private let partTarget: MediaTime
  private(set) var queue: [Queued] = []
  private(set) var updates: [Update] = []
  /// The end of the media that has been put into segments, with its run.
  private(set) var assigned: (run: Int, end: MediaTime)?
  /// The duration of the newest chunk.
  private(set) var chunkDuration: Int64 = 0
  /// The number of the first segment that is whole.
  private(set) var firstNumber: Int64?

  /// The segment that is being filled.
  private struct Open {
    var builder: SegmentBuilder
    let run: Int
    let clock: RunClock
    /// What the segment before held, and where that began.
    let before: (serving: TrackDescription?, begun: (epoch: Epoch, start: Int64)?)
    var number: Int64 { builder.segment.number }
    var timescale: UInt32 { builder.segment.timescale }
  }

  private var open: Open?
  /// The start of the newest chunk that has been put into a segment, as served.
  private var newest: (epoch: Epoch, start: Int64)?
  /// Where the newest segment begins, as served: it may end there too, when all that it has lies within the
  /// last frame of the one before.
  private var begun: (epoch: Epoch, start: Int64)?
  private var used: UsedNames?
  private var lastNumber: Int64?
  /// Where the last segment or gap ended, as served.
  private var lastEnd: (run: Int, end: Int64)?
  /// The number of a segment whose beginning was missed.
  private var discardedNumber: Int64?

  /// What the writer may hold.
  struct Limits {
    /// Chunks that wait for the lead; past it the oldest are dropped.
    var queueBytes: Int
    /// A segment; past it chunks are dropped until the next one begins.
    var segmentBytes: Int
  }

  /// More are not waited for at once.
  private static let newHeaderLimit = 64

  private let limits: Limits
  private(set) var queuedBytes = 0

  /// How much media waits for the lead.
  var queuedSeconds: Double { queue.reduce(0) { $0 + $1.time($1.chunk.duration).seconds } }

  private var segmentBytes = 0
  /// Segments that are larger than the limit, whose rest was dropped.
  private(set) var cutSegments = 0

  init(kind: MediaKind, timescale: UInt32, partTarget: MediaTime, limits: Limits) {
    self.kind = kind
    self.timescale = timescale
    self.partTarget = partTarget
    self.limits = limits
  }

  func enqueue(_ chunk: Queued) {
    queue.append(chunk)
    queuedBytes += chunk.chunk.bytes.count
    var dropped = 0
    while queuedBytes > limits.queueBytes, dropped < queue.count {
      queuedBytes -= queue[dropped].chunk.bytes.count
      dropped += 1
    }
    queue.removeFirst(dropped)
  }

  /// The oldest run that is still looked at; nil for none.
  var oldestRun: Int? { (updates.map(\.run) + [open?.run].compactMap(\.self)).min() }
  /// The run of the last segment or gap: what has been since must be known when media comes again.
  var lastRun: Int? { lastEnd?.run }

  /// Makes what waits belong to another restart of the track.
  func relabel(_ generation: Int) {
    for index in queue.indices { queue[index].generation = generation }
  }

  /// Forgets where headers changed up to a segment.
  func forgetHeaders(through number: Int64) {
    if !newHeaders.isEmpty { newHeaders.removeAll { $0.number <= number } }
  }

  func takeUpdate() -> Update { updates.removeFirst() }

  /// Whether what would be the next update surely shows media that ends after a time.
  func isPast(_ time: MediaTime, run: Int) -> Bool {
    if let first = updates.first { return first.run > run || first.run == run && first.time > time }
    guard let assigned else { return false }
    return assigned.run > run || assigned.run == run && assigned.end > time
  }

  /// Puts queued chunks into segments as far as the timelines reach.
  ///
  /// `run(generation)` is the index of the run that a restart of the track began, nil while unknown;
  /// `newestGeneration` has begun one.
  func advance(
    runs: ArraySlice<Run>,
    run: (Int) -> Int?,
    newestGeneration: Int,
    isLead: Bool,
    groupLength: MediaTime?
  ) {
    var taken = 0
    while taken < queue.count {
      let queued = queue[taken]
      guard let index = run(queued.generation), index < runs.endIndex else {
        // A restart of which the lead saw nothing never begins.
        guard queued.generation < newestGeneration else { break }
        taken += 1
        continue
      }
      let placed = place(queued, index, runs, isLead: isLead, groupLength: groupLength)
      // Nothing more is going to be known of a run that is over: what lies past its end is dropped.
      guard placed != nil || index < runs.endIndex - 1 else { break }
      if placed ?? true { taken += 1 }
    }
    for queued in queue.prefix(taken) { queuedBytes -= queued.chunk.bytes.count }
    queue.removeFirst(taken)
    closeIfOver(runs)
  }

  /// Handles one chunk: true when it was used or dropped, false when it must be looked at again, nil
  /// when it has to wait.
  private func place(
    _ queued: Queued,
    _ index: Int,
    _ runs: ArraySlice<Run>,
    isLead: Bool,
    groupLength: MediaTime?
  ) -> Bool? {
    let run = runs[index]
    let chunk = queued.chunk
    let middle = queued.time(queued.middle)
    if timescale != queued.description.info.timescale {
      count(in: queued.description.info.timescale)
    }
    if let open, open.run < index {
      // The run before is over; its last segment ends where its media does.
      close(at: nil)
      return false
    }
    var boundary: Timeline.Boundary
    switch run.timeline.segment(at: middle, isLead: isLead) {
    case .unknown: return nil
    case .outside: return true
    case .segment(let found): boundary = found
    }
    let served = run.clock.served(chunk.start, timescale: timescale)
    // After `relabel`, time may go back in what waits: a second chunk of one start would have the first's name.
    if let newest, newest.epoch == run.clock.epoch, served <= newest.start { return true }
    let isNewHeader = serving.map { !$0.hasHeader(of: queued.description) } ?? false
    if isNewHeader {
      guard !cannotStart(chunk) else { return pass(queued, index) }
      if boundary.number == lastNumber {
        // Sound changes where pictures do, to a frame: one of the old that lies behind is given up, and
        // one of the new that lies before belongs to the next segment.
        if kind != .video, let open, open.builder.isSingle {
          giveUp(open)
          return false
        }
        if let end = open.map({ end(of: $0) }) ?? lastEnd?.end, served - end < chunk.duration {
          let later = queued.time(queued.middle + chunk.duration)
          switch run.timeline.segment(at: later, isLead: isLead) {
          case .unknown: return nil
          case .outside: return pass(queued, index)
          case .segment(let next): boundary = next
          }
        }
        // A segment has but one header: it ends before its time, with a gap.
        guard boundary.number != lastNumber else { return pass(queued, index) }
      }
    }
    if let open {
      // Media that was served already: the track's time went back and the lead's did not.
      let overlap = max(chunk.duration, queued.tolerance)
      let end = end(of: open)
      if open.number > boundary.number || served < end - overlap { return true }
      if open.number == boundary.number || cannotStart(chunk) {
        append(queued)
        return true
      }
      let next = run.timeline.boundaries(after: open.number, through: boundary.number).first
      var movedChunk = chunk
      movedChunk.start = served
      let isWhole = movedChunk.continues(from: end, within: queued.tolerance)
      let endsItself = isWhole || next.map { $0.isDiscontinuity || $0.clearsWindow } ?? true
      close(at: endsItself ? nil : next?.start)
      return false
    }
    if discardedNumber == boundary.number || cannotStart(chunk) { return true }
    if let begun, begun.epoch == run.clock.epoch, served <= begun.start { return true }
    if let lastNumber, boundary.number <= lastNumber { return true }
    if lastNumber == nil {
      let step = groupLength?.rounded(toScale: timescale) ?? chunk.duration
      let start = groupLength == nil ? middle : queued.start
      guard run.timeline.isStart(start, step: step, of: boundary) else {
        discardedNumber = boundary.number
        return true
      }
      firstNumber = boundary.number
    }
    passOver(runs[..<index], until: boundary, queued)
    begin(boundary, queued, index, run)
    append(queued)
    return true
  }

  /// Leaves a chunk out that has no place in any segment; nobody has to wait for it.
  private func pass(_ queued: Queued, _ run: Int) -> Bool {
    if let assigned, assigned.run == run {
      self.assigned = (run, max(assigned.end, queued.time(queued.chunk.end)))
    }
    return true
  }

  /// Leaves the open segment out, of which nothing has been told.
  private func giveUp(_ open: Open) {
    self.open = nil
    lastNumber = open.number - 1
    (serving, begun) = open.before
    if newHeaders.last?.number == open.number { newHeaders.removeLast() }
  }

  /// Counts what is kept in the ticks of another timescale.
  private func count(in next: UInt32) {
    let old = timescale
    func converted(_ ticks: Int64) -> Int64 {
      MediaTime(ticks: ticks, timescale: old).rounded(toScale: next)
    }
    newest = newest.map { ($0.epoch, converted($0.start)) }
    begun = begun.map { ($0.epoch, converted($0.start)) }
    lastEnd = lastEnd.map { ($0.run, converted($0.end)) }
    chunkDuration = converted(chunkDuration)
    timescale = next
  }

  /// Where the open segment's media ends, as served, in the ticks of the newest chunk.
  private func end(of open: Open) -> Int64 {
    guard open.timescale != timescale else { return open.builder.end }
    return MediaTime(ticks: open.builder.end, timescale: open.timescale).rounded(toScale: timescale)
  }

  private func cannotStart(_ chunk: MediaChunk) -> Bool { kind == .video && !chunk.isIndependent }

  /// Lists what the lead had in runs of which this has nothing, or nothing to their ends.
  private func passOver(
    _ runs: ArraySlice<Run>,
    until boundary: Timeline.Boundary,
    _ queued: Queued
  ) {
    guard let lastNumber, let lastRun else { return }
    let before = serving.flatMap { $0.info.timescale == timescale ? $0 : nil }
    for index in runs.indices where index >= lastRun {
      let run = runs[index]
      for missed in run.timeline.boundaries(after: lastNumber, through: boundary.number - 1) {
        if missed.clearsWindow { push(.clear, index, missed.start, missed.number) }
        let start = missed.start.rounded(toScale: timescale)
        noteNames(from: run.clock.served(start, timescale: timescale), run.clock.epoch)
        pushGap(missed, before ?? queued.description, index, run, until: boundary, before: nil)
        self.lastNumber = missed.number
      }
    }
  }

  private func begin(
    _ boundary: Timeline.Boundary,
    _ queued: Queued,
    _ index: Int,
    _ run: Run
  ) {
    let (chunk, description) = (queued.chunk, queued.description)
    let isNewHeader = serving.map { !$0.hasHeader(of: description) } ?? false
    var firstNumber = boundary.number
    var start = run.clock.served(chunk.start, timescale: timescale)
    noteNames(from: start, run.clock.epoch)
    if let lastNumber {
      for missed in run.timeline.boundaries(after: lastNumber, through: boundary.number) {
        if missed.clearsWindow { push(.clear, index, missed.start, missed.number) }
        guard missed.number < boundary.number else { break }
        let isLast = missed.number == boundary.number - 1
        let media = isLast ? (start, chunk.duration) : nil
        firstNumber = min(firstNumber, missed.number)
        pushGap(missed, description, index, run, until: boundary, before: media)
      }
    }
    // A segment begins where the one before ended: its name was told before its first chunk came, and
    // media that is missing at its start is a gap like any other.
    if !boundary.isDiscontinuity, !boundary.clearsWindow, let lastEnd, lastEnd.run == index,
      begun.map({ $0.epoch != run.clock.epoch || $0.start < lastEnd.end }) ?? true
    {
      let late = start - lastEnd.end
      // Under another header it begins with itself, as for those who see nothing of what was before.
      let beginsItself = isNewHeader && abs(late) <= Int64(timescale) / 10
      let isJoined = abs(late) <= max(chunk.duration / 4, queued.tolerance)
      if !beginsItself, isJoined || late >= max(chunk.duration, 1) {
        start = lastEnd.end
      }
    }
    segmentBytes = 0
    open = Open(
      builder: SegmentBuilder(
        head(boundary, start, description, run.clock),
        partTarget: partTarget
      ),
      run: index,
      clock: run.clock,
      before: (serving, begun)
    )
    begun = (run.clock.epoch, start)
    if isNewHeader {
      let time = MediaTime(ticks: start - run.clock.shiftTicks(timescale), timescale: timescale)
      if newHeaders.count == Self.newHeaderLimit { newHeaders.removeFirst() }
      newHeaders.append((firstNumber, time))
    }
    serving = description
    lastNumber = boundary.number
    discardedNumber = nil
  }

  /// Notes that names of the newest chunk's timescale are used from a start on.
  private func noteNames(from start: Int64, _ epoch: Epoch) {
    if used?.belong(to: epoch) != true {
      used = UsedNames(epoch, timescale: timescale, start: start)
    } else if let old = serving?.info.timescale, old != timescale {
      // Rounded, as it was counted in other ticks since.
      let last =
        MediaTime(ticks: newest?.start ?? 0, timescale: timescale).rounded(toScale: old) + 1
      used?.change(from: old, last: last, to: timescale, start: start)
    }
  }

  private func pushGap(
    _ missed: Timeline.Boundary,
    _ description: TrackDescription,
    _ index: Int,
    _ run: Run,
    until boundary: Timeline.Boundary,
    before media: (start: Int64, duration: Int64)?
  ) {
    let end = run.timeline.end(of: missed.number) ?? boundary.start
    var start = run.clock.served(missed.start.rounded(toScale: timescale), timescale: timescale)
    // Audio ends near a boundary, not on it.
    if !missed.isDiscontinuity, let lastEnd, lastEnd.run == index { start = lastEnd.end }
    var servedEnd = run.clock.served(end.rounded(toScale: timescale), timescale: timescale)
    // Nor does it begin on one: the gap ends where the first chunk behind it starts.
    if let media, abs(media.start - servedEnd) < media.duration { servedEnd = media.start }
    let segment = head(missed, start, description, run.clock)
      .closed(duration: max(0, servedEnd - start), isGap: true)
    lastEnd = (index, max(start, servedEnd))
    push(.gap(segment), index, end, missed.number)
  }

  private func head(
    _ boundary: Timeline.Boundary,
    _ start: Int64,
    _ description: TrackDescription,
    _ clock: RunClock
  ) -> Segment {
    Segment(
      number: boundary.number,
      epoch: used?.epoch(for: timescale) ?? clock.epoch,
      description: description,
      start: start,
      isDiscontinuity: boundary.isDiscontinuity,
      discontinuitySequence: boundary.discontinuitySequence
    )
  }

  private func append(_ queued: Queued) {
    guard let run = open?.run, let clock = open?.clock else { return }
    let chunk = queued.chunk
    chunkDuration = chunk.duration
    assigned = (run, MediaTime(ticks: chunk.end, timescale: timescale))
    newest = (clock.epoch, clock.served(chunk.start, timescale: timescale))
    let before = segmentBytes
    segmentBytes += chunk.bytes.count
    guard segmentBytes <= limits.segmentBytes else {
      if before <= limits.segmentBytes { cutSegments += 1 }
      return
    }
    let ticks = clock.shiftTicks(timescale)
    var served = chunk
    if ticks != 0, let header = open?.builder.segment.initSegment {
      served.start += ticks
      // It was parsed on arrival: what can fail here is only a time past 2^62.
      served.bytes = chunk.bytes(movedByTicks: ticks, under: header) ?? chunk.bytes
      // A time of more bits makes the head longer.
      served.firstSampleEnd += served.bytes.count - chunk.bytes.count
    }
    // In its place: in a copy of the builder, what the part has so far would be copied too.
    let parts = open?.builder.append(served, tolerance: queued.tolerance) ?? []
    if let open, !parts.isEmpty { push(parts, of: open) }
  }

  /// Closes the open segment when the timeline says that no media of it can follow.
  private func closeIfOver(_ runs: ArraySlice<Run>) {
    guard let open, open.run < runs.endIndex, queue.isEmpty else { return }
    let end = open.builder.end - open.clock.shiftTicks(open.timescale)
    let step = Self.step(open.builder.step, kind: kind, timescale: open.timescale)
    let next = MediaTime(ticks: end + step / 2, timescale: open.timescale)
    guard runs[open.run].timeline.isPast(next, segment: open.number) == true else { return }
    close(at: nil)
  }

  /// How long the chunk after one of a length is taken to be; of sound, objects of many frames tell little.
  static func step(_ duration: Int64, kind: MediaKind, timescale: UInt32) -> Int64 {
    kind == .video ? duration : min(duration, Int64(timescale) / 2)
  }

  /// Closes the open segment for good, as at the end of the broadcast.
  func finish() {
    close(at: nil)
    queue = []
    queuedBytes = 0
  }

  private func close(at boundary: MediaTime?) {
    guard var open else { return }
    var target: Int64?
    if let boundary {
      let ticks = open.clock.served(
        boundary.rounded(toScale: open.timescale),
        timescale: open.timescale
      )
      // Audio frames do not divide a segment: short of the boundary by less than a frame is whole.
      if ticks - open.builder.end >= max(open.builder.step, 1) { target = ticks }
    }
    push(open.builder.finish(at: target), of: open)
    self.open = nil
    let segment = open.builder.segment
    lastEnd = (open.run, end(of: open))
    push(
      .closed(
        segment,
        duration: open.builder.end - segment.start,
        isGap: open.builder.hasHole
      ),
      open.run,
      unshifted(open.builder.end, open),
      segment.number
    )
  }

  private func push(_ parts: [Part], of open: Open) {
    for part in parts {
      push(.part(open.builder.segment, part), open.run, unshifted(part.end, open), open.number)
    }
  }

  private func unshifted(_ served: Int64, _ open: Open) -> MediaTime {
    MediaTime(
      ticks: served - open.clock.shiftTicks(open.timescale),
      timescale: open.timescale
    )
  }

  private func push(_ change: Change, _ run: Int, _ time: MediaTime, _ number: Int64) {
    updates.append(Update(run: run, time: time, number: number, change: change))
  }
}
