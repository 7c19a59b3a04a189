internal import Glibc
package import Wire

/// Looks up host names.
///
/// Blocks, so only where nothing else waits.
package enum Resolver {
  /// Why a name has no address.
  package struct Failure: Error, Equatable, Sendable, CustomStringConvertible {
    package let description: String
  }

  /// The addresses of a host, in the order of preference; a literal address is only parsed.
  package static func addresses(of host: String, port: UInt16) throws(Failure) -> [SocketAddress] {
    if let literal = SocketAddress.parseIPv4(host) ?? SocketAddress.parseIPv6(host) {
      return [SocketAddress(address: literal, port: port)]
    }
    var hints = unsafe addrinfo()
    unsafe hints.ai_socktype = CInt(SOCK_DGRAM.rawValue)
    unsafe hints.ai_flags = AI_ADDRCONFIG
    var list: UnsafeMutablePointer<addrinfo>?
    let result = unsafe getaddrinfo(host, nil, &hints, &list)
    guard result == 0 else {
      let reason = unsafe String(cString: gai_strerror(result))
      throw Failure(description: "the name \(host) can't be resolved: \(reason)")
    }
    defer { unsafe freeaddrinfo(list) }
    var addresses: [SocketAddress] = []
    var next = unsafe list
    while let entry = unsafe next {
      var storage = sockaddr_storage()
      let length = unsafe Int(entry.pointee.ai_addrlen)
      if length <= MemoryLayout<sockaddr_storage>.size, let source = unsafe entry.pointee.ai_addr {
        unsafe withUnsafeMutableBytes(of: &storage) { bytes in
          unsafe bytes.copyMemory(from: UnsafeRawBufferPointer(start: source, count: length))
        }
        if var address = SocketAddress(storage) {
          address.port = port
          addresses.append(address)
        }
      }
      unsafe next = entry.pointee.ai_next
    }
    guard !addresses.isEmpty else {
      throw Failure(description: "the name \(host) has no address")
    }
    return addresses
  }
}
