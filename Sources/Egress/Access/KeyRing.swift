package import Wire

/// The keys that tokens may be signed by: several, so that one can follow another.
package struct KeyRing: Equatable, Sendable {
  private var keys: [String: Bytes] = [:]

  /// Most keys of one ring.
  static let limit = 64
  /// Shortest secret, in bytes.
  static let shortestSecret = 16

  /// Reads `ID:SECRET` lines; empty ones and those that begin with `#` say nothing.
  ///
  /// Throws what is wrong, by line and without any secret.
  package init(_ file: Bytes) throws(ConfigurationError) {
    for (number, line) in SecretFile.lines(file) {
      let parts = line.slice.split(separator: UInt8(ascii: ":"), maxSplits: 1)
      guard parts.count == 2, AccessToken.isKeyID(parts[0]) else {
        throw ConfigurationError(
          "line \(number) is not ID:SECRET; an ID is of letters, digits, - and _, "
            + "\(AccessToken.keyIDLimit) at most"
        )
      }
      guard parts[1].count >= Self.shortestSecret else {
        throw ConfigurationError(
          "line \(number): a secret has \(Self.shortestSecret) bytes or more"
        )
      }
      let id = Bytes(parts[0]).text
      guard keys.updateValue(Bytes(parts[1]), forKey: id) == nil else {
        throw ConfigurationError("line \(number): there are two keys \(id)")
      }
    }
    guard (1...Self.limit).contains(keys.count) else {
      throw ConfigurationError("\(keys.count) keys, not 1 to \(Self.limit)")
    }
  }

  package subscript(id: String) -> Bytes? { keys[id] }
}
