/// An IP address with a port, as a plain value; QUIC and LinuxIO convert it to C privately.
package struct SocketAddress: Hashable, Sendable {
  /// The address in network order: 4 bytes for IPv4, 16 for IPv6.
  package let address: Bytes
  package var port: UInt16
  /// IPv6 scope (interface index), 0 when none.
  package var scope: UInt32

  /// Takes 4 or 16 bytes in network order; traps on any other count.
  package init(address: Bytes, port: UInt16, scope: UInt32 = 0) {
    precondition(address.count == 4 || address.count == 16, "an IP address has 4 or 16 bytes")
    self.address = address
    self.port = port
    self.scope = scope
  }

  package var isIPv6: Bool { address.count == 16 }

  package static func loopback(port: UInt16) -> SocketAddress {
    SocketAddress(address: [127, 0, 0, 1], port: port)
  }
}

extension SocketAddress: CustomStringConvertible {
  /// `192.0.2.1:80` or `[2001:db8::1]:80`.
  package var description: String { isIPv6 ? "[\(host)]:\(port)" : "\(host):\(port)" }

  /// The address alone; IPv6 compressed as RFC 5952 §4.2 asks.
  package var host: String {
    guard isIPv6 else { return address.slice.map { String($0) }.joined(separator: ".") }
    let groups = (0..<8).map { UInt16(address[$0 * 2]) << 8 | UInt16(address[$0 * 2 + 1]) }
    var longest = 0..<0
    var start = 0
    while start < 8 {
      var end = start
      while end < 8, groups[end] == 0 { end += 1 }
      if end - start > max(longest.count, 1) { longest = start..<end }
      start = max(end, start + 1)
    }
    func text(_ range: Range<Int>) -> String {
      groups[range].map { String($0, radix: 16) }.joined(separator: ":")
    }
    guard !longest.isEmpty else { return text(0..<8) }
    return text(0..<longest.lowerBound) + "::" + text(longest.upperBound..<8)
  }
}

extension SocketAddress {
  /// Reads `127.0.0.1:8080`, `[::1]:8080` or `:8080` (any IPv4 address); names are not resolved.
  package init?(_ text: String) {
    guard let colon = text.lastIndex(of: ":"),
      text[text.index(after: colon)...].utf8.allSatisfy({ (48...57).contains($0) }),
      let port = UInt16(text[text.index(after: colon)...])
    else { return nil }
    let host = text[..<colon]
    if host.isEmpty {
      self.init(address: [0, 0, 0, 0], port: port)
    } else if host.hasPrefix("["), host.hasSuffix("]") {
      guard let address = SocketAddress.parseIPv6(host.dropFirst().dropLast()) else { return nil }
      self.init(address: address, port: port)
    } else {
      guard let address = SocketAddress.parseIPv4(host) else { return nil }
      self.init(address: address, port: port)
    }
  }

  /// Four decimal numbers 0…255 with dots; nil for anything else.
  package static func parseIPv4(_ text: some StringProtocol) -> Bytes? {
    let fields = text.split(separator: ".", omittingEmptySubsequences: false)
    guard fields.count == 4 else { return nil }
    var bytes: [UInt8] = []
    for field in fields {
      guard (1...3).contains(field.utf8.count), field.utf8.allSatisfy({ (48...57).contains($0) }),
        let byte = UInt8(field)
      else { return nil }
      bytes.append(byte)
    }
    return Bytes(bytes)
  }

  /// RFC 4291 §2.2 forms 1 to 3, without a scope; nil for anything else.
  package static func parseIPv6(_ text: some StringProtocol) -> Bytes? {
    func groups(_ part: some StringProtocol, isLast: Bool) -> [UInt8]? {
      guard !part.isEmpty else { return [] }
      let fields = part.split(separator: ":", omittingEmptySubsequences: false)
      var bytes: [UInt8] = []
      for (index, field) in fields.enumerated() {
        if isLast, index == fields.count - 1, field.contains("."),
          let tail = parseIPv4(String(field))
        {
          bytes += tail.array
        } else {
          guard (1...4).contains(field.utf8.count), field.allSatisfy(\.isHexDigit),
            let group = UInt16(field, radix: 16)
          else { return nil }
          bytes += [UInt8(group >> 8), UInt8(truncatingIfNeeded: group)]
        }
      }
      return bytes
    }
    let text = String(text)
    guard let gap = text.firstRange(of: "::") else {
      guard let bytes = groups(text, isLast: true), bytes.count == 16 else { return nil }
      return Bytes(bytes)
    }
    guard let head = groups(text[..<gap.lowerBound], isLast: false),
      let tail = groups(text[gap.upperBound...], isLast: true), head.count + tail.count <= 14
    else { return nil }
    return Bytes(head + [UInt8](repeating: 0, count: 16 - head.count - tail.count) + tail)
  }
}
