import COpenSSL
import Wire

/// What a server's sessions share, for one thread.
@safe package final class ServerContext {
  /// One for each certificate.
  private let contexts: [TLSContext]
  /// Until when each certificate is valid.
  package let terms: [CertificateTerm]
  /// What is spoken, by its name for ALPN.
  private let name: [UInt8]

  /// Makes sessions possible.
  ///
  /// - Parameters:
  ///   - credentials: Whom clients see, and who they must be.
  ///   - name: What is spoken, by its name for ALPN; clients that offer others alone are refused.
  /// - Throws: `TLSError.setup` for credentials that can't be used, saying which.
  package init(_ credentials: ServerCredentials, protocol name: String) throws(TLSError) {
    precondition((1...255).contains(name.utf8.count), "an ALPN name has 1 to 255 bytes")
    self.name = Array(name.utf8)
    var contexts: [TLSContext] = []
    for certificate in credentials.certificates {
      let context = try TLSContext.server()
      try Self.configure(context, certificate, credentials)
      contexts.append(context)
    }
    self.contexts = contexts
    terms = zip(contexts, credentials.certificates).compactMap { context, certificate in
      CertificateTerm(of: context, origin: certificate.origin)
    }
    // Not retained: sessions, whose handshakes call back, keep it alive. The functions are written here
    // and not kept: a stored one would make all who import this module import OpenSSL's.
    let me = unsafe Unmanaged.passUnretained(self).toOpaque()
    for context in contexts {
      unsafe copenssl_on_server_name(
        context.pointer,
        { session, _, argument in unsafe ServerContext.choose(session, argument) },
        me
      )
      unsafe SSL_CTX_set_alpn_select_cb(
        context.pointer,
        { _, chosen, chosenCount, offer, offerCount, argument in
          unsafe ServerContext.agree(chosen, chosenCount, offer, offerCount, argument)
        },
        me
      )
    }
  }

  /// Where sessions begin, before the client has said a name.
  var first: TLSContext { contexts[0] }

  private static func configure(
    _ context: TLSContext,
    _ certificate: ServerCredentials.Certificate,
    _ credentials: ServerCredentials
  ) throws(TLSError) {
    ERR_clear_error()
    let key = credentials.ticketKey
    guard unsafe copenssl_prepare_server(context.pointer, key, CInt(key.count)) == 1 else {
      throw .setup(TLSError.reason())
    }
    let fits = unsafe certificate.chain.slice.withUnsafeBytes { chain in
      unsafe certificate.key.slice.withUnsafeBytes { key in
        unsafe copenssl_use_certificate(
          context.pointer,
          chain.baseAddress,
          CInt(clamping: chain.count),
          key.baseAddress,
          CInt(clamping: key.count)
        )
      }
    }
    guard fits == 1 else { throw .setup("\(certificate.origin): \(TLSError.reason())") }
    guard let authorities = credentials.clientAuthorities else { return }
    let count = unsafe authorities.slice.withUnsafeBytes {
      unsafe copenssl_require_clients(context.pointer, $0.baseAddress, CInt(clamping: $0.count))
    }
    guard count > 0 else { throw .setup("the authorities of clients hold no certificate") }
  }

  /// Goes over to the certificate that is for the name a client asks for; RFC 6066 §3.
  private static func choose(_ session: OpaquePointer?, _ argument: UnsafeMutableRawPointer?)
    -> CInt
  {
    guard let session = unsafe session, let argument = unsafe argument,
      let name = unsafe SSL_get_servername(session, TLSEXT_NAMETYPE_host_name)
    else { return SSL_TLSEXT_ERR_OK }
    let server = unsafe Unmanaged<ServerContext>.fromOpaque(argument).takeUnretainedValue()
    let context = server.contexts.first { unsafe copenssl_serves($0.pointer, name) == 1 }
    if let context {
      _ = unsafe SSL_set_SSL_CTX(session, context.pointer)
    }
    return SSL_TLSEXT_ERR_OK
  }

  /// Agrees on our protocol, when the client has it among its own; RFC 7301 §3.2.
  private static func agree(
    _ chosen: UnsafeMutablePointer<UnsafePointer<UInt8>?>?,
    _ chosenCount: UnsafeMutablePointer<UInt8>?,
    _ offer: UnsafePointer<UInt8>?,
    _ offerCount: UInt32,
    _ argument: UnsafeMutableRawPointer?
  ) -> CInt {
    guard let chosen = unsafe chosen, let chosenCount = unsafe chosenCount,
      let offer = unsafe offer,
      let argument = unsafe argument
    else { return SSL_TLSEXT_ERR_ALERT_FATAL }
    let name = unsafe Unmanaged<ServerContext>.fromOpaque(argument).takeUnretainedValue().name
    let offers = unsafe UnsafeBufferPointer(start: offer, count: Int(offerCount))
    // Names with their lengths in front; OpenSSL has checked that they fill the offer.
    var start = 0
    while start < offers.count {
      let count = unsafe Int(offers[start])
      let end = start + 1 + count
      guard end <= offers.count else { break }
      if unsafe offers[(start + 1)..<end].elementsEqual(name) {
        unsafe chosen.pointee = unsafe offer + start + 1
        unsafe chosenCount.pointee = UInt8(count)
        return SSL_TLSEXT_ERR_OK
      }
      start = end
    }
    return SSL_TLSEXT_ERR_ALERT_FATAL
  }
}
