import Wire

/// Bytes to request heads, incrementally; each byte is looked at once, however it arrives.
///
/// Strict where RFC 9112 leaves a choice, because a proxy in front may choose otherwise: line ends
/// are CRLF, no folded or spaced field names, one Host, one way to frame content.
struct RequestParser {
  /// How the content that follows a head is framed.
  enum Content: Equatable {
    case none
    case length(Int)
    case chunked
  }

  private let limits: HTTPLimits
  private var buffer: [UInt8] = []
  /// Start of the line being read.
  private var lineStart = 0
  /// First byte not yet looked at.
  private var position = 0
  private var requestLine: (method: Method, target: Target, version: Version)?
  private var fields: [RequestHead.Field] = []
  private var emptyLines = 0
  /// What is known of the method when a request fails: a HEAD gets no content even then.
  private(set) var isHead = false

  init(limits: HTTPLimits) { self.limits = limits }

  var bufferedCount: Int { buffer.count }

  /// Whether nothing of the next request has come.
  var isFresh: Bool { buffer.isEmpty && requestLine == nil && emptyLines == 0 }

  mutating func append(_ bytes: Span<UInt8>) {
    buffer.reserveCapacity(buffer.count + bytes.count)
    for index in bytes.indices { buffer.append(bytes[index]) }
  }

  /// Forgets everything received, after the last request that will be read.
  mutating func discard() {
    buffer = []
    lineStart = 0
    position = 0
  }

  /// The next head with the framing of its content; nil until it is complete.
  ///
  /// What was received after the head stays for ``dropContent(_:)`` or the next head.
  mutating func next() throws(RequestError) -> (RequestHead, Content)? {
    while let line = try nextLine() {
      if requestLine == nil {
        if line.isEmpty {
          // RFC 9112 §2.2: an empty line or two left over from an earlier request.
          emptyLines += 1
          guard emptyLines <= 2 else { throw .bad("empty lines before the request") }
          dropRead()
        } else {
          requestLine = try readRequestLine(line)
        }
      } else if line.isEmpty {
        return try finish()
      } else {
        guard fields.count < limits.fields else {
          throw RequestError(.headTooLarge, "more than \(limits.fields) fields")
        }
        fields.append(try RequestParser.readField(line))
      }
    }
    return nil
  }

  /// Drops up to `count` received bytes that are not part of a head, and says how many.
  mutating func dropContent(_ count: Int) -> Int {
    let dropped = min(buffer.count - position, count)
    position += dropped
    dropRead()
    return dropped
  }

  /// Takes a line of at most `limit` bytes without its CRLF; nil until it is complete.
  mutating func takeLine(limit: Int) throws(RequestError) -> Bytes? {
    guard let line = try readLine(limit: limit, past: .bad("chunk line is too long")) else {
      return nil
    }
    dropRead()
    return line
  }

  /// The next line of a head; limits are checked on what has come of it.
  private mutating func nextLine() throws(RequestError) -> Bytes? {
    if requestLine == nil {
      // The method, two spaces, version and CRLF beside the target: 64 bytes are generous.
      return try readLine(
        limit: min(limits.targetBytes + 64, limits.headBytes),
        past: RequestError(.targetTooLong, "request line is too long")
      )
    }
    return try readLine(
      limit: limits.headBytes - lineStart,
      past: RequestError(.headTooLarge, "head is longer than \(limits.headBytes) bytes")
    )
  }

  /// Reads to the next CRLF; `limit` counts it, and is compared before waiting for more.
  private mutating func readLine(
    limit: Int,
    past error: RequestError
  ) throws(RequestError) -> Bytes? {
    while position < buffer.count {
      guard position - lineStart < limit else { throw error }
      let byte = buffer[position]
      if byte == 0x0A {
        guard position > lineStart, buffer[position - 1] == 0x0D else {
          throw .bad("line ends with a bare LF")
        }
        // A copy of its own: requests live on, and must not hold on to the whole buffer.
        let line = Bytes(Array(buffer[lineStart..<position - 1]))
        position += 1
        lineStart = position
        return line
      }
      if position > lineStart, buffer[position - 1] == 0x0D { throw .bad("CR without LF") }
      position += 1
    }
    guard buffer.count - lineStart < limit else { throw error }
    return nil
  }

  private mutating func finish() throws(RequestError) -> (RequestHead, Content)? {
    guard let requestLine else { preconditionFailure("fields follow a request line") }
    let head = RequestHead(
      method: requestLine.method,
      target: requestLine.target,
      version: requestLine.version,
      fields: fields
    )
    let content = try RequestParser.framing(of: head)
    dropRead()
    self.requestLine = nil
    fields = []
    emptyLines = 0
    isHead = false
    return (head, content)
  }

  /// Frees what has been read.
  private mutating func dropRead() {
    // An idle connection holds no buffer.
    if position == buffer.count { buffer = [] } else { buffer.removeFirst(position) }
    position = 0
    lineStart = 0
  }
}

extension RequestParser {
  private mutating func readRequestLine(
    _ line: Bytes
  ) throws(RequestError) -> (method: Method, target: Target, version: Version) {
    let slice = line.slice
    guard let first = slice.firstIndex(of: 0x20),
      let second = slice[(first + 1)...].firstIndex(of: 0x20),
      !slice[(second + 1)...].contains(0x20)
    else { throw .bad("request line is not method, target and version") }
    let name = Bytes(slice[..<first])
    let target = Bytes(slice[(first + 1)..<second])
    guard RequestParser.isToken(name) else { throw .bad("method is not a token") }
    let method = Method(name)
    isHead = method == .head
    guard target.count <= limits.targetBytes else {
      throw RequestError(.targetTooLong, "target is longer than \(limits.targetBytes) bytes")
    }
    // The version first: what a later version's target looks like is not ours to judge.
    let version = try RequestParser.readVersion(Bytes(slice[(second + 1)...]))
    return (method, try Target(target, method: method), version)
  }

  private static func readVersion(_ bytes: Bytes) throws(RequestError) -> Version {
    let digits = UInt8(ascii: "0")...UInt8(ascii: "9")
    guard bytes.count == 8, bytes.prefix(5).text == "HTTP/", digits.contains(bytes[5]),
      bytes[6] == UInt8(ascii: "."), digits.contains(bytes[7])
    else { throw .bad("version is not HTTP/x.y") }
    guard bytes[5] == UInt8(ascii: "1") else {
      throw RequestError(.versionNotSupported, "only HTTP/1.x is spoken here")
    }
    return bytes[7] == UInt8(ascii: "0") ? .http10 : .http11
  }

  /// One field line of a head or a trailer section, RFC 9112 §5.
  static func readField(_ line: Bytes) throws(RequestError) -> RequestHead.Field {
    guard line[0] != 0x20, line[0] != 0x09 else { throw .bad("folded field line") }
    let slice = line.slice
    guard let colon = slice.firstIndex(of: UInt8(ascii: ":")) else {
      throw .bad("field line without a colon")
    }
    let name = Bytes(slice[..<colon])
    guard isToken(name) else { throw .bad("field name is not a token") }
    var value = slice[(colon + 1)...]
    while let byte = value.first, byte == 0x20 || byte == 0x09 { value.removeFirst() }
    while let byte = value.last, byte == 0x20 || byte == 0x09 { value.removeLast() }
    guard isText(value) else { throw .bad("field value has a control character") }
    return RequestHead.Field(name: name.text.lowercased(), value: Bytes(value))
  }

  /// Whether there are no control characters but tabs, RFC 9110 §5.5.
  static func isText(_ bytes: ArraySlice<UInt8>) -> Bool {
    bytes.allSatisfy { $0 == 0x09 || $0 >= 0x20 && $0 != 0x7F }
  }

  /// RFC 9112 §6.3 in its order, for requests.
  private static func framing(of head: RequestHead) throws(RequestError) -> Content {
    let hosts = head.fields.filter { $0.name == "host" }
    guard hosts.count < 2 else { throw .bad("more than one Host") }
    guard head.version == .http10 || hosts.count == 1 else { throw .bad("no Host") }
    // An empty one is for targets without a host, RFC 9112 §3.2.
    if let host = hosts.first, !host.value.isEmpty, !Target.isAuthority(host.value) {
      throw .bad("Host is not a host")
    }
    if let expectation = head.value("expect"), expectation.fieldText.lowercased() != "100-continue"
    {
      throw RequestError(.expectationFailed, "unknown expectation")
    }

    let codings = head.fields.filter { $0.name == "transfer-encoding" }
    let lengths = head.fields.filter { $0.name == "content-length" }
    if let coding = codings.first {
      guard lengths.isEmpty else { throw .bad("Content-Length beside Transfer-Encoding") }
      guard head.version == .http11 else { throw .bad("Transfer-Encoding in HTTP/1.0") }
      guard codings.count == 1 else { throw .bad("more than one Transfer-Encoding") }
      let names = coding.value.fieldText.split(separator: ",", omittingEmptySubsequences: false)
        .map { trimmed($0).lowercased() }
      guard names.last == "chunked", names.dropLast().allSatisfy({ $0 != "chunked" }) else {
        throw .bad("Transfer-Encoding does not end with chunked")
      }
      guard names.count == 1 else {
        throw RequestError(.notImplemented, "only chunked is understood")
      }
      return .chunked
    }
    guard let length = lengths.first else { return .none }
    guard lengths.count == 1 else { throw .bad("more than one Content-Length") }
    guard !length.value.isEmpty,
      length.value.slice.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) })
    else { throw .bad("Content-Length is not a number") }
    // A number that does not fit is above every limit.
    let count = Int(length.value.text) ?? .max
    return count == 0 ? .none : .length(count)
  }

  /// RFC 9110 §5.6.2.
  static func isToken(_ bytes: Bytes) -> Bool { isToken(bytes.slice) }

  static func isToken(_ bytes: some Collection<UInt8>) -> Bool {
    !bytes.isEmpty
      && bytes.allSatisfy { byte in
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
          UInt8(ascii: "0")...UInt8(ascii: "9"):
          true
        default: tokenMarks.contains(byte)
        }
      }
  }

  private static let tokenMarks = Array("!#$%&'*+-.^_`|~".utf8)
}
