import Packaging
import Testing
import Wire

@testable import Egress
@testable import MoQ

/// Relays that do not tell what they have, or stop telling it.
@Suite struct UpstreamDiscoveryTests {
  private let first = "moqt://first:1/"
  private let second = "moqt://second:1/"
  private let prefix = TrackNamespace([Bytes(utf8: "live")])

  private func discovering(
    broadcasts: Int? = nil,
    _ change: (inout Configuration.Upstream) -> Void = { _ in }
  ) throws -> ScriptedUpstreams {
    let upstreams = try ScriptedUpstreams(first, namespace: "live", broadcasts: broadcasts) {
      $0.discover = true
      $0.retireTimeout = .seconds(3)
      change(&$0)
    }
    upstreams.start()
    return upstreams
  }

  private func refuse(_ upstreams: ScriptedUpstreams, after retry: Interval? = nil) throws {
    let failure = RequestFailure(meaning: .timeout, reason: "not now", retryAfter: retry)
    try upstreams.send(.namespacesRefused(prefix: prefix, failure), first)
  }

  @Test func `who does not tell what there is is asked again`() throws {
    let upstreams = try discovering()
    try refuse(upstreams, after: .seconds(2))
    upstreams.advance(.milliseconds(1900))
    #expect(try upstreams.source(first).prefixes.count == 1)
    upstreams.advance(.milliseconds(200))
    #expect(try upstreams.source(first).prefixes.count == 2)
    try upstreams.send(.namespacesAccepted(prefix: prefix), first)
    try upstreams.send(.namespaceAnnounced(upstreams.broadcast.namespace), first)
    try upstreams.join(first)
    upstreams.advance(.seconds(20))
    #expect(try upstreams.source(first).prefixes.count == 2)
    // What was accepted can end too.
    try refuse(upstreams)
    upstreams.advance(.seconds(1))
    #expect(try upstreams.source(first).prefixes.count == 3)
    #expect(upstreams.opened == [first])
  }

  @Test func `who goes on refusing fails, and another is asked`() throws {
    let upstreams = try discovering { [first, second] in $0.url = "\(first) \(second)" }
    for _ in 0..<4 {
      #expect(upstreams.opened == [first])
      try refuse(upstreams)
      upstreams.advance(.seconds(5))
    }
    #expect(upstreams.opened == [first, second])
    #expect(Set(upstreams.open.values) == [second])
    #expect(
      upstreams.logs.filter { $0.contains("does not tell the namespaces") }.count == 1
    )
  }

  @Test func `who does not answer is asked again, and left in the end`() throws {
    let upstreams = try discovering()
    var asked: [Instant] = []
    while upstreams.opened.count == 1, upstreams.now < Instant(nanoseconds: 60_000_000_000) {
      if !upstreams.open.isEmpty,
        try upstreams.source(first).prefixes.count > asked.count
      {
        asked.append(upstreams.now)
      }
      upstreams.advance(.milliseconds(100))
    }
    #expect(asked.count == 4)
    for (earlier, later) in zip(asked, asked.dropFirst()) {
      #expect(later - earlier >= .seconds(8) && later - earlier < .seconds(11))
    }
    #expect(upstreams.opened == [first, first])
    // An answer at last, after the second question on it.
    upstreams.advance(.seconds(9))
    try upstreams.send(.namespacesAccepted(prefix: prefix), first)
    upstreams.advance(.seconds(60))
    #expect(upstreams.opened == [first, first])
    #expect(try upstreams.source(first).prefixes.count == 2)
  }

  @Test func `why nothing is discovered is said, once for each upstream`() throws {
    let upstreams = try discovering { [first, second] in
      $0.url = "\(first) \(second)"
      $0.live = 2
    }
    for _ in 0..<3 {
      for url in [first, second] {
        try upstreams.lose(url)
        upstreams.advance(.seconds(7))
      }
    }
    #expect(upstreams.opened.count > 6)
    let told = upstreams.logs.filter { $0.contains("lost") }
    #expect(told.count == 2)
    #expect(told.first?.contains(first) == true && told.last?.contains(second) == true)
  }

  @Test func `another is asked at once for who does not answer`() throws {
    let upstreams = try discovering { [first, second] in $0.url = "\(first) \(second)" }
    upstreams.advance(.milliseconds(7900))
    #expect(upstreams.opened == [first])
    upstreams.advance(.milliseconds(200))
    #expect(upstreams.opened == [first, second])
    #expect(Set(upstreams.open.values) == [second])
  }

  @Test func `who tells without saying yes is not asked again`() throws {
    let upstreams = try discovering()
    try upstreams.send(.namespaceAnnounced(upstreams.broadcast.namespace), first)
    try upstreams.join(first)
    try upstreams.play(.seconds(20), first)
    #expect(upstreams.opened == [first])
    #expect(try upstreams.source(first).prefixes.count == 1)
  }

  @Test func `a broadcast that was left out is followed when there is room`() throws {
    let upstreams = try discovering(broadcasts: 1)
    try upstreams.send(.namespacesAccepted(prefix: prefix), first)
    let others = try ["live/b", "live/c"].map { try #require(TrackNamespace(text: $0)) }
    let mine = upstreams.broadcast.namespace
    for namespace in [others[0], others[1], mine] {
      try upstreams.send(.namespaceAnnounced(namespace), first)
    }
    func followed() throws -> [TrackNamespace] {
      try upstreams.source(first).subscriptions.values.map(\.namespace)
    }
    #expect(try followed() == [others[0]])
    #expect(upstreams.logs.filter { $0.contains("is left out") }.count == 2)
    // What is gone needs no room any more.
    try upstreams.send(.namespaceWithdrawn(others[1]), first)
    // The first is followed for as long as a window lasts after its end.
    try upstreams.send(.namespaceWithdrawn(others[0]), first)
    upstreams.advance(.milliseconds(14_900))
    #expect(!upstreams.logs.contains { $0.contains("there is room") })
    upstreams.advance(.milliseconds(200))
    #expect(try followed() == [mine])
    try upstreams.join(first)
    try upstreams.play(.seconds(4), first)
    #expect(upstreams.snapshot?.isEnded == false)
    // What is over leaves room for nothing that is gone.
    try upstreams.send(.namespaceWithdrawn(mine), first)
    upstreams.advance(.seconds(60))
    #expect(try followed().isEmpty)
    #expect(upstreams.logs.filter { $0.contains("there is room") }.count == 1)
  }

  @Test func `what was only pushed, and left out, is not kept in mind`() throws {
    let upstreams = try discovering(broadcasts: 1)
    try upstreams.send(.namespacesAccepted(prefix: prefix), first)
    let other = try #require(TrackNamespace(text: "live/b"))
    try upstreams.send(.namespaceAnnounced(other), first)
    for index in 0..<100 as Range<UInt64> {
      let namespace = try #require(TrackNamespace(text: "live/x\(index)"))
      let id = SubscriptionID(number: 10_000 + index)
      try upstreams.send(.published(id, FullTrackName(namespace, "video")), first)
    }
    #expect(upstreams.core.sources[0].leftOut.isEmpty)
    // There is room, and nobody has those any more.
    try upstreams.lose(first)
    upstreams.advance(.seconds(10))
    try upstreams.send(.namespacesAccepted(prefix: prefix), first)
    upstreams.advance(.seconds(60))
    #expect(upstreams.core.followed.isEmpty)
  }

  @Test func `what is received is not retired`() throws {
    let upstreams = try discovering()
    try upstreams.send(.namespacesAccepted(prefix: prefix), first)
    try upstreams.send(.namespaceAnnounced(upstreams.broadcast.namespace), first)
    try upstreams.join(first)
    try upstreams.play(.seconds(4), first)
    try upstreams.send(.namespaceWithdrawn(upstreams.broadcast.namespace), first)
    try refuse(upstreams)
    try upstreams.play(.seconds(8), first)
    #expect(upstreams.snapshot?.isEnded == false)
    // It ends when nothing comes any more.
    upstreams.advance(.milliseconds(2900))
    #expect(upstreams.snapshot?.isEnded == false)
    upstreams.advance(.milliseconds(200))
    #expect(upstreams.snapshot?.isEnded == true)
  }
}
