import CMAF
import TestSupport
import Testing
import Wire

/// What FFmpeg's files are, as ffprobe 5.1.9 and its DASH muxer's `codecs` describe them.
///
/// HEVC strings follow from ffprobe's profile (Main or Main 10), level 30 and x265's constraint
/// flags 0x90; FFmpeg prints only `hvc1`. FLAC and Opus are spelled as their boxes.
struct FixtureExpectation: Sendable {
  let name: String
  let codec: String
  let timescale: UInt32
  /// ffprobe's `duration_ts`, or packet count × frame length where the header cuts the last frame.
  let duration: Int64
  /// ffprobe adds the most negative composition offset to every pts but not to dts.
  var presentationShift: Int64 = 0

  static let all = [
    FixtureExpectation(name: "avc", codec: "avc1.64000a", timescale: 12_800, duration: 25_600),
    FixtureExpectation(
      name: "avc-b",
      codec: "avc1.64000a",
      timescale: 12_800,
      duration: 25_600,
      presentationShift: 512
    ),
    FixtureExpectation(
      name: "avc-editlist",
      codec: "avc1.64000a",
      timescale: 12_800,
      duration: 25_600
    ),
    FixtureExpectation(
      name: "hevc",
      codec: "hvc1.1.6.L30.90",
      timescale: 12_800,
      duration: 25_600
    ),
    FixtureExpectation(
      name: "hevc-pq",
      codec: "hvc1.2.4.L30.90",
      timescale: 12_800,
      duration: 25_600
    ),
    FixtureExpectation(name: "av1", codec: "av01.0.00M.08", timescale: 12_800, duration: 25_600),
    FixtureExpectation(name: "vp9", codec: "vp09.00.10.08", timescale: 12_800, duration: 25_600),
    FixtureExpectation(name: "aac", codec: "mp4a.40.2", timescale: 48_000, duration: 49_024),
    FixtureExpectation(name: "opus", codec: "Opus", timescale: 48_000, duration: 48_312),
    FixtureExpectation(name: "flac", codec: "fLaC", timescale: 48_000, duration: 48_000),
    FixtureExpectation(name: "ac3", codec: "ac-3", timescale: 48_000, duration: 49_152),
    FixtureExpectation(name: "eac3", codec: "ec-3", timescale: 48_000, duration: 49_152),
  ]
}

/// A packet as ffprobe prints it.
struct Packet: Hashable, CustomStringConvertible {
  let presentation: Int64
  let decode: Int64
  let size: Int
  let isKey: Bool

  var description: String { "\(presentation),\(decode),\(size),\(isKey ? "K_" : "__")" }

  static func list(_ path: String) throws -> [Packet] {
    try MediaFixture.bytes("CMAF/\(path).csv").text.split(separator: "\n").map { line in
      let fields = line.split(separator: ",", omittingEmptySubsequences: false)
      return Packet(
        presentation: try #require(Int64(fields[0])),
        decode: try #require(Int64(fields[1])),
        size: try #require(Int(fields[2])),
        isKey: fields[3].hasPrefix("K")
      )
    }
  }
}

func packets(
  _ chunks: [CMAFChunk],
  of track: CMAFTrack,
  presentationShift: Int64 = 0
) -> [Packet] {
  chunks.flatMap { chunk in
    chunk.samples.map { sample in
      let decode = sample.decodeTime - track.presentationStart
      return Packet(
        presentation: decode + sample.compositionOffset + presentationShift,
        decode: decode,
        size: sample.range.count,
        isKey: sample.flags.isSync
      )
    }
  }
}

@Suite struct FixtureTests {
  @Test(arguments: FixtureExpectation.all)
  func `samples are those that ffprobe lists`(expected: FixtureExpectation) throws {
    let file = try MediaFixture.cmaf(expected.name)
    let track = try #require(file.header.tracks.first)
    let chunks = try #require(file.chunks[track.trackID])
    #expect(track.codec == expected.codec)
    #expect(track.timescale == expected.timescale)
    #expect(chunks.reduce(0) { $0 + $1.duration } == expected.duration)
    #expect(
      packets(chunks, of: track, presentationShift: expected.presentationShift)
        == (try Packet.list("\(expected.name).0"))
    )
  }

  @Test(arguments: FixtureExpectation.all)
  func `CMAF-005 chunks continue each other to the tick`(expected: FixtureExpectation) throws {
    let chunks = try MediaFixture.cmaf(expected.name).chunks.values.flatMap { $0 }
    #expect(chunks.count > 3)
    for (chunk, next) in zip(chunks, chunks.dropFirst()) {
      #expect(chunk.decodeTime + chunk.duration == next.decodeTime)
      #expect(chunk.sequenceNumber < next.sequenceNumber)
    }
  }

  @Test(arguments: FixtureExpectation.all)
  func `CMAF-003 chunks are the file's bytes`(expected: FixtureExpectation) throws {
    let bytes = try MediaFixture.bytes("CMAF/\(expected.name).mp4")
    let file = try FragmentedMP4File(bytes)
    var joined = file.header.bytes.array
    for chunk in file.chunks.values.flatMap({ $0 }) { joined += chunk.bytes.array }
    // FFmpeg ends its files with an index, which is not media.
    #expect(bytes.prefix(joined.count) == Bytes(joined))
    #expect(bytes[joined.count + 4..<joined.count + 8].text == "mfra")
  }

  @Test(arguments: FixtureExpectation.all.filter { !["aac", "opus", "flac"].contains($0.name) })
  func `CMAF-008 flags agree with the bitstream`(expected: FixtureExpectation) throws {
    let file = try MediaFixture.cmaf(expected.name)
    let track = file.header.tracks[0]
    guard let video = track.video else { return }
    for chunk in file.chunks[track.trackID] ?? [] {
      for sample in chunk.samples {
        let isSync = SyncSample.isSync(
          codec: track.sampleEntry.format,
          nalLengthSize: video.nalLengthSize ?? 4,
          chunk.data(of: sample)
        )
        #expect(isSync == sample.flags.isSync)
      }
    }
  }

  @Test func `formats are read from the entries`() throws {
    let avc = try #require(try MediaFixture.cmaf("avc").header.tracks.first)
    let bt709 = Colour(primaries: 1, transfer: 1, matrix: 1, isFullRange: false)
    #expect(avc.handler == "vide")
    #expect(avc.language == "und")
    #expect(avc.displayWidth == 96 && avc.displayHeight == 64)
    #expect(avc.video?.width == 96 && avc.video?.height == 64)
    #expect(avc.video?.nalLengthSize == 4)
    #expect(avc.video?.colour == bt709)
    #expect(avc.video?.colour?.videoRange == .standard)
    #expect(avc.edits == [])
    #expect(avc.defaults?.trackID == 1)
    let pq = try #require(try MediaFixture.cmaf("hevc-pq").header.tracks.first)
    #expect(pq.video?.colour?.videoRange == .perceptualQuantizer)
    let edited = try #require(try MediaFixture.cmaf("avc-editlist").header.tracks.first)
    #expect(edited.edits == [Edit(segmentDuration: 0, mediaTime: 1024)])
    #expect(edited.presentationStart == 1024)
    let aac = try #require(try MediaFixture.cmaf("aac").header.tracks.first)
    #expect(aac.audio == AudioFormat(channels: 1, sampleRate: 48_000, samplesPerFrame: 1024))
    for name in ["opus", "flac", "ac3", "eac3"] {
      let track = try #require(try MediaFixture.cmaf(name).header.tracks.first)
      #expect(track.audio?.channels == 1)
      #expect(track.audio?.sampleRate == 48_000)
    }
  }

  @Test func `CMAF-004 a fragment of two tracks becomes a chunk of each`() throws {
    let file = try MediaFixture.cmaf("two-tracks")
    #expect(file.header.tracks.map(\.language) == ["und", "deu"])
    for (index, track) in file.header.tracks.enumerated() {
      let chunks = try #require(file.chunks[track.trackID])
      #expect(packets(chunks, of: track) == (try Packet.list("two-tracks.\(index)")))
    }
  }
}
