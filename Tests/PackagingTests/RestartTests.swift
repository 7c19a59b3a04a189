import CMAF
import Packaging
import TestSupport
import Testing
import Wire

/// What renditions make of restarts and losses that only some of them see.
@Suite struct RestartTests {
  private let zero = UTCTime(microseconds: 1_790_000_000_000_000)

  /// A ladder of one video and sound that is sent so much later, as far as `isSent`.
  private func broadcast(
    videos: Int = 1,
    groups: Int,
    framesPerGroup: Int = 50,
    after seconds: Int64 = 0,
    _ isSent: (RecordedBroadcast.Entry) -> Bool = { _ in true }
  ) -> RecordedBroadcast {
    var broadcast = RecordedBroadcast.ladder(
      videos: videos,
      groups: groups,
      framesPerGroup: framesPerGroup,
      zero: zero
    )
    broadcast.entries = broadcast.entries.filter(isSent)
    for index in broadcast.entries.indices {
      broadcast.entries[index].sentAt += seconds * 1_000_000
    }
    return broadcast
  }

  /// A bridge that has seen publishers one after the other.
  private func bridge(_ broadcasts: RecordedBroadcast...) -> SimulatedBridge {
    var bridge = SimulatedBridge(broadcasts[0])
    for (index, broadcast) in broadcasts.enumerated() {
      if index > 0 { bridge.presentation.restart() }
      bridge.run(broadcast)
    }
    return bridge
  }

  @Test func `numbers step by one where a rendition has nothing of a publisher`() throws {
    let bridge = bridge(
      broadcast(groups: 6),
      broadcast(groups: 2, after: 15) { $0.track == 0 },
      broadcast(groups: 6, after: 21)
    )
    for rendition in bridge.snapshots.flatMap(\.renditions) {
      for (left, right) in zip(rendition.segments, rendition.segments.dropFirst()) {
        #expect(right.number == left.number + 1)
        let step = right.discontinuitySequence - left.discontinuitySequence
        #expect(step == (right.isDiscontinuity ? 1 : 0))
      }
    }
    let last = try #require(bridge.last)
    let numbers = last.renditions.map { $0.segments.last?.number }
    #expect(numbers[0] == numbers[1])
    // Of the second publisher it has gaps.
    let epochs = last.renditions.map { rendition in
      rendition.segments.filter { !$0.isGap }.map(\.epoch.name)
    }
    #expect(Set(epochs[0]).count == 3 && Set(epochs[1]).count == 2)
  }

  @Test func `sound of a publisher that went before its first picture holds up nothing`() throws {
    let bridge = bridge(
      broadcast(groups: 4),
      broadcast(groups: 1, after: 10) { $0.track == 1 && $0.sentAt < 500_000 },
      broadcast(groups: 20, after: 13)
    )
    let ends = try #require(bridge.last).renditions.map { $0.segments.last?.endTime.microseconds }
    let sound = try #require(ends[1])
    #expect(abs(try #require(ends[0]) - sound) <= 2_000_000)
    #expect(bridge.presentation.statistics(of: 1).waitingBytes < 1000)
  }

  /// Of everything that was ever published.
  private func longest(_ bridge: SimulatedBridge) -> (segment: Double, part: Double) {
    let segments = bridge.snapshots.flatMap(\.renditions).flatMap(\.segments)
    func seconds(_ ticks: Int64, _ segment: Segment) -> Double {
      Double(ticks) / Double(segment.timescale)
    }
    return (
      segments.compactMap { segment in segment.duration.map { seconds($0, segment) } }.max() ?? 0,
      segments.flatMap { segment in segment.parts.map { seconds($0.duration, segment) } }.max() ?? 0
    )
  }

  @Test(arguments: [10, 30, 300] as [Int64])
  func `HLS-012 no segment is as long as an outage`(_ seconds: Int64) throws {
    let outage = 8_700_000...(8_700_000 + seconds * 1_000_000)
    let bridge = bridge(broadcast(groups: Int(seconds) / 2 + 16) { !outage.contains($0.sentAt) })
    let constants = try #require(bridge.last).constants
    let longest = longest(bridge)
    #expect(longest.segment < Double(constants.targetDuration) + 0.5)
    #expect(longest.part <= Double(constants.partTargetMilliseconds) / 1000 + 0.001)
  }

  @Test
  func `HLS-012 what others have where the lead has lost the end of a segment makes none too long`()
    throws
  {
    let lost = [
      ObjectPosition(group: 9, object: 24), ObjectPosition(group: 10, object: 0),
    ]
    let bridge = bridge(
      broadcast(videos: 2, groups: 24, framesPerGroup: 25) {
        $0.track != 0 || !lost.contains($0.position)
      }
    )
    let target = try #require(bridge.last).constants.targetDuration
    #expect(longest(bridge).segment < Double(target) + 0.5)
  }

  @Test(arguments: [true, false])
  func `video is served after a restart in the middle of a group, whoever has led`(
    _ soundLeads: Bool
  ) throws {
    let silence: ClosedRange<Int64> = 20_300_000...29_300_000
    let bridge = bridge(
      broadcast(groups: 40) { !soundLeads || $0.track != 0 || !silence.contains($0.sentAt) },
      broadcast(groups: 40, after: 90) {
        $0.sentAt > 2_700_000 && ($0.track == 1 || $0.position.group >= 2)
      }
    )
    let video = try #require(bridge.last).renditions[0].segments.suffix(8)
    #expect(video.count(where: { !$0.isGap }) >= 7)
  }
}
