import Wire

/// The colour description of an AV1 sequence header.
///
/// AV1 Bitstream & Decoding Process Specification §5.5.
struct AV1SequenceHeader {
  /// Nil when the header describes no colour.
  let colour: Colour?

  /// Finds the sequence header among OBUs; nil when there is none or it is broken.
  init?(openBitstreamUnits bytes: Bytes) {
    for unit in AV1Units(bytes) where unit.type == AV1Units.sequenceHeader {
      guard let colour = try? AV1SequenceHeader.readColour(unit.payload) else { return nil }
      self.colour = colour
      return
    }
    return nil
  }

  private static func readColour(_ payload: Bytes) throws(DecodeError) -> Colour?? {
    var bits = BitReader(payload)
    let profile = try bits.read(3)
    try bits.skip(1)
    let isReduced = try bits.flag()
    if isReduced {
      try bits.skip(5)
    } else {
      try skipTimingAndOperatingPoints(&bits)
    }
    let widthBits = Int(try bits.read(4)) + 1
    let heightBits = Int(try bits.read(4)) + 1
    try bits.skip(widthBits + heightBits)
    if !isReduced, try bits.flag() { try bits.skip(7) }  // frame ids
    try bits.skip(3)  // superblock size, filter intra, intra edge filter
    if !isReduced { try skipTools(&bits) }
    try bits.skip(3)  // superres, cdef, restoration
    return .some(try readColourConfiguration(&bits, profile: profile))
  }

  private static func skipTimingAndOperatingPoints(_ bits: inout BitReader) throws(DecodeError) {
    var delayBits = 0
    var hasDecoderModel = false
    if try bits.flag() {
      try bits.skip(64)
      if try bits.flag() { try skipVariableLength(&bits) }
      hasDecoderModel = try bits.flag()
      if hasDecoderModel {
        delayBits = Int(try bits.read(5)) + 1
        try bits.skip(42)
      }
    }
    let hasDisplayDelay = try bits.flag()
    for _ in 0...(try bits.read(5)) {
      try bits.skip(12)
      if try bits.read(5) > 7 { try bits.skip(1) }  // a tier only above level 3.3
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

  private static func readColourConfiguration(
    _ bits: inout BitReader,
    profile: UInt32
  ) throws(DecodeError) -> Colour? {
    let isHighBitDepth = try bits.flag()
    if profile == 2, isHighBitDepth { try bits.skip(1) }
    let isMonochrome = profile == 1 ? false : try bits.flag()
    guard try bits.flag() else { return nil }
    let primaries = UInt16(try bits.read(8))
    let transfer = UInt16(try bits.read(8))
    let matrix = UInt16(try bits.read(8))
    // sRGB has its range by definition; otherwise the next bit says it.
    let isRGB = !isMonochrome && primaries == 1 && transfer == 13 && matrix == 0
    return Colour(
      primaries: primaries,
      transfer: transfer,
      matrix: matrix,
      isFullRange: isRGB ? true : try bits.flag()
    )
  }
}

/// The open bitstream units of an AV1 temporal unit, as far as they are well-formed.
struct AV1Units: Sequence, IteratorProtocol {
  private var reader: ByteReader

  init(_ bytes: Bytes) { reader = ByteReader(bytes) }

  mutating func next() -> (type: UInt8, payload: Bytes)? {
    guard let header = try? reader.readUInt8() else { return nil }
    if header & 4 != 0, (try? reader.skip(1)) == nil { return nil }
    let type = header >> 3 & 15
    guard header & 2 != 0 else { return (type, reader.readRest()) }
    guard let size = readLEB128(), let payload = try? reader.readBytes(size) else { return nil }
    return (type, payload)
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

  static let sequenceHeader: UInt8 = 1
  static let frameHeader: UInt8 = 3
  static let frame: UInt8 = 6
}
