internal import Digest
internal import HTTP
internal import Wire

/// What a CDN shows to be the CDN: a field of its requests with one of some values.
struct OriginSecret: Equatable, Sendable {
  /// In lower case.
  private let field: String
  private let values: [Bytes]

  /// Most values.
  static let limit = 16

  /// Reads values, one a line; throws what is wrong without any secret.
  init(field: String, _ file: Bytes) throws(ConfigurationError) {
    self.field = field.lowercased()
    let lines = SecretFile.lines(file)
    for (number, value) in lines where value.count < KeyRing.shortestSecret {
      throw ConfigurationError(
        "line \(number): a secret has \(KeyRing.shortestSecret) bytes or more"
      )
    }
    values = lines.map(\.text)
    guard (1...Self.limit).contains(values.count) else {
      throw ConfigurationError("\(values.count) secrets, not 1 to \(Self.limit)")
    }
  }

  /// Whether a request shows one of them.
  func isShown(by head: RequestHead) -> Bool {
    guard let shown = head.value(field) else { return false }
    // All are looked at, whichever it is.
    return values.reduce(false) { found, value in
      value.isEqualInConstantTime(to: shown) || found
    }
  }
}
