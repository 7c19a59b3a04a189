import HTTP
import Testing
import Wire

@Suite struct TargetTests {
  @Test(
    arguments: [
      ("/", [""]), ("/a", ["a"]), ("/a/", ["a", ""]), ("//a", ["", "a"]), ("/a%20b", ["a b"]),
      ("/a%2Fb/c", ["a/b", "c"]), ("/a%00b", ["a\0b"]), ("/%252e%252e", ["%2e%2e"]),
      ("/...", ["..."]), ("/..a", ["..a"]), ("/%C3%A9", ["é"]), ("/a?b/../c", ["a"]),
      ("http://h", [""]), ("HTTP://h:1/a", ["a"]), ("https://h?x=1", [""]),
      ("/a\\..\\b", ["a\\..\\b"]),
      ("/a+b", ["a+b"]),
    ])
  func `a path is split and then decoded once`(text: String, segments: [String]) throws {
    #expect(try Target(Bytes(utf8: text)).segments == segments.map { Bytes(utf8: $0) })
  }

  @Test func `segments may hold any byte`() throws {
    #expect(try Target(Bytes(utf8: "/%ff%00")).segments == [[0xFF, 0]])
  }

  @Test func `query parameters keep their order and repetition`() throws {
    let target = try Target(Bytes(utf8: "/a?_HLS_msn=5&_HLS_part=0&x&y=&_HLS_msn=6&z=a=b&&%61=%62"))
    #expect(
      target.parameters.map { [$0.name, $0.value] } == [
        ["_HLS_msn", "5"], ["_HLS_part", "0"], ["x", ""], ["y", ""], ["_HLS_msn", "6"],
        ["z", "a=b"], ["a", "b"],
      ]
    )
    #expect(target.first("_HLS_msn") == "5")
    #expect(target.isRepeated("_HLS_msn"))
    #expect(!target.isRepeated("_HLS_part"))
    #expect(target.first("none") == nil)
    #expect(!target.isRepeated("none"))
  }

  @Test func `HTTP-024 a broken escape in somebody's parameter is kept as it is`() throws {
    let target = try Target(Bytes(utf8: "/a?CMCD=br%3D1%2&b=%zz"))
    #expect(target.first("CMCD") == "br%3D1%2")
    #expect(target.first("b") == "%zz")
  }

  @Test(
    arguments: [
      ("http://h", "h"), ("http://h:81/a", "h:81"), ("https://[::1]:8443?x", "[::1]:8443"),
      ("http://a%20b/", "a%20b"), ("/a", nil),
    ] as [(String, String?)]
  )
  func `a URL says whom it is for`(text: String, authority: String?) throws {
    #expect(try Target(Bytes(utf8: text)).authority == authority.map { Bytes(utf8: $0) })
  }

  @Test func `other forms have no path`() throws {
    #expect(try Target(Bytes(utf8: "*"), method: .options).form == .server)
    #expect(try Target(Bytes(utf8: "h:1"), method: .other("CONNECT")).form == .authority)
  }
}

@Suite struct ByteRangeTests {
  @Test(
    arguments: [
      (nil, .whole), ("bytes=0-0", .part(0..<1)), ("bytes=0-", .part(0..<10)),
      ("bytes=9-", .part(9..<10)), ("bytes=10-", .unsatisfiable), ("bytes=2-5", .part(2..<6)),
      ("bytes=5-99", .part(5..<10)), ("bytes=-1", .part(9..<10)), ("bytes=-10", .part(0..<10)),
      ("bytes=-99", .part(0..<10)), ("bytes=-0", .unsatisfiable), ("bytes=10-20", .unsatisfiable),
      ("bytes=5-4", .whole), ("bytes=", .whole), ("bytes=-", .whole), ("bytes=a-b", .whole),
      ("bytes=0-1,3-4", .whole), ("bytes=0-1-2", .whole), ("bytes=+1-2", .whole), ("0-1", .whole),
      ("items=0-1", .whole), ("BYTES=0-1", .part(0..<2)), ("bytes=0-x", .whole),
      ("bytes=99999999999999999999-", .unsatisfiable),
      ("bytes=-99999999999999999999", .part(0..<10)),
      ("bytes=0-99999999999999999999", .part(0..<10)), ("bytes= 1-2", .part(1..<3)),
    ] as [(String?, ByteRange)]
  )
  func `HTTP-004 single ranges are evaluated`(field: String?, expected: ByteRange) {
    #expect(ByteRange(field.map { Bytes(utf8: $0) }, of: 10) == expected)
  }

  @Test func `HTTP-004 nothing can be selected of nothing`() {
    #expect(ByteRange(Bytes(utf8: "bytes=0-"), of: 0) == .unsatisfiable)
    #expect(ByteRange(Bytes(utf8: "bytes=-5"), of: 0) == .unsatisfiable)
    #expect(ByteRange(nil, of: 0) == .whole)
  }

  @Test func `HTTP-004 Content-Range says what is sent`() {
    #expect(ByteRange.part(2..<6).contentRange(of: 10) == "bytes 2-5/10")
    #expect(ByteRange.unsatisfiable.contentRange(of: 10) == "bytes */10")
    #expect(ByteRange.whole.contentRange(of: 10) == nil)
  }

  @Test(
    arguments: [
      ("GET", "\"a\"", .part(0..<1)), ("GET", "\"b\"", .whole), ("GET", "W/\"a\"", .whole),
      ("GET", "Sun, 06 Nov 1994 08:49:37 GMT", .whole), ("HEAD", "\"a\"", .whole),
    ] as [(String, String, ByteRange)]
  )
  func `If-Range must be the same strong tag`(
    method: String,
    condition: String,
    expected: ByteRange
  ) {
    var driver = Driver()
    driver.receive(
      "\(method) / HTTP/1.1\r\nHost: h\r\nRange: bytes=0-0\r\nIf-Range: \(condition)\r\n\r\n"
    )
    #expect(ByteRange(driver.requests[0], of: 10, entityTag: "\"a\"") == expected)
  }

  @Test func `a slice of pieces is cut without gaps`() {
    let pieces = [Bytes(utf8: "abc"), Bytes(), Bytes(utf8: "de"), Bytes(utf8: "fgh")]
    for lower in 0...8 {
      for upper in lower...8 {
        let text = pieces.slice(lower..<upper).map(\.text).joined()
        #expect(text == Bytes(utf8: "abcdefgh")[lower..<upper].text)
      }
    }
  }
}

@Suite struct ConditionTests {
  @Test(
    arguments: [
      (nil, false), ("*", true), ("\"a\"", true), ("W/\"a\"", true), ("\"b\"", false),
      ("\"b\", \"a\"", true), ("\"b\",\"c\" , W/\"a\"", true), ("\"x,a\"", false), ("a", false),
      ("\"a", false), ("", false), ("\"b\" junk, \"a\"", false), (",, \"a\"", true),
    ] as [(String?, Bool)]
  )
  func `HTTP-005 tags are compared weakly`(field: String?, expected: Bool) {
    #expect(EntityTags.matches(field.map { Bytes(utf8: $0) }, "\"a\"") == expected)
    #expect(EntityTags.matches(field.map { Bytes(utf8: $0) }, "W/\"a\"") == expected)
  }

  @Test(
    arguments: [
      ("*", true), ("\"a\"", true), ("\"b\", \"a\"", true), ("W/\"a\"", false), ("\"b\"", false),
    ] as [(String, Bool)]
  )
  func `If-Match compares strongly, and comes before If-None-Match`(field: String, isMet: Bool) {
    var driver = Driver()
    driver.receive("GET / HTTP/1.1\r\nHost: h\r\nIf-Match: \(field)\r\n\r\n")
    driver.receive("GET / HTTP/1.1\r\nHost: h\r\nIf-None-Match: *\r\nIf-Match: \(field)\r\n\r\n")
    #expect(Precondition(driver.requests[0], entityTag: "\"a\"") == (isMet ? .met : .failed))
    #expect(
      Precondition(driver.requests[1], entityTag: "\"a\"") == (isMet ? .notModified : .failed)
    )
    #expect(
      Precondition(driver.requests[0], entityTag: "W/\"a\"") == (field == "*" ? .met : .failed)
    )
  }

  @Test(
    arguments: [
      (nil, false), ("", false), ("gzip", true), ("GZIP", true), ("x-gzip", true), ("br", false),
      ("gzip, deflate, br", true), ("gzip;q=0", false), ("gzip;q=0.000", false),
      ("gzip;q=0.001", true), ("*", true), ("*;q=0", false), ("identity", false),
      ("*, gzip;q=0", false), ("gzip;q=0.5, identity", false), ("gzip;q=0.5, identity;q=0.5", true),
      ("gzip ; q=1", true), ("gzip;q=x", false), ("gzip;q=1.5", false), ("gzip;q=2", false),
      ("identity;q=0, *", true),
    ] as [(String?, Bool)]
  )
  func `HTTP-006 gzip is used only where it is wanted`(field: String?, expected: Bool) {
    #expect(ContentCoding.acceptsGzip(field.map { Bytes(utf8: $0) }) == expected)
  }
}

@Suite struct HTTPDateTests {
  @Test(
    arguments: [
      (0, "Thu, 01 Jan 1970 00:00:00 GMT"), (784_111_777, "Sun, 06 Nov 1994 08:49:37 GMT"),
      (951_782_400, "Tue, 29 Feb 2000 00:00:00 GMT"), (-1, "Wed, 31 Dec 1969 23:59:59 GMT"),
      (4_107_542_399, "Sun, 28 Feb 2100 23:59:59 GMT"),
      (4_107_542_400, "Mon, 01 Mar 2100 00:00:00 GMT"),
      (1_735_689_599, "Tue, 31 Dec 2024 23:59:59 GMT"),
    ] as [(Int64, String)]
  )
  func `HTTP-019 dates are printed as IMF-fixdate`(seconds: Int64, expected: String) {
    #expect(HTTPDate(UTCTime(microseconds: seconds * 1_000_000)).text == expected)
  }
}

@Suite struct ResponseHeadTests {
  @Test func `a value can't add lines`() {
    #expect(ResponseHead.line("A", "b\r\nC: d\0") == Bytes(utf8: "A: b  C: d \r\n"))
  }
}
