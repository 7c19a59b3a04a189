/// Why a TLS session can't be, or can't go on; each case carries OpenSSL's reason or ours.
package enum TLSError: Error, Equatable, Sendable, CustomStringConvertible {
  /// The library, a name or the authorities given are not usable.
  case setup(String)
  /// The handshake failed for another reason than the certificate.
  case handshake(String)
  /// The peer's certificate is not trusted or not the peer's.
  case certificate(String)
  /// An established session broke.
  case broken(String)

  package var description: String {
    switch self {
    case .setup(let reason): "TLS can't start: \(reason)"
    case .handshake(let reason): "TLS handshake failed: \(reason)"
    case .certificate(let reason): "the certificate is not trusted: \(reason)"
    case .broken(let reason): "TLS broke: \(reason)"
    }
  }
}

/// Whom a client believes to be the server.
package enum ServerTrust: Equatable, Sendable {
  /// Who is vouched for by an authority of the system.
  case system
  /// Who is vouched for by an authority of a PEM file.
  case authorities(file: String)
  /// Who has the certificate with this SHA-256, whatever else it says.
  case fingerprint([UInt8])
  /// Anybody. Only for trying things out.
  case anybody
}
