import CMAF
import Packaging
import TestSupport
import Testing
import Wire

/// Cameras and microphones: frames come when they come, and the last of a group lasts by rule.
@Suite struct JitterTests {
  private static let zero = UTCTime(microseconds: 1_795_000_000_000_000)

  /// What a remuxer makes of a webcam at 15 to 30 frames a second with key frames every two seconds by
  /// its clock, and of Opus whose timestamps are off by up to a quarter of a frame where a group begins.
  private static func webcam(seed: UInt64, groups: Int = 16) -> RecordedBroadcast {
    var broadcast = RecordedBroadcast.ladder(videos: 1, groups: 1, zero: zero)
    var random = SeededGenerator(seed: seed)
    broadcast.entries = pictures(groups, &random) + packets(groups, &random)
    broadcast.entries.sort { ($0.sentAt, $0.track) < ($1.sentAt, $1.track) }
    return broadcast
  }

  private static func pictures(
    _ groups: Int,
    _ random: inout SeededGenerator
  ) -> [RecordedBroadcast.Entry] {
    var starts: [[Int64]] = []
    var time: Int64 = 0
    while starts.count < groups {
      if time >= Int64(starts.count) * 180_000 { starts.append([]) }
      starts[starts.count - 1].append(time)
      time += Int64.random(in: 33...66, using: &random) * 90
    }
    var entries: [RecordedBroadcast.Entry] = []
    for (group, times) in starts.enumerated() {
      for (index, start) in times.enumerated() {
        let isLast = index == times.count - 1
        entries.append(
          RecordedBroadcast.Entry(
            track: 0,
            position: ObjectPosition(group: UInt64(group), object: UInt64(index)),
            start: start,
            duration: isLast ? 3000 : times[index + 1] - start,
            isIndependent: index == 0,
            endsGroup: isLast,
            sentAt: start * 100 / 9 + 100_000
          )
        )
      }
    }
    return entries
  }

  private static func packets(
    _ groups: Int,
    _ random: inout SeededGenerator
  ) -> [RecordedBroadcast.Entry] {
    var entries: [RecordedBroadcast.Entry] = []
    for group in 0..<groups {
      let error = group == 0 ? 0 : Int64.random(in: -240...240, using: &random)
      for index in 0..<100 {
        let start = Int64(group) * 96_000 + error + Int64(index) * 960
        entries.append(
          RecordedBroadcast.Entry(
            track: 1,
            position: ObjectPosition(group: UInt64(group), object: UInt64(index)),
            start: start,
            duration: 960,
            isIndependent: true,
            endsGroup: index == 99,
            sentAt: start * 125 / 6 + 100_000
          )
        )
      }
    }
    return entries
  }

  @Test(arguments: 1...16 as ClosedRange<UInt64>)
  func `a webcam is served without a gap or a discontinuity, and all of it`(_ seed: UInt64) throws {
    let broadcast = Self.webcam(seed: seed)
    var bridge = SimulatedBridge(broadcast)
    bridge.run(broadcast, broadcast.entries, latency: 20_000)
    bridge.presentation.finish(now: Instant(nanoseconds: 100_000_000_000))
    bridge.drain()
    let snapshot = try #require(bridge.last)
    #expect(snapshot.constants.segmentLength.seconds == 2)
    for (track, rendition) in snapshot.renditions.enumerated() {
      let segments = rendition.segments
      #expect(segments.allSatisfy { !$0.isGap && !$0.isDiscontinuity })
      #expect(segments.count == 16, "\(rendition.info.name)")
      let parts = segments.flatMap(\.parts)
      #expect(parts.allSatisfy { !$0.isGap })
      // What a playlist adds up is where media is.
      #expect(zip(parts, parts.dropFirst()).allSatisfy { $0.end == $1.start })
      let sent = broadcast.entries.filter { $0.track == track }
      // Sound that goes on after the last picture is left out.
      let pieces = segments.flatMap(\.pieces)
      #expect(pieces.count >= sent.count - (track == 0 ? 0 : 6))
      #expect(pieces == sent.prefix(pieces.count).map(RecordedBroadcast.payload))
      let last = sent[pieces.count - 1]
      #expect(parts.last?.end == last.start + last.duration)
    }
  }

  @Test(arguments: 1...16 as ClosedRange<UInt64>)
  func `two bridges agree on a webcam`(_ seed: UInt64) throws {
    let broadcast = Self.webcam(seed: seed)
    var first = SimulatedBridge(broadcast)
    first.run(broadcast, broadcast.entries, latency: 20_000)
    var second = SimulatedBridge(broadcast)
    second.run(
      broadcast,
      broadcast.entries.filter { $0.sentAt > 7_300_000 },
      latency: 90_000,
      jitter: 150_000,
      seed: seed
    )
    let mine = media(first.snapshots)
    let theirs = media(second.snapshots)
    #expect(Set(mine.keys).intersection(theirs.keys).count > 100)
    for (url, bytes) in theirs where mine[url] != nil { #expect(mine[url] == bytes, "\(url)") }
    // Who did not see the end of the group before names the first segment by its own first frame.
    let snapshot = try #require(second.last)
    let others = try #require(first.last)
    for (left, right) in zip(others.renditions, snapshot.renditions) {
      let numbers = right.segments.dropFirst().filter(\.isComplete)
      #expect(numbers.count >= 8)
      for segment in numbers {
        let same = left.segments.first { $0.number == segment.number }
        #expect(same?.start == segment.start && same?.duration == segment.duration)
        #expect(same?.pieces == segment.pieces)
      }
    }
  }

  @Test func `time that jumps by more than jitter is a discontinuity still`() throws {
    var broadcast = RecordedBroadcast.ladder(videos: 1, groups: 8, zero: Self.zero)
    for index in broadcast.entries.indices where broadcast.entries[index].position.group >= 4 {
      let scale: Int64 = broadcast.entries[index].track == 0 ? 90 : 48
      broadcast.entries[index].start += 400 * scale
    }
    var bridge = SimulatedBridge(broadcast)
    bridge.run(broadcast, broadcast.entries, latency: 20_000)
    let segments = try #require(bridge.last).renditions[0].segments
    #expect(segments.count { $0.isDiscontinuity } == 1)
  }

  @Test func `a short frame at the end of a segment is not lost`() throws {
    var broadcast = RecordedBroadcast.ladder(videos: 1, groups: 8, zero: Self.zero)
    broadcast.entries.removeAll { $0.track == 1 }
    // FLAC of eight seconds, twice: 83 frames of 96 ms, and one of 32 ms that ends a segment.
    for index in 0..<168 as Range<Int64> {
      let start = index / 84 * 384_000 + index % 84 * 4608
      let duration: Int64 = index % 84 == 83 ? 1536 : 4608
      broadcast.entries.append(
        RecordedBroadcast.Entry(
          track: 1,
          position: ObjectPosition(group: UInt64(index / 84), object: UInt64(index % 84)),
          start: start,
          duration: duration,
          isIndependent: true,
          endsGroup: index % 84 == 83,
          sentAt: (start + duration) * 125 / 6
        )
      )
    }
    broadcast.entries.sort { ($0.sentAt, $0.track) < ($1.sentAt, $1.track) }
    var bridge = SimulatedBridge(broadcast)
    bridge.run(broadcast, broadcast.entries, latency: 20_000)
    let segments = try #require(bridge.last).renditions[1].segments
    let pieces = segments.flatMap(\.pieces)
    let sent = broadcast.entries.filter { $0.track == 1 }
    #expect(pieces.count > 140)
    #expect(pieces == sent.prefix(pieces.count).map(RecordedBroadcast.payload))
  }

  @Test func `no segment begins where one of a frame within the last began and ended`() throws {
    var policy = PackagingPolicy()
    policy.segmentTarget = .milliseconds(200)
    policy.partTarget = .milliseconds(200)
    var broadcast = RecordedBroadcast.ladder(
      videos: 1,
      groups: 20,
      framesPerGroup: 5,
      zero: Self.zero
    )
    broadcast.tracks.removeLast()
    broadcast.entries.removeAll { $0.track == 1 || $0.position.object > 0 }
    for index in broadcast.entries.indices {
      broadcast.entries[index].duration = 18_000
      broadcast.entries[index].endsGroup = true
    }
    // One is said to last until 50 ms before the next but one, and the next is over sooner.
    broadcast.entries[8].duration = 31_500
    broadcast.entries[9].duration = 4_500
    var bridge = SimulatedBridge(broadcast, policy: policy)
    bridge.run(broadcast, broadcast.entries, latency: 20_000)
    let segments = try #require(bridge.last).renditions[0].segments
    #expect(segments.contains { $0.duration == 0 })
    #expect(zip(segments, segments.dropFirst()).allSatisfy { $0.start < $1.start })
    let sent = broadcast.entries.prefix(segments.flatMap(\.pieces).count)
    #expect(segments.flatMap(\.pieces) == sent.map(RecordedBroadcast.payload))
  }

  @Test func `a lost frame is a gap still`() throws {
    let broadcast = RecordedBroadcast.ladder(videos: 1, groups: 8, zero: Self.zero)
    var bridge = SimulatedBridge(broadcast)
    let lost = ObjectPosition(group: 4, object: 49)
    bridge.run(
      broadcast,
      broadcast.entries.filter { $0.track != 0 || $0.position != lost },
      latency: 20_000
    )
    let segments = try #require(bridge.last).renditions[0].segments
    #expect(segments.flatMap(\.parts).count { $0.isGap } == 1)
  }
}
