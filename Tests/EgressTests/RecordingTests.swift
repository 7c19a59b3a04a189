import MoQ
import Packaging
import TestSupport
import Testing
import Wire

@testable import Egress

/// Broadcasts written down and packaged again.
@Suite struct RecordingTests {
  private let url = "moqt://relay:1/"

  private func recorded(
    _ packaging: PublishPackaging
  ) throws -> (recording: Bytes, harness: IngestHarness) {
    var bytes = RecordingFormat.Writer.start(draft: .draft18).array
    var writer = RecordingFormat.Writer()
    let harness = try IngestHarness(
      tap: { entry, _ in bytes += writer.bytes(of: entry).array },
      sources: [IngestHarness.source(url, namespace: "live/a")]
    )
    let broadcast = try harness.publish("live/a", packaging: packaging)
    harness.relays[url] = IngestHarness.Relay(broadcast.store)
    harness.advance(.milliseconds(7_300))
    harness.start()
    harness.advance(.seconds(6))
    return (Bytes(bytes), harness)
  }

  private func configuration() -> Configuration {
    var configuration = Configuration()
    configuration.upstream = IngestHarness.source(url, namespace: "live/a")
    configuration.packaging.window = .seconds(3600)
    return configuration
  }

  @Test(arguments: PublishPackaging.allCases)
  func `a replay makes the media that was served`(_ packaging: PublishPackaging) throws {
    let (recording, harness) = try recorded(packaging)
    let files = try Replay.run(recording, configuration()).files
    let byPath = Dictionary(uniqueKeysWithValues: files.map { ($0.path, $0.pieces) })
    let snapshot = try #require(harness.snapshots[harness.path("live/a")])
    var compared = 0
    for rendition in snapshot.renditions {
      for segment in rendition.segments where segment.isComplete {
        let path =
          "\(rendition.info.name)/\(segment.epoch.name)/segment/\(segment.start).m4s"
        #expect(byPath[path]?.flatMap(\.array) == segment.pieces.flatMap(\.array), "\(path)")
        compared += 1
      }
      let header = try #require(rendition.segments.first?.initSegment)
      #expect(byPath["\(rendition.info.name)/\(header.name).mp4"] == [header.bytes])
    }
    #expect(compared >= 8)
    let playlist = try StrictPlaylist(try #require(byPath["video/media.m3u8"]?.first))
    #expect(playlist.lines.contains { $0.name == "EXT-X-ENDLIST" })
    #expect(byPath["manifest.mpd"]?.first?.text.contains(#"type="static""#) == true)
  }

  @Test func `the same recording gives the same files`() throws {
    let (recording, _) = try recorded(.loc)
    let (first, second) = (
      try Replay.run(recording, configuration()), try Replay.run(recording, configuration())
    )
    #expect(first.files.map(\.path) == second.files.map(\.path))
    #expect(first.files.map(\.pieces) == second.files.map(\.pieces))
  }

  @Test func `what is written reads back the same`() throws {
    let track = FullTrackName(TrackNamespace([Bytes(utf8: "a"), Bytes(utf8: "b")]), "v")
    var pairs = KeyValuePairs()
    pairs.append(0x10, .max)
    pairs.append(0x0d, [1, 2, 3])
    let properties = Properties(pairs, immutable: pairs)
    let last = Location(group: .max, object: .max)
    let events: [RecordedEvent] = [
      .subscribed(largest: last, properties), .subscribed(largest: nil, Properties()), .refused,
      .object(
        Object(
          group: 7,
          id: .max,
          subgroup: nil,
          priority: 3,
          properties: properties,
          payload: [9, 8, 7]
        )
      ),
      .object(Object(group: 8, id: 0, subgroup: 5, status: .endOfGroup)),
      .streamEnded(group: 7, endsGroup: true), .absent(.zero...last), .ended(isTrackEnd: true),
    ]
    let entries = events.enumerated().map { index, event in
      RecordedEntry(
        track: index.isMultiple(of: 2) ? track : FullTrackName(track.namespace, "a"),
        utc: UTCTime(microseconds: Int64(index) - 1),
        now: Instant(nanoseconds: Int64(index) << 40),
        event: event
      )
    }
    var bytes = RecordingFormat.Writer.start(draft: .draft22).array
    var writer = RecordingFormat.Writer()
    for entry in entries { bytes += writer.bytes(of: entry).array }
    let read = try RecordingFormat.read(Bytes(bytes))
    #expect(read.draft == .draft22)
    #expect(read.1 == entries)
    // Cut off anywhere, it gives what is whole.
    for count in stride(from: RecordingFormat.mark.count + 1, to: bytes.count, by: 1) {
      let part = try RecordingFormat.read(Bytes(bytes).prefix(count)).1
      #expect(entries.starts(with: part))
    }
  }

  @Test func `damage is told and breaks nothing`() throws {
    let (recording, _) = try recorded(.cmaf)
    #expect(throws: RecordingError.self) { _ = try RecordingFormat.read([]) }
    #expect(throws: RecordingError.self) { _ = try RecordingFormat.read(Bytes(utf8: "#EXTM3U")) }
    var generator = SeededGenerator(seed: 3)
    let short = Array(recording.prefix(60_000).array)
    for _ in 0..<40 {
      var bytes = short
      for _ in 0..<8 {
        bytes[Int.random(in: 0..<bytes.count, using: &generator)] = .random(
          in: 0...255,
          using: &generator
        )
      }
      _ = try? Replay.run(Bytes(bytes), configuration())
    }
  }
}
