import Testing
import Wire

@testable import Conformance

@Suite struct ResponseParserTests {
  static let whole =
    "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nETag: \"a\"\r\n\r\nhello"
    + "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n10;x=1\r\n0123456789abcdef\r\n0\r\nX: y\r\n\r\n"
    + "HTTP/1.1 304 Not Modified\r\nETag: \"a\"\r\n\r\nHTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"

  static func parser() -> ResponseParser {
    ResponseParser(methods: ["GET", "GET", "GET", "GET"], bodyLimit: 1000)
  }

  @Test func `responses are the same however they are split`() throws {
    let bytes = Bytes(utf8: Self.whole)
    for split in 0...bytes.count {
      var parser = Self.parser()
      try parser.receive(bytes.prefix(split), now: Instant(nanoseconds: 1))
      try parser.receive(bytes.suffix(from: split), now: Instant(nanoseconds: 2))
      #expect(parser.isFinished)
      #expect(parser.responses.map(\.status) == [200, 200, 304, 404])
      #expect(parser.responses.map(\.body.text) == ["hello", "abc0123456789abcdef", "", ""])
      #expect(parser.responses[0].framing == .length(5))
      #expect(parser.responses[1].framing == .chunked)
    }
  }

  @Test func `arrivals tell when each chunk came`() throws {
    var parser = ResponseParser(methods: ["GET"], bodyLimit: 1000)
    let pieces = [
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "3\r\nabc\r\n", "2\r\nde\r\n",
      "0\r\n\r\n",
    ]
    for (index, piece) in pieces.enumerated() {
      try parser.receive(Bytes(utf8: piece), now: Instant(nanoseconds: Int64(index)))
    }
    let response = try #require(parser.responses.first)
    #expect(
      response.arrivals == [
        .init(bodyBytes: 3, time: Instant(nanoseconds: 1)),
        .init(bodyBytes: 5, time: Instant(nanoseconds: 2)),
      ]
    )
    #expect(response.headTime == Instant(nanoseconds: 0))
    #expect(response.endTime == Instant(nanoseconds: 3))
  }

  @Test func `a body without a length ends with the connection`() throws {
    var parser = ResponseParser(methods: ["GET"], bodyLimit: 1000)
    try parser.receive(Bytes(utf8: "HTTP/1.0 200 OK\r\n\r\nabc"), now: Instant(nanoseconds: 1))
    #expect(!parser.isFinished)
    let isEnd = parser.receiveEnd(now: Instant(nanoseconds: 2))
    #expect(isEnd)
    #expect(parser.responses.first?.body.text == "abc")
    #expect(parser.responses.first?.framing == .close)
  }

  @Test(arguments: [
    "HTTP/2 200 OK\r\n\r\n", "HTTP/1.1 20 OK\r\n\r\n", "HTTP/1.1 200 OK\nX: y\n\n",
    "HTTP/1.1 200 OK\r\nX Y: 1\r\n\r\n", "HTTP/1.1 200 OK\r\n: 1\r\n\r\n",
    "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
    "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
    "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nab\r\n",
  ])
  func `what is no response is refused`(_ text: String) {
    var parser = Self.parser()
    #expect(throws: ResponseParser.Malformation.self) {
      try parser.receive(Bytes(utf8: text), now: Instant(nanoseconds: 0))
    }
  }

  @Test func `heads, chunks and bodies are bounded`() {
    let head = "HTTP/1.1 200 OK\r\n"
    let texts = [
      head + String(repeating: "X: \(String(repeating: "a", count: 1000))\r\n", count: 100),
      head + "X: " + String(repeating: "a", count: 100_000),
      head + "Content-Length: 1001\r\n\r\n",
      head + "Transfer-Encoding: chunked\r\n\r\n7fffffffffffff\r\n",
      head + "\r\n" + String(repeating: "a", count: 1001),
    ]
    for text in texts {
      var parser = Self.parser()
      #expect(throws: ResponseParser.Malformation.tooLarge) {
        try parser.receive(Bytes(utf8: text), now: Instant(nanoseconds: 0))
      }
    }
  }

  @Test(arguments: [
    ("media.m3u8", "http://h/a/media.m3u8"), ("../x", "http://h/x"), ("/y?z", "http://h/y?z"),
    ("?q", "http://h/a/b?q"), ("//other:81/p", "http://other:81/p"), ("", "http://h/a/b?c"),
    ("https://s/./a/../b#f", "https://s/b"), ("a/./b/..", "http://h/a/a/"),
    ("../../../x", "http://h/x"),
  ])
  func `references resolve`(_ reference: String, _ wanted: String) throws {
    let base = try #require(WebURL("http://h/a/b?c"))
    #expect(base.resolve(reference)?.description == wanted)
  }

  @Test func `what is no web URL is nil`() throws {
    for text in ["ftp://h/", "http://", "http://h:99999/", "http://u@h/", "h/a", "http://h/a b"] {
      #expect(WebURL(text) == nil, "\(text)")
    }
    #expect(try #require(WebURL("http://h/")).resolve("data:text/plain,x") == nil)
    #expect(WebURL("http://[::1]:8080/a")?.authority == "[::1]:8080")
  }
}
