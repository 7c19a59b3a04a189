import TestSupport
import Testing
import Wire

@testable import Conformance

/// The reader on media that ffmpeg made, see Fixtures/CMAF.
@Suite struct MediaReaderTests {
  /// The init segment and the rest of a fragmented file.
  static func split(_ name: String) throws -> (header: Bytes, media: Bytes) {
    let bytes = try MediaFixture.bytes("CMAF/\(name).mp4")
    let boxes = try Box.walk(bytes)
    let end = try #require(boxes["moov"]).end
    let tail = boxes.first { $0.type == "mfra" }?.offset ?? bytes.count
    return (bytes[0..<end], bytes[end..<tail])
  }

  /// Codec strings as `ffmpeg -f dash` writes them, and sizes or rates as `ffprobe` tells them.
  @Test(arguments: [
    ("avc", "avc1.64000A", 96, 64), ("hevc", "hvc1.1.6.L30.90", 96, 64),
    ("hevc-pq", "hvc1.2.4.L30.90", 96, 64), ("av1", "av01.0.00M.08", 96, 64),
    ("vp9", "vp09.00.10.08", 96, 64), ("aac", "mp4a.40.2", 1, 48_000),
    ("opus", "opus", 1, 48_000), ("flac", "flac", 1, 48_000), ("ac3", "ac-3", 1, 48_000),
    ("eac3", "ec-3", 1, 48_000),
  ])
  func `headers of ffmpeg`(_ name: String, _ codec: String, _ first: Int, _ second: Int) throws {
    let header = try InitHeader(Self.split(name).header)
    let track = try #require(header.tracks.first)
    let entry = try #require(track.sampleEntries.first)
    #expect(entry.codec == codec)
    if track.kind == .video {
      #expect([entry.width, entry.height] == [first, second])
    } else {
      #expect(entry.channels >= first)
      #expect(entry.sampleRate == second)
    }
    #expect(header.isFragmented)
    #expect(track.tableSampleCount == 0)
  }

  @Test func `two tracks, and an edit list`() throws {
    let header = try InitHeader(Self.split("two-tracks").header)
    #expect(header.tracks.map(\.kind) == [.video, .audio])
    #expect(header.tracks.map(\.language).last == "deu")
    let edited = try InitHeader(Self.split("avc-editlist").header)
    #expect((edited.tracks.first?.editOffset ?? 0) > 0)
  }

  @Test func `each of several tracks is judged by itself`() throws {
    let (header, media) = try Self.split("two-tracks")
    let read = try InitHeader(header)
    #expect(read.leadingTrack?.kind == .video)
    func judge(_ track: HeaderTrack, seconds: Double) throws -> Ledger {
      var ledger = Ledger()
      var expectation = SegmentExpectation()
      expectation.isMuxed = true
      let ticks = Int64(seconds * 1e6)
      expectation.duration = (
        TrackTime(ticks: ticks, timescale: 1_000_000), CMAFRules.otherTrackTolerance
      )
      let segment = CMAFRules.judge(
        segment: media,
        of: track,
        expectation,
        subject: "s",
        &ledger
      )
      let samples = try #require(segment).chunks.flatMap(\.sampleData)
      #expect(samples.count > 10)
      return ledger
    }
    for track in read.tracks {
      let whole = try MediaSegment(media, defaults: track.defaults)
      let own = whole.only(track.id)
      let seconds = Double(own.duration) / Double(track.timescale)
      let right = try judge(track, seconds: seconds)
      let wrong = try judge(track, seconds: seconds + 0.2)
      #expect(right.verdict("CMAF-017").outcome == .pass, "\(track.kind)")
      #expect(right.verdict("CMAF-007").outcome == .pass, "\(track.kind)")
      #expect(wrong.failed.contains("CMAF-017"), "\(track.kind)")
    }
  }

  /// Timestamps, sizes and keys of every packet as `ffprobe` lists them.
  @Test(arguments: [
    "avc", "avc-b", "avc-editlist", "hevc", "hevc-pq", "av1", "vp9", "aac", "opus", "flac", "ac3",
    "eac3",
  ])
  func `samples of ffmpeg`(_ name: String) throws {
    let (header, media) = try Self.split(name)
    let track = try #require(try InitHeader(header).tracks.first)
    let segment = try MediaSegment(media, defaults: track.defaults)
    #expect(segment.faults == [])
    let csv = try MediaFixture.bytes("CMAF/\(name).0.csv").text
    // ffmpeg's demuxer makes negative composition offsets positive by moving all presentation times.
    let offsets = segment.chunks.flatMap(\.samples).map(\.compositionOffset)
    let shift = max(0, -(offsets.min() ?? 0))
    var rows: [String] = []
    for chunk in segment.chunks {
      var time = try #require(chunk.start)
      let data = chunk.sampleData
      #expect(data.count == chunk.samples.count)
      for (sample, bytes) in data {
        let presentation = time + sample.compositionOffset - track.editOffset + shift
        let decode = time - track.editOffset
        rows.append("\(presentation),\(decode),\(bytes.count),\(sample.isSync ? "K" : "_")_")
        time += Int64(sample.duration)
      }
    }
    #expect(rows == csv.split(separator: "\n").map { $0.prefix { $0 != "\r" } }.map(String.init))
  }

  /// The bitstream agrees with the flags, in every codec that is looked into.
  @Test(arguments: ["avc", "avc-b", "hevc", "hevc-pq", "av1", "vp9"])
  func `pictures of ffmpeg`(_ name: String) throws {
    let (header, media) = try Self.split(name)
    var ledger = Ledger()
    let read = try #require(CMAFRules.judge(header: header, subject: name, &ledger))
    let track = try #require(read.tracks.first)
    let segment = CMAFRules.judge(
      segment: media,
      of: track,
      SegmentExpectation(),
      subject: name,
      &ledger
    )
    #expect((segment?.chunks.count ?? 0) > 1)
    for number in ["CMAF-002", "CMAF-003", "CMAF-004", "CMAF-007", "CMAF-008"] {
      #expect(ledger.verdict(number).outcome == .pass, "\(number) \(ledger.verdict(number))")
    }
    #expect(ledger.verdict("CMAF-015").outcome == .notSeen)
  }

  @Test func `codec strings are compared as players do`() {
    func matches(_ declared: String, _ actual: String) -> Bool {
      CodecConfiguration.matches(declared: declared, actual: actual)
    }
    #expect(matches("avc1.64001f", "avc1.64001F"))
    #expect(!matches("avc1.640020", "avc1.64001F"))
    #expect(!matches("avc3.64001F", "avc1.64001F"))
    #expect(matches("av01.0.04M.08.0.110.01.01.01.0", "av01.0.04M.08"))
    #expect(!matches("av01.0.04M", "av01.0.04M.08"))
    #expect(matches("fLaC", "flac"))
    #expect(matches("stpp.ttml.im1t", "stpp"))
    #expect(!matches("mp4a.40.5", "mp4a.40.2"))
    #expect(!matches("", "avc1.64001F"))
  }

  @Test func `sizes of 64 bits, sizes to the end, and user types`() throws {
    var writer = ByteWriter()
    writer.write(UInt32(1))
    writer.write(utf8: "mdat")
    writer.write(UInt64(18))
    writer.write(contentsOf: [1, 2])
    writer.write(UInt32(0))
    writer.write(utf8: "uuid")
    writer.write(contentsOf: [UInt8](repeating: 9, count: 16))
    writer.write(UInt8(3))
    let boxes = try Box.walk(writer.bytes)
    #expect(boxes.map(\.type) == ["mdat", "uuid"])
    #expect(boxes.map(\.payload) == [[1, 2], [3]])
    #expect(boxes.map(\.payloadOffset) == [16, 42])
    #expect(throws: DecodeError.truncated) {
      try Box.walk(Bytes([0, 0, 0, 9, 0x66, 0x72, 0x65, 0x65]))
    }
    #expect(throws: DecodeError.invalid("a free box of 7 bytes is smaller than its header")) {
      try Box.walk(Bytes([0, 0, 0, 7, 0x66, 0x72, 0x65, 0x65]))
    }
  }

  @Test func `what a fragment claims is bounded`() throws {
    // A run of 2^32 - 1 samples that take no bytes.
    let run = FakeMedia.full("trun") { $0.write(UInt32.max) }
    let header = FakeMedia.full("tfhd", flags: 0x02_0000) { $0.write(UInt32(1)) }
    let moof = FakeMedia.box("moof", FakeMedia.box("traf", header + run))
    #expect(
      throws: DecodeError.invalid("trun: 4294967295 samples, more than 100000")
    ) {
      try MediaSegment(Bytes(moof + FakeMedia.box("mdat", [])), defaults: nil)
    }
    let late = FakeMedia.full("tfdt", version: 1) { $0.write(UInt64.max) }
    let other = FakeMedia.box("moof", FakeMedia.box("traf", header + late))
    #expect(throws: DecodeError.self) {
      try MediaSegment(Bytes(other + FakeMedia.box("mdat", [])), defaults: nil)
    }
  }
}
