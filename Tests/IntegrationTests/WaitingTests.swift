import Foundation
import LinuxIO
import Manifests
import Packaging
import TestSupport
import Testing
import Wire

@testable import Egress

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
    try server.serve(Live.impatient(state))
    let client = try server.client()
    let start = Clock.now
    let reply = try client.get("/live/v/media.m3u8?_HLS_msn=\(video.number)&_HLS_part=2")
    #expect(reply.status == 503)
    #expect(reply.fields["cache-control"] == "public, max-age=1")
    #expect(reply.fields["retry-after"] == "1")
    #expect(Clock.now - start >= .seconds(3))
    // The connection lives on.
    #expect(try client.get("/healthz").status == 200)
    // So is a hint that does not come: it may still, under this name.
    let hint = try client.get("/live/v/\(video.epoch.name)/part/\(video.end).m4s")
    #expect(hint.status == 503)
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

  /// The state after the publisher lost the rest of the growing segment: a gap part closes it.
  private var holed: PresentationSnapshot {
    let holed = video.appending(
      Part(start: video.end, duration: 100, independentByteCount: nil, isGap: true, pieces: [])
    )
    return PresentationSnapshot(
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
    server.post(holed)
    #expect(try client.endsHere())
    // The last chunk that is missing says so; what was sent need not be thrown away.
    #expect(!client.wasReset)
  }

  @Test func `HTTP-020 HTTP 1.0 learns by a reset that a growing segment is not whole`() throws {
    let server = try TestServer()
    try server.serve(state)
    let client = try server.client()
    client.send("GET /live/v/\(video.epoch.name)/segment/\(video.start).m4s HTTP/1.0\r\n\r\n")
    _ = try client.head()
    server.post(holed)
    while try client.fill() {}
    #expect(client.wasReset)
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

  @Test func `a segment that is being sent as it grows is finished after a stop`() throws {
    let server = try TestServer()
    try server.serve(state)
    let client = try server.client()
    client.send(
      "GET /live/v/\(video.epoch.name)/segment/\(video.start).m4s HTTP/1.1\r\nHost: h\r\n\r\n"
    )
    #expect(try client.head().fields["transfer-encoding"] == "chunked")
    let idle = try server.client()
    #expect(try idle.get("/healthz").status == 200)
    server.inbox.post(.stop)
    #expect(try idle.endsHere())
    server.post(try #require(Live.states.last))
    var bytes: [UInt8] = []
    while case let chunk = try client.chunk(), !chunk.isEmpty { bytes += chunk }
    let whole = try #require(Live.states.last?.renditions[0].segment(video.epoch.name, video.start))
    #expect(bytes == whole.pieces.flatMap(\.array))
    #expect(try client.endsHere())
    server.stop()
  }

  @Test func `after a stop a segment that does not grow is broken off in time`() throws {
    let server = try TestServer { $0.server.stopTimeout = .seconds(1) }
    try server.serve(state)
    let client = try server.client()
    client.send(
      "GET /live/v/\(video.epoch.name)/segment/\(video.start).m4s HTTP/1.1\r\nHost: h\r\n\r\n"
    )
    #expect(try client.head().status == 200)
    server.stop()
    #expect(throws: TestFault.self) { while !(try client.chunk().isEmpty) {} }
  }

  @Test func `draining fails readiness and serves as before, and a second word ends at once`()
    throws
  {
    let server = try TestServer()
    server.inbox.post(.status(IngestReport(unready: [])))
    try server.serve(state)
    let client = try server.client()
    #expect(try client.get("/readyz").status == 200)
    server.inbox.post(.drain)
    try server.until("it is not ready") { try client.get("/readyz").status == 503 }
    #expect(try client.get("/readyz").text == "not ready: it is to stop\n")
    #expect(try client.get("/live/index.m3u8").status == 200)
    client.send(
      "GET /live/v/\(video.epoch.name)/segment/\(video.start).m4s HTTP/1.1\r\nHost: h\r\n\r\n"
    )
    #expect(try client.head().status == 200)
    server.inbox.post(.end)
    #expect(throws: TestFault.self) { while !(try client.chunk().isEmpty) {} }
    server.stop()
  }
}
