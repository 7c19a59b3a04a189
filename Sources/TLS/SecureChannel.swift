import COpenSSL
import Wire

/// One TLS session of either side over buffers in memory.
@safe final class SecureChannel {
  let session: OpaquePointer
  /// Owned by the session.
  private let input: OpaquePointer
  private let output: OpaquePointer
  private(set) var isEstablished = false
  /// Whether the peer said that it sends nothing more.
  private(set) var isClosedByPeer = false

  /// A session of a context, which it keeps alive; the caller says which side it is.
  init(_ context: TLSContext) throws(TLSError) {
    guard let session = unsafe SSL_new(context.pointer) else { throw .setup(TLSError.reason()) }
    guard let input = unsafe copenssl_memory() else {
      unsafe SSL_free(session)
      throw .setup(TLSError.reason())
    }
    guard let output = unsafe copenssl_memory() else {
      unsafe BIO_free_all(input)
      unsafe SSL_free(session)
      throw .setup(TLSError.reason())
    }
    unsafe SSL_set_bio(session, input, output)
    unsafe self.session = session
    unsafe self.input = input
    unsafe self.output = output
  }

  deinit { unsafe SSL_free(session) }

  /// Goes on with the handshake; true when it is over.
  ///
  /// Throws what OpenSSL says of a failure, with the verdict on the peer's certificate.
  func shakeHands() throws(TLSError) -> Bool {
    guard !isEstablished else { return true }
    ERR_clear_error()
    let result = unsafe SSL_do_handshake(session)
    guard result == 1 else {
      guard unsafe SSL_get_error(session, result) != SSL_ERROR_WANT_READ else { return false }
      let verdict = unsafe SSL_get_verify_result(session)
      if verdict != Int(X509_V_OK), unsafe SSL_get_verify_mode(session) != SSL_VERIFY_NONE {
        throw .certificate(unsafe String(cString: X509_verify_cert_error_string(verdict)))
      }
      throw .handshake(TLSError.reason())
    }
    isEstablished = true
    return true
  }

  /// What both sides agreed on by ALPN; nil before that and without.
  var negotiatedProtocol: String? {
    var name: UnsafePointer<UInt8>?
    var length: UInt32 = 0
    unsafe SSL_get0_alpn_selected(session, &name, &length)
    guard let name = unsafe name, length > 0 else { return nil }
    return unsafe String(
      decoding: UnsafeBufferPointer(start: name, count: Int(length)),
      as: UTF8.self
    )
  }

  /// Takes bytes of the network.
  func fill(_ bytes: Bytes) throws(TLSError) {
    guard !bytes.isEmpty else { return }
    let count = unsafe bytes.slice.withUnsafeBytes {
      unsafe BIO_write(input, $0.baseAddress, CInt(clamping: $0.count))
    }
    guard Int(count) == bytes.count else { throw .broken("out of memory") }
  }

  /// The plain text of what was taken; may be empty.
  func read() throws(TLSError) -> Bytes {
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
      default: throw .broken(TLSError.reason())
      }
    }
  }

  /// Seals plain text of an established session.
  func write(_ bytes: Bytes) throws(TLSError) {
    guard !bytes.isEmpty else { return }
    ERR_clear_error()
    let count = unsafe bytes.slice.withUnsafeBytes {
      unsafe SSL_write(session, $0.baseAddress, CInt(clamping: $0.count))
    }
    // A memory buffer takes everything, so that a write is never partial.
    guard Int(count) == bytes.count else { throw .broken(TLSError.reason()) }
  }

  /// Says that nothing more is sent.
  func close() {
    if isEstablished { _ = unsafe SSL_shutdown(session) }
  }

  /// What the network is to carry now; may be empty.
  func takeOutput() -> Bytes {
    let pending = Int(unsafe BIO_ctrl_pending(output))
    guard pending > 0 else { return Bytes() }
    var bytes = [UInt8](repeating: 0, count: pending)
    let count = unsafe BIO_read(output, &bytes, CInt(clamping: pending))
    // A memory buffer hands out all it reported.
    return Bytes(bytes[..<max(0, Int(count))])
  }

  /// The plain text of the largest record, RFC 8446 §5.1.
  private static let recordBytes = 16_384
}

extension TLSError {
  /// The oldest error of the library on this thread, in its words.
  static func reason() -> String {
    let code = ERR_get_error()
    guard code != 0 else { return "the connection ended" }
    guard let text = unsafe ERR_reason_error_string(code) else { return "error \(code)" }
    return unsafe String(cString: text)
  }
}
