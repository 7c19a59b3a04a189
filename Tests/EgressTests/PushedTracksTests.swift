import MoQ
import Packaging
import TestSupport
import Testing
import Wire

@testable import Egress

/// Tracks that a publisher pushes unasked.
@Suite struct PushedTracksTests {
  private let url = "moqt://relay:1/"

  private func harness(
    _ draft: Draft,
    _ source: Configuration.Upstream
  ) throws -> IngestHarness {
    let harness = try IngestHarness(draft: draft, sources: [source])
    let broadcast = try harness.publish("live/a")
    let relay = IngestHarness.Relay(broadcast.store)
    relay.pushes = true
    harness.relays[url] = relay
    harness.advance(.seconds(6))
    return harness
  }

  private func expectWhole(_ harness: IngestHarness) throws {
    let snapshot = try #require(harness.snapshots[harness.path("live/a")])
    #expect(snapshot.renditions.count == 2)
    for rendition in snapshot.renditions {
      #expect(rendition.segments.count >= 4)
      #expect(rendition.segments.allSatisfy { !$0.isGap && !$0.isDiscontinuity })
    }
    let status = harness.core.report().broadcasts[0]
    #expect(status.tracks.allSatisfy { $0.objects > 100 && $0.holes == 0 })
    // Nothing came twice, but for what the past brings of the group that is being published.
    #expect(status.tracks.allSatisfy { $0.duplicate < 100 })
  }

  @Test(arguments: [Draft.draft14, .draft16, .draft18, .draft20, .draft22])
  func `pushed tracks are taken where they cross with our subscriptions`(_ draft: Draft) throws {
    let harness = try harness(draft, IngestHarness.source(url, namespace: "live/a"))
    harness.start()
    harness.advance(.seconds(10))
    try expectWhole(harness)
    // One subscription a track, whoever opened it.
    #expect(harness.subscriptionCounts == [3])
  }

  @Test(arguments: [Draft.draft14, .draft16, .draft18, .draft20, .draft22])
  func `a broadcast is discovered by what is pushed of it`(_ draft: Draft) throws {
    let source = IngestHarness.source(url, namespace: "live") { $0.discover = true }
    let harness = try harness(draft, source)
    harness.relays[url]?.tellsNamespaces = false
    harness.start()
    harness.advance(.seconds(10))
    try expectWhole(harness)
    #expect(harness.subscriptionCounts == [3])
    #expect(harness.logs.contains("broadcast live/a has appeared"))
  }

  @Test func `what nobody follows is refused`() throws {
    let harness = try harness(.draft18, IngestHarness.source(url, namespace: "live/b"))
    harness.start()
    harness.advance(.seconds(2))
    #expect(harness.snapshots.isEmpty)
    #expect(harness.subscriptionCounts.allSatisfy { $0 == 0 })
    let demanded = IngestHarness.source(url, namespace: "live") {
      $0.discover = true
      $0.isOnDemand = true
    }
    let idle = try self.harness(.draft18, demanded)
    idle.start()
    idle.advance(.seconds(2))
    #expect(idle.subscriptionCounts == [0])
    idle.core.want(idle.path("live/a"), now: idle.now)
    idle.run()
    idle.advance(.seconds(8))
    try expectWhole(idle)
  }

  @Test func `what waits too long is given up, the largest first`() throws {
    var pushed = PushedTracks()
    let namespace = try #require(TrackNamespace(text: "live/a"))
    let ids = (0..<3).map { SubscriptionID(number: UInt64($0)) }
    for (index, id) in ids.enumerated() { pushed.add(id, FullTrackName(namespace, "\(index)")) }
    func object(_ count: Int) -> Object {
      Object(group: 0, id: 0, payload: Bytes([UInt8](repeating: 0, count: count)))
    }
    func keep(_ index: Int, _ count: Int) -> Bool {
      pushed.keep(.object(ids[index], object(count)), of: ids[index])
    }
    let stranger = SubscriptionID(number: 9)
    let isKept = pushed.keep(.object(stranger, object(1)), of: stranger)
    #expect(!isKept)
    let areKept = [keep(0, 1 << 20), keep(1, 2 << 20), keep(2, 100)]
    #expect(areKept == [true, true, true])
    var excess = pushed.takeExcess()
    #expect(excess == nil)
    _ = keep(2, 1 << 20)
    excess = pushed.takeExcess()
    #expect(excess == ids[1])
    excess = pushed.takeExcess()
    #expect(excess == nil)
    let lost = pushed.take(FullTrackName(namespace, "1"))
    #expect(lost == nil)
    let taken = pushed.take(FullTrackName(namespace, "2"))
    #expect(taken?.id == ids[2] && taken?.events.count == 2)
    // What ended before anyone wanted it is no more.
    let end = SubscriptionEnd(status: .trackEnded, code: nil, reason: "")
    let isEndKept = pushed.keep(.subscriptionEnded(ids[0], end), of: ids[0])
    #expect(isEndKept)
    let ended = pushed.take(FullTrackName(namespace, "0"))
    #expect(ended == nil)
  }
}
