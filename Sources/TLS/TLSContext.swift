import COpenSSL

/// What OpenSSL's sessions are made of; freed with the last reference, sessions count their own.
@safe final class TLSContext {
  let pointer: OpaquePointer

  private init(_ pointer: OpaquePointer?) throws(TLSError) {
    guard let pointer = unsafe pointer else { throw .setup(TLSError.reason()) }
    unsafe self.pointer = pointer
  }

  static func client() throws(TLSError) -> TLSContext {
    try unsafe TLSContext(SSL_CTX_new(TLS_client_method()))
  }

  static func server() throws(TLSError) -> TLSContext {
    try unsafe TLSContext(SSL_CTX_new(TLS_server_method()))
  }

  deinit { unsafe SSL_CTX_free(pointer) }
}
