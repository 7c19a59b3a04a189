package import Wire

/// What an AV1 sequence header says.
///
/// AV1 Bitstream & Decoding Process Specification §5.5.
package struct AV1SequenceHeader: Sendable, Hashable {
  package private(set) var profile: UInt8 = 0
  /// Of the first operating point.
  package private(set) var level: UInt8 = 0
  package private(set) var isHighTier = false
  package private(set) var width = 0
  package private(set) var height = 0
  package private(set) var bitDepth: UInt8 = 8
  package private(set) var isMonochrome = false
  package private(set) var isSubsampledX = true
  package private(set) var isSubsampledY = true
  package private(set) var chromaSamplePosition: UInt8 = 0
  /// Nil when the header describes no colour.
  package private(set) var colour: Colour?

  /// Finds the sequence header among OBUs; nil when there is none or it is broken.
  init?(openBitstreamUnits bytes: Bytes) {
    for unit in AV1Units(bytes) where unit.type == AV1Units.sequenceHeader {
      self.init(payload: unit.payload)
      return
    }
    return nil
  }

  /// Reads the payload of a sequence header; nil when it is broken.
  package init?(payload: Bytes) {
    var bits = BitReader(payload)
    guard (try? read(&bits)) != nil else { return nil }
  }

  private mutating func read(_ bits: inout BitReader) throws(DecodeError) {
    profile = UInt8(try bits.read(3))
    guard profile < 3 else { throw .invalid("seq_profile \(profile)") }
    try bits.skip(1)
    let isReduced = try bits.flag()
    if isReduced {
      level = UInt8(try bits.read(5))
    } else {
      try readOperatingPoints(&bits)
    }
    let widthBits = Int(try bits.read(4)) + 1
    let heightBits = Int(try bits.read(4)) + 1
    width = Int(try bits.read(widthBits)) + 1
    height = Int(try bits.read(heightBits)) + 1
    if !isReduced, try bits.flag() { try bits.skip(7) }  // frame ids
    try bits.skip(3)  // superblock size, filter intra, intra edge filter
    if !isReduced { try AV1SequenceHeader.skipTools(&bits) }
    try bits.skip(3)  // superres, cdef, restoration
    try readColourConfiguration(&bits)
  }

  private mutating func readOperatingPoints(_ bits: inout BitReader) throws(DecodeError) {
    var delayBits = 0
    var hasDecoderModel = false
    if try bits.flag() {
      try bits.skip(64)
      if try bits.flag() { try AV1SequenceHeader.skipVariableLength(&bits) }
      hasDecoderModel = try bits.flag()
      if hasDecoderModel {
        delayBits = Int(try bits.read(5)) + 1
        try bits.skip(42)
      }
    }
    let hasDisplayDelay = try bits.flag()
    for point in 0...(try bits.read(5)) {
      try bits.skip(12)
      let index = UInt8(try bits.read(5))
      let isHigh = index > 7 ? try bits.flag() : false  // a tier only above level 3.3
      if point == 0 { (level, isHighTier) = (index, isHigh) }
      if hasDecoderModel, try bits.flag() { try bits.skip(2 * delayBits + 1) }
      if hasDisplayDelay, try bits.flag() { try bits.skip(4) }
    }
  }

  private static func skipVariableLength(_ bits: inout BitReader) throws(DecodeError) {
    var zeros = 0
    while try !bits.flag() { zeros += 1 }
    if zeros < 32 { try bits.skip(zeros) }
  }

  private static func skipTools(_ bits: inout BitReader) throws(DecodeError) {
    try bits.skip(4)  // interintra, masked, warped motion, dual filter
    let hasOrderHint = try bits.flag()
    if hasOrderHint { try bits.skip(2) }
    let choosesScreenContent = try bits.flag()
    let forcesScreenContent = choosesScreenContent ? 2 : try bits.read(1)
    if forcesScreenContent > 0, try !bits.flag() { try bits.skip(1) }
    if hasOrderHint { try bits.skip(3) }
  }

  private mutating func readColourConfiguration(_ bits: inout BitReader) throws(DecodeError) {
    let isHighBitDepth = try bits.flag()
    bitDepth = isHighBitDepth ? 10 : 8
    if profile == 2, isHighBitDepth, try bits.flag() { bitDepth = 12 }
    isMonochrome = profile == 1 ? false : try bits.flag()
    var described: (UInt16, UInt16, UInt16)?
    if try bits.flag() {
      described = (
        UInt16(try bits.read(8)), UInt16(try bits.read(8)), UInt16(try bits.read(8))
      )
    }
    // sRGB has its range and sampling by definition; otherwise the next bits say them.
    let isRGB = !isMonochrome && described.map { $0 == (1, 13, 0) } ?? false
    let isFullRange = isRGB ? true : try bits.flag()
    if let (primaries, transfer, matrix) = described {
      colour = Colour(
        primaries: primaries,
        transfer: transfer,
        matrix: matrix,
        isFullRange: isFullRange
      )
    }
    if isRGB || profile == 1 {
      (isSubsampledX, isSubsampledY) = (false, false)
    } else if profile == 2, !isMonochrome {
      isSubsampledX = bitDepth == 12 ? try bits.flag() : true
      isSubsampledY = bitDepth == 12 && isSubsampledX ? try bits.flag() : false
    }
    if !isMonochrome, isSubsampledX, isSubsampledY {
      chromaSamplePosition = UInt8(try bits.read(2))
    }
  }

  /// The body of an av1C box; `unit` is the header's payload.
  ///
  /// AV1 Codec ISO Media File Format Binding §2.3.
  package func record(payload: Bytes) -> Bytes {
    var writer = ByteWriter()
    writer.write(0x81 as UInt8)
    writer.write(profile << 5 | level)
    var format: UInt8 = isHighTier ? 0x80 : 0
    if bitDepth > 8 { format |= 0x40 }
    if bitDepth == 12 { format |= 0x20 }
    if isMonochrome { format |= 0x10 }
    if isSubsampledX { format |= 8 }
    if isSubsampledY { format |= 4 }
    writer.write(format | chromaSamplePosition)
    writer.write(0 as UInt8)  // the presentation delay is not told
    writer.write(AV1Units.sequenceHeader << 3 | 2)
    AV1Units.writeSize(payload.count, to: &writer)
    writer.write(payload)
    return writer.bytes
  }
}

/// The open bitstream units of an AV1 temporal unit, as far as they are well-formed.
package struct AV1Units: Sequence, IteratorProtocol {
  private var reader: ByteReader

  package init(_ bytes: Bytes) { reader = ByteReader(bytes) }

  /// Whether all of the input was taken.
  package var isAtEnd: Bool { reader.isAtEnd }

  package mutating func next() -> (type: UInt8, payload: Bytes, bytes: Bytes)? {
    let start = reader.position
    guard let header = try? reader.readUInt8() else { return nil }
    if header & 4 != 0, (try? reader.skip(1)) == nil { return nil }
    let type = header >> 3 & 15
    let payload: Bytes
    if header & 2 == 0 {
      payload = reader.readRest()
    } else {
      guard let size = readLEB128(), let sized = try? reader.readBytes(size) else { return nil }
      payload = sized
    }
    return (type, payload, reader.bytes[start..<reader.position])
  }

  /// Writes a size in seven bits a byte, the lowest first.
  static func writeSize(_ size: Int, to writer: inout ByteWriter) {
    var rest = size
    while rest > 0x7F {
      writer.write(UInt8(rest & 0x7F) | 0x80)
      rest >>= 7
    }
    writer.write(UInt8(rest))
  }

  private mutating func readLEB128() -> Int? {
    var value = 0
    // Four bytes reach 256 MiB, more than any sample.
    for shift in [0, 7, 14, 21] {
      guard let byte = try? reader.readUInt8() else { return nil }
      value |= Int(byte & 0x7F) << shift
      if byte & 0x80 == 0 { return value }
    }
    return nil
  }

  package static let sequenceHeader: UInt8 = 1
  package static let temporalDelimiter: UInt8 = 2
  static let frameHeader: UInt8 = 3
  static let frame: UInt8 = 6
  package static let tileList: UInt8 = 8
  package static let padding: UInt8 = 15
}
