import COpenSSL
package import Wire

/// The SHA-256 hash function, FIPS 180-4.
package enum SHA256 {
  /// OpenSSL's implementation, which lives as long as the process.
  ///
  /// Looked up once: functions that take no implementation look for it each time.
  private static let algorithm = UInt(
    bitPattern: unsafe EVP_MD_fetch(nil, "SHA256", nil) ?? EVP_sha256()
  )

  /// Hashes a run of bytes to the 32 bytes of its digest.
  package static func digest(_ bytes: Bytes) -> Bytes {
    var digest = [UInt8](repeating: 0, count: Int(SHA256_DIGEST_LENGTH))
    unsafe bytes.slice.withUnsafeBufferPointer { input in
      unsafe digest.withUnsafeMutableBufferPointer { output in
        // Both buffers live for the call; the output has room for the digest. An empty input may
        // have no address, and is then not read.
        let result = unsafe EVP_Digest(
          input.baseAddress,
          input.count,
          output.baseAddress,
          nil,
          OpaquePointer(bitPattern: algorithm),
          nil
        )
        // Content must never be named by a digest that was not made.
        precondition(result == 1, "OpenSSL has no SHA-256 or no memory for \(input.count) bytes")
      }
    }
    return Bytes(digest)
  }
}
