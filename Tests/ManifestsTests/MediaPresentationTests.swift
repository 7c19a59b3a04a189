import CMAF
import FoundationEssentials
import Manifests
import Packaging
import TestSupport
import Testing
import Wire
import XML

/// Where the schema of MPDs lies; it is not part of this package.
let schemaDirectory = ProcessInfo.processInfo.environment["DASH_SCHEMA"]

/// Requirements on MPDs.
@Suite struct MediaPresentationTests {
  /// Some states of each scenario, the first and the last among them.
  static func states(_ scenario: Scenario) -> [PresentationSnapshot] {
    scenario.snapshots.enumerated().filter { $0.offset % 9 == 0 }.map(\.element) + [scenario.last]
  }

  @Test(
    .enabled(
      if: schemaDirectory != nil,
      "DASH_SCHEMA IS NOT SET: NO MPD IS VALIDATED AGAINST DASH-MPD.xsd"
    ),
    arguments: Scenario.all
  )
  func `DASH-001 every MPD is valid against the schema`(_ scenario: Scenario) throws {
    let schema = try XMLSchema(path: (schemaDirectory ?? "") + "/DASH-MPD.xsd")
    for snapshot in Self.states(scenario) {
      let manifest = try Manifest(snapshot)
      #expect(schema.validate(manifest.bytes) == [], "\(manifest.bytes.text)")
    }
  }

  @Test(arguments: Scenario.all)
  func `DASH-002 a live MPD is dynamic, an ended one static, of the live profile`(
    _ scenario: Scenario
  ) throws {
    var starts: Set<String> = []
    for snapshot in Self.states(scenario) {
      let manifest = try Manifest(snapshot)
      #expect(manifest.string("/m:MPD/@type") == (snapshot.isEnded ? "static" : "dynamic"))
      let profiles = manifest.string("/m:MPD/@profiles").split(separator: ",")
      #expect(profiles.contains("urn:mpeg:dash:profile:isoff-live:2011"))
      #expect(profiles.contains("urn:mpeg:dash:profile:cmaf:2019"))
      if !snapshot.isEnded { starts.insert(manifest.string("/m:MPD/@availabilityStartTime")) }
    }
    #expect(starts.count == 1)
    // The publish delay after media time 0.
    let start = try #require(microseconds(starts.first ?? ""))
    let constants = scenario.last.constants
    #expect(
      start == constants.zero.microseconds + Int64(constants.publishDelayMilliseconds) * 1000
    )
  }

  @Test func `DASH-003 the publish time is that of the state`() throws {
    let manifest = try Manifest(Scenario.ladder.last, publishTime: 1_795_000_001_234_567)
    #expect(microseconds(manifest.string("/m:MPD/@publishTime")) == 1_795_000_001_234_000)
  }

  @Test(arguments: Scenario.all)
  func `DASH-004 to DASH-007 update period, buffers and delay`(_ scenario: Scenario) throws {
    let manifest = try Manifest(scenario.last)
    let segments = scenario.last.renditions.flatMap(\.segments).filter { !$0.isGap }
    let longest = segments.map { ($0.end - $0.start) * 1000 / Int64($0.timescale) }.max() ?? 0
    #expect(Manifest.milliseconds(manifest.string("/m:MPD/@minBufferTime")) > 0)
    #expect(Manifest.milliseconds(manifest.string("/m:MPD/@maxSegmentDuration")) >= longest)
    guard !scenario.last.isEnded else {
      #expect(manifest.count("/m:MPD/@minimumUpdatePeriod") == 0)
      return
    }
    let segment = scenario.last.constants.segmentLength.rounded(toScale: 1000)
    let period = Manifest.milliseconds(manifest.string("/m:MPD/@minimumUpdatePeriod"))
    #expect(period > 0 && period <= segment)
    let buffer = Manifest.milliseconds(manifest.string("/m:MPD/@timeShiftBufferDepth"))
    #expect(buffer == scenario.last.constants.window.nanoseconds / 1_000_000)
    let delay = Manifest.milliseconds(manifest.string("/m:MPD/@suggestedPresentationDelay"))
    #expect(delay >= 2 * segment)
    if scenario !== Scenario.longGroups { #expect(delay < buffer) }
  }

  @Test(arguments: Scenario.all)
  func `DASH-005 what is listed is held, whole but for the last of the last Period`(
    _ scenario: Scenario
  ) throws {
    for snapshot in Self.states(scenario) {
      let manifest = try Manifest(snapshot)
      for rendition in snapshot.renditions {
        for period in 1...max(manifest.periodCount, 1) {
          let listed = manifest.segments(period: period, id: rendition.info.name)
          for (index, segment) in listed.enumerated() {
            let isNewest = period == manifest.periodCount && index == listed.count - 1
            // The segment to come is named already: a request for it is held.
            if isNewest, let last = rendition.segments.last, last.isComplete,
              segment.start == last.end, !snapshot.isEnded
            {
              continue
            }
            let held = rendition.segments.first { $0.start == segment.start }
            #expect(held?.isComplete == true || isNewest && held?.parts.isEmpty == false)
            #expect(held?.isGap == false)
          }
        }
      }
    }
  }

  @Test(arguments: Scenario.all)
  func `DASH-008 the last clock is http-iso with an absolute URL`(_ scenario: Scenario) throws {
    guard !scenario.last.isEnded else { return }
    let manifest = try Manifest(scenario.last)
    #expect(
      manifest.string("/m:MPD/m:UTCTiming[last()]/@schemeIdUri")
        == "urn:mpeg:dash:utc:http-iso:2014"
    )
    #expect(
      manifest.string("/m:MPD/m:UTCTiming[last()]/@value") == "http://origin.example/time"
    )
  }

  @Test(arguments: Scenario.all)
  func `DASH-009 DASH-010 DASH-029 Periods, sets and representations carry what players need`(
    _ scenario: Scenario
  ) throws {
    for snapshot in Self.states(scenario) {
      let manifest = try Manifest(snapshot)
      let ids = manifest.strings("/m:MPD/m:Period/@id")
      #expect(manifest.periodCount > 0)
      #expect(Set(ids).count == manifest.periodCount)
      #expect(manifest.count("/m:MPD/m:Period/@start") == manifest.periodCount)
      #expect(manifest.count("//m:AdaptationSet[not(@id)]") == 0)
      let missing = "not(@id) or not(@bandwidth) or not(@codecs)"
      #expect(manifest.count("//m:Representation[\(missing)]") == 0)
      #expect(manifest.count("//m:AdaptationSet[not(@mimeType)]") == 0)
      for period in 1...max(manifest.periodCount, 1) {
        let names = manifest.strings("/m:MPD/m:Period[\(period)]//m:Representation/@id")
        #expect(Set(names).count == names.count)
      }
      for rendition in snapshot.renditions {
        let path = "//m:Representation[@id='\(rendition.info.name)']"
        #expect(manifest.strings(path + "/@codecs").allSatisfy { $0 == rendition.info.codec })
        let rates = manifest.strings(path + "/@bandwidth").compactMap { Int($0) }
        #expect(rates.allSatisfy { $0 >= rendition.rates.average })
      }
    }
  }

  @Test(arguments: Scenario.all)
  func `DASH-011 DASH-023 templates expand to the names of HLS`(_ scenario: Scenario) throws {
    let manifest = try Manifest(scenario.last)
    #expect(manifest.count("//m:SegmentTemplate") == manifest.count("//m:Representation"))
    for rendition in scenario.last.renditions {
      let listed = Set(
        (scenario.playlists[rendition.info.name] ?? []).flatMap { seen in
          seen.playlist.segments.compactMap(\.uri).map { "\(rendition.info.name)/\($0)" }
        }
      )
      let maps = Set(
        (scenario.playlists[rendition.info.name] ?? []).flatMap { seen in
          seen.playlist.all.compactMap(\.map).map { "\(rendition.info.name)/\($0)" }
        }
      )
      for period in 1...max(manifest.periodCount, 1) {
        let path = "/m:MPD/m:Period[\(period)]//m:Representation[@id='\(rendition.info.name)']"
        guard manifest.count(path) == 1 else { continue }
        let template = path + "/m:SegmentTemplate"
        #expect(manifest.string(template + "/@timescale") == String(rendition.info.timescale))
        #expect(maps.contains(manifest.string(template + "/@initialization")))
        let media = manifest.string(template + "/@media")
        let segments = manifest.segments(period: period, id: rendition.info.name)
        #expect(!segments.isEmpty)
        for segment in segments.dropLast() {
          let url = media.split(separator: "$Time$").joined(separator: String(segment.start))
          #expect(listed.contains(url), "\(url)")
        }
      }
    }
  }

  @Test(arguments: Scenario.all)
  func `DASH-012 DASH-013 timelines are contiguous and exact to the tick`(
    _ scenario: Scenario
  ) throws {
    for snapshot in Self.states(scenario) {
      let manifest = try Manifest(snapshot)
      for rendition in snapshot.renditions {
        for period in 1...max(manifest.periodCount, 1) {
          let segments = manifest.segments(period: period, id: rendition.info.name)
          for (segment, next) in zip(segments, segments.dropFirst()) {
            #expect(segment.start + segment.duration == next.start, "\(rendition.info.name)")
          }
          for segment in segments {
            let held = rendition.segments.first { $0.start == segment.start }
            #expect(held?.duration ?? segment.duration == segment.duration)
          }
        }
      }
    }
  }

  @Test(arguments: Scenario.smooth)
  func `DASH-013 a growing segment gets the duration that it is listed with`(
    _ scenario: Scenario
  ) throws {
    var count = 0
    for snapshot in scenario.snapshots {
      let manifest = try Manifest(snapshot)
      for rendition in scenario.last.renditions {
        let ends = Dictionary(
          rendition.segments.filter(\.isComplete).map { ($0.start, $0.end) }
        ) { _, last in last }
        for segment in manifest.segments(period: 1, id: rendition.info.name) {
          guard let end = ends[segment.start] else { continue }
          #expect(end == segment.start + segment.duration, "\(rendition.info.name)")
          count += 1
        }
      }
    }
    #expect(count > 0)
  }

  @Test(arguments: Scenario.all)
  func `DASH-015 DASH-016 DASH-020 a growing segment is listed and announced in one place`(
    _ scenario: Scenario
  ) throws {
    for snapshot in Self.states(scenario) where !snapshot.isEnded {
      let manifest = try Manifest(snapshot)
      let length = snapshot.constants.segmentLength.rounded(toScale: 1000)
      let part = Int64(snapshot.constants.partTargetMilliseconds)
      #expect(manifest.count("//m:BaseURL") == 0)
      let offsets = manifest.strings("//m:SegmentTemplate/@availabilityTimeOffset")
      guard part < length else {
        #expect(offsets.isEmpty)
        continue
      }
      #expect(offsets.count == manifest.count("//m:Representation"))
      #expect(Set(offsets).count == 1)
      let offset = try #require(Double(offsets[0]))
      #expect(offset > 0 && offset * 1000 <= Double(length - part) + 0.5)
      #expect(
        manifest.strings("//m:SegmentTemplate/@availabilityTimeComplete")
          == [String](repeating: "false", count: offsets.count)
      )
      // A new Period is held back for an instant, until every rendition has something in it.
      let newest = snapshot.periods.last.map { "\($0.epoch.name)-\($0.number)" }
      guard manifest.strings("/m:MPD/m:Period[last()]/@id").first == newest else { continue }
      for rendition in snapshot.renditions {
        guard let last = rendition.segments.last, !last.isComplete, !last.isGap,
          last.parts.allSatisfy({ !$0.isGap })
        else { continue }
        let listed = manifest.segments(period: manifest.periodCount, id: rendition.info.name)
        #expect(listed.last?.start == last.start, "\(rendition.info.name)")
      }
    }
  }

  @Test(arguments: Scenario.all)
  func `DASH-017 DASH-018 DASH-019 latency, reference times and resync points`(
    _ scenario: Scenario
  ) throws {
    guard !scenario.last.isEnded else { return }
    let manifest = try Manifest(scenario.last)
    #expect((Int(manifest.string("//m:ServiceDescription/m:Latency/@target")) ?? 0) > 0)
    #expect(manifest.count("//m:ServiceDescription/m:PlaybackRate") == 1)
    let sets = manifest.count("//m:AdaptationSet")
    #expect(manifest.count("//m:ProducerReferenceTime") == sets)
    #expect(manifest.count("//m:Resync[@dT and @type]") == sets)
    for period in 1...manifest.periodCount {
      for rendition in scenario.last.renditions {
        let set =
          "/m:MPD/m:Period[\(period)]/m:AdaptationSet[m:Representation/@id='\(rendition.info.name)']"
        guard manifest.count(set) == 1 else { continue }
        let reference = set + "/m:ProducerReferenceTime"
        let wall = try #require(microseconds(manifest.string(reference + "/@wallClockTime")))
        let ticks = try #require(Int64(manifest.string(reference + "/@presentationTime")))
        let offset = set + "/m:Representation[1]/m:SegmentTemplate/@presentationTimeOffset"
        #expect(manifest.string(offset) == String(ticks))
        // The pair is on the line that EXT-X-PROGRAM-DATE-TIME draws.
        let segment = try #require(
          scenario.playlists[rendition.info.name]?.flatMap(\.playlist.segments).last {
            !$0.isGap
              && $0.uri.flatMap(MediaName.init).map { name in
                manifest.segments(period: period, id: rendition.info.name).contains {
                  $0.start == name.ticks
                }
              } == true
          }
        )
        let name = try #require(segment.uri.flatMap(MediaName.init))
        let date = try #require(microseconds(segment.date ?? ""))
        let scale = Int64(rendition.info.timescale)
        #expect(abs((date - wall) - (name.ticks - ticks) * 1_000_000 / scale) < 10_000)
        #expect(
          manifest.string(reference + "/m:UTCTiming/@value")
            == manifest.string("/m:MPD/m:UTCTiming/@value")
        )
      }
    }
  }

  @Test(arguments: Scenario.all)
  func `DASH-021 updates change nothing of what was listed`(_ scenario: Scenario) throws {
    var durations: [String: Int64] = [:]
    var constant: [String: String] = [:]
    for snapshot in Self.states(scenario) where !snapshot.isEnded {
      let manifest = try Manifest(snapshot)
      for period in 1...max(manifest.periodCount, 1) {
        let id = manifest.string("/m:MPD/m:Period[\(period)]/@id")
        var facts = [id: manifest.string("/m:MPD/m:Period[\(period)]/@start")]
        for rendition in snapshot.renditions {
          let name = rendition.info.name
          let path = "/m:MPD/m:Period[\(period)]//m:Representation[@id='\(name)']"
          guard manifest.count(path) == 1 else { continue }
          for attribute in ["timescale", "presentationTimeOffset", "initialization", "media"] {
            facts["\(id) \(name) \(attribute)"] = manifest.string(
              "\(path)/m:SegmentTemplate/@\(attribute)"
            )
          }
          facts["\(id) \(name) set"] = manifest.string(path + "/../@id")
          let segments = manifest.segments(period: period, id: name)
          for segment in segments {
            let key = "\(id) \(name) \(segment.start)"
            let held = rendition.segments.first { $0.start == segment.start }
            // A segment that is cut short by a loss is the one that may not keep its plan.
            guard held?.isGap == false else { continue }
            // Nor what an end that nobody announced cuts short.
            if ![Scenario.restart, .outage, .stall].contains(where: { $0 === scenario }) {
              #expect(durations[key] ?? segment.duration == segment.duration, "\(key)")
            }
            durations[key] = segment.duration
          }
        }
        for (key, value) in facts {
          #expect(constant[key] ?? value == value, "\(key)")
          constant[key] = value
        }
      }
    }
    #expect(durations.count > 4)
  }

  @Test func `DASH-024 a restart, an outage and a hole each begin a Period`() throws {
    for (scenario, count, isContinuous) in [
      (Scenario.restart, 2, false), (.outage, 2, true), (.loss, 2, true), (.stall, 2, true),
      (.ladder, 1, true),
    ] {
      var ids: [String] = []
      for snapshot in Self.states(scenario) {
        let manifest = try Manifest(snapshot)
        for id in manifest.strings("/m:MPD/m:Period/@id") where !ids.contains(id) {
          ids.append(id)
        }
        guard manifest.periodCount == 2 else { continue }
        let starts = manifest.strings("/m:MPD/m:Period/@start").map(Manifest.milliseconds)
        #expect(starts[0] < starts[1])
        // The same sets and representations, and the second says that it goes on.
        let sets = (1...2).map { manifest.strings("/m:MPD/m:Period[\($0)]/m:AdaptationSet/@id") }
        #expect(sets[0] == sets[1])
        let members = (1...2).map {
          manifest.strings("/m:MPD/m:Period[\($0)]//m:Representation/@id")
        }
        #expect(members[0] == members[1])
        let property = "/m:MPD/m:Period[2]/m:AdaptationSet/m:SupplementalProperty"
        let scheme =
          isContinuous
          ? "urn:mpeg:dash:period-continuity:2015" : "urn:mpeg:dash:period-connectivity:2015"
        #expect(Set(manifest.strings(property + "/@schemeIdUri")) == [scheme], "\(scenario)")
        #expect(
          Set(manifest.strings(property + "/@value"))
            == [manifest.string("/m:MPD/m:Period[1]/@id")]
        )
      }
      #expect(ids.count == count, "\(scenario): \(ids)")
    }
  }

  @Test(arguments: Scenario.all)
  func `DASH-025 representations of a set share their timeline`(_ scenario: Scenario) throws {
    let manifest = try Manifest(scenario.last)
    #expect(
      manifest.count("//m:AdaptationSet[@segmentAlignment='true' and @startWithSAP='1']")
        == manifest.count("//m:AdaptationSet")
    )
    for period in 1...manifest.periodCount {
      for set in 1...max(manifest.count("/m:MPD/m:Period[\(period)]/m:AdaptationSet"), 1) {
        let names = manifest.strings(
          "/m:MPD/m:Period[\(period)]/m:AdaptationSet[\(set)]/m:Representation/@id"
        )
        let timelines = names.map { name in
          manifest.segments(period: period, id: name).map { [$0.start, $0.duration] }
        }
        #expect(Set(timelines).count <= 1, "\(names)")
      }
    }
  }

  @Test func `an ended broadcast begins with its first segment and has a length`() throws {
    let manifest = try Manifest(Scenario.ended.last)
    #expect(manifest.string("/m:MPD/m:Period[1]/@start") == "PT0S")
    let segments = manifest.segments(period: 1, id: "high")
    let offset = Int64(
      manifest.string("//m:Representation[@id='high']//@presentationTimeOffset")
    )
    // Audio may begin a frame earlier.
    let early = try #require(segments.first).start - #require(offset)
    #expect(early >= 0 && early <= 1920)
    let length = segments.reduce(0) { $0 + $1.duration } / 90
    let told = Manifest.milliseconds(manifest.string("/m:MPD/@mediaPresentationDuration"))
    #expect(abs(told - length) <= 50)
    #expect(manifest.count("//m:UTCTiming | //@availabilityTimeOffset") == 0)
  }

  @Test(arguments: Scenario.all)
  func `the root element's start tag ends in the first 512 bytes`(_ scenario: Scenario) throws {
    // GStreamer 1.22 looks no further to tell what it has got.
    for snapshot in Self.states(scenario) {
      let text = try Manifest(snapshot).bytes.text
      let root = try #require(text.firstRange(of: "<MPD"))
      let end = try #require(text[root.upperBound...].firstIndex(of: ">"))
      #expect(text.utf8.distance(from: text.startIndex, to: end) < 512)
    }
  }

  @Test func `a name with special characters is escaped in templates and ids`() throws {
    let source = Scenario.ladder.last
    var info = source.renditions[0].info
    info.name = "a$Time$ <&\">"
    let manifest = try Manifest(
      PresentationSnapshot(
        constants: source.constants,
        renditions: [RenditionSnapshot(info: info, segments: source.renditions[0].segments)],
        periods: source.periods,
        isEnded: false
      )
    )
    let id = "a%24Time%24%20%3C%26%22%3E"
    #expect(manifest.strings("//m:Representation/@id") == [id])
    #expect(manifest.string("//m:SegmentTemplate/@media") == id + "/1795000000/segment/$Time$.m4s")
  }
}
