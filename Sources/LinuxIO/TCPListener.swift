internal import CLinux
internal import Glibc
package import Wire

/// A listening socket of TCP, or of a path of the file system.
///
/// Several listeners may share one address, and the kernel then spreads connections over them. Of a path
/// there is one, which several threads may accept from.
package final class TCPListener: Sendable {
  private let socket: FileDescriptor
  /// Of a path.
  private let file: SocketFile?
  /// The bound address, with the port that the kernel picked when 0 was asked for; of a path, none that
  /// means anything.
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
    file = nil
  }

  /// Listens at a path, whose file goes with the listener.
  ///
  /// - Parameters:
  ///   - path: where; a socket that nobody listens at any more is replaced.
  ///   - mode: who may connect, as of chmod(2); nil leaves it to the umask.
  /// - Throws: why it can't be, such as another server that listens there.
  package init(unix path: String, mode: UInt32?) throws(SystemError) {
    let descriptor = clinux_socket(AF_UNIX, 1)
    guard descriptor >= 0 else { throw SystemError("socket unix:\(path)") }
    socket = FileDescriptor(owning: descriptor)
    file = try SocketFile(binding: descriptor, to: path, mode: mode)
    guard listen(descriptor, 4096) == 0 else { throw SystemError("listen unix:\(path)") }
    address = .loopback(port: 0)
  }

  /// Whether connections come by a path, and have no addresses.
  package var isLocal: Bool { file != nil }

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
