internal import QUIC
internal import Wire

/// A QUIC connection's streams, under a MoQ session or under WebTransport, on either side.
final class QUICTransport: StreamTransport {
  let connection: Connection
  /// The loop's time at its last turn; commands of a session come without one.
  var now: Instant

  init(_ connection: Connection, now: Instant) {
    self.connection = connection
    self.now = now
  }

  func openStream(bidirectional: Bool) -> UInt64? {
    connection.openStream(bidirectional: bidirectional)
  }

  func send(_ bytes: Bytes, on stream: UInt64, isFinal: Bool) {
    connection.send(bytes, on: stream, isFinal: isFinal)
  }

  func setOrder(_ order: SendOrder, of stream: UInt64) { connection.setOrder(order, of: stream) }

  func reset(_ stream: UInt64, code: UInt64) { connection.reset(stream, code: code) }

  func stopSending(_ stream: UInt64, code: UInt64) { connection.stopSending(stream, code: code) }

  func sendDatagram(_ bytes: Bytes) -> Bool { connection.sendDatagram(bytes) }

  func consumed(_ count: Int, on stream: UInt64) { connection.consumed(count, on: stream) }

  func fill(_ room: StreamRoom, on stream: UInt64) -> Bool { connection.fill(room, on: stream) }

  func close(code: UInt64, reason: String) {
    connection.close(code: code, reason: reason, now: now)
  }

  func pendingBytes(on stream: UInt64) -> Int { connection.pendingBytes(on: stream) }
}

extension TransportEvent {
  /// What an event of a connection says of its streams; nil for the connection's own.
  init?(_ event: QUICEvent) {
    switch event {
    case .streamData(let stream, let bytes, let isFinal):
      self = .streamData(stream, bytes, isFinal: isFinal)
    case .streamReset(let stream, let code): self = .streamReset(stream, code: code)
    case .stopSending(let stream, let code): self = .stopSending(stream, code: code ?? 0)
    case .streamClosed(let stream): self = .streamClosed(stream)
    case .datagram(let bytes): self = .datagram(bytes)
    case .streamCredit: self = .streamCredit
    case .connected, .closed: return nil
    }
  }
}
