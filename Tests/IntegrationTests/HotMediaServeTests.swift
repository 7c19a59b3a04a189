import LinuxIO
import Manifests
import Packaging
import TestSupport
import Testing
import Wire

@testable import Egress

/// Segments that many ask for, which go out by way of the kernel's copies.
@Suite struct HotMediaServeTests {
  /// A broadcast of two-second segments of `bytes` and a little, all different, in a window of 12 s.
  private static func states(_ bytes: Int, seconds: Int64) -> [PresentationSnapshot] {
    var track = ScriptedTrack.video("v")
    track.objectBytes = bytes / track.framesPerGroup
    let broadcast = RecordedBroadcast.scripted([track], seconds: seconds)
    var policy = PackagingPolicy()
    policy.window = .seconds(12)
    var bridge = SimulatedBridge(broadcast, policy: policy)
    bridge.run(broadcast)
    return bridge.snapshots
  }

  private func whole(_ state: PresentationSnapshot) -> [Segment] {
    state.renditions[0].segments.filter(\.isComplete)
  }

  private func path(_ segment: Segment) -> String {
    "/live/v/" + MediaPath.segment(segment.epoch, start: segment.start)
  }

  private func request(_ segment: Segment) -> String {
    "GET \(path(segment)) HTTP/1.1\r\nHost: origin\r\n\r\n"
  }

  private func content(_ segment: Segment) -> [UInt8] { segment.pieces.flatMap(\.array) }

  /// Asks for a segment so often that there is a copy of it.
  private func warm(_ server: TestServer, _ segment: Segment) throws {
    let client = try server.client()
    for _ in 0..<3 { #expect(try client.get(path(segment)).body == content(segment)) }
  }
}

extension HotMediaServeTests {
  @Test func `64 clients, half of them slow, get every segment of a window that rolls over`() throws
  {
    let states = Self.states(200_000, seconds: 60)
    let server = try TestServer()
    let fast = try (0..<32).map { _ in try server.client() }
    var slow: [(client: TestClient, segment: Segment)] = []
    var numbers: Set<Int64> = []
    for state in states {
      guard let newest = whole(state).last, newest.number % 3 == 0,
        numbers.insert(newest.number).inserted
      else { continue }
      server.post(state)
      try server.until("\(newest.number) is there") {
        try server.client().get(path(newest)).status == 200
      }
      for client in fast { client.send(request(newest)) }
      // They read nothing before the window has rolled on.
      while slow.count < 4 * numbers.count, slow.count < 32 {
        let client = try server.client()
        client.send(request(newest) + request(newest))
        slow.append((client, newest))
      }
      let expected = content(newest)
      for client in fast { #expect(try client.reply().body == expected, "\(newest.number)") }
    }
    #expect(numbers.count >= 8)
    #expect(slow.count == 32)
    for (client, segment) in slow {
      for _ in 0..<2 { #expect(try client.reply().body == content(segment)) }
    }
  }

  /// So many large answers are more than sockets hold.
  private static let asked = 12

  /// Asks for a large segment that has a copy, and reads nothing: its answers stop where the
  /// socket is full; with how many of them have begun.
  private func stall(
    _ server: TestServer,
    _ segment: Segment
  ) throws -> (client: TestClient, begun: Int) {
    let client = try server.client()
    let other = try server.client()
    let before = server.metrics.bytesSent.value
    client.send(String(repeating: request(segment), count: Self.asked))
    // Much is written in turns, between which others are answered.
    var (taken, turnsWithout) = (0, 0)
    while turnsWithout < 10 {
      let answer = try other.get("/healthz")
      #expect(answer.status == 200)
      let now = server.metrics.bytesSent.value - before
      // An answer about health is small.
      turnsWithout = now - taken < 1000 ? turnsWithout + 1 : 0
      taken = now
    }
    #expect(taken > 100_000 && taken < Self.asked * segment.byteCount, "\(taken)")
    return (client, taken / segment.byteCount + 1)
  }

  /// A server of a minute of large segments.
  private func serving() throws -> (TestServer, PresentationSnapshot, [Segment]) {
    let server = try TestServer()
    let last = try #require(Self.states(1_000_000, seconds: 60).last)
    let segments = whole(last)
    #expect(segments.count > 10)
    try server.serve(last)
    return (server, last, segments)
  }

  @Test func `a client that stalls gets the rest of a segment whose copy has left`() throws {
    let (server, _, segments) = try serving()
    try warm(server, segments[0])
    let stalled = try stall(server, segments[0])
    // Each takes two of the 16 MB.
    for segment in segments[1...9] { try warm(server, segment) }
    for place in 0..<Self.asked {
      #expect(try stalled.client.reply().body == content(segments[0]), "answer \(place)")
    }
    #expect(try stalled.client.get(path(segments[0])).body == content(segments[0]))
  }

  @Test
  func `a client that stalls gets the rest of what it was being sent of a broadcast that is gone`()
    throws
  {
    let (server, last, segments) = try serving()
    try warm(server, segments[9])
    let stalled = try stall(server, segments[9])
    server.inbox.post(.retired(TestServer.broadcast))
    try server.until("the broadcast is gone") {
      try server.client().get("/live/index.m3u8").status == 404
    }
    try server.serve(last)
    for segment in segments[1...3] { try warm(server, segment) }
    // What had not begun is answered when its turn comes, which may have been in between.
    for place in 0..<stalled.begun {
      #expect(try stalled.client.reply().body == content(segments[9]), "answer \(place)")
    }
  }

  @Test func `what is sent is counted to the byte`() throws {
    let state = try #require(Self.states(200_000, seconds: 20).last)
    let file = try ScratchFile()
    let server = try TestServer {
      $0.access.log = file.path
      $0.access.logFormat = .json
    }
    let segment = try #require(whole(state).first)
    let client = try server.client()
    server.post(state)
    while try client.get("/live/index.m3u8").status != 200 {}
    for _ in 0..<4 { #expect(try client.get(path(segment)).body == content(segment)) }
    server.stop()
    #expect(server.metrics.bytesSent.value == client.received)
    let lines = file.text().split(separator: "\n").filter { $0.contains(path(segment)) }
    #expect(lines.count == 4)
    for line in lines { #expect(line.contains("\"bytes\":\(segment.byteCount),")) }
  }

  @Test func `other answers of media that has a copy have its bytes too`() throws {
    let state = try #require(Self.states(200_000, seconds: 20).last)
    let server = try TestServer()
    let segment = try #require(whole(state).first)
    try server.serve(state)
    try warm(server, segment)
    let expected = content(segment)
    let client = try server.client()
    client.send("HEAD \(path(segment)) HTTP/1.1\r\nHost: origin\r\n\r\n")
    #expect(try client.reply(isHead: true).fields["content-length"] == "\(expected.count)")
    let part = try client.get(path(segment), "Range: bytes=70000-\r\n")
    #expect(part.status == 206 && part.body == Array(expected[70_000...]))
    client.send(
      request(segment) + "GET /healthz HTTP/1.1\r\nHost: origin\r\n\r\n" + request(segment)
    )
    #expect(try (0..<3).map { _ in try client.reply().body.count } == [200_000, 3, 200_000])
    let old = try server.client()
    old.send("GET \(path(segment)) HTTP/1.0\r\n\r\n")
    #expect(try old.reply().body == expected)
    #expect(try client.get(path(segment), "Connection: close\r\n").body == expected)
    #expect(try client.endsHere())
  }
}
