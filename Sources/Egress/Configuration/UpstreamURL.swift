internal import Wire

/// Which transports a session may run on; the raw value is its name in configurations.
package enum TransportChoice: String, CaseIterable, Sendable {
  /// Raw QUIC, or WebTransport where the peer prefers or knows only that.
  case auto
  case quic
  case webTransport = "webtransport"
}

/// Where a broadcast comes from: `moqt://HOST[:PORT][/PATH][?QUERY]`, or the same with `https://`
/// over WebTransport alone.
package struct UpstreamURL: Equatable, Sendable {
  /// A name or an address; IPv6 without brackets.
  package let host: String
  package let port: UInt16
  /// Path and query, at least `/`.
  package let path: String
  /// What the scheme and the wanted transport come to.
  package let transport: TransportChoice

  /// The authority as the session's setup carries it.
  package var authority: String { (host.contains(":") ? "[\(host)]" : host) + ":\(port)" }

  /// Reads a URL; throws when it is none, or can't be reached over the transport that is wanted.
  package init(
    _ text: String,
    transport: TransportChoice = .auto
  ) throws(ConfigurationError) {
    guard let separator = text.firstRange(of: "://") else {
      throw ConfigurationError("upstream '\(text)' is not a URL; write moqt://HOST:PORT/")
    }
    let scheme = text[..<separator.lowerBound].lowercased()
    switch scheme {
    case "moqt": self.transport = transport
    case "https":
      guard transport != .quic else {
        throw ConfigurationError(
          "upstream '\(text)' is WebTransport's, but the transport is quic; write moqt://"
        )
      }
      self.transport = .webTransport
    default:
      throw ConfigurationError(
        "upstream '\(text)' has the scheme '\(scheme)'; it is moqt:// or, for WebTransport, "
          + "https://"
      )
    }
    var rest = text[separator.upperBound...]
    if let fragment = rest.firstIndex(of: "#") { rest = rest[..<fragment] }
    let end = rest.firstIndex { $0 == "/" || $0 == "?" } ?? rest.endIndex
    let authority = rest[..<end]
    let tail = String(rest[end...])
    path = tail.hasPrefix("/") ? tail : "/" + tail
    let hostEnd: String.Index
    if authority.hasPrefix("[") {
      guard let bracket = authority.firstIndex(of: "]"),
        SocketAddress.parseIPv6(authority[authority.index(after: authority.startIndex)..<bracket])
          != nil
      else { throw ConfigurationError("upstream '\(text)' has a malformed IPv6 address") }
      host = String(authority[authority.index(after: authority.startIndex)..<bracket])
      hostEnd = authority.index(after: bracket)
    } else {
      hostEnd = authority.firstIndex(of: ":") ?? authority.endIndex
      host = String(authority[..<hostEnd])
    }
    guard !host.isEmpty else { throw ConfigurationError("upstream '\(text)' names no host") }
    let portText = authority[hostEnd...]
    if portText.isEmpty {
      port = 443
    } else {
      // A number type's parser would take a sign.
      guard portText.hasPrefix(":"),
        portText.dropFirst().utf8.allSatisfy({ (48...57).contains($0) }),
        let value = UInt16(portText.dropFirst()), value > 0
      else {
        throw ConfigurationError(
          "upstream '\(text)' has a malformed port '\(portText.dropFirst())'"
        )
      }
      port = value
    }
  }

  /// Reads what a configuration says of its upstream.
  init(_ upstream: Configuration.Upstream) throws(ConfigurationError) {
    try self.init(upstream.url, transport: upstream.transport)
  }
}
