import LinuxIO
import Wire

/// Hands datagrams on between a server and its publisher, and knows when the last ones went.
final class Relay {
  /// Towards the server.
  let near: UDPSocket
  /// Towards the publisher.
  let far: UDPSocket
  private let publisher: SocketAddress
  private var batch = DatagramBatch(capacity: 1 << 21)
  private var server: SocketAddress?
  /// When datagrams of media were last handed to the server: a burst of them, and when it ended.
  private(set) var lastMedia: Instant?

  /// What is smaller acknowledges or controls, and brings no media to its end.
  private static let mediaBytes = 300

  init(_ ends: (at: SocketAddress, to: SocketAddress)) throws(UDPSocketError) {
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

  /// Hands on what the publisher sent.
  func moveDown() throws(UDPSocketError) {
    guard let server else { return }
    batch.removeAll()
    var isMedia = false
    _ = try far.receive { datagrams, size, _, mark in
      forEachDatagram(of: datagrams, ofSize: size) { datagram in
        isMedia = isMedia || datagram.count > Self.mediaBytes
        _ = batch.append(Bytes(copying: datagram), to: server, congestionMark: mark)
      }
    }
    _ = try near.send(batch)
    if isMedia { lastMedia = Clock.now }
  }
}
