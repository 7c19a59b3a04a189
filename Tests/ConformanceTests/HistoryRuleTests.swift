import Testing
import Wire

@testable import Conformance

/// The rules on several copies of a playlist, on several playlists, and on variants.
@Suite struct HistoryRuleTests {
  typealias Edit = @Sendable (inout MediaPlaylist) -> Void

  /// What is done to the later of two copies, and what fails.
  static let history: [(numbers: [String], edit: Edit)] = [
    ([], { _ in }),
    (["HLS-011"], { $0.targetDuration = 3 }),
    (["HLS-040"], { $0.partTarget = 400_000 }),
    (["HLS-014"], { $0.mediaSequence = 99 }),
    (["HLS-014"], { $0.segments.removeLast() }),
    (
      ["HLS-014"],
      {
        $0.segments[200].uri = "299.m4s"
        $0.segments[199].uri = "300.m4s"
      }
    ),
    (["HLS-019"], { $0.segments[200].duration = 1_900_000 }),
    (["HLS-019"], { $0.segments[200].uri = "other.m4s" }),
    (["HLS-019"], { $0.segments[200].isGap = true }),
    (["HLS-019"], { $0.segments[460].parts[0].uri = "other.m4s" }),
    (["HLS-019"], { $0.segments[200].map?.uri = "other.mp4" }),
    (["HLS-028"], { $0.segments[200].discontinuity = 8 }),
    (
      ["HLS-016"],
      {
        $0.mediaSequence = 101; $0.segments.removeFirst(); $0.type = "EVENT"
      }
    ),
    (
      ["HLS-017", "HLS-081"],
      {
        $0.mediaSequence = 557; $0.segments.removeFirst(457)
      }
    ),
  ]

  @Test(arguments: history.indices)
  func `a change that is not allowed fails its number`(_ index: Int) {
    let mutation = Self.history[index]
    var later = Samples.later
    mutation.edit(&later)
    let failed = failures {
      HistoryRules.judge(later, after: Samples.playlist, subject: "s", into: &$0)
    }
    #expect(failed == mutation.numbers)
  }

  @Test func `a playlist that goes on after its end fails`() {
    var ended = Samples.playlist
    ended.isEnded = true
    let failed = failures {
      HistoryRules.judge(Samples.later, after: ended, subject: "s", into: &$0)
    }
    #expect(failed == ["HLS-016"])
  }

  @Test func `a date range that changes fails`() {
    var before = Samples.playlist
    var after = Samples.later
    before.dateRanges["a"] = AttributeList.read("ID=\"a\",CLASS=\"x\"", kinds: [:]) { _ in }
    after.dateRanges["a"] = AttributeList.read("ID=\"a\",CLASS=\"y\"", kinds: [:]) { _ in }
    let failed = failures { HistoryRules.judge(after, after: before, subject: "s", into: &$0) }
    #expect(failed == ["HLS-031"])
  }

  static var views: [RenditionView] {
    var audio = Samples.playlist
    audio.reports = [ReportEntry(uri: "../video/media.m3u8", lastNumber: 560, lastPart: 1)]
    let facts = Dictionary(uniqueKeysWithValues: (555..<560).map { ($0, Samples.facts($0)) })
    return [
      RenditionView(url: Samples.url, playlist: Samples.playlist, facts: facts),
      RenditionView(url: Samples.otherURL, playlist: audio, facts: facts, isVideo: false),
    ]
  }

  static let presentation: [(numbers: [String], edit: @Sendable (inout [RenditionView]) -> Void)] =
    [
      ([], { _ in }),
      (["HLS-013"], { $0[1].playlist.targetDuration = 3 }),
      (["HLS-026"], { $0[1].facts[557]?.presentation += 9000 }),
      (
        ["HLS-029"],
        {
          $0[1].playlist.segments[300].discontinuity = 8
          $0[1].playlist.segments[300].date = DateTimeText.read("2026-11-26T05:10:00.000Z")
        }
      ),
      (["HLS-032"], { $0[1].facts[557]?.start += 9000 }),
      (["HLS-041"], { $0[1].playlist.serverControl?.canSkipUntil = nil }),
      (["HLS-042"], { $0[1].playlist.partTarget = 900_000 }),
      (["HLS-059"], { $0[1].playlist.reports = [] }),
      (
        ["HLS-059"],
        { $0[0].playlist.reports[0].uri = "http://origin.example/live/audio/media.m3u8" }
      ),
      (["HLS-059"], { $0[0].playlist.reports[0].lastPart = nil }),
    ]

  @Test(arguments: presentation.indices)
  func `renditions that do not go together fail the number`(_ index: Int) {
    let mutation = Self.presentation[index]
    var views = Self.views
    mutation.edit(&views)
    #expect(failures { PresentationRules.judge(views, into: &$0) } == mutation.numbers)
  }

  static let multivariant: [(numbers: [String], from: String, to: String)] = [
    ([], "#EXTM3U", "#EXTM3U"),
    (["HLS-005"], "BANDWIDTH=2000000,AVERAGE", "AVERAGE"),
    (["HLS-005"], "video/media.m3u8\n", "\n"),
    (["HLS-006"], "CODECS=\"avc1.64001f,mp4a.40.2\",", ""),
    (["HLS-007"], "AVERAGE-BANDWIDTH=1800000,", ""),
    (["HLS-007"], ",FRAME-RATE=25.000", ""),
    (["HLS-008"], ",AUDIO=\"a\"", ",AUDIO=\"b\""),
    (["HLS-008"], "LANGUAGE=\"en\",", ""),
    (
      ["HLS-008"], "#EXT-X-STREAM-INF",
      "#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"a\",NAME=\"English\",LANGUAGE=\"en\"\n#EXT-X-STREAM-INF"
    ),
  ]

  @Test(arguments: multivariant.indices)
  func `a bad multivariant playlist fails its number`(_ index: Int) {
    let mutation = Self.multivariant[index]
    let text = PlaylistRuleTests.replace(Samples.multivariantText, mutation.from, mutation.to)
    let lines = PlaylistText(Bytes(utf8: text))
    let failed = failures { ledger in
      MultivariantRules.judge(
        MultivariantPlaylist(lines),
        complaints: lines.complaints,
        subject: "s",
        into: &ledger
      )
    }
    #expect(failed == mutation.numbers)
  }

  @Test func `what variants say is compared with their media`() throws {
    let playlist = MultivariantPlaylist(PlaylistText(Bytes(utf8: Samples.multivariantText)))
    let variant = try #require(playlist.variants.first)
    func codecs(_ actual: Set<String>) -> [String] {
      failures {
        MultivariantRules.judgeCodecs(variant, actual: actual, subject: "s", into: &$0)
      }
    }
    #expect(codecs(["avc1.64001f", "mp4a.40.2"]) == [])
    #expect(codecs(["avc1.640020", "mp4a.40.2"]) == ["HLS-006"])
    #expect(codecs(["avc1.64001f"]) == ["HLS-006"])
    func size(_ width: Int) -> [String] {
      failures {
        MultivariantRules.judgeResolution(
          variant,
          width: width,
          height: 720,
          subject: "s",
          into: &$0
        )
      }
    }
    #expect(size(1280) == [])
    #expect(size(1920) == ["HLS-007"])
    func independence(_ media: [MediaPlaylist], _ multivariant: MultivariantPlaylist?) -> [String] {
      failures {
        MultivariantRules.judgeIndependence(
          multivariant,
          media: media,
          subject: "s",
          into: &$0
        )
      }
    }
    #expect(independence([Samples.playlist], playlist) == [])
    #expect(independence([Samples.playlist], nil) == ["HLS-010"])
  }
}
