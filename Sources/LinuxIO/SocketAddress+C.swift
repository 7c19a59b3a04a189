internal import Glibc
internal import Wire

extension SocketAddress {
  /// Lends the address as C wants it, valid only during `body`.
  func withSockaddr<Result>(_ body: (UnsafePointer<sockaddr>, socklen_t) -> Result) -> Result {
    if isIPv6 {
      var value = sockaddr_in6()
      value.sin6_family = sa_family_t(AF_INET6)
      value.sin6_port = port.bigEndian
      value.sin6_scope_id = scope
      unsafe withUnsafeMutableBytes(of: &value.sin6_addr) { field in
        for index in 0..<16 { unsafe field[index] = address[index] }
      }
      return unsafe withUnsafePointer(to: &value) { pointer in
        unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
          unsafe body($0, socklen_t(MemoryLayout<sockaddr_in6>.size))
        }
      }
    }
    var value = sockaddr_in()
    value.sin_family = sa_family_t(AF_INET)
    value.sin_port = port.bigEndian
    unsafe withUnsafeMutableBytes(of: &value.sin_addr) { field in
      for index in 0..<4 { unsafe field[index] = address[index] }
    }
    return unsafe withUnsafePointer(to: &value) { pointer in
      unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        unsafe body($0, socklen_t(MemoryLayout<sockaddr_in>.size))
      }
    }
  }

  /// Reads an address that the kernel filled in; nil for another family.
  init?(_ storage: sockaddr_storage) {
    var storage = storage
    let parsed: SocketAddress? = unsafe withUnsafeMutablePointer(to: &storage) { pointer in
      switch unsafe CInt(pointer.pointee.ss_family) {
      case AF_INET:
        unsafe pointer.withMemoryRebound(to: sockaddr_in.self, capacity: 1) { value in
          let bytes = unsafe withUnsafeBytes(of: &value.pointee.sin_addr) { unsafe Array($0) }
          return unsafe SocketAddress(
            address: Bytes(bytes),
            port: UInt16(bigEndian: value.pointee.sin_port)
          )
        }
      case AF_INET6:
        unsafe pointer.withMemoryRebound(to: sockaddr_in6.self, capacity: 1) { value in
          let bytes = unsafe withUnsafeBytes(of: &value.pointee.sin6_addr) { unsafe Array($0) }
          return unsafe SocketAddress(
            address: Bytes(bytes),
            port: UInt16(bigEndian: value.pointee.sin6_port),
            scope: value.pointee.sin6_scope_id
          )
        }
      default: nil
      }
    }
    guard let parsed else { return nil }
    self = parsed
  }

  /// The local address of a socket.
  static func local(of descriptor: CInt) -> SocketAddress? {
    var storage = sockaddr_storage()
    var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
    let result = unsafe withUnsafeMutablePointer(to: &storage) { pointer in
      unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        unsafe getsockname(descriptor, $0, &length)
      }
    }
    return result == 0 ? SocketAddress(storage) : nil
  }
}
