import HTTP
import TestSupport
import Testing
import Wire

@Suite struct RequestParsingTests {
  /// What of a case is seen without a service: all requests that are handed out are answered 200.
  private func play(_ input: RequestCase, oneAtATime: Bool) -> (
    handed: Int, own: Int?, closed: Bool
  ) {
    var driver = Driver()
    let bytes = input.bytes(media: "/media", tag: "\"a\"")
    let pieces = oneAtATime ? bytes.map { [$0] } : [bytes]
    var answered = 0
    for piece in pieces {
      driver.receive(Bytes(piece))
      while answered < driver.ids.count {
        driver.respond(answered)
        answered += 1
      }
    }
    let statuses = driver.statuses
    return (
      answered, statuses.count > answered ? statuses.last : nil, driver.connection.closing != nil
    )
  }

  @Test(arguments: RequestCase.all, [false, true])
  func `HTTP-011 a request is handed out or refused, whole and byte by byte`(
    input: RequestCase,
    oneAtATime: Bool
  ) {
    let result = play(input, oneAtATime: oneAtATime)
    #expect(result.handed == input.answers.count - (input.refused ? 1 : 0))
    #expect(result.own == (input.refused ? input.answers.last : nil))
    #expect(result.closed == (input.end == .closed))
  }

  @Test func `the table is there, and most of it is refused`() {
    #expect(RequestCase.all.count >= 290)
    #expect(RequestCase.all.count { $0.refused } >= 150)
    #expect(Set(RequestCase.all.map(\.name)).count == RequestCase.all.count)
  }

  @Test func `1,000 requests of two halves are read the same whole and byte by byte`() throws {
    var generator = SeededGenerator(seed: 1)
    let inputs = RequestCase.all.map { $0.bytes(media: "/media", tag: "\"a\"") }.filter {
      $0.count < 1000
    }
    var handed = 0
    for _ in 0..<1000 {
      let first = try #require(inputs.randomElement(using: &generator))
      let second = try #require(inputs.randomElement(using: &generator))
      let cut = (
        Int.random(in: 0...first.count, using: &generator),
        Int.random(in: 0...second.count, using: &generator)
      )
      let bytes = Array(first[..<cut.0] + second[cut.1...])
      var whole = Driver()
      whole.receive(Bytes(bytes))
      var pieces = Driver()
      for byte in bytes { pieces.receive(Bytes([byte])) }
      #expect(pieces.requests == whole.requests)
      #expect(pieces.output == whole.output)
      #expect(pieces.connection.closing == whole.connection.closing)
      handed += whole.requests.count
    }
    #expect(handed > 50)
  }

  @Test func `nothing is handed out after a request that was refused`() {
    for input in RequestCase.all where input.refused {
      var driver = Driver()
      driver.receive(Bytes(input.bytes(media: "/media", tag: "\"a\"")))
      let count = driver.requests.count
      driver.receive(get)
      #expect(driver.requests.count == count, "\(input)")
    }
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
