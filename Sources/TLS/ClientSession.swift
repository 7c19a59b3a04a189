import COpenSSL
package import Wire

/// The client's side of one TLS session, 1.2 or 1.3, without IO.
///
/// Bytes from the server go in by `receive`, plain text comes out of it; plain text for the server
/// goes in by `send`, and what the network is to carry comes out of `takeOutput`.
@safe package final class ClientSession {
  private let context: OpaquePointer
  private let session: OpaquePointer
  /// Owned by the session.
  private let input: OpaquePointer
  private let output: OpaquePointer
  private let trust: ServerTrust
  /// Plain text that waits for the handshake.
  private var waiting: [Bytes] = []

  /// Whether the handshake is over and the server is trusted.
  package private(set) var isEstablished = false
  /// Whether the server said that it sends nothing more.
  package private(set) var isClosedByPeer = false

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
    guard let context = unsafe SSL_CTX_new(TLS_client_method()) else {
      throw .setup(Self.reason())
    }
    guard let session = unsafe SSL_new(context) else {
      unsafe SSL_CTX_free(context)
      throw .setup(Self.reason())
    }
    guard let input = unsafe copenssl_memory(), let output = unsafe copenssl_memory() else {
      unsafe SSL_free(session)
      unsafe SSL_CTX_free(context)
      throw .setup(Self.reason())
    }
    unsafe SSL_set_bio(session, input, output)
    unsafe self.context = context
    unsafe self.session = session
    unsafe self.input = input
    unsafe self.output = output
    self.trust = trust
    try configure(serverName: serverName, protocols: protocols)
    unsafe SSL_set_connect_state(session)
    try shakeHands()
  }

  deinit {
    unsafe SSL_free(session)
    unsafe SSL_CTX_free(context)
  }

  private func configure(serverName: String, protocols: [String]) throws(TLSError) {
    guard unsafe copenssl_set_minimum_tls12(session) == 1 else { throw .setup(Self.reason()) }
    var verifies = true
    switch trust {
    case .system:
      guard unsafe SSL_CTX_set_default_verify_paths(context) == 1 else {
        throw .setup(Self.reason())
      }
    case .authorities(let file):
      guard unsafe SSL_CTX_load_verify_locations(context, file, nil) == 1 else {
        throw .setup("\(file) holds no certificates: \(Self.reason())")
      }
    case .fingerprint, .anybody: verifies = false
    }
    unsafe SSL_set_verify(session, verifies ? SSL_VERIFY_PEER : SSL_VERIFY_NONE, nil)
    if SocketAddress.parseIPv4(serverName) != nil || SocketAddress.parseIPv6(serverName) != nil {
      // An address is never sent as a server name, RFC 6066 §3.
      guard unsafe X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(session), serverName) == 1 else {
        throw .setup("\(serverName) is no address")
      }
    } else {
      guard unsafe SSL_set1_host(session, serverName) == 1,
        unsafe copenssl_set_server_name(session, serverName) == 1
      else { throw .setup("\(serverName) is no host name") }
    }
    var offer: [UInt8] = []
    for name in protocols {
      precondition((1...255).contains(name.utf8.count), "an ALPN name has 1 to 255 bytes")
      offer.append(UInt8(name.utf8.count))
      offer += name.utf8
    }
    guard !offer.isEmpty else { return }
    guard unsafe SSL_set_alpn_protos(session, offer, UInt32(offer.count)) == 0 else {
      throw .setup(Self.reason())
    }
  }

  /// What both sides agreed on by ALPN; nil before that and when the server ignored the offer.
  package var negotiatedProtocol: String? {
    var name: UnsafePointer<UInt8>?
    var length: UInt32 = 0
    unsafe SSL_get0_alpn_selected(session, &name, &length)
    guard let name = unsafe name, length > 0 else { return nil }
    return unsafe String(
      decoding: UnsafeBufferPointer(start: name, count: Int(length)),
      as: UTF8.self
    )
  }

  /// Takes bytes of the network and returns the plain text that they complete; may be empty.
  package func receive(_ bytes: Bytes) throws(TLSError) -> Bytes {
    try fill(bytes)
    if !isEstablished { try shakeHands() }
    return isEstablished ? try readPlainText() : Bytes()
  }

  /// Takes plain text for the server; it waits while the handshake lasts.
  package func send(_ bytes: Bytes) throws(TLSError) {
    guard !bytes.isEmpty else { return }
    guard isEstablished else {
      waiting.append(bytes)
      return
    }
    try write(bytes)
  }

  /// Says that nothing more is sent; the network's bytes of that come from `takeOutput`.
  package func close() {
    if isEstablished { _ = unsafe SSL_shutdown(session) }
  }

  /// What the network is to carry to the server now; may be empty.
  package func takeOutput() -> Bytes {
    let pending = Int(unsafe BIO_ctrl_pending(output))
    guard pending > 0 else { return Bytes() }
    var bytes = [UInt8](repeating: 0, count: pending)
    let count = unsafe BIO_read(output, &bytes, CInt(clamping: pending))
    // A memory buffer hands out all it reported.
    return Bytes(bytes[..<max(0, Int(count))])
  }

  private func shakeHands() throws(TLSError) {
    ERR_clear_error()
    let result = unsafe SSL_do_handshake(session)
    guard result == 1 else {
      guard unsafe SSL_get_error(session, result) != SSL_ERROR_WANT_READ else { return }
      let verdict = unsafe SSL_get_verify_result(session)
      if verdict != Int(X509_V_OK), trust != .anybody {
        throw .certificate(unsafe String(cString: X509_verify_cert_error_string(verdict)))
      }
      throw .handshake(Self.reason())
    }
    if case .fingerprint(let wanted) = trust, peerFingerprint() != wanted {
      throw .certificate("its SHA-256 is another")
    }
    isEstablished = true
    for bytes in waiting { try write(bytes) }
    waiting = []
  }

  private func peerFingerprint() -> [UInt8]? {
    guard let certificate = unsafe SSL_get1_peer_certificate(session) else { return nil }
    defer { unsafe X509_free(certificate) }
    var digest = [UInt8](repeating: 0, count: Int(EVP_MAX_MD_SIZE))
    var length: UInt32 = 0
    guard unsafe X509_digest(certificate, EVP_sha256(), &digest, &length) == 1 else { return nil }
    return Array(digest.prefix(Int(length)))
  }

  private func readPlainText() throws(TLSError) -> Bytes {
    var plain: [UInt8] = []
    var record = [UInt8](repeating: 0, count: Self.recordBytes)
    while true {
      ERR_clear_error()
      let count = unsafe SSL_read(session, &record, CInt(record.count))
      if count > 0 {
        plain += record[..<Int(count)]
        continue
      }
      switch unsafe SSL_get_error(session, count) {
      case SSL_ERROR_WANT_READ: return Bytes(plain)
      case SSL_ERROR_ZERO_RETURN:
        isClosedByPeer = true
        return Bytes(plain)
      default: throw .broken(Self.reason())
      }
    }
  }

  private func write(_ bytes: Bytes) throws(TLSError) {
    ERR_clear_error()
    let count = unsafe bytes.slice.withUnsafeBytes {
      unsafe SSL_write(session, $0.baseAddress, CInt(clamping: $0.count))
    }
    // A memory buffer takes everything, so that a write is never partial.
    guard Int(count) == bytes.count else { throw .broken(Self.reason()) }
  }

  private func fill(_ bytes: Bytes) throws(TLSError) {
    guard !bytes.isEmpty else { return }
    let count = unsafe bytes.slice.withUnsafeBytes {
      unsafe BIO_write(input, $0.baseAddress, CInt(clamping: $0.count))
    }
    guard Int(count) == bytes.count else { throw .broken("out of memory") }
  }

  /// The oldest error of the library on this thread, in its words.
  private static func reason() -> String {
    let code = ERR_get_error()
    guard code != 0 else { return "the connection ended" }
    guard let text = unsafe ERR_reason_error_string(code) else { return "error \(code)" }
    return unsafe String(cString: text)
  }

  /// The plain text of the largest record, RFC 8446 §5.1.
  private static let recordBytes = 16_384
}
