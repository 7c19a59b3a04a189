package import Wire

/// What a request asks for: path segments and query parameters, percent-decoded exactly once.
///
/// RFC 9112 §3.2, RFC 3986 §3.
package struct Target: Sendable, Hashable {
  /// How the request line names the target.
  package enum Form: Sendable, Hashable {
    /// A path, or a URL with a path.
    case path
    /// `*`: the server itself, for OPTIONS.
    case server
    /// `host:port`, for CONNECT.
    case authority
  }

  /// One `name=value` of the query; the value is empty when there is no `=`.
  package struct Parameter: Sendable, Hashable {
    package let name: String
    package let value: String
  }

  package let form: Form
  /// `host[:port]` of a URL or of CONNECT; nil of a path.
  package let authority: Bytes?
  /// Segments between slashes, decoded after splitting, so a `%2F` stays inside its segment.
  ///
  /// `/` is one empty segment, and a trailing slash makes the last one empty. Never `.` or `..`,
  /// however they were written.
  package let segments: [Bytes]
  /// In the order of the query; may repeat names.
  package let parameters: [Parameter]

  /// The value of a parameter's first appearance; nil when it does not appear.
  package func first(_ name: String) -> String? {
    parameters.first { $0.name == name }?.value
  }

  /// Whether a parameter appears more than once.
  package func isRepeated(_ name: String) -> Bool {
    parameters.lazy.filter { $0.name == name }.prefix(2).count == 2
  }

  /// Reads a target as it stands in the request line of a method.
  package init(_ bytes: Bytes, method: Method = .get) throws(RequestError) {
    guard !bytes.isEmpty, bytes.slice.allSatisfy({ (0x21...0x7E).contains($0) }) else {
      throw .bad("target has characters that URLs don't")
    }
    guard !bytes.slice.contains(UInt8(ascii: "#")) else { throw .bad("target has a fragment") }
    if method == .other("CONNECT") {
      guard Target.isAuthority(bytes), Target.hasPort(bytes) else {
        throw .bad("target of CONNECT is not host and port")
      }
      self.init(form: .authority, authority: bytes)
    } else if bytes == [UInt8(ascii: "*")] {
      guard method == .options else { throw .bad("target * is for OPTIONS") }
      self.init(form: .server, authority: nil)
    } else if bytes[0] == UInt8(ascii: "/") {
      try self.init(path: bytes, authority: nil)
    } else {
      let (authority, path) = try Target.parts(ofURL: bytes)
      try self.init(path: path, authority: authority)
    }
  }

  /// The same target below the first segment; traps when there is no other.
  func droppingFirstSegment() -> Target {
    precondition(segments.count > 1, "a path has a segment")
    return Target(path: Array(segments.dropFirst()), parameters: parameters, authority: authority)
  }

  private init(path segments: [Bytes], parameters: [Parameter], authority: Bytes?) {
    form = .path
    self.authority = authority
    self.segments = segments
    self.parameters = parameters
  }

  private init(form: Form, authority: Bytes?) {
    self.form = form
    self.authority = authority
    segments = []
    parameters = []
  }

  private init(path bytes: Bytes, authority: Bytes?) throws(RequestError) {
    form = .path
    self.authority = authority
    let query = bytes.slice.firstIndex(of: UInt8(ascii: "?"))
    var path = bytes.slice[..<(query ?? bytes.slice.endIndex)].dropFirst()
    var segments: [Bytes] = []
    segments.reserveCapacity(8)
    while true {
      let end = path.firstIndex(of: UInt8(ascii: "/"))
      segments.append(try Target.segment(path[..<(end ?? path.endIndex)]))
      guard let end else { break }
      path = path[(end + 1)...]
    }
    self.segments = segments
    parameters = query.map { Target.parameters(bytes.slice[($0 + 1)...]) } ?? []
  }

  private static func segment(_ raw: ArraySlice<UInt8>) throws(RequestError) -> Bytes {
    guard let segment = decode(raw) else { throw .bad("path has a broken % escape") }
    let isRelative =
      (1...2).contains(segment.count) && segment.slice.allSatisfy { $0 == UInt8(ascii: ".") }
    guard !isRelative else { throw .bad("path has a . or .. segment") }
    return segment
  }

  private static func parameters(_ query: ArraySlice<UInt8>) -> [Parameter] {
    var parameters: [Parameter] = []
    var rest = query
    while !rest.isEmpty {
      let end = rest.firstIndex(of: UInt8(ascii: "&")) ?? rest.endIndex
      let pair = rest[..<end]
      rest = rest[end...].dropFirst()
      guard !pair.isEmpty else { continue }
      let equals = pair.firstIndex(of: UInt8(ascii: "=")) ?? pair.endIndex
      parameters.append(
        Parameter(name: text(pair[..<equals]), value: text(pair[equals...].dropFirst()))
      )
    }
    return parameters
  }

  /// The authority of an absolute URL, and its path with the query.
  private static func parts(
    ofURL bytes: Bytes
  ) throws(RequestError) -> (authority: Bytes, path: Bytes) {
    let scheme = bytes.text.prefix(8).lowercased()
    let start = scheme.hasPrefix("http://") ? 7 : scheme == "https://" ? 8 : 0
    guard start > 0 else { throw .bad("target is neither a path nor an http URL") }
    let rest = bytes.suffix(from: start)
    let length =
      rest.slice.firstIndex { $0 == UInt8(ascii: "/") || $0 == UInt8(ascii: "?") }.map {
        $0 - rest.slice.startIndex
      } ?? rest.count
    let authority = rest.prefix(length)
    guard Target.isAuthority(authority) else { throw .bad("target has no valid host") }
    let path = rest.suffix(from: length)
    let hasPath = !path.isEmpty && path[0] == UInt8(ascii: "/")
    return (authority, hasPath ? path : Bytes([0x2F] + path.array))
  }

  /// Percent-decodes once; nil when an escape is broken.
  private static func decode(_ raw: ArraySlice<UInt8>) -> Bytes? {
    guard raw.contains(UInt8(ascii: "%")) else { return Bytes(raw) }
    var decoded: [UInt8] = []
    decoded.reserveCapacity(raw.count)
    var index = raw.startIndex
    while index < raw.endIndex {
      guard raw[index] == UInt8(ascii: "%") else {
        decoded.append(raw[index])
        index += 1
        continue
      }
      guard raw.endIndex - index > 2, let high = digit(raw[index + 1]),
        let low = digit(raw[index + 2])
      else { return nil }
      decoded.append(high << 4 | low)
      index += 3
    }
    return Bytes(decoded)
  }

  /// A decoded part of a query; one with a broken escape stays as it is, since it is somebody
  /// else's parameter more often than ours.
  private static func text(_ raw: ArraySlice<UInt8>) -> String {
    (decode(raw) ?? Bytes(raw)).text
  }

  static func digit(_ byte: UInt8) -> UInt8? {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
    case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
    case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
    default: nil
    }
  }
}
