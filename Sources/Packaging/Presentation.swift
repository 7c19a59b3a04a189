package import CMAF
package import Wire

/// Packages a broadcast: objects of all its tracks in, snapshots of parts and segments out.
///
/// One rendition leads: its sync samples set the segment boundaries, and the others are cut at the
/// same places. Changes become visible in the order of media time over all renditions, so that what a
/// playlist says about its siblings does not depend on the order of arrival. No clock, no IO.
package final class Presentation {
  /// Something worth a line in the log.
  package enum Notice: Equatable, Sendable {
    case started(lead: String, segment: MediaTime, partMilliseconds: Int, epoch: String)
    case newRun(epoch: String, isDiscontinuity: Bool)
    case stalled(String)
    case resumed(String)
    case hole(String)
  }

  package enum Output: Sendable {
    case published(PresentationSnapshot)
    case notice(Notice)
  }

  /// What has been seen of one track.
  package struct TrackStatistics: Equatable, Sendable {
    package var order = TrackOrder.Statistics()
    package var heldBytes = 0
    package var isStalled = false
    package var edge: UTCTime?
  }

  private var tracks: [PackagedTrack]
  private let policy: PackagingPolicy
  private let lead: Int
  private var constants: PresentationSnapshot.Constants?
  private var groupLength: MediaTime?
  private var partTarget: MediaTime
  private var runs: [Run] = []
  /// The run that each generation of the tracks belongs to, as the lead decided.
  private var runOfGeneration: [Int: Int] = [:]
  private var leadEnd: Int64?
  private var primingDeadline: Instant?
  /// The deadline has passed once: silent tracks are not waited for.
  private var isPrimingLate = false
  private var startNumber: Int64?
  private var periods: [PresentationSnapshot.PeriodStart] = []
  /// The first segment that belongs to a new period, whatever it is.
  private var periodBreak: Int64?
  /// The periods so far go with the next one.
  private var arePeriodsOutdated = false
  private var isEnded = false
  private var outputs: [Output] = []

  /// Starts packaging tracks, at least one; the order of `tracks` is that of the manifests.
  package init(tracks: [TrackDescription], policy: PackagingPolicy) {
    precondition(!tracks.isEmpty, "a presentation has at least one track")
    self.policy = policy
    self.tracks = tracks.map { PackagedTrack($0, policy: policy) }
    let names = tracks.indices.sorted { left, right in
      (tracks[left].info.kind == .video ? 0 : 1, tracks[left].info.name)
        < (tracks[right].info.kind == .video ? 0 : 1, tracks[right].info.name)
    }
    lead = names[0]
    partTarget = MediaTime(ticks: policy.partTarget.nanoseconds / 1000, timescale: 1_000_000)
  }

  package var trackNames: [String] { tracks.map(\.description.info.name) }

  package func statistics(of track: Int) -> TrackStatistics {
    TrackStatistics(
      order: tracks[track].order.statistics,
      heldBytes: tracks[track].window.heldBytes,
      isStalled: tracks[track].isStalled,
      edge: tracks[track].window.segments.last?.endTime
    )
  }

  // MARK: Input

  /// Takes an object of a track, in any order.
  ///
  /// `utc` is this machine's clock at its arrival; it is used only where the publisher tells no
  /// time. Objects with implausible times are counted and dropped.
  package func receive(_ object: MediaObject, on track: Int, utc: UTCTime, now: Instant) {
    guard !isEnded else { return }
    let timescale = tracks[track].description.info.timescale
    guard object.chunks.allSatisfy({ $0.hasPlausibleTimes(timescale: timescale) }) else {
      tracks[track].order.refuse()
      return
    }
    tracks[track].order.insert(object)
    if tracks[track].order.looksRestarted(now: now) {
      restart()
      tracks[track].order.insert(object)
    }
    pump(track, utc: utc, now: now)
  }

  /// Takes the knowledge that a group of a track has no object with an id of `end` or above.
  package func endGroup(_ group: UInt64, at end: UInt64, on track: Int, utc: UTCTime, now: Instant)
  {
    guard !isEnded else { return }
    tracks[track].order.endGroup(group, at: end)
    pump(track, utc: utc, now: now)
  }

  /// Forgets object ids, because what follows comes from a new session or a restarted publisher.
  ///
  /// What was published stays; whether media goes on seamlessly is decided by what arrives.
  package func restart() {
    let generation = (tracks.map(\.generation).max() ?? 0) + 1
    for index in tracks.indices {
      tracks[index].order.restart()
      tracks[index].generation = generation
    }
  }

  /// Adds a track that the catalog names only now, and returns its index; its playlist starts at the
  /// first boundary that it sees.
  package func addTrack(_ description: TrackDescription) -> Int {
    var track = PackagedTrack(description, policy: policy)
    track.generation = tracks.map(\.generation).max() ?? 0
    if constants != nil {
      track.startWriting(partTarget: partTarget)
      // The others need not wait until it delivers.
      track.isStalled = true
    }
    tracks.append(track)
    return tracks.count - 1
  }

  /// Replaces the header of a track, from its next independent chunk on.
  package func replaceHeader(of track: Int, with description: TrackDescription) {
    guard tracks[track].description.initSegment != description.initSegment else { return }
    let info = tracks[track].description.info
    tracks[track].description = TrackDescription(
      info: info,
      header: description.initSegment.bytes,
      groupLength: description.groupLength
    )
    tracks[track].needsNewRun = true
    restart()
  }

  /// Ends the broadcast: what waits is published, and the last segments are closed.
  package func finish(now: Instant) {
    guard !isEnded else { return }
    let far = now + .seconds(1 << 20)
    for index in tracks.indices { pump(index, utc: UTCTime(microseconds: 0), now: far) }
    if constants == nil { begin(now: far, utc: nil) }
    isEnded = true
    if !runs.isEmpty { runs[runs.count - 1].timeline.finish() }
    advance(now: far)
    for index in tracks.indices { tracks[index].writer?.finish() }
    release(now: far)
    publish()
  }

  // MARK: Time

  /// When `handleTimeout` wants to be called.
  package var deadline: Instant? {
    let waits = tracks.compactMap { $0.order.deadline } + tracks.compactMap(\.blockedUntil)
    let priming = startNumber == nil ? primingDeadline : nil
    return (waits + (priming.map { [$0] } ?? [])).min()
  }

  package func handleTimeout(utc: UTCTime, now: Instant) {
    guard !isEnded else { return }
    for index in tracks.indices { pump(index, utc: utc, now: now) }
    if constants == nil, let primingDeadline, now >= primingDeadline {
      endPriming(now: now, utc: utc)
    }
    advance(now: now)
  }

  package func poll() -> Output? { outputs.isEmpty ? nil : outputs.removeFirst() }

  // MARK: Intake

  private func pump(_ index: Int, utc: UTCTime, now: Instant) {
    let holes = tracks[index].order.statistics.holes
    while let output = tracks[index].order.poll(now: now) {
      switch output {
      case .object(let object, let continuity):
        for (position, chunk) in object.chunks.enumerated() {
          let event = tracks[index].event(
            chunk,
            position == 0 ? continuity : nil,
            utc: utc
          )
          take(event, index)
        }
      case .groupEnded:
        take(.groupEnded, index)
      }
    }
    if tracks[index].order.statistics.holes > holes {
      outputs.append(.notice(.hole(tracks[index].description.info.name)))
    }
    if constants == nil { beginIfReady(now: now, utc: utc) }
    if constants != nil { advance(now: now) }
  }

  private func take(_ event: PackagedTrack.Event, _ index: Int) {
    guard constants != nil else {
      tracks[index].primed.append(event)
      return
    }
    switch event {
    case .chunk(let intake):
      if index == lead { lead(intake) }
      let queued = RenditionWriter.Queued(
        chunk: intake.chunk,
        generation: intake.generation,
        initSegment: tracks[index].description.initSegment
      )
      tracks[index].writer?.enqueue(queued)
    case .groupEnded:
      guard index == lead else { return }
      closeLeadSegment()
    }
  }

  // MARK: Priming

  /// Waits for one whole group of the lead and something of every other track: constants of the
  /// presentation follow from them.
  ///
  /// Silent tracks are waited for only so long.
  private func beginIfReady(now: Instant, utc: UTCTime) {
    if primingDeadline == nil, tracks.contains(where: { !$0.primed.isEmpty }) {
      primingDeadline = now + policy.primingPatience
    }
    guard tracks[lead].firstGroupLength != nil,
      isPrimingLate || tracks.allSatisfy({ !$0.primed.isEmpty })
    else { return }
    if isPrimingLate { primingDeadline = now }
    begin(now: now, utc: utc)
  }

  /// Acts on the deadline: silent tracks are not waited for any longer.
  ///
  /// The lead's first group is, five times as long, because the length of segments can't be changed
  /// later.
  private func endPriming(now: Instant, utc: UTCTime) {
    if tracks[lead].firstPrimedChunk != nil, isPrimingLate || tracks[lead].firstGroupLength != nil {
      begin(now: now, utc: utc)
    } else {
      isPrimingLate = true
      primingDeadline = now + policy.primingPatience * 4
    }
  }

  private func begin(now: Instant, utc: UTCTime?) {
    let track = tracks[lead]
    guard let first = track.firstPrimedChunk else { return }
    let scale = track.description.info.timescale
    let measured = track.firstGroupLength ?? first.chunk.duration
    let group = MediaTime(
      ticks: max(1, lengthOfGroups(measured, promised: track.description.groupLength, scale)),
      timescale: scale
    )
    let target = MediaTime(
      ticks: policy.segmentTarget.nanoseconds / 1000,
      timescale: 1_000_000
    )
    let isVideo = track.description.info.kind == .video
    let targetTicks = max(1, target.rounded(toScale: scale))
    let slot =
      isVideo
      ? MediaTime(
        ticks: group.ticks * max(1, (targetTicks + group.ticks - 1) / group.ticks),
        timescale: scale
      ) : MediaTime(ticks: targetTicks, timescale: scale)
    groupLength = group

    var partMilliseconds = Int(policy.partTarget.nanoseconds / 1_000_000)
    for track in tracks {
      let longest = MediaTime(
        ticks: track.longestPrimedChunk,
        timescale: track.description.info.timescale
      )
      partMilliseconds = max(
        partMilliseconds,
        Int(clamping: ceilingMilliseconds(longest))
      )
    }
    partMilliseconds = fittingPartMilliseconds(atMost: partMilliseconds)
    partTarget = MediaTime(ticks: Int64(partMilliseconds), timescale: 1000)
    let clocked = tracks.flatMap { track in
      track.primedChunks.map { ($0, track.description.info.timescale) }
    }
    let zero = WallClock.zero(of: clocked)
    constants = PresentationSnapshot.Constants(
      targetDuration: max(
        1,
        Int(clamping: (slot.rounded(toScale: 1000) + 50 + 500) / 1000)
      ),
      partTargetMilliseconds: partMilliseconds,
      segmentLength: slot,
      window: policy.window,
      publishDelayMilliseconds: WallClock.delayMilliseconds(of: clocked, zero: zero),
      zero: zero
    )
    for index in tracks.indices { tracks[index].startWriting(partTarget: partTarget) }

    beginRun(
      Epoch(name: WallClock.name(zero), zero: zero),
      shiftSeconds: 0,
      at: first.chunk.start,
      slot: slot
    )
    runOfGeneration = [first.generation: 0]
    outputs.append(
      .notice(
        .started(
          lead: track.description.info.name,
          segment: slot,
          partMilliseconds: partMilliseconds,
          epoch: runs[0].clock.epoch.name
        )
      )
    )
    // The lead first: the others need its boundaries.
    for index in [lead] + tracks.indices.filter({ $0 != lead }) {
      let primed = tracks[index].primed
      tracks[index].primed = []
      for event in primed { take(event, index) }
    }
    advance(now: now)
  }

  /// The longest part target up to a limit that the chunks of every track fill to 85 % at least,
  /// rfc8216bis §"EXT-X-PART"; where none does, the one that they fill best.
  private func fittingPartMilliseconds(atMost limit: Int) -> Int {
    let chunks = tracks.filter { $0.longestPrimedChunk > 0 }.map { track in
      MediaTime(ticks: track.longestPrimedChunk, timescale: track.description.info.timescale)
    }
    let least = chunks.map { Int(clamping: ceilingMilliseconds($0)) }.max() ?? limit
    /// How much of a target parts of whole chunks fill, in thousandths.
    func fill(_ target: Int) -> Int {
      chunks.map { chunk in
        let whole = Int128(target) * Int128(chunk.timescale) / (Int128(chunk.ticks) * 1000)
        let filled = whole * Int128(chunk.ticks) * 1_000_000 / Int128(chunk.timescale)
        return Int(clamping: filled / Int128(max(target, 1)))
      }.min() ?? 1000
    }
    var candidates: Set<Int> = [limit]
    for chunk in chunks {
      for count in 1...64 {
        let (ticks, overflow) = chunk.ticks.multipliedReportingOverflow(by: Int64(count))
        let target = Int(
          clamping: ceilingMilliseconds(MediaTime(ticks: ticks, timescale: chunk.timescale))
        )
        guard !overflow, target <= limit else { break }
        if target >= least { candidates.insert(target) }
      }
    }
    let sorted = candidates.sorted(by: >)
    // A hundredth above the rule: parts and target are rounded to milliseconds.
    return sorted.first { fill($0) >= 860 } ?? sorted.max { fill($0) < fill($1) } ?? limit
  }

  /// The measured length, unless the catalog promises clearly longer groups: then they vary.
  private func lengthOfGroups(_ measured: Int64, promised: MediaTime?, _ scale: UInt32) -> Int64 {
    let measured = min(measured, MediaChunk.durationLimitSeconds * Int64(scale))
    guard let promised = promised?.rounded(toScale: scale), promised > measured + measured / 50
    else { return measured }
    return promised
  }

  private func ceilingMilliseconds(_ time: MediaTime) -> Int64 {
    let scale = Int128(time.timescale)
    return Int64(clamping: (Int128(time.ticks) * 1000 + scale - 1) / scale)
  }

  // MARK: Boundaries

  private func beginRun(_ epoch: Epoch, shiftSeconds: Int64, at start: Int64, slot: MediaTime) {
    let scale = tracks[lead].description.info.timescale
    let group = groupLength ?? slot
    let clock = RunClock(epoch: epoch, shiftSeconds: shiftSeconds)
    // The grid counts on the publisher's own clock, before any shift.
    let zero = UTCTime(microseconds: epoch.zero.microseconds + shiftSeconds * 1_000_000)
    let grid = SlotGrid(
      slotLength: slot,
      groupLength: group,
      groupStart: MediaTime(ticks: start, timescale: scale),
      zero: zero
    )
    let last = runs.last?.timeline.next
    if !runs.isEmpty { runs[runs.count - 1].timeline.finish() }
    runs.append(
      Run(
        clock: clock,
        timeline: Timeline(
          grid: grid,
          groupLength: group,
          gapLimit: policy.gapLimit,
          previousNumber: last?.previousNumber,
          discontinuitySequence: last?.discontinuitySequence ?? 0
        )
      )
    )
  }

  /// Moves the timeline on by a chunk of the lead rendition.
  private func lead(_ intake: PackagedTrack.Intake) {
    let chunk = intake.chunk
    let scale = tracks[lead].description.info.timescale
    if runOfGeneration[intake.generation] == nil {
      runOfGeneration[intake.generation] = run(for: intake)
      runOfGeneration = runOfGeneration.filter { $0.key > intake.generation - 8 }
    }
    guard let index = runOfGeneration[intake.generation], index == runs.count - 1 else { return }
    let isJump = intake.continuity == .jump && chunk.start != leadEnd
    runs[index].timeline.advance(
      start: MediaTime(ticks: chunk.start, timescale: scale),
      end: MediaTime(ticks: chunk.end, timescale: scale),
      isIndependent: chunk.isIndependent || tracks[lead].description.info.kind != .video,
      isDiscontinuity: isJump,
      isLoss: intake.continuity == .afterLoss
    )
    leadEnd = chunk.end
    if tracks[lead].description.info.kind != .video { closeLeadSegment() }
  }

  private func closeLeadSegment() {
    guard let end = leadEnd, !runs.isEmpty else { return }
    let scale = tracks[lead].description.info.timescale
    _ = runs[runs.count - 1].timeline.closesSegment(
      at: MediaTime(ticks: end, timescale: scale)
    )
  }

  /// The run that a new generation of the lead belongs to: the current one when media goes on where it
  /// stopped, otherwise a new one, on the same clock when time only jumped ahead.
  private func run(for intake: PackagedTrack.Intake) -> Int {
    guard let current = runs.last, let leadEnd, let slot = constants?.segmentLength else {
      return 0
    }
    let start = intake.chunk.start
    let scale = tracks[lead].description.info.timescale
    let needsNewRun = tracks.contains { $0.needsNewRun }
    for index in tracks.indices { tracks[index].needsNewRun = false }
    if start == leadEnd, !needsNewRun { return runs.count - 1 }
    let publisherZero = UTCTime(
      microseconds: current.clock.epoch.zero.microseconds + current.clock.shiftSeconds * 1_000_000
    )
    let zero = WallClock.zero(of: [(intake, scale)])
    // Two seconds: the estimate from arrival is a whole second, and a burst may come late.
    let isSameClock =
      start >= leadEnd && abs(zero.microseconds - publisherZero.microseconds) <= 2_000_000
    if isSameClock {
      beginRun(
        current.clock.epoch,
        shiftSeconds: current.clock.shiftSeconds,
        at: start,
        slot: slot
      )
    } else {
      var shift: Int64 = 0
      let servedEnd = current.clock.served(leadEnd, timescale: scale)
      if start < servedEnd {
        // Served time keeps following UTC as it did in the run before.
        shift = (zero.microseconds - current.clock.epoch.zero.microseconds) / 1_000_000
        let missing = servedEnd - (start + shift * Int64(scale))
        if missing > 0 { shift += missing / Int64(scale) + 1 }
      }
      var name = WallClock.name(zero) + (shift == 0 ? "" : "-\(shift)")
      if name == current.clock.epoch.name { name += "b" }
      beginRun(
        Epoch(
          name: name,
          zero: UTCTime(microseconds: zero.microseconds - shift * 1_000_000)
        ),
        shiftSeconds: shift,
        at: start,
        slot: slot
      )
    }
    outputs.append(
      .notice(
        .newRun(epoch: runs[runs.count - 1].clock.epoch.name, isDiscontinuity: true)
      )
    )
    return runs.count - 1
  }

  // MARK: Release

  private func advance(now: Instant) {
    guard constants != nil else { return }
    for index in tracks.indices {
      tracks[index].rejoin(tracks[lead].generation, patience: policy.stallPatience, now: now)
      let info = tracks[index].description.info
      let step = info.kind == .video ? groupLength?.rounded(toScale: info.timescale) : nil
      tracks[index].writer?.advance(
        runs: runs,
        run: { self.runOfGeneration[$0] },
        groupStep: step
      )
    }
    if release(now: now) { publish() }
  }

  /// How far siblings may lag behind a change, so that none waits for the frame that another rendition
  /// is about to deliver.
  private var slack: MediaTime { MediaTime(ticks: partTarget.ticks, timescale: 4000) }

  @discardableResult
  private func release(now: Instant) -> Bool {
    guard decideStart(now: now), let startNumber else { return false }
    var hasChanged = false
    while let next = nextUpdate() {
      guard !isBlocked(next.update, except: next.index, now: now) else { break }
      guard let update = tracks[next.index].writer?.takeUpdate() else { break }
      guard update.number >= startNumber else { continue }
      tracks[next.index].window.apply(update.change)
      notePeriod(update)
      hasChanged = true
    }
    guard hasChanged else { return false }
    // A segment stays downloadable for its own length and that of the playlist after it left; a
    // playlist lists six segments at least, however short the window.
    let length = Interval(seconds: constants?.segmentLength.seconds ?? 0)
    let retention = max(policy.window, length * 6) * 2 + length * 2
    for index in tracks.indices {
      tracks[index].window.prune(retention: retention, byteLimit: policy.windowBytes)
    }
    prunePeriods()
    return true
  }

  /// Begins a period at the first media after a discontinuity or a gap in any rendition.
  private func notePeriod(_ update: RenditionWriter.Update) {
    switch update.change {
    case .part(let segment, let part):
      let isBreak =
        segment.isDiscontinuity || periods.isEmpty || segment.number >= periodBreak ?? .max
      guard isBreak, segment.number > periods.last?.number ?? .min, !part.isGap else { return }
      guard let boundary = runs[update.run].timeline.boundary(segment.number) else { return }
      let clock = runs[update.run].clock
      let scale = boundary.start.timescale
      // The first Period of all begins with media time itself.
      let isFirst = periods.isEmpty && !arePeriodsOutdated
      if arePeriodsOutdated { periods = [] }
      arePeriodsOutdated = false
      periods.append(
        PresentationSnapshot.PeriodStart(
          number: segment.number,
          epoch: clock.epoch,
          start: MediaTime(
            ticks: isFirst ? 0 : clock.served(boundary.start.ticks, timescale: scale),
            timescale: scale
          )
        )
      )
      periodBreak = nil
    case .closed(let segment, _, let isGap):
      if isGap { periodBreak = max(periodBreak ?? .min, segment.number + 1) }
    case .gap(let segment):
      periodBreak = max(periodBreak ?? .min, segment.number + 1)
    case .clear:
      arePeriodsOutdated = true
      periodBreak = max(periodBreak ?? .min, update.number)
    }
  }

  /// Forgets periods of which no rendition holds a segment any more.
  private func prunePeriods() {
    let oldest = tracks.compactMap { $0.window.segments.first?.number }.min() ?? .min
    while periods.count > 1, periods[1].number <= oldest { periods.removeFirst() }
  }

  /// The first segment that all renditions have from its beginning.
  private func decideStart(now: Instant) -> Bool {
    if startNumber != nil { return true }
    let firsts = tracks.map { $0.writer?.firstNumber }
    let isLate = isEnded || (primingDeadline.map { now >= $0 } ?? false)
    guard isLate || firsts.allSatisfy({ $0 != nil }) else { return false }
    guard let number = firsts.compactMap({ $0 }).max() else { return false }
    startNumber = number
    return true
  }

  private func nextUpdate() -> (index: Int, update: RenditionWriter.Update)? {
    var best: (index: Int, update: RenditionWriter.Update)?
    for index in tracks.indices {
      guard let update = tracks[index].writer?.updates.first else { continue }
      guard let current = best else {
        best = (index, update)
        continue
      }
      if update.isBefore(current.update) { best = (index, update) }
    }
    return best
  }

  private func isBlocked(
    _ update: RenditionWriter.Update,
    except index: Int,
    now: Instant
  ) -> Bool {
    guard !isEnded else { return false }
    let lag = slack.rounded(toScale: update.time.timescale)
    let time = MediaTime(ticks: update.time.ticks - lag, timescale: update.time.timescale)
    var blocked = false
    for sibling in tracks.indices where sibling != index {
      guard !(tracks[sibling].writer?.isPast(time, run: update.run) ?? true) else {
        tracks[sibling].blockedUntil = nil
        if tracks[sibling].isStalled {
          tracks[sibling].isStalled = false
          outputs.append(.notice(.resumed(tracks[sibling].description.info.name)))
        }
        continue
      }
      guard !tracks[sibling].isStalled else { continue }
      let until = tracks[sibling].blockedUntil ?? now + policy.stallPatience
      tracks[sibling].blockedUntil = until
      if now >= until {
        tracks[sibling].isStalled = true
        tracks[sibling].blockedUntil = nil
        outputs.append(.notice(.stalled(tracks[sibling].description.info.name)))
      } else {
        blocked = true
      }
    }
    return blocked
  }

  private func publish() {
    guard let constants else { return }
    outputs.append(
      .published(
        PresentationSnapshot(
          constants: constants,
          renditions: tracks.map { track in
            RenditionSnapshot(
              info: track.description.info,
              segments: track.window.segments,
              peakBitrate: track.window.peakBitrate,
              averageBitrate: track.window.averageBitrate,
              chunkDuration: track.writer?.chunkDuration ?? 0
            )
          },
          periods: periods,
          isEnded: isEnded
        )
      )
    )
  }
}
