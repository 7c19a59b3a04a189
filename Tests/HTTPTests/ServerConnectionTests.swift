import HTTP
import Testing
import Wire

@Suite struct ServerConnectionTests {
  @Test func `a request is answered with status, date and length`() {
    var driver = Driver()
    driver.receive("GET /a/b?c=d HTTP/1.1\r\nHost: h\r\nX: y\r\n\r\n")
    #expect(driver.requests.count == 1)
    #expect(driver.requests[0].target.segments == [Bytes(utf8: "a"), Bytes(utf8: "b")])
    #expect(driver.requests[0].value("x") == Bytes(utf8: "y"))
    var head = ResponseHead(.ok, [Bytes(utf8: "A: 1\r\nB: 2\r\n")])
    head.add("ETag", "\"x\"")
    driver.connection.respond(
      driver.ids[0],
      head,
      .whole([Bytes(utf8: "he"), Bytes(), Bytes(utf8: "llo")]),
      date: Driver.date
    )
    driver.turn()
    #expect(
      driver.takeText() == "HTTP/1.1 200 OK\r\n" + dateLine
        + "A: 1\r\nB: 2\r\nETag: \"x\"\r\nContent-Length: 5\r\n\r\nhello"
    )
    #expect(driver.connection.closing == nil)
  }

  @Test func `HTTP-001 several requests use one connection until one says close`() {
    var driver = Driver()
    for _ in 0..<3 {
      driver.receive(get)
      driver.respond(driver.ids.count - 1)
    }
    #expect(driver.statuses == [200, 200, 200])
    #expect(driver.connection.closing == nil)
    _ = driver.takeText()
    driver.receive("GET / HTTP/1.1\r\nHost: h\r\nConnection: Foo, Close\r\n\r\n" + get)
    #expect(driver.requests.count == 4)
    driver.respond(3)
    #expect(driver.takeText().contains("\r\nConnection: close\r\n"))
    #expect(driver.connection.closing == .orderly)
    #expect(driver.connection.wantsRead == false)
  }

  @Test func `HTTP-002 pipelined requests are answered in order`() {
    var driver = Driver()
    driver.receive(get + get + get)
    #expect(driver.requests.count == 3)
    driver.respond(2, .notFound)
    driver.respond(1, .ok, .growing)
    driver.connection.append(driver.ids[1], [Bytes(utf8: "x")])
    driver.connection.finish(driver.ids[1])
    driver.turn()
    #expect(driver.output.isEmpty)
    driver.respond(0, .noContent)
    #expect(driver.statuses == [204, 200, 404])
    #expect(driver.connection.openRequests == 0)
  }

  @Test func `HTTP-003 HEAD has the fields of GET and no content`() {
    var driver = Driver()
    driver.receive("HEAD / HTTP/1.1\r\nHost: h\r\n\r\n" + get)
    driver.respond(0, .ok, .whole([Bytes(utf8: "hello")]))
    #expect(
      driver.takeText() == "HTTP/1.1 200 OK\r\n" + dateLine + "Content-Length: 5\r\n\r\n"
    )
    driver.respond(1)
    driver.receive("HEAD / HTTP/1.1\r\nHost: h\r\n\r\n")
    _ = driver.takeText()
    driver.respond(2, .ok, .growing)
    driver.connection.append(driver.ids[2], [Bytes(utf8: "dropped")])
    driver.connection.finish(driver.ids[2])
    driver.turn()
    #expect(
      driver.takeText() == "HTTP/1.1 200 OK\r\n" + dateLine
        + "Transfer-Encoding: chunked\r\n\r\n"
    )
  }

  @Test func `HTTP-003 a HEAD that fails has no content either`() {
    var driver = Driver()
    driver.receive("HEAD / HTTP/1.1\r\nHost : h\r\n\r\n")
    #expect(driver.takeText().hasSuffix("Connection: close\r\n\r\n"))
  }

  @Test func `HTTP-005 not modified has no length and no content`() {
    var driver = Driver()
    driver.receive(get)
    driver.respond(0, .notModified)
    #expect(driver.takeText() == "HTTP/1.1 304 Not Modified\r\n" + dateLine + "\r\n")
  }

  @Test func `HTTP-020 a growing answer is chunked and ends with the last chunk`() {
    var driver = Driver()
    driver.receive(get)
    driver.respond(0, .ok, .growing)
    #expect(
      driver.takeText() == "HTTP/1.1 200 OK\r\n" + dateLine
        + "Transfer-Encoding: chunked\r\n\r\n"
    )
    driver.connection.append(driver.ids[0], [Bytes(utf8: "0123456789"), Bytes(utf8: "abcdef")])
    driver.connection.append(driver.ids[0], [])
    driver.connection.append(driver.ids[0], [Bytes()])
    driver.turn()
    #expect(driver.takeText() == "10\r\n0123456789abcdef\r\n")
    driver.connection.finish(driver.ids[0])
    driver.connection.append(driver.ids[0], [Bytes(utf8: "late")])
    driver.turn()
    #expect(driver.takeText() == "0\r\n\r\n")
    #expect(driver.connection.closing == nil)
  }

  @Test func `HTTP-020 an aborted answer closes without the last chunk`() {
    var driver = Driver()
    driver.receive(get + get)
    driver.respond(0, .ok, .growing)
    driver.connection.append(driver.ids[0], [Bytes(utf8: "x")])
    driver.connection.abort(driver.ids[0])
    driver.turn()
    #expect(driver.takeText().hasSuffix("\r\n\r\n1\r\nx\r\n"))
    #expect(driver.connection.closing == .orderly)
    driver.respond(1)
    #expect(driver.output.isEmpty)
  }

  @Test func `HTTP-021 HTTP/1.0 gets no transfer encoding`() {
    var driver = Driver()
    driver.receive("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
    driver.respond(0, .ok, .growing)
    driver.connection.append(driver.ids[0], [Bytes(utf8: "abc")])
    driver.connection.finish(driver.ids[0])
    driver.turn()
    #expect(
      driver.takeText() == "HTTP/1.1 200 OK\r\n" + dateLine + "Connection: close\r\n\r\nabc"
    )
    #expect(driver.connection.closing == .orderly)
  }

  @Test func `HTTP-020 an aborted answer to HTTP/1.0 resets`() {
    var driver = Driver()
    driver.receive("GET / HTTP/1.0\r\n\r\n")
    driver.respond(0, .ok, .growing)
    driver.connection.append(driver.ids[0], [Bytes(utf8: "abc")])
    driver.connection.abort(driver.ids[0])
    driver.turn()
    #expect(driver.connection.closing == .reset)
  }

  @Test func `HTTP-001 HTTP/1.0 stays open when it asks to`() {
    var driver = Driver()
    driver.receive("GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n")
    driver.respond(0)
    #expect(driver.takeText().contains("\r\nConnection: keep-alive\r\n"))
    #expect(driver.connection.closing == nil)
    driver.receive("GET / HTTP/1.0\r\n\r\n")
    driver.respond(1)
    #expect(driver.takeText().contains("\r\nConnection: close\r\n"))
    #expect(driver.connection.closing == .orderly)
  }

  @Test func `HTTP-007 HTTP-019 errors of the connection carry its fields and the date`() {
    var driver = Driver()
    driver.receive("GET /\r\n\r\n")
    #expect(
      driver.takeText() == "HTTP/1.1 400 Bad Request\r\n" + dateLine
        + "Content-Type: text/plain; charset=utf-8\r\n"
        + "Access-Control-Allow-Origin: *\r\nCache-Control: max-age=1\r\n"
        + "Content-Length: 47\r\nConnection: close\r\n\r\n"
        + "request line is not method, target and version\n"
    )
  }

  @Test func `an error is answered after the requests before it`() {
    var driver = Driver()
    driver.receive(get + "BROKEN\r\n\r\n" + get)
    #expect(driver.requests.count == 1)
    #expect(driver.output.isEmpty)
    driver.respond(0)
    #expect(driver.statuses == [200, 400])
    #expect(driver.connection.closing == .orderly)
  }

  @Test func `requests past the pipeline limit wait, and reading stops`() {
    var driver = Driver { $0.pipelinedRequests = 2 }
    driver.receive(get)
    #expect(driver.connection.wantsRead == true)
    driver.receive(get + get)
    #expect(driver.requests.count == 2)
    #expect(driver.connection.wantsRead == false)
    #expect(driver.connection.deadline == nil)
    driver.respond(0)
    #expect(driver.requests.count == 3)
    driver.respond(1)
    #expect(driver.connection.wantsRead == true)
  }

  @Test func `a client that does not read is not read from`() {
    var driver = Driver { $0.pipelinedRequests = 4 }
    let big = Bytes([UInt8](repeating: 0, count: 100_000))
    var answered = 0
    for _ in 0..<10 {
      driver.connection.receive(Bytes(utf8: get), now: driver.now)
      driver.turn(writing: false)
      for id in driver.ids.dropFirst(answered) {
        driver.connection.respond(id, ResponseHead(.ok), .whole([big]), date: Driver.date)
      }
      answered = driver.ids.count
    }
    #expect(driver.requests.count <= 6)
    #expect(driver.connection.pendingBytes < 200_200)
    #expect(driver.connection.wantsRead == false)
  }

  @Test func `the last allowed request closes the connection`() {
    var driver = Driver { $0.requestsPerConnection = 2 }
    driver.receive(get + get + get)
    #expect(driver.requests.count == 2)
    driver.respond(0)
    #expect(driver.connection.closing == nil)
    driver.respond(1)
    #expect(driver.connection.closing == .orderly)
    #expect(driver.takeText().hasSuffix("Connection: close\r\n\r\n"))
  }

  @Test func `HTTP-013 a head that does not end is answered 408 after 30 seconds`() {
    var driver = Driver()
    driver.now = Instant(nanoseconds: 5_000_000_000)
    driver.receive("GET / HT")
    let deadline = Instant(nanoseconds: 35_000_000_000)
    #expect(driver.connection.deadline == deadline)
    driver.now = Instant(nanoseconds: 34_999_999_999)
    driver.receive("T")
    driver.connection.handleTimeout(now: driver.now, date: Driver.date)
    driver.turn()
    #expect(driver.output.isEmpty)
    driver.now = deadline
    driver.connection.handleTimeout(now: driver.now, date: Driver.date)
    driver.turn()
    #expect(driver.statuses == [408])
    #expect(driver.connection.closing == .orderly)
    #expect(driver.connection.deadline == nil)
  }

  @Test func `HTTP-013 a client that sends nothing is cut without words`() {
    var driver = Driver()
    #expect(driver.connection.deadline == Instant(nanoseconds: 30_000_000_000))
    driver.now = Instant(nanoseconds: 30_000_000_000)
    driver.connection.handleTimeout(now: driver.now, date: Driver.date)
    #expect(driver.connection.closing == .orderly)
    #expect(driver.output.isEmpty)
  }

  @Test func `an idle connection is kept for a minute after its last answer`() {
    var driver = Driver()
    driver.receive(get)
    // While the server is to answer, nothing can be held against the client.
    #expect(driver.connection.deadline == nil)
    driver.now = Instant(nanoseconds: 1_000_000_000)
    driver.respond(0)
    #expect(driver.connection.deadline == Instant(nanoseconds: 61_000_000_000))
    driver.now = Instant(nanoseconds: 61_000_000_000)
    driver.connection.handleTimeout(now: driver.now, date: Driver.date)
    #expect(driver.connection.closing == .orderly)
  }

  @Test func `a client that ends its side still gets its answers`() {
    var driver = Driver()
    driver.receive(get + get + "GET /half")
    driver.connection.receiveEnd()
    driver.turn()
    #expect(driver.connection.closing == nil)
    driver.respond(0)
    #expect(driver.connection.closing == nil)
    driver.respond(1)
    #expect(driver.statuses == [200, 200])
    #expect(driver.connection.closing == .orderly)
  }

  @Test func `a server that stops answers what it has taken`() {
    var driver = Driver()
    driver.receive(get + get)
    driver.connection.stopReading()
    driver.respond(0)
    #expect(driver.connection.closing == nil)
    driver.respond(1)
    #expect(driver.takeText().hasSuffix("Connection: close\r\n\r\n"))
    #expect(driver.connection.closing == .orderly)
    var idle = Driver()
    idle.connection.stopReading()
    #expect(idle.connection.closing == .orderly)
  }

  @Test func `partial writes lose nothing`() {
    var driver = Driver()
    driver.receive(get)
    driver.connection.respond(
      driver.ids[0],
      ResponseHead(.ok),
      .whole([Bytes(utf8: "abc"), Bytes(utf8: "defg")]),
      date: Driver.date
    )
    var text: [UInt8] = []
    while let piece = driver.connection.pollOutput(maxPieces: 3).first {
      text.append(piece[0])
      driver.connection.wrote(1, now: driver.now)
    }
    #expect(
      String(decoding: text, as: UTF8.self) == "HTTP/1.1 200 OK\r\n" + dateLine
        + "Content-Length: 7\r\n\r\nabcdefg"
    )
  }

  @Test func `requests behind an answer that is not taken wait, and are not lost`() {
    var driver = Driver()
    driver.connection.receive(Bytes(utf8: get + get + get), now: driver.now)
    driver.turn(writing: false)
    #expect(driver.requests.count == 3)
    driver = Driver()
    driver.receive(get)
    let large = Bytes([UInt8](repeating: 1, count: 100_000))
    driver.connection.respond(driver.ids[0], ResponseHead(.ok), .whole([large]), date: Driver.date)
    driver.connection.receive(Bytes(utf8: get + get), now: driver.now)
    driver.turn(writing: false)
    #expect(driver.requests.count == 1)
    #expect(driver.connection.wantsRead == false)
    // Nobody is to blame for a request that we don't read.
    #expect(driver.connection.deadline == nil)
    driver.turn()
    driver.turn()
    #expect(driver.requests.count == 3)
    #expect(driver.connection.wantsRead == true)
  }

  @Test func `a refusal is told once`() {
    var driver = Driver()
    driver.receive(get)
    let before = driver.connection.takeRefusal()
    driver.receive("GARBAGE\r\n\r\n")
    let first = driver.connection.takeRefusal()
    let second = driver.connection.takeRefusal()
    #expect([before, first, second] == [nil, .badRequest, nil])
  }
}
