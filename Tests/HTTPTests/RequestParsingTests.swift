import HTTP
import Testing
import Wire

/// One input and what becomes of it.
struct ParsingCase: Sendable, CustomStringConvertible {
  let name: String
  let text: String
  /// The status of the connection's own answer; nil when requests are handed out.
  let status: Int?
  var requests = 0

  var description: String { name }

  static func refused(_ name: String, _ status: Int, _ text: String) -> ParsingCase {
    ParsingCase(name: name, text: text, status: status)
  }

  static func accepted(_ name: String, _ text: String, requests: Int = 1) -> ParsingCase {
    ParsingCase(name: name, text: text, status: nil, requests: requests)
  }

  static func line(_ name: String, _ status: Int, _ line: String) -> ParsingCase {
    refused(name, status, line + "\r\nHost: h\r\n\r\n")
  }

  static func field(_ name: String, _ status: Int, _ field: String) -> ParsingCase {
    refused(name, status, "GET / HTTP/1.1\r\nHost: h\r\n" + field + "\r\n\r\n")
  }

  static func body(_ name: String, _ status: Int, _ rest: String) -> ParsingCase {
    refused(
      name,
      status,
      "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n" + rest
    )
  }

  static let malformed: [ParsingCase] = [
    line("empty method", 400, " / HTTP/1.1"), line("method not a token", 400, "G(T / HTTP/1.1"),
    line("two spaces", 400, "GET  / HTTP/1.1"), line("trailing space", 400, "GET / HTTP/1.1 "),
    line("tab for space", 400, "GET\t/ HTTP/1.1"), line("no target", 400, "GET HTTP/1.1"),
    line("HTTP/0.9", 400, "GET /"), line("four parts", 400, "GET / x HTTP/1.1"),
    line("leading space", 400, " GET / HTTP/1.1"), line("lower-case http", 400, "GET / http/1.1"),
    line("no minor", 400, "GET / HTTP/1"), line("two-digit minor", 400, "GET / HTTP/1.10"),
    line("letters", 400, "GET / HTTP/x.y"), line("other protocol", 400, "GET / HTCPCP/1.0"),
    line("HTTP/2.0", 505, "GET / HTTP/2.0"), line("HTTP/3.0", 505, "GET / HTTP/3.0"),
    line("HTTP/0.9 said", 505, "GET / HTTP/0.9"), line("h2 preface", 505, "PRI * HTTP/2.0"),
    line("target without slash", 400, "GET a HTTP/1.1"), line("GET *", 400, "GET * HTTP/1.1"),
    line("ftp URL", 400, "GET ftp://h/ HTTP/1.1"),
    line("URL without host", 400, "GET http:///a HTTP/1.1"),
    line("URL with user", 400, "GET http://u@h/ HTTP/1.1"),
    line("fragment", 400, "GET /a#b HTTP/1.1"),
    line("control in target", 400, "GET /\u{1} HTTP/1.1"),
    line("NUL in target", 400, "GET /\0 HTTP/1.1"),
    line("non-ASCII target", 400, "GET /é HTTP/1.1"),
    line("DEL in target", 400, "GET /\u{7F} HTTP/1.1"),
    line("short escape", 400, "GET /%4 HTTP/1.1"), line("bad escape", 400, "GET /%zz HTTP/1.1"),
    line("bare percent", 400, "GET /% HTTP/1.1"), line("signed escape", 400, "GET /%+1 HTTP/1.1"),
    line("HTTP-022 parent", 400, "GET /../etc/passwd HTTP/1.1"),
    line("HTTP-022 inner parent", 400, "GET /a/../b HTTP/1.1"),
    line("HTTP-022 self", 400, "GET /./a HTTP/1.1"),
    line("HTTP-022 encoded parent", 400, "GET /%2e%2E/a HTTP/1.1"),
    line("HTTP-022 half encoded parent", 400, "GET /.%2e HTTP/1.1"),
    line("HTTP-022 parent in a URL", 400, "GET http://h/../a HTTP/1.1"),
    refused("bare LF after the request line", 400, "GET / HTTP/1.1\nHost: h\r\n\r\n"),
    refused("bare LF after a field", 400, "GET / HTTP/1.1\r\nHost: h\n\r\n"),
    refused("bare LF as the end", 400, "GET / HTTP/1.1\r\nHost: h\r\n\n"),
    refused("CR in the request line", 400, "GET /\r HTTP/1.1\r\nHost: h\r\n\r\n"),
    refused("three empty lines", 400, "\r\n\r\n\r\n" + get),
    field("CR in a value", 400, "A: b\rc"), field("NUL in a value", 400, "A: b\0c"),
    field("control in a value", 400, "A: b\u{1}"), field("DEL in a value", 400, "A: \u{7F}"),
    field("space before colon", 400, "A : b"), field("tab before colon", 400, "A\t: b"),
    field("no colon", 400, "A"), field("empty name", 400, ": b"),
    field("name with a slash", 400, "A/B: c"),
    field("non-ASCII name", 400, "Ä: b"), field("NUL in a name", 400, "A\0: b"),
    field("folded with a space", 400, "A: b\r\n c"), field("folded with a tab", 400, "A: b\r\n\tc"),
    refused("folded first field", 400, "GET / HTTP/1.1\r\n Host: h\r\n\r\n"),
    refused("no Host", 400, "GET / HTTP/1.1\r\n\r\n"), field("two Hosts", 400, "Host: h"),
    field("two different Hosts", 400, "host: i"),
    refused("two Hosts in 1.0", 400, "GET / HTTP/1.0\r\nHost: h\r\nHost: h\r\n\r\n"),
    refused("Host with a path", 400, "GET / HTTP/1.1\r\nHost: h/a\r\n\r\n"),
    refused("Host with a space", 400, "GET / HTTP/1.1\r\nHost: h i\r\n\r\n"),
    refused("Host with a user", 400, "GET / HTTP/1.1\r\nHost: u@h\r\n\r\n"),
    field("length and encoding", 400, "Content-Length: 0\r\nTransfer-Encoding: chunked"),
    field("two lengths", 400, "Content-Length: 1\r\nContent-Length: 1"),
    field("listed lengths", 400, "Content-Length: 1, 1"),
    field("signed length", 400, "Content-Length: +1"),
    field("negative length", 400, "Content-Length: -1"),
    field("empty length", 400, "Content-Length:"),
    field("hexadecimal length", 400, "Content-Length: 0x1"),
    field("length with a space", 400, "Content-Length: 1 1"),
    field("huge length", 413, "Content-Length: 99999999999999999999"),
    field("length above the limit", 413, "Content-Length: 16385"),
    field("two encodings", 400, "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked"),
    field("chunked twice", 400, "Transfer-Encoding: chunked, chunked"),
    field("chunked not last", 400, "Transfer-Encoding: chunked, gzip"),
    field("identity", 400, "Transfer-Encoding: identity"),
    field("empty encoding", 400, "Transfer-Encoding:"),
    field("xchunked", 400, "Transfer-Encoding: xchunked"),
    field("gzip, chunked", 501, "Transfer-Encoding: gzip, chunked"),
    refused(
      "chunked in 1.0",
      400,
      "GET / HTTP/1.0\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
    ),
    field("unknown expectation", 417, "Expect: cake"),
    body("no chunk size", 400, "\r\n"), body("chunk size not hexadecimal", 400, "g\r\n"),
    body("signed chunk size", 400, "+1\r\n"), body("prefixed chunk size", 400, "0x1\r\nx\r\n"),
    body("long chunk size", 400, "000000001\r\nx\r\n"),
    body("bare LF after a chunk size", 400, "1\nx\r\n"),
    body("chunk longer than it says", 400, "1\r\nxy\r\n"),
    body("chunk above the limit", 413, "4001\r\n"),
    body("endless extension", 400, "1;" + String(repeating: "a", count: 1100) + "\r\n"),
    body("endless trailer", 413, "0\r\n" + String(repeating: "A: b\r\n", count: 3000) + "\r\n"),
  ]

  static let wellFormed: [ParsingCase] = [
    accepted("plain", get), accepted("pipelined", get + get, requests: 2),
    accepted("two empty lines first", "\r\n\r\n" + get),
    accepted("no space after the colon", "GET / HTTP/1.1\r\nHost:h\r\nA:b\r\n\r\n"),
    accepted("spaces around a value", "GET / HTTP/1.1\r\nHost: \t h \t \r\n\r\n"),
    accepted("empty Host", "GET / HTTP/1.1\r\nHost:\r\n\r\n"),
    accepted("IPv6 Host", "GET / HTTP/1.1\r\nHost: [::1]:8080\r\n\r\n"),
    accepted("Latin-1 value", "GET / HTTP/1.1\r\nHost: h\r\nA: é\r\n\r\n"),
    accepted("later minor version", "GET / HTTP/1.9\r\nHost: h\r\n\r\n"),
    accepted("1.0 without Host", "GET / HTTP/1.0\r\n\r\n"),
    accepted("absolute form", "GET http://h:80/a?b HTTP/1.1\r\nHost: h\r\n\r\n"),
    accepted("OPTIONS *", "OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n"),
    accepted("CONNECT", "CONNECT h:1 HTTP/1.1\r\nHost: h\r\n\r\n"),
    accepted("other method", "DELETE /a HTTP/1.1\r\nHost: h\r\n\r\n"),
    accepted(
      "content by length",
      "GET / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello" + get,
      requests: 2
    ),
    accepted(
      "content in chunks",
      "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: Chunked\r\n\r\n"
        + "5;a=b\r\nhello\r\nA\r\n0123456789\r\n0\r\nT: u\r\n\r\n" + get,
      requests: 2
    ),
    accepted(
      "length 0",
      "GET / HTTP/1.1\r\nHost: h\r\nContent-Length: 000\r\n\r\n" + get,
      requests: 2
    ),
  ]
}

@Suite struct RequestParsingTests {
  @Test(arguments: ParsingCase.malformed)
  func `HTTP-011 a malformed request is answered and the connection closes`(
    input: ParsingCase
  ) {
    var driver = Driver()
    driver.receive(input.text)
    #expect(driver.requests.isEmpty)
    #expect(driver.statuses == [input.status])
    #expect(driver.connection.closing == .orderly)
    driver.receive(get)
    #expect(driver.requests.isEmpty)
  }

  @Test(arguments: ParsingCase.wellFormed)
  func `a well-formed request is handed out and the connection stays`(input: ParsingCase) {
    var driver = Driver()
    driver.receive(input.text)
    #expect(driver.requests.count == input.requests)
    #expect(driver.output.isEmpty)
    #expect(driver.connection.closing == nil)
  }

  @Test(arguments: ParsingCase.malformed + ParsingCase.wellFormed)
  func `bytes that come one at a time are read the same`(input: ParsingCase) {
    var whole = Driver()
    whole.receive(input.text)
    var pieces = Driver()
    for byte in input.text.utf8 { pieces.receive(Bytes([byte])) }
    #expect(pieces.requests == whole.requests)
    #expect(pieces.output == whole.output)
    #expect(pieces.connection.closing == whole.connection.closing)
  }

  @Test func `there are at least sixty malformed requests`() {
    #expect(ParsingCase.malformed.count >= 60)
  }

  @Test func `HTTP-012 a head of the limit is read and one byte more is 431`() {
    func request(_ count: Int) -> String {
      let start = "GET / HTTP/1.1\r\nHost: h\r\nA: "
      return start + String(repeating: "a", count: count - start.utf8.count - 4) + "\r\n\r\n"
    }
    var driver = Driver()
    driver.receive(request(8192))
    #expect(driver.requests.count == 1)
    driver.receive(request(8193))
    driver.respond(0)
    #expect(driver.requests.count == 1)
    #expect(driver.statuses == [200, 431])
    #expect(driver.connection.closing == .orderly)
  }

  @Test func `HTTP-012 a head that will be too long is refused before it ends`() {
    var driver = Driver()
    driver.receive("GET / HTTP/1.1\r\nHost: h\r\nA: " + String(repeating: "a", count: 8192))
    #expect(driver.statuses == [431])
  }

  @Test func `HTTP-012 a target of the limit is read and one byte more is 414`() {
    func request(_ count: Int) -> String {
      "GET /" + String(repeating: "a", count: count - 1) + " HTTP/1.1\r\nHost: h\r\n\r\n"
    }
    var driver = Driver()
    driver.receive(request(4096))
    #expect(driver.requests.count == 1)
    driver.receive(request(4097))
    driver.respond(0)
    #expect(driver.statuses == [200, 414])
    var endless = Driver()
    endless.receive("GET /" + String(repeating: "a", count: 5000))
    #expect(endless.statuses == [414])
  }

  @Test func `HTTP-012 64 fields are read and 65 are 431`() {
    func request(_ count: Int) -> String {
      "GET / HTTP/1.1\r\nHost: h\r\n"
        + (1..<count).map { "A\($0): b\r\n" }.joined() + "\r\n"
    }
    var driver = Driver()
    driver.receive(request(64))
    #expect(driver.requests.map(\.fields.count) == [64])
    driver.receive(request(65))
    driver.respond(0)
    #expect(driver.statuses == [200, 431])
  }

  @Test func `content of the limit is thrown away and the next request is read`() {
    var driver = Driver()
    driver.receive(
      "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 16384\r\n\r\n"
        + String(repeating: "x", count: 16_384) + get
    )
    #expect(driver.requests.map(\.method) == [.other("POST"), .get])
  }

  @Test func `a request is handed out only when its content is there`() {
    var driver = Driver()
    driver.receive("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nab")
    #expect(driver.requests.isEmpty)
    driver.receive("c")
    #expect(driver.requests.count == 1)
  }

  @Test func `a client that waits for 100 gets its answer and the end`() {
    var driver = Driver()
    driver.receive("PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n")
    #expect(driver.requests.count == 1)
    driver.respond(0, .methodNotAllowed)
    #expect(driver.statuses == [405])
    #expect(driver.connection.closing == .orderly)
  }

  @Test func `lines of a repeated field are joined`() {
    var driver = Driver()
    driver.receive("GET / HTTP/1.1\r\nHost: h\r\nA: 1\r\nB: 2\r\na: 3\r\n\r\n")
    #expect(driver.requests[0].value("a") == Bytes(utf8: "1, 3"))
    #expect(driver.requests[0].value("c") == nil)
    #expect(driver.requests[0].fields.map(\.name) == ["host", "a", "b", "a"])
  }
}
