package import Wire

/// A request method.
package enum Method: Sendable, Hashable {
  case get
  case head
  case options
  /// Any other token, as sent; the caller answers 405.
  case other(String)

  init(_ bytes: Bytes) {
    switch bytes.text {
    case "GET": self = .get
    case "HEAD": self = .head
    case "OPTIONS": self = .options
    case let name: self = .other(name)
    }
  }
}

/// The versions of the protocol that are spoken.
package enum Version: Sendable, Hashable {
  case http10
  /// 1.1, or a later 1.x, which is answered as 1.1.
  case http11
}

/// A request without its content; one object for all who ask in the same words, see ``KnownHeads``.
package final class RequestHead: Sendable, Equatable {
  /// One field line.
  package struct Field: Sendable, Hashable {
    /// In lower case.
    package let name: String
    /// Without the whitespace around it.
    package let value: Bytes
  }

  package let method: Method
  package let target: Target
  package let version: Version
  /// In the order they came.
  package let fields: [Field]
  /// Whether the client wants to send more on this connection, RFC 9112 §9.3.
  package let wantsKeepAlive: Bool

  init(method: Method, target: Target, version: Version, fields: [Field]) {
    self.method = method
    self.target = target
    self.version = version
    self.fields = fields
    wantsKeepAlive =
      !Self.hasToken("close", in: "connection", of: fields)
      && (version == .http11 || Self.hasToken("keep-alive", in: "connection", of: fields))
  }

  package static func == (left: RequestHead, right: RequestHead) -> Bool {
    left === right
      || left.method == right.method && left.target == right.target
        && left.version == right.version && left.fields == right.fields
  }

  /// The value of a field; the lines of a repeated field are joined by commas.
  ///
  /// Nil when absent.
  package func value(_ name: String) -> Bytes? {
    var value: Bytes?
    for field in fields where field.name == name {
      value = value.map { Bytes($0.array + Array(", ".utf8) + field.value.array) } ?? field.value
    }
    return value
  }

  /// Whom the client wants to reach, as `host[:port]`: a URL in the request line wins over Host.
  ///
  /// Nil when neither says so. RFC 9112 §3.2.2.
  package var host: Bytes? {
    let host = target.authority ?? value("host")
    return host?.isEmpty == true ? nil : host
  }

  /// Whether the client waits for 100 (Continue) before it sends content; RFC 9110 §10.1.1.
  ///
  /// HTTP/1.0 knows no such thing.
  var expectsContinue: Bool { version == .http11 && value("expect") != nil }

  /// Whether a comma-separated field has a token, letter case ignored.
  private static func hasToken(_ token: String, in name: String, of fields: [Field]) -> Bool {
    fields.contains { field in
      field.name == name
        && field.value.fieldText.split(separator: ",").contains {
          trimmed($0).lowercased() == token
        }
    }
  }

  /// The same request for the path below the first segment; traps when there is no other.
  package func droppingFirstSegment() -> RequestHead {
    RequestHead(
      method: method,
      target: target.droppingFirstSegment(),
      version: version,
      fields: fields
    )
  }
}
