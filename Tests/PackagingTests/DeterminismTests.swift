import CMAF
import Manifests
import Packaging
import TestSupport
import Testing
import Wire

/// Media by its URL, and the lines of playlists by position.
func media(_ snapshots: [PresentationSnapshot]) -> [String: Bytes] {
  var media: [String: Bytes] = [:]
  for snapshot in snapshots {
    for rendition in snapshot.renditions {
      for segment in rendition.segments {
        for part in segment.parts {
          media[rendition.info.name + "/" + MediaPath.part(segment.epoch, start: part.start)] =
            Bytes(part.pieces.flatMap { $0.array })
        }
        if segment.isComplete {
          media[
            rendition.info.name + "/" + MediaPath.segment(segment.epoch, start: segment.start)
          ] =
            Bytes(segment.pieces.flatMap { $0.array })
        }
      }
    }
  }
  return media
}

@Suite struct DeterminismTests {
  static let zero = UTCTime(microseconds: 1_795_000_000_000_000)

  @Test func `two bridges that join apart under different networks agree on every common byte`() {
    let broadcast = RecordedBroadcast.ladder(groups: 12, zero: Self.zero)
    var first = SimulatedBridge(broadcast)
    first.run(broadcast, broadcast.entries, latency: 20_000)
    var second = SimulatedBridge(broadcast)
    // Joined in the middle of a group, with reordering over several objects and other timing.
    let late = broadcast.entries.filter { $0.sentAt > 7_300_000 }
    second.run(broadcast, late, latency: 90_000, jitter: 150_000, seed: 7)

    let mine = media(first.snapshots)
    let theirs = media(second.snapshots)
    let common = Set(mine.keys).intersection(theirs.keys)
    #expect(common.count > 100)
    for url in common { #expect(mine[url] == theirs[url], "\(url)") }
    // What the late bridge has, the early one has too: no name of its own.
    #expect(Set(theirs.keys).subtracting(mine.keys).isEmpty)
  }

  @Test func `two bridges that list the same segments tell the same rates`() throws {
    var broadcast = RecordedBroadcast.ladder(groups: 16, zero: Self.zero)
    // Much more in the beginning, which only one of them sees; and never twice the same.
    for index in broadcast.entries.indices {
      broadcast.entries[index].byteCount =
        broadcast.entries[index].sentAt < 6_000_000 ? 5000 : 100 + index % 700
    }
    var policy = PackagingPolicy()
    policy.window = .seconds(12)
    var first = SimulatedBridge(broadcast, policy: policy)
    first.run(broadcast, broadcast.entries)
    var second = SimulatedBridge(broadcast, policy: policy)
    second.run(broadcast, broadcast.entries.filter { $0.sentAt > 7_300_000 }, latency: 50_000)
    let (left, right) = (try #require(first.last), try #require(second.last))
    #expect(left.renditions.map(\.rates) == right.renditions.map(\.rates))
    #expect(left.renditions.allSatisfy { $0.rates.peak > 0 && $0.rates.average > 0 })
    #expect(MultivariantPlaylist.render(left) == MultivariantPlaylist.render(right))
    let dense = first.snapshots.map { $0.renditions[0].rates.peak }.max()
    #expect(dense ?? 0 > 4 * left.renditions[0].rates.peak, "the dense beginning was seen")
  }

  @Test func `a publish delay that is set is that of every bridge, however far it is`() throws {
    let broadcast = RecordedBroadcast.ladder(groups: 6, zero: Self.zero)
    func manifest(_ policy: PackagingPolicy, latency: Int64) throws -> Bytes {
      var bridge = SimulatedBridge(broadcast, policy: policy)
      bridge.run(broadcast, broadcast.entries, latency: latency)
      return MediaPresentation(
        try #require(bridge.last),
        timeURL: "http://origin.example/time",
        publishTime: Self.zero
      ).render()
    }
    var policy = PackagingPolicy()
    #expect(try manifest(policy, latency: 20_000) != manifest(policy, latency: 700_000))
    policy.publishDelay = .milliseconds(900)
    let near = try manifest(policy, latency: 20_000)
    #expect(try near == manifest(policy, latency: 700_000))
    let start = UTCTime(microseconds: Self.zero.microseconds + 900_000)
    #expect(near.text.contains("availabilityStartTime=\"\(start.iso8601)\""))
  }

  @Test func `a blocking reload gets the same lines from both bridges for the common window`()
    throws
  {
    let broadcast = RecordedBroadcast.ladder(groups: 12, zero: Self.zero)
    var first = SimulatedBridge(broadcast)
    first.run(broadcast, broadcast.entries, latency: 20_000)
    var second = SimulatedBridge(broadcast)
    second.run(
      broadcast,
      broadcast.entries.filter { $0.sentAt > 7_300_000 },
      latency: 90_000,
      jitter: 150_000,
      seed: 9
    )
    var compared = 0
    for index in broadcast.tracks.indices {
      let edge = try #require(second.last?.renditions[index].segments.last)
      for number in (edge.number - 2)...edge.number {
        for part in 0..<4 {
          let position = PlaylistPosition.part(number, part)
          guard let left = playlist(position, index, of: first),
            let right = playlist(position, index, of: second)
          else { continue }
          let own = Set(right.split(separator: "\n"))
          let head = ["#EXT-X-MEDIA-SEQUENCE", "#EXT-X-MAP"]
          let extra = own.subtracting(left.split(separator: "\n")).filter { line in
            !head.contains { line.hasPrefix($0) }
          }
          #expect(extra.isEmpty, "\(position): \(extra)")
          #expect(left.hasSuffix(String(right.suffix(400))), "\(position)")
          compared += 1
        }
      }
    }
    #expect(compared > 20)
  }

  /// The answer to a reload that was held for a position.
  private func playlist(
    _ position: PlaylistPosition,
    _ index: Int,
    of bridge: SimulatedBridge
  ) -> String? {
    for snapshot in bridge.snapshots {
      let rendition = snapshot.renditions[index]
      guard rendition.satisfied(position) == position else { continue }
      return MediaPlaylist(rendition, of: snapshot, asOf: position).render().text
    }
    return nil
  }

  @Test func `HLS-050 parts joined are the segment, and nothing of the publisher is missing`()
    throws
  {
    let broadcast = RecordedBroadcast.ladder(groups: 6, zero: Self.zero)
    var bridge = SimulatedBridge(broadcast)
    bridge.run(broadcast, broadcast.entries)
    let snapshot = try #require(bridge.last)
    for (index, rendition) in snapshot.renditions.enumerated() {
      let served = rendition.segments.filter(\.isComplete).flatMap { $0.pieces }
      let sent = broadcast.entries.filter { $0.track == index }.map(RecordedBroadcast.payload)
      #expect(Array(sent.prefix(served.count)) == served)
      #expect(served.count > 100)
    }
  }

  @Test func `numbers grow by one and segments are whole groups of two seconds`() throws {
    let broadcast = RecordedBroadcast.ladder(groups: 8, zero: Self.zero)
    var bridge = SimulatedBridge(broadcast)
    bridge.run(broadcast, broadcast.entries, latency: 20_000)
    let snapshot = try #require(bridge.last)
    let video = snapshot.renditions[0].segments.filter { $0.isComplete }
    #expect(video.count == 8)
    #expect(video.map(\.duration) == [Int64?](repeating: 180_000, count: 8))
    #expect(zip(video, video.dropFirst()).allSatisfy { $1.number == $0.number + 1 })
    // (1795000000 s - 2020-01-01) / 2 s
    #expect(video[0].number == (1_795_000_000 - 1_577_836_800) / 2)
    #expect(video.map(\.parts.count) == [Int](repeating: 5, count: 8))
    #expect(video[0].parts.map(\.duration) == [43_200, 43_200, 43_200, 43_200, 7_200])
  }

  @Test func `parts come out as soon as their last object is there`() throws {
    let broadcast = RecordedBroadcast.ladder(videos: 1, groups: 5, zero: Self.zero)
    var bridge = SimulatedBridge(broadcast)
    bridge.run(broadcast, broadcast.entries.filter { $0.sentAt < 7_000_000 })
    let before = bridge.snapshots.count
    // Frame 24 of group 3 completes its second part, which ends at 6.96 s.
    let edge = try #require(bridge.last?.renditions[0].segments.last)
    #expect(edge.end == 626_400)
    #expect(before > 0)
  }
}
