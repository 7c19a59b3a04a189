import Manifests
import Packaging
import TestSupport
import Testing
import Wire

/// Requirements on the multivariant playlist.
@Suite struct MultivariantPlaylistTests {
  private func quoted(_ value: AttributeValue?) -> String? {
    guard case .quoted(let text)? = value else { return nil }
    return text
  }

  private func integer(_ value: AttributeValue?) -> Int {
    guard case .integer(let number)? = value else { return -1 }
    return number
  }

  @Test(arguments: Scenario.all)
  func `HLS-005 every URI is that of a playlist that has something to list`(
    _ scenario: Scenario
  ) throws {
    for snapshot in scenario.snapshots {
      let playlist = try StrictPlaylist(MultivariantPlaylist.render(snapshot))
      #expect(playlist.isMultivariant)
      let uris =
        playlist.variants.map(\.uri) + playlist.media.compactMap { quoted($0["URI"]) }
      let served = snapshot.renditions.filter(\.isNamed).map {
        "\($0.info.name)/media.m3u8"
      }
      #expect(Set(uris) == Set(served))
      #expect(playlist.variants.allSatisfy { integer($0.attributes["BANDWIDTH"]) > 0 })
    }
  }

  @Test(arguments: Scenario.all)
  func `HLS-006 HLS-007 variants tell codecs, size, frame rate and mean rate`(
    _ scenario: Scenario
  ) throws {
    let playlist = try StrictPlaylist(MultivariantPlaylist.render(scenario.last))
    for variant in playlist.variants {
      let hasVideo = scenario !== Scenario.audioOnly
      #expect(
        quoted(variant.attributes["CODECS"]) == (hasVideo ? "avc1.64001f,mp4a.40.2" : "mp4a.40.2")
      )
      #expect(integer(variant.attributes["AVERAGE-BANDWIDTH"]) > 0)
      guard hasVideo else { continue }
      #expect(variant.attributes["RESOLUTION"] == .resolution(1280, 720))
      guard case .decimal(let rate)? = variant.attributes["FRAME-RATE"] else {
        Issue.record("FRAME-RATE \(String(describing: variant.attributes["FRAME-RATE"]))")
        continue
      }
      #expect([2_500_000, 2_400_000, 2_997_000].contains(rate))
    }
  }

  @Test func `HLS-008 audio groups exist, names are unique, one is the default`() throws {
    for scenario in Scenario.all where scenario !== Scenario.audioOnly {
      let playlist = try StrictPlaylist(MultivariantPlaylist.render(scenario.last))
      let groups = Set(playlist.media.compactMap { quoted($0["GROUP-ID"]) })
      #expect(
        playlist.variants.allSatisfy { quoted($0.attributes["AUDIO"]).map(groups.contains) == true }
      )
      for group in groups {
        let members = playlist.media.filter { quoted($0["GROUP-ID"]) == group }
        let names = members.compactMap { quoted($0["NAME"]) }
        #expect(Set(names).count == members.count)
        #expect(members.allSatisfy { $0["TYPE"] == .enumerated("AUDIO") })
        #expect(members.allSatisfy { quoted($0["LANGUAGE"])?.isEmpty == false })
        #expect(members.count { $0["DEFAULT"] == .enumerated("YES") } == 1)
      }
    }
  }

  @Test func `HLS-008 equal labels, empty ones and quotes still make distinct names`() throws {
    let infos = ["English", "English", "English", "\"", ""].enumerated().map { index, label in
      var info = RenditionInfo(
        name: index == 1 ? "English" : "a\(index)",
        kind: .audio,
        timescale: 48_000,
        codec: "mp4a.40.2"
      )
      info.label = label
      return info
    }
    let source = Scenario.ladder.last
    let snapshot = PresentationSnapshot(
      constants: source.constants,
      renditions: [source.renditions[0]]
        + infos.map { RenditionSnapshot(info: $0, segments: source.renditions[2].segments) },
      periods: source.periods,
      isEnded: false
    )
    let playlist = try StrictPlaylist(MultivariantPlaylist.render(snapshot))
    let names = playlist.media.compactMap { quoted($0["NAME"]) }
    #expect(Set(names).count == 5)
    #expect(!names.contains(""))
  }

  @Test func `HLS-009 the bandwidth covers the peak of the variant and its largest audio`() throws {
    for scenario in Scenario.all where scenario !== Scenario.audioOnly {
      let snapshot = scenario.last
      let playlist = try StrictPlaylist(MultivariantPlaylist.render(snapshot))
      func peak(_ rendition: RenditionSnapshot) -> Double {
        // Of what is listed: another bridge may not have seen what was before.
        let edge = rendition.segments.last?.endTime.microseconds ?? 0
        let listed = rendition.segments.filter {
          $0.endTime.microseconds > edge - snapshot.constants.window.nanoseconds / 1000
        }
        return listed.filter { $0.isComplete && !$0.isGap }.map { segment in
          Double(segment.byteCount) * 8 * Double(segment.timescale) / Double(segment.duration ?? 1)
        }.max() ?? 0
      }
      let audio = snapshot.renditions.filter { $0.info.kind == .audio }.map(peak).max() ?? 0
      for variant in playlist.variants {
        let video = try #require(
          snapshot.renditions.first { "\($0.info.name)/media.m3u8" == variant.uri }
        )
        #expect(Double(integer(variant.attributes["BANDWIDTH"])) >= peak(video) + audio)
        #expect(
          integer(variant.attributes["AVERAGE-BANDWIDTH"])
            <= integer(variant.attributes["BANDWIDTH"])
        )
      }
    }
  }

  @Test(arguments: Scenario.all)
  func `HLS-010 segments are declared independent in both kinds of playlist`(
    _ scenario: Scenario
  ) throws {
    #expect(try StrictPlaylist(MultivariantPlaylist.render(scenario.last)).isIndependent)
    #expect(scenario.all.allSatisfy { $0.isIndependent })
  }

  @Test func `a name with any characters is one path segment of its URI`() throws {
    var info = Scenario.ladder.last.renditions[0].info
    info.name = "a/b \"ü\"%?#$"
    let source = Scenario.ladder.last
    let snapshot = PresentationSnapshot(
      constants: source.constants,
      renditions: [RenditionSnapshot(info: info, segments: source.renditions[0].segments)],
      periods: source.periods,
      isEnded: false
    )
    let playlist = try StrictPlaylist(MultivariantPlaylist.render(snapshot))
    #expect(playlist.variants.map(\.uri) == ["a%2Fb%20%22%C3%BC%22%25%3F%23%24/media.m3u8"])
  }
}
