/// An absolute http or https URL, and how references resolve against it; RFC 3986.
package struct WebURL: Hashable, Sendable, CustomStringConvertible {
  /// The longest URL that is taken from a server, in bytes.
  package static let maximumBytes = 8192

  package let isSecure: Bool
  /// Without the brackets of an IPv6 address; lower case.
  package let host: String
  package let port: UInt16
  /// Begins with "/"; percent-encoding as given.
  package let path: String
  /// Without "?"; nil when there is no question mark.
  package let query: String?

  /// Reads an absolute URL; nil when it is no http or https URL with a host.
  package init?(_ text: String) {
    guard text.utf8.count <= Self.maximumBytes, Self.isClean(text) else { return nil }
    let lowered = text.prefix(8).lowercased()
    let isSecure = lowered.hasPrefix("https://")
    guard isSecure || lowered.hasPrefix("http://") else { return nil }
    let rest = text.dropFirst(isSecure ? 8 : 7)
    let end = rest.firstIndex { "/?#".contains($0) } ?? rest.endIndex
    // Users and passwords of a URL are not for a checker.
    guard let (host, port) = Self.authority(rest[..<end], isSecure: isSecure) else { return nil }
    self.init(isSecure: isSecure, host: host, port: port, target: rest[end...])
  }

  private init(isSecure: Bool, host: String, port: UInt16, target: Substring) {
    self.isSecure = isSecure
    self.host = host
    self.port = port
    let (path, query) = Self.split(target)
    self.path = Self.withoutDots(path.hasPrefix("/") ? String(path) : "/" + path)
    self.query = query.map(String.init)
  }

  /// The URL that a reference found at this URL means; nil when it leads to no http or https URL.
  package func resolve(_ reference: String) -> WebURL? {
    guard reference.utf8.count <= Self.maximumBytes, Self.isClean(reference) else { return nil }
    if reference.hasPrefix("//") {
      return WebURL((isSecure ? "https:" : "http:") + reference)
    }
    if let scheme = Self.scheme(of: reference) {
      return scheme == "http" || scheme == "https" ? WebURL(reference) : nil
    }
    let (path, query) = Self.split(reference[...])
    let target: String
    if path.isEmpty {
      target = self.path + (query.map(String.init) ?? self.query).map({ "?" + $0 })
    } else if path.hasPrefix("/") {
      target = path + query.map({ "?" + $0 })
    } else {
      let folder = self.path[..<(self.path.lastIndex(of: "/") ?? self.path.startIndex)]
      target = "\(folder)/\(path)" + query.map({ "?" + $0 })
    }
    return WebURL(isSecure: isSecure, host: host, port: port, target: target[...])
  }

  /// This URL with another query.
  package func with(query: String?) -> WebURL {
    WebURL(
      isSecure: isSecure,
      host: host,
      port: port,
      target: (path + query.map({ "?" + $0 }))[...]
    )
  }

  /// What a request line carries.
  package var target: String { path + query.map({ "?" + $0 }) }

  /// Host and port as the Host field carries them, and as a connection is known by.
  package var authority: String {
    let name = host.contains(":") ? "[\(host)]" : host
    return port == (isSecure ? 443 : 80) ? name : "\(name):\(port)"
  }

  package var description: String { "\(isSecure ? "https" : "http")://\(authority)\(target)" }

  /// Whether the URL has only bytes that a URL may have: visible ASCII.
  private static func isClean(_ text: String) -> Bool {
    text.utf8.allSatisfy { (0x21...0x7E).contains($0) }
  }

  private static func scheme(of reference: String) -> String? {
    guard let colon = reference.firstIndex(of: ":") else { return nil }
    let name = reference[..<colon]
    guard let first = name.first, first.isLetter,
      name.allSatisfy({ $0.isLetter || $0.isNumber || "+-.".contains($0) })
    else { return nil }
    return name.lowercased()
  }

  private static func authority(_ text: Substring, isSecure: Bool) -> (String, UInt16)? {
    var name = text
    var port = UInt16(isSecure ? 443 : 80)
    if let colon = text.lastIndex(of: ":"), !text[colon...].contains("]") {
      name = text[..<colon]
      guard let number = UInt16(text[text.index(after: colon)...]) else { return nil }
      port = number
    }
    if name.hasPrefix("["), name.hasSuffix("]") { name = name.dropFirst().dropLast() }
    guard !name.isEmpty, !name.contains("@") else { return nil }
    return (name.lowercased(), port)
  }

  /// Path and query of a target; the fragment goes.
  private static func split(_ target: Substring) -> (path: Substring, query: Substring?) {
    let target = target.prefix { $0 != "#" }
    guard let mark = target.firstIndex(of: "?") else { return (target, nil) }
    return (target[..<mark], target[target.index(after: mark)...])
  }

  /// Removes "." and ".." segments, RFC 3986 §5.2.4.
  private static func withoutDots(_ path: String) -> String {
    let segments = path.split(separator: "/", omittingEmptySubsequences: false).dropFirst()
    var kept: [Substring] = []
    for (index, segment) in segments.enumerated() {
      let isLast = index == segments.count - 1
      switch segment {
      case ".": if isLast { kept.append("") }
      case "..":
        _ = kept.popLast()
        if isLast { kept.append("") }
      default: kept.append(segment)
      }
    }
    return "/" + kept.joined(separator: "/")
  }
}

/// Appends an optional tail.
private func + (text: some StringProtocol, tail: String?) -> String { String(text) + (tail ?? "") }
