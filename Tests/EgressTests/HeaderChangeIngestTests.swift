import CMAF
import MoQ
import Packaging
import TestSupport
import Testing
import Wire

@testable import Egress

/// Headers that change on the way, from a publisher's objects on.
@Suite struct HeaderChangeIngestTests {
  private static let url = "moqt://relay:1/"

  /// LOC whose pictures are of one size in four groups, and of another in the next four.
  private final class Switching {
    let store = BroadcastStore()
    private let inputs: [LoopingBroadcast]
    private let namespace: TrackNamespace
    private var places: [String: (group: UInt64, object: Int)] = [:]

    init(_ namespace: TrackNamespace) throws {
      self.namespace = namespace
      inputs = try ["240p", "480p"].map { size in
        try LoopingBroadcast(
          namespace: namespace,
          files: [
            ("video.mp4", try MediaFixture.bytes("Media/\(size).mp4")),
            ("audio.mp4", try MediaFixture.bytes("Media/audio.mp4")),
          ],
          packaging: .loc
        )
      }
      for name in ["video", "audio"] {
        store.addTrack(FullTrackName(namespace, name), hasProperties: true)
      }
    }

    func advance(to utc: UTCTime, now: Instant) {
      for input in inputs { input.advance(to: utc, now: now) }
      let catalog = inputs[0].store.names.first {
        ![Bytes(utf8: "video"), Bytes(utf8: "audio")].contains($0.name)
      }
      if let catalog, store[catalog] == nil, let group = inputs[0].store[catalog]?.groups.first {
        let outlet = store.addTrack(catalog)
        outlet.beginGroup(group.id, now: now)
        for object in group.objects { outlet.append(object.payload) }
      }
      pass("video", now) { Int($0 / 4 % 2) }
      pass("audio", now) { _ in 0 }
    }

    private func pass(_ name: String, _ now: Instant, _ input: (UInt64) -> Int) {
      let full = FullTrackName(namespace, name)
      guard let outlet = store[full] else { return }
      for group in inputs[0].store[full]?.groups ?? [] {
        let place = places[name] ?? (group.id, -1)
        guard group.id >= place.group,
          let chosen = inputs[input(group.id)].store[full]?.groups.first(where: {
            $0.id == group.id
          })
        else { continue }
        var next = place.object
        if group.id > place.group || next < 0 {
          outlet.beginGroup(group.id, now: now)
          next = 0
        }
        for object in chosen.objects.dropFirst(next) {
          outlet.append(object.payload, properties: object.properties)
          next += 1
        }
        if chosen.isComplete { outlet.endGroup() }
        places[name] = (group.id, next)
      }
    }
  }

  private struct Listed: Equatable {
    let initSegment: String
    let codec: String?
    let width: Int?
    let isDiscontinuity: Bool
    let isGap: Bool
    let media: [UInt8]
  }

  @Test func `a header that changes in the past is listed where it changed`() throws {
    var bridges: [[String: Listed]] = []
    var firsts: [String] = []
    for join: Int64 in [1000, 21_000] {
      let harness = try IngestHarness(
        sources: [IngestHarness.source(Self.url, namespace: "live/a")]
      )
      let broadcast = try Switching(try #require(TrackNamespace(text: "live/a")))
      harness.relays[Self.url] = IngestHarness.Relay(broadcast.store)
      var isJoined = false
      for step in 0..<1500 as Range<Int64> {
        broadcast.advance(to: harness.utc, now: harness.now)
        if step * 20 >= join, !isJoined {
          isJoined = true
          harness.start()
        }
        harness.advance(.milliseconds(20))
      }
      let snapshot = try #require(harness.snapshots[harness.path("live/a")])
      var found: [String: Listed] = [:]
      for rendition in snapshot.renditions {
        firsts.append("\(rendition.info.name) \(rendition.segments.first?.start ?? 0)")
        for segment in rendition.segments where segment.isComplete {
          found["\(rendition.info.name) \(segment.start)"] = Listed(
            initSegment: segment.initSegment.name,
            codec: segment.info?.codec,
            width: segment.info?.width,
            isDiscontinuity: segment.isDiscontinuity,
            isGap: segment.isGap,
            media: segment.pieces.flatMap(\.array)
          )
        }
      }
      bridges.append(found)
    }
    for name in ["video", "audio"] {
      let mine = bridges[1].filter { $0.key.hasPrefix(name) && !firsts.contains($0.key) }
      #expect(mine.count >= 6)
      #expect(mine.values.allSatisfy { !$0.isGap })
      #expect(mine.values.contains { $0.isDiscontinuity })
      for (key, listed) in mine { #expect(bridges[0][key] == listed, "\(key)") }
    }
    let widths = Set(bridges[1].filter { $0.key.hasPrefix("video") }.map(\.value.width))
    #expect(widths == [426, 854])
  }

  @Test func `an object that comes late is read under the header of its group`() throws {
    let file = try MediaFixture.cmaf("avc")
    let other = try MediaFixture.cmaf("hevc")
    let track = CatalogTrack(name: "v", packaging: .cmaf)
    let (old, new) = (
      try TrackPlan(track, header: file.header.bytes),
      try TrackPlan(track, header: other.header.bytes)
    )
    let payload = try #require(file.chunks.values.first?.first).bytes
    let intake = MediaIntake(old)
    intake.configure(new, from: 5)
    #expect(intake.isBeforeHeader(4) && !intake.isBeforeHeader(5))
    for group in [5, 4, 6] as [UInt64] {
      let object = Object(
        group: group,
        id: 0,
        subgroup: 0,
        priority: 0,
        properties: Properties(),
        payload: payload
      )
      intake.take(object, now: Instant(nanoseconds: 0))
    }
    var headers: [InitSegment?] = []
    while let output = intake.poll() {
      if case .media(let object) = output { headers.append(object.description?.initSegment) }
    }
    let (before, after) = (old.description.initSegment, new.description.initSegment)
    #expect(headers == [after, before, after])
  }

  @Test func `a publisher that comes back with other pictures is told as what it is`() throws {
    let harness = try IngestHarness(
      sources: [IngestHarness.source(Self.url, namespace: "live/a")]
    )
    func publish(_ size: String) throws {
      let broadcast = try LoopingBroadcast(
        namespace: try #require(TrackNamespace(text: "live/a")),
        files: [
          ("video.mp4", try MediaFixture.bytes("Media/\(size).mp4")),
          ("audio.mp4", try MediaFixture.bytes("Media/audio.mp4")),
        ]
      )
      broadcast.advance(to: harness.utc, now: harness.now)
      harness.broadcasts = [broadcast]
      harness.relays[Self.url] = IngestHarness.Relay(broadcast.store)
    }
    try publish("240p")
    harness.start()
    harness.advance(.seconds(9))
    let before = try #require(harness.snapshots[harness.path("live/a")])
    #expect(before.renditions.map(\.info.width) == [426, 0])
    harness.kill(Self.url)
    harness.advance(.milliseconds(500))
    try publish("480p")
    harness.advance(.seconds(12))
    let after = try #require(harness.snapshots[harness.path("live/a")])
    #expect(after.renditions.map(\.info.width) == [854, 0])
    #expect(after.renditions[0].info.codec != before.renditions[0].info.codec)
    #expect(Set(after.renditions[0].segments.map(\.epoch.name)).count == 1)
    for rendition in after.renditions {
      let edge = try #require(rendition.segments.last?.endTime)
      #expect(abs(edge.microseconds - harness.utc.microseconds) < 2_600_000)
      #expect(rendition.segments.contains { $0.isDiscontinuity })
    }
  }
}
