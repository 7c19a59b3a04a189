import CMAF
import Wire

/// A frame of an object, with its times in ticks of the sender's.
struct Frame: Sendable {
  var payload: Bytes
  var presentation: MediaTime
  /// Only where the packaging tells it.
  var decode: MediaTime?
  /// When it is over; only where the packaging tells it.
  var decodeEnd: MediaTime?
  /// A decoder configuration that came with the object.
  var configuration: Bytes?
}

/// Takes frames and times out of objects, in the way that the first ones of the track showed.
struct FrameReader: Sendable {
  enum Reading {
    case frame(Frame)
    /// Nothing but the time at which the last frame is over.
    case end(MediaTime)
    case nothing
  }

  let codec: MediaCodec
  /// What the catalog says, and what the first object added to it.
  let source: RemuxSource
  /// Nothing tells times, so ids have to.
  var isUntimed: Bool { source.packaging == .loc && rule == .untimed }

  private let privateProperties: PrivateProperties
  private let rule: TimestampRule
  /// Ticks per second by the last object that said so: some senders say it once a group.
  private var objectTimescale: UInt64?
  /// Objects in the middle of groups whose times can't be told before one says its timescale.
  private var undatedCount = 0

  /// How many objects it takes to decide how to read a track.
  static func sampleCount(_ packaging: RemuxSource.Packaging) -> Int { packaging == .loc ? 3 : 1 }

  /// Decides by a track's first objects with a payload; nil when the codec is none that is known.
  init?(_ source: RemuxSource, objects: [RemuxObject]) {
    var source = source
    if source.packaging == .moqMI, let first = objects.first {
      MediaInterop.complete(&source, with: first)
    }
    guard let codec = source.codec.flatMap({ MediaCodec($0) }) else { return nil }
    self.codec = codec
    self.source = source
    guard source.packaging == .loc else {
      privateProperties = source.packaging == .hangLOC ? .measured : .none
      rule = .property(0x10)
      return
    }
    let isQUIC = source.usesQUICIntegers
    let convention = PrivateProperties.vote(objects, codec: codec, isQUIC: isQUIC)
    privateProperties = convention
    rule = TimestampRule.vote(
      objects.map { object in
        object.properties
          + (convention.split(object.payload, isQUIC: isQUIC)?.properties ?? [])
      },
      track: source.trackProperties
    )
  }

  /// Reads one object.
  mutating func read(_ object: RemuxObject) throws(RemuxDrop) -> Reading {
    guard !object.payload.isEmpty else { return .nothing }
    switch source.packaging {
    case .loc: return try readLOC(object)
    case .legacy: return try readLegacy(object)
    case .hangLOC: return try readHangLOC(object)
    case .moqMI: return .frame(try MediaInterop.frame(of: object, source))
    case .locmaf: return .nothing
    }
  }

  private mutating func readLOC(_ object: RemuxObject) throws(RemuxDrop) -> Reading {
    let isQUIC = source.usesQUICIntegers
    guard let (inside, payload) = privateProperties.split(object.payload, isQUIC: isQUIC) else {
      throw .malformed("its private properties can't be read")
    }
    guard !payload.isEmpty else { return .nothing }
    let properties = object.properties + inside
    objectTimescale = properties.integer(0x08) ?? objectTimescale
    return .frame(
      Frame(
        payload: payload,
        presentation: try time(of: object, properties),
        configuration: properties.bytes(source.kind == .video ? 0x0D : 0x0F)
      )
    )
  }

  /// Ticks per second of an object's timestamp.
  ///
  /// Without a timescale it is microseconds; a catalog's is not believed against the magnitude. Who
  /// joins in the middle of a group may have missed the object that says it: then times are told from
  /// the next object that does on, or from the next group.
  private mutating func timescale(of object: RemuxObject, _ value: UInt64) throws(RemuxDrop)
    -> UInt64
  {
    if let told = objectTimescale ?? source.trackProperties.integer(0x08) { return told }
    if (1_000_000_000_000_000..<10_000_000_000_000_000).contains(value) { return 1_000_000 }
    if let scale = source.timescale { return scale }
    if object.object > 0, undatedCount < Self.undatedLimit {
      undatedCount += 1
      throw .time
    }
    // A group that begins without one will have none.
    undatedCount = Self.undatedLimit
    return 1_000_000
  }

  private mutating func time(
    of object: RemuxObject,
    _ properties: [RemuxProperty]
  ) throws(RemuxDrop) -> MediaTime {
    switch rule {
    case .property(let type):
      guard let value = properties.integer(type) else { throw .time }
      return try Self.time(value, try timescale(of: object, value))
    case .mapped:
      let scale = TimestampRule.mappedTimescale
      guard
        let ticks = TimestampRule.mappedTime(
          group: object.group,
          object: object.object,
          properties: properties,
          track: source.trackProperties,
          isQUIC: source.usesQUICIntegers
        ), let value = UInt64(exactly: ticks)
      else { throw .time }
      return try Self.time(
        value,
        properties.integer(scale) ?? source.trackProperties.integer(scale) ?? 1_000_000
      )
    case .untimed:
      guard let length = source.maximumGroupMilliseconds, length > 0,
        let rate = source.framerateThousandths, rate > 0
      else { throw .time }
      let start = Int128(object.group) * Int128(length) * 1000
      let inside = Int128(object.object) * 1_000_000_000 / Int128(rate)
      guard let ticks = UInt64(exactly: start + inside) else { throw .time }
      return try Self.time(ticks, 1_000_000)
    }
  }

  private func readLegacy(_ object: RemuxObject) throws(RemuxDrop) -> Reading {
    var reader = ByteReader(object.payload)
    guard let value = try? reader.readVarint() else {
      throw .malformed("it ends in its timestamp")
    }
    let time = try Self.time(value, 1_000_000)
    guard !reader.isAtEnd else { return .end(time) }
    return .frame(Frame(payload: reader.readRest(), presentation: time))
  }

  private func readHangLOC(_ object: RemuxObject) throws(RemuxDrop) -> Reading {
    guard let (inside, payload) = privateProperties.split(object.payload, isQUIC: true) else {
      throw .malformed("its block of properties can't be read")
    }
    guard let value = inside.integer(0x10) ?? inside.integer(0x06) else { throw .time }
    let time = try Self.time(value, inside.integer(0x08) ?? 1_000_000)
    guard !payload.isEmpty else { return .end(time) }
    return .frame(
      Frame(
        payload: payload,
        presentation: time,
        configuration: inside.bytes(source.kind == .video ? 0x0D : 0x0F)
      )
    )
  }

  /// A time within bounds, of a timescale within bounds.
  static func time(_ ticks: UInt64, _ timescale: UInt64) throws(RemuxDrop) -> MediaTime {
    guard let scale = UInt32(exactly: timescale), scale > 0, scale <= timescaleLimit,
      let signed = Int64(exactly: ticks), signed / secondLimit <= Int64(scale)
    else { throw .time }
    return MediaTime(ticks: signed, timescale: scale)
  }

  /// How many objects in the middle of groups are passed over while no timescale is known: ten seconds
  /// of short sound frames, and then a group without an end is heard all the same.
  private static let undatedLimit = 1024
  /// What packaging takes.
  static let timescaleLimit: UInt32 = 1 << 30
  /// 136 years.
  static let secondLimit: Int64 = 1 << 32
}
