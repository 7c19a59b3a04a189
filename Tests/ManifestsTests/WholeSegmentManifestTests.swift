import CMAF
import Manifests
import Packaging
import Testing
import Wire
import XML

/// The MPD without low latency.
@Suite struct WholeSegmentManifestTests {
  @Test(
    .enabled(
      if: schemaDirectory != nil,
      "DASH_SCHEMA IS NOT SET: NO MPD IS VALIDATED AGAINST DASH-MPD.xsd"
    ),
    arguments: Scenario.all
  )
  func `DASH-001 it is valid against the schema`(_ scenario: Scenario) throws {
    let schema = try XMLSchema(path: (schemaDirectory ?? "") + "/DASH-MPD.xsd")
    for snapshot in MediaPresentationTests.states(scenario) where Self.isOffered(snapshot) {
      let manifest = try Manifest(snapshot, of: .wholeSegment)
      #expect(schema.validate(manifest.bytes) == [], "\(manifest.bytes.text)")
    }
  }

  @Test(arguments: Scenario.all)
  func `it lists whole segments, all that the other one lists, and says nothing of early media`(
    _ scenario: Scenario
  ) throws {
    var count = 0
    for snapshot in MediaPresentationTests.states(scenario) {
      let whole = snapshot.renditions.flatMap(\.segments).filter(\.isComplete)
      #expect(Self.isOffered(snapshot) || whole.isEmpty)
      guard Self.isOffered(snapshot) else { continue }
      let other = try Manifest(snapshot)
      let manifest = try Manifest(snapshot, of: .wholeSegment)
      for path in [
        "//@availabilityTimeOffset", "//@availabilityTimeComplete", "//m:Resync",
        "//m:ServiceDescription", "//m:SegmentTimeline[not(m:S)]",
      ] {
        #expect(manifest.count(path) == 0, "\(path)")
      }
      #expect(!manifest.string("/m:MPD/@profiles").contains("low-latency"))
      for rendition in snapshot.renditions {
        let whole = rendition.segments.filter(\.isComplete)
        let listed = Self.segments(manifest, rendition)
        let ends = Dictionary(whole.map { ($0.start, $0.end) }) { _, last in last }
        for segment in listed { #expect(ends[segment.start] == segment.start + segment.duration) }
        let expected = Self.segments(other, rendition).map(\.start).filter { ends[$0] != nil }
        #expect(listed.map(\.start) == expected)
        count += listed.count
      }
    }
    #expect(count > 0)
  }

  private static func segments(
    _ manifest: borrowing Manifest,
    _ rendition: RenditionSnapshot
  ) -> [(start: Int64, duration: Int64)] {
    var list: [(start: Int64, duration: Int64)] = []
    for period in 1...max(manifest.periodCount, 1) {
      list += manifest.segments(period: period, id: rendition.info.name)
    }
    return list
  }

  private static func isOffered(_ snapshot: PresentationSnapshot) -> Bool {
    MediaPresentation(
      snapshot,
      of: .wholeSegment,
      timeURL: "",
      publishTime: UTCTime(microseconds: 0)
    ).isOffered
  }
}
