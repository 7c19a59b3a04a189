/// The alphabet of URLs, without padding.
///
/// RFC 4648 §5.
package enum Base64URL {
  /// Renders bytes.
  package static func encode(_ bytes: Bytes) -> String {
    var text: [UInt8] = []
    text.reserveCapacity((bytes.count * 4 + 2) / 3)
    var held: UInt32 = 0
    var bits: UInt32 = 0
    for byte in bytes.slice {
      held = held << 8 | UInt32(byte)
      bits += 8
      while bits >= 6 {
        bits -= 6
        text.append(digits[Int(held >> bits & 63)])
      }
      held &= (1 << bits) - 1
    }
    if bits > 0 { text.append(digits[Int(held << (6 - bits) & 63)]) }
    return String(decoding: text, as: UTF8.self)
  }

  /// Reads what `encode` renders; nil for any other spelling of bytes.
  package static func decode(_ text: some Collection<UInt8>) -> Bytes? {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(text.count * 3 / 4)
    var held: UInt32 = 0
    var bits: UInt32 = 0
    for character in text {
      guard let value = value(character) else { return nil }
      held = held << 6 | value
      bits += 6
      if bits >= 8 {
        bits -= 8
        bytes.append(UInt8(truncatingIfNeeded: held >> bits))
      }
      held &= (1 << bits) - 1
    }
    // What is left over is less than a digit, and zero.
    guard bits < 6, held == 0 else { return nil }
    return Bytes(bytes)
  }

  private static func value(_ character: UInt8) -> UInt32? {
    switch character {
    case UInt8(ascii: "A")...UInt8(ascii: "Z"): UInt32(character - UInt8(ascii: "A"))
    case UInt8(ascii: "a")...UInt8(ascii: "z"): UInt32(character - UInt8(ascii: "a") + 26)
    case UInt8(ascii: "0")...UInt8(ascii: "9"): UInt32(character - UInt8(ascii: "0") + 52)
    case UInt8(ascii: "-"): 62
    case UInt8(ascii: "_"): 63
    default: nil
    }
  }

  private static let digits = Array(
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_".utf8
  )
}
