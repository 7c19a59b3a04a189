import MoQ
import Packaging
import TestSupport
import Testing
import Wire

@testable import Egress

/// Which broadcasts are followed where, over sessions in memory.
@Suite struct IngestTests {
  private let url = "moqt://relay:1/"
  private let other = "moqt://other:1/"

  /// A harness with one relay that has one broadcast, `live/a`.
  private func single(
    draft: Draft = .draft18,
    packaging: PublishPackaging = .cmaf,
    holePatience: Interval = PackagingPolicy().holePatience,
    _ change: (inout Configuration.Upstream) -> Void = { _ in }
  ) throws -> IngestHarness {
    let harness = try IngestHarness(
      draft: draft,
      sources: [IngestHarness.source(url, namespace: "live/a", change)]
    ) { $0.packaging.holePatience = holePatience }
    let broadcast = try harness.publish("live/a", packaging: packaging)
    harness.relays[url] = IngestHarness.Relay(broadcast.store)
    return harness
  }

  /// The media times of a rendition's segments, which must follow each other.
  private func times(_ snapshot: PresentationSnapshot?, _ name: String = "video") -> [Int64] {
    let segments = snapshot?.renditions.first { $0.info.name == name }?.segments ?? []
    for (left, right) in zip(segments, segments.dropFirst()) {
      #expect(left.end == right.start && left.number + 1 == right.number)
    }
    return segments.map(\.start)
  }

  @Test(arguments: [Draft.draft14, .draft16, .draft18, .draft20, .draft22])
  func `a broadcast is served, its past first`(_ draft: Draft) throws {
    let harness = try single(draft: draft)
    harness.advance(.seconds(14))
    harness.start()
    harness.advance(.milliseconds(1900))
    let snapshot = try #require(harness.snapshots[harness.path("live/a")])
    // Eight groups are kept by the publisher: 12 s of window need six of 2 s.
    #expect(times(snapshot).count >= 6)
    #expect(times(snapshot, "audio").count >= 6)
    let edge = try #require(snapshot.renditions[0].segments.last?.endTime)
    #expect(abs(edge.microseconds - harness.utc.microseconds) < 2_600_000)
  }

  @Test(arguments: [PublishPackaging.loc, .hang], [Draft.draft14, .draft22])
  func `other packagings are served like CMAF, alike whenever one joins`(
    _ packaging: PublishPackaging,
    _ draft: Draft
  ) throws {
    var bodies: [[String: [UInt8]]] = []
    for join: Int64 in [9700, 12_340] {
      let harness = try single(draft: draft, packaging: packaging)
      harness.advance(.milliseconds(join))
      harness.start()
      harness.advance(.milliseconds(20_000 - join))
      let snapshot = try #require(harness.snapshots[harness.path("live/a")])
      var found: [String: [UInt8]] = [:]
      for rendition in snapshot.renditions {
        #expect(times(snapshot, rendition.info.name).count >= 6)
        for segment in rendition.segments where segment.isComplete {
          #expect(!segment.parts.contains { $0.isGap })
          found["\(rendition.info.name) \(segment.initSegment.name) \(segment.start)"] =
            segment.pieces.flatMap(\.array)
        }
      }
      #expect(Set(snapshot.renditions.map(\.info.codec)) == ["avc1.4d4015", "mp4a.40.2"])
      bodies.append(found)
    }
    let common = Set(bodies[0].keys).intersection(bodies[1].keys)
    #expect(common.count >= 8)
    #expect(common.allSatisfy { bodies[0][$0] == bodies[1][$0] })
  }

  @Test(arguments: [Draft.draft14, .draft16, .draft18, .draft20, .draft22])
  func `a relay that goes away is left only when its successor delivers`(_ draft: Draft) throws {
    let harness = try single(draft: draft)
    harness.relays[other] = harness.relays[url]
    harness.advance(.seconds(4))
    harness.start()
    harness.advance(.milliseconds(3300))
    harness.goAway(url, to: other)
    #expect(harness.openURLs == [other, url])
    harness.advance(.seconds(6))
    #expect(harness.openURLs == [other])
    let segments = try #require(harness.snapshots[harness.path("live/a")]?.renditions[0].segments)
    #expect(segments.count >= 6)
    #expect(segments.allSatisfy { !$0.isGap && !$0.parts.contains { $0.isGap } })
    #expect(Set(segments.map(\.epoch.name)).count == 1)
    #expect(harness.core.report().broadcasts[0].legs == 1)
  }

  @Test func `without back-fill only what is live is served`() throws {
    let harness = try single { $0.backfills = false }
    harness.advance(.seconds(14))
    harness.start()
    harness.advance(.milliseconds(4500))
    #expect((1...3).contains(times(harness.snapshots[harness.path("live/a")]).count))
  }

  @Test func `a lost relay is replaced by the next, and nothing is missing`() throws {
    let harness = try IngestHarness(
      sources: [IngestHarness.source(url, other, namespace: "live/a")]
    )
    let broadcast = try harness.publish("live/a")
    harness.relays[url] = IngestHarness.Relay(broadcast.store)
    harness.relays[other] = IngestHarness.Relay(broadcast.store)
    harness.advance(.seconds(6))
    harness.start()
    harness.advance(.seconds(5))
    #expect(harness.openURLs == [url])
    harness.kill(url)
    #expect(harness.openURLs == [other])
    harness.advance(.seconds(6))
    let snapshot = try #require(harness.snapshots[harness.path("live/a")])
    #expect(times(snapshot).count >= 6)
    let segments = snapshot.renditions[0].segments
    #expect(segments.allSatisfy { !$0.isGap && !$0.parts.contains { $0.isGap } })
    #expect(Set(segments.map(\.epoch.name)).count == 1)
  }

  @Test func `of two live upstreams one may die in the middle of a group`() throws {
    let harness = try IngestHarness(
      sources: [IngestHarness.source(url, other, namespace: "live/a") { $0.live = 2 }]
    )
    let broadcast = try harness.publish("live/a")
    harness.relays[url] = IngestHarness.Relay(broadcast.store)
    harness.relays[other] = IngestHarness.Relay(broadcast.store)
    harness.advance(.seconds(6))
    harness.start()
    #expect(harness.openURLs == [other, url])
    harness.advance(.milliseconds(5300))
    let path = harness.path("live/a")
    let before = try #require(harness.snapshots[path]?.renditions[0].segments.last?.end)
    harness.kill(url)
    harness.advance(.milliseconds(600))
    let after = try #require(harness.snapshots[path]?.renditions[0].segments.last?.end)
    // A part of half a second has come meanwhile.
    #expect(after > before)
    harness.advance(.seconds(4))
    let segments = try #require(harness.snapshots[path]?.renditions[0].segments)
    #expect(segments.allSatisfy { !$0.isGap && !$0.parts.contains { $0.isGap } })
    #expect(Set(segments.map(\.epoch.name)).count == 1)
  }

  @Test(arguments: [Draft.draft14, .draft16, .draft18, .draft20, .draft22])
  func `what is lost on the way is fetched, at once where its stream has ended`(
    _ draft: Draft
  ) throws {
    // Less than what a stream that is open is waited for.
    let harness = try single(draft: draft, holePatience: .milliseconds(500))
    harness.start()
    harness.advance(.seconds(3))
    harness.relays[url]?.breaksPerThousand = 10
    harness.advance(.seconds(20))
    let status = harness.core.report().broadcasts[0]
    #expect(status.tracks.allSatisfy { $0.repairs > 0 && $0.repaired > 0 && $0.holes == 0 })
    let snapshot = try #require(harness.snapshots[harness.path("live/a")])
    for rendition in snapshot.renditions {
      #expect(times(snapshot, rendition.info.name).count >= 6)
      #expect(rendition.segments.allSatisfy { !$0.isGap && !$0.parts.contains { $0.isGap } })
    }
  }

  @Test func `a repair that ends says nothing of the one after it`() throws {
    let harness = try single(holePatience: .seconds(10))
    harness.start()
    harness.advance(.seconds(3))
    harness.relays[url]?.breaksPerThousand = 20
    // Longer than a group: when a hole is filled, the next one is overdue.
    harness.relays[url]?.fetchDelay = .milliseconds(2300)
    harness.advance(.seconds(20))
    let status = harness.core.report().broadcasts[0]
    #expect(status.tracks.allSatisfy { $0.repaired > 0 && $0.holes == 0 })
  }

  @Test(arguments: [Draft.draft14, .draft18, .draft22], [PublishPackaging.cmaf, .loc])
  func `what a stream without an end does not bring is fetched, and media joins`(
    _ draft: Draft,
    _ packaging: PublishPackaging
  ) throws {
    let harness = try single(draft: draft, packaging: packaging)
    harness.start()
    harness.advance(.seconds(3))
    harness.relays[url]?.fetchDelay = .milliseconds(150)
    harness.relays[url]?.breaksPerThousand = 10
    harness.relays[url]?.breaksSilently = true
    harness.advance(.seconds(20))
    let status = harness.core.report().broadcasts[0]
    #expect(
      status.tracks.allSatisfy { $0.repairs > 0 && $0.repaired > 0 && $0.holes == 0 },
      "\(status)"
    )
    let snapshot = try #require(harness.snapshots[harness.path("live/a")])
    for rendition in snapshot.renditions {
      #expect(times(snapshot, rendition.info.name).count >= 8)
      #expect(rendition.segments.allSatisfy { !$0.isGap && !$0.isDiscontinuity })
    }
  }

  @Test(arguments: [PublishPackaging.cmaf, .loc], [1, 3] as [Int64])
  func `what is on its way is not fetched: a link that is full would never be empty again`(
    _ packaging: PublishPackaging,
    _ seconds: Int64
  ) throws {
    let harness = try single(packaging: packaging)
    harness.start()
    harness.advance(.seconds(3))
    let before = harness.core.report().broadcasts[0].tracks.reduce(0) { $0 + $1.bytes }
    harness.advance(.seconds(20))
    let after = harness.core.report().broadcasts[0].tracks.reduce(0) { $0 + $1.bytes }
    // Nothing for a while, and then a seventh more than the broadcast needs.
    harness.relays[url]?.bytesPerSecond = 1
    harness.advance(.seconds(seconds))
    harness.relays[url]?.bytesPerSecond = Int(after - before) / 20 * 8 / 7
    harness.advance(.seconds(40))
    let status = harness.core.report().broadcasts[0]
    #expect(
      status.tracks.allSatisfy { $0.holes == 0 && $0.repairs == 0 && $0.late == 0 },
      "\(status)"
    )
    let snapshot = try #require(harness.snapshots[harness.path("live/a")])
    #expect(snapshot.renditions.allSatisfy { $0.segments.allSatisfy { !$0.isGap } })
  }

  @Test func `what can't be had becomes a gap at once, and media goes on`() throws {
    let harness = try single()
    harness.start()
    harness.advance(.seconds(3))
    harness.relays[url]?.breaksPerThousand = 10
    harness.relays[url]?.breaksFetches = true
    harness.advance(.seconds(20))
    let status = harness.core.report().broadcasts[0]
    #expect(status.tracks.allSatisfy { $0.repairs > 0 && $0.repaired == 0 && $0.holes > 0 })
    let snapshot = try #require(harness.snapshots[harness.path("live/a")])
    #expect(times(snapshot).count >= 6)
    #expect(
      snapshot.renditions[0].segments.contains { $0.isGap || $0.parts.contains { $0.isGap } }
    )
    let edge = try #require(snapshot.renditions[0].segments.last?.endTime)
    #expect(harness.utc.microseconds - edge.microseconds < 4_600_000)
  }

  @Test func `nothing is connected on demand until somebody asks, and soon after nobody does`()
    throws
  {
    let harness = try single {
      $0.isOnDemand = true
      $0.idleTimeout = .seconds(10)
    }
    harness.start()
    harness.advance(.seconds(4))
    #expect(harness.sessionCount == 0)
    let path = harness.path("live/a")
    harness.core.want(path, now: harness.now)
    harness.run()
    #expect(harness.sessionCount == 1)
    harness.advance(.seconds(6))
    #expect(harness.snapshots[path] != nil)
    harness.core.want(path, now: harness.now)
    harness.advance(.seconds(9))
    #expect(harness.snapshots[path] != nil)
    harness.advance(.seconds(2))
    #expect(harness.retired == [path])
    #expect(harness.sessionCount == 0)
  }

  @Test func `who asks for what is not there is told so`() throws {
    let harness = try single { $0.isOnDemand = true }
    harness.start()
    harness.core.want(harness.path("live/b"), now: harness.now)
    harness.run()
    #expect(harness.absent == [harness.path("live/b")])
    harness.relays[url]?.isUp = false
    harness.core.want(harness.path("live/a"), now: harness.now)
    harness.run()
    #expect(harness.absent == [harness.path("live/b"), harness.path("live/a")])
  }

  @Test(arguments: [Draft.draft14, .draft16, .draft18, .draft20, .draft22])
  func `broadcasts under a prefix come and go`(_ draft: Draft) throws {
    let harness = try IngestHarness(
      draft: draft,
      sources: [
        IngestHarness.source(url, namespace: "live") {
          $0.discover = true
          $0.retireTimeout = .seconds(3)
        }
      ]
    )
    let store = BroadcastStore()
    try harness.publish("live/a", into: store)
    try harness.publish("else/b", into: store)
    harness.relays[url] = IngestHarness.Relay(store)
    harness.start()
    harness.advance(.seconds(5))
    #expect(Set(harness.snapshots.keys) == [harness.path("live/a")])
    let late = try harness.publish("live/c", into: store)
    harness.advance(.seconds(5))
    #expect(Set(harness.snapshots.keys) == [harness.path("live/a"), harness.path("live/c")])
    #expect(harness.sessionCount == 1)
    harness.broadcasts.removeAll { $0 === late }
    for name in ["video", "audio", "catalog"] {
      store.removeTrack(FullTrackName(late.namespace, name))
    }
    harness.advance(.seconds(4))
    #expect(harness.snapshots[harness.path("live/c")]?.isEnded == true)
    harness.advance(.seconds(13))
    #expect(harness.retired == [harness.path("live/c")])
    #expect(harness.snapshots[harness.path("live/a")]?.isEnded == false)
  }

  @Test(arguments: [(1000, 2, 3), (9, 16, 2)])
  func `broadcasts are spread over connections as far as one carries them`(
    _ credit: Int,
    _ limit: Int,
    _ connections: Int
  ) throws {
    let harness = try IngestHarness(
      sources: [
        IngestHarness.source(url, namespace: "live") {
          $0.discover = true
          $0.broadcastsPerConnection = limit
          $0.backfills = false
        }
      ]
    )
    let store = BroadcastStore()
    for name in ["a", "b", "c", "d", "e"] { try harness.publish("live/\(name)", into: store) }
    harness.relays[url] = IngestHarness.Relay(store)
    harness.relays[url]?.requestCredit = credit
    harness.start()
    harness.advance(.seconds(4))
    #expect(harness.snapshots.count == 5)
    #expect(harness.sessionCount >= connections)
    #expect(harness.core.report().broadcasts.allSatisfy { $0.legs == 1 })
  }

  @Test func `who waits for the first media uses a broadcast`() throws {
    let harness = try single {
      $0.isOnDemand = true
      $0.idleTimeout = .seconds(1)
      $0.backfills = false
    }
    harness.advance(.milliseconds(100))
    harness.start()
    let path = harness.path("live/a")
    harness.core.want(path, now: harness.now)
    var waited = Interval.zero
    while harness.snapshots[path] == nil, waited < .seconds(6) {
      harness.advance(.milliseconds(100))
      waited = waited + .milliseconds(100)
    }
    #expect(waited > .seconds(2) && waited < .seconds(6))
    #expect(harness.absent.isEmpty && harness.retired.isEmpty)
    harness.advance(.milliseconds(800))
    #expect(harness.retired.isEmpty)
    harness.advance(.milliseconds(400))
    #expect(harness.retired == [path])
  }

  /// The catalog that a broadcast of test media has.
  private func catalog(_ packaging: PublishPackaging) throws -> String {
    let broadcast = try single(packaging: packaging).broadcasts[0]
    let name = packaging == .hang ? "catalog.json" : "catalog"
    let track = broadcast.store[FullTrackName(broadcast.namespace, name)]
    return try #require(track?.groups.last?.objects.first?.payload.text)
  }

  @Test(arguments: PublishPackaging.allCases)
  func `a publisher that has gone silent is waited for in peace`(
    _ packaging: PublishPackaging
  ) throws {
    let text = try catalog(packaging)
    let harness = try single(packaging: packaging) { $0.catalog = text }
    harness.relays[url]?.breaksFetches = true
    harness.advance(.seconds(5))
    harness.broadcasts = []
    harness.start()
    harness.advance(.seconds(9), step: .milliseconds(50))
    #expect(harness.sessionCount == 1)
    #expect(harness.core.report().broadcasts[0].tracks.count == 2)
  }

  @Test func `a catalog of the configuration stands in for a track`() throws {
    let text = try catalog(.loc)
    let harness = try single(packaging: .loc) { $0.catalog = text }
    harness.broadcasts[0].store.removeTrack(
      FullTrackName(harness.broadcasts[0].namespace, "catalog")
    )
    harness.start()
    harness.advance(.seconds(5))
    #expect(times(harness.snapshots[harness.path("live/a")]).count >= 2)
  }

  @Test func `coming and going leaves nothing behind`() throws {
    let harness = try single {
      $0.isOnDemand = true
      $0.idleTimeout = .seconds(1)
      $0.backfills = false
    }
    harness.start()
    let path = harness.path("live/a")
    for _ in 0..<20 {
      harness.core.want(path, now: harness.now)
      harness.run()
      #expect(harness.sessionCount == 1)
      harness.advance(.seconds(16), step: .seconds(1))
      #expect(harness.sessionCount == 0)
      #expect(harness.core.followed.isEmpty && harness.core.connections.isEmpty)
    }
  }
}
