import Foundation
import LinuxIO
import Manifests
import Packaging
import TLS
import TestSupport
import Testing
import Wire

@testable import Egress

/// HTTP as seen on the socket.
@Suite struct ConnectionTests {
  @Test func `HTTP-001 HTTP-002 pipelined requests are answered in order on one connection`() throws
  {
    let server = try TestServer()
    let client = try server.client()
    client.send(
      ["/healthz", "/nothing", "/time"].map { "GET \($0) HTTP/1.1\r\nHost: h\r\n\r\n" }.joined()
    )
    #expect(try (0..<3).map { _ in try client.reply().status } == [200, 404, 200])
    #expect(try client.get("/healthz").text == "ok\n")
    #expect(try client.get("/healthz", "Connection: close\r\n").fields["connection"] == "close")
    #expect(try client.endsHere())
  }

  @Test func `limits that are lowered hold for heads that were read before`() throws {
    let server = try TestServer()
    let field = "X-Long: \(String(repeating: "x", count: 400))\r\n"
    #expect(try server.client().get("/healthz", field).status == 200)
    #expect(try server.client().get("/healthz", field).status == 200)
    var configuration = Configuration()
    configuration.server.headBytes = 256
    server.inbox.post(.configuration(configuration))
    // Some connections may still be accepted before the loop looks into its inbox.
    var statuses: [Int] = []
    while statuses.last != 431, statuses.count < 200 {
      statuses.append(try server.client().get("/healthz", field).status)
    }
    #expect(statuses.last == 431)
  }

  @Test func `HTTP-003 HEAD answers have no body on the wire`() throws {
    let server = try TestServer()
    try server.serve(Live.states[Live.index(parts: 2)])
    let client = try server.client()
    let segment = try #require(Live.states[0].renditions[0].segments.first)
    for path in [
      "/live/index.m3u8", "/live/manifest.mpd", "/live/v/media.m3u8", "/metrics",
      "/live/v/\(segment.initSegment.name).mp4", "/nothing",
      "/live/v/\(segment.epoch.name)/segment/1800000.m4s",
    ] {
      client.send("HEAD \(path) HTTP/1.1\r\nHost: origin\r\n\r\n")
      let head = try client.reply(isHead: true)
      #expect(client.buffer.isEmpty, "\(path)")
      if !path.contains("1800000"), path != "/metrics" {
        let full = try client.get(path)
        #expect(head.fields["content-length"] == full.fields["content-length"], "\(path)")
        #expect(head.status == full.status)
      }
    }
  }

  @Test func `HTTP-007 HTTP-019 every answer has CORS and Date, none has Age`() throws {
    let server = try TestServer()
    try server.serve(Live.states[Live.index(parts: 2)])
    for request in [
      "GET /live/index.m3u8 HTTP/1.1\r\nHost: h\r\n\r\n",
      "GET /live/v/media.m3u8?_HLS_part=1 HTTP/1.1\r\nHost: h\r\n\r\n",
      "GET /nothing HTTP/1.1\r\nHost: h\r\n\r\n", "POST / HTTP/1.1\r\nHost: h\r\n\r\n",
      "GET / HTTP/1.1\r\n\r\n", "OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n",
      "GET /time HTTP/1.1\r\nHost: h\r\n\r\n",
    ] {
      let client = try server.client()
      client.send(request)
      let reply = try client.reply()
      #expect(reply.fields["access-control-allow-origin"] == "*", "\(request)")
      let exposed = reply.fields["access-control-expose-headers"] ?? ""
      for name in ["Age", "Date", "Content-Range"] { #expect(exposed.contains(name)) }
      #expect(reply.fields["age"] == nil)
      let date = try #require(reply.fields["date"])
      #expect(abs(try httpDate(date) - Date().timeIntervalSince1970) <= 2.5)
    }
  }

  private func httpDate(_ text: String) throws -> Double {
    let formatter = DateFormatter()
    formatter.locale = Locale(identifier: "en_US_POSIX")
    formatter.dateFormat = "EEE, dd MMM yyyy HH:mm:ss zzz"
    return try #require(formatter.date(from: text)).timeIntervalSince1970
  }

  @Test func `HTTP-008 a preflight for any path allows ranges and CMCD`() throws {
    let server = try TestServer()
    let client = try server.client()
    for path in ["*", "/live/v/media.m3u8", "/nothing", "/"] {
      client.send("OPTIONS \(path) HTTP/1.1\r\nHost: h\r\nOrigin: http://page\r\n\r\n")
      let reply = try client.reply()
      #expect(reply.status == 204)
      let methods = reply.fields["access-control-allow-methods"] ?? ""
      #expect(methods.contains("GET") && methods.contains("HEAD"))
      let fields = reply.fields["access-control-allow-headers"] ?? ""
      for name in ["Range", "CMCD-Request", "CMCD-Object", "CMCD-Status", "CMCD-Session"] {
        #expect(fields.contains(name))
      }
      #expect(reply.fields["access-control-max-age"] == "86400")
    }
    client.send(
      "OPTIONS /x HTTP/1.1\r\nHost: h\r\nAccess-Control-Request-Headers: range,x-own\r\n\r\n"
    )
    #expect(try client.reply().fields["access-control-allow-headers"] == "range,x-own")
  }

  @Test func `HTTP-010 other methods get 405 with Allow`() throws {
    let server = try TestServer()
    let client = try server.client()
    for method in ["POST", "PUT", "DELETE", "PATCH", "BREW"] {
      client.send("\(method) /live/index.m3u8 HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nhi")
      let reply = try client.reply()
      #expect(reply.status == 405, "\(method)")
      #expect(reply.fields["allow"] == "GET, HEAD, OPTIONS")
      #expect(reply.fields["cache-control"] != nil, "HTTP-014")
    }
  }

  @Test(arguments: [
    "GARBAGE\r\n\r\n", "GET /\r\n\r\n", "GET / HTTP/1.1\r\n\r\n",
    "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", "GET / HTTP/1.1\r\nHost : a\r\n\r\n",
    "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
    "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
    "GET / HTTP/1.1\r\nHost: a\r\n folded: x\r\n\r\n",
  ])
  func `HTTP-011 malformed requests get 400 and the end`(_ request: String) throws {
    let server = try TestServer()
    let client = try server.client()
    client.send(request)
    let reply = try client.reply()
    #expect(reply.status == 400)
    #expect(reply.fields["cache-control"] == "no-store")
    #expect(try client.endsHere())
  }

  @Test
  func `HTTP-012 a head, target or count of fields at its limit passes and one more does not`()
    throws
  {
    let server = try TestServer {
      $0.server.headBytes = 600
      $0.server.targetBytes = 300
      $0.server.fields = 8
    }
    func status(_ request: String) throws -> Int {
      let client = try server.client()
      client.send(request)
      return try client.reply().status
    }
    func target(_ count: Int) -> String {
      "GET /" + String(repeating: "a", count: count - 1) + " HTTP/1.1\r\nHost: h\r\n\r\n"
    }
    #expect(try status(target(300)) == 404)
    #expect(try status(target(301)) == 414)
    func head(_ count: Int) -> String {
      let frame = "GET / HTTP/1.1\r\nHost: h\r\nA: \r\n\r\n"
      return "GET / HTTP/1.1\r\nHost: h\r\nA: "
        + String(repeating: "b", count: count - frame.utf8.count) + "\r\n\r\n"
    }
    #expect(try status(head(600)) == 404)
    #expect(try status(head(601)) == 431)
    func fields(_ count: Int) -> String {
      "GET / HTTP/1.1\r\nHost: h\r\n" + String(repeating: "A: b\r\n", count: count - 1) + "\r\n"
    }
    #expect(try status(fields(8)) == 404)
    #expect(try status(fields(9)) == 431)
  }

  @Test func `HTTP-013 a head that does not end in time gets 408, others are served meanwhile`()
    throws
  {
    let server = try TestServer { $0.server.headTimeout = .seconds(1) }
    let slow = try server.client()
    slow.send("GET / HTTP/1.1\r\nHos")
    #expect(try server.client().get("/healthz").status == 200)
    #expect(try slow.reply().status == 408)
    #expect(try slow.endsHere())
  }

  @Test(arguments: [
    "/../etc/passwd", "/live/../../etc/passwd", "/%2e%2e/etc/passwd", "/live/%2e%2e%2fetc/passwd",
    "/%252e%252e/etc/passwd", "/live/v/..%2f..%2fmedia.m3u8", "/live/v/%00/media.m3u8",
  ])
  func `HTTP-022 HTTP-023 no path leads out, and nothing is redirected`(_ path: String) throws {
    let server = try TestServer()
    try server.serve(Live.states[Live.index(parts: 2)])
    #expect([400, 404].contains(try server.client().get(path).status))
  }

  @Test func `DASH-008 the clock's URL is absolute, with Host and without, and tells the time`()
    throws
  {
    let server = try TestServer()
    try server.serve(Live.states[Live.index(parts: 2)])
    let client = try server.client()
    #expect(try client.get("/live/manifest.mpd").text.contains("value=\"http://origin/time\""))
    for request in [
      "GET /live/manifest.mpd HTTP/1.0\r\n\r\n", "GET /live/manifest.mpd HTTP/1.1\r\nHost:\r\n\r\n",
    ] {
      let old = try server.client()
      old.send(request)
      #expect(try old.reply().text.contains("value=\"http://\(server.address)/time\""))
    }
    // Of a URL in the request line Host is not asked, RFC 9112 §3.2.2.
    client.send("GET http://other:81/live/manifest.mpd HTTP/1.1\r\nHost: origin\r\n\r\n")
    #expect(try client.reply().text.contains("value=\"http://other:81/time\""))
    let reply = try client.get("/time")
    #expect(reply.fields["cache-control"] == "no-store")
    let formatter = ISO8601DateFormatter()
    formatter.formatOptions.insert(.withFractionalSeconds)
    let time = try #require(formatter.date(from: reply.text))
    #expect(abs(time.timeIntervalSinceNow) < 2)
  }

  @Test func `the public URL, when there is one, is where the clock is`() throws {
    let server = try TestServer { $0.server.publicURL = "https://cdn.example/" }
    try server.serve(Live.states[Live.index(parts: 2)])
    let text = try server.client().get("/live/manifest.mpd").text
    #expect(text.contains("value=\"https://cdn.example/time\""))
  }
}

/// Clients that say that they send no more, and read on.
@Suite struct HalfClosedTests {
  /// Segments of 200 kB.
  private static let state = {
    var track = ScriptedTrack.video("v")
    track.objectBytes = 4000
    let broadcast = RecordedBroadcast.scripted([track], seconds: 6)
    var bridge = SimulatedBridge(broadcast)
    bridge.run(broadcast)
    return bridge.snapshots[bridge.snapshots.count - 1]
  }()

  @Test(arguments: [false, true])
  func `everything that was asked for comes`(_ isSecure: Bool) throws {
    let certificate = ServerCredentials.Certificate(
      origin: "first",
      chain: try MediaFixture.bytes("TLS/first.pem"),
      key: try MediaFixture.bytes("TLS/first.key")
    )
    let server = try TestServer(
      credentials: isSecure ? ServerCredentials(certificates: [certificate]) : nil
    )
    defer { server.stop() }
    server.post(Self.state)
    let client = try TestClient(server.address, trust: isSecure ? .anybody : nil)
    while try client.get("/live/index.m3u8").status != 200 {}
    let segment = try #require(Self.state.renditions[0].segments.first { $0.isComplete })
    let path = "/live/v/" + MediaPath.segment(segment.epoch, start: segment.start)
    let content = segment.pieces.flatMap(\.array)
    // More than sockets hold, so that every answer waits for room.
    let count = 60
    client.send(String(repeating: "GET \(path) HTTP/1.1\r\nHost: h\r\n\r\n", count: count))
    client.closeSending()
    for _ in 0..<count { #expect(try client.reply().body == content) }
    #expect(try client.endsHere())
    #expect(!client.wasReset)
  }

  @Test func `half a request is no request`() throws {
    let server = try TestServer()
    let client = try server.client()
    client.send("GET /healthz HTTP/1.1\r\nHost: h\r\n\r\nGET /healthz HT")
    client.closeSending()
    #expect(try client.reply().status == 200)
    #expect(try client.endsHere())
    try server.until("it is gone") { server.metrics.connectionsOpen.value == 1 }
  }
}

/// Limits of the server, at the limit and one past it.
@Suite struct ServerLimitTests {
  /// No more than a byte must be taken in a long time, but everything in one second.
  private static let patient = {
    var configuration = Configuration()
    configuration.server.drainTimeout = .seconds(60)
    configuration.server.drainBytes = 1
    configuration.server.responseTimeout = .seconds(1)
    return configuration
  }()

  private let state = Live.states[Live.index(parts: 2)]

  @Test func `sixteen connections are served and the next is closed at once`() throws {
    let server = try TestServer { $0.server.connections = 16 }
    let clients = try (0..<16).map { _ in try server.client() }
    for client in clients { #expect(try client.get("/healthz").status == 200) }
    let next = try server.client()
    #expect(try !next.fill())
    #expect(server.metrics.connectionsRefused.value == 1)
    #expect(server.metrics.connectionsOpen.value == 16)
    #expect(try clients[0].get("/healthz").status == 200)
  }

  @Test func `sixteen requests may wait and the next gets 503`() throws {
    let server = try TestServer { $0.server.parked = 16 }
    try server.serve(state)
    let number = try #require(state.renditions[0].segments.last).number
    let clients = try (0..<16).map { _ in try server.client() }
    let request = "GET /live/v/media.m3u8?_HLS_msn=\(number) HTTP/1.1\r\nHost: h\r\n\r\n"
    for client in clients { client.send(request) }
    try server.waitForParked(16)
    let next = try server.client()
    next.send(request)
    let reply = try next.reply()
    #expect(reply.status == 503)
    #expect(reply.fields["retry-after"] == "1")
    #expect(server.metrics.parkedRefused.value == 1)
    server.post(try #require(Live.states.last))
    for client in clients { #expect(try client.reply().status == 200) }
  }

  @Test func `one request more than may be pipelined waits for an answer and is not lost`() throws {
    let server = try TestServer { $0.server.pipelined = 2 }
    try server.serve(state)
    let number = try #require(state.renditions[0].segments.last).number
    let client = try server.client()
    let held = "GET /live/v/media.m3u8?_HLS_msn=\(number) HTTP/1.1\r\nHost: h\r\n\r\n"
    client.send(held + held + held)
    try server.waitForParked(2)
    server.post(try #require(Live.states.last))
    #expect(try (0..<3).map { _ in try client.reply().status } == [200, 200, 200])
  }

  @Test func `an idle connection is closed after its time`() throws {
    let server = try TestServer { $0.server.idleTimeout = .seconds(1) }
    let client = try server.client()
    #expect(try client.get("/healthz").status == 200)
    #expect(try client.endsHere())
  }

  @Test func `a client that takes nothing of a large answer is closed`() throws {
    let server = try TestServer {
      $0.server.drainTimeout = .seconds(1)
      $0.server.drainBytes = 1_048_576
    }
    var track = ScriptedTrack.video("v")
    track.objectBytes = 200_000
    let broadcast = RecordedBroadcast.scripted([track], seconds: 6)
    var bridge = SimulatedBridge(broadcast)
    bridge.run(broadcast)
    let snapshot = try #require(bridge.last)
    try server.serve(snapshot)
    let segment = try #require(snapshot.renditions[0].segments.first { $0.isComplete })
    #expect(segment.byteCount == 50 * 200_000)
    let client = try server.client()
    client.send(
      "GET /live/v/" + MediaPath.segment(segment.epoch, start: segment.start)
        + " HTTP/1.1\r\nHost: h\r\n\r\n"
    )
    try server.until("the client is given up") { server.metrics.clientsTooSlow.value == 1 }
    // Takes enough each time, and would hold the media for ever.
    server.inbox.post(.configuration(Self.patient))
    let trickling = try server.client()
    trickling.send(
      "GET /live/v/" + MediaPath.segment(segment.epoch, start: segment.start)
        + " HTTP/1.1\r\nHost: h\r\n\r\n"
    )
    try server.until("the trickle is given up") {
      if trickling.buffer.count < 1_000_000 { try trickling.fill() }
      return server.metrics.clientsTooSlow.value == 2
    }
    while try trickling.fill() {}
    #expect(trickling.wasReset, "what it has not read is thrown away")
    // One that reads gets everything.
    let reader = try server.client()
    #expect(
      try reader.get("/live/v/" + MediaPath.segment(segment.epoch, start: segment.start))
        .body.count == segment.byteCount
    )
  }
}
