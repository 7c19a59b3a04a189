import CMAF
import Manifests
import Packaging
import TestSupport
import Testing
import Wire

/// What publishers and networks do that they should not.
@Suite struct HardshipTests {
  static let zero = UTCTime(microseconds: 1_795_000_000_000_000)

  @Test func `a capture clock that jitters is neither a gap nor a discontinuity`() throws {
    var broadcast = RecordedBroadcast.ladder(videos: 1, groups: 8, zero: Self.zero)
    var random = SeededGenerator(seed: 3)
    for index in broadcast.entries.indices where broadcast.entries[index].track == 0 {
      broadcast.entries[index].start += Int64.random(in: -300...300, using: &random)
    }
    var bridge = SimulatedBridge(broadcast)
    bridge.run(broadcast, broadcast.entries, latency: 20_000)
    let snapshot = try #require(bridge.last)
    let video = snapshot.renditions[0].segments
    #expect(video.count >= 7)
    #expect(video.allSatisfy { !$0.isGap && !$0.isDiscontinuity })
    #expect(video.flatMap(\.parts).allSatisfy { !$0.isGap })
    // Each segment and part is named by the end of the one before: a hint is never wrong.
    let parts = video.flatMap(\.parts)
    #expect(zip(parts, parts.dropFirst()).allSatisfy { $0.end == $1.start })
  }

  /// What never comes: some of the first group and all of the
  /// second; the end of the first and the beginning of the second; some of every group.
  @Test(arguments: [0, 1, 2])
  func `the length of segments is that of a group of which nothing is missing`(
    _ loss: Int
  ) throws {
    let broadcast = RecordedBroadcast.ladder(videos: 1, groups: 12, zero: Self.zero)
    var whole = SimulatedBridge(broadcast)
    whole.run(broadcast, broadcast.entries, latency: 20_000)
    var bridge = SimulatedBridge(broadcast)
    let first = broadcast.entries[0].position.group
    let entries = broadcast.entries.filter { entry in
      let (group, object) = (entry.position.group - first, entry.position.object)
      guard entry.track == 0 else { return true }
      switch loss {
      case 0: return !(group == 0 && (20..<30).contains(object) || group == 1)
      case 1: return !(group == 0 && object >= 40 || group == 1 && object < 10)
      default: return object != 20
      }
    }
    bridge.run(broadcast, entries, latency: 20_000)
    let constants = try #require(whole.last).constants
    #expect(constants.segmentLength == MediaTime(ticks: 2, timescale: 1))
    #expect(try #require(bridge.last).constants.segmentLength == constants.segmentLength)
    #expect(try #require(bridge.last).constants.targetDuration == constants.targetDuration)
  }

  @Test func `a group that is more than may wait is measured all the same`() throws {
    let broadcast = RecordedBroadcast.ladder(videos: 1, groups: 12, zero: Self.zero)
    var whole = SimulatedBridge(broadcast)
    whole.run(broadcast)
    let first = broadcast.entries[0].position.group
    let group = broadcast.entries.filter { $0.track == 0 && $0.position.group == first }
    var policy = PackagingPolicy()
    policy.reorderBytes =
      group.reduce(0) { $0 + broadcast.object($1, arrival: Instant(nanoseconds: 0)).byteCount } / 2
    var bridge = SimulatedBridge(broadcast, policy: policy)
    bridge.run(broadcast)
    let constants = try #require(bridge.last).constants
    #expect(constants.segmentLength == (try #require(whole.last).constants.segmentLength))
    let segments = try #require(bridge.last).renditions[0].segments
    #expect(segments.allSatisfy { !$0.isGap })
    // The first group is lost.
    #expect(
      segments.first?.number
        == whole.snapshots.last?.renditions[0].segments.first.map { $0.number + 1 }
    )
  }

  @Test func `a leading track that never delivers is replaced at the start`() throws {
    let broadcast = RecordedBroadcast.ladder(videos: 2, groups: 16, zero: Self.zero)
    var bridge = SimulatedBridge(broadcast)
    bridge.run(broadcast, broadcast.entries.filter { $0.track != 0 }, latency: 20_000)
    let snapshot = try #require(bridge.last)
    #expect(snapshot.renditions[0].segments.isEmpty)
    #expect(snapshot.renditions[1].segments.filter { $0.isComplete && !$0.isGap }.count >= 4)
    #expect(snapshot.renditions[2].segments.filter { $0.isComplete && !$0.isGap }.count >= 4)
  }

  @Test func `a leading track that dies is replaced, and the others go on`() throws {
    let broadcast = RecordedBroadcast.ladder(videos: 2, groups: 20, zero: Self.zero)
    var bridge = SimulatedBridge(broadcast)
    bridge.run(
      broadcast,
      broadcast.entries.filter { $0.track != 0 || $0.sentAt < 12_500_000 },
      latency: 20_000
    )
    #expect(bridge.notices.contains(.newLead("video1")))
    let snapshot = try #require(bridge.last)
    let edge = try #require(snapshot.renditions[1].segments.last)
    // All but the last group or two of 40 s.
    #expect(edge.endTime.microseconds - Self.zero.microseconds > 36_000_000)
    let numbers = snapshot.renditions[1].segments.map(\.number)
    #expect(zip(numbers, numbers.dropFirst()).allSatisfy { $1 == $0 + 1 })
    let audio = try #require(snapshot.renditions[2].segments.last)
    #expect(audio.endTime.microseconds - Self.zero.microseconds > 36_000_000)
  }

  @Test func `media without sync samples is added to no segment`() throws {
    var broadcast = RecordedBroadcast.ladder(videos: 1, groups: 40, zero: Self.zero)
    var before = SimulatedBridge(broadcast)
    before.run(
      broadcast,
      broadcast.entries.filter { $0.position.group <= 3 || $0.track != 0 },
      latency: 20_000
    )
    for index in broadcast.entries.indices
    where broadcast.entries[index].track == 0 && broadcast.entries[index].position.group > 3 {
      broadcast.entries[index].isIndependent = false
    }
    var bridge = SimulatedBridge(broadcast)
    bridge.run(broadcast, broadcast.entries, latency: 20_000)
    let sizes = try #require(bridge.last).renditions[0].segments.map(\.byteCount)
    let expected = try #require(before.last).renditions[0].segments.map(\.byteCount)
    #expect(expected.count { $0 > 0 } >= 4)
    #expect(sizes.filter { $0 > 0 } == expected.filter { $0 > 0 })
  }

  @Test func `segments larger than may be held are cut, and that is told once of each track`()
    throws
  {
    let broadcast = RecordedBroadcast.ladder(videos: 1, groups: 40, zero: Self.zero)
    var policy = PackagingPolicy()
    policy.windowBytes = 2400
    var bridge = SimulatedBridge(broadcast, policy: policy)
    bridge.run(broadcast, broadcast.entries, latency: 20_000)
    let snapshot = try #require(bridge.last)
    #expect(snapshot.renditions[0].segments.allSatisfy { $0.byteCount <= 600 })
    for (index, name) in ["video0", "audio"].enumerated() {
      #expect(bridge.presentation.statistics(of: index).cutSegments > 1)
      #expect(bridge.notices.count { $0 == .cut(name) } == 1)
    }
  }

  @Test func `a segment that is just as large as it may be is whole, and a byte more cuts it`()
    throws
  {
    let broadcast = RecordedBroadcast.ladder(videos: 1, groups: 8, zero: Self.zero)
    var bridge = SimulatedBridge(broadcast)
    bridge.run(broadcast, broadcast.entries, latency: 20_000)
    let whole = try #require(bridge.last).renditions[0].segments.filter(\.isComplete)
    let largest = try #require(whole.map(\.byteCount).max())
    for (room, isCut) in [(largest, false), (largest - 1, true)] {
      var policy = PackagingPolicy()
      policy.windowBytes = 4 * room
      var bridge = SimulatedBridge(broadcast, policy: policy)
      bridge.run(broadcast, broadcast.entries, latency: 20_000)
      #expect((bridge.presentation.statistics(of: 0).cutSegments > 0) == isCut)
      #expect(bridge.notices.contains(.cut("video0")) == isCut)
    }
  }

  @Test func `tracks that wait for a silent lead hold no more than their limit`() {
    let broadcast = RecordedBroadcast.ladder(videos: 1, groups: 60, zero: Self.zero)
    var policy = PackagingPolicy()
    policy.reorderBytes = 2000
    policy.primingPatience = .seconds(1000)
    var bridge = SimulatedBridge(broadcast, policy: policy)
    bridge.run(broadcast, broadcast.entries.filter { $0.track == 1 })
    #expect(bridge.presentation.statistics(of: 1).waitingBytes <= 2000)
    #expect(bridge.presentation.statistics(of: 1).waitingBytes > 1000)
  }

  @Test func `sound that begins a little after a gap is listed where it begins`() throws {
    let tracks: [ScriptedTrack] = [.video("video"), .audio("audio")]
    let before = RecordedBroadcast.scripted(tracks, seconds: 12)
    var after = RecordedBroadcast.scripted(tracks, seconds: 12, startSeconds: 20, firstGroup: 10)
    for index in after.entries.indices where after.entries[index].track == 1 {
      after.entries[index].start += 200
    }
    var bridge = SimulatedBridge(before)
    bridge.run(before, before.entries, latency: 20_000)
    bridge.presentation.restart()
    bridge.run(after, after.entries, latency: 20_000)
    let snapshot = try #require(bridge.last)
    var first: [Segment] = []
    for rendition in snapshot.renditions {
      let index = rendition.segments.lastIndex { $0.isGap }
      let gap = try #require(index)
      #expect(rendition.segments[gap].end == rendition.segments[gap + 1].start)
      first.append(rendition.segments[gap + 1])
    }
    // 200 of 48,000 a second.
    #expect(first[1].startTime.microseconds - first[0].startTime.microseconds == 4167)
  }

  @Test func `a publisher with a new clock that is slower by less than a second delays its Period`()
    throws
  {
    let tracks: [ScriptedTrack] = [.video("video"), .audio("audio")]
    let before = RecordedBroadcast.scripted(tracks, seconds: 12)
    var after = RecordedBroadcast.scripted(tracks, seconds: 12, firstGroup: 100)
    for index in after.entries.indices { after.entries[index].sentAt += 20_900_000 }
    var bridge = SimulatedBridge(before)
    bridge.run(before, before.entries, latency: 20_000)
    bridge.presentation.restart()
    bridge.run(after, after.entries, latency: 20_000)
    let snapshot = try #require(bridge.last)
    let first = try #require(snapshot.periods.first)
    let last = try #require(snapshot.periods.last)
    // 0.92 s after its time, of which the constants allow 0.3 s.
    #expect(snapshot.constants.publishDelayMilliseconds == 300)
    #expect(first.extraDelay == 0)
    #expect(last.extraDelay == 700_000)
    let time = last.time.microseconds - snapshot.constants.zero.microseconds + 700_000
    let manifest = MediaPresentation(
      snapshot,
      timeURL: "",
      publishTime: snapshot.constants.zero
    ).render().text
    let start = "start=\"PT\(time / 1_000_000).\(time / 100_000 % 10)"
    #expect(manifest.contains(start), "\(start) in \(manifest)")
  }
}
