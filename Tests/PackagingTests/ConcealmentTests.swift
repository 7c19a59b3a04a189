import CMAF
import TestSupport
import Testing
import Wire

@testable import Packaging

/// Frames of sound that are lost.
@Suite struct ConcealmentTests {
  private static let zero = UTCTime(microseconds: 1_795_000_000_000_000)

  private static let header = HeaderWriter(
    timescale: 48_000,
    format: "Opus",
    media: .audio(AudioFormat(channels: 2, sampleRate: 48_000, samplesPerFrame: 1024)),
    configurationType: "dOps",
    configuration: [0, 2, 1, 0x38, 0, 0, 0xBB, 0x80, 0, 0, 0]
  ).header()

  private static func chunk(_ frame: Int, lasting length: Int) -> Bytes {
    var writer = ChunkWriter(trackID: 1, sequenceNumber: UInt32(frame + 1))
    writer.producerReferenceTime = ProducerReferenceTime(
      trackID: 1,
      ntpTimestamp: 0xE000_0000_0000_0000,
      mediaTime: UInt64(frame * length)
    )
    let data = Bytes([UInt8(frame & 0xFF), UInt8(frame >> 8)])
    return writer.chunk(
      [.init(data: data, duration: UInt32(length))],
      decodeTime: Int64(frame * length)
    )
  }

  /// Sound of one frame a group as far as `frames`, without the lost ones; frames last `length` ticks.
  private static func play(
    frames: Int = 600,
    losing lost: Set<Int>,
    length: Int = 1024,
    policy: PackagingPolicy = PackagingPolicy()
  ) -> SimulatedBridge {
    var info = RenditionInfo(
      name: "audio",
      kind: .audio,
      timescale: 48_000,
      codec: "opus"
    )
    info.channels = 2
    info.sampleRate = 48_000
    let track = TrackDescription(info: info, header: header)
    var broadcast = RecordedBroadcast.ladder(videos: 1, groups: 1, zero: zero)
    broadcast.tracks = [track]
    var bridge = SimulatedBridge(broadcast, policy: policy)
    for frame in 0..<frames where !lost.contains(frame) {
      let at = Int64(frame * length) * 125 / 6 * 1000
      let now = Instant(nanoseconds: at)
      let utc = UTCTime(microseconds: zero.microseconds + at / 1000)
      let group = UInt64(frame)
      bridge.presentation.handleTimeout(utc: utc, now: now)
      bridge.presentation.receive(
        MediaObject(
          position: ObjectPosition(group: group, object: 0),
          chunks: [
            MediaChunk(
              start: Int64(frame * length),
              duration: Int64(length),
              isIndependent: true,
              bytes: chunk(frame, lasting: length)
            )
          ],
          arrival: now
        ),
        on: 0,
        utc: utc,
        now: now
      )
      bridge.presentation.endGroup(group, at: 1, on: 0, utc: utc, now: now)
      bridge.drain()
    }
    bridge.presentation.finish(now: Instant(nanoseconds: 100_000_000_000))
    bridge.drain()
    return bridge
  }

  @Test func `a copy of the frame before stands in for one that is lost`() throws {
    let whole = try #require(Self.play(losing: []).last).renditions[0].segments
    let bridge = Self.play(losing: [300])
    let segments = try #require(bridge.last).renditions[0].segments
    #expect(segments.map(\.start) == whole.map(\.start))
    #expect(segments.map(\.duration) == whole.map(\.duration))
    #expect(segments.allSatisfy { !$0.isGap && !$0.isDiscontinuity })
    #expect(segments.flatMap(\.parts).map(\.start) == whole.flatMap(\.parts).map(\.start))
    let pieces = segments.flatMap(\.pieces)
    let expected = whole.flatMap(\.pieces)
    #expect(pieces.count == expected.count)
    let different = pieces.indices.filter { pieces[$0] != expected[$0] }
    #expect(different == [300])
    // Frame 299 at the time of frame 300, without the clock of its producer.
    let writer = ChunkWriter(trackID: 1, sequenceNumber: 301)
    #expect(
      pieces[300]
        == writer.chunk([.init(data: [0x2B, 0x01], duration: 1024)], decodeTime: 300 * 1024)
    )
    #expect(bridge.presentation.statistics(of: 0).concealed == 1)
    #expect(bridge.presentation.statistics(of: 0).order.holes == 1)
    // What another bridge may have whole is told from the rest.
    let concealed = segments.flatMap(\.parts).filter(\.isConcealed)
    #expect(concealed.count == 1)
    #expect(concealed.first.map { $0.start <= 300 * 1024 && $0.end > 300 * 1024 } == true)
    #expect(segments.filter(\.isConcealed).count == 1)
  }

  @Test func `what is lost at the edge of a segment is concealed like the rest`() throws {
    let whole = try #require(Self.play(losing: []).last).renditions[0].segments
    let first = Int(whole[2].start / 1024)
    let lost: Set = [first - 2, first - 1, first, first + 1]
    let bridge = Self.play(losing: lost)
    let segments = try #require(bridge.last).renditions[0].segments
    #expect(segments.map(\.start) == whole.map(\.start))
    #expect(segments.allSatisfy { !$0.isGap })
    #expect(segments.map(\.isConcealed).filter { $0 }.count == 2)
    #expect(bridge.presentation.statistics(of: 0).concealed == 4)
    #expect(segments.flatMap(\.pieces).count == whole.flatMap(\.pieces).count)
  }

  @Test(arguments: [(5, false), (6, true)])
  func `more than the limit is a gap`(_ count: Int, _ isGap: Bool) throws {
    let bridge = Self.play(losing: Set(300..<300 + count))
    let segments = try #require(bridge.last).renditions[0].segments
    #expect(segments.contains(where: \.isGap) == isGap)
    #expect(bridge.presentation.statistics(of: 0).concealed == (isGap ? 0 : count))
  }

  @Test(arguments: [(47, 0), (48, 1)])
  func `frames of less than a millisecond are not copied`(_ length: Int, _ concealed: Int) {
    let bridge = Self.play(losing: [300], length: length)
    #expect(bridge.presentation.statistics(of: 0).concealed == concealed)
  }

  @Test func `a hole that holds more frames than memory is left at once`() {
    let info = RenditionInfo(
      name: "audio",
      kind: .audio,
      timescale: TrackDescription.timescaleLimit,
      codec: "opus"
    )
    let track = PackagedTrack(
      TrackDescription(info: info, header: Self.header),
      policy: PackagingPolicy()
    )
    let bytes = Self.chunk(0, lasting: 1)
    let first = MediaChunk(start: 0, duration: 1, isIndependent: true, bytes: bytes)
    let later = MediaChunk(start: 100_000_000, duration: 1, isIndependent: true, bytes: bytes)
    #expect(track.events(first, .first, utc: Self.zero).count == 1)
    #expect(track.events(later, .afterLoss, utc: Self.zero).count == 1)
  }

  @Test(arguments: [(-1, 0), (0, 4)])
  func `copies fill no more than a segment may`(_ spare: Int, _ concealed: Int) {
    var policy = PackagingPolicy()
    policy.windowBytes = 4 * (4 * Self.chunk(299, lasting: 1024).count + spare)
    let bridge = Self.play(losing: [300, 301, 302, 303], policy: policy)
    #expect(bridge.presentation.statistics(of: 0).concealed == concealed)
  }

  @Test func `concealment can be switched off`() throws {
    var policy = PackagingPolicy()
    policy.concealment = .milliseconds(0)
    let bridge = Self.play(losing: [300], policy: policy)
    let segments = try #require(bridge.last).renditions[0].segments
    #expect(segments.filter(\.isGap).count == 1)
    #expect(bridge.presentation.statistics(of: 0).concealed == 0)
  }
}
