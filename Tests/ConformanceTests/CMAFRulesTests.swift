import Testing
import Wire

@testable import Conformance

/// Two segments of video and audio as a session would hand them to the rules, right unless bent.
struct MediaScene {
  var video = FakeMedia.video
  var audio = FakeMedia.audio
  /// The header that comes with the second segment, when it is another.
  var laterHeader: FakeMedia?
  var videoSegments: [[FakeMedia.Chunk]]
  var audioSegments: [[FakeMedia.Chunk]]
  var expectation = SegmentExpectation()
  var places: [SegmentPlace] = []
  static let clock = UTCTime(microseconds: 1_795_000_000_000_000)

  init() {
    videoSegments = (0..<2).map { FakeMedia.video.chunks($0) }
    audioSegments = (0..<2).map { FakeMedia.audio.chunks($0) }
    for index in videoSegments.indices {
      let start = videoSegments[index][0].decodeTime
      videoSegments[index][0].producerTime = (start, Self.clock)
      audioSegments[index][0].producerTime = (audioSegments[index][0].decodeTime, Self.clock)
      videoSegments[index][0].events = [FakeMedia.event()]
    }
    expectation.eventSchemes = ["urn:test"]
    expectation.wallClock = Self.clock
    for (name, kind) in [("a", HeaderTrack.Kind.video), ("b", .video), ("c", .audio)] {
      for number in 0..<3 as Range<Int64> {
        places.append(
          SegmentPlace(
            rendition: name,
            kind: kind,
            number: number,
            start: TrackTime(ticks: number * 1000, timescale: name == "b" ? 1000 : 1000),
            duration: TrackTime(ticks: 1000, timescale: 1000)
          )
        )
      }
    }
  }

  func judge() -> Ledger {
    var ledger = Ledger()
    for (media, segments) in [(video, videoSegments), (audio, audioSegments)] {
      var chain = TrackChain()
      guard let header = CMAFRules.judge(header: media.header, subject: "init", &ledger),
        let track = header.tracks.first
      else { continue }
      chain.take(header, subject: "init", &ledger)
      var expectation = expectation
      if expectation.duration == nil {
        expectation.duration = (
          TrackTime(ticks: Int64(media.segmentDuration), timescale: media.timescale), .zero
        )
      }
      for (index, chunks) in segments.enumerated() {
        guard
          let segment = CMAFRules.judge(
            segment: FakeMedia.bytes(chunks),
            of: track,
            expectation,
            subject: "segment",
            &ledger
          )
        else { continue }
        chain.take(segment, isContinuous: index > 0, subject: "segment", &ledger)
        if index == 0, let laterHeader,
          let later = CMAFRules.judge(header: laterHeader.header, subject: "init", &ledger)
        {
          chain.take(later, subject: "init", &ledger)
        }
      }
    }
    CMAFRules.judgeAlignment(places, &ledger)
    CMAFRules.judgeAudioStarts(places, audioFrame: .milliseconds(21), &ledger)
    return ledger
  }
}

/// What one mutation must make fail.
struct MediaMutation: Sendable, CustomTestStringConvertible {
  let number: String
  let name: String
  /// Other numbers that the same mutation can't help failing.
  var others: Set<String> = []
  let bend: @Sendable (inout MediaScene) -> Void

  var testDescription: String { "\(number) \(name)" }

  init(
    _ number: String,
    _ name: String,
    others: Set<String> = [],
    _ bend: @escaping @Sendable (inout MediaScene) -> Void
  ) {
    self.number = number
    self.name = name
    self.others = others
    self.bend = bend
  }

  static let all: [MediaMutation] = [
    .init("CMAF-001", "an old brand") { $0.video.brands = ["isom", "iso2", "mp41"] },
    .init("CMAF-001", "no mvex") { $0.video.hasExtends = false },
    .init("CMAF-001", "a duration") { $0.video.movieDuration = 5 },
    .init("CMAF-001", "media in the init") { $0.video.headerTail = FakeMedia.box("mdat", [1]) },
    .init("CMAF-001", "no moov") { scene in scene.audio.headerTail = [0, 0, 0, 9, 1] },
    .init("CMAF-002", "two tracks") { $0.video.trackCount = 2 },
    .init("CMAF-002", "avc3") { $0.video.format = "avc3" },
    .init("CMAF-003", "free between moof and mdat", others: ["CMAF-017"]) {
      $0.videoSegments[1][4].between = FakeMedia.box("free", [])
    },
    .init("CMAF-003", "a box after the chunk") {
      $0.videoSegments[1][4].after = FakeMedia.box("free", [])
    },
    .init("CMAF-003", "cut short") { $0.videoSegments[1][4].after = [0, 0, 1, 0, 0x66] },
    .init("CMAF-003", "styp inside") { $0.videoSegments[1][2].hasStyp = true },
    .init("CMAF-004", "a base data offset") { $0.videoSegments[0][1].flags = 1 },
    .init("CMAF-004", "no default-base-is-moof") { $0.videoSegments[0][1].flags = 0 },
    .init("CMAF-004", "a data offset outside") { $0.videoSegments[0][1].dataShift = 60 },
    .init("CMAF-004", "a data offset before") { $0.videoSegments[0][1].dataShift = -9 },
    .init("CMAF-004", "two traf", others: ["CMAF-005", "CMAF-017"]) {
      $0.videoSegments[0][1].trackFragments = 2
    },
    .init("CMAF-004", "no mfhd") { $0.videoSegments[0][1].sequenceBoxes = 0 },
    .init("CMAF-005", "a tick too late") { $0.videoSegments[1][3].decodeTime += 1 },
    .init("CMAF-005", "a segment early") {
      for index in 0..<5 { $0.audioSegments[1][index].decodeTime -= 960 }
      $0.audioSegments[1][0].producerTime?.media -= 960
    },
    .init("CMAF-006", "a number again") { $0.videoSegments[1][0].sequence = 5 },
    .init("CMAF-007", "starts without sync", others: ["CMAF-008"]) {
      $0.videoSegments[1][0].samples[0].isSync = false
    },
    .init("CMAF-007", "audio that isn't sync") { $0.audioSegments[1][3].samples[2].isSync = false },
    .init("CMAF-008", "an IDR that isn't flagged") {
      $0.videoSegments[0][2].samples[1].data[4] = 0x65
    },
    .init("CMAF-008", "a flag without an IDR") { $0.videoSegments[0][2].samples[1].isSync = true },
    .init("CMAF-009", "tfdt version 0") { $0.videoSegments[0][2].decodeTimeVersion = 0 },
    .init("CMAF-009", "no duration", others: ["CMAF-005", "CMAF-017"]) {
      $0.videoSegments[0][2].samples[2].duration = 0
    },
    .init("CMAF-009", "another timescale") { scene in
      scene.laterHeader = scene.video
      scene.laterHeader?.timescale = 48_000
      scene.laterHeader?.isVideo = true
      scene.audioSegments = []
    },
    .init("CMAF-010", "presented later") { scene in
      for chunk in 0..<5 {
        for sample in 0..<5 { scene.videoSegments[0][chunk].samples[sample].offset = 3600 }
      }
    },
    .init("CMAF-010", "an edit list without its offsets") { $0.video.edit = 3600 },
    .init("CMAF-011", "another start") { scene in
      scene.places[4] = scene.place(4, start: 1001)
    },
    .init("CMAF-012", "audio late") { scene in scene.places[7] = scene.place(7, start: 1051) },
    .init("CMAF-013", "no prft") { $0.videoSegments[1][0].producerTime = nil },
    .init("CMAF-013", "another media time") { $0.videoSegments[1][0].producerTime?.media += 1 },
    .init("CMAF-013", "another clock") {
      $0.videoSegments[1][0].producerTime?.clock.microseconds += 1_100_000
    },
    .init("CMAF-014", "version 0") {
      $0.videoSegments[0][0].events = [FakeMedia.event(version: 0)]
    },
    .init("CMAF-014", "not declared") { $0.expectation.eventSchemes = [] },
    .init("CMAF-014", "another id") { $0.videoSegments[1][0].events = [FakeMedia.event(id: 8)] },
    .init("CMAF-014", "after the media", others: ["CMAF-003"]) {
      $0.videoSegments[1][4].after = FakeMedia.event()
    },
    .init("CMAF-015", "a NAL unit that is cut") { $0.videoSegments[0][2].samples[1].data[3] += 1 },
    .init("CMAF-016", "no styp") { $0.videoSegments[0][0].hasStyp = false },
    .init("CMAF-016", "a foreign brand") { $0.videoSegments[0][0].brands = ["isom"] },
    .init("CMAF-017", "another duration", others: ["CMAF-005"]) {
      $0.videoSegments[0][4].samples[4].duration += 1
    },
  ]
}

extension MediaScene {
  func place(_ index: Int, start: Int64) -> SegmentPlace {
    let place = places[index]
    return SegmentPlace(
      rendition: place.rendition,
      kind: place.kind,
      number: place.number,
      start: TrackTime(ticks: start, timescale: 1000),
      duration: place.duration
    )
  }
}

@Suite struct CMAFRulesTests {
  @Test func `media that is right passes every requirement`() {
    let ledger = MediaScene().judge()
    #expect(ledger.failed == [])
    // That it decodes takes a decoder.
    for requirement in Catalog.cmaf where requirement.id != "CMAF-015" {
      #expect(ledger.verdict(requirement.id).outcome == .pass, "\(requirement.id)")
    }
  }

  @Test(arguments: MediaMutation.all)
  func `a mutation fails its requirement and no other`(_ mutation: MediaMutation) {
    var scene = MediaScene()
    mutation.bend(&scene)
    let ledger = scene.judge()
    #expect(Set(ledger.failed) == mutation.others.union([mutation.number]))
  }

  @Test func `every requirement has a mutation`() {
    #expect(Set(MediaMutation.all.map(\.number)) == Set(Catalog.cmaf.map(\.id)))
  }

  @Test func `negative offsets and an edit list keep the presentation at the decode time`() {
    var scene = MediaScene()
    scene.video.edit = 3600
    for segment in 0..<2 {
      for chunk in 0..<5 {
        for sample in 0..<5 {
          scene.videoSegments[segment][chunk].samples[sample].offset = sample == 0 ? 3600 : 7200
        }
      }
    }
    #expect(scene.judge().failed == [])
    scene = MediaScene()
    scene.videoSegments[0][2].samples[3].offset = -3600
    scene.videoSegments[0][2].samples[2].offset = 3600
    #expect(scene.judge().failed == [])
  }

  @Test func `parts are judged without what only whole segments have`() throws {
    var ledger = Ledger()
    let header = try InitHeader(FakeMedia.video.header)
    let track = try #require(header.tracks.first)
    for (index, chunk) in FakeMedia.video.chunks(3).enumerated() {
      var expectation = SegmentExpectation()
      expectation.place = index == 0 ? .firstPart : .laterPart
      let part = CMAFRules.judge(
        segment: FakeMedia.bytes([chunk]),
        of: track,
        expectation,
        subject: "part",
        &ledger
      )
      #expect(part?.start == Int64(chunk.decodeTime))
      #expect(part?.duration == 18_000)
    }
    // The first has no prft; nothing else is missing.
    #expect(ledger.failed == ["CMAF-013"])
  }
}
