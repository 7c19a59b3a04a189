import Manifests
import Packaging
import TestSupport
import Testing
import Wire
import XML

/// The MPD in which segments are sequences of parts: DASH-031.
@Suite struct SegmentSequenceManifestTests {
  @Test(arguments: Scenario.all)
  func `DASH-031 every listed segment has as many parts as it says`(_ scenario: Scenario) throws {
    for snapshot in MediaPresentationTests.states(scenario) {
      let manifest = try Manifest(snapshot, of: .part)
      let whole = try Manifest(snapshot)
      for rendition in snapshot.renditions {
        for period in 1...max(manifest.periodCount, 1) {
          let listed = manifest.segments(period: period, id: rendition.info.name)
          // The same segments as in the other MPD.
          let others = whole.segments(period: period, id: rendition.info.name)
          #expect(listed.map(\.start) == others.map(\.start))
          #expect(listed.map(\.duration) == others.map(\.duration))
          let counts = manifest.partCounts(period: period, id: rendition.info.name)
          #expect(counts.count == listed.count)
          for (segment, count) in zip(listed, counts) {
            let held = rendition.segments.first { $0.start == segment.start }
            if let held, held.isComplete {
              #expect(count == held.parts.count)
            } else {
              #expect(count >= max(held?.parts.count ?? 1, 1))
            }
          }
        }
      }
    }
  }

  @Test func `DASH-031 a growing segment is told to have the parts that it gets`() throws {
    var told: [Int64: Set<Int>] = [:]
    for snapshot in Scenario.ladder.snapshots {
      let manifest = try Manifest(snapshot, of: .part)
      let name = snapshot.renditions[0].info.name
      for (segment, count) in zip(
        manifest.segments(period: 1, id: name),
        manifest.partCounts(period: 1, id: name)
      ) {
        told[segment.start, default: []].insert(count)
      }
    }
    #expect(told.count > 5)
    #expect(told.values.allSatisfy { $0.count == 1 })
  }

  @Test(arguments: Scenario.all)
  func `DASH-016 DASH-031 sequences are signalled, whole when they are due`(
    _ scenario: Scenario
  ) throws {
    let manifest = try Manifest(scenario.last, of: .part)
    let profiles = manifest.string("/m:MPD/@profiles").split(separator: ",")
    #expect(profiles.contains("urn:mpeg:dash:profile:advanced-linear:2025"))
    // Who does not know sequences must not play it, and a part is never sent before it is whole.
    #expect(!profiles.contains("urn:mpeg:dash:profile:isoff-live:2011"))
    let sets = manifest.count("//m:AdaptationSet")
    let scheme = "m:EssentialProperty[@schemeIdUri='urn:mpeg:dash:ssr:2023']"
    #expect(sets > 0 && manifest.count("//m:AdaptationSet/\(scheme)") == sets)
    #expect(manifest.count("//@availabilityTimeOffset") == 0)
    #expect(manifest.count("//@availabilityTimeComplete") == 0)
    #expect(manifest.count("//m:Resync") == 0)
    #expect(
      manifest.count("//m:AdaptationSet/m:SegmentSequenceProperties[@sapType='1']") == sets
    )
    // Sound can begin anywhere, a picture at the first part only.
    let sound = "//m:AdaptationSet[@contentType='audio']"
    #expect(
      manifest.strings(sound + "/m:SegmentSequenceProperties/@cadence").allSatisfy { $0 == "1" }
    )
    #expect(manifest.count("//m:AdaptationSet[@contentType='video']/@startWithSAP") == 0)
    for index in 1...manifest.count("//m:AdaptationSet") {
      let path = "(//m:AdaptationSet)[\(index)]"
      guard manifest.string(path + "/@contentType") == "video" else { continue }
      let most = manifest.strings(path + "//m:S/@k").compactMap { Int($0) }.max()
      #expect(
        Int(manifest.string(path + "/m:SegmentSequenceProperties/@cadence")) == most
      )
    }
  }

  @Test(
    .enabled(
      if: schemaDirectory != nil,
      "DASH_SCHEMA IS NOT SET: NO MPD IS VALIDATED AGAINST DASH-MPD.xsd"
    ),
    arguments: Scenario.all
  )
  func `DASH-001 DASH-031 but for the 6th edition's element it is valid`(
    _ scenario: Scenario
  ) throws {
    let schema = try XMLSchema(path: (schemaDirectory ?? "") + "/DASH-MPD.xsd")
    for snapshot in MediaPresentationTests.states(scenario) {
      let text = try Manifest(snapshot, of: .part).bytes.text
      let known = text.replacing(#/<SegmentSequenceProperties [^>]*\/>/#, with: "")
      #expect(text != known)
      #expect(schema.validate(Bytes(utf8: known)) == [], "\(text)")
    }
  }
}

extension Manifest {
  /// `S@k` of one Representation's segments, expanded.
  fileprivate func partCounts(period: Int, id: String) -> [Int] {
    let base = "/m:MPD/m:Period[\(period)]//m:Representation[@id='\(id)']//m:S"
    return (0..<max(count(base), 0)).flatMap { index in
      let path = "(\(base))[\(index + 1)]"
      let repeats = strings(path + "/@r").first.flatMap { Int($0) } ?? 0
      return Array(repeating: Int(string(path + "/@k")) ?? -1, count: repeats + 1)
    }
  }
}
