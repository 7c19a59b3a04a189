internal import CMAF
internal import Wire

/// What a presentation keeps of one track; a reference, as parts of it are looked at with every chunk.
final class PackagedTrack {
  /// A chunk in decode order.
  struct Intake {
    let chunk: MediaChunk
    let description: TrackDescription
    /// Counts the restarts of the track's ids or time.
    var generation: Int
    var continuity: TrackOrder.Continuity
    /// How far from the end of other media it may start and go on there, in ticks.
    let tolerance: Int64
    /// How far that would be if nothing were missing.
    let jitter: Int64
    /// The time whose segment it belongs to, in ticks.
    let middle: Int64
    /// This machine's clock when the chunk came in order.
    let utc: UTCTime

    var timescale: UInt32 { description.info.timescale }
    var start: MediaTime { MediaTime(ticks: chunk.start, timescale: timescale) }
    var end: MediaTime { MediaTime(ticks: chunk.end, timescale: timescale) }
  }

  enum Event {
    case chunk(Intake)
    case groupEnded(isDecodable: Bool)
  }

  /// Whether the publisher has it.
  enum Life {
    case live
    /// It has it no more, and the manifests name it until others can stand in for it.
    case over
    /// The manifests name it no more.
    case retired
  }

  /// Of the newest chunk in order; at first, what the track began with.
  private(set) var description: TrackDescription
  let beginning: TrackDescription
  /// Of the object that came last.
  private(set) var received: TrackDescription
  /// Of those that came last under another header.
  private var receivedBefore: TrackDescription?
  var order: TrackOrder
  private(set) var life = Life.live
  /// Its place in manifests, which name the lowest first.
  let rank: Int
  /// The first segment that it has beside the other tracks; `.max` while that is not known.
  var shownFrom = Int64.min
  /// The first segment that it does not have any more.
  var shownUntil = Int64.max
  var writer: RenditionWriter?
  var window: RenditionWindow
  var generation = 0
  /// Whether what comes next has nothing to do with what came before.
  var beginsAnew = false
  /// Events before the presentation's constants are known.
  private(set) var primed: [Event] = []
  private(set) var primedBytes = 0
  /// Of all that was primed, whether it is kept still or not.
  private var groups = GroupMeasure()
  /// Until when the others wait for this track; nil when they need not.
  var blockedUntil: Instant?
  var isStalled = false
  /// Since when its restarts are not those of the lead; nil while they are.
  var apartSince: Instant?
  private let limits: RenditionWriter.Limits
  private var lastStart: Int64?
  private var lastEnd: Int64?
  /// Of sound.
  private var lastChunk: MediaChunk?
  private let concealment: Interval
  /// Frames that others stand in for.
  private(set) var concealed = 0

  init(_ description: TrackDescription, rank: Int = 0, policy: PackagingPolicy) {
    self.description = description
    beginning = description
    received = description
    self.rank = rank
    concealment = policy.concealment
    window = RenditionWindow(window: policy.window)
    limits = RenditionWriter.Limits(
      queueBytes: policy.reorderBytes,
      segmentBytes: policy.segmentBytes
    )
    order = TrackOrder(
      startsIndependent: description.info.kind == .video,
      patience: policy.holePatience,
      byteLimit: policy.reorderBytes
    )
  }

  /// Whether no object came under a header of late: what comes late comes under the one before.
  func isNewHeader(_ description: TrackDescription) -> Bool {
    !description.hasHeader(of: received)
      && receivedBefore.map { !description.hasHeader(of: $0) } ?? true
  }

  /// Notes what an object was parsed under.
  func note(received description: TrackDescription) {
    if !description.hasHeader(of: received) { receivedBefore = received }
    received = description
  }

  /// Makes events of a chunk: its own, and before it those of what stands in for lost sound.
  ///
  /// `continuity` is that of its object for the object's first chunk and nil for the others.
  func events(
    _ chunk: MediaChunk,
    under next: TrackDescription? = nil,
    _ continuity: TrackOrder.Continuity?,
    utc: UTCTime
  ) -> [Event] {
    let continuity = beginsAnew ? .first : continuity
    beginsAnew = false
    if let next, next !== description { goOn(under: next) }
    let standIns = continuity == .afterLoss ? standIns(before: chunk) : []
    concealed += standIns.count
    let events = standIns.map { event($0, .jump, utc: utc) }
    return events + [event(chunk, standIns.isEmpty ? continuity : .jump, utc: utc)]
  }

  /// Counts in the ticks of another header from here on; no frame from before stands in for what is lost.
  private func goOn(under next: TrackDescription) {
    let (old, new) = (description.info.timescale, next.info.timescale)
    if old != new {
      lastStart = lastStart.map { MediaTime(ticks: $0, timescale: old).rounded(toScale: new) }
      lastEnd = lastEnd.map { MediaTime(ticks: $0, timescale: old).rounded(toScale: new) }
    }
    if !description.hasHeader(of: next) { lastChunk = nil }
    description = next
  }

  /// Copies of the last frame for those that are lost before a chunk; none where too many are, or where
  /// they would fill more than a segment may.
  ///
  /// Nor of frames below a millisecond, which no codec has: a hole holds any number of them.
  private func standIns(before chunk: MediaChunk) -> [MediaChunk] {
    guard description.info.kind == .audio, let lastChunk else { return [] }
    let (scale, frame) = (Int64(description.info.timescale), lastChunk.duration)
    let hole = chunk.start - lastChunk.end
    let limit = concealment.nanoseconds * scale / 1_000_000_000
    guard frame > 0, frame >= scale / 1000, hole > frame / 4, hole <= limit else { return [] }
    let count = Int((hole + frame / 2) / frame)
    guard count * lastChunk.bytes.count <= limits.segmentBytes else { return [] }
    var copies: [MediaChunk] = []
    for index in 0..<count {
      let copy = lastChunk.standIn(
        at: lastChunk.end + Int64(index) * frame,
        place: index + 1,
        under: description.initSegment
      )
      guard let copy else { return [] }
      copies.append(copy)
    }
    return copies
  }

  private func event(
    _ chunk: MediaChunk,
    _ continuity: TrackOrder.Continuity?,
    utc: UTCTime
  ) -> Event {
    var continuity = continuity ?? .jump
    let jitter = jitter(chunk)
    if continuity == .jump, chunk.continues(from: lastEnd, within: jitter) {
      continuity = .seamless
    }
    // Time that goes back by more than a chunk is a new run even where ids go on; less than that is
    // jitter, as long as no two chunks start together and would share a name.
    if let lastStart, let lastEnd, continuity != .first,
      chunk.start < lastEnd - max(chunk.duration, jitter) || chunk.start <= lastStart
    {
      generation += 1
      continuity = .first
    }
    let isSeamless = continuity == .seamless
    let middle = isSeamless ? middle(following: chunk) : chunk.start + chunk.duration / 2
    lastStart = chunk.start
    lastEnd = chunk.end
    lastChunk = description.info.kind == .audio ? chunk : nil
    return .chunk(
      Intake(
        chunk: chunk,
        description: description,
        generation: generation,
        continuity: continuity,
        tolerance: isSeamless ? jitter : 0,
        jitter: jitter,
        middle: middle,
        utc: utc
      )
    )
  }

  /// The time whose segment a chunk belongs to that follows the last: where what the last one told of it
  /// lies, as its segment may have been closed for that already.
  ///
  /// It begins where the last ended, however it jitters; sound is as long, and no shorter at an end.
  private func middle(following chunk: MediaChunk) -> Int64 {
    guard let lastStart, let lastEnd else { return chunk.start + chunk.duration / 2 }
    let (kind, scale) = (description.info.kind, description.info.timescale)
    let step = RenditionWriter.step(lastEnd - lastStart, kind: kind, timescale: scale)
    let length = kind == .video ? chunk.duration : max(chunk.duration, step)
    return max(chunk.start, lastEnd) + length / 2
  }

  /// How far from the last chunk's end the next one may start where ids say that nothing is missing, in
  /// ticks: a frame, as the last frame of a group lasts by rule and not until the next one.
  ///
  /// Pictures of cameras come as irregularly as light and load will have it.
  private func jitter(_ chunk: MediaChunk) -> Int64 {
    let scale = Int64(description.info.timescale)
    let last = lastStart.flatMap { start in lastEnd.map { $0 - start } } ?? 0
    let frame = min(max(chunk.duration, last), scale / 2)
    return description.info.kind == .video ? max(frame, scale / 10) : frame
  }

  /// Follows the lead's restarts again when they have differed for as long as a stall may last: one
  /// track's time went back, and the other's did not.
  func rejoin(_ leadGeneration: Int, patience: Interval, now: Instant) {
    guard generation != leadGeneration else {
      apartSince = nil
      return
    }
    let since = apartSince ?? now
    apartSince = since
    guard now - since >= patience else { return }
    apartSince = nil
    generation = leadGeneration
    writer?.relabel(leadGeneration)
  }

  /// What readers see of it.
  var snapshot: RenditionSnapshot {
    // What is published, and not what has only come.
    let info = window.segments.last?.info ?? beginning.info
    let chunkDuration = writer.map { writer in
      MediaTime(ticks: writer.chunkDuration, timescale: writer.timescale)
        .rounded(toScale: info.timescale)
    }
    return RenditionSnapshot(
      info: info,
      segments: window.segments,
      eventStreams: window.eventStreams,
      rates: window.rates,
      codecs: window.codecs,
      chunkDuration: chunkDuration ?? 0,
      shownNumbers: shownFrom..<max(shownFrom, shownUntil),
      isRetired: life == .retired
    )
  }

  func startWriting(partTarget: MediaTime) {
    writer = RenditionWriter(
      kind: description.info.kind,
      timescale: beginning.info.timescale,
      partTarget: partTarget,
      limits: limits
    )
  }

  /// Lets nothing follow: what is in a segment stays, what waits is dropped.
  func end() {
    life = .over
    order.restart()
    _ = takePrimed()
    blockedUntil = nil
    isStalled = false
    writer?.finish()
  }

  /// Takes it out of the manifests, from a segment on.
  func retire(from number: Int64) {
    life = .retired
    shownUntil = number
  }

  /// Whether some of its media is published, or waits to be.
  var hasMedia: Bool {
    !window.segments.isEmpty || !primed.isEmpty || writer.map { !$0.queue.isEmpty } ?? false
  }

  /// Keeps an event until packaging begins; past the byte limit the oldest chunks are dropped.
  func prime(_ event: Event, byteLimit: Int) {
    groups.take(event)
    primed.append(event)
    if case .chunk(let intake) = event { primedBytes += intake.chunk.bytes.count }
    while primedBytes > byteLimit, let oldest = primed.first {
      if case .chunk(let intake) = oldest { primedBytes -= intake.chunk.bytes.count }
      primed.removeFirst()
    }
  }

  /// Hands out what was kept.
  func takePrimed() -> [Event] {
    defer {
      primed = []
      primedBytes = 0
    }
    return primed
  }

  var primedChunks: [Intake] {
    primed.compactMap { event in
      if case .chunk(let intake) = event { intake } else { nil }
    }
  }

  var firstPrimedChunk: Intake? { primedChunks.first }
  var longestPrimedChunk: MediaTime? {
    primedChunks.map { MediaTime(ticks: $0.chunk.duration, timescale: $0.timescale) }.max()
  }

  /// Whether the frames of the first group last equally long, to a tick.
  var isSteady: Bool {
    let primed = primedChunks
    let next = primed.dropFirst().firstIndex { $0.chunk.isIndependent } ?? primed.endIndex
    // The last one's length is a rule's.
    let lengths = primed[..<next].dropLast().map(\.chunk.duration)
    guard let shortest = lengths.min(), let longest = lengths.max() else { return true }
    return longest - shortest <= 1
  }

  /// Where a group begins, perhaps one of which the beginning is not kept; nil before there is one.
  ///
  /// For other than video, the first chunk.
  var groupStart: MediaTime? {
    guard let first = firstPrimedChunk else { return nil }
    guard description.info.kind == .video, !first.chunk.isIndependent, let begin = groups.begin,
      begin.generation == first.generation
    else { return first.start }
    return begin.time
  }

  /// The length of its groups in ticks of the first chunk; nil until it is known.
  ///
  /// For other than video, the length of the first chunk.
  var firstGroupLength: Int64? {
    guard let first = firstPrimedChunk else { return nil }
    guard description.info.kind == .video else { return first.chunk.duration }
    return groups.whole?.rounded(toScale: first.timescale)
  }

  /// The same, by a group of which some may be missing.
  var approximateGroupLength: Int64? {
    guard let first = firstPrimedChunk else { return nil }
    return firstGroupLength ?? groups.approximate?.rounded(toScale: first.timescale)
  }
}

extension RenditionWriter.Update {
  /// The order of releases: by run and media time, at one time parts before the ends of segments.
  func isBefore(_ other: RenditionWriter.Update) -> Bool {
    guard run == other.run else { return run < other.run }
    guard time == other.time else { return time < other.time }
    return rank < other.rank
  }

  private var rank: Int {
    switch change {
    case .clear: 0
    case .gap: 1
    case .part: 2
    case .closed: 3
    }
  }
}
