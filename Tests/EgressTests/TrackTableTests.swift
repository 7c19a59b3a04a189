import Packaging
import TestSupport
import Testing
import Wire

@testable import Egress
@testable import MoQ

/// Places of tracks that are taken by others, or given late.
@Suite struct TrackTableTests {
  private let first = "moqt://first:1/"

  /// An upstream whose catalog may have one track at a time, and has come to be asked for.
  private func withRoomForOne() throws -> ScriptedUpstreams {
    let upstreams = try ScriptedUpstreams(first, tracks: 1)
    try upstreams.play(.seconds(3))
    upstreams.start()
    try upstreams.accept("catalog", first)
    return upstreams
  }

  /// Sends a catalog of one track under another name.
  private func sendOne(_ name: String, of origin: String, _ upstreams: ScriptedUpstreams) throws {
    var catalog = upstreams.broadcast.catalog(generatedAt: upstreams.utc)
    catalog.tracks = catalog.tracks.filter { $0.name == origin }
    catalog.tracks[0].name = name
    try upstreams.sendCatalog(catalog, first)
  }

  @Test func `room for a track is made by one that is given up`() throws {
    let upstreams = try withRoomForOne()
    try sendOne("video", of: "video", upstreams)
    let old = try #require(try upstreams.source(first).subscription("video"))
    try sendOne("audio", of: "audio", upstreams)
    try sendOne("sound", of: "audio", upstreams)
    #expect(try upstreams.source(first).subscription("video") == nil)
    let ingest = try #require(upstreams.core.followed.values.first).ingest
    #expect(ingest.tracks.map(\.catalog.name) == ["audio", "sound"])
    let object = try #require(upstreams.published("video").last)
    try upstreams.send(.object(old, object), first)
    #expect(ingest.tracks.map(\.status.objects) == [0, 0])
  }

  @Test func `early media stays with its track`() throws {
    let upstreams = try withRoomForOne()
    try sendOne("x", of: "video", upstreams)
    try sendOne("video", of: "video", upstreams)
    let id = try #require(try upstreams.source(first).subscription("video"))
    for object in upstreams.published("video").suffix(30) {
      try upstreams.send(.object(id, object), first)
    }
    try sendOne("other", of: "video", upstreams)
    upstreams.advance(.milliseconds(400))
    upstreams.advance(.seconds(10))
    let ingest = try #require(upstreams.core.followed.values.first).ingest
    let other = try #require(ingest.tracks.first { $0.catalog.name == "other" })
    let index = try #require(other.index)
    let presentation = try #require(ingest.presentation)
    #expect(!presentation.hasMedia(index))
  }

  @Test func `a track that is missing when packaging begins is taken up`() throws {
    let url = first
    let harness = try IngestHarness(sources: [IngestHarness.source(url, namespace: "live/a")])
    let broadcast = try harness.publish("live/a", names: ("v", "a"))
    harness.relays[url] = IngestHarness.Relay(broadcast.store)
    func publish(_ change: (inout Catalog) -> Void) throws {
      var catalog = broadcast.catalog(generatedAt: harness.utc)
      change(&catalog)
      let track = try #require(broadcast.store[FullTrackName(broadcast.namespace, "catalog")])
      track.beginGroup((track.largest?.group ?? 0) + 1, now: harness.now)
      track.append(catalog.encode())
      harness.run()
    }
    harness.start()
    harness.advance(.milliseconds(100))
    try publish { $0.tracks.removeAll { $0.name == "a" } }
    harness.advance(.milliseconds(1600))
    #expect(harness.core.followed.values.first?.ingest.presentation != nil)
    try publish { _ in }
    harness.advance(.seconds(12))
    let snapshot = try #require(harness.snapshots[harness.path("live/a")])
    #expect(snapshot.renditions.map(\.info.name) == ["v", "a"])
  }

  @Test func `doubts follow their track`() throws {
    let share = SessionShare(ScriptedSource(), draft: .draft18, transport: .quic, url: first)
    let leg = BroadcastLeg(
      share,
      catalog: CatalogFollower(names: [], limits: CatalogLimits()),
      namespace: try #require(TrackNamespace(text: "live/a")),
      isAlone: true
    )
    leg.doubts = [2: 0]
    leg.remove(0)
    #expect(leg.doubts == [1: 0])
  }
}
