package import Wire

/// The parameter sets of an H.264 or HEVC stream, one of each kind and id, and the decoder
/// configuration that they make.
///
/// ISO/IEC 14496-15 §5.3.3.1 and §8.3.3.1. Sets are kept by kind and id, so the same sets make the
/// same record whatever order they came in.
package struct ParameterSets: Sendable, Hashable {
  /// Which codec the sets are of.
  package enum Codec: Sendable, Hashable {
    case h264, hevc
  }

  private struct Key: Hashable, Comparable {
    let kind: UInt8
    let identifier: UInt32
    static func < (left: Key, right: Key) -> Bool {
      (left.kind, left.identifier) < (right.kind, right.identifier)
    }
  }

  package let codec: Codec
  private var units: [Key: Bytes] = [:]

  /// No sets.
  package init(codec: Codec) { self.codec = codec }

  /// Takes the sets of a bare avcC or hvcC record; nil when it is broken.
  ///
  /// `lengthSize` becomes what it says of samples.
  package init?(codec: Codec, record: Bytes, lengthSize: inout Int) {
    self.init(codec: codec)
    var reader = ByteReader(record)
    do throws(DecodeError) {
      guard try reader.readUInt8() == 1 else { return nil }
      switch codec {
      case .h264:
        try reader.skip(3)
        lengthSize = Int(try reader.readUInt8() & 3) + 1
        try take(Int(try reader.readUInt8() & 31), from: &reader)
        try take(Int(try reader.readUInt8()), from: &reader)
      case .hevc:
        try reader.skip(20)
        lengthSize = Int(try reader.readUInt8() & 3) + 1
        for _ in 0..<(try reader.readUInt8()) {
          try reader.skip(1)
          try take(Int(try reader.readUInt16()), from: &reader)
        }
      }
    } catch {
      return nil
    }
  }

  private mutating func take(_ count: Int, from reader: inout ByteReader) throws(DecodeError) {
    for _ in 0..<count {
      let size = Int(try reader.readUInt16())
      _ = insert(try reader.readBytes(size))
    }
  }

  package var isEmpty: Bool { units.isEmpty }

  /// Whether a decoder could start: there is a set of every kind that the record needs.
  package var isComplete: Bool {
    (codec == .h264 ? [7, 8] : [32, 33, 34] as [UInt8]).allSatisfy { kind in
      units.keys.contains { $0.kind == kind }
    }
  }

  /// Takes a NAL unit when it is a parameter set, and says whether it is one.
  package mutating func insert(_ unit: Bytes) -> Bool {
    guard let kind = ParameterSets.kind(of: unit, codec) else { return false }
    guard let identifier = ParameterSets.identifier(of: unit, kind, codec) else { return true }
    units[Key(kind: kind, identifier: identifier)] = unit
    return true
  }

  /// Takes the sets of `other`, which replace those of the same kind and id.
  package mutating func merge(_ other: ParameterSets) {
    units.merge(other.units) { _, new in new }
  }

  /// The sets of one kind in the order of their ids.
  private func sets(_ kind: UInt8) -> [Bytes] {
    units.filter { $0.key.kind == kind }.sorted { $0.key < $1.key }.map(\.value)
  }

  /// What the sequence parameter set with the lowest id says, for H.264.
  package var h264: H264SequenceParameters? {
    codec == .h264 ? sets(7).first.flatMap { H264SequenceParameters($0) } : nil
  }

  /// What the sequence parameter set with the lowest id says, for HEVC.
  package var hevc: HEVCSequenceParameters? {
    codec == .hevc ? sets(33).first.flatMap { HEVCSequenceParameters($0) } : nil
  }

  /// The body of an avcC or hvcC box for samples with lengths of four bytes; nil while sets are
  /// missing or broken.
  package var record: Bytes? {
    guard isComplete else { return nil }
    switch codec {
    case .h264: return h264.map(writeAVC)
    case .hevc: return hevc.map(writeHEVC)
    }
  }

  private func writeAVC(_ parameters: H264SequenceParameters) -> Bytes {
    var writer = ByteWriter()
    writer.write(1 as UInt8)
    writer.write(contentsOf: [parameters.profile, parameters.compatibility, parameters.level, 0xFF])
    let (sequence, picture) = (sets(7).prefix(31), sets(8).prefix(255))
    writer.write(0xE0 | UInt8(sequence.count))
    for unit in sequence { ParameterSets.write(unit, to: &writer) }
    writer.write(UInt8(picture.count))
    for unit in picture { ParameterSets.write(unit, to: &writer) }
    if H264SequenceParameters.highProfiles.contains(parameters.profile) {
      writer.write(0xFC | parameters.chromaFormat)
      writer.write(0xF8 | (parameters.lumaBitDepth - 8))
      writer.write(0xF8 | (parameters.chromaBitDepth - 8))
      writer.write(0 as UInt8)
    }
    return writer.bytes
  }

  private func writeHEVC(_ parameters: HEVCSequenceParameters) -> Bytes {
    var writer = ByteWriter()
    writer.write(1 as UInt8)
    writer.write(parameters.profileTierLevel)
    writer.write(0xF000 as UInt16)  // spatial segmentation is not told
    writer.write(0xFC as UInt8)  // nor is parallelism
    writer.write(0xFC | parameters.chromaFormat)
    writer.write(0xF8 | (parameters.lumaBitDepth - 8))
    writer.write(0xF8 | (parameters.chromaBitDepth - 8))
    writer.write(0 as UInt16)  // nor the frame rate
    writer.write(parameters.temporalLayers << 3 | (parameters.isTemporalIDNested ? 4 : 0) | 3)
    writer.write(3 as UInt8)
    for kind in 32...34 as ClosedRange<UInt8> {
      let units = sets(kind)
      writer.write(0x80 | kind)  // all sets of the kind are here
      writer.write(UInt16(units.count))
      for unit in units { ParameterSets.write(unit, to: &writer) }
    }
    return writer.bytes
  }

  private static func write(_ unit: Bytes, to writer: inout ByteWriter) {
    writer.write(UInt16(unit.count))
    writer.write(unit)
  }

  /// The unit's type when it is that of a parameter set that a record holds.
  private static func kind(of unit: Bytes, _ codec: Codec) -> UInt8? {
    guard !unit.isEmpty else { return nil }
    switch codec {
    case .h264:
      let type = unit[0] & 0x1F
      return type == 7 || type == 8 ? type : nil
    case .hevc:
      let type = unit[0] >> 1 & 0x3F
      return (32...34).contains(type) ? type : nil
    }
  }

  /// The id of a set; nil when it is broken or too long for a record.
  private static func identifier(of unit: Bytes, _ kind: UInt8, _ codec: Codec) -> UInt32? {
    guard unit.count <= Int(UInt16.max) else { return nil }
    switch (codec, kind) {
    case (.h264, 7): return H264SequenceParameters(unit)?.identifier
    case (.hevc, 33): return HEVCSequenceParameters(unit)?.identifier
    case (.hevc, 32):
      return unit.count > 2 ? UInt32(unit[2] >> 4) : nil
    default:
      var bits = BitReader(NALUnits.payload(unit.prefix(16), headerCount: codec == .h264 ? 1 : 2))
      guard let identifier = try? bits.exponentialGolomb() else { return nil }
      return identifier < (codec == .h264 ? 256 : 64) ? identifier : nil
    }
  }
}
