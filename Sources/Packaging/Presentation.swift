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
    /// The lead has gone silent, or is no more; another rendition sets the boundaries now.
    case newLead(String)
    case stalled(String)
    case resumed(String)
    /// Others have taken the place of a track that the publisher has no more.
    case retired(String)
    case hole(String)
    /// Segments of a rendition are larger than may be held; told once.
    case cut(String)
  }

  package enum Output: Sendable {
    case published(PresentationSnapshot)
    case notice(Notice)
  }

  /// What has been seen of one track.
  package struct TrackStatistics: Equatable, Sendable {
    package var order = TrackOrder.Statistics()
    /// Lost frames of sound that others stand in for.
    package var concealed = 0
    /// Segments whose rest was dropped because they are larger than may be held.
    package var cutSegments = 0
    package var heldBytes = 0
    /// Bytes that wait for the leading track, or for packaging to begin.
    package var waitingBytes = 0
    package var isStalled = false
    package var edge: UTCTime?
  }

  var tracks: [PackagedTrack]
  let policy: PackagingPolicy
  /// The index of the track that sets the boundaries.
  var lead: Int
  /// This machine's clock at the last input.
  var lastUTC = UTCTime(microseconds: 0)
  /// Since when others have waited for a lead that delivers nothing.
  var waitsForLeadSince: Instant?
  var constants: PresentationSnapshot.Constants?
  var groupLength: MediaTime?
  /// Whether the first lead's frames lasted as long as they said.
  var isSteady = true
  var partTarget: MediaTime
  /// By their indices since the beginning; those that nothing looks at any more are forgotten.
  var runs: ArraySlice<Run> = []
  /// The run that each generation of the tracks belongs to, as the lead decided.
  var runOfGeneration: [Int: Int] = [:]
  var leadEnd: MediaTime?
  /// Of the lead's newest segment.
  var leadDescription: TrackDescription?
  var primingDeadline: Instant?
  /// The deadline has passed once: silent tracks are not waited for.
  var isPrimingLate = false
  var startNumber: Int64?
  /// Packaging has begun and the deadline has passed: the first segment of any rendition is where all start.
  var isStartLate = false
  var periods: [PresentationSnapshot.PeriodStart] = []
  /// The first segment that belongs to a new period, whatever it is.
  var periodBreak: Int64?
  /// Discontinuities where a rendition changes its header.
  var headers = HeaderBreaks()
  /// The periods so far go with the next one.
  var arePeriodsOutdated = false
  /// The first segment that other renditions have than those before: a new period begins with it.
  var changeOfTracks: Int64?
  /// Until when tracks that are over wait for those that stand in for them; nil when there are none.
  var replacementDeadline: Instant?
  /// What tracks count their restarts from that are added.
  var addedGeneration = 0
  var isEnded = false
  var outputs: [Output] = []

  /// Starts packaging tracks, at least one; the order of `tracks` is that of the manifests.
  package init(tracks: [TrackDescription], policy: PackagingPolicy) {
    precondition(!tracks.isEmpty, "a presentation has at least one track")
    self.policy = policy
    self.tracks = tracks.enumerated().map { PackagedTrack($1, rank: $0, policy: policy) }
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
      concealed: tracks[track].concealed,
      cutSegments: tracks[track].writer?.cutSegments ?? 0,
      heldBytes: tracks[track].window.heldBytes,
      waitingBytes: tracks[track].primedBytes + (tracks[track].writer?.queuedBytes ?? 0),
      isStalled: tracks[track].isStalled,
      edge: tracks[track].window.segments.last?.endTime
    )
  }

  // MARK: Input

  /// Takes an object of a track, in any order.
  ///
  /// `utc` is this machine's clock at its arrival; it is used only where the publisher tells no
  /// time. Objects with implausible times are counted and dropped, and so are those of a track that
  /// calls itself another kind than it was.
  package func receive(_ object: MediaObject, on track: Int, utc: UTCTime, now: Instant) {
    guard !isEnded, tracks[track].life == .live else { return }
    var object = object
    let description = object.description ?? tracks[track].beginning
    object.description = description
    let timescale = description.info.timescale
    guard description.info.kind == tracks[track].beginning.info.kind,
      object.chunks.allSatisfy({ $0.hasPlausibleTimes(timescale: timescale) })
    else {
      tracks[track].order.refuse()
      return
    }
    if description !== tracks[track].received {
      // Another header with ids from far back is of a publisher that counts them anew.
      if tracks[track].isNewHeader(description), tracks[track].order.isFarPast(object.position) {
        restart()
      }
      tracks[track].note(received: description)
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
    guard !isEnded, tracks[track].life == .live else { return }
    tracks[track].order.endGroup(group, at: end)
    pump(track, utc: utc, now: now)
  }

  /// The objects that a track waits for, and since when; nil when it waits for none.
  package func hole(of track: Int) -> (range: ClosedRange<ObjectPosition>, since: Instant)? {
    isEnded ? nil : tracks[track].order.hole
  }

  /// Lets a track wait for its hole until a time at least: the objects were asked for again.
  package func awaitRepair(of track: Int, until: Instant) {
    tracks[track].order.awaitRepair(until: until)
  }

  /// Lets a track go on without objects that can't be had; the next input shows the effect.
  package func giveUpWaiting(for range: ClosedRange<ObjectPosition>, on track: Int) {
    tracks[track].order.giveUpWaiting(for: range)
  }

  /// Forgets object ids, because what follows comes from a new session or a restarted publisher.
  ///
  /// What was published stays; whether media goes on seamlessly is decided by what arrives.
  package func restart() {
    for index in tracks.indices { tracks[index].order.restart() }
    beginGeneration()
  }

  /// Lets all tracks begin anew, wherever their media goes on.
  private func beginGeneration() {
    let generation = (tracks.map(\.generation).max() ?? 0) + 1
    for index in tracks.indices {
      tracks[index].generation = generation
      tracks[index].beginsAnew = true
    }
    returnLead()
  }

  /// Adds a track that the catalog names only now, and returns its index; its playlist starts at the
  /// first boundary that it sees.
  ///
  /// Manifests name tracks by `rank`, the lowest first; nil for the last of all. A track of the same name
  /// may be there that is retired.
  package func addTrack(_ description: TrackDescription, rank: Int? = nil) -> Int {
    let last = tracks.map(\.rank).max() ?? 0
    let track = PackagedTrack(description, rank: rank ?? last + 1, policy: policy)
    track.generation = max(tracks.map(\.generation).max() ?? 0, addedGeneration)
    if constants != nil {
      track.shownFrom = .max
      track.startWriting(partTarget: partTarget)
      // The others need not wait until it delivers.
      track.isStalled = true
    }
    tracks.append(track)
    return tracks.count - 1
  }

  /// Ends the broadcast: what waits is published, and the last segments are closed.
  package func finish(now: Instant) {
    guard !isEnded else { return }
    let far = now + .seconds(1 << 20)
    for index in tracks.indices { pump(index, utc: UTCTime(microseconds: 0), now: far) }
    if constants == nil { begin(now: far, utc: nil) }
    isEnded = true
    if !runs.isEmpty { runs[runs.endIndex - 1].timeline.finish() }
    advance(now: far)
    for index in tracks.indices { tracks[index].writer?.finish() }
    release(now: far)
    publish()
  }

  // MARK: Time

  /// When `handleTimeout` wants to be called.
  ///
  /// What has passed and waits for media is not due: the loop would never sleep.
  package var deadline: Instant? {
    guard !isEnded else { return nil }
    let waits = tracks.compactMap { $0.order.deadline } + tracks.compactMap(\.blockedUntil)
    let priming = startNumber == nil && !isStartLate ? primingDeadline : nil
    let replacement = replacementDeadline.flatMap { canReplace ? $0 : nil }
    return (waits + [priming, replacement].compactMap(\.self)).min()
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

  func pump(_ index: Int, utc: UTCTime, now: Instant) {
    lastUTC = max(lastUTC, utc)
    let holes = tracks[index].order.statistics.holes
    while let output = tracks[index].order.poll(now: now) {
      if index == lead { waitsForLeadSince = nil }
      switch output {
      case .object(let object, let continuity):
        for (position, chunk) in object.chunks.enumerated() {
          let continuity = position == 0 ? continuity : nil
          let events = tracks[index].events(chunk, under: object.description, continuity, utc: utc)
          for event in events { take(event, index) }
        }
      case .groupEnded(let isDecodable):
        take(.groupEnded(isDecodable: isDecodable), index)
      }
    }
    if tracks[index].order.statistics.holes > holes {
      outputs.append(.notice(.hole(tracks[index].description.info.name)))
    }
    if constants == nil { beginIfReady(now: now, utc: utc) }
    if constants != nil { advance(now: now) }
  }

  func take(_ event: PackagedTrack.Event, _ index: Int) {
    guard constants != nil else {
      tracks[index].prime(event, byteLimit: policy.reorderBytes)
      return
    }
    if index == lead, case .chunk(var intake) = event, isRestart(intake) {
      beginGeneration()
      tracks[index].beginsAnew = false
      (intake.generation, intake.continuity) = (tracks[index].generation, .first)
      put(.chunk(intake), index)
    } else {
      put(event, index)
    }
  }

  /// Puts what is in order to the timeline and the rendition.
  func put(_ event: PackagedTrack.Event, _ index: Int) {
    switch event {
    case .chunk(let intake):
      if index == lead { lead(intake) }
      let queued = RenditionWriter.Queued(
        chunk: intake.chunk,
        description: intake.description,
        generation: intake.generation,
        tolerance: intake.tolerance,
        middle: intake.middle
      )
      tracks[index].writer?.enqueue(queued)
    case .groupEnded:
      guard index == lead else { return }
      closeLeadSegment()
    }
  }
}
