import MoQ
import Packaging
import Testing
import Wire

@testable import Egress

/// Relays that go away, and connections that take no more requests.
@Suite struct UpstreamMoveTests {
  private let first = "moqt://first:1/"
  private let second = "moqt://second:1/"

  /// Makes every session begin with GOAWAY; the test ends what would go on for ever.
  private func drain(_ upstreams: ScriptedUpstreams, _ uri: @escaping (Int) -> String) {
    upstreams.onOpen = { upstreams, id, _ in
      upstreams.ready(id)
      guard upstreams.opened.count < 60 else { return }
      upstreams.core.handle(
        .goAway(uri: uri(upstreams.opened.count), timeout: nil, nil),
        on: id,
        utc: upstreams.utc,
        now: upstreams.now
      )
    }
  }

  @Test(arguments: [false, true])
  func `who goes away before there was media is tried again as seldom as who fails`(
    _ discovers: Bool
  ) throws {
    let upstreams = try ScriptedUpstreams(first, namespace: discovers ? "live" : "live/a") {
      $0.discover = discovers
    }
    drain(upstreams) { _ in "" }
    upstreams.start()
    upstreams.advance(.seconds(10))
    #expect((4...8).contains(upstreams.opened.count))
    #expect(upstreams.open.count <= 1)
  }

  @Test func `who goes away at once leaves the broadcast to the next upstream`() throws {
    let upstreams = try ScriptedUpstreams(first, second)
    drain(upstreams) { _ in "" }
    upstreams.start()
    #expect(upstreams.opened == [first, second])
  }

  @Test(arguments: [false, true])
  func `who is sent from one relay to the next gives up`(_ discovers: Bool) throws {
    let upstreams = try ScriptedUpstreams(first, namespace: discovers ? "live" : "live/a") {
      $0.discover = discovers
    }
    drain(upstreams) { "moqt://other\($0):1/" }
    upstreams.start()
    upstreams.advance(.milliseconds(100))
    #expect((2...6).contains(upstreams.opened.count))
    #expect(upstreams.open.isEmpty)
    upstreams.advance(.seconds(10))
    #expect(upstreams.opened.count <= 40)
    #expect(upstreams.opened.filter { $0 == first }.count >= 4)
  }

  @Test func `a successor that does not answer counts against who named it`() throws {
    let upstreams = try ScriptedUpstreams(first)
    upstreams.onOpen = { [first] upstreams, id, url in
      guard upstreams.opened.count < 60 else { return }
      guard url == first else {
        return upstreams.core.lose(id, "nothing listens", now: upstreams.now)
      }
      upstreams.ready(id)
      upstreams.core.handle(
        .goAway(uri: "moqt://gone:1/", timeout: nil, nil),
        on: id,
        utc: upstreams.utc,
        now: upstreams.now
      )
    }
    upstreams.start()
    upstreams.advance(.seconds(10))
    #expect((4...16).contains(upstreams.opened.count))
  }

  @Test func `no time that is given is no hurry`() throws {
    let upstreams = try ScriptedUpstreams(first)
    upstreams.start()
    try upstreams.join(first)
    try upstreams.play(.seconds(5), first)
    let old = try upstreams.connection(first)
    try upstreams.send(.goAway(uri: second, timeout: .zero, nil), first)
    #expect(upstreams.opened == [first, second])
    upstreams.advance(.seconds(4))
    #expect(upstreams.open[old] != nil)
    try upstreams.join(second)
    upstreams.advance(.milliseconds(1100))
    #expect(upstreams.open[old] == nil)
    #expect(upstreams.core.report().broadcasts[0].legs == 1)
  }

  @Test func `who has media goes where the other upstream is, and is not there twice`() throws {
    let upstreams = try ScriptedUpstreams(first, second) { $0.live = 2 }
    upstreams.start()
    for url in [first, second] { try upstreams.join(url) }
    try upstreams.play(.seconds(5), first, second)
    try upstreams.send(.goAway(uri: second, timeout: nil, nil), first)
    try upstreams.play(.milliseconds(5100), second)
    #expect(try upstreams.source(second).asked == ["catalog", "video", "audio"])
  }

  // MARK: Credit

  private func blocked(_ upstreams: ScriptedUpstreams, _ url: String) throws {
    try upstreams.source(url).waitingRequests = 1
    try upstreams.send(.requestsBlocked(waiting: 1), url)
  }

  @Test(arguments: [Draft.draft14, .draft16, .draft22])
  func `what can't be asked where broadcasts are discovered is asked on another connection`(
    _ draft: Draft
  ) throws {
    let upstreams = try ScriptedUpstreams(first, draft: draft, namespace: "live") {
      $0.discover = true
      $0.isOnDemand = true
    }
    upstreams.start()
    let prefix = try #require(TrackNamespace(text: "live"))
    try upstreams.send(.namespacesAccepted(prefix: prefix), first)
    try upstreams.send(.namespaceAnnounced(upstreams.broadcast.namespace), first)
    upstreams.core.want(ScriptedUpstreams.path, now: upstreams.now)
    upstreams.run()
    #expect(upstreams.opened == [first])
    try blocked(upstreams, first)
    #expect(upstreams.opened == [first, first])
    try upstreams.join(first)
    try upstreams.play(.seconds(5), first)
    #expect(upstreams.snapshot != nil)
    // The first connection takes nobody any more.
    #expect(upstreams.open.count == 2)
  }

  @Test(arguments: [Draft.draft14, .draft16])
  func `who can't ask for what is missing moves, and media goes on meanwhile`(
    _ draft: Draft
  ) throws {
    let upstreams = try ScriptedUpstreams(first, draft: draft)
    upstreams.start()
    try upstreams.join(first)
    try upstreams.play(.seconds(12), first)
    let old = try upstreams.connection(first)
    try blocked(upstreams, first)
    #expect(upstreams.opened == [first])
    upstreams.advance(.milliseconds(1100))
    #expect(upstreams.opened == [first, first])
    #expect(upstreams.open[old] != nil)
    try upstreams.join(first)
    upstreams.advance(.milliseconds(5100))
    #expect(upstreams.open[old] == nil)
    #expect(upstreams.core.report().broadcasts[0].legs == 1)
    // It has room.
    upstreams.advance(.seconds(20))
    #expect(upstreams.opened == [first, first])
  }

  @Test func `a relay that soon takes requests again is not left`() throws {
    let upstreams = try ScriptedUpstreams(first, draft: .draft16)
    upstreams.start()
    try upstreams.join(first)
    try upstreams.play(.seconds(12), first)
    try blocked(upstreams, first)
    upstreams.advance(.milliseconds(500))
    try upstreams.source(first).waitingRequests = 0
    upstreams.advance(.seconds(30))
    #expect(upstreams.opened == [first])
  }

  @Test(arguments: [Draft.draft14, .draft22])
  func `nobody moves for ever`(_ draft: Draft) throws {
    let upstreams = try ScriptedUpstreams(first, draft: draft)
    upstreams.start()
    try blocked(upstreams, first)
    upstreams.advance(.seconds(7))
    #expect(upstreams.opened == [first])
  }
}
