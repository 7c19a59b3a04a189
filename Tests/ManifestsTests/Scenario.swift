import CMAF
import Manifests
import Packaging
import TestSupport
import Wire

/// A made-up broadcast with everything that was published of it.
final class Scenario: Sendable, CustomStringConvertible {
  let description: String
  let snapshots: [PresentationSnapshot]
  /// Every playlist that a viewer of the newest state saw, by rendition, in order.
  let playlists: [String: [Seen]]

  /// A playlist with what it was rendered from.
  struct Seen: Sendable {
    let snapshot: Int
    let bytes: Bytes
    let playlist: StrictPlaylist
  }

  init(_ name: String, _ snapshots: [PresentationSnapshot]) {
    description = name
    self.snapshots = snapshots
    var playlists: [String: [Seen]] = [:]
    for (index, snapshot) in snapshots.enumerated() {
      for rendition in snapshot.renditions {
        guard let edge = rendition.edge else { continue }
        let bytes = MediaPlaylist(rendition, of: snapshot, asOf: edge).render()
        if playlists[rendition.info.name]?.last?.bytes == bytes { continue }
        do {
          playlists[rendition.info.name, default: []].append(
            Seen(snapshot: index, bytes: bytes, playlist: try StrictPlaylist(bytes))
          )
        } catch {
          // HLS-001 tells; a scenario without the playlist fails the others too.
          playlists[rendition.info.name] = []
        }
      }
    }
    self.playlists = playlists
  }

  var last: PresentationSnapshot { snapshots[snapshots.count - 1] }
  /// All playlists of all renditions.
  var all: [StrictPlaylist] { playlists.values.flatMap { $0.map(\.playlist) } }
}

extension Scenario {
  /// A window short enough to slide in a short broadcast.
  static var policy: PackagingPolicy {
    var policy = PackagingPolicy()
    policy.window = .seconds(12)
    return policy
  }

  private static func live(
    _ name: String,
    _ tracks: [ScriptedTrack],
    seconds: Int64,
    keeping: (RecordedBroadcast.Entry) -> Bool = { _ in true }
  ) -> Scenario {
    let broadcast = RecordedBroadcast.scripted(tracks, seconds: seconds)
    var bridge = SimulatedBridge(broadcast, policy: policy)
    bridge.run(broadcast, broadcast.entries.filter(keeping))
    return Scenario(name, bridge.snapshots)
  }

  static let ladderTracks: [ScriptedTrack] = [.video("high"), .video("low"), .audio()]

  static let ladder = live("two renditions of video and audio", ladderTracks, seconds: 24)

  static let ntsc = live(
    "29.97 frames a second",
    [.video("video", timescale: 30_000, frame: 1001, framesPerGroup: 60), .audio()],
    seconds: 22
  )

  static let shortGroups = live(
    "groups of half a second",
    [.video("video", timescale: 24_000, frame: 1000, framesPerGroup: 12), .audio()],
    seconds: 20
  )

  static let longGroups = live(
    "groups of ten seconds",
    [.video("video", frame: 3600, framesPerObject: 5, framesPerGroup: 250), .audio()],
    seconds: 90
  )

  static let audioOnly = live(
    "audio alone, one frame a group",
    [.audio("music", framesPerGroup: 1)],
    seconds: 24
  )

  static let audioPair = live(
    "audio in two languages",
    [.video("video"), .audio("english"), .audio("french")],
    seconds: 16
  )

  static let wholeGroups = live(
    "an object is a whole group",
    [.video("video", framesPerObject: 50), .audio()],
    seconds: 24
  )

  static let coarse = live(
    "objects of a fifth of a second",
    [.video("video", framesPerObject: 5), .audio(framesPerObject: 9, framesPerGroup: 90)],
    seconds: 24
  )

  static let longSounds = live(
    "objects of sound as long as segments, almost",
    [.video("video"), .audio(framesPerObject: 90, framesPerGroup: 90)],
    seconds: 36
  )

  /// Eight frames of one rendition never come.
  static let loss = live("a hole in one rendition", ladderTracks, seconds: 24) { entry in
    !(entry.track == 1 && entry.position.group == 5 && (10..<18).contains(entry.position.object))
  }

  /// Audio stops for six seconds while video goes on.
  static let stall = live("audio stalls", ladderTracks, seconds: 30) { entry in
    !(entry.track == 2 && (10_000_000..<16_000_000).contains(entry.sentAt))
  }

  /// The publisher starts again: its ids and times begin at 0, three seconds after it stopped.
  static let restart: Scenario = {
    let first = RecordedBroadcast.scripted(ladderTracks, seconds: 14)
    let second = RecordedBroadcast.scripted(ladderTracks, seconds: 16, sendDelay: 17_000_000)
    var bridge = SimulatedBridge(first, policy: policy)
    bridge.run(first)
    bridge.presentation.restart()
    bridge.run(second)
    return Scenario("the publisher restarts at time 0", bridge.snapshots)
  }()

  /// The upstream is away for eight seconds; the publisher's clock runs on.
  static let outage = away("an outage of eight seconds", from: 12, to: 20)

  /// The publisher dies soon after a segment has begun; what takes its place is sent with the next
  /// ids, and its groups begin in the middle of slots.
  static let shiftedSoon = shifted("a publisher in another phase", to: 15)
  static let shiftedLater = shifted("a publisher in another phase, some segments later", to: 19)

  private static func shifted(_ name: String, to start: Int64) -> Scenario {
    let first = RecordedBroadcast.scripted(ladderTracks, seconds: 14)
    let second = RecordedBroadcast.scripted(
      ladderTracks,
      seconds: 16,
      startSeconds: start,
      firstGroup: 20
    )
    var bridge = SimulatedBridge(first, policy: policy)
    bridge.run(first, first.entries.filter { $0.sentAt < 12_120_000 })
    bridge.run(second)
    return Scenario(name, bridge.snapshots)
  }

  /// The upstream is away for longer than clients keep of what was skipped.
  static let gapsPastBoundary = away(
    "an outage of eighteen seconds",
    from: 24,
    to: 42,
    window: .seconds(40)
  )

  /// Longer than can be listed as gaps.
  static let longOutage = away("an outage of two minutes", from: 12, to: 120)

  /// Media until one second, and 16 seconds of it from another on; groups last two.
  private static func away(
    _ name: String,
    from end: Int64,
    to start: Int64,
    window: Interval = .seconds(12)
  ) -> Scenario {
    let first = RecordedBroadcast.scripted(ladderTracks, seconds: end)
    let second = RecordedBroadcast.scripted(
      ladderTracks,
      seconds: 16,
      startSeconds: start,
      firstGroup: UInt64(start / 2)
    )
    var policy = Scenario.policy
    policy.window = window
    var bridge = SimulatedBridge(first, policy: policy)
    bridge.run(first)
    bridge.presentation.restart()
    bridge.run(second)
    return Scenario(name, bridge.snapshots)
  }

  /// A second audio track joins when the broadcast is running.
  static let lateTrack: Scenario = {
    let broadcast = RecordedBroadcast.scripted(
      [.video("video"), .audio("english"), .audio("french")],
      seconds: 26
    )
    var early = broadcast
    early.tracks.removeLast()
    var bridge = SimulatedBridge(early, policy: policy)
    bridge.run(broadcast, broadcast.entries.filter { $0.track < 2 && $0.sentAt < 9_000_000 })
    _ = bridge.presentation.addTrack(broadcast.tracks[2])
    bridge.run(broadcast, broadcast.entries.filter { $0.sentAt >= 9_000_000 })
    return Scenario("a track is added later", bridge.snapshots)
  }()

  static let ended: Scenario = {
    let broadcast = RecordedBroadcast.scripted(ladderTracks, seconds: 24)
    var bridge = SimulatedBridge(broadcast, policy: policy)
    bridge.run(broadcast)
    bridge.finish(atMicroseconds: 25_000_000)
    return Scenario("the broadcast ends", bridge.snapshots)
  }()

  static let all = [
    ladder, ntsc, shortGroups, longGroups, audioOnly, audioPair, wholeGroups, coarse, longSounds,
    loss,
    stall, restart, outage, shiftedSoon, shiftedLater, gapsPastBoundary, longOutage, lateTrack,
    ended,
    removedTrack, renamedTracks, renamedAnew,
  ]

  /// Those whose media is whole and on time, where rules about pace hold.
  static let smooth = [
    ladder, ntsc, shortGroups, longGroups, audioOnly, audioPair, wholeGroups, coarse,
  ]
}

/// Reads `2026-11-18T12:26:40.123Z` into microseconds since 1970; nil for anything else.
func microseconds(_ date: String) -> Int64? {
  let bytes = Array(date.utf8)
  guard bytes.count == 24, bytes[4] == 45, bytes[7] == 45, bytes[10] == 84, bytes[13] == 58,
    bytes[16] == 58, bytes[19] == 46, bytes[23] == 90
  else { return nil }
  func number(_ range: Range<Int>) -> Int64? {
    let digits = bytes[range]
    guard digits.allSatisfy({ (48...57).contains($0) }) else { return nil }
    return digits.reduce(0) { $0 * 10 + Int64($1 - 48) }
  }
  guard let year = number(0..<4), let month = number(5..<7), let day = number(8..<10),
    let hour = number(11..<13), let minute = number(14..<16), let second = number(17..<19),
    let milli = number(20..<23), (1...12).contains(month), year >= 1970
  else { return nil }
  func isLeap(_ year: Int64) -> Bool { year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) }
  var days = (1970..<year).reduce(Int64(0)) { $0 + (isLeap($1) ? 366 : 365) }
  let lengths: [Int64] = [31, isLeap(year) ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
  days += lengths.prefix(Int(month) - 1).reduce(0, +) + day - 1
  return (((days * 24 + hour) * 60 + minute) * 60 + second) * 1_000_000 + milli * 1000
}

extension StrictPlaylist.Segment {
  /// The start time that a media name carries: `EPOCH/segment/TICKS.m4s`.
  var ticks: Int64? { uri.flatMap(MediaName.init)?.ticks }
}

/// A media URL taken apart.
struct MediaName: Equatable {
  let epoch: String
  let kind: String
  let ticks: Int64

  init?(_ uri: String) {
    let parts = uri.split(separator: "/", omittingEmptySubsequences: false)
    guard parts.count == 3, parts[2].hasSuffix(".m4s"), let ticks = Int64(parts[2].dropLast(4))
    else { return nil }
    epoch = String(parts[0])
    kind = String(parts[1])
    self.ticks = ticks
  }
}
