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
      head.value(name)?.text.split(separator: ",", omittingEmptySubsequences: false) ?? []
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
    guard let text = head.value("forwarded")?.text else { return }
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

  /// An address with or without a port; nil for what is hidden or none.
  private static func node(_ text: Substring) -> Bytes? {
    let text = text.trimmingBlanks
    if text.hasPrefix("["), let end = text.firstIndex(of: "]") {
      return address(text[text.index(after: text.startIndex)..<end])
    }
    if text.filter({ $0 == ":" }).count == 1 { return address(text.prefix { $0 != ":" }) }
    return address(text)
  }

  private static func address(_ text: Substring) -> Bytes? {
    guard let bytes = SocketAddress.parseIPv4(text) ?? SocketAddress.parseIPv6(text) else {
      return nil
    }
    return SocketAddress(address: bytes, port: 0).unmapped
  }

  private static func scheme(_ text: Substring?) -> String? {
    guard let text = text?.trimmingBlanks.lowercased(), text == "http" || text == "https" else {
      return nil
    }
    return text
  }

  private static func host(_ text: Substring?) -> String? {
    guard let text = text?.trimmingBlanks, !text.isEmpty, text.utf8.count <= hostLimit,
      Target.isAuthority(Bytes(utf8: String(text)))
    else { return nil }
    return String(text)
  }

  /// Longest host with its port, in bytes: RFC 1035 §2.3.4 and a colon with five digits.
  private static let hostLimit = 261
}

extension Substring {
  var trimmingBlanks: Substring {
    var text = drop { $0 == " " || $0 == "\t" }
    while text.last == " " || text.last == "\t" { text.removeLast() }
    return text
  }
}
