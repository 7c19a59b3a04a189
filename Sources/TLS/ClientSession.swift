import COpenSSL
package import Wire

/// The client's side of one TLS session, 1.2 or 1.3, without IO.
///
/// Bytes from the server go in by `receive`, plain text comes out of it; plain text for the server
/// goes in by `send`, and what the network is to carry comes out of `takeOutput`.
@safe package final class ClientSession {
  private let context: TLSContext
  private let channel: SecureChannel
  private let trust: ServerTrust
  /// Plain text that waits for the handshake.
  private var waiting: [Bytes] = []

  /// Whether the handshake is over and the server is trusted.
  package private(set) var isEstablished = false
  /// Whether the server said that it sends nothing more.
  package var isClosedByPeer: Bool { channel.isClosedByPeer }

  /// Begins a session; the first flight is ready for `takeOutput` at once.
  ///
  /// - Parameters:
  ///   - serverName: The host name or address that the certificate must be for.
  ///   - protocols: What is offered by ALPN, in the order of preference; each of 1 to 255 bytes.
  ///   - trust: Whom to believe to be the server.
  /// - Throws: `TLSError.setup` for a name or authorities that can't be used.
  package init(
    serverName: String,
    protocols: [String],
    trust: ServerTrust
  ) throws(TLSError) {
    context = try TLSContext.client()
    channel = try SecureChannel(context)
    self.trust = trust
    try configure(serverName: serverName, protocols: protocols)
    unsafe SSL_set_connect_state(channel.session)
    try shakeHands()
  }

  private func configure(serverName: String, protocols: [String]) throws(TLSError) {
    guard unsafe copenssl_set_minimum_tls12(channel.session) == 1 else {
      throw .setup(TLSError.reason())
    }
    var verifies = true
    switch trust {
    case .system:
      guard unsafe SSL_CTX_set_default_verify_paths(context.pointer) == 1 else {
        throw .setup(TLSError.reason())
      }
    case .authorities(let file):
      guard unsafe SSL_CTX_load_verify_locations(context.pointer, file, nil) == 1 else {
        throw .setup("\(file) holds no certificates: \(TLSError.reason())")
      }
    case .fingerprint, .anybody: verifies = false
    }
    unsafe SSL_set_verify(channel.session, verifies ? SSL_VERIFY_PEER : SSL_VERIFY_NONE, nil)
    if SocketAddress.parseIPv4(serverName) != nil || SocketAddress.parseIPv6(serverName) != nil {
      // An address is never sent as a server name, RFC 6066 §3.
      guard unsafe X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(channel.session), serverName) == 1
      else {
        throw .setup("\(serverName) is no address")
      }
    } else {
      guard unsafe SSL_set1_host(channel.session, serverName) == 1,
        unsafe copenssl_set_server_name(channel.session, serverName) == 1
      else { throw .setup("\(serverName) is no host name") }
    }
    var offer: [UInt8] = []
    for name in protocols {
      precondition((1...255).contains(name.utf8.count), "an ALPN name has 1 to 255 bytes")
      offer.append(UInt8(name.utf8.count))
      offer += name.utf8
    }
    guard !offer.isEmpty else { return }
    guard unsafe SSL_set_alpn_protos(channel.session, offer, UInt32(offer.count)) == 0 else {
      throw .setup(TLSError.reason())
    }
  }

  /// What both sides agreed on by ALPN; nil before that and when the server ignored the offer.
  package var negotiatedProtocol: String? { channel.negotiatedProtocol }

  /// Takes bytes of the network and returns the plain text that they complete; may be empty.
  package func receive(_ bytes: Bytes) throws(TLSError) -> Bytes {
    try channel.fill(bytes)
    if !isEstablished { try shakeHands() }
    return isEstablished ? try channel.read() : Bytes()
  }

  /// Takes plain text for the server; it waits while the handshake lasts.
  package func send(_ bytes: Bytes) throws(TLSError) {
    guard isEstablished else {
      waiting.append(bytes)
      return
    }
    try channel.write(bytes)
  }

  /// Says that nothing more is sent; the network's bytes of that come from `takeOutput`.
  package func close() { channel.close() }

  /// What the network is to carry to the server now; may be empty.
  package func takeOutput() -> Bytes { channel.takeOutput() }

  private func shakeHands() throws(TLSError) {
    guard try channel.shakeHands() else { return }
    if case .fingerprint(let wanted) = trust, peerFingerprint() != wanted {
      throw .certificate("its SHA-256 is another")
    }
    isEstablished = true
    for bytes in waiting { try channel.write(bytes) }
    waiting = []
  }

  private func peerFingerprint() -> [UInt8]? {
    guard let certificate = unsafe SSL_get1_peer_certificate(channel.session) else { return nil }
    defer { unsafe X509_free(certificate) }
    var digest = [UInt8](repeating: 0, count: Int(EVP_MAX_MD_SIZE))
    var length: UInt32 = 0
    guard unsafe X509_digest(certificate, EVP_sha256(), &digest, &length) == 1 else { return nil }
    return Array(digest.prefix(Int(length)))
  }
}
