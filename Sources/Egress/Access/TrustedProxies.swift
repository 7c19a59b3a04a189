package import Wire

/// Whose word counts about who asked them.
package struct TrustedProxies: Equatable, Sendable, CustomStringConvertible {
  private var ranges: [AddressRange] = []
  /// Whether who connects by a Unix socket is one.
  private var trustsLocal = false

  /// The word for all who connect by a Unix socket.
  private static let local = "unix:"
  /// Most ranges.
  private static let limit = 1024

  /// Trusts nobody.
  package init() {}

  /// Reads addresses and ranges, separated by blanks.
  package init(_ text: String) throws(ConfigurationError) {
    for word in text.split(separator: " ") {
      if word == Self.local {
        trustsLocal = true
      } else if let range = AddressRange(String(word)) {
        ranges.append(range)
      } else {
        throw ConfigurationError(
          "'\(word)' is not ADDRESS/BITS, such as 192.0.2.0/24 or 2001:db8::/32, nor unix:"
        )
      }
    }
    guard ranges.count <= Self.limit else {
      throw ConfigurationError("\(ranges.count) ranges, more than \(Self.limit)")
    }
  }

  package var isEmpty: Bool { ranges.isEmpty && !trustsLocal }

  /// Whether a peer is one; nil is a peer of a Unix socket.
  package func contains(_ address: Bytes?) -> Bool {
    guard let address else { return trustsLocal }
    return ranges.contains { $0.contains(address) }
  }

  package var description: String {
    (ranges.map(\.description) + (trustsLocal ? [Self.local] : [])).joined(separator: " ")
  }
}
