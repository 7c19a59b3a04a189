import Foundation
import LinuxIO
import Manifests
import Packaging
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

/// What waits for media, on the socket.
@Suite struct WaitingTests {
  private let state = Live.states[Live.index(parts: 2)]
  private let next = Live.states[Live.index(parts: 3)]
  private var video: Segment {
    state.renditions[0].segments[state.renditions[0].segments.count - 1]
  }

  @Test func `HLS-056 HLS-058 HLS-061 HLS-062 a reload and its hint are released by one part`()
    throws
  {
    let server = try TestServer()
    try server.serve(state)
    let reload = try server.client()
    let hint = try server.client()
    reload.send(
      "GET /live/v/media.m3u8?_HLS_msn=\(video.number)&_HLS_part=2 HTTP/1.1\r\nHost: h\r\n\r\n"
    )
    hint.send(
      "GET /live/v/\(video.epoch.name)/part/\(video.end).m4s HTTP/1.1\r\nHost: h\r\n\r\n"
    )
    try server.waitForParked(2)
    server.post(next)
    let playlist = try StrictPlaylist(Bytes(try reload.reply().body))
    #expect(playlist.edge.number == Int(video.number))
    #expect(playlist.edge.part == 2)
    let part = next.renditions[0].segments.last?.parts[2]
    let reply = try hint.reply()
    #expect(reply.status == 200)
    #expect(reply.body == part?.pieces.flatMap(\.array))
    #expect(reply.fields["content-length"] == String(part?.byteCount ?? 0), "HLS-057")
    #expect(server.metrics.parked.value == 0)
  }

  @Test func `HLS-078 twenty who ask for the same get the same, whoever leaves`() throws {
    let server = try TestServer()
    try server.serve(state)
    let clients = try (0..<20).map { _ in try server.client() }
    for client in clients {
      client.send(
        "GET /live/v/media.m3u8?_HLS_msn=\(video.number)&_HLS_part=2 HTTP/1.1\r\nHost: h\r\n\r\n"
      )
    }
    try server.waitForParked(20)
    for client in clients.prefix(5) { client.abandon() }
    server.post(next)
    let bodies = try clients.dropFirst(5).map { try $0.reply().body }
    #expect(Set(bodies).count == 1)
    #expect(try StrictPlaylist(Bytes(bodies[0])).edge.part == 2)
    try server.until("all have been let go") { server.metrics.parked.value == 0 }
  }

  @Test func `HTTP-002 what is pipelined behind a held reload waits its turn`() throws {
    let server = try TestServer()
    try server.serve(state)
    let client = try server.client()
    client.send(
      "GET /live/v/media.m3u8?_HLS_msn=\(video.number)&_HLS_part=2 HTTP/1.1\r\nHost: h\r\n\r\n"
        + "GET /healthz HTTP/1.1\r\nHost: h\r\n\r\n"
    )
    try server.waitForParked(1)
    #expect(client.buffer.isEmpty)
    server.post(next)
    #expect(try StrictPlaylist(Bytes(try client.reply().body)).edge.part == 2)
    #expect(try client.reply().text == "ok\n")
  }

  @Test func `HLS-071 without new media a reload gets 503 after three target durations`() throws {
    let server = try TestServer()
    var constants = state.constants
    constants.targetDuration = 1
    try server.serve(
      PresentationSnapshot(
        constants: constants,
        renditions: state.renditions,
        periods: state.periods,
        isEnded: false
      )
    )
    let client = try server.client()
    let start = Clock.now
    let reply = try client.get("/live/v/media.m3u8?_HLS_msn=\(video.number)&_HLS_part=2")
    #expect(reply.status == 503)
    #expect(reply.fields["cache-control"] == "no-store")
    #expect(reply.fields["retry-after"] == "1")
    #expect(Clock.now - start >= .seconds(3))
    // The connection lives on.
    #expect(try client.get("/healthz").status == 200)
    // A hint that does not come is not found.
    let hint = try client.get("/live/v/\(video.epoch.name)/part/\(video.end).m4s")
    #expect(hint.status == 404)
  }

  @Test func `HLS-072 the end releases what waits with the whole playlist`() throws {
    let server = try TestServer()
    try server.serve(state)
    let client = try server.client()
    client.send(
      "GET /live/v/media.m3u8?_HLS_msn=\(video.number + 1) HTTP/1.1\r\nHost: h\r\n\r\n"
    )
    try server.waitForParked(1)
    server.post(
      PresentationSnapshot(
        constants: state.constants,
        renditions: state.renditions,
        periods: state.periods,
        isEnded: true
      )
    )
    let reply = try client.reply()
    #expect(try StrictPlaylist(Bytes(reply.body)).hasEnded)
  }

  @Test func `DASH-015 DASH-028 HTTP-020 a growing segment comes in chunks, one for each part`()
    throws
  {
    let server = try TestServer()
    try server.serve(state)
    let client = try server.client()
    client.send(
      "GET /live/v/\(video.epoch.name)/segment/\(video.start).m4s HTTP/1.1\r\nHost: h\r\n\r\n"
    )
    let head = try client.head()
    #expect(head.status == 200)
    #expect(head.fields["transfer-encoding"] == "chunked")
    #expect(head.fields["content-length"] == nil)
    #expect(try client.chunk() == video.pieces.flatMap(\.array))
    var chunks: [[UInt8]] = []
    for parts in 3...5 {
      guard parts < 5 else { break }
      server.post(Live.states[Live.index(parts: parts)])
      chunks.append(try client.chunk())
    }
    // The last part, and the end.
    let last = try #require(Live.states.last)
    let whole = try #require(last.renditions[0].segment(video.epoch.name, video.start))
    server.post(last)
    chunks.append(try client.chunk())
    #expect(chunks == whole.parts[2...].map { $0.pieces.flatMap(\.array) })
    #expect(try client.chunk() == [])
    // The same URL is now complete, with the same bytes.
    let again = try client.get("/live/v/\(video.epoch.name)/segment/\(video.start).m4s")
    #expect(again.body == whole.pieces.flatMap(\.array))
    #expect(again.fields["etag"] == head.fields["etag"])
  }

  @Test func `HTTP-020 a growing segment that is lost is not ended cleanly`() throws {
    let server = try TestServer()
    try server.serve(state)
    let client = try server.client()
    client.send(
      "GET /live/v/\(video.epoch.name)/segment/\(video.start).m4s HTTP/1.1\r\nHost: h\r\n\r\n"
    )
    _ = try client.head()
    #expect(try !client.chunk().isEmpty)
    // The publisher lost the rest: a gap part closes the segment.
    var holed = video
    holed.parts.append(
      Part(start: video.end, duration: 100, isIndependent: false, isGap: true, pieces: [])
    )
    server.post(
      PresentationSnapshot(
        constants: state.constants,
        renditions: [
          RenditionSnapshot(
            info: state.renditions[0].info,
            segments: state.renditions[0].segments.dropLast() + [holed]
          ),
          state.renditions[1],
        ],
        periods: state.periods,
        isEnded: false
      )
    )
    #expect(try client.endsHere())
  }

  @Test func `HTTP-021 HTTP 1.0 gets a growing segment without chunks, to the end`() throws {
    let server = try TestServer()
    try server.serve(state)
    let client = try server.client()
    client.send("GET /live/v/\(video.epoch.name)/segment/\(video.start).m4s HTTP/1.0\r\n\r\n")
    let head = try client.head()
    #expect(head.fields["transfer-encoding"] == nil)
    #expect(head.fields["connection"] == "close")
    let last = try #require(Live.states.last)
    server.post(last)
    while try client.fill() {}
    let whole = try #require(last.renditions[0].segment(video.epoch.name, video.start))
    #expect(client.buffer == whole.pieces.flatMap(\.array))
  }

  @Test func `HLS-056 a segment asked for before it begins is held, then sent as it grows`() throws
  {
    let server = try TestServer()
    try server.serve(state)
    let client = try server.client()
    client.send(
      "GET /live/v/\(video.epoch.name)/segment/1980000.m4s HTTP/1.1\r\nHost: h\r\n\r\n"
    )
    try server.waitForParked(1)
    let begun = try #require(
      Live.states.first { $0.renditions[0].segment(video.epoch.name, 1_980_000) != nil }
    )
    server.post(begun)
    #expect(try client.head().fields["transfer-encoding"] == "chunked")
    #expect(
      try client.chunk()
        == begun.renditions[0].segment(video.epoch.name, 1_980_000)?.pieces.flatMap(\.array)
    )
  }

  @Test func `stopping answers what waits, and ends`() throws {
    let server = try TestServer()
    try server.serve(state)
    let client = try server.client()
    client.send(
      "GET /live/v/media.m3u8?_HLS_msn=\(video.number)&_HLS_part=2 HTTP/1.1\r\nHost: h\r\n\r\n"
    )
    try server.waitForParked(1)
    server.stop()
    #expect(try client.reply().status == 503)
    #expect(throws: (any Error).self) { _ = try server.client().get("/healthz") }
  }
}

/// Limits of the server, at the limit and one past it.
@Suite struct ServerLimitTests {
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
    // One that reads gets everything.
    let reader = try server.client()
    #expect(
      try reader.get("/live/v/" + MediaPath.segment(segment.epoch, start: segment.start))
        .body.count == segment.byteCount
    )
  }
}
