package import Wire

/// The QUIC connection under a session, or memory in tests.
///
/// Stream ids are QUIC's: the lowest bit says who opened a stream (0 the client), the next one
/// whether it is unidirectional. Nothing here calls back into the session.
package protocol StreamCarrier: AnyObject {
  /// Opens a stream; nil while the peer allows none, `CarrierEvent.streamCredit` says when to try
  /// again.
  func openStream(bidirectional: Bool) -> UInt64?
  /// Queues bytes on a stream, and its end when `isFinal`.
  func send(_ bytes: Bytes, on stream: UInt64, isFinal: Bool)
  /// Ends our half of a stream abruptly; what is queued is lost.
  func reset(_ stream: UInt64, code: UInt64)
  /// Asks the peer to end its half of a stream.
  func stopSending(_ stream: UInt64, code: UInt64)
  /// Sends a DATAGRAM frame; false when it cannot go now or ever.
  func sendDatagram(_ bytes: Bytes) -> Bool
  /// Returns flow-control credit for bytes that have been taken or dropped.
  func consumed(_ count: Int, on stream: UInt64)
  /// Ends the connection with an HTTP/3 code.
  func close(code: UInt64, reason: String)
  /// The bytes queued on a stream that the peer has not acknowledged.
  func pendingBytes(on stream: UInt64) -> Int
}

/// What happens on streams: those of the connection when a session is told of it, those of the
/// session when it reports it.
package enum CarrierEvent: Equatable, Sendable {
  /// The next bytes of a stream, and its end when `isFinal`.
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

/// Who opened a stream and which way it goes, RFC 9000 §2.1.
enum StreamKind {
  static func isUnidirectional(_ stream: UInt64) -> Bool { stream & 2 != 0 }
  static func isServers(_ stream: UInt64) -> Bool { stream & 1 != 0 }
  /// Whether it can be the id of a session.
  static func isRequest(_ stream: UInt64) -> Bool { stream & 3 == 0 }
}
