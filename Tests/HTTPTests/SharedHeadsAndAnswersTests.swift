import Testing
import Wire

@testable import HTTP

@Suite struct SharedHeadsAndAnswersTests {
  private static let lines = [
    "GET /a HTTP/1.1\r\nHost: h\r\n\r\n",
    "GET /a HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n",
    "GET /a HTTP/1.0\r\n\r\n",
    "HEAD /a?b=c HTTP/1.1\r\nHost: h\r\nRange: bytes=0-1\r\n\r\n",
    "POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nhi",
    "GET /a HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\n\r\n",
    "GET /a HTTP/1.1\r\nHost: h\r\n\r\nGET /b HTTP/1.1\r\nHost: h\r\n\r\n",
    "GET /a HTTP/1.1\r\n\r\n", "\r\nGET /a HTTP/1.1\r\nHost: h\r\n\r\n",
  ]

  @Test(arguments: lines)
  func `a head that is known is read as if it were not`(_ text: String) {
    let known = KnownHeads()
    var expected = Driver()
    expected.receive(text)
    for _ in 0..<3 {
      var driver = Driver(knownHeads: known)
      driver.receive(text)
      #expect(driver.requests == expected.requests)
      #expect(driver.output == expected.output)
    }
    // However it is split.
    let bytes = Bytes(utf8: text)
    for split in 1..<bytes.count {
      var driver = Driver(knownHeads: known)
      driver.receive(bytes.prefix(split))
      driver.receive(bytes.suffix(from: split))
      #expect(driver.requests == expected.requests)
      #expect(driver.output == expected.output)
    }
  }

  @Test func `those who ask in the same words share a head`() {
    let known = KnownHeads()
    var heads: [RequestHead] = []
    for text in [get, get, "GET /b HTTP/1.1\r\nHost: h\r\n\r\n", get] {
      var driver = Driver(knownHeads: known)
      driver.receive(text)
      heads += driver.requests
    }
    #expect(heads.count == 4)
    #expect(heads[0] === heads[1])
    #expect(heads[0] === heads[3])
    #expect(heads[2] !== heads[0])
    #expect(heads[2].target.segments == [Bytes(utf8: "b")])
  }

  @Test func `heads longer than the limit are read each time`() {
    let known = KnownHeads()
    for (length, isShared) in [(KnownHeads.longest, true), (KnownHeads.longest + 1, false)] {
      let frame = "GET / HTTP/1.1\r\nHost: h\r\nX: \r\n\r\n"
      let text =
        "GET / HTTP/1.1\r\nHost: h\r\nX: "
        + String(repeating: "x", count: length - frame.utf8.count) + "\r\n\r\n"
      var first = Driver(knownHeads: known)
      first.receive(text)
      var second = Driver(knownHeads: known)
      second.receive(text)
      #expect(first.requests == second.requests)
      #expect((first.requests[0] === second.requests[0]) == isShared)
    }
  }

  @Test func `a known head counts as one of those that wait`() {
    let known = KnownHeads()
    var first = Driver(knownHeads: known)
    first.receive(get)
    var driver = Driver(knownHeads: known) { $0.pipelinedRequests = 1 }
    driver.receive(get)
    driver.receive(get)
    #expect(driver.requests.count == 1)
    driver.respond(0)
    #expect(driver.requests.count == 2)
    #expect(driver.requests[0] === driver.requests[1])
  }

  // MARK: Answers

  @Test(arguments: lines[..<4], [0, 1, 4096, 4097, 100_000])
  func `a shared answer is sent as one of its own is`(_ text: String, _ count: Int) {
    let body = Body.whole([Bytes([UInt8](repeating: 0x78, count: count)), [0x0A]])
    let head = ResponseHead(.ok, [ResponseHead.line("A", "b")])
    let shared = SharedAnswer(head, body)
    for second in 0..<2 {
      let date = HTTPDate(UTCTime(microseconds: Int64(second) * 1_000_000))
      var own = Driver()
      own.receive(text)
      own.connection.respond(own.ids[0], head, body, date: date)
      own.turn()
      for _ in 0..<2 {
        var driver = Driver()
        driver.receive(text)
        driver.connection.respond(driver.ids[0], shared, date: date)
        driver.turn()
        #expect(driver.output == own.output)
        #expect(driver.connection.closing == own.connection.closing)
      }
    }
  }

  @Test func `content in one piece takes the place of what was sent before`() {
    let shared = SharedAnswer(ResponseHead(.ok), .whole([[0x78], [0x79]]))
    var outputs: [[UInt8]] = []
    for isJoined in [false, true] {
      if isJoined { shared.join([0x78, 0x79], nil) }
      var driver = Driver()
      driver.receive(get)
      driver.connection.respond(driver.ids[0], shared, date: Driver.date)
      driver.turn()
      outputs.append(driver.output)
    }
    #expect(outputs[0] == outputs[1])
  }

  /// A joined answer whose content has a copy.
  private func copied() -> (SharedAnswer, ContentCopy) {
    let shared = SharedAnswer(ResponseHead(.ok), .none)
    let copy = ContentCopy(7)
    shared.join(Bytes([UInt8](repeating: 0x78, count: 5000)), copy)
    return (shared, copy)
  }

  @Test func `content that has a copy is told of until some of it is written`() {
    let (shared, copy) = copied()
    var driver = Driver()
    driver.receive(get + get)
    driver.connection.respond(driver.ids[0], shared, date: Driver.date)
    let head = driver.connection.pendingBytes - 5000
    for written in [0, 1, head - 2] {
      driver.connection.wrote(written, now: driver.now)
      #expect(driver.connection.copiedOutput?.then == copy)
      #expect(
        driver.connection.copiedOutput?.first == driver.connection.pollOutput(maxPieces: 1)[0]
      )
    }
    driver.connection.wrote(1, now: driver.now)
    #expect(driver.connection.copiedOutput == nil)
    #expect(driver.connection.onlyOutput?.count == 5000)
    driver.connection.wrote(4999, now: driver.now)
    // What comes behind has no copy, and the next that is alone has.
    driver.connection.respond(driver.ids[1], ResponseHead(.ok), .none, date: Driver.date)
    #expect(driver.connection.copiedOutput == nil)
    driver.turn()
    driver.receive(get)
    driver.connection.respond(driver.ids[2], shared, date: Driver.date)
    #expect(driver.connection.copiedOutput?.then == copy)
    driver.connection.wrote(head + 5000, now: driver.now)
    #expect(driver.connection.copiedOutput == nil)
    #expect(driver.connection.pendingBytes == 0)
  }

  @Test func `what has other pieces before it or behind it is written as bytes`() {
    let (shared, _) = copied()
    var driver = Driver()
    driver.receive(get + get + get)
    driver.connection.respond(driver.ids[0], ResponseHead(.ok), .none, date: Driver.date)
    let first = driver.connection.pendingBytes
    driver.connection.respond(driver.ids[1], shared, date: Driver.date)
    #expect(driver.connection.copiedOutput == nil)
    driver.connection.wrote(first, now: driver.now)
    driver.connection.respond(driver.ids[2], ResponseHead(.ok), .none, date: Driver.date)
    #expect(driver.connection.copiedOutput == nil)
  }

  @Test(arguments: [
    "HEAD /a HTTP/1.1\r\nHost: h\r\n\r\n", "GET /a HTTP/1.0\r\n\r\n",
    "GET /a HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n",
  ])
  func `answers of one's own are written as bytes`(_ request: String) {
    var driver = Driver()
    driver.receive(request)
    driver.connection.respond(driver.ids[0], copied().0, date: Driver.date)
    #expect(driver.connection.copiedOutput == nil)
  }

  @Test func `a shared answer waits for those before it`() {
    let shared = SharedAnswer(ResponseHead(.ok), .whole([[0x78]]))
    var driver = Driver()
    driver.receive(get + get)
    driver.connection.respond(driver.ids[1], shared, date: Driver.date)
    driver.turn()
    #expect(driver.output.isEmpty)
    driver.respond(0, .notFound)
    #expect(driver.statuses == [404, 200])
  }
}
