import COpenSSL
package import Wire

/// The server's side of one TLS session, 1.2 or 1.3, without IO.
///
/// Bytes from the client go in by `receive`, plain text comes out of it; plain text for the client goes
/// in by `send`, and what the network is to carry comes out of `takeOutput`, also after an error: the
/// alert that tells the client of it.
@safe package final class ServerSession {
  /// Outlives the session, whose callbacks it answers.
  private let context: ServerContext
  private let channel: SecureChannel

  package init(_ context: ServerContext) throws(TLSError) {
    self.context = context
    channel = try SecureChannel(context.first)
    unsafe SSL_set_accept_state(channel.session)
  }

  /// Whether the handshake is over: only then can anything be sent.
  package var isEstablished: Bool { channel.isEstablished }
  /// Whether the client said that it sends nothing more.
  package var isClosedByPeer: Bool { channel.isClosedByPeer }
  /// Whether the client came back with a ticket.
  package var isResumed: Bool { unsafe SSL_session_reused(channel.session) == 1 }

  /// Takes bytes of the network and returns the plain text that they complete; may be empty.
  ///
  /// A client that sends more records without text than a session needs is an error: each key update
  /// takes as long as a request, and may ask for an answer.
  package func receive(_ bytes: Bytes) throws(TLSError) -> Bytes {
    var plain = Bytes()
    var rest = bytes
    repeat {
      let piece = rest.prefix(Self.pieceBytes)
      rest = rest.suffix(from: piece.count)
      try channel.fill(piece)
      if try channel.shakeHands() {
        let text = try channel.read()
        plain = plain.isEmpty ? text : Bytes(plain.array + text.array)
      }
      guard unsafe copenssl_records_without_text(channel.session) <= Self.recordsWithoutText else {
        throw .broken("more than \(Self.recordsWithoutText) records without text")
      }
    } while !rest.isEmpty
    return plain
  }

  /// Records are counted after so many bytes, some forty of the smallest.
  private static let pieceBytes = 1024
  /// Most records that are not text in the life of a session: the handshake has ten of them, and who
  /// updates keys does so after millions of records.
  package static let recordsWithoutText = 100

  /// Seals plain text for the client, once the session is established.
  package func send(_ bytes: Bytes) throws(TLSError) {
    precondition(isEstablished, "nothing is sent before the handshake is over")
    try channel.write(bytes)
  }

  /// Says that nothing more is sent.
  package func close() { channel.close() }

  /// What the network is to carry to the client now; may be empty.
  package func takeOutput() -> Bytes { channel.takeOutput() }
}
