import CMAF
import Wire

/// Makes samples of AV1 temporal units.
///
/// AV1 Codec ISO Media File Format Binding §2.4: delimiters, padding and tile lists are left out.
struct AV1SampleMaker: SampleMaker {
  private(set) var format: TrackFormat?
  private var active: Bytes?

  init(configuration: Bytes?) {
    guard let configuration, configuration.count > 4, configuration[0] == 0x81,
      let units = AV1SampleMaker.units(of: configuration.suffix(from: 4))
    else { return }
    activate(units)
  }

  mutating func samples(
    of payload: Bytes,
    configuration: Bytes?
  ) throws(RemuxDrop) -> [CodedSample] {
    guard let units = AV1SampleMaker.units(of: payload) else {
      throw .malformed("its open bitstream units don't add up")
    }
    let left: Set<UInt8> = [AV1Units.temporalDelimiter, AV1Units.tileList, AV1Units.padding]
    let kept = units.filter { !left.contains($0.type) }
    guard !kept.isEmpty else { return [] }
    var writer = ByteWriter(reserving: payload.count)
    for unit in kept { writer.write(unit.bytes) }
    let isSync = SyncSample.isSync(codec: "av01", writer.bytes) ?? false
    if isSync { activate(units) }
    guard format != nil else { throw .unconfigured }
    return [CodedSample(data: writer.bytes, isSync: isSync, duration: 0)]
  }

  private mutating func activate(_ units: [(type: UInt8, payload: Bytes, bytes: Bytes)]) {
    guard let unit = units.first(where: { $0.type == AV1Units.sequenceHeader }),
      unit.payload != active, let header = AV1SequenceHeader(payload: unit.payload)
    else { return }
    active = unit.payload
    format = TrackFormat(
      format: "av01",
      media: .video(VideoFormat(width: header.width, height: header.height, colour: header.colour)),
      configurationType: "av1C",
      configuration: header.record(payload: unit.payload)
    )
  }

  /// The units of a temporal unit; nil when they are not all of it or break the syntax.
  static func units(of bytes: Bytes) -> [(type: UInt8, payload: Bytes, bytes: Bytes)]? {
    var iterator = AV1Units(bytes)
    var units: [(type: UInt8, payload: Bytes, bytes: Bytes)] = []
    while let unit = iterator.next() {
      // Two bits of the header are 0, and of the types only the delimiter has no payload.
      guard unit.bytes[0] & 0x81 == 0, units.count < 1024,
        unit.payload.isEmpty == (unit.type == AV1Units.temporalDelimiter)
          || unit.type == AV1Units.padding,
        unit.type != AV1Units.sequenceHeader || AV1SequenceHeader(payload: unit.payload) != nil
      else { return nil }
      units.append(unit)
    }
    return iterator.isAtEnd && !units.isEmpty ? units : nil
  }
}
