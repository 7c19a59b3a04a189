internal import CMAF
package import Wire

/// Makes a CMAF header and CMAF chunks of the objects of one track; the same objects make the same
/// bytes, whenever and in whatever order they came.
///
/// Objects in any order go in, events come out of ``poll()``.
package struct TrackRemuxer: Sendable {
  private enum Step {
    case object(RemuxObject, isAfterHole: Bool)
    case groupEnded(UInt64, isWhole: Bool)
  }

  private let source: RemuxSource
  private let limits: RemuxLimits
  private var order: ObjectOrder
  private var events: [RemuxEvent] = []
  private var nextEvent = 0
  private var warnings: Set<String> = []
  /// What waits for the first objects to show how the track is read.
  private var undecided: [Step] = []
  private var undecidedSince: Instant?
  private var frames: FrameRemuxer?
  private var locmaf: LOCMAFDecoder?
  /// The last object of the group that gave a chunk.
  private var lastChunk: (group: UInt64, object: UInt64)?
  private var currentGroup: UInt64?
  /// An object after the last chunk gave none though it should have.
  private var lacksEnd = false

  package init(_ source: RemuxSource, limits: RemuxLimits = RemuxLimits()) {
    var source = source
    // A header holds the same configuration as the bare record that a catalog should have.
    if source.packaging != .locmaf, let bytes = source.configuration, bytes.count > 8,
      bytes[4..<8].text == "ftyp", let header = try? CMAFHeader(bytes)
    {
      source.configuration = (try? header.bareConfiguration()) ?? nil
      source.codec = source.codec ?? header.tracks[0].codec
    }
    self.source = source
    self.limits = limits
    order = ObjectOrder(limits: limits)
  }

  /// Takes an object in any order.
  package mutating func receive(_ object: RemuxObject) {
    if let reason = order.insert(object) {
      drop(object, reason)
    }
    advance(now: object.arrival)
  }

  /// Takes the knowledge that a group holds no object with an id of `end` or above.
  package mutating func endGroup(_ group: UInt64, at end: UInt64, now: Instant) {
    order.endGroup(group, at: end)
    advance(now: now)
  }

  /// When an object is presented, in microseconds of media; nil while that can't be told of it alone.
  package func time(of object: RemuxObject) -> Int64? {
    frames?.time(of: object)?.rounded(toScale: 1_000_000)
  }

  /// Forgets ids and what waits: the next object is the first of a new run.
  package mutating func restart() {
    order = ObjectOrder(limits: limits)
    undecided = []
    undecidedSince = nil
    frames = nil
    locmaf = nil
    lastChunk = nil
    currentGroup = nil
    lacksEnd = false
  }

  /// Whether a publisher seems to have begun its ids anew: for a while only late objects have come.
  package func looksRestarted(now: Instant) -> Bool { order.looksRestarted(now: now) }

  /// The objects that others wait for; nil when none are missing.
  package var hole: RemuxHole? { order.hole }

  /// Waits for the hole until a time at least: what is missing was asked for.
  package mutating func awaitRepair(until: Instant) { order.awaitRepair(until: until) }

  /// Stops waiting for the objects of a range, both ends included, that can't be had.
  package mutating func giveUpWaiting(
    for range: (first: GivenUpPlaces.Place, last: GivenUpPlaces.Place),
    now: Instant
  ) {
    order.giveUpWaiting(for: range)
    advance(now: now)
  }

  /// When ``handleTimeout(now:)`` has something to do.
  package var deadline: Instant? {
    let decision = undecidedSince.map { $0 + limits.patience }
    guard let missing = order.deadline else { return decision }
    return decision.map { min($0, missing) } ?? missing
  }

  /// Stops waiting for what is overdue.
  package mutating func handleTimeout(now: Instant) {
    advance(now: now)
    if let undecidedSince, now >= undecidedSince + limits.patience {
      decide()
      advance(now: now)
    }
  }

  /// The next event; nil when there is none.
  package mutating func poll() -> RemuxEvent? {
    guard nextEvent < events.count else {
      events.removeAll(keepingCapacity: true)
      nextEvent = 0
      return nil
    }
    defer { nextEvent += 1 }
    return events[nextEvent]
  }

  private mutating func advance(now: Instant) {
    while let step = next(now: now) { take(step) }
  }

  private mutating func next(now: Instant) -> Step? {
    let (frames, locmaf) = (frames, locmaf)
    let output = order.next(now: now) { [source] object in
      if source.packaging == .locmaf { return locmaf?.continues(object.payload) ?? false }
      // Sound in groups of one frame must not wait before anything is known of its times.
      return frames?.continues(object) ?? (source.kind == .audio)
    }
    switch output {
    case nil: return nil
    case .object(let object, let isAfterHole)?: return .object(object, isAfterHole: isAfterHole)
    case .groupEnded(let group, let isWhole)?: return .groupEnded(group, isWhole: isWhole)
    }
  }

  private mutating func take(_ step: Step) {
    if source.packaging == .locmaf {
      takeLOCMAF(step)
    } else if frames != nil {
      run(step)
    } else {
      undecided.append(step)
      if case .object(let object, _) = step, undecidedSince == nil {
        undecidedSince = object.arrival
      }
      let count = payloads.count
      if count >= FrameReader.sampleCount(source.packaging) || undecided.count > 64 { decide() }
    }
  }

  /// The objects among what is undecided that can show how the track is read.
  private var payloads: [RemuxObject] {
    undecided.compactMap { step in
      if case .object(let object, _) = step, !object.payload.isEmpty { object } else { nil }
    }
  }

  private mutating func decide() {
    let steps = undecided
    let objects = payloads
    undecided = []
    undecidedSince = nil
    guard !objects.isEmpty else { return }
    guard let reader = FrameReader(source, objects: objects) else {
      warn("its codec \(source.codec ?? "") can't be made into CMAF")
      for object in objects { drop(object, .malformed("its codec is not supported")) }
      return
    }
    if reader.isUntimed { warn("its objects have no timestamps; their ids are taken for times") }
    frames = FrameRemuxer(reader)
    for step in steps { run(step) }
  }

  private mutating func run(_ step: Step) {
    guard var frames else { return }
    self.frames = nil  // so that its buffers are not copied
    var output: [FrameRemuxer.Output] = []
    switch step {
    case .object(let object, let isAfterHole):
      currentGroup = object.group
      frames.take(object, isAfterHole: isAfterHole, into: &output)
    case .groupEnded(let group, _): frames.endGroup(into: &output, group: group)
    }
    self.frames = frames
    for item in output { emit(item) }
    if case .groupEnded(let group, let isWhole) = step { emitGroupEnd(group, isWhole: isWhole) }
  }

  private mutating func takeLOCMAF(_ step: Step) {
    switch step {
    case .groupEnded(let group, let isWhole): emitGroupEnd(group, isWhole: isWhole)
    case .object(let object, let isAfterHole):
      if locmaf == nil { startLOCMAF() }
      guard locmaf != nil else { return drop(object, .unconfigured) }
      if isAfterHole || currentGroup != object.group { locmaf?.reset() }
      currentGroup = object.group
      guard !object.payload.isEmpty else { return }
      do throws(RemuxDrop) {
        guard let bytes = try locmaf?.decode(object.payload) else { return }
        emit(.chunk(group: object.group, object: object.object, bytes))
      } catch {
        locmaf?.reset()
        drop(object, error)
      }
    }
  }

  private mutating func startLOCMAF() {
    guard let header = source.configuration, let decoder = LOCMAFDecoder(header: header) else {
      return
    }
    locmaf = decoder
    emit(.header(header))
  }

  private mutating func emit(_ output: FrameRemuxer.Output) {
    switch output {
    case .header(let bytes): events.append(.header(bytes))
    case .chunk(let group, let object, let bytes):
      lastChunk = (group, object)
      lacksEnd = false
      events.append(.chunk(group: group, object: object, bytes))
    case .dropped(let object, let reason): drop(object, reason)
    case .warning(let text): warn(text)
    }
  }

  /// Says that the group is over, unless what it lacks would go unnoticed then.
  private mutating func emitGroupEnd(_ group: UInt64, isWhole: Bool) {
    guard isWhole, !lacksEnd, let lastChunk, lastChunk.group == group, lastChunk.object < .max
    else { return }
    events.append(.groupEnded(group: group, end: lastChunk.object + 1))
    self.lastChunk = nil
  }

  private mutating func drop(_ object: RemuxObject, _ reason: RemuxDrop) {
    if reason != .late, reason != .duplicate { lacksEnd = true }
    events.append(.dropped(group: object.group, object: object.object, reason))
  }

  private mutating func warn(_ text: String) {
    if warnings.insert(text).inserted { events.append(.warning(text)) }
  }
}
