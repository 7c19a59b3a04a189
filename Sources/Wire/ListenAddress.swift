/// Where a server listens: a port of an IP address, or a Unix socket.
package enum ListenAddress: Hashable, Sendable {
  case port(SocketAddress)
  /// A path of the file system.
  case unix(path: String)

  /// Longest path, in bytes: `sun_path` of unix(7) without its end.
  package static let pathLimit = 107
  private static let scheme = "unix:"

  /// Reads what ``SocketAddress`` reads, or `unix:` and a path.
  package init?(_ text: String) {
    if text.hasPrefix(Self.scheme) {
      let path = String(text.dropFirst(Self.scheme.count))
      guard (1...Self.pathLimit).contains(path.utf8.count), !path.utf8.contains(0) else {
        return nil
      }
      self = .unix(path: path)
    } else {
      guard let address = SocketAddress(text) else { return nil }
      self = .port(address)
    }
  }

  package static func loopback(port: UInt16) -> ListenAddress { .port(.loopback(port: port)) }
}

extension ListenAddress: CustomStringConvertible {
  package var description: String {
    switch self {
    case .port(let address): address.description
    case .unix(let path): Self.scheme + path
    }
  }
}
