/// Datagrams that wait to be sent, one after the other in one buffer.
///
/// Runs of equal size to one destination can leave in one system call each, whatever made them.
package struct DatagramBatch: Sendable {
  /// One datagram of the batch.
  package struct Segment: Hashable, Sendable {
    package var byteCount: Int
    package var destination: SocketAddress
    /// The ECN field of the IP header, RFC 3168 §5: 0…3.
    package var congestionMark: UInt8
  }

  /// The datagrams in the order in which they were added.
  package private(set) var segments: [Segment] = []
  /// The sum of the sizes of all datagrams.
  package private(set) var byteCount = 0
  private var storage: [UInt8]

  /// Reserves the buffer; `capacity` is in bytes and never grows.
  package init(capacity: Int = 65_536) {
    storage = [UInt8](repeating: 0, count: capacity)
    segments.reserveCapacity(64)
  }

  package var isEmpty: Bool { segments.isEmpty }

  /// Bytes that can still be added.
  package var freeByteCount: Int { storage.count - byteCount }

  /// Lends the buffer, of which the first `used` bytes are taken; to be followed by `commit`.
  package mutating func withBuffer<Result>(
    _ body: (_ buffer: inout MutableSpan<UInt8>, _ used: Int) -> Result
  ) -> Result {
    let used = byteCount
    var span = storage.mutableSpan
    return body(&span, used)
  }

  /// Adds a datagram of which the bytes are in the buffer already, after those taken.
  ///
  /// Traps when there are fewer than `byteCount` unused bytes.
  package mutating func commit(
    byteCount count: Int,
    to destination: SocketAddress,
    congestionMark: UInt8 = 0
  ) {
    precondition(count >= 0 && count <= freeByteCount, "the datagram is larger than the batch")
    segments.append(
      Segment(byteCount: count, destination: destination, congestionMark: congestionMark)
    )
    byteCount += count
  }

  /// Copies a datagram into the batch; false when there is no room for it.
  package mutating func append(
    _ bytes: Bytes,
    to destination: SocketAddress,
    congestionMark: UInt8 = 0
  ) -> Bool {
    guard bytes.count <= freeByteCount else { return false }
    for offset in 0..<bytes.count { storage[byteCount + offset] = bytes[offset] }
    commit(byteCount: bytes.count, to: destination, congestionMark: congestionMark)
    return true
  }

  /// Forgets the first datagrams, as many as were sent; traps when there are fewer.
  package mutating func removeFirst(_ count: Int) {
    guard count < segments.count else {
      precondition(count == segments.count, "the batch has fewer datagrams")
      removeAll()
      return
    }
    let sent = segments[..<count].reduce(0) { $0 + $1.byteCount }
    for offset in sent..<byteCount { storage[offset - sent] = storage[offset] }
    segments.removeFirst(count)
    byteCount -= sent
  }

  /// Forgets all datagrams and keeps the buffer.
  package mutating func removeAll() {
    segments.removeAll(keepingCapacity: true)
    byteCount = 0
  }

  /// Lends all bytes, in the order of `segments`.
  package func withBytes<Result>(_ body: (Span<UInt8>) -> Result) -> Result {
    body(storage.span.extracting(0..<byteCount))
  }

  /// Calls `body` with every datagram in order.
  package func forEachDatagram(_ body: (Segment, Span<UInt8>) -> Void) {
    var start = 0
    for segment in segments {
      body(segment, storage.span.extracting(start..<start + segment.byteCount))
      start += segment.byteCount
    }
  }
}
