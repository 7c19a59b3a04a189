import Wire

/// Reads big-endian bit fields; past the end it throws.
struct BitReader {
  private let bytes: Bytes
  private var position = 0

  init(_ bytes: Bytes) { self.bytes = bytes }

  var remaining: Int { bytes.count * 8 - position }

  /// Reads an unsigned field of 0…32 bits.
  mutating func read(_ width: Int) throws(DecodeError) -> UInt32 {
    guard width <= remaining else { throw .truncated }
    var value: UInt32 = 0
    for _ in 0..<width {
      value = value << 1 | UInt32(bytes[position >> 3] >> UInt8(7 - position & 7) & 1)
      position += 1
    }
    return value
  }

  mutating func flag() throws(DecodeError) -> Bool { try read(1) == 1 }

  mutating func skip(_ width: Int) throws(DecodeError) {
    guard width <= remaining else { throw .truncated }
    position += width
  }
}
