/// What a session takes of its peer, at most.
package struct WebTransportLimits: Sendable {
  /// The value of a SETTINGS frame; a longer one ends the connection.
  package var settingsBytes = 4096
  /// A HEADERS frame, and what its fields come to by RFC 9114 §4.2.2; more ends the connection.
  package var fieldSectionBytes = 16_384
  /// Fields of a request or response; more ends the connection.
  package var fields = 64
  /// Interim responses before the final one; more ends the connection.
  package var interimResponses = 8
  /// Streams that wait for the session; further ones are refused.
  package var heldStreams = 64
  /// Bytes of streams that wait for the session; a stream with more is refused.
  package var heldBytes = 262_144
  /// The value of a DATAGRAM capsule; a longer one ends the session.
  package var datagramCapsuleBytes = 65_535
  /// Bytes on the CONNECT stream that wait for the peer before datagrams are refused there.
  package var pendingCapsuleBytes = 65_536

  package init() {}
}
