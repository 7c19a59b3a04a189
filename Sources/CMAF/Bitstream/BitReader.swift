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

  /// Reads an unsigned Exp-Golomb number of at most 32 bits, ITU-T H.264 §9.1.
  mutating func exponentialGolomb() throws(DecodeError) -> UInt32 {
    var zeros = 0
    while try !flag() {
      zeros += 1
      guard zeros < 32 else { throw .invalid("an Exp-Golomb number of more than 32 bits") }
    }
    let suffix = try read(zeros)
    return (1 << UInt32(zeros)) - 1 + suffix
  }

  /// Reads a signed Exp-Golomb number, ITU-T H.264 §9.1.1.
  mutating func signedExponentialGolomb() throws(DecodeError) -> Int32 {
    let code = try exponentialGolomb()
    let magnitude = Int32(bitPattern: code / 2 + (code & 1))
    return code & 1 == 1 ? magnitude : -magnitude
  }
}
