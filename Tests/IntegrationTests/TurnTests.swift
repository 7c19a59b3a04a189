import LinuxIO
import Manifests
import Packaging
import TestSupport
import Testing
import Wire

@testable import Egress

/// Many clients and much to send, which one turn of a loop does not do at once.
@Suite struct TurnTests {
  private let state = Live.states[Live.index(parts: 2)]
  private let next = Live.states[Live.index(parts: 3)]
  private var video: Segment {
    state.renditions[0].segments[state.renditions[0].segments.count - 1]
  }
  private var reload: String {
    "GET /live/v/media.m3u8?_HLS_msn=\(video.number)&_HLS_part=2 HTTP/1.1\r\nHost: h\r\n\r\n"
  }
  private var hint: String {
    "GET /live/v/\(video.epoch.name)/part/\(video.end).m4s HTTP/1.1\r\nHost: h\r\n\r\n"
  }

  @Test func `hundreds who wait for a part all get it, though more is asked for meanwhile`() throws
  {
    let server = try TestServer()
    try server.serve(state)
    let reloads = try (0..<300).map { _ in try server.client() }
    let hints = try (0..<100).map { _ in try server.client() }
    for client in reloads { client.send(reload) }
    for client in hints { client.send(hint) }
    try server.waitForParked(400)
    server.post(next)
    let other = try server.client()
    #expect(try other.get("/healthz").status == 200)
    let playlists = try reloads.map { try $0.reply() }
    #expect(Set(playlists.map(\.body)).count == 1)
    #expect(try StrictPlaylist(Bytes(playlists[0].body)).edge.part == 2)
    let part = next.renditions[0].segments.last?.parts[2].pieces.flatMap(\.array)
    for client in hints { #expect(try client.reply().body == part) }
    #expect(server.metrics.parked.value == 0)
  }

  @Test func `the same words are answered by what there is at the time`() throws {
    let server = try TestServer()
    let client = try server.client()
    let path = "/live/v/media.m3u8"
    #expect(try client.get(path).status == 404)
    try server.serve(state)
    let before = try client.get(path)
    for _ in 0..<3 { #expect(try client.get(path).body == before.body) }
    server.post(next)
    try server.until("the next part is there") { try client.get(path).body != before.body }
    let after = try client.get(path)
    #expect(try StrictPlaylist(Bytes(after.body)).edge.part == 2)
    server.inbox.post(.retired(TestServer.broadcast))
    try server.until("the broadcast is gone") { try client.get(path).status == 404 }
    #expect(try client.get(path).status == 404)
    try server.serve(state)
    #expect(try client.get(path).body == before.body)
    #expect(try client.get(path, "If-None-Match: \(before.fields["etag"] ?? "")\r\n").status == 304)
  }

  @Test func `more requests than are read at once, and the end behind them, are all seen`() throws {
    let server = try TestServer()
    let clients = try (0..<20).map { _ in try server.client() }
    let request = "GET /healthz HTTP/1.1\r\nHost: h\r\n\r\n"
    for (index, client) in clients.enumerated() {
      client.send(String(repeating: request, count: index.isMultiple(of: 2) ? 1 : 1000))
      client.closeSending()
    }
    for (index, client) in clients.enumerated() {
      for _ in 0..<(index.isMultiple(of: 2) ? 1 : 1000) {
        let status = try client.reply().status
        #expect(status == 200)
      }
      let hasEnded = try client.endsHere()
      #expect(hasEnded)
    }
  }

  @Test func `a stop in the middle of a release lets it go on`() throws {
    let server = try TestServer()
    try server.serve(state)
    let clients = try (0..<300).map { _ in try server.client() }
    for client in clients { client.send(reload) }
    try server.waitForParked(300)
    server.post(next)
    server.inbox.post(.stop)
    for client in clients { #expect(try client.reply().status == 200) }
    server.stop()
    #expect(server.metrics.parked.value == 0)
  }

  @Test func `hundreds whose part does not come are all refused`() throws {
    let server = try TestServer()
    try server.serve(Live.impatient(state))
    let clients = try (0..<200).map { _ in try server.client() }
    for client in clients { client.send(reload) }
    for client in clients { #expect(try client.reply().status == 503) }
    #expect(server.metrics.parkedExpired.value == 200)
    #expect(server.metrics.parked.value == 0)
  }

  @Test func `hundreds who are late at once are all parted with, and others come and are served`()
    throws
  {
    let server = try TestServer {
      $0.server.headTimeout = .milliseconds(1000)
      $0.server.drainTimeout = .milliseconds(1000)
    }
    try server.serve(state)
    let silent = try (0..<150).map { _ in try server.client() }
    for client in silent { client.send("GET /he") }
    let other = try server.client()
    try server.until("all are late") {
      _ = try? other.get("/healthz")
      _ = try? server.client().get("/healthz")
      return server.metrics.clientsTimedOut.value == 150
    }
    for client in silent { #expect(try client.reply().status == 408) }
    #expect(try other.get("/live/v/media.m3u8").status == 200)
  }

  @Test func `who breaks off while waiting makes room for others at once`() throws {
    let server = try TestServer { $0.server.parked = 100 }
    try server.serve(state)
    for _ in 0..<4 {
      let clients = try (0..<100).map { _ in try server.client() }
      for client in clients { client.send(reload) }
      try server.waitForParked(100)
      for client in clients { client.abandon(withReset: true) }
      try server.until("nobody waits") { server.metrics.parked.value == 0 }
    }
    let last = try server.client()
    last.send(reload)
    try server.waitForParked(1)
    server.post(next)
    #expect(try last.reply().status == 200)
    #expect(server.metrics.parkedRefused.value == 0)
  }

  @Test func `a flood of pipelined requests is answered to the last, beside others`() throws {
    let server = try TestServer()
    let flood = try server.client()
    flood.send(
      String(repeating: "GET /healthz HTTP/1.1\r\nHost: h\r\n\r\n", count: 1000)
        + "GET /nothing HTTP/1.1\r\nHost: h\r\n\r\n"
    )
    #expect(try server.client().get("/healthz").status == 200)
    for _ in 0..<1000 { #expect(try flood.reply().text == "ok\n") }
    #expect(try flood.reply().status == 404)
  }

  @Test func `media that is asked for many times over and read late comes whole`() throws {
    let server = try TestServer()
    try server.serve(state)
    let whole = state.renditions[0].segments.dropLast()
    let requests = whole.map { segment in
      "GET /live/v/\(segment.epoch.name)/segment/\(segment.start).m4s HTTP/1.1\r\nHost: h\r\n\r\n"
    }
    let greedy = try (0..<8).map { _ in try server.client() }
    for client in greedy { client.send(String(repeating: requests.joined(), count: 40)) }
    // Others are served while all that waits for its turn and for sockets that are full.
    let other = try server.client()
    for _ in 0..<20 { #expect(try other.get("/live/v/media.m3u8").status == 200) }
    let expected = whole.map { $0.pieces.flatMap(\.array) }
    for client in greedy {
      for index in 0..<(40 * requests.count) {
        #expect(try client.reply().body == expected[index % expected.count])
      }
    }
  }
}
