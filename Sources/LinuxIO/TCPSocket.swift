internal import CLinux
internal import Glibc
package import Wire

/// What a read or write achieved.
package enum Transfer: Equatable, Sendable {
  case bytes(Int)
  /// Nothing now; the loop reports when to try again.
  case wouldBlock
  /// The peer closed its side, or the connection is broken.
  case closed
}

/// One non-blocking TCP connection, accepted or connecting.
package final class TCPSocket: Sendable {
  private let socket: FileDescriptor
  package let peer: SocketAddress

  init(owning descriptor: CInt, peer: SocketAddress) {
    socket = FileDescriptor(owning: descriptor)
    self.peer = peer
    // Responses are written whole; waiting to fill a packet only adds latency.
    set(CInt(IPPROTO_TCP), TCP_NODELAY, 1)
  }

  private func set(_ level: CInt, _ option: CInt, _ value: CInt) {
    var value = value
    let size = socklen_t(MemoryLayout<CInt>.size)
    _ = unsafe setsockopt(socket.rawValue, level, option, &value, size)
  }

  /// Begins to connect.
  ///
  /// Once the socket can be written, `connectionFailure` tells what came of it. One that takes little has the
  /// smallest buffer, and small segments: those of loopback are so large that a kernel takes whole answers.
  package convenience init(
    connectingTo address: SocketAddress,
    takesLittle: Bool = false
  ) throws(SystemError) {
    let descriptor = clinux_socket(address.isIPv6 ? AF_INET6 : AF_INET, 1)
    guard descriptor >= 0 else { throw SystemError("socket \(address)") }
    self.init(owning: descriptor, peer: address)
    if takesLittle {
      set(SOL_SOCKET, SO_RCVBUF, 2048)
      set(CInt(IPPROTO_TCP), TCP_MAXSEG, 536)
    }
    let result = unsafe address.withSockaddr { unsafe Glibc.connect(descriptor, $0, $1) }
    // An interrupted connect goes on by itself.
    guard result == 0 || Glibc.errno == EINPROGRESS || Glibc.errno == EINTR else {
      throw SystemError("connect \(address)")
    }
  }

  /// Why the connection that was begun did not come about; nil when it did.
  ///
  /// Tells it once.
  package func connectionFailure() -> SystemError? {
    var code: CInt = 0
    var length = socklen_t(MemoryLayout<CInt>.size)
    let result = unsafe getsockopt(socket.rawValue, SOL_SOCKET, SO_ERROR, &code, &length)
    if result != 0 { return SystemError("getsockopt \(peer)") }
    return code == 0 ? nil : SystemError(operation: "connect \(peer)", code: code)
  }

  package var descriptor: CInt { socket.rawValue }

  /// Reads what has arrived into a buffer, from its start.
  package func read(into buffer: inout [UInt8]) -> Transfer {
    let count = unsafe buffer.withUnsafeMutableBytes { bytes in
      retrying { unsafe recv(socket.rawValue, bytes.baseAddress, bytes.count, 0) }
    }
    if count > 0 { return .bytes(count) }
    return count < 0 && wouldBlock ? .wouldBlock : .closed
  }

  /// The most pieces that one write gathers.
  package static let piecesPerWrite = 32

  /// Writes as much of the pieces as the kernel takes; at most `piecesPerWrite` of them.
  package func write(_ pieces: [Bytes]) -> Transfer {
    let pieces = pieces.prefix(Self.piecesPerWrite)
    let count = unsafe withUnsafeTemporaryAllocation(of: iovec.self, capacity: Self.piecesPerWrite)
    { vectors in
      unsafe Self.fill(vectors, from: pieces, at: 0) {
        retrying { unsafe writev(socket.rawValue, vectors.baseAddress, CInt(pieces.count)) }
      }
    }
    if count >= 0 { return .bytes(count) }
    return wouldBlock ? .wouldBlock : .closed
  }

  /// Writes as much of one piece as the kernel takes.
  package func write(_ piece: Bytes) -> Transfer { write(piece, flags: 0) }

  /// Writes as much as the kernel takes of a piece and of what a pipe keeps.
  ///
  /// Nil when the scratch pipe can't take all of that; nothing is written then.
  package func write(
    _ piece: Bytes,
    then kept: KeptPipe,
    through scratch: ScratchPipe
  ) -> Transfer? {
    guard scratch.fill(from: kept) else { return nil }
    // The piece waits for what follows, and leaves in one packet with it.
    let transfer = write(piece, flags: CInt(MSG_MORE))
    guard transfer == .bytes(piece.count) else {
      scratch.empty(kept.count)
      return transfer
    }
    let count = scratch.move(kept.count, to: socket.rawValue)
    // A socket that is full, or broken, says so again.
    return count > 0 ? .bytes(piece.count + count) : transfer
  }

  private func write(_ piece: Bytes, flags: CInt) -> Transfer {
    let count = unsafe piece.slice.withUnsafeBytes { bytes in
      retrying { unsafe Glibc.send(socket.rawValue, bytes.baseAddress, bytes.count, flags) }
    }
    if count >= 0 { return .bytes(count) }
    return wouldBlock ? .wouldBlock : .closed
  }

  /// Nests the pieces' scopes, so that every pointer is valid while `body` runs.
  private static func fill(
    _ vectors: UnsafeMutableBufferPointer<iovec>,
    from pieces: ArraySlice<Bytes>,
    at index: Int,
    _ body: () -> Int
  ) -> Int {
    guard index < pieces.count else { return body() }
    return unsafe pieces[pieces.startIndex + index].slice.withUnsafeBytes { bytes in
      unsafe vectors[index] = iovec(
        iov_base: UnsafeMutableRawPointer(mutating: bytes.baseAddress),
        iov_len: bytes.count
      )
      return unsafe fill(vectors, from: pieces, at: index + 1, body)
    }
  }

  /// Makes the end of this socket a reset.
  ///
  /// What waits to be sent is thrown away, and the peer learns that it has not got everything. The kernel else holds it for as long as the peer reads nothing.
  package func resetAtClose() {
    var option = linger(l_onoff: 1, l_linger: 0)
    let size = socklen_t(MemoryLayout<linger>.size)
    _ = unsafe setsockopt(socket.rawValue, SOL_SOCKET, SO_LINGER, &option, size)
  }

  /// Tells the peer that nothing more comes, while still reading what it sends.
  package func shutdownWriting() { _ = Glibc.shutdown(socket.rawValue, CInt(SHUT_WR)) }
}
