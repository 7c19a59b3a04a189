package import HTTP
package import Wire

/// Who asked, and for which server, as far as those between are to be believed.
package struct Viewer: Equatable, Sendable {
  /// The IP address, 4 or 16 bytes; nil when a proxy on a Unix socket names none.
  package var address: Bytes?
  /// `http` or `https`, as the viewer has asked; nil when no proxy says so.
  package var scheme: String?
  /// The host that the viewer has asked; nil when no proxy says so.
  package var host: String?

  /// Which fields the proxies write: a field that they only pass on is the viewer's own.
  package enum Fields: String, CaseIterable, Sendable {
    /// X-Forwarded-For, -Proto and -Host.
    case xForwarded = "x-forwarded"
    /// RFC 7239.
    case forwarded

    /// What a cache is told of an answer that names the server as they do, RFC 9110 §12.5.5.
    var vary: Bytes {
      switch self {
      case .xForwarded: ResponseHead.line("Vary", "X-Forwarded-Proto, X-Forwarded-Host")
      case .forwarded: ResponseHead.line("Vary", "Forwarded")
      }
    }
  }

  /// Reads what proxies say of a request; a peer that isn't trusted says nothing.
  package init(
    _ head: RequestHead,
    peer: Bytes?,
    _ proxies: TrustedProxies,
    _ fields: Fields
  ) {
    address = peer
    guard proxies.contains(peer) else { return }
    switch fields {
    case .xForwarded: readXForwarded(head, proxies)
    case .forwarded: readForwarded(head, proxies)
    }
  }

  /// Proxies add at the end: the last that is none of them is the viewer, the rest may be invented.
  private mutating func readXForwarded(_ head: RequestHead, _ proxies: TrustedProxies) {
    func list(_ name: String) -> [Substring] {
      head.value(name)?.fieldText.split(separator: ",", omittingEmptySubsequences: false) ?? []
    }
    for text in list("x-forwarded-for").suffix(Self.hopLimit).reversed() {
      guard let hop = Self.node(text) else { break }
      address = hop
      guard proxies.contains(hop) else { break }
    }
    scheme = Self.scheme(list("x-forwarded-proto").last)
    host = Self.host(list("x-forwarded-host").last)
  }

  /// The same of elements, of which the viewer's tells what it has asked.
  private mutating func readForwarded(_ head: RequestHead, _ proxies: TrustedProxies) {
    guard let text = head.value("forwarded")?.fieldText else { return }
    for element in ForwardedElement.list(text).suffix(Self.hopLimit).reversed() {
      scheme = Self.scheme(element.proto?[...])
      host = Self.host(element.host?[...])
      guard let node = element.node, let hop = Self.node(node[...]) else { break }
      address = hop
      guard proxies.contains(hop) else { break }
    }
  }

  /// Most proxies one behind the other.
  private static let hopLimit = 16

  /// An address with or without a port; nil for what is hidden or none, RFC 7239 §6.
  private static func node(_ text: Substring) -> Bytes? {
    let text = trimmed(text)
    if text.hasPrefix("["), let end = text.firstIndex(of: "]") {
      guard isPort(text[end...].dropFirst()) else { return nil }
      return address(text[..<end].dropFirst())
    }
    guard let colon = text.firstIndex(of: ":"), colon == text.lastIndex(of: ":") else {
      return address(text)
    }
    return isPort(text[colon...]) ? address(text[..<colon]) : nil
  }

  /// Nothing, or a colon and a port that is a number or hidden behind a name.
  private static func isPort(_ text: Substring) -> Bool {
    guard let name = text.utf8.dropFirst().first else { return text.isEmpty }
    let isHidden = name == UInt8(ascii: "_")
    return text.first == ":"
      && text.utf8.dropFirst(isHidden ? 2 : 1).allSatisfy { byte in
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): true
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
          UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "-"):
          isHidden
        default: false
        }
      }
  }

  private static func address(_ text: Substring) -> Bytes? {
    guard let bytes = SocketAddress.parseIPv4(text) ?? SocketAddress.parseIPv6(text) else {
      return nil
    }
    return SocketAddress(address: bytes, port: 0).unmapped
  }

  private static func scheme(_ text: Substring?) -> String? {
    guard let text = text.map(trimmed)?.lowercased(), text == "http" || text == "https" else {
      return nil
    }
    return text
  }

  private static func host(_ text: Substring?) -> String? {
    guard let text = text.map(trimmed), !text.isEmpty, text.utf8.count <= hostLimit,
      Target.isAuthority(Bytes(utf8: String(text)))
    else { return nil }
    return String(text)
  }

  /// Longest host with its port, in bytes: RFC 1035 §2.3.4 and a colon with five digits.
  private static let hostLimit = 261
}
