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

  /// The place of FNV-1a's hash.
  ///
  /// Whoever makes heads collide makes them be read anew, nothing else.
  private static func place(_ bytes: Span<UInt8>) -> Int {
    var hash: UInt32 = 0x811C_9DC5
    for index in bytes.indices { hash = (hash ^ UInt32(bytes[index])) &* 0x0100_0193 }
    return Int(hash ^ hash >> 16) & (places - 1)
  }
}
