import CMAF
import Manifests
import Packaging
import TestSupport
import Testing
import Wire

/// Headers that change on the way: where they do is a property of media, and not of who looks when.
@Suite struct HeaderChangeTests {
  private static let zero = UTCTime(microseconds: 1_795_000_000_000_000)

  /// What a track of a ladder becomes.
  private static func description(
    _ name: String,
    _ header: String,
    timescale: UInt32 = 90_000,
    codec: String = "avc1.640028",
    label: String? = nil
  ) -> TrackDescription {
    let kind: MediaKind = name == "audio" ? .audio : .video
    var info = RenditionInfo(name: name, kind: kind, timescale: timescale, codec: codec)
    info.label = label
    if kind == .video {
      info.width = 1920
      info.height = 1080
      info.frameRate = FrameRate(25, 1)
    } else {
      info.channels = 1
      info.sampleRate = Int(timescale)
    }
    return TrackDescription(info: info, header: Bytes(utf8: header))
  }

  /// One video track, with a header of its own in some groups, and sound.
  private static func broadcast(
    videos: Int = 1,
    groups: Int = 16,
    framesPerGroup: Int = 50,
    newIn changed: Range<UInt64> = 6..<10,
    isUTC: Bool = false
  ) -> RecordedBroadcast {
    var broadcast = RecordedBroadcast.ladder(
      videos: videos,
      groups: groups,
      framesPerGroup: framesPerGroup,
      startTicks: isUTC ? zero.microseconds / 100 * 9 : 0,
      zero: isUTC ? UTCTime(microseconds: 0) : zero
    )
    let new = description("video0", "header of more")
    for index in broadcast.entries.indices where broadcast.entries[index].track == 0 {
      if changed.contains(broadcast.entries[index].position.group) {
        broadcast.entries[index].description = new
      }
    }
    return broadcast
  }

  private static func bridge(
    _ broadcast: RecordedBroadcast,
    from microseconds: Int64 = 0,
    seed: UInt64? = nil
  ) -> SimulatedBridge {
    var bridge = SimulatedBridge(broadcast)
    bridge.run(
      broadcast,
      broadcast.entries.filter { $0.sentAt > microseconds },
      latency: seed == nil ? 20_000 : 90_000,
      jitter: seed == nil ? 0 : 150_000,
      seed: seed ?? 1
    )
    return bridge
  }

  /// Whether a bridge that joined later tells what another does, but for its first segments.
  private static func expectSame(
    _ older: SimulatedBridge,
    _ younger: SimulatedBridge,
    sourceLocation: SourceLocation = #_sourceLocation
  ) throws {
    let (mine, theirs) = (media(older.snapshots), media(younger.snapshots))
    for (url, bytes) in theirs {
      #expect(mine[url] == bytes, "\(url)", sourceLocation: sourceLocation)
    }
    let left = try #require(older.last)
    let right = try #require(younger.last)
    for (old, young) in zip(left.renditions, right.renditions) {
      #expect(young.segments.count >= 4, sourceLocation: sourceLocation)
      for segment in young.segments where segment.isComplete {
        let same = old.segments.first { $0.number == segment.number }
        let name = "\(young.info.name) \(segment.number)"
        #expect(same?.epoch == segment.epoch, "\(name)", sourceLocation: sourceLocation)
        #expect(same?.start == segment.start, "\(name)", sourceLocation: sourceLocation)
        #expect(same?.duration == segment.duration, "\(name)", sourceLocation: sourceLocation)
        #expect(same?.timescale == segment.timescale, "\(name)", sourceLocation: sourceLocation)
        #expect(same?.initSegment == segment.initSegment, "\(name)", sourceLocation: sourceLocation)
        #expect(same?.info == segment.info, "\(name)", sourceLocation: sourceLocation)
        #expect(same?.isGap == segment.isGap, "\(name)", sourceLocation: sourceLocation)
        #expect(same?.parts == segment.parts, "\(name)", sourceLocation: sourceLocation)
        if segment.number > young.segments[0].number {
          #expect(
            same?.isDiscontinuity == segment.isDiscontinuity,
            "\(name)",
            sourceLocation: sourceLocation
          )
        }
      }
    }
    let first = right.periods[0].number
    #expect(
      left.periods.filter { $0.number > first } == right.periods.filter { $0.number > first },
      sourceLocation: sourceLocation
    )
  }

  private static func expectWhole(
    _ bridge: SimulatedBridge,
    _ broadcast: RecordedBroadcast,
    track: Int,
    sourceLocation: SourceLocation = #_sourceLocation
  ) throws {
    let rendition = try #require(bridge.last).renditions[track]
    let sent = broadcast.entries.filter { $0.track == track }
    let served = rendition.segments.flatMap(\.pieces)
    #expect(served.count > sent.count - 70, sourceLocation: sourceLocation)
    #expect(
      served == sent.prefix(served.count).map(RecordedBroadcast.payload),
      sourceLocation: sourceLocation
    )
    #expect(rendition.segments.allSatisfy { !$0.isGap }, sourceLocation: sourceLocation)
    let segments = rendition.segments
    #expect(
      zip(segments, segments.dropFirst()).allSatisfy { $0.endTime == $1.startTime },
      sourceLocation: sourceLocation
    )
  }

  @Test func `a header takes effect where it changes, whenever a bridge joined`() throws {
    let broadcast = Self.broadcast()
    let first = Self.bridge(broadcast)
    let snapshot = try #require(first.last)
    let segments = snapshot.renditions[0].segments
    let old = broadcast.tracks[0].initSegment
    #expect(segments.count == 16)
    for (index, segment) in segments.enumerated() {
      let isNew = 6..<10 ~= index
      #expect((segment.initSegment != old) == isNew)
      #expect(segment.info?.codec == (isNew ? "avc1.640028" : "avc1.64001f"))
    }
    for rendition in snapshot.renditions {
      let marked = rendition.segments.enumerated().filter(\.element.isDiscontinuity).map(\.offset)
      #expect(marked == [6, 10], "\(rendition.info.name)")
      #expect(
        rendition.segments.map(\.discontinuitySequence)
          == [Int](repeating: 0, count: 6) + [Int](repeating: 1, count: 4)
          + [Int](repeating: 2, count: rendition.segments.count - 10)
      )
    }
    #expect(snapshot.periods.map { $0.number - segments[0].number } == [0, 6, 10])
    // Nothing of either is lost, and no time is.
    try Self.expectWhole(first, broadcast, track: 0)
    try Self.expectWhole(first, broadcast, track: 1)
    for (start, seed) in [(3_300_000, 3), (13_300_000, 4), (17_300_000, 5)] as [(Int64, UInt64)] {
      try Self.expectSame(first, Self.bridge(broadcast, from: start, seed: seed))
    }
  }

  @Test func `a header that changes before packaging begins goes with its media`() throws {
    var policy = PackagingPolicy()
    policy.primingPatience = .seconds(60)
    let broadcast = Self.broadcast(newIn: 2..<4)
    let first = Self.bridge(broadcast)
    var second = SimulatedBridge(broadcast, policy: policy)
    // Sound is late by five groups.
    let late = broadcast.entries.enumerated().sorted { left, right in
      let key = { (entry: RecordedBroadcast.Entry) in
        max(entry.sentAt + (entry.track == 1 ? 10_000_000 : 0), 10_500_000)
      }
      return (key(left.element), left.offset) < (key(right.element), right.offset)
    }.map(\.element)
    let now = Instant(nanoseconds: 40_000_000_000)
    for entry in late {
      let utc = UTCTime(microseconds: Self.zero.microseconds + entry.sentAt + 20_000)
      second.presentation.receive(
        broadcast.object(entry, arrival: now),
        on: entry.track,
        utc: utc,
        now: now
      )
      second.drain()
    }
    let segments = try #require(second.last).renditions[0].segments
    #expect(segments.prefix(5).map(\.isDiscontinuity) == [false, false, true, false, true])
    try Self.expectSame(first, second)
  }

  @Test func `ticks are counted in the timescale of their own header`() throws {
    let broadcast = Self.changingTimescale(isUTC: true)
    let first = Self.bridge(broadcast)
    let snapshot = try #require(first.last)
    let segments = snapshot.renditions[0].segments
    #expect(segments[6..<10].map(\.timescale) == [12_800, 12_800, 12_800, 12_800])
    #expect(segments[6..<10].map(\.duration) == [25_600, 25_600, 25_600, 25_600])
    #expect(Set(segments.map(\.epoch)).count == 1)
    try Self.expectWhole(first, broadcast, track: 0)
    try Self.expectWhole(first, broadcast, track: 1)
    let start = Self.zero.microseconds
    try Self.expectSame(first, Self.bridge(broadcast, from: start + 3_300_000, seed: 3))
    try Self.expectSame(first, Self.bridge(broadcast, from: start + 13_300_000, seed: 4))
    let manifest = Self.manifest(snapshot)
    let seconds: Int64 = start / 1_000_000
    let change = (seconds + 12) * 12_800
    #expect(manifest.contains("timescale=\"12800\" presentationTimeOffset=\"\(change)\""))
    #expect(manifest.contains("<S t=\"\(change)\" d=\"25600\" r=\"3\"/>"))
    let back = (seconds + 20) * 90_000
    #expect(manifest.contains("timescale=\"90000\" presentationTimeOffset=\"\(back)\""))
    #expect(!manifest.contains("hz/segment"))
  }

  private static func changingTimescale(isUTC: Bool) -> RecordedBroadcast {
    var broadcast = Self.broadcast(isUTC: isUTC)
    let new = Self.description("video0", "header in 12800", timescale: 12_800)
    for index in broadcast.entries.indices where broadcast.entries[index].description != nil {
      broadcast.entries[index].description = new
      broadcast.entries[index].start = broadcast.entries[index].start / 3600 * 512
      broadcast.entries[index].duration = 512
    }
    return broadcast
  }

  @Test func `ticks that come again in another timescale name nothing twice`() throws {
    let broadcast = Self.changingTimescale(isUTC: false)
    let first = Self.bridge(broadcast)
    let snapshot = try #require(first.last)
    let names = snapshot.renditions[0].segments.map(\.epoch.name)
    let epoch = "1795000000"
    #expect(
      names == [String](repeating: epoch, count: 6)
        + [String](repeating: epoch + "-12800hz", count: 4) + [String](repeating: epoch, count: 6)
    )
    #expect(Set(snapshot.renditions[1].segments.map(\.epoch.name)) == [epoch])
    try Self.expectWhole(first, broadcast, track: 0)
    try Self.expectWhole(first, broadcast, track: 1)
    #expect(Self.manifest(snapshot).contains("video0/1795000000-12800hz/segment/$Time$.m4s"))
  }

  private static func manifest(_ snapshot: PresentationSnapshot) -> String {
    MediaPresentation(
      snapshot,
      timeURL: "http://origin.example/time",
      publishTime: zero
    ).render().text
  }

  @Test func `manifests tell what each Period is, and playlists what the rendition is now`() throws
  {
    let first = Self.bridge(Self.broadcast(newIn: 6..<16))
    let snapshot = try #require(first.last)
    let index = MultivariantPlaylist.render(snapshot).text
    // All that is listed, and the newest first.
    #expect(index.contains("CODECS=\"avc1.640028,avc1.64001f,mp4a.40.2\",RESOLUTION=1920x1080"))
    let periods = Self.manifest(snapshot).split(separator: "<Period").dropFirst()
    #expect(periods.count == 2)
    let (before, after) = (try #require(periods.first), try #require(periods.last))
    #expect(before.contains("codecs=\"avc1.64001f\" width=\"1280\" height=\"720\""))
    #expect(after.contains("codecs=\"avc1.640028\" width=\"1920\" height=\"1080\""))
    #expect(before.contains("maxWidth=\"1280\"") && after.contains("maxWidth=\"1920\""))
    // What has left the window is not told any more.
    var policy = PackagingPolicy()
    policy.window = .seconds(12)
    let broadcast = Self.broadcast(groups: 24, newIn: 6..<24)
    var second = SimulatedBridge(broadcast, policy: policy)
    second.run(broadcast, broadcast.entries, latency: 20_000)
    let last = try #require(second.last)
    let later = MultivariantPlaylist.render(last).text
    #expect(later.contains("CODECS=\"avc1.640028,mp4a.40.2\""))
  }

  @Test func `what a catalog says anew is told, and interrupts nothing`() throws {
    var broadcast = Self.broadcast(newIn: 0..<0)
    let label = "Main camera"
    var info = broadcast.tracks[0].info
    info.label = label
    info.declaredBitrate = 9_000_000
    let new = TrackDescription(info: info, header: broadcast.tracks[0].initSegment.bytes)
    for index in broadcast.entries.indices
    where broadcast.entries[index].track == 0 && broadcast.entries[index].position.group >= 6 {
      broadcast.entries[index].description = new
    }
    let first = Self.bridge(broadcast)
    let snapshot = try #require(first.last)
    #expect(snapshot.renditions[0].info.label == label)
    #expect(snapshot.renditions.allSatisfy { $0.segments.allSatisfy { !$0.isDiscontinuity } })
    #expect(snapshot.periods.count == 1)
    #expect(MultivariantPlaylist.render(snapshot).text.contains("BANDWIDTH=9106800"))
    try Self.expectWhole(first, broadcast, track: 0)
  }

  @Test(arguments: [270, 279, 280, 281, 282, 283, 300, 371, 374, 375] as [Int64])
  func `sound that changes its header costs no picture, and not a frame where pictures begin`(
    _ frame: Int64
  ) throws {
    var broadcast = Self.broadcast(groups: 8, newIn: 0..<0)
    let new = Self.description("audio", "mono", timescale: 48_000, codec: "mp4a.40.5")
    for index in broadcast.entries.indices
    where broadcast.entries[index].track == 1 && broadcast.entries[index].start >= frame * 1024 {
      broadcast.entries[index].description = new
    }
    let first = Self.bridge(broadcast)
    try Self.expectWhole(first, broadcast, track: 0)
    let snapshot = try #require(first.last)
    // Segments of two seconds hold 93.75 frames: they begin with frame 281, which starts before the
    // pictures do, and with frame 375.
    let change = frame <= 282 ? 3 : 4
    let isAtBoundary = [280, 281, 282, 374, 375].contains(frame)
    for rendition in snapshot.renditions {
      let marked = rendition.segments.enumerated().filter(\.element.isDiscontinuity).map(\.offset)
      #expect(marked == [change], "\(rendition.info.name)")
    }
    let sound = snapshot.renditions[1].segments
    for (index, segment) in sound.enumerated() {
      #expect((segment.initSegment == new.initSegment) == (index >= change))
      #expect(segment.isGap == (index == change - 1 && !isAtBoundary), "\(index)")
    }
    let served = Set(sound.flatMap(\.pieces))
    let lost = broadcast.entries.filter { entry in
      entry.track == 1 && entry.start < 600 * 1024
        && !served.contains(RecordedBroadcast.payload(entry))
    }
    if isAtBoundary { #expect(lost.map { $0.start / 1024 } == (frame == 282 ? [281] : [])) }
    // The time of what is lost is told.
    for (left, right) in zip(sound, sound.dropFirst()) {
      #expect(abs(left.endTime.microseconds - right.startTime.microseconds) < 22_000)
    }
    #expect(snapshot.periods.map(\.number).contains(sound[change].number))
    try Self.expectSame(first, Self.bridge(broadcast, seed: 2))
    try Self.expectSame(first, Self.bridge(broadcast, from: 3_300_000, seed: 7))
  }

  @Test func `a header that changes inside a segment ends it on every bridge that sees it`() throws
  {
    // Segments of two groups; the change is with the second.
    let broadcast = Self.broadcast(groups: 32, framesPerGroup: 25, newIn: 13..<32)
    let first = Self.bridge(broadcast)
    let snapshot = try #require(first.last)
    #expect(snapshot.constants.segmentLength.seconds == 2)
    let segments = snapshot.renditions[0].segments
    #expect(segments.map(\.isDiscontinuity).firstIndex(of: true) == 7)
    #expect(segments[6].duration == 90_000)
    try Self.expectWhole(first, broadcast, track: 0)
    try Self.expectWhole(first, broadcast, track: 1)
    for seed in 2...4 as ClosedRange<UInt64> {
      try Self.expectSame(first, Self.bridge(broadcast, seed: seed))
    }
  }

  @Test func `a rendition beside the lead changes its header with a segment`() throws {
    var broadcast = Self.broadcast(videos: 2, newIn: 0..<0)
    let new = Self.description("video1", "header of a little more")
    for index in broadcast.entries.indices
    where broadcast.entries[index].track == 1 && broadcast.entries[index].position.group >= 6 {
      broadcast.entries[index].description = new
    }
    let first = Self.bridge(broadcast)
    for track in 0..<3 as Range<Int> { try Self.expectWhole(first, broadcast, track: track) }
    for rendition in try #require(first.last).renditions {
      let marked = rendition.segments.enumerated().filter(\.element.isDiscontinuity).map(\.offset)
      #expect(marked == [6], "\(rendition.info.name)")
    }
    try Self.expectSame(first, Self.bridge(broadcast, seed: 2))
    try Self.expectSame(first, Self.bridge(broadcast, from: 3_300_000, seed: 3))
  }

  @Test func `a track does not become another kind`() {
    let broadcast = Self.broadcast()
    let presentation = Presentation(tracks: broadcast.tracks, policy: PackagingPolicy())
    var entry = broadcast.entries[0]
    entry.description = broadcast.tracks[1]
    let now = Instant(nanoseconds: 0)
    presentation.receive(
      broadcast.object(entry, arrival: now),
      on: 0,
      utc: Self.zero,
      now: now
    )
    #expect(presentation.statistics(of: 0).order.implausible == 1)
    presentation.finish(now: now)
  }

  @Test func `a publisher that counts anew under another header is followed at once`() throws {
    let before = RecordedBroadcast.ladder(
      videos: 1,
      groups: 6,
      firstGroup: 100,
      zero: Self.zero
    )
    var after = RecordedBroadcast.ladder(
      videos: 1,
      groups: 8,
      startTicks: 12 * 90_000,
      zero: Self.zero
    )
    let new = Self.description("video0", "header of more")
    for index in after.entries.indices where after.entries[index].track == 0 {
      after.entries[index].description = new
    }
    var bridge = SimulatedBridge(before)
    bridge.run(before, before.entries, latency: 20_000)
    bridge.run(after, after.entries, latency: 20_000)
    let segments = try #require(bridge.last).renditions[0].segments
    #expect(segments.count == 14)
    #expect(Set(segments.map(\.epoch)).count == 1)
    #expect(segments.allSatisfy { !$0.isGap })
    #expect(segments[6].initSegment == new.initSegment)
  }

  @Test func `what comes late under the header before is late, and no publisher anew`() throws {
    let broadcast = Self.broadcast(newIn: 6..<16)
    var bridge = SimulatedBridge(broadcast)
    let entries = broadcast.entries
    let place = try #require(entries.firstIndex { $0.position.group == 10 })
    let late = try #require(entries.first { $0.track == 0 && $0.position.group == 3 })
    bridge.run(broadcast, Array(entries[..<place]), latency: 20_000)
    bridge.presentation.receive(
      MediaObject(
        position: late.position,
        chunks: broadcast.object(late, arrival: Instant(nanoseconds: 0)).chunks,
        arrival: Instant(nanoseconds: entries[place].sentAt * 1000),
        description: broadcast.tracks[0]
      ),
      on: 0,
      utc: Self.zero,
      now: Instant(nanoseconds: entries[place].sentAt * 1000)
    )
    bridge.run(broadcast, Array(entries[place...]), latency: 20_000)
    #expect(bridge.presentation.statistics(of: 0).order.late == 1)
    try Self.expectWhole(bridge, broadcast, track: 0)
    try Self.expectWhole(bridge, broadcast, track: 1)
  }

  @Test(arguments: [-990, 0, 990] as [Int64])
  func `a frame that is late before a restart moves no clock`(_ late: Int64) throws {
    // Times in UTC, to a frame.
    let start: Int64 = 1_795_000_000 * 90_000
    var broadcast = RecordedBroadcast.ladder(
      videos: 1,
      groups: 8,
      startTicks: start,
      zero: UTCTime(microseconds: 0)
    )
    let last = broadcast.entries.lastIndex { $0.track == 0 && $0.position.group == 3 }
    broadcast.entries[try #require(last)].duration += late
    var bridge = SimulatedBridge(broadcast)
    let place = try #require(
      broadcast.entries.firstIndex { $0.track == 0 && $0.position.group == 4 }
    )
    bridge.run(broadcast, Array(broadcast.entries[..<place]))
    bridge.presentation.restart()
    bridge.run(broadcast, Array(broadcast.entries[place...]))
    let snapshot = try #require(bridge.last)
    for rendition in snapshot.renditions {
      #expect(Set(rendition.segments.map(\.epoch.name)) == ["0"], "\(rendition.info.name)")
      #expect(rendition.segments.count >= 7)
    }
  }
}
