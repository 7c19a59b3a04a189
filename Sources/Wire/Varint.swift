extension ByteReader {
  /// Reads an RFC 9000 §16 integer: the top two bits of the first byte say 1, 2, 4 or 8 bytes.
  package mutating func readVarint() throws(DecodeError) -> UInt64 {
    guard let first = peek else { throw .truncated }
    let width = 1 << Int(first >> 6)
    let value = try readBigEndian(width)
    // The top two bits are the length.
    return value & (UInt64.max >> UInt64(66 - width * 8))
  }

  /// Reads a vi64 (draft 17 and later): the leading one bits of the first byte count the bytes
  /// that follow it.
  package mutating func readVi64() throws(DecodeError) -> UInt64 {
    guard let first = peek else { throw .truncated }
    let extra = (~first).leadingZeroBitCount
    guard remaining > extra else { throw .truncated }
    try skip(1)
    let low = extra == 0 ? 0 : try readBigEndian(extra)
    guard extra < 7 else { return low }
    let high = UInt64(first & (0x7f >> UInt8(extra)))
    return high << UInt64(extra * 8) | low
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

  /// Writes a vi64 in the fewest bytes.
  package mutating func writeVi64(_ value: UInt64) {
    let bits = 64 - value.leadingZeroBitCount
    let extra = bits <= 7 ? 0 : bits > 56 ? 8 : (bits - 1) / 7
    if extra == 8 {
      write(0xff as UInt8)
      write(value)
    } else {
      // `extra` ones, a zero, and the value's bits in what is left.
      let prefix = UInt64(0xff00 >> extra & 0xff) << UInt64(extra * 8)
      writeBigEndian(value | prefix, width: extra + 1)
    }
  }
}
