package import Wire

/// What a connection reports.
package enum QUICEvent: Equatable, Sendable {
  /// The handshake is complete, with the application protocol agreed on.
  case connected(alpn: String)
  /// The next bytes of a stream, in order; empty only when `isFinal`.
  case streamData(UInt64, Bytes, isFinal: Bool)
  /// The peer gave up sending on a stream; bytes not yet reported are lost.
  case streamReset(UInt64, code: UInt64)
  /// The peer won't read on; what was queued is dropped. The code may be unknown.
  case stopSending(UInt64, code: UInt64?)
  /// Both directions of a stream are done and acknowledged.
  case streamClosed(UInt64)
  /// A DATAGRAM frame.
  case datagram(Bytes)
  /// More streams may be opened than when `openStream` last returned nil.
  case streamCredit(bidirectional: Bool)
  /// The connection is over; the last event.
  case closed(QUICError)
}
