import LinuxIO
import Packaging
import TestSupport
import Testing
import Wire

@testable import Egress

/// Broadcasts that are followed only while somebody asks.
@Suite struct OnDemandTests {
  private let state = Live.states[Live.index(parts: 2)]

  private func server() throws -> TestServer {
    try TestServer { configuration in
      configuration.upstream.namespace = "live"
      configuration.upstream.isOnDemand = true
    }
  }

  private func wanted(_ server: TestServer) -> [BroadcastPath] {
    server.ingest.drain().compactMap { message in
      if case .wanted(let path) = message { path } else { nil }
    }
  }

  @Test func `a request waits for the broadcast that it makes begin`() throws {
    let server = try server()
    let client = try server.client()
    client.send("GET /live/index.m3u8 HTTP/1.1\r\nHost: h\r\n\r\n")
    try server.waitForParked(1)
    #expect(wanted(server) == [TestServer.broadcast])
    server.post(state)
    #expect(try client.reply().status == 200)
    #expect(server.metrics.parked.value == 0)
  }

  @Test func `ingest is told once a second at most, however many ask`() throws {
    let server = try server()
    try server.serve(state)
    let client = try server.client()
    let start = Clock.now
    var count = 0
    for _ in 0..<200 { #expect(try client.get("/live/index.m3u8").status == 200) }
    count = wanted(server).count
    #expect(count >= 1 && Int64(count) <= 2 + (Clock.now - start).nanoseconds / 1_000_000_000)
  }

  @Test func `ingest is told again of use, though the answer is known`() throws {
    let server = try server()
    try server.serve(state)
    _ = wanted(server)
    try server.until("use is told of again") {
      let isServed = try server.client().get("/live/v/media.m3u8").status == 200
      return isServed && !wanted(server).isEmpty
    }
  }

  @Test func `what nobody has is not found, soon`() throws {
    let server = try server()
    let client = try server.client()
    client.send("GET /live/v/media.m3u8 HTTP/1.1\r\nHost: h\r\n\r\n")
    try server.waitForParked(1)
    server.inbox.post(.absent(TestServer.broadcast))
    let reply = try client.reply()
    #expect(reply.status == 404)
    #expect(reply.fields["cache-control"] == "public, max-age=1")
    // Other names are not asked for at all.
    #expect(try client.get("/else/index.m3u8").status == 404)
    #expect(wanted(server) == [TestServer.broadcast])
  }

  @Test func `what is retired is gone, and whoever waits for its media is told`() throws {
    let server = try server()
    try server.serve(state)
    let video = try #require(state.renditions[0].segments.last)
    let client = try server.client()
    client.send(
      "GET /live/v/media.m3u8?_HLS_msn=\(video.number + 1) HTTP/1.1\r\nHost: h\r\n\r\n"
    )
    try server.waitForParked(1)
    server.inbox.post(.retired(TestServer.broadcast))
    #expect(try client.reply().status == 404)
    // The next request makes it begin again.
    client.send("GET /live/index.m3u8 HTTP/1.1\r\nHost: h\r\n\r\n")
    try server.waitForParked(1)
    server.post(state)
    #expect(try client.reply().status == 200)
  }

  @Test func `a snapshot from before the end does not take the place of one after it`() throws {
    let inbox = try ServeInbox()
    let time = UTCTime(microseconds: 0)
    inbox.post(.snapshot(TestServer.broadcast, state, time))
    inbox.post(.retired(TestServer.broadcast))
    inbox.post(.snapshot(TestServer.broadcast, state, time))
    inbox.post(.snapshot(TestServer.broadcast, state, time))
    #expect(inbox.drain().count == 3)
  }
}
