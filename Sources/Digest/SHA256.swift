import COpenSSL
package import Wire

/// The SHA-256 hash function, FIPS 180-4.
package enum SHA256 {
  /// Hashes a run of bytes to the 32 bytes of its digest.
  package static func digest(_ bytes: Bytes) -> Bytes {
    var digest = [UInt8](repeating: 0, count: Int(SHA256_DIGEST_LENGTH))
    unsafe bytes.slice.withUnsafeBufferPointer { input in
      unsafe digest.withUnsafeMutableBufferPointer { output in
        // Both buffers live for the call; the output has room for the digest. An empty input may
        // have no address, and is then not read.
        _ = unsafe COpenSSL.SHA256(input.baseAddress, input.count, output.baseAddress)
      }
    }
    return Bytes(digest)
  }
}
