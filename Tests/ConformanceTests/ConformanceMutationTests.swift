import TestSupport
import Testing
import Wire
import XML

@testable import Conformance

/// Wrong bytes of every kind: they may be refused, they may not trap or grow.
@Suite struct ConformanceMutationTests {
  static func mutate(_ bytes: Bytes, _ generator: inout SeededGenerator) -> Bytes {
    var array = bytes.array
    for _ in 0..<Int.random(in: 1...4, using: &generator) where !array.isEmpty {
      let place = Int.random(in: 0..<array.count, using: &generator)
      switch Int.random(in: 0..<5, using: &generator) {
      case 0: array[place] = .random(in: 0...255, using: &generator)
      case 1: array[place] = 0xFF
      case 2: array.remove(at: place)
      case 3: array.removeLast(min(array.count - 1, place % 64))
      default: array.insert(.random(in: 0...255, using: &generator), at: place)
      }
    }
    return Bytes(array)
  }

  /// Half of the mutations hit the boxes before the media data, where numbers are.
  @Test(arguments: ["avc-b", "hevc", "av1", "vp9", "aac", "flac", "two-tracks"])
  func `mutated media`(_ name: String) throws {
    var generator = SeededGenerator(seed: UInt64(name.utf8.count))
    let (header, media) = try MediaReaderTests.split(name)
    let track = try #require(try InitHeader(header).tracks.first)
    var read = 0
    for _ in 0..<400 {
      var ledger = Ledger()
      let bent = Self.mutate(header, &generator)
      let other = CMAFRules.judge(header: bent, subject: "i", &ledger)?.tracks.first ?? track
      var chain = TrackChain()
      let front = media.prefix(600)
      let tail = media.suffix(from: front.count)
      let bytes = Bytes(Self.mutate(front, &generator).array + tail.array)
      var expectation = SegmentExpectation()
      expectation.duration = (TrackTime(ticks: .max, timescale: 1), .zero)
      expectation.eventSchemes = []
      expectation.wallClock = UTCTime(microseconds: .max)
      guard
        let segment = CMAFRules.judge(
          segment: bytes,
          of: other,
          expectation,
          subject: "s",
          &ledger
        )
      else { continue }
      read += 1
      chain.take(segment, isContinuous: true, subject: "s", &ledger)
    }
    #expect(read > 10)
  }

  @Test func `mutated boxes built by hand`() {
    var generator = SeededGenerator(seed: 9)
    var scene = MediaScene()
    scene.videoSegments[0][0].events = [FakeMedia.event(), FakeMedia.event(version: 0)]
    let bytes = FakeMedia.bytes(scene.videoSegments[0])
    var read = 0
    for _ in 0..<3000 {
      guard let segment = try? MediaSegment(Self.mutate(bytes, &generator), defaults: nil) else {
        continue
      }
      read += 1
      _ = segment.earliestPresentation
      _ = segment.chunks.map(\.sampleData.count)
    }
    #expect(read > 100)
  }

  @Test func `mutated MPDs, and updates between them`() throws {
    var generator = SeededGenerator(seed: 11)
    var origin = FakeOrigin()
    origin.hasPatch = true
    let text = Bytes(utf8: origin.manifest(at: FakeOrigin.zero.moved(by: .milliseconds(25_250))))
    var before: ManifestObservation?
    var read = 0
    for _ in 0..<1500 {
      var ledger = Ledger()
      let bytes = Self.mutate(text, &generator)
      guard
        let observation = ManifestObservation(
          bytes,
          url: FakeOrigin.url,
          requested: FakeOrigin.zero.moved(by: .seconds(25)),
          received: FakeOrigin.zero.moved(by: .seconds(25)),
          &ledger
        )
      else { continue }
      read += 1
      DASHRules.judge(observation, &ledger)
      _ = DASHRules.judgeFreshness(observation, &ledger)
      if let before { DASHRules.judge(update: observation, after: before, &ledger) }
      before = observation
    }
    #expect(read > 50)
  }

  /// Numbers at the ends of their ranges where an MPD has numbers.
  @Test(arguments: [
    "0", "-1", "1", "4294967295", "4294967296", "4611686018427387903", "9223372036854775807",
    "18446744073709551616", "1e300", "INF", "NaN", "",
  ])
  func `extreme numbers in MPDs`(_ value: String) {
    let names = [
      "t", "d", "r", "timescale", "presentationTimeOffset", "bandwidth", "availabilityTimeOffset",
      "presentationTime", "dT",
    ]
    let right = FakeOrigin().manifest(at: FakeOrigin.zero.moved(by: .milliseconds(25_250)))
    for name in names {
      let bent = Self.replace(name, in: right, with: value)
      #expect(bent != right)
      _ = ManifestRulesTests.judge(bent)
      _ = ManifestUpdateRulesTests.judge(bent, at: 25.25)
    }
    for name in ["t", "d", "timescale"] {
      var origin = FakeOrigin()
      origin.bendManifest = { text, _ in Self.replace(name, in: text, with: value) }
      _ = play(origin, seconds: 1)
    }
    for name in ["startNumber", "duration", "timescale"] {
      var origin = FakeOrigin()
      origin.isNumbered = true
      origin.isPlain = true
      origin.bendManifest = { text, _ in
        Self.replace(name, in: text, with: value)
      }
      _ = play(origin, seconds: 2)
    }
  }

  /// Every attribute of a name, with its value if that begins with `prefix`.
  static func replace(
    _ name: String,
    startingWith prefix: String = "",
    in text: String,
    with value: String
  ) -> String {
    let pieces = text.split(separator: " \(name)=\"\(prefix)", omittingEmptySubsequences: false)
    return pieces.dropFirst().reduce(String(pieces[0])) { result, piece in
      result + " \(name)=\"\(value)" + piece.drop { $0 != "\"" }
    }
  }

  @Test(arguments: [
    "PT0S", "PT1E9S", "P90Y", "P91Y", "-PT1S", "PT0.0000000001S", "PT", "P1Y2M3DT4H5M6.7S",
  ])
  func `extreme durations in MPDs`(_ value: String) {
    for name in [
      "minBufferTime", "maxSegmentDuration", "minimumUpdatePeriod", "timeShiftBufferDepth",
      "suggestedPresentationDelay", "start",
    ] {
      var origin = FakeOrigin()
      origin.bendManifest = { text, _ in
        Self.replace(name, startingWith: "PT", in: text, with: value)
      }
      _ = play(origin, seconds: 2)
    }
  }

  @Test func `mutated patches`() throws {
    var generator = SeededGenerator(seed: 13)
    var origin = FakeOrigin()
    origin.hasPatch = true
    let root = try XMLElement(
      document: Bytes(utf8: origin.manifest(at: FakeOrigin.zero.moved(by: .milliseconds(23_250))))
    )
    let request = Request(
      try #require(WebURL("http://o/live/patch.mpp?from=\(FakeOrigin.date(23.2))"))
    )
    let patch = origin.answer(request, at: FakeOrigin.zero.moved(by: .milliseconds(24_250))).body
    let right = try ManifestPatch(XMLElement(document: patch))
    #expect(try right.applied(to: root).children("Period").map { $0["id"] } == ["p0", "p1"])
    var applied = 0
    for _ in 0..<1000 {
      guard let element = try? XMLElement(document: Self.mutate(patch, &generator)),
        let bent = try? ManifestPatch(element), (try? bent.applied(to: root)) != nil
      else { continue }
      applied += 1
    }
    #expect(applied > 10)
  }

  @Test func `durations and dates`() {
    #expect(DurationText.read("PT1.5S") == .milliseconds(1500))
    #expect(DurationText.read("P1DT2H3M4S") == .seconds(93_784))
    #expect(DurationText.read("PT0H0M9.98S") == .milliseconds(9980))
    #expect(DurationText.read("P1Y") == .seconds(365 * 86_400))
    for text in ["", "P", "PT", "1S", "PT1", "PTS", "PT1S2M", "PT1.S", "PT1.5M", "P1S", "PT-1S"] {
      #expect(DurationText.read(text) == nil, "\(text)")
    }
  }
}
