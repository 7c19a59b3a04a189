import CMAF
import Manifests
import Packaging
import TestSupport
import Testing
import Wire
import XML

/// The MPD in which segments are named by number.
@Suite struct NumberedManifestTests {
  /// What a Representation says, as a player reads it.
  private struct Template {
    let timescale: Int64
    let duration: Int64
    let first: Int64
    let offset: Int64

    init(_ manifest: borrowing Manifest, period: Int, id: String) throws {
      let path = "/m:MPD/m:Period[\(period)]//m:Representation[@id='\(id)']/m:SegmentTemplate/@"
      timescale = try #require(Int64(manifest.string(path + "timescale")))
      duration = try #require(Int64(manifest.string(path + "duration")))
      first = try #require(Int64(manifest.string(path + "startNumber")))
      offset = try #require(Int64(manifest.string(path + "presentationTimeOffset")))
    }

    /// The number of the segment that holds a time.
    func number(at ticks: Int64, of scale: UInt32) -> Int64 {
      first + (ticks * timescale / Int64(scale) - offset) / duration
    }
  }

  private static func isNumbered(_ snapshot: PresentationSnapshot) -> Bool {
    MediaPresentation(
      snapshot,
      of: .number,
      timeURL: "",
      publishTime: UTCTime(microseconds: 0)
    ).isNumbered
  }

  @Test(arguments: Scenario.smooth)
  func `the number of any time is that of the segment that is there`(_ scenario: Scenario) throws {
    for snapshot in MediaPresentationTests.states(scenario) {
      #expect(Self.isNumbered(snapshot))
      let manifest = try Manifest(snapshot, of: .number)
      #expect(manifest.periodCount == 1)
      let whole = try Manifest(snapshot)
      for rendition in snapshot.renditions {
        let template = try Template(manifest, period: 1, id: rendition.info.name)
        for listed in whole.segments(period: 1, id: rendition.info.name) {
          guard let segment = rendition.segments.first(where: { $0.start == listed.start })
          else { continue }
          let middle = listed.start + listed.duration / 2
          #expect(template.number(at: middle, of: segment.timescale) == segment.number)
        }
      }
    }
  }

  @Test(arguments: Scenario.all)
  func `numbers, times and their origin stay the same as long as a Period is listed`(
    _ scenario: Scenario
  ) throws {
    var told: [String: Set<String>] = [:]
    for snapshot in MediaPresentationTests.states(scenario)
    where Self.isNumbered(snapshot) && !snapshot.isEnded {
      let manifest = try Manifest(snapshot, of: .number)
      for period in 1...max(manifest.periodCount, 1) {
        let base = "/m:MPD/m:Period[\(period)]"
        let id = manifest.string(base + "/@id")
        for name in manifest.strings(base + "//m:Representation/@id") {
          let template = base + "//m:Representation[@id='\(name)']/m:SegmentTemplate/@"
          let values = ["timescale", "duration", "startNumber", "presentationTimeOffset", "media"]
          let text =
            [manifest.string(base + "/@start")] + values.map { manifest.string(template + $0) }
          told["\(id) \(name)", default: []].insert(text.joined(separator: " "))
        }
      }
    }
    #expect(!told.isEmpty)
    #expect(told.values.allSatisfy { $0.count == 1 }, "\(told)")
  }

  @Test func `a bridge that joined later gives a time the same number`() throws {
    let broadcast = RecordedBroadcast.scripted(Scenario.ladderTracks, seconds: 24)
    var late = SimulatedBridge(broadcast, policy: Scenario.policy)
    late.run(broadcast, broadcast.entries.filter { $0.sentAt > 9_000_000 })
    let one = try Manifest(Scenario.ladder.last, of: .number)
    let other = try Manifest(try #require(late.last), of: .number)
    for rendition in Scenario.ladder.last.renditions {
      let name = rendition.info.name
      let (early, later) = (
        try Template(one, period: 1, id: name), try Template(other, period: 1, id: name)
      )
      #expect(early.first < later.first)
      for segment in rendition.segments.suffix(4) {
        let middle = segment.start + (segment.end - segment.start) / 2
        let number = early.number(at: middle, of: segment.timescale)
        #expect(number == later.number(at: middle, of: segment.timescale))
        #expect(number == segment.number)
      }
    }
  }

  @Test func `a template says all, from the first segment on`() throws {
    let snapshot = Scenario.ntsc.last
    let text = try Manifest(snapshot, of: .number).bytes.text
    let names = snapshot.renditions.map { $0.segments[0].initSegment.name }
    let first = snapshot.periods[0]
    // Segments of 60 frames; the first one listed by the first snapshot is number `first`.
    let start = try #require(
      Scenario.ntsc.snapshots.lazy.compactMap { state in
        state.renditions[0].segments.first { $0.number == first.number }
      }.first
    ).start
    #expect(
      text.contains(
        """
        <SegmentTemplate timescale="30000" duration="60060" startNumber="\(first.number)" \
        presentationTimeOffset="\(start)" initialization="video/\(names[0]).mp4" \
        media="video/\(first.epoch.name)/number/$Number$.m4s"/>
        """
      ),
      "\(text)"
    )
    // 2.002 s are a whole number of samples too.
    #expect(
      text.contains(
        """
        <SegmentTemplate timescale="48000" duration="96096" startNumber="\(first.number)" \
        presentationTimeOffset="\(start * 8 / 5)" initialization="audio/\(names[1]).mp4" \
        media="audio/\(first.epoch.name)/number/$Number$.m4s"/>
        """
      ),
      "\(text)"
    )
    // What is whole when it is due is not low latency.
    for element in ["SegmentTimeline", "ServiceDescription", "Resync"] {
      #expect(!text.contains(element))
    }
    #expect(!text.contains("availabilityTimeOffset") && !text.contains("low-latency"))
  }

  @Test func `what is over ends with its last number`() throws {
    let snapshot = Scenario.ended.last
    let manifest = try Manifest(snapshot, of: .number)
    for rendition in snapshot.renditions {
      let path = "(//m:Representation[@id='\(rendition.info.name)']/m:SegmentTemplate)[last()]/@"
      #expect(
        manifest.string(path + "endNumber") == rendition.segments.last.map { "\($0.number)" }
      )
    }
    let live = try Manifest(Scenario.ladder.last, of: .number)
    #expect(live.count("//m:SegmentTemplate/@endNumber") == 0)
  }

  @Test(
    .enabled(
      if: schemaDirectory != nil,
      "DASH_SCHEMA IS NOT SET: NO MPD IS VALIDATED AGAINST DASH-MPD.xsd"
    ),
    arguments: Scenario.all
  )
  func `DASH-001 the MPD by number is valid against the schema`(_ scenario: Scenario) throws {
    let schema = try XMLSchema(path: (schemaDirectory ?? "") + "/DASH-MPD.xsd")
    for snapshot in MediaPresentationTests.states(scenario) {
      let manifest = try Manifest(snapshot, of: .number)
      #expect(schema.validate(manifest.bytes) == [], "\(manifest.bytes.text)")
    }
  }
}
