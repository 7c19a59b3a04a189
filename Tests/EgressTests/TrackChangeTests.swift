import CMAF
import Manifests
import MoQ
import Packaging
import TestSupport
import Testing
import Wire

@testable import Egress

/// Tracks that leave the catalog, and others that come.
@Suite struct TrackChangeTests {
  private let url = "moqt://relay:1/"

  /// A harness that serves `live/a`, with tracks of these names.
  private func serving(
    _ names: (video: String, audio: String),
    packaging: PublishPackaging = .cmaf,
    _ change: (inout Configuration) -> Void = { _ in }
  ) throws -> IngestHarness {
    let harness = try IngestHarness(
      sources: [IngestHarness.source(url, namespace: "live/a")],
      change
    )
    let broadcast = try harness.publish("live/a", packaging: packaging, names: names)
    harness.relays[url] = IngestHarness.Relay(broadcast.store)
    return harness
  }

  /// Kills the publisher with its relay; another comes with tracks of these names.
  private func replacePublisher(
    _ harness: IngestHarness,
    _ names: (video: String, audio: String),
    packaging: PublishPackaging = .cmaf
  ) throws {
    harness.broadcasts = []
    harness.kill(url)
    let broadcast = try harness.publish("live/a", packaging: packaging, names: names)
    harness.relays[url] = IngestHarness.Relay(broadcast.store)
  }

  private func snapshot(_ harness: IngestHarness) throws -> PresentationSnapshot {
    try #require(harness.snapshots[harness.path("live/a")])
  }

  private func names(_ harness: IngestHarness) throws -> [String] {
    try snapshot(harness).renditions.map { ($0.isRetired ? "-" : "") + $0.info.name }
  }

  private func multivariant(_ harness: IngestHarness) throws -> String {
    MultivariantPlaylist.render(try snapshot(harness)).text
  }

  /// Publishes a catalog of tracks that there are, by a change of its text.
  private func publishCatalog(_ harness: IngestHarness, _ change: (inout Catalog) -> Void) throws {
    let broadcast = harness.broadcasts[0]
    var catalog = broadcast.catalog(generatedAt: harness.utc)
    change(&catalog)
    try publish(harness, catalog.encode())
  }

  private func publish(_ harness: IngestHarness, _ catalog: Bytes) throws {
    let broadcast = harness.broadcasts[0]
    let track = try #require(broadcast.store[FullTrackName(broadcast.namespace, "catalog")])
    track.beginGroup((track.largest?.group ?? 0) + 1, now: harness.now)
    track.append(catalog)
    harness.run()
  }

  @Test(arguments: [PublishPackaging.cmaf, .loc])
  func `tracks of a publisher that has died are replaced by those of the next`(
    _ packaging: PublishPackaging
  ) throws {
    let harness = try serving(("v", "a"), packaging: packaging)
    harness.start()
    harness.advance(.seconds(9))
    #expect(try names(harness) == ["v", "a"])
    try replacePublisher(harness, ("w", "b"), packaging: packaging)
    // What was there is there until all of the new is.
    var listed = [try multivariant(harness)]
    for _ in 0..<100 {
      harness.advance(.milliseconds(100))
      let text = try multivariant(harness)
      #expect(text.contains("a/media.m3u8") == text.contains("v/media.m3u8"))
      #expect(text.contains("b/media.m3u8") == text.contains("w/media.m3u8"))
      #expect(text.contains("v/media.m3u8") != text.contains("w/media.m3u8"))
      if text.contains("w/media.m3u8") != listed.last?.contains("w/media.m3u8") {
        listed.append(text)
      }
    }
    #expect(listed.count == 2)
    #expect(try names(harness) == ["-v", "-a", "w", "b"])
    #expect(harness.core.report().broadcasts[0].tracks.map(\.name) == ["w", "b"])
    let over = try snapshot(harness)
    for rendition in over.renditions where rendition.isRetired {
      let edge = try #require(rendition.edge)
      let text = MediaPlaylist(rendition, of: over, asOf: edge).render().text
      #expect(text.hasSuffix("#EXT-X-ENDLIST\n") && !text.contains("PRELOAD-HINT"))
    }
    // Of a window of 12 s, and what an MPD lists beside.
    harness.advance(.seconds(30), step: .milliseconds(40))
    #expect(try names(harness) == ["w", "b"])

    let late = try IngestHarness(sources: [IngestHarness.source(url, namespace: "live/a")])
    late.utc = harness.utc
    late.now = harness.now
    late.relays = harness.relays
    late.broadcasts = harness.broadcasts
    late.start()
    // In step: they have the publisher in common.
    for _ in 0..<500 {
      late.advance(.milliseconds(40), step: .milliseconds(40))
      harness.advance(.milliseconds(40), step: .milliseconds(40))
    }
    #expect(try multivariant(late) == multivariant(harness))
    for name in ["w", "b"] {
      let segments = try [late, harness].map { harness in
        let rendition = try snapshot(harness).renditions.first { $0.info.name == name }
        return try #require(rendition).segments.suffix(4).map {
          "\($0.number) \($0.start) \($0.pieces.reduce(0) { $0 + $1.count })"
        }
      }
      #expect(segments[0].count == 4 && segments[0] == segments[1])
    }
  }

  @Test func `only tracks that are there count`() throws {
    let harness = try serving(("v", "a")) { $0.moq.tracks = 2 }
    harness.start()
    harness.advance(.seconds(5))
    for (video, audio) in [("w", "b"), ("x", "c"), ("y", "d"), ("z", "e")] {
      try replacePublisher(harness, (video, audio))
      harness.advance(.seconds(9))
      #expect(try multivariant(harness).contains("\(video)/media.m3u8"))
      #expect(try snapshot(harness).renditions.count <= 4)
    }
    #expect(harness.core.followed.values.allSatisfy { $0.ingest.tracks.count <= 4 })
  }

  @Test(arguments: [1, 2])
  func `publishers that come faster than others are believed gone are followed`(
    _ limit: Int
  ) throws {
    let harness = try serving(("v", "a")) { $0.moq.tracks = limit }
    harness.start()
    harness.advance(.seconds(5))
    let others = ["w", "x", "y", "z"]
    for name in others {
      try replacePublisher(harness, (name, "\(name)-sound"))
      // Less than a track may be missing before it is taken for gone.
      for _ in 0..<14 {
        harness.advance(.milliseconds(100))
        #expect(harness.core.followed.values.allSatisfy { $0.ingest.tracks.count <= 2 * limit })
      }
    }
    harness.advance(.seconds(9))
    #expect(try multivariant(harness).contains("z/media.m3u8"))
    #expect(harness.core.report().broadcasts[0].tracks.count == limit)
    harness.advance(.seconds(30), step: .milliseconds(40))
    #expect(try names(harness) == (limit == 1 ? ["z"] : ["z", "z-sound"]))
  }

  @Test func `a track that is removed ends, and the others go on without a seam`() throws {
    let harness = try serving(("v", "a"))
    harness.start()
    harness.advance(.seconds(8))
    #expect(harness.subscriptionCounts == [3])
    try publishCatalog(harness) { $0.tracks.removeAll { $0.name == "a" } }
    harness.advance(.milliseconds(1900))
    #expect(try names(harness) == ["v", "a"])
    harness.advance(.milliseconds(2200))
    #expect(try names(harness) == ["v", "-a"])
    #expect(harness.subscriptionCounts == [2])
    #expect(try !multivariant(harness).contains("a/media.m3u8"))
    harness.advance(.seconds(30), step: .milliseconds(40))
    #expect(try names(harness) == ["v"])
    let segments = try snapshot(harness).renditions[0].segments
    #expect(segments.allSatisfy { !$0.isGap && !$0.isDiscontinuity })
    #expect(zip(segments, segments.dropFirst()).allSatisfy { $0.end == $1.start })
  }

  @Test func `the leading track may go, another leads at once`() throws {
    let harness = try serving(("v", "a"))
    harness.start()
    harness.advance(.seconds(8))
    try publishCatalog(harness) { $0.tracks.removeAll { $0.name == "v" } }
    harness.advance(.seconds(10))
    #expect(try names(harness) == ["-v", "a"])
    let segments = try snapshot(harness).renditions[1].segments
    #expect(segments.allSatisfy { !$0.isGap })
    let edge = try #require(segments.last?.endTime)
    #expect(harness.utc.microseconds - edge.microseconds < 3_000_000)
  }

  @Test func `a track that is missing for a moment is not noticed`() throws {
    let harness = try serving(("v", "a"))
    harness.start()
    harness.advance(.seconds(8))
    // Nothing at all, then one track, then both.
    try publishCatalog(harness) { $0.tracks = [] }
    harness.advance(.seconds(10))
    #expect(try names(harness) == ["v", "a"])
    try publishCatalog(harness) { $0.tracks.removeAll { $0.name == "a" } }
    harness.advance(.milliseconds(1500))
    try publishCatalog(harness) { _ in }
    harness.advance(.seconds(8))
    #expect(try names(harness) == ["v", "a"])
    #expect(try snapshot(harness).periods.count == 1)
    for rendition in try snapshot(harness).renditions {
      #expect(rendition.segments.allSatisfy { !$0.isGap && !$0.isDiscontinuity })
    }
  }

  @Test func `what can't be read takes no track away`() throws {
    let harness = try serving(("v", "a"))
    harness.start()
    harness.advance(.seconds(8))
    try publish(harness, Bytes(utf8: "{"))
    harness.advance(.seconds(5))
    // Of a track that is there it can't be read what it is.
    let text = harness.broadcasts[0].catalog(generatedAt: harness.utc).encode().text
    let broken = text.replacing(
      #""name":"a","packaging":"cmaf""#,
      with: #""name":"a","packaging":7"#
    )
    #expect(broken != text)
    try publish(harness, Bytes(utf8: broken))
    harness.advance(.seconds(5))
    #expect(try names(harness) == ["v", "a"])
  }

  @Test func `a track that comes back is taken up again, and what it had before is there`() throws {
    let harness = try serving(("v", "a"))
    harness.start()
    harness.advance(.seconds(8))
    let before = try snapshot(harness).renditions[1].segments[0]
    try publishCatalog(harness) { $0.tracks.removeAll { $0.name == "a" } }
    harness.advance(.seconds(5))
    #expect(try names(harness) == ["v", "-a"])
    try publishCatalog(harness) { _ in }
    harness.advance(.seconds(6))
    #expect(try names(harness) == ["v", "-a", "a"])
    #expect(try multivariant(harness).contains("URI=\"a/media.m3u8\""))
    let origin = Origin(try snapshot(harness))
    let playlist = origin.request("/a/media.m3u8")
    #expect(playlist.status == 200 && !playlist.body.text.contains("ENDLIST"))
    #expect(origin.request("/a/\(before.epoch.name)/segment/\(before.start).m4s").status == 200)
    harness.advance(.seconds(30), step: .milliseconds(40))
    #expect(try names(harness) == ["v", "a"])
    #expect(harness.subscriptionCounts == [3])
  }

  @Test func `reloads that wait for a track that is gone are answered`() throws {
    let harness = try serving(("v", "a"))
    harness.start()
    harness.advance(.seconds(8))
    try publishCatalog(harness) { $0.tracks.removeAll { $0.name == "a" } }
    harness.advance(.milliseconds(1900))
    let last = try #require(snapshot(harness).renditions[1].segments.last)
    let tail = "/a/media.m3u8?_HLS_msn=\(last.number + 1)&_HLS_part=3"
    let held = Origin(try snapshot(harness)).request(tail)
    let want = try #require(held.want)
    harness.advance(.seconds(5))
    let origin = Origin(try snapshot(harness))
    let answer = try #require(origin.again(want, in: "a", tail))
    #expect(answer.status == 200 && answer.body.text.hasSuffix("#EXT-X-ENDLIST\n"))
    #expect(answer.fields["cache-control"]?.contains("max-age=1") == true)
    #expect(origin.request("/a/\(last.epoch.name)/part/\(last.end + 1).m4s").status == 404)
  }
}
