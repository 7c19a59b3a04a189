internal import HTTP
internal import Wire

/// Whose pages may read answers: everybody's, or those of a list.
///
/// With a list an answer depends on the request's Origin, and says so by Vary even when there is none.
package struct CrossOrigin: Equatable, Sendable, CustomStringConvertible {
  private enum Pattern: Equatable {
    case exact(String)
    /// Any host below a domain.
    case below(scheme: String, domain: String)
  }

  private var patterns: [(text: String, pattern: Pattern)] = []

  private static let everybody = "*"
  /// Most origins.
  private static let limit = 256

  /// Everybody's.
  package init() {}

  /// Reads `*`, or origins separated by blanks; a host may begin with `*.`.
  package init(_ text: String) throws(ConfigurationError) {
    let words = text.split(separator: " ").map(String.init)
    guard words != [Self.everybody] else { return }
    for word in words {
      guard let pattern = Self.pattern(word) else {
        throw ConfigurationError(
          "'\(word)' is not an origin, such as https://player.example or https://*.player.example"
        )
      }
      patterns.append((word, pattern))
    }
    guard (1...Self.limit).contains(patterns.count) else {
      throw ConfigurationError("\(patterns.count) origins, not * or 1 to \(Self.limit)")
    }
  }

  package static func == (left: CrossOrigin, right: CrossOrigin) -> Bool {
    left.patterns.map(\.text) == right.patterns.map(\.text)
  }

  package var description: String {
    hasList ? patterns.map(\.text).joined(separator: " ") : Self.everybody
  }

  var hasList: Bool { !patterns.isEmpty }

  /// The fields for a request of an origin, in place of those for everybody.
  func fields(for origin: Bytes?) -> Bytes {
    guard let text = origin?.fieldText, allows(text) else { return Self.vary }
    return Bytes(
      utf8: "Access-Control-Allow-Origin: \(text)\r\n\(Response.exposedFields)\(Self.vary.text)"
    )
  }

  func allows(_ origin: String) -> Bool {
    patterns.contains { entry in
      switch entry.pattern {
      case .exact(let allowed): return origin == allowed
      case .below(let scheme, let domain):
        guard origin.hasPrefix(scheme), origin.hasSuffix(domain) else { return false }
        let host = origin.dropFirst(scheme.count).dropLast(domain.count)
        return !host.isEmpty && origin.count >= scheme.count + domain.count
          && host.utf8.allSatisfy(Self.isHostByte)
      }
    }
  }

  /// Browsers write origins in lower case, with the port only where it is not the scheme's.
  private static func pattern(_ word: String) -> Pattern? {
    guard let end = word.firstRange(of: "://")?.upperBound else { return nil }
    let scheme = String(word[..<end])
    guard scheme == "https://" || scheme == "http://" else { return nil }
    var host = word[end...]
    let isBelow = host.hasPrefix("*.")
    if isBelow { host = host.dropFirst() }
    guard host.utf8.count > 1, host.utf8.allSatisfy({ isHostByte($0) || $0 == UInt8(ascii: ":") })
    else { return nil }
    return isBelow ? .below(scheme: scheme, domain: String(host)) : .exact(word)
  }

  private static func isHostByte(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"),
      UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "["), UInt8(ascii: "]"):
      true
    default: false
    }
  }

  /// What answers for nobody's page have.
  static let vary = Bytes(utf8: "Vary: Origin\r\n")
}
