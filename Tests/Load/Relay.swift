import LinuxIO
import Wire

/// Hands datagrams on between a server and its publisher, and knows when the last ones went.
///
/// What the publisher sends may be on its way for a while, as in a network.
final class Relay {
  /// Towards the server.
  let near: UDPSocket
  /// Towards the publisher.
  let far: UDPSocket
  private let publisher: SocketAddress
  private var batch = DatagramBatch(capacity: 1 << 21)
  private var server: SocketAddress?
  private let delay: Interval
  /// What is on its way to the server, oldest first.
  private var delayed: ArraySlice<(due: Instant, bytes: Bytes, mark: UInt8)> = []
  /// When datagrams of media were last handed to the server: a burst of them, and when it ended.
  private(set) var lastMedia: Instant?

  /// What is smaller acknowledges or controls, and brings no media to its end.
  private static let mediaBytes = 300

  init(
    _ ends: (at: SocketAddress, to: SocketAddress),
    delay: Interval
  ) throws(UDPSocketError) {
    self.delay = delay
    publisher = ends.to
    near = try UDPSocket(local: ends.at)
    far = try UDPSocket(local: .loopback(port: 0), remote: ends.to)
  }

  /// Hands on what the server sent.
  func moveUp() throws(UDPSocketError) {
    batch.removeAll()
    _ = try near.receive { datagrams, size, source, mark in
      server = source
      forEachDatagram(of: datagrams, ofSize: size) { datagram in
        _ = batch.append(Bytes(copying: datagram), to: publisher, congestionMark: mark)
      }
    }
    _ = try far.send(batch)
  }

  /// Takes what the publisher sent, and hands on what has been on its way for long enough.
  func moveDown() throws(UDPSocketError) {
    let due = Clock.now + delay
    _ = try far.receive { datagrams, size, _, mark in
      forEachDatagram(of: datagrams, ofSize: size) { datagram in
        delayed.append((due, Bytes(copying: datagram), mark))
      }
    }
    try handOn()
  }

  /// When the next datagram has been on its way for long enough.
  var nextDue: Instant? { delayed.first?.due }

  /// Hands on to the server what is due.
  func handOn() throws(UDPSocketError) {
    guard let server else { return }
    let now = Clock.now
    batch.removeAll()
    var isMedia = false
    while let next = delayed.first, next.due <= now {
      delayed.removeFirst()
      isMedia = isMedia || next.bytes.count > Self.mediaBytes
      _ = batch.append(next.bytes, to: server, congestionMark: next.mark)
    }
    if delayed.isEmpty { delayed = [] }
    guard !batch.isEmpty else { return }
    _ = try near.send(batch)
    if isMedia { lastMedia = Clock.now }
  }
}
