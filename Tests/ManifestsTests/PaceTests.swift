import Manifests
import Packaging
import TestSupport
import Testing
import Wire

/// When things become visible, on the simulated clock.
@Suite struct PaceTests {
  private static let bridge: (snapshots: [PresentationSnapshot], times: [Int64]) = {
    let broadcast = RecordedBroadcast.scripted(Scenario.ladderTracks, seconds: 24)
    var bridge = SimulatedBridge(broadcast, policy: Scenario.policy)
    bridge.run(broadcast)
    return (bridge.snapshots, bridge.times)
  }()

  /// The first time at which each segment of a rendition is whole, by its end.
  private func completions(_ rendition: Int) -> [(end: Int64, at: Int64)] {
    var seen: Set<Int64> = []
    var list: [(end: Int64, at: Int64)] = []
    for (snapshot, at) in zip(Self.bridge.snapshots, Self.bridge.times) {
      for segment in snapshot.renditions[rendition].segments
      where segment.isComplete && seen.insert(segment.number).inserted {
        list.append((segment.endTime.microseconds - RecordedBroadcast.epoch.microseconds, at))
      }
    }
    return list
  }

  @Test(arguments: 0..<3)
  func `HLS-018 a segment is added within one and a half target durations of the last`(
    _ rendition: Int
  ) {
    let target = Int64(Self.bridge.snapshots[0].constants.targetDuration) * 1_000_000
    let list = completions(rendition)
    #expect(list.count >= 11)
    for (before, after) in zip(list, list.dropFirst()) {
      #expect(after.at - before.at <= target * 3 / 2)
    }
  }

  @Test(arguments: 0..<3)
  func `DASH-014 a segment is whole when the MPD says that it is available`(_ rendition: Int) {
    let delay = Int64(Self.bridge.snapshots[0].constants.publishDelayMilliseconds) * 1000
    // What is there at the start came in a burst of packaging, when its first group was whole.
    for segment in completions(rendition).dropFirst(2) {
      #expect(segment.at <= segment.end + delay, "\(segment)")
    }
  }

  @Test func `HLS-053 a new part comes within a part target and a little`() {
    var last: Int64?
    var edge: Int64 = 0
    for (snapshot, at) in zip(Self.bridge.snapshots, Self.bridge.times).dropFirst(3) {
      let end = snapshot.renditions[0].segments.last?.end ?? 0
      guard end > edge else { continue }
      if let last { #expect(at - last <= 500_000 + 100_000) }
      (last, edge) = (at, end)
    }
    #expect(edge > 2_000_000)
  }
}
