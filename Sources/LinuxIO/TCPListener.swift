internal import CLinux
internal import Glibc
package import Wire

/// A listening TCP socket.
///
/// Several listeners may share one address, and the kernel then spreads connections over them.
package final class TCPListener {
  private let socket: FileDescriptor
  /// The bound address, with the port that the kernel picked when 0 was asked for.
  package let address: SocketAddress

  package init(_ address: SocketAddress, isShared: Bool) throws(SystemError) {
    let descriptor = clinux_socket(address.isIPv6 ? AF_INET6 : AF_INET, 1)
    guard descriptor >= 0 else { throw SystemError("socket \(address)") }
    socket = FileDescriptor(owning: descriptor)
    var one: CInt = 1
    let size = socklen_t(MemoryLayout<CInt>.size)
    _ = unsafe setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &one, size)
    if isShared { _ = unsafe setsockopt(descriptor, SOL_SOCKET, SO_REUSEPORT, &one, size) }
    if address.isIPv6 {
      _ = unsafe setsockopt(descriptor, CInt(IPPROTO_IPV6), IPV6_V6ONLY, &one, size)
    }
    let bound = unsafe address.withSockaddr { unsafe bind(descriptor, $0, $1) }
    guard bound == 0 else { throw SystemError("bind \(address)") }
    guard listen(descriptor, 4096) == 0 else { throw SystemError("listen \(address)") }
    self.address = SocketAddress.local(of: descriptor) ?? address
  }

  package var descriptor: CInt { socket.rawValue }

  /// Gives the address up, though the listener is still referred to; who waits to be accepted is reset.
  package func stop() { _ = Glibc.shutdown(socket.rawValue, CInt(SHUT_RDWR)) }

  /// What one attempt to accept gave.
  package enum Accepted {
    case connection(TCPSocket)
    case none
    /// Descriptors or memory ran out; stop accepting for a while instead of spinning.
    case exhausted
  }

  /// Takes the next waiting connection.
  package func accept() -> Accepted {
    var storage = sockaddr_storage()
    var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
    let descriptor = unsafe withUnsafeMutablePointer(to: &storage) { pointer in
      unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
        retrying { unsafe Int(clinux_accept(socket.rawValue, address, &length)) }
      }
    }
    if descriptor >= 0 {
      let peer = SocketAddress(storage) ?? .loopback(port: 0)
      return .connection(TCPSocket(owning: CInt(descriptor), peer: peer))
    }
    switch Glibc.errno {
    case EMFILE, ENFILE, ENOBUFS, ENOMEM: return .exhausted
    default: return .none
    }
  }
}
