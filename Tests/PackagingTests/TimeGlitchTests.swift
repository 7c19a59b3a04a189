import CMAF
import TestSupport
import Testing
import Wire

@testable import Packaging

/// Time that goes wrong in one track, or in none at the same moment as in the others.
@Suite struct TimeGlitchTests {
  private let zero = UTCTime(microseconds: 1_790_000_000_000_000)

  private func broadcast(groups: Int = 8) -> RecordedBroadcast {
    RecordedBroadcast.ladder(videos: 1, groups: groups, zero: zero)
  }

  /// The end of each rendition's media, as the time since the broadcast's start, in seconds.
  private func edges(_ snapshot: PresentationSnapshot?) -> [Int64] {
    snapshot?.renditions.map { rendition in
      ((rendition.segments.last?.endTime.microseconds ?? 0) - zero.microseconds) / 1_000_000
    } ?? []
  }

  @Test func `audio whose time goes back once is served again after a while`() {
    var broadcast = broadcast()
    for index in broadcast.entries.indices
    where broadcast.entries[index].track == 1 && broadcast.entries[index].sentAt > 6_000_000 {
      broadcast.entries[index].start -= 1024 * 5
    }
    var bridge = SimulatedBridge(broadcast)
    bridge.run(broadcast, broadcast.entries)
    let edges = edges(bridge.last)
    #expect(edges.count == 2)
    #expect(edges.allSatisfy { $0 >= 13 }, "\(edges)")
  }

  @Test func `audio goes on when only video's time goes back`() {
    var broadcast = broadcast()
    for index in broadcast.entries.indices
    where broadcast.entries[index].track == 0 && broadcast.entries[index].sentAt > 6_000_000 {
      broadcast.entries[index].start -= 3600 * 10
    }
    var bridge = SimulatedBridge(broadcast)
    bridge.run(broadcast, broadcast.entries)
    let last = bridge.last?.renditions.map { $0.segments.last?.number ?? 0 } ?? []
    #expect(last.count == 2)
    #expect(abs((last.first ?? 0) - (last.last ?? 9)) <= 1, "\(last)")
    #expect(bridge.last?.renditions[1].segments.last?.epoch.name != "1790000000")
  }

  @Test func `audio that was ahead of video at a restart does not hold up what follows`() {
    let first = broadcast(groups: 4)
    let entries = first.entries.filter { $0.sentAt < ($0.track == 0 ? 7_500_000 : 7_900_000) }
    var bridge = SimulatedBridge(first)
    bridge.run(first, entries)
    bridge.presentation.restart()
    var second = RecordedBroadcast.ladder(videos: 1, groups: 4, zero: zero)
    // It starts anew at time 0, twenty seconds later.
    for index in second.entries.indices { second.entries[index].sentAt += 20_000_000 }
    bridge.run(second, second.entries)
    let renditions = bridge.last?.renditions ?? []
    #expect(renditions.count == 2)
    for rendition in renditions {
      #expect(Set(rendition.segments.map(\.epoch)).count == 2, "\(rendition.info.name)")
    }
  }

  @Test func `clocks that nothing belongs to any more are forgotten`() {
    var bridge = SimulatedBridge(broadcast())
    var epochs: Set<String> = []
    for index in 0..<60 as Range<Int64> {
      var next = broadcast(groups: 2)
      for entry in next.entries.indices { next.entries[entry].sentAt += index * 10_000_000 }
      bridge.run(next, next.entries)
      bridge.presentation.restart()
      #expect(bridge.presentation.runs.count <= 9)
      for rendition in bridge.last?.renditions ?? [] {
        epochs.formUnion(rendition.segments.map(\.epoch.name))
      }
    }
    #expect(epochs.count == 60)
  }

  @Test(
    arguments: [
      (Int64.max, 3600), (.min, 3600), (-1, 3600), (0, 0), (0, .max), (1 << 62, 1 << 62),
      (MediaChunk.secondLimit * 90_000, 1), (0, MediaChunk.durationLimitSeconds * 90_000 + 1),
    ] as [(Int64, Int64)]
  )
  func `times that no broadcast can have are refused`(_ start: Int64, _ duration: Int64) {
    let broadcast = broadcast()
    let presentation = Presentation(tracks: broadcast.tracks, policy: PackagingPolicy())
    let now = Instant(nanoseconds: 0)
    func receive(_ start: Int64, _ duration: Int64, object: UInt64) {
      presentation.receive(
        MediaObject(
          position: ObjectPosition(group: 0, object: object),
          chunks: [
            MediaChunk(start: start, duration: duration, isIndependent: true, bytes: [1])
          ],
          arrival: now
        ),
        on: 0,
        utc: zero,
        now: now
      )
    }
    receive(start, duration, object: 0)
    #expect(presentation.statistics(of: 0).order.implausible == 1)
    receive(MediaChunk.secondLimit * 90_000 - 3600, 3600, object: 1)
    receive(0, MediaChunk.durationLimitSeconds * 90_000, object: 2)
    #expect(presentation.statistics(of: 0).order.implausible == 1)
    presentation.finish(now: now)
  }
}
