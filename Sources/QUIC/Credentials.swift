import CNgtcp2
package import Wire

/// Which servers a client believes.
package enum TrustPolicy: Hashable, Sendable {
  /// Those with a certificate that leads to one of the system's roots.
  case systemRoots
  /// Those with a certificate that leads to one in this PEM file.
  case caFile(String)
  /// Those whose own certificate has one of these SHA-256 digests of its DER form, 32 bytes each.
  case fingerprints([Bytes])
  /// Any.
  case insecure
}

/// A client's trust, loaded once and shared by its connections.
@safe package final class ClientCredentials {
  // Freed in deinit only; connections retain this object.
  let handle: OpaquePointer

  /// Loads what the policy names; throws `.credentials`.
  package init(_ policy: TrustPolicy) throws(QUICError) {
    var kind = DOOR_TRUST_ANYONE
    var file = ""
    var digests: [UInt8] = []
    switch policy {
    case .systemRoots: kind = DOOR_TRUST_SYSTEM_ROOTS
    case .caFile(let path): (kind, file) = (DOOR_TRUST_CA_FILE, path)
    case .fingerprints(let list):
      kind = DOOR_TRUST_FINGERPRINTS
      for digest in list {
        guard digest.count == 32 else {
          throw .credentials("fingerprint of \(digest.count) bytes: SHA-256 has 32")
        }
        digests.append(contentsOf: digest.slice)
      }
    case .insecure: break
    }
    let (made, text) = unsafe withExplanation { explanation in
      unsafe door_client_credentials(kind, file, digests, digests.count / 32, explanation)
    }
    guard let made = unsafe made else { throw .credentials(text) }
    unsafe handle = made
  }

  deinit { unsafe door_credentials_free(handle) }
}

/// A server's certificate chain and key.
@safe package final class ServerCredentials {
  // Freed in deinit only; connections retain this object.
  let handle: OpaquePointer

  /// Loads PEM files; throws `.credentials`.
  package convenience init(
    certificateFile: String,
    keyFile: String
  ) throws(QUICError) {
    let (made, text) = unsafe withExplanation { explanation in
      unsafe door_server_credentials(certificateFile, keyFile, explanation)
    }
    unsafe try self.init(made, text)
  }

  /// Takes PEM texts; throws `.credentials`.
  package convenience init(_ certificate: SelfSignedCertificate) throws(QUICError) {
    let chain = Array(certificate.certificatePEM.utf8CString)
    let key = Array(certificate.keyPEM.utf8CString)
    let (made, text) = unsafe withExplanation { explanation in
      unsafe door_server_credentials_memory(
        chain,
        chain.count - 1,
        key,
        key.count - 1,
        explanation
      )
    }
    unsafe try self.init(made, text)
  }

  private init(_ made: OpaquePointer?, _ text: String) throws(QUICError) {
    guard let made = unsafe made else { throw .credentials(text) }
    unsafe handle = made
  }

  deinit { unsafe door_credentials_free(handle) }

  /// The SHA-256 digest of the server's own certificate, for clients to pin; 32 bytes.
  package var fingerprint: Bytes {
    var digest = [UInt8](repeating: 0, count: 32)
    unsafe door_credentials_fingerprint(handle, &digest)
    return Bytes(digest)
  }
}

/// An ECDSA P-256 certificate that vouches for itself, with its key.
package struct SelfSignedCertificate: Sendable {
  package let certificatePEM: String
  package let keyPEM: String

  /// Generates a key and a certificate for host names and IP addresses; throws `.credentials`.
  ///
  /// Browsers accept a pinned certificate only when it is valid for at most 14 days.
  package init(
    names: [String],
    notBefore: UTCTime,
    lifetime: Interval = .milliseconds(13 * 86_400_000)
  ) throws(QUICError) {
    let start = notBefore.microseconds / 1_000_000
    let end = start + lifetime.nanoseconds / 1_000_000_000
    var copies: [UnsafePointer<CChar>?] = unsafe []
    var owned: [UnsafeMutablePointer<CChar>] = unsafe []
    defer { while let copy = unsafe owned.popLast() { unsafe copy.deallocate() } }
    for name in names {
      let bytes = Array(name.utf8CString)
      let copy = UnsafeMutablePointer<CChar>.allocate(capacity: bytes.count)
      for (offset, byte) in bytes.enumerated() { unsafe copy[offset] = byte }
      unsafe owned.append(copy)
      unsafe copies.append(UnsafePointer(copy))
    }
    var certificate: UnsafeMutablePointer<CChar>?
    var key: UnsafeMutablePointer<CChar>?
    let (result, text) = unsafe withExplanation { explanation in
      unsafe door_generate_certificate(
        copies,
        copies.count,
        start,
        end,
        &certificate,
        &key,
        explanation
      )
    }
    defer {
      unsafe door_text_free(certificate)
      unsafe door_text_free(key)
    }
    guard result == 0, let certificate = unsafe certificate, let key = unsafe key else {
      throw .credentials(text)
    }
    certificatePEM = unsafe String(cString: certificate)
    keyPEM = unsafe String(cString: key)
  }
}
