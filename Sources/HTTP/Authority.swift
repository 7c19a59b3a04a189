package import Wire

/// Hosts and ports as URLs and Host name them.
///
/// RFC 3986 §3.2, RFC 9110 §4.2.4: user information is an error.
extension Target {
  /// Whether bytes are `host` or `host:port`, the host not empty.
  package static func isAuthority(_ bytes: Bytes) -> Bool {
    let slice = bytes.slice
    if slice.first == UInt8(ascii: "[") {
      guard let end = slice.firstIndex(of: UInt8(ascii: "]")) else { return false }
      let address = slice[slice.index(after: slice.startIndex)..<end]
      return SocketAddress.parseIPv6(Bytes(address).text) != nil
        && isPort(slice[slice.index(after: end)...])
    }
    let end = slice.firstIndex(of: UInt8(ascii: ":")) ?? slice.endIndex
    return end > slice.startIndex && isName(slice[..<end]) && isPort(slice[end...])
  }

  /// Whether an authority says a port.
  static func hasPort(_ authority: Bytes) -> Bool {
    guard let colon = authority.slice.lastIndex(of: UInt8(ascii: ":")) else { return false }
    let port = authority.slice[colon...].dropFirst()
    return !port.isEmpty && port.allSatisfy { digits.contains($0) }
  }

  /// A registered name or an IPv4 address.
  private static func isName(_ name: ArraySlice<UInt8>) -> Bool {
    var rest = name
    while let byte = rest.popFirst() {
      switch byte {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), digits:
        break
      case UInt8(ascii: "%"):
        guard rest.popFirst().flatMap(digit) != nil, rest.popFirst().flatMap(digit) != nil else {
          return false
        }
      default: guard nameMarks.contains(byte) else { return false }
      }
    }
    return true
  }

  /// Nothing, or a colon and digits; RFC 3986 lets those be none.
  private static func isPort(_ port: ArraySlice<UInt8>) -> Bool {
    port.isEmpty
      || port.first == UInt8(ascii: ":") && port.dropFirst().allSatisfy { digits.contains($0) }
  }

  private static let digits = UInt8(ascii: "0")...UInt8(ascii: "9")
  private static let nameMarks = Array("-._~!$&'()*+,;=".utf8)
}
