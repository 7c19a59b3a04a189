import Wire

/// Heads that were read lately, by their bytes: most clients ask for the same in the same words.
///
/// What a head says depends on nothing but its bytes and the limits, so connections with equal limits
/// may share one of these, and clients that ask for the same then share one ``RequestHead``. Only whole
/// heads without content are kept, in a fixed number of places: others with the same hash replace them.
package final class KnownHeads {
  private struct Entry {
    let bytes: [UInt8]
    let head: RequestHead
  }

  /// Places, a power of two.
  private static let places = 1024
  /// The longest head that is kept, in bytes.
  static let longest = 1024

  private var entries = [Entry?](repeating: nil, count: places)

  package init() {}

  /// The head that these bytes are; nil when it is not known.
  func head(_ bytes: Span<UInt8>) -> RequestHead? {
    guard let entry = entries[Self.place(bytes)], entry.bytes.count == bytes.count else {
      return nil
    }
    let known = entry.bytes.span
    // All bytes, without a way out: that is quicker than looking for the first that differs.
    var difference: UInt8 = 0
    for index in bytes.indices { difference |= known[index] ^ bytes[index] }
    return difference == 0 ? entry.head : nil
  }

  func remember(_ head: RequestHead, _ bytes: [UInt8]) {
    entries[Self.place(bytes.span)] = Entry(bytes: bytes, head: head)
  }

  /// The place of a multiplicative hash, in the way of FNV-1a but of eight bytes at a time.
  ///
  /// Whoever makes heads collide makes them be read anew, nothing else.
  private static func place(_ bytes: Span<UInt8>) -> Int {
    var hash: UInt64 = 0xCBF2_9CE4_8422_2325
    var index = 0
    while index + 8 <= bytes.count {
      var word: UInt64 = 0
      for offset in 0..<8 { word |= UInt64(bytes[index + offset]) << UInt64(8 * offset) }
      hash = (hash ^ word) &* multiplier
      // A product's lower bits don't depend on the upper ones of what was multiplied.
      hash ^= hash >> 32
      index += 8
    }
    while index < bytes.count {
      hash = (hash ^ UInt64(bytes[index])) &* multiplier
      index += 1
    }
    // The upper bits depend on all below them.
    return Int(hash >> 32) & (places - 1)
  }

  /// 2^64 by the golden ratio, which is odd and has its bits well spread.
  private static let multiplier: UInt64 = 0x9E37_79B9_7F4A_7C15
}
