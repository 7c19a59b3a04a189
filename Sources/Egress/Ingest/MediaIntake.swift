internal import CMAF
internal import MoQ
internal import Packaging
internal import Remux
internal import Wire

/// Makes media objects of a track's MoQ objects, whatever their packaging.
///
/// A reference, as every object looks at parts of it, and there is much in it.
final class MediaIntake {
  enum Output {
    /// A CMAF header; `configure` has to be called before the next output.
    case header(Bytes)
    case media(MediaObject)
    case groupEnd(UInt64, at: UInt64)
    /// Objects of which nothing will come.
    case absent(ClosedRange<ObjectPosition>)
    case malformed(ObjectPosition, String)
    case warning(String)
  }

  /// Nil where objects are CMAF already.
  private var remuxer: TrackRemuxer?
  private var parser: ChunkParser?
  /// For objects of groups before the one that the header came with, which may come later.
  private var older: (parser: ChunkParser, before: UInt64)?
  private var outputs: [Output] = []
  private var last: ObjectPosition?
  private var now = Instant(nanoseconds: 0)

  /// For objects that are CMAF.
  init(_ plan: TrackPlan) { parser = ChunkParser(plan) }

  /// For objects of another packaging; headers come among the outputs.
  init(_ source: RemuxSource, patience: Interval) {
    var limits = RemuxLimits()
    limits.patience = patience
    remuxer = TrackRemuxer(source, limits: limits)
  }

  private init(copying other: MediaIntake) {
    remuxer = other.remuxer
    parser = other.parser
    older = other.older
    outputs = other.outputs
    last = other.last
    now = other.now
  }

  /// One that goes on from here by itself.
  var copy: MediaIntake { MediaIntake(copying: self) }

  /// Whether objects of a packaging can be read.
  static func takes(_ packaging: CatalogPackaging) -> Bool {
    packaging == .cmaf || RemuxSource.Packaging(packaging) != nil
  }

  /// Takes the plan that a header made; `group` is the first that is known to come under it.
  func configure(_ plan: TrackPlan, from group: UInt64? = nil) {
    let next = ChunkParser(plan)
    if let group, let parser, parser.description.initSegment != next.description.initSegment {
      older = (parser, group)
    }
    parser = next
  }

  /// Whether a group comes before the one that the header came with.
  func isBeforeHeader(_ group: UInt64) -> Bool { older.map { group < $0.before } ?? false }

  func take(_ object: Object, now: Instant) {
    self.now = now
    guard object.status == .normal else { return }
    if remuxer != nil {
      remuxer?.receive(RemuxObject(object, arrival: now))
    } else if !object.payload.isEmpty {
      parse(object.payload, at: ObjectPosition(group: object.group, object: object.id))
    }
  }

  /// The time of an object, in microseconds of media; nil when that can't be told of it alone.
  func time(of object: Object, now: Instant) -> Int64? {
    if let remuxer { return remuxer.time(of: RemuxObject(object, arrival: now)) }
    guard let parser, let chunk = try? parser.parse(object.payload).first else { return nil }
    return MediaTime(ticks: chunk.start, timescale: parser.timescale).rounded(toScale: 1_000_000)
  }

  /// Takes the knowledge that a group has no object with an id of `end` or above.
  func endGroup(_ group: UInt64, at end: UInt64, now: Instant) {
    self.now = now
    if remuxer != nil {
      remuxer?.endGroup(group, at: end, now: now)
    } else {
      outputs.append(.groupEnd(group, at: end))
    }
  }

  /// The objects that others wait for, where this keeps them in order; nil otherwise.
  var hole: (range: ClosedRange<ObjectPosition>, since: Instant)? {
    guard let hole = remuxer?.hole else { return nil }
    let first = ObjectPosition(group: hole.first.group, object: hole.first.object)
    let last = ObjectPosition(group: hole.last.group, object: hole.last.object)
    return first <= last ? (first...last, hole.since) : nil
  }

  /// Waits for the hole until a time at least: what is missing was asked for.
  func awaitRepair(until: Instant) { remuxer?.awaitRepair(until: until) }

  func giveUpWaiting(for range: ClosedRange<ObjectPosition>, now: Instant) {
    self.now = now
    let (first, last) = (range.lowerBound, range.upperBound)
    remuxer?.giveUpWaiting(
      for: ((first.group, first.object), (last.group, last.object)),
      now: now
    )
  }

  /// Forgets ids.
  func restart() {
    remuxer?.restart()
    outputs = []
    last = nil
    older = nil
  }

  /// Whether a publisher seems to have restarted its ids below the last ones.
  func looksRestarted(now: Instant) -> Bool { remuxer?.looksRestarted(now: now) ?? false }

  var deadline: Instant? { remuxer?.deadline }

  func handleTimeout(now: Instant) {
    self.now = now
    remuxer?.handleTimeout(now: now)
  }

  func poll() -> Output? {
    while outputs.isEmpty, let event = remuxer?.poll() {
      switch event {
      case .header(let bytes): outputs.append(.header(bytes))
      case .chunk(let group, let object, let bytes):
        parse(bytes, at: ObjectPosition(group: group, object: object))
      case .groupEnded(let group, let end): outputs.append(.groupEnd(group, at: end))
      case .dropped(let group, let object, .malformed(let reason)):
        outputs.append(.malformed(ObjectPosition(group: group, object: object), reason))
      case .dropped: break
      case .warning(let text): outputs.append(.warning(text))
      }
    }
    return outputs.isEmpty ? nil : outputs.removeFirst()
  }

  private func parse(_ bytes: Bytes, at position: ObjectPosition) {
    let earlier = older.flatMap { position.group < $0.before ? $0.parser : nil }
    guard let parser = earlier ?? parser else { return }
    do throws(ChunkParser.Refusal) {
      let chunks = try parser.parse(bytes)
      if remuxer != nil { skip(to: position) }
      let object = MediaObject(
        position: position,
        chunks: chunks,
        arrival: now,
        description: parser.description
      )
      outputs.append(.media(object))
    } catch {
      outputs.append(.malformed(position, error.reason))
    }
  }

  /// What a remuxer passes over, nobody has to wait for.
  private func skip(to position: ObjectPosition) {
    defer { last = position }
    guard let last, position.object > 0, last < position else { return }
    let isSameGroup = last.group == position.group
    guard !isSameGroup || last.object + 1 < position.object else { return }
    let first =
      isSameGroup
      ? ObjectPosition(group: last.group, object: last.object + 1)
      : ObjectPosition(group: position.group, object: 0)
    let end = ObjectPosition(group: position.group, object: position.object - 1)
    outputs.append(.absent(first...end))
  }
}

extension RemuxObject {
  fileprivate init(_ object: Object, arrival: Instant) {
    self.init(
      group: object.group,
      object: object.id,
      payload: object.payload,
      properties: [RemuxProperty](object.properties),
      arrival: arrival
    )
  }
}

extension [RemuxProperty] {
  /// Those of an object or a track, immutable ones last.
  init(_ properties: Properties) {
    self = (properties.pairs.pairs + properties.immutable.pairs).map { pair in
      switch pair.value {
      case .integer(let value): RemuxProperty(pair.type, value)
      case .bytes(let bytes): RemuxProperty(pair.type, bytes)
      }
    }
  }
}

extension RemuxSource.Packaging {
  /// How a catalog's packaging is remuxed; nil when it is CMAF already, or nothing known.
  init?(_ packaging: CatalogPackaging) {
    switch packaging {
    case .loc: self = .loc
    case .legacy: self = .legacy
    case .hangLOC: self = .hangLOC
    case .locmaf: self = .locmaf
    case .mediaInterop: self = .moqMI
    case .cmaf, .mediaTimeline, .eventTimeline, .other: return nil
    }
  }
}

extension RemuxSource {
  /// What a catalog and a subscription say of a track; nil when its objects are CMAF already.
  init?(_ track: CatalogTrack, properties: Properties, draft: Draft) {
    guard let packaging = Packaging(track.packaging) else { return nil }
    self.init(
      packaging: packaging,
      kind: track.role == "audio" ? .audio : .video,
      codec: track.codec
    )
    switch track.initialization {
    case .data(let bytes): configuration = bytes
    case .trackProperty(let type): configuration = properties.bytes(type)
    case .objectProperty, .track, nil: break
    }
    framerateThousandths = track.framerateThousandths
    maximumGroupMilliseconds =
      track.maxGOPDurationMilliseconds ?? track.maxGroupDurationMilliseconds
    sampleRate = track.sampleRate.map { Int(clamping: $0) }
    channels = track.channelConfiguration.flatMap { Int($0) }
    language = track.language
    timescale = track.timescale.flatMap { $0 > 0 ? UInt64($0) : nil }
    trackProperties = [RemuxProperty](properties)
    usesQUICIntegers = draft < .draft18
  }
}
