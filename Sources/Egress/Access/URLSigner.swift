internal import HTTP
internal import LinuxIO
internal import Wire

/// Signs URLs by a key of a file.
package struct URLSigner {
  private let keyID: String
  private let key: Bytes

  /// Takes a key of a file of `ID:SECRET` lines; throws what is wrong with either.
  package init(file: String, keyID: String) throws(ConfigurationError) {
    let ring = try KeyRing(SecretFile.read(file, "--keys"))
    guard let key = ring[keyID] else {
      throw ConfigurationError("\(file) has no key '\(keyID)'")
    }
    self.keyID = keyID
    self.key = key
  }

  /// Where a URL has its token.
  package enum Place: Sendable {
    /// A path component before all others, which relative URLs keep.
    case path
    /// The parameter `token`, which players do not hand on to what a playlist names.
    case query
  }

  /// Signs an absolute URL or a path.
  ///
  /// - Parameters:
  ///   - url: what is to be signed; it must be under the prefix.
  ///   - prefix: what is allowed, a path.
  ///   - expiry: until when, in seconds since 1970.
  ///   - place: where the token goes.
  /// - Returns: the URL with its token.
  /// - Throws: why there is no such token.
  package func sign(
    _ url: String,
    prefix: String,
    expiry: Int64,
    in place: Place
  ) throws(ConfigurationError) -> String {
    guard let token = AccessToken.sign(prefix: prefix, expiry: expiry, keyID: keyID, key: key)
    else {
      throw ConfigurationError(
        "no token says '\(prefix)' until \(expiry): a prefix is a path in percent-encoding, "
          + "a token \(AccessToken.byteLimit) bytes at most"
      )
    }
    let start = Self.pathStart(url)
    let path = url[start...]
    guard path.first == "/", let target = try? Target(Bytes(utf8: String(path))),
      let read = try? AccessToken(Bytes(utf8: token)), read.covers(target.segments)
    else { throw ConfigurationError("'\(url)' has no path under '\(prefix)'") }
    switch place {
    case .path: return "\(url[..<start])/\(Gate.tokenMarkText)\(token)\(path)"
    case .query: return "\(url)\(path.contains("?") ? "&" : "?")\(Gate.tokenParameter)=\(token)"
    }
  }

  private static func pathStart(_ url: String) -> String.Index {
    guard let scheme = url.firstRange(of: "://") else { return url.startIndex }
    return url[scheme.upperBound...].firstIndex(of: "/") ?? url.endIndex
  }
}
