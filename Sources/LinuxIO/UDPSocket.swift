private import CLinux
private import Glibc
package import Wire

/// Why a UDP socket could not be opened or used: the call's purpose and the system's error number.
package struct UDPSocketError: Error, Equatable, Sendable {
  package var purpose: String
  /// As in `errno`.
  package var number: Int32
}

extension UDPSocketError: CustomStringConvertible {
  package var description: String {
    // The text is the C library's own, valid until the next call on this thread.
    let text = unsafe strerror(number)
    return if let text = unsafe text {
      unsafe "\(purpose): \(String(cString: text))"
    } else {
      "\(purpose): error \(number)"
    }
  }
}

/// A non-blocking UDP socket that moves batches of datagrams, with the kernel's segmentation where
/// it has it.
@safe package final class UDPSocket {
  /// What one `receive` found.
  package struct Received: Equatable, Sendable {
    package var datagramCount = 0
    /// More may wait: the receive stopped at its own limit.
    package var mayHaveMore = false
    /// An ICMP message said that nobody listens at the peer's port; a hint, as anybody can forge it.
    package var wasRefused = false

    package init() {}
  }

  /// For the event loop to wait on; closed with this object.
  package let descriptor: Int32
  /// The peer that all datagrams go to and come from; nil when it may be anybody.
  package let remote: SocketAddress?
  private let slabs: OpaquePointer
  /// What a receive says of each slab.
  private var items = unsafe [clinux_udp_received](
    repeating: clinux_udp_received(),
    count: Int(CLINUX_UDP_SLABS)
  )
  private var segmentsInKernel = true
  private var wasRefusedOnSend = false

  /// Opens a socket at `local` (port 0 for any), to one peer or, with nil, to all.
  package init(
    local: SocketAddress,
    remote: SocketAddress? = nil,
    bufferBytes: Int32 = 4 << 20
  ) throws(UDPSocketError) {
    var from = clinux_udp_address(local)
    let opened: Int32
    if let remote {
      var to = clinux_udp_address(remote)
      opened = unsafe clinux_udp_open(&from, &to, bufferBytes)
    } else {
      opened = unsafe clinux_udp_open(&from, nil, bufferBytes)
    }
    guard opened >= 0 else {
      let purpose = remote.map { "UDP from \(local) to \($0)" } ?? "UDP at \(local)"
      throw UDPSocketError(purpose: purpose, number: -opened)
    }
    guard let slabs = unsafe clinux_udp_slabs_new() else {
      clinux_udp_close(opened)
      throw UDPSocketError(purpose: "UDP receive buffer", number: ENOMEM)
    }
    descriptor = opened
    self.remote = remote
    unsafe self.slabs = slabs
  }

  deinit {
    clinux_udp_close(descriptor)
    unsafe clinux_udp_slabs_free(slabs)
  }

  /// The socket's own address, with the port and, when connected, the address the kernel chose.
  package func localAddress() throws(UDPSocketError) -> SocketAddress {
    var address = clinux_udp_address()
    let result = unsafe clinux_udp_local(descriptor, &address)
    guard result == 0 else { throw UDPSocketError(purpose: "UDP address", number: -result) }
    return address.value
  }

  /// Receives what waits, at most sixteen slabs of up to 64 KiB, and calls `body` for each run of
  /// datagrams that came together: one after the other, with the size of each, which the last may fall
  /// short of, their source and their ECN bits (RFC 3168 §5).
  package func receive(
    _ body: (_ datagrams: Span<UInt8>, _ size: Int, SocketAddress, UInt8) -> Void
  ) throws(UDPSocketError) -> Received {
    var received = Received()
    if wasRefusedOnSend {
      received.wasRefused = true
      wasRefusedOnSend = false
    }
    var count = unsafe clinux_udp_receive(descriptor, slabs, &items)
    if count == -ECONNREFUSED {
      received.wasRefused = true
      count = unsafe clinux_udp_receive(descriptor, slabs, &items)
    }
    switch count {
    case -EAGAIN, -ECONNREFUSED: return received
    // Of other messages of ICMP a socket of this kind learns nothing useful.
    case -EHOSTUNREACH, -ENETUNREACH, -EPROTO: return received
    case ..<0: throw UDPSocketError(purpose: "UDP receive", number: -count)
    default: break
    }
    received.mayHaveMore = count == CLINUX_UDP_SLABS
    for index in 0..<Int(count) {
      let item = unsafe items[index]
      let source = unsafe item.source.value
      let size = unsafe max(item.segment, 1)
      // The slab stays as it is until the next receive.
      let bytes = unsafe UnsafeBufferPointer(start: item.bytes, count: item.count)
      unsafe body(bytes.span, size, source, item.congestion_mark)
      received.datagramCount += unsafe (item.count + size - 1) / size
    }
    return received
  }

  /// Sends a batch; returns how many of its datagrams were taken, less than all only when the socket
  /// is full.
  ///
  /// What the network refuses counts as taken, as if it had been lost on the way.
  package func send(_ batch: DatagramBatch) throws(UDPSocketError) -> Int {
    let segments = batch.segments
    var taken = 0
    while taken < segments.count {
      let (messages, counts) = group(segments, from: taken)
      let result = batch.withBytes { span in
        unsafe span.withUnsafeBufferPointer { buffer in
          unsafe clinux_udp_send(
            descriptor,
            remote == nil ? 0 : 1,
            buffer.baseAddress,
            messages,
            messages.count
          )
        }
      }
      if result > 0 {
        taken += counts.prefix(Int(result)).reduce(0, +)
        continue
      }
      switch result {
      case -EAGAIN, -ENOBUFS: return taken
      case -ECONNREFUSED: wasRefusedOnSend = true  // reported once; the next call sends
      case -EIO, -EINVAL, -EMSGSIZE, -EOPNOTSUPP:
        if let first = counts.first, first > 1 {
          // The device can't segment, or the path has shrunk: one by one, then.
          if result != -EMSGSIZE { segmentsInKernel = false }
          taken = try sendSingly(batch, from: taken, count: first)
        } else {
          taken += 1
        }
      case -EPERM, -EACCES, -ENETUNREACH, -EHOSTUNREACH, -ENETDOWN, -EADDRNOTAVAIL:
        taken += counts.first ?? 1
      default: throw UDPSocketError(purpose: "UDP send", number: -result)
      }
    }
    return taken
  }

  /// Sends a run without the kernel's segmentation; returns the index of the first not taken.
  private func sendSingly(
    _ batch: DatagramBatch,
    from start: Int,
    count: Int
  ) throws(UDPSocketError) -> Int {
    let restored = segmentsInKernel
    segmentsInKernel = false
    defer { segmentsInKernel = restored }
    var part = DatagramBatch(capacity: batch.byteCount)
    var index = 0
    batch.forEachDatagram { segment, span in
      if (start..<start + count).contains(index) {
        _ = part.append(
          Bytes(copying: span),
          to: segment.destination,
          congestionMark: segment.congestionMark
        )
      }
      index += 1
    }
    return start + (try send(part))
  }

  /// Makes messages of runs of equal size, destination and mark; the last of a run may be shorter.
  private func group(
    _ segments: [DatagramBatch.Segment],
    from start: Int
  ) -> (messages: [clinux_udp_message], counts: [Int]) {
    var messages: [clinux_udp_message] = []
    var counts: [Int] = []
    var offset = segments[..<start].reduce(0) { $0 + $1.byteCount }
    var index = start
    while index < segments.count, messages.count < Int(CLINUX_UDP_MESSAGES) {
      let first = segments[index]
      var byteCount = first.byteCount
      var count = 1
      while segmentsInKernel, index + count < segments.count, count < UDPSocket.maxSegments {
        let next = segments[index + count]
        guard next.destination == first.destination, next.congestionMark == first.congestionMark,
          next.byteCount <= first.byteCount,
          byteCount + next.byteCount <= UDPSocket.maxMessageBytes
        else { break }
        byteCount += next.byteCount
        count += 1
        if next.byteCount < first.byteCount { break }
      }
      messages.append(
        clinux_udp_message(
          offset: offset,
          count: byteCount,
          segment: first.byteCount,
          destination: clinux_udp_address(first.destination),
          congestion_mark: first.congestionMark
        )
      )
      counts.append(count)
      offset += byteCount
      index += count
    }
    return (messages, counts)
  }

  /// UDP_MAX_SEGMENTS of Linux before 6.9.
  private static let maxSegments = 64
  /// The largest UDP payload over IPv4.
  private static let maxMessageBytes = 65_507
}

extension clinux_udp_address {
  fileprivate init(_ address: SocketAddress) {
    self.init()
    length = UInt8(address.address.count)
    port = address.port
    scope = address.scope
    unsafe withUnsafeMutableBytes(of: &bytes) { buffer in
      for offset in 0..<address.address.count { unsafe buffer[offset] = address.address[offset] }
    }
  }

  fileprivate var value: SocketAddress {
    let count = length == 16 ? 16 : 4
    let address = unsafe withUnsafeBytes(of: bytes) { unsafe Array($0.prefix(count)) }
    return SocketAddress(address: Bytes(address), port: port, scope: scope)
  }
}
