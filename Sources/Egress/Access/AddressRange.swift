package import Wire

/// The IP addresses that begin with the same bits.
package struct AddressRange: Equatable, Sendable, CustomStringConvertible {
  private let address: Bytes
  private let bits: Int

  /// Reads `192.0.2.0/24`, `2001:db8::/32` or one address; bits past the length must be zero.
  package init?(_ text: String) {
    let parts = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
    guard let address = SocketAddress.parseIPv4(parts[0]) ?? SocketAddress.parseIPv6(parts[0])
    else { return nil }
    var bits = address.count * 8
    if parts.count == 2 {
      guard let length = Int(parts[1]), String(length) == parts[1], (0...bits).contains(length)
      else { return nil }
      bits = length
    }
    self.address = address
    self.bits = bits
    for index in bits..<(address.count * 8)
    where address[index / 8] >> UInt8(7 - index % 8) & 1 == 1 { return nil }
  }

  package func contains(_ other: Bytes) -> Bool {
    guard other.count == address.count else { return false }
    let whole = bits / 8
    guard address.prefix(whole) == other.prefix(whole) else { return false }
    guard bits % 8 > 0 else { return true }
    return (address[whole] ^ other[whole]) >> UInt8(8 - bits % 8) == 0
  }

  package var description: String {
    let host = SocketAddress(address: address, port: 0).host
    return bits == address.count * 8 ? host : "\(host)/\(bits)"
  }
}

extension SocketAddress {
  /// The address in its shortest form: IPv4 that is mapped into IPv6 is IPv4 (RFC 4291 §2.5.5.2).
  package var unmapped: Bytes {
    let isMapped = isIPv6 && address.prefix(12) == Self.mappedPrefix
    return isMapped ? address.suffix(from: 12) : address
  }

  private static let mappedPrefix: Bytes = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF]
}
