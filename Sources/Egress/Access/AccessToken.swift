internal import Digest
internal import HTTP
package import Wire

/// The right of one viewer to everything under a path until a time, signed.
///
/// Its text is `KEY.EXPIRY.PREFIX.SIGNATURE`: the key's id, seconds since 1970, the path in base64url, and
/// HMAC-SHA256 in base64url over all before the last dot.
package struct AccessToken: Equatable, Sendable {
  /// Why a token gives no access; says nothing that its bearer doesn't know.
  package enum Refusal: Error, Equatable, Sendable {
    case missing
    case malformed
    case signature
    case expired
    case otherPath

    package var reason: String {
      switch self {
      case .missing: "a token is needed"
      case .malformed: "the token is not one"
      case .signature: "the token's signature is wrong"
      case .expired: "the token has expired"
      case .otherPath: "the token is for another path"
      }
    }
  }

  package let keyID: String
  /// Until when requests may begin.
  package let expiry: UTCTime
  /// The path, starting with a slash, percent-encoded as in URLs.
  package let prefix: String
  private let signed: Bytes
  private let signature: Bytes
  /// The prefix's fields, decoded.
  private let fields: [Bytes]

  /// Longest text, in bytes.
  package static let byteLimit = 1024
  /// Latest expiry, in seconds since 1970: the end of the year 9999.
  package static let expiryLimit: Int64 = 253_402_300_799
  /// Longest name of a key, in bytes.
  package static let keyIDLimit = 32

  /// Reads a token, whose signature is not looked at.
  package init(_ text: Bytes) throws(Refusal) {
    guard text.count <= Self.byteLimit else { throw .malformed }
    let parts = text.slice.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
    guard parts.count == 4, Self.isKeyID(parts[0]), let seconds = Self.seconds(parts[1]),
      let prefix = Base64URL.decode(parts[2]), let fields = Self.fields(of: prefix),
      let signature = Base64URL.decode(parts[3])
    else { throw .malformed }
    keyID = Bytes(parts[0]).text
    expiry = UTCTime(microseconds: seconds * 1_000_000)
    self.prefix = prefix.text
    self.fields = fields
    self.signature = signature
    signed = text.prefix(text.count - parts[3].count - 1)
  }

  /// Checks that a key of the ring has signed it, that its time has not come, and that a path is in it.
  ///
  /// - Parameters:
  ///   - path: segments, percent-decoded.
  ///   - keys: what may have signed it.
  ///   - now: the clock's time.
  /// - Throws: the first that does not hold.
  package func check(_ path: some Collection<Bytes>, _ keys: KeyRing, now: UTCTime) throws(Refusal)
  {
    // In this order: who can't sign learns nothing about what would be valid.
    guard let key = keys[keyID],
      HMAC.sha256(signed, key: key).isEqualInConstantTime(to: signature)
    else { throw .signature }
    guard now < expiry else { throw .expired }
    guard covers(path) else { throw .otherPath }
  }

  /// Whether a path is under the prefix.
  func covers(_ path: some Collection<Bytes>) -> Bool { path.starts(with: fields) }

  /// Writes a token.
  ///
  /// - Parameters:
  ///   - prefix: a path, percent-encoded; everything in it is allowed, with `/` everything.
  ///   - seconds: the expiry, in seconds since 1970.
  ///   - keyID: names the key.
  ///   - key: signs it.
  /// - Returns: nil when no token could say so.
  package static func sign(
    prefix: String,
    expiry seconds: Int64,
    keyID: String,
    key: Bytes
  ) -> String? {
    let path = Bytes(utf8: prefix)
    guard isKeyID(keyID.utf8), (0...expiryLimit).contains(seconds), fields(of: path) != nil
    else { return nil }
    let text = "\(keyID).\(seconds).\(Base64URL.encode(path))"
    let signature = Base64URL.encode(HMAC.sha256(Bytes(utf8: text), key: key))
    let token = "\(text).\(signature)"
    return token.utf8.count <= byteLimit ? token : nil
  }

  /// Letters, digits, `-` and `_`.
  static func isKeyID(_ text: some Collection<UInt8>) -> Bool {
    (1...keyIDLimit).contains(text.count)
      && text.allSatisfy { byte in
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
          UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"):
          true
        default: false
        }
      }
  }

  private static func seconds(_ digits: ArraySlice<UInt8>) -> Int64? {
    guard digits.count <= 12, let value = Int64(Bytes(digits).text),
      (0...expiryLimit).contains(value), Array(String(value).utf8) == Array(digits)
    else { return nil }
    return value
  }

  /// The fields of a path, without the empty one after a slash at its end.
  private static func fields(of path: Bytes) -> [Bytes]? {
    guard path.slice.first == UInt8(ascii: "/"), let target = try? Target(path),
      target.parameters.isEmpty
    else { return nil }
    return target.segments.last?.isEmpty == true
      ? target.segments.dropLast() : target.segments
  }
}
