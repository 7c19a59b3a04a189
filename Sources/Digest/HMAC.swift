import COpenSSL
package import Wire

/// Keyed hashing with SHA-256, RFC 2104.
package enum HMAC {
  /// Authenticates a message by a key of any length: 32 bytes.
  package static func sha256(_ message: Bytes, key: Bytes) -> Bytes {
    var code = [UInt8](repeating: 0, count: Int(SHA256_DIGEST_LENGTH))
    // An empty key may have no address, for which OpenSSL would take an earlier key.
    let padded = key.isEmpty ? Bytes([0]) : key
    unsafe padded.slice.withUnsafeBufferPointer { key in
      unsafe message.slice.withUnsafeBufferPointer { message in
        unsafe code.withUnsafeMutableBufferPointer { output in
          // All three live for the call; the output has room for the code.
          _ = unsafe COpenSSL.HMAC(
            EVP_sha256(),
            key.baseAddress,
            CInt(clamping: key.count),
            message.baseAddress,
            message.count,
            output.baseAddress,
            nil
          )
        }
      }
    }
    return Bytes(code)
  }
}

extension Bytes {
  /// Whether these are the same bytes, in a time that tells nothing but whether lengths differ.
  package func isEqualInConstantTime(to other: Bytes) -> Bool {
    guard count == other.count, count > 0 else { return isEmpty && other.isEmpty }
    return unsafe slice.withUnsafeBytes { left in
      unsafe other.slice.withUnsafeBytes { right in
        // Both have `count` bytes.
        unsafe CRYPTO_memcmp(left.baseAddress, right.baseAddress, left.count) == 0
      }
    }
  }
}
