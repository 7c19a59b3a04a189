package import Wire

/// Reads the responses of one connection, RFC 9112; bytes and times in, responses out.
///
/// Deliberately strict: what a lenient client would repair is told as malformed.
package struct ResponseParser {
  /// What is wrong with the bytes of a server.
  package enum Malformation: Error, Equatable {
    case malformed(String)
    case tooLarge
  }

  /// Bytes of a head, and of one chunk's size line or a trailer section.
  package static let maximumHeadBytes = 65_536
  /// Entries of `Response.arrivals`.
  package static let maximumArrivals = 4096

  private enum Phase: Equatable {
    case head
    /// A body of known length; the count is what is still to come.
    case body(remaining: Int)
    case chunkSize
    case chunk(remaining: Int)
    case chunkEnd
    case trailers
    case untilClose
  }

  /// Methods whose responses are awaited, in order.
  private var awaited: [String]
  private let bodyLimit: Int
  private var phase = Phase.head
  private var buffer: [UInt8] = []
  private var body: [UInt8] = []
  private var current: Response?
  /// Whole responses in order.
  package private(set) var responses: [Response] = []

  /// A parser for the responses to requests of these methods.
  package init(methods: [String], bodyLimit: Int) {
    awaited = methods
    self.bodyLimit = bodyLimit
  }

  package var isFinished: Bool { awaited.isEmpty }

  /// The response under way, as far as it came.
  package var partial: Response? {
    guard var response = current else { return nil }
    response.body = Bytes(body)
    response.isWhole = false
    return response
  }

  /// Bytes that came after the last response.
  package var surplus: Int { isFinished ? buffer.count : 0 }

  /// Takes received bytes.
  package mutating func receive(_ bytes: Bytes, now: Instant) throws(Malformation) {
    buffer += bytes.slice
    let before = body.count
    var start = 0
    defer { buffer.removeFirst(min(start, buffer.count)) }
    while !awaited.isEmpty, try step(&start, now: now) {}
    if !awaited.isEmpty, body.count != before { note(now) }
    if awaited.isEmpty, buffer.count - start > Self.maximumHeadBytes { throw .tooLarge }
  }

  /// Takes the end of the connection; true when it ends a body that is framed by it.
  package mutating func receiveEnd(now: Instant) -> Bool {
    guard phase == .untilClose else { return false }
    finish(now)
    return true
  }

  /// Reads one element; false when more bytes are needed.
  private mutating func step(_ start: inout Int, now: Instant) throws(Malformation) -> Bool {
    switch phase {
    case .head:
      guard let head = try takeHead(&start) else { return false }
      try begin(head, now: now)
      return true
    case .body(let remaining):
      let taken = try takeBody(remaining, &start)
      phase = .body(remaining: remaining - taken)
      if remaining == taken { finish(now) }
      return remaining == taken
    case .chunkSize:
      guard let line = try takeLine(&start) else { return false }
      guard let size = Self.chunkSize(line) else { throw .malformed("a chunk size is \(line)") }
      guard size <= bodyLimit else { throw .tooLarge }
      phase = size == 0 ? .trailers : .chunk(remaining: size)
      return true
    case .chunk(let remaining):
      let taken = try takeBody(remaining, &start)
      phase = remaining == taken ? .chunkEnd : .chunk(remaining: remaining - taken)
      if remaining == taken { note(now) }
      return remaining == taken
    case .chunkEnd:
      guard let line = try takeLine(&start) else { return false }
      guard line.isEmpty else { throw .malformed("a chunk is longer than its size") }
      phase = .chunkSize
      return true
    case .trailers:
      guard let line = try takeLine(&start) else { return false }
      if line.isEmpty { finish(now) }
      return true
    case .untilClose:
      _ = try takeBody(.max, &start)
      return false
    }
  }

  private mutating func begin(
    _ head: (version: String, status: Int, headers: [HeaderField]),
    now: Instant
  ) throws(Malformation) {
    // Interim responses precede the real one, RFC 9110 §15.2.
    guard head.status >= 200 else {
      guard head.status != 101 else { throw .malformed("protocols are switched unasked") }
      return
    }
    var response = Response(status: head.status)
    response.version = head.version
    response.headers = head.headers
    response.headTime = now
    let hasBody =
      awaited.first != "HEAD" && head.status != 204 && head.status != 304
    let codings = response.list("Transfer-Encoding")
    let lengths = Set(response.list("Content-Length"))
    if !hasBody {
      response.framing = .none
    } else if !codings.isEmpty {
      guard codings == ["chunked"] else { throw .malformed("transfer coding \(codings)") }
      guard lengths.isEmpty else { throw .malformed("both Content-Length and chunks") }
      response.framing = .chunked
    } else if let text = lengths.first {
      guard lengths.count == 1, let length = Self.decimal(text) else {
        throw .malformed("Content-Length \(lengths.sorted())")
      }
      guard length <= bodyLimit else { throw .tooLarge }
      response.framing = .length(length)
    } else {
      response.framing = .close
    }
    let framing = response.framing
    current = response
    body = []
    switch framing {
    case .none: finish(now)
    case .length(let length): length == 0 ? finish(now) : (phase = .body(remaining: length))
    case .chunked: phase = .chunkSize
    case .close: phase = .untilClose
    }
  }

  private mutating func finish(_ now: Instant) {
    guard var response = current else { return }
    note(now)
    response.arrivals = current?.arrivals ?? []
    response.body = Bytes(body)
    response.endTime = now
    responses.append(response)
    current = nil
    body = []
    phase = .head
    if !awaited.isEmpty { awaited.removeFirst() }
  }

  /// Notes how much of the body is there.
  private mutating func note(_ now: Instant) {
    guard current != nil, body.count > (current?.arrivals.last?.bodyBytes ?? 0) else { return }
    let arrival = Response.Arrival(bodyBytes: body.count, time: now)
    if let count = current?.arrivals.count, count >= Self.maximumArrivals {
      current?.arrivals.removeLast()
    }
    current?.arrivals.append(arrival)
  }

  private mutating func takeBody(_ wanted: Int, _ start: inout Int) throws(Malformation) -> Int {
    let count = min(wanted, buffer.count - start)
    guard body.count + count <= bodyLimit else { throw .tooLarge }
    body += buffer[start..<start + count]
    start += count
    return count
  }

  /// The bytes up to CRLF; nil when it is not there yet.
  private func takeLine(_ start: inout Int) throws(Malformation) -> String? {
    guard let end = buffer[start...].firstIndex(of: 0x0A) else {
      guard buffer.count - start <= Self.maximumHeadBytes else { throw .tooLarge }
      return nil
    }
    guard end > start, buffer[end - 1] == 0x0D else { throw .malformed("a line ends without CR") }
    let line = String(decoding: buffer[start..<end - 1], as: UTF8.self)
    start = end + 1
    return line
  }

  private func takeHead(
    _ start: inout Int
  ) throws(Malformation) -> (version: String, status: Int, headers: [HeaderField])? {
    var position = start
    var lines: [String] = []
    while true {
      guard let line = try takeLine(&position) else {
        guard buffer.count - start <= Self.maximumHeadBytes else { throw .tooLarge }
        return nil
      }
      guard position - start <= Self.maximumHeadBytes else { throw .tooLarge }
      if line.isEmpty { break }
      lines.append(line)
    }
    start = position
    guard let first = lines.first else { throw .malformed("an empty line for a status line") }
    let words = first.split(separator: " ", maxSplits: 2, omittingEmptySubsequences: false)
    guard words.count >= 2, words[0] == "HTTP/1.1" || words[0] == "HTTP/1.0",
      words[1].utf8.count == 3, let status = Self.decimal(words[1]), (100...599).contains(status)
    else { throw .malformed("status line \(first.prefix(80))") }
    var headers: [HeaderField] = []
    for line in lines.dropFirst() {
      guard let colon = line.firstIndex(of: ":"), Self.isToken(line[..<colon]) else {
        throw .malformed("field line \(line.prefix(80))")
      }
      headers.append(
        HeaderField(String(line[..<colon]), trimmed(line[line.index(after: colon)...]))
      )
    }
    return (String(words[0]), status, headers)
  }

  private static func isToken(_ name: Substring) -> Bool {
    !name.isEmpty
      && name.utf8.allSatisfy {
        (0x21...0x7E).contains($0) && !"\"(),/:;<=>?@[\\]{}".utf8.contains($0)
      }
  }

  private static func chunkSize(_ line: String) -> Int? {
    let digits = trimmed(line.prefix { $0 != ";" })
    guard (1...15).contains(digits.utf8.count), digits.utf8.allSatisfy({ isHexDigit($0) }) else {
      return nil
    }
    return Int(digits, radix: 16)
  }

  private static func isHexDigit(_ byte: UInt8) -> Bool {
    (0x30...0x39).contains(byte) || (0x41...0x46).contains(byte) || (0x61...0x66).contains(byte)
  }

  private static func decimal(_ text: some StringProtocol) -> Int? {
    guard (1...15).contains(text.utf8.count),
      text.utf8.allSatisfy({ (0x30...0x39).contains($0) })
    else { return nil }
    return Int(text)
  }
}
