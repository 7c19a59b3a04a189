package import Wire

extension ByteReader {
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
