/// The streams and datagrams under a session: those of a QUIC connection, of WebTransport on one, or
/// memory in tests.
///
/// Stream ids are QUIC's: the lowest bit says who opened a stream (0 the client), the next one
/// whether it is unidirectional. Nothing here calls back into the session.
package protocol StreamTransport: AnyObject {
  /// Opens a stream; nil while the peer allows none, `TransportEvent.streamCredit` says when to
  /// try again.
  func openStream(bidirectional: Bool) -> UInt64?
  /// Queues bytes on a stream, and its end when `isFinal`.
  func send(_ bytes: Bytes, on stream: UInt64, isFinal: Bool)
  /// Says when a stream's bytes go where not all can go at once; until then, before those of all streams
  /// with an order.
  func setOrder(_ order: SendOrder, of stream: UInt64)
  /// Ends our half of a stream abruptly; what is queued is lost.
  func reset(_ stream: UInt64, code: UInt64)
  /// Asks the peer to end its half of a stream.
  func stopSending(_ stream: UInt64, code: UInt64)
  /// Sends a datagram; false when it cannot go now or ever.
  func sendDatagram(_ bytes: Bytes) -> Bool
  /// Returns flow-control credit for bytes that the session has taken or dropped.
  func consumed(_ count: Int, on stream: UInt64)
  /// Writes what comes next of a stream into `room`, until that is full or the stream ends, and returns
  /// the credit for it; then, and with nothing before, an event without bytes tells. False, and all goes
  /// on as it did, when bytes that come before are still on their way to the session.
  func fill(_ room: StreamRoom, on stream: UInt64) -> Bool
  /// Ends the session.
  func close(code: UInt64, reason: String)
  /// The bytes queued on a stream that have not been sent yet.
  func pendingBytes(on stream: UInt64) -> Int
}

/// What a transport reports to its session.
package enum TransportEvent: Equatable, Sendable {
  /// The next bytes of a stream, and its end when `isFinal`; neither when a room has been filled.
  case streamData(UInt64, Bytes, isFinal: Bool)
  /// The peer ended its half of a stream abruptly.
  case streamReset(UInt64, code: UInt64)
  /// The peer does not want our half of a stream.
  case stopSending(UInt64, code: UInt64)
  /// Nothing more comes of a stream, and nothing more can be sent on it.
  case streamClosed(UInt64)
  case datagram(Bytes)
  /// The peer allows more streams.
  case streamCredit
}
