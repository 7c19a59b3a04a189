package import Wire

/// What one QUIC connection allows itself and its peer.
package struct QUICConfiguration: Sendable {
  /// The connection ends after this long without a packet from the peer, RFC 9000 §10.1.
  package var idleTimeout: Interval = .milliseconds(30_000)
  /// The longest that connecting may take.
  package var handshakeTimeout: Interval = .milliseconds(10_000)
  /// A PING is sent after this long without traffic; zero for never.
  package var keepAlive: Interval = .milliseconds(10_000)
  /// Bytes of one stream that the peer may send before some are consumed.
  package var streamWindowBytes = 1 << 20
  /// Bytes of all streams that the peer may send before some are consumed.
  package var connectionWindowBytes = 16 << 20
  /// Unidirectional streams that the peer may have open at once.
  package var maxRemoteUnidirectionalStreams = 1024
  /// Bidirectional streams that the peer may have open at once.
  package var maxRemoteBidirectionalStreams = 128
  /// The largest DATAGRAM frame accepted (RFC 9221 §3), zero for none.
  package var maxDatagramBytes = 65_535
  /// DATAGRAM frames that may wait to be sent; further ones are refused.
  package var maxQueuedDatagrams = 256
  /// Whether larger packets than 1200 bytes are tried, RFC 8899.
  package var discoversPathMTU = true

  package init() {}
}
