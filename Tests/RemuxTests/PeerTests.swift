import CMAF
import Remux
import TestSupport
import Testing
import Wire

/// What aiomoqt and moq-rs really sent.
@Suite struct PeerTests {
  /// The codec's bytes in an aiomoqt LOC payload: behind an empty block of private properties.
  func unwrapped(_ object: RemuxObject) -> Bytes {
    #expect(object.payload.prefix(2) == [0x0A, 0x00])
    return object.payload.suffix(from: 2)
  }

  @Test(arguments: ["aiomoqt-loc-14", "aiomoqt-loc-16", "aiomoqt-loc-18"])
  func `aiomoqt LOC video`(_ name: String) throws {
    let fixture = try PeerFixture(name, .video, isQUIC: !name.hasSuffix("18"))
    let result = remux(fixture.source, fixture.objects)
    #expect(result.drops.isEmpty && result.warnings.isEmpty)
    #expect(result.headers.count == 1)
    let track = try CMAFHeader(result.headers[0]).tracks[0]
    #expect(track.timescale == 90_000 && track.codec == "avc1.4d400a")
    #expect(track.video?.width == 64 && track.video?.height == 48)
    let shown = try result.shown()
    #expect(shown.count == 20)
    #expect(shown.map(\.data) == fixture.objects.map(unwrapped))
    #expect(shown.allSatisfy { $0.duration == 9000 })
    #expect(zip(shown, shown.dropFirst()).allSatisfy { $1.presentation - $0.presentation == 9000 })
    #expect(shown.indices.allSatisfy { shown[$0].isSync == ($0 % 10 == 0) })
    // 0x10 is microseconds since 1970.
    guard
      case .integer(let first)? = fixture.objects[0].properties.first(where: { $0.type == 16 })?
        .value
    else { return #expect(Bool(false)) }
    #expect(shown[0].presentation == Int64((UInt128(first) * 90_000 + 500_000) / 1_000_000))
  }

  @Test(arguments: ["aiomoqt-loc-14", "aiomoqt-loc-16", "aiomoqt-loc-18", "aiomoqt-loc-bare-18"])
  func `aiomoqt LOC audio`(_ name: String) throws {
    let fixture = try PeerFixture(name, .audio, isQUIC: !name.contains("18"))
    let result = remux(fixture.source, fixture.objects)
    #expect(result.drops.isEmpty)
    let track = try CMAFHeader(result.headers[0]).tracks[0]
    // The catalog says two channels, the configuration one.
    #expect(track.codec == "mp4a.40.2" && track.audio?.channels == 1 && track.timescale == 48_000)
    let shown = try result.shown()
    #expect(shown.count == 12)
    let isBare = name.contains("bare")
    #expect(shown.map(\.data) == fixture.objects.map { isBare ? $0.payload : unwrapped($0) })
    #expect(shown.allSatisfy { $0.duration == 1024 && $0.isSync })
    #expect(zip(shown, shown.dropFirst()).allSatisfy { $1.presentation - $0.presentation == 1024 })
  }

  @Test func `aiomoqt LOC with a timescale keeps its ticks`() throws {
    let fixture = try PeerFixture("aiomoqt-loc-timescale-18", .video)
    let shown = try remux(fixture.source, fixture.objects).shown()
    let times: [Int64] = (0..<20).map { 47 * 90_000 + $0 * 9000 }
    #expect(shown.map(\.presentation) == times)
    let opus = try PeerFixture("aiomoqt-loc-timescale-18", .audio)
    let result = remux(opus.source, opus.objects)
    #expect(result.drops.isEmpty)
    #expect(try CMAFHeader(result.headers[0]).tracks[0].codec == "Opus")
    let sounds = try result.shown()
    // 4,320,000 at 90 kHz is 2,304,000 at 48 kHz; packets of 20 ms.
    let soundTimes: [Int64] = (0..<12).map { 2_304_000 + $0 * 960 }
    #expect(sounds.map(\.presentation) == soundTimes)
    #expect(sounds.allSatisfy { $0.duration == 960 })
  }

  @Test func `aiomoqt LOC of B-frames is put on a decode timeline`() throws {
    let fixture = try PeerFixture("aiomoqt-loc-b-frames-18", .video)
    let result = remux(fixture.source, fixture.objects)
    #expect(result.drops.isEmpty && result.warnings.isEmpty)
    let chunks = try result.parsed().map(\.chunk)
    let first = try #require(chunks.first?.decodeTime)
    let steps = (0..<20).map { Int64($0 * 9000) }
    #expect(chunks.map { $0.decodeTime - first } == steps)
    #expect(chunks.allSatisfy { $0.duration == 9000 })
    // I P B B P B B P B B, as the properties say.
    let offsets: [Int64] = [0, 2, -1, -1, 2, -1, -1, 2, -1, -1]
    #expect(chunks.prefix(10).map(\.earliestPresentationOffset) == offsets.map { $0 * 9000 })
  }

  @Test func `aiomoqt's tool sends decode times, which is said once`() throws {
    let fixture = try PeerFixture("aiomoqt-tool-loc-b-frames-18", .video)
    let result = remux(fixture.source, fixture.objects)
    #expect(result.drops.isEmpty)
    #expect(result.warnings.count == 1)
    #expect(result.warnings.first?.contains("decode times") == true)
    #expect(try result.shown().count == 20)
  }

  @Test(arguments: ["moqrs-frames-18", "moqrs-avc3-18", "moqrs-frames-opus-14"])
  func `moq-rs frames`(_ name: String) throws {
    let fixture = try PeerFixture(name, .video, isQUIC: name.hasSuffix("14"))
    // The last object of a group is only the time at which it is over.
    let pictures = fixture.objects.filter { $0.payload.count > 8 }
    let result = remux(fixture.source, fixture.objects)
    #expect(result.drops.isEmpty)
    let track = try CMAFHeader(result.headers[0]).tracks[0]
    #expect(track.codec == "avc1.4d400a" && track.timescale == 90_000)
    let shown = try result.shown()
    #expect(shown.count == pictures.count && shown.count == 20)
    #expect(shown.allSatisfy { $0.duration == 9000 })
    for (shown, object) in zip(shown, pictures) {
      var reader = ByteReader(object.payload)
      let time = try reader.readVarint()
      #expect(shown.presentation == Int64(time) * 90_000 / 1_000_000)
      if !name.contains("avc3") { #expect(shown.data == reader.readRest()) }
    }
  }

  @Test func `both peers' objects of the same pictures become the same samples`() throws {
    let loc = try PeerFixture("aiomoqt-loc-18", .video)
    let frames = try PeerFixture("moqrs-frames-18", .video)
    let one = try remux(loc.source, loc.objects.filter { $0.group == 2 }).shown()
    let other = try remux(frames.source, frames.objects.filter { $0.group == 2 }).shown()
    #expect(one.map(\.data) == other.map(\.data) && one.count == 10)
    #expect(
      try CMAFHeader(remux(loc.source, loc.objects).headers[0]).tracks[0].sampleEntry
        == CMAFHeader(remux(frames.source, frames.objects).headers[0]).tracks[0].sampleEntry
    )
  }

  @Test func `moq-rs audio frames`() throws {
    for (name, duration) in [("moqrs-frames-18", 1024), ("moqrs-frames-opus-14", 960)] {
      let fixture = try PeerFixture(name, .audio, isQUIC: name.hasSuffix("14"))
      let result = remux(fixture.source, fixture.objects)
      #expect(result.drops.isEmpty)
      let shown = try result.shown()
      #expect(shown.map(\.presentation) == (0..<12).map { Int64($0 * duration) })
      #expect(shown.allSatisfy { $0.duration == duration })
    }
  }

  @Test func `our LOC objects are aiomoqt's`() throws {
    for kind in [.video, .audio] as [RemuxSource.Kind] {
      let fixture = try PeerFixture("aiomoqt-loc-timescale-18", kind)
      let result = remux(fixture.source, fixture.objects)
      let header = try CMAFHeader(result.headers[0])
      let encoder = try ObjectEncoder(header, form: .loc(isTagged: true))
      #expect(kind == .audio || encoder.configuration == fixture.source.configuration)
      for (chunk, object) in zip(try result.parsed(), fixture.objects) {
        let sample = try #require(chunk.chunk.samples.first { _ in true })
        let ours = encoder.object(
          chunk.chunk.data(of: sample),
          presentation: sample.decodeTime + sample.compositionOffset,
          isFirstOfGroup: chunk.object == 0
        )
        #expect(ours.payload == object.payload)
        // aiomoqt counts sound in 1/90,000 s too, describes Opus nowhere, and says the timescale with a
        // group's first object alone.
        guard kind == .video else { continue }
        let theirs = object.properties.filter { $0.type != 0x08 }.sorted { $0.type < $1.type }
        let rest = ours.properties.filter { $0.type != 0x08 }.sorted { $0.type < $1.type }
        #expect(rest == theirs)
      }
    }
  }

  @Test func `our hang objects are moq-rs's`() throws {
    for kind in [.video, .audio] as [RemuxSource.Kind] {
      let fixture = try PeerFixture("moqrs-frames-18", kind)
      let result = remux(fixture.source, fixture.objects)
      let encoder = try ObjectEncoder(try CMAFHeader(result.headers[0]), form: .legacy)
      #expect(encoder.configuration == fixture.source.configuration)
      var ours: [Bytes] = []
      for item in try result.parsed() {
        let sample = try #require(item.chunk.samples.first { _ in true })
        let presentation = sample.decodeTime + sample.compositionOffset
        ours.append(
          encoder.object(
            item.chunk.data(of: sample),
            presentation: presentation,
            isFirstOfGroup: item.object == 0
          ).payload
        )
        // moq-rs marks the end of a group of ten pictures.
        if kind == .video, item.object == 9 {
          let end = presentation + Int64(sample.duration)
          ours.append(try #require(encoder.endMarker(presentation: end)).payload)
        }
      }
      #expect(ours == fixture.objects.map(\.payload))
    }
  }
}
