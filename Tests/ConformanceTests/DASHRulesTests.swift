import Testing
import Wire
import XML

@testable import Conformance

/// One MPD bent by itself, and what must fail.
struct ManifestMutation: Sendable, CustomTestStringConvertible {
  let number: String
  let name: String
  var others: Set<String> = []
  let bend: @Sendable (String) -> String

  var testDescription: String { "\(number) \(name)" }

  /// Replaces the first or every occurrence of a text.
  init(
    _ number: String,
    _ name: String,
    replacing old: String,
    with new: String,
    others: Set<String> = []
  ) {
    self.number = number
    self.name = name
    self.others = others
    bend = { text in text.replacing(old, with: new) }
  }

  static let all: [ManifestMutation] = [
    .init("DASH-001", "not well-formed", replacing: "</MPD>", with: ""),
    .init("DASH-001", "an entity", replacing: "<MPD", with: "<!DOCTYPE MPD><MPD"),
    .init("DASH-001", "another root", replacing: "MPD", with: "MPX"),
    .init("DASH-001", "an unknown attribute", replacing: "<Period", with: "<Period x=\"1\""),
    .init(
      "DASH-001",
      "a duration in words",
      replacing: "\"PT10S\"",
      with: "\"ten\"",
      others: [
        "DASH-005"
      ]
    ),
    .init(
      "DASH-001",
      "order of elements",
      replacing: "<SegmentTimeline>",
      with: "<BitstreamSwitching/><SegmentTimeline>"
    ),
    .init("DASH-002", "no live profile", replacing: "isoff-live:2011", with: "isoff-main:2011"),
    .init("DASH-002", "no start", replacing: "availabilityStartTime", with: "xmlns:x"),
    .init("DASH-003", "none", replacing: " publishTime=", with: " xmlns:x="),
    .init(
      "DASH-003",
      "in the future",
      replacing: "\(FakeOrigin.date(20.2))",
      with: FakeOrigin.date(22)
    ),
    .init("DASH-004", "none", replacing: "minimumUpdatePeriod", with: "xmlns:x"),
    .init(
      "DASH-004",
      "zero",
      replacing: "minimumUpdatePeriod=\"PT1S\"",
      with: "minimumUpdatePeriod=\"PT0S\""
    ),
    .init(
      "DASH-004",
      "longer than a segment",
      replacing: "minimumUpdatePeriod=\"PT1S\"",
      with: "minimumUpdatePeriod=\"PT3S\""
    ),
    .init("DASH-005", "none", replacing: "timeShiftBufferDepth", with: "xmlns:x"),
    .init(
      "DASH-006",
      "no minBufferTime",
      replacing: "minBufferTime",
      with: "xmlns:x",
      others: [
        "DASH-001"
      ]
    ),
    .init(
      "DASH-006",
      "a longer segment",
      replacing: "maxSegmentDuration=\"PT1S\"",
      with: "maxSegmentDuration=\"PT0.9S\""
    ),
    .init("DASH-007", "none", replacing: "suggestedPresentationDelay", with: "xmlns:x"),
    .init("DASH-007", "past the window", replacing: "\"PT3S\"", with: "\"PT10S\""),
    .init(
      "DASH-008",
      "none",
      replacing: FakeOrigin.clock + "\n</MPD>",
      with: "</MPD>",
      others: [
        "DASH-018"
      ]
    ),
    .init("DASH-008", "a relative URL", replacing: "http://origin.example/time", with: "/time"),
    .init("DASH-008", "by HEAD", replacing: "utc:http-iso", with: "utc:http-head"),
    .init("DASH-009", "no Period id", replacing: "<Period id=\"p0\"", with: "<Period"),
    .init("DASH-009", "no Period start", replacing: " start=\"PT0S\"", with: ""),
    .init("DASH-009", "no set id", replacing: "AdaptationSet id=\"1\"", with: "AdaptationSet"),
    .init("DASH-009", "one id twice", replacing: "\"v2\"", with: "\"v1\""),
    .init("DASH-009", "no codecs", replacing: " codecs=\"mp4a.40.2\"", with: ""),
    .init("DASH-009", "no type", replacing: " mimeType=\"video/mp4\"", with: ""),
    .init("DASH-011", "no media", replacing: "a/$Time$.m4s", with: "a/segment.m4s"),
    .init("DASH-011", "an unknown placeholder", replacing: "a/$Time$", with: "$Name$/$Time$"),
    .init("DASH-011", "no init", replacing: "initialization=\"a/init.mp4\"", with: ""),
    .init(
      "DASH-012",
      "a gap",
      replacing: "<S t=\"336000\" d=\"48000\" r=\"13\"/>",
      with: "<S t=\"336000\" d=\"48000\" r=\"11\"/><S t=\"912001\" d=\"48000\" r=\"1\"/>"
    ),
    .init(
      "DASH-012",
      "an overlap",
      replacing: "<S t=\"336000\" d=\"48000\" r=\"13\"/>",
      with: "<S t=\"336000\" d=\"48000\" r=\"11\"/><S t=\"911999\" d=\"48000\" r=\"1\"/>"
    ),
    .init(
      "DASH-012",
      "an endless run of short segments",
      replacing: "<S t=\"336000\" d=\"48000\" r=\"13\"/>",
      with: "<S t=\"336000\" d=\"24000\" r=\"-1\"/>",
      others: ["DASH-016", "DASH-020"]
    ),
    .init(
      "DASH-012",
      "no duration",
      replacing: "d=\"48000\" r",
      with: "d=\"0\" r",
      others: ["DASH-016", "DASH-020"]
    ),
    .init(
      "DASH-016",
      "not the literal",
      replacing: "availabilityTimeComplete=\"false\"",
      with: "availabilityTimeComplete=\"0\""
    ),
    .init(
      "DASH-016",
      "a whole segment early",
      replacing: "availabilityTimeOffset=\"0.8\"",
      with: "availabilityTimeOffset=\"1\""
    ),
    .init(
      "DASH-016",
      "in two places",
      replacing: "<SegmentTemplate",
      with: "<BaseURL availabilityTimeOffset=\"0.1\">./</BaseURL><SegmentTemplate"
    ),
    .init("DASH-017", "no target", replacing: " target=\"1000\"", with: ""),
    .init(
      "DASH-018",
      "none",
      replacing: "ProducerReferenceTime",
      with: "Label"
    ),
    .init("DASH-018", "another type", replacing: "\"encoder\"", with: "\"application\""),
    .init("DASH-018", "another clock", replacing: "time\"/></Prod", with: "clock\"/></Prod"),
    .init("DASH-019", "none", replacing: "Resync type=\"0\"", with: "Resync"),
    .init("DASH-025", "not aligned", replacing: "segmentAlignment=\"true\"", with: ""),
    .init("DASH-025", "not sync", replacing: "startWithSAP=\"1\"", with: "startWithSAP=\"3\""),
    .init("DASH-030", "sub-numbers", replacing: "v2/$Time$", with: "v2/$Time$-$SubNumber$"),
    .init(
      "DASH-031",
      "sequences without names",
      replacing: "r=\"13\"/>",
      with: "r=\"13\" k=\"5\"/>"
    ),
  ]
}

@Suite struct ManifestRulesTests {
  static func observe(
    _ text: String,
    at seconds: Double = 20.25,
    _ ledger: inout Ledger
  ) -> ManifestObservation? {
    let time = FakeOrigin.zero.moved(by: Interval(seconds: seconds))
    return ManifestObservation(
      Bytes(utf8: text),
      url: FakeOrigin.url,
      requested: time,
      received: time.moved(by: .milliseconds(2)),
      &ledger
    )
  }

  static func judge(_ text: String) -> Ledger {
    var ledger = Ledger()
    if let observation = observe(text, &ledger) {
      DASHRules.judge(observation, &ledger)
      judgeFreshness(observation, &ledger)
    }
    return ledger
  }

  /// As it is judged where no source was silent.
  static func judgeFreshness(_ observation: ManifestObservation, _ ledger: inout Ledger) {
    for stale in DASHRules.judgeFreshness(observation, &ledger) {
      ledger.record("DASH-020", .fail, stale.subject, "late")
    }
  }

  static let right = FakeOrigin().manifest(at: FakeOrigin.zero.moved(by: .milliseconds(20_250)))

  @Test func `an MPD that is right fails nothing`() {
    let ledger = Self.judge(Self.right)
    #expect(ledger.failed == [], "\(ledger.failed.map { ledger.verdict($0) })")
  }

  @Test(arguments: ManifestMutation.all)
  func `a mutation fails its requirement and no other`(_ mutation: ManifestMutation) {
    let text = mutation.bend(Self.right)
    #expect(text != Self.right)
    let ledger = Self.judge(text)
    #expect(
      Set(ledger.failed) == mutation.others.union([mutation.number]),
      "\(ledger.failed.map { ledger.verdict($0).findings })"
    )
  }

  @Test func `unequal timelines of one set are not aligned`() {
    let parts = Self.right.split(separator: "<S t=\"630000\" d=\"90000\" r=\"13\"/>")
    #expect(parts.count == 3)
    guard parts.count == 3 else { return }
    let bent =
      String(parts[0]) + "<S t=\"630000\" d=\"90000\" r=\"13\"/>" + String(parts[1])
      + "<S t=\"630000\" d=\"90000\" r=\"11\"/><S d=\"80000\"/><S d=\"100000\"/>" + String(parts[2])
    let failed = Self.judge(bent).failed
    #expect(failed.contains("DASH-025"))
    // A segment more at an end changes nothing.
    let shifted =
      String(parts[0]) + "<S t=\"630000\" d=\"90000\" r=\"13\"/>" + String(parts[1])
      + "<S t=\"720000\" d=\"90000\" r=\"12\"/>" + String(parts[2])
    #expect(!Self.judge(shifted).failed.contains("DASH-025"))
  }

  /// An MPD that is older than its update period allows.
  @Test func `an MPD that lags behind fails DASH-020`() {
    var ledger = Ledger()
    let observation = Self.observe(Self.right, at: 23, &ledger)
    if let observation { Self.judgeFreshness(observation, &ledger) }
    #expect(ledger.failed == ["DASH-020"])
  }
}

/// An update that is not right, and what must fail.
struct UpdateMutation: Sendable, CustomTestStringConvertible {
  let number: String
  let old: String
  let new: String
  /// Seconds after media time 0 of the later MPD.
  var seconds = 21.25

  var testDescription: String { "\(number) \(old) to \(new)" }

  static let all: [UpdateMutation] = [
    .init(number: "DASH-002", old: FakeOrigin.date(0), new: FakeOrigin.date(0.001)),
    .init(number: "DASH-003", old: FakeOrigin.date(21.2), new: FakeOrigin.date(20.2)),
    .init(number: "DASH-003", old: FakeOrigin.date(21.2), new: FakeOrigin.date(20.1)),
    .init(number: "DASH-009", old: "start=\"PT0S\"", new: "start=\"PT0.001S\""),
    .init(number: "DASH-009", old: "Set id=\"1\"", new: "Set id=\"3\""),
    .init(number: "DASH-021", old: "timescale=\"48000\"", new: "timescale=\"48001\""),
    .init(
      number: "DASH-021",
      old: "presentationTimeOffset=\"0\"",
      new: "presentationTimeOffset=\"1\""
    ),
    .init(number: "DASH-021", old: "a/$Time$", new: "b/$Time$"),
    .init(number: "DASH-021", old: "a/init", new: "b/init"),
    .init(number: "DASH-021", old: "t=\"384000\"", new: "t=\"384001\""),
    .init(number: "DASH-021", old: "d=\"48000\" r=\"13\"", new: "d=\"48000\" r=\"4\""),
    .init(
      number: "DASH-021",
      old: "d=\"48000\" r=\"13\"/>",
      new: "d=\"48000\" r=\"3\"/><S d=\"48001\"/><S d=\"47999\"/><S d=\"48000\" r=\"7\"/>"
    ),
    .init(number: "DASH-021", old: "<Period id=\"p0\"", new: "<Period id=\"q\"/><Period id=\"p0\""),
    .init(number: "DASH-024", old: "start=\"PT24S\"", new: "start=\"PT23S\"", seconds: 24.25),
    .init(
      number: "DASH-024",
      old: "presentationTimeOffset=\"2160000\"",
      new: "presentationTimeOffset=\"2070000\"",
      seconds: 24.25
    ),
    .init(number: "DASH-024", old: "period-continuity", new: "period-silence", seconds: 24.25),
    .init(
      number: "DASH-024",
      old: "value=\"p0\"/>",
      new: "value=\"p9\"/>",
      seconds: 24.25
    ),
  ]
}

@Suite struct ManifestUpdateRulesTests {
  static func judge(_ later: String, at seconds: Double) -> Ledger {
    var ledger = Ledger()
    let base = FakeOrigin().manifest(at: FakeOrigin.zero.moved(by: Interval(seconds: seconds - 1)))
    let before = ManifestRulesTests.observe(base, at: seconds - 1, &ledger)
    let after = ManifestRulesTests.observe(later, at: seconds, &ledger)
    if let before, let after { DASHRules.judge(update: after, after: before, &ledger) }
    return ledger
  }

  @Test(arguments: [20.25, 21.25, 24.25, 25.25, 40.25])
  func `updates that are right fail nothing`(_ seconds: Double) {
    let text = FakeOrigin().manifest(at: FakeOrigin.zero.moved(by: Interval(seconds: seconds)))
    let ledger = Self.judge(text, at: seconds)
    #expect(ledger.failed == [], "\(ledger.failed.map { ledger.verdict($0).findings })")
  }

  @Test(arguments: UpdateMutation.all)
  func `an update that is wrong fails its requirement`(_ mutation: UpdateMutation) {
    let time = FakeOrigin.zero.moved(by: Interval(seconds: mutation.seconds))
    let text = FakeOrigin().manifest(at: time)
    let bent = text.replacing(mutation.old, with: mutation.new)
    #expect(bent != text)
    let ledger = Self.judge(bent, at: mutation.seconds)
    #expect(
      ledger.failed.contains(mutation.number),
      "\(ledger.failed.map { ledger.verdict($0).findings })"
    )
    #expect(Set(ledger.failed).isSubset(of: [mutation.number, "DASH-021"]))
  }

  @Test func `a growing segment may end otherwise than planned, a whole one may not`() {
    let text = FakeOrigin().manifest(at: FakeOrigin.zero.moved(by: .milliseconds(21_250)))
    // The MPD of 20.25 s lists the segment from 20 s on, which grows.
    let last = text.replacing(
      "<S t=\"384000\" d=\"48000\" r=\"13\"/>",
      with: "<S t=\"384000\" d=\"48000\" r=\"11\"/><S d=\"47000\"/><S d=\"48000\"/>"
    )
    #expect(last != text)
    #expect(Self.judge(last, at: 21.25).failed == [])
  }
}
