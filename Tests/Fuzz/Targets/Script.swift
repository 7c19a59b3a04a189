import Wire

/// Reads decisions from an input; past its end everything is 0.
struct Script {
  private let bytes: Bytes
  private var offset = 0

  init(_ bytes: Bytes) { self.bytes = bytes }

  var isAtEnd: Bool { offset >= bytes.count }

  mutating func byte() -> UInt8 {
    guard !isAtEnd else { return 0 }
    defer { offset += 1 }
    return bytes[offset]
  }

  mutating func uint64() -> UInt64 { (0..<8).reduce(0) { value, _ in value << 8 | UInt64(byte()) } }

  /// A number that is usually small and sometimes one at which arithmetic ends.
  mutating func number() -> UInt64 {
    switch byte() {
    case 0xF0: UInt64(Int64.max)
    case 0xF1: 1 << 63
    case 0xF2: .max
    case 0xF3: (1 << 62) - 1
    case 0xF4: 1 << 62
    case 0xF5: 1 << 53
    case 0xF6: 1 << 32
    case 0xF7: 0xFFFF_FFFF
    case 0xF8: UInt64(byte()) << 8 | UInt64(byte())
    case 0xF9: uint64()
    case let small: UInt64(small)
    }
  }

  /// So many bytes, fewer at the end.
  mutating func take(_ count: Int) -> Bytes {
    let end = min(bytes.count, offset + count)
    defer { offset = end }
    return bytes[offset..<end]
  }

  mutating func rest() -> Bytes { take(bytes.count - offset) }
}
