extension ByteReader {
  /// Reads an RFC 9000 §16 integer: the top two bits of the first byte say 1, 2, 4 or 8 bytes.
  package mutating func readVarint() throws(DecodeError) -> UInt64 {
    guard let first = peek else { throw .truncated }
    let width = 1 << Int(first >> 6)
    let value = try readBigEndian(width)
    // The top two bits are the length.
    return value & (UInt64.max >> UInt64(66 - width * 8))
  }
}

extension ByteWriter {
  /// The largest value of an RFC 9000 integer, 2^62 - 1.
  package static let maximumVarint: UInt64 = 0x3fff_ffff_ffff_ffff

  /// Writes an RFC 9000 §16 integer in the fewest bytes; traps above 2^62 - 1.
  package mutating func writeVarint(_ value: UInt64) {
    precondition(value <= Self.maximumVarint, "an RFC 9000 integer has at most 62 bits")
    switch value {
    case 0..<0x40: write(UInt8(value))
    case 0x40..<0x4000: write(UInt16(value | 0x4000))
    case 0x4000..<0x4000_0000: write(UInt32(value | 0x8000_0000))
    default: write(value | 0xc000_0000_0000_0000)
    }
  }
}
