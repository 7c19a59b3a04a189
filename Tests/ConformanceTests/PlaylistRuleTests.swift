import Testing
import Wire

@testable import Conformance

/// For every rule on the text of playlists: what is right passes, and the violation of one rule fails
/// exactly that one.
@Suite struct PlaylistRuleTests {
  static func judge(_ text: String) -> [String] {
    failures { ledger in
      let lines = PlaylistText(Bytes(utf8: text))
      let reader = MediaPlaylistReader(lines)
      SnapshotRules.judge(
        reader.playlist,
        complaints: lines.complaints + reader.complaints,
        subject: "s",
        into: &ledger
      )
    }
  }

  /// A number, what is replaced in the sample (first place only), and by what.
  static let mutations: [(number: String, from: String, to: String)] = [
    ("HLS-001", "#EXTM3U", "\u{FEFF}#EXTM3U"),
    ("HLS-001", "#EXTM3U", "#extm3u"),
    ("HLS-001", "#EXT-X-PART-INF", "#EXT-X-TARGETDURATION:2\n#EXT-X-PART-INF"),
    ("HLS-001", "100.m4s", "100.m4s "),
    ("HLS-001", "#EXT-X-PART-INF", "#EXT-X-STREAM-INF:BANDWIDTH=1\n#EXT-X-PART-INF"),
    ("HLS-003", "VERSION:9", "VERSION:5"),
    ("HLS-003", "#EXT-X-VERSION:9\n", ""),
    ("HLS-004", "PART-TARGET=0.5", "PART-TARGET=\"0.5\""),
    ("HLS-004", ",HOLD-BACK", ", HOLD-BACK"),
    ("HLS-004", "CAN-BLOCK-RELOAD=YES", "CAN-BLOCK-RELOAD=YES,CAN-BLOCK-RELOAD=YES"),
    ("HLS-012", "EXTINF:2.00000", "EXTINF:2.50000"),
    ("HLS-014", "#EXT-X-MEDIA-SEQUENCE:100\n", ""),
    ("HLS-015", "EXTINF:2.00000,", "EXTINF:2.00000"),
    ("HLS-016", "#EXT-X-PART-INF", "#EXT-X-PLAYLIST-TYPE:VOD\n#EXT-X-PART-INF"),
    ("HLS-024", "#EXT-X-PROGRAM-DATE-TIME:2026-11-26T05:00:00.000Z\n", ""),
    ("HLS-024", "05:00:00.000Z", "05:00:00Z"),
    (
      "HLS-025", "#EXTINF:2.00000,\n101",
      "#EXT-X-PROGRAM-DATE-TIME:2026-11-26T05:00:02.050Z\n#EXTINF:2.00000,\n101"
    ),
    ("HLS-030", "#EXTINF:2.00000,", "#EXT-X-GAP\n#EXTINF:0.00000,"),
    ("HLS-031", "#EXT-X-PART-INF", "#EXT-X-DATERANGE:ID=\"a\"\n#EXT-X-PART-INF"),
    ("HLS-041", "CAN-BLOCK-RELOAD=YES,", ""),
    ("HLS-043", "PART-HOLD-BACK=1.75", "PART-HOLD-BACK=1.4"),
    ("HLS-044", "HOLD-BACK=6.0", "HOLD-BACK=5.9"),
    ("HLS-045", "CAN-SKIP-UNTIL=12.0", "CAN-SKIP-UNTIL=11.9"),
    ("HLS-045", "CAN-SKIP-UNTIL=12.0", "CAN-SKIP-DATERANGES=YES"),
    ("HLS-048", ",INDEPENDENT=YES", ""),
    ("HLS-049", "#EXTINF:2.00000,\n559", "#EXTINF:1.99000,\n559"),
    ("HLS-054", "#EXT-X-PRELOAD-HINT:TYPE=PART,URI=\"560.2.m4s\"\n", ""),
    ("HLS-054", "#EXT-X-RENDITION", "#EXT-X-ENDLIST\n#EXT-X-RENDITION"),
    (
      "HLS-054", "TYPE=PART,URI=\"560.2.m4s\"",
      "TYPE=PART,URI=\"560.2.m4s\"\n#EXT-X-PRELOAD-HINT:TYPE=PART,URI=\"b.m4s\""
    ),
    ("HLS-059", "URI=\"../audio/media.m3u8\",", ""),
    ("HLS-074", "#EXT-X-PRELOAD", "#EXT-X-SKIP:SKIPPED-SEGMENTS=3\n#EXT-X-PRELOAD"),
    (
      "HLS-077", "URI=\"557.0.m4s\",INDEPENDENT=YES\n",
      "URI=\"557.0.m4s\",INDEPENDENT=YES\n#EXT-X-MAP:URI=\"init.mp4\"\n"
    ),
    ("HLS-082", "100.m4s", "100.xyz"),
  ]

  /// Violations that take more than one replacement.
  static let edits: [(number: String, edit: @Sendable (String) -> String)] = [
    (
      "HLS-023",
      { text in
        replace(
          replace(text, "#EXT-X-MAP:URI=\"init.mp4\"\n", ""),
          "#EXTINF:2.00000,\n101",
          "#EXT-X-MAP:URI=\"init.mp4\"\n#EXTINF:2.00000,\n101"
        )
      }
    ),
    (
      "HLS-028",
      { text in
        replace(
          replace(text, "#EXT-X-DISCONTINUITY-SEQUENCE:7\n", ""),
          "#EXTINF:2.00000,\n300",
          "#EXT-X-DISCONTINUITY\n#EXT-X-PROGRAM-DATE-TIME:2026-11-26T05:10:02.050Z\n#EXTINF:2.00000,\n300"
        )
      }
    ),
    (
      "HLS-024",
      { replace($0, "#EXTINF:2.00000,\n300", "#EXT-X-DISCONTINUITY\n#EXTINF:2.00000,\n300") }
    ),
    (
      "HLS-046",
      { text in
        replace(
          replace(text, "DURATION=0.50000,URI=\"558.0", "DURATION=0.60000,URI=\"558.0"),
          "DURATION=0.50000,URI=\"558.3",
          "DURATION=0.40000,URI=\"558.3"
        )
      }
    ),
    ("HLS-046", { replace($0, "DURATION=0.50000,URI=\"560.1.m4s\"", "DURATION=0.50000") }),
    (
      "HLS-047",
      { text in
        replace(
          replace(text, "DURATION=0.50000,URI=\"558.1", "DURATION=0.42000,URI=\"558.1"),
          "#EXTINF:2.00000,\n558",
          "#EXTINF:1.92000,\n558"
        )
      }
    ),
    (
      "HLS-051",
      { text in
        (0..<4).reduce(text) { text, index in
          replace(
            text,
            "#EXT-X-PART:DURATION=0.50000,URI=\"559.\(index).m4s\"\(index == 0 ? ",INDEPENDENT=YES" : "")\n",
            ""
          )
        }
      }
    ),
    (
      "HLS-051",
      {
        replace(
          $0,
          "#EXTINF:2.00000,\n500",
          "#EXT-X-PART:DURATION=2.0,URI=\"a.m4s\",INDEPENDENT=YES\n#EXTINF:2.00000,\n500"
        )
      }
    ),
  ]

  static func replace(_ text: String, _ from: String, _ to: String) -> String {
    guard let range = text.firstRange(of: from) else {
      Issue.record("\(from) is not in the sample")
      return text
    }
    var text = text
    text.replaceSubrange(range, with: to)
    return text
  }

  @Test func `a good playlist violates nothing`() {
    #expect(Self.judge(Samples.text) == [])
  }

  @Test(arguments: mutations.indices)
  func `a violation fails its number`(_ index: Int) {
    let mutation = Self.mutations[index]
    let text = Self.replace(Samples.text, mutation.from, mutation.to)
    #expect(Self.judge(text) == [mutation.number], "\(mutation.to)")
  }

  @Test(arguments: edits.indices)
  func `a violation of several lines fails its number`(_ index: Int) {
    let edit = Self.edits[index]
    #expect(Self.judge(edit.edit(Samples.text)).contains(edit.number))
  }

  @Test func `too little hold-back for two parts fails both numbers`() {
    let text = Self.replace(Samples.text, "PART-HOLD-BACK=1.75", "PART-HOLD-BACK=0.9")
    #expect(Self.judge(text) == ["HLS-042", "HLS-043"])
  }

  @Test func `a part target past the target duration fails`() {
    let text = Self.replace(Samples.text, "PART-TARGET=0.5", "PART-TARGET=2.5")
    #expect(Self.judge(text).contains("HLS-040"))
  }

  @Test func `an absent target duration fails`() {
    let text = Self.replace(Samples.text, "#EXT-X-TARGETDURATION:2\n", "")
    #expect(Self.judge(text).contains("HLS-011"))
  }
}
