extension Catalog {
  /// The requirements on playlists.
  static let hls: [Requirement] = [
    must(
      "HLS-001",
      "playlists are clean UTF-8 text that begins with #EXTM3U, of one kind, without doubled tags"
    ),
    must("HLS-002", "playlists carry an HLS media type and a path that ends in .m3u8"),
    must("HLS-003", "EXT-X-VERSION stands once and covers the tags in use"),
    must("HLS-004", "attribute lists are well-formed: names, quotes, number syntax, no doubles"),
    must("HLS-005", "every variant has BANDWIDTH and a URI that leads to a playlist"),
    must("HLS-006", "CODECS of every variant names what the init segments hold"),
    must(
      "HLS-007",
      "video variants tell RESOLUTION and FRAME-RATE, all tell AVERAGE-BANDWIDTH, truthfully"
    ),
    must(
      "HLS-008",
      "renditions have type, group, unique name and language; groups that are named exist"
    ),
    must("HLS-009", "BANDWIDTH covers the peak bit rate"),
    must("HLS-010", "independent segments are announced"),
    must("HLS-011", "EXT-X-TARGETDURATION is a positive integer and stays"),
    must("HLS-012", "no EXTINF rounds to more than the target duration"),
    must("HLS-013", "all media playlists share one target duration"),
    must("HLS-014", "media sequence numbers count removed segments and never go back"),
    must("HLS-015", "EXTINF is exact to a millisecond of the samples and its comma is there"),
    must("HLS-016", "a sliding playlist has neither a type nor, while it grows, an end"),
    must("HLS-017", "a playlist holds at least three target durations and six segments"),
    must("HLS-018", "a new segment comes within 1.5 target durations"),
    must(
      "HLS-019",
      "a listed segment never changes; playlists grow at the end and shrink at the front"
    ),
    must("HLS-020", "what is listed can be fetched whole at once"),
    must("HLS-021", "media never changes under its URL"),
    must("HLS-022", "a segment stays fetchable for a while after it left the playlist"),
    must("HLS-023", "EXT-X-MAP covers every segment and its resource answers"),
    must(
      "HLS-024",
      "EXT-X-PROGRAM-DATE-TIME is in every live playlist and after each discontinuity, to the millisecond"
    ),
    must("HLS-025", "program dates advance with EXTINF and with the media's own time"),
    must("HLS-026", "all renditions map media time to the same program dates"),
    should("HLS-027", "program dates follow the wall clock"),
    must("HLS-028", "discontinuities are marked where the media breaks, only there, and counted"),
    must("HLS-029", "all renditions have the same discontinuities"),
    must("HLS-030", "missing media is marked as a gap and keeps its place"),
    must(
      "HLS-031",
      "date ranges have an ID and a start, never change, and are the same everywhere"
    ),
    should("HLS-032", "renditions cut segments at the same points under the same numbers"),
    should("HLS-033", "media time grows across a discontinuity"),
    must("HLS-040", "PART-TARGET comes with parts, fits the target duration and stays"),
    must(
      "HLS-041",
      "EXT-X-SERVER-CONTROL offers blocking reloads and PART-HOLD-BACK, alike in all playlists"
    ),
    must("HLS-042", "PART-HOLD-BACK is at least two part targets"),
    must("HLS-043", "PART-HOLD-BACK is at least three part targets"),
    must("HLS-044", "HOLD-BACK is at least three target durations"),
    must("HLS-045", "CAN-SKIP-UNTIL is at least six target durations"),
    must("HLS-046", "parts have a URI and a duration of at most PART-TARGET"),
    must("HLS-047", "parts are at least 85 % of PART-TARGET, with the exceptions that exist"),
    must("HLS-048", "INDEPENDENT=YES is true, and true of the first part of every segment"),
    must("HLS-049", "parts add up to their segment in time"),
    must("HLS-050", "parts add up to their segment byte for byte"),
    should("HLS-051", "parts are listed for three target durations and not longer"),
    must("HLS-052", "a part stays fetchable for three target durations after its tag went"),
    must("HLS-053", "a new part comes within a part target"),
    must("HLS-054", "a live playlist hints at its next part, once, and never after the end"),
    must("HLS-055", "the hinted part is the one that comes"),
    must("HLS-056", "a hinted part is held until it is there, then answered whole"),
    must("HLS-057", "no byte of a part is sent before its last can be"),
    must("HLS-058", "a hinted part and the playlist that lists it are released together"),
    must(
      "HLS-059",
      "every other media playlist has its rendition report with last number and part"
    ),
    must("HLS-060", "rendition reports are as fresh as the playlist"),
    must("HLS-061", "a blocking reload waits for what it asks for and is answered with it"),
    must("HLS-062", "a blocking reload is answered promptly"),
    must("HLS-063", "a reload that asks for the past is answered at once"),
    must("HLS-064", "a part past the last of a finished segment means the next segment's first"),
    must("HLS-065", "a segment too far ahead is refused with 400 at once, the next two are not"),
    must("HLS-066", "a part too far ahead is refused with 400 at once"),
    must("HLS-067", "_HLS_part without _HLS_msn is refused with 400"),
    must("HLS-068", "directives that are no numbers are refused with 400"),
    must("HLS-069", "a reload without directives is answered at once with the whole playlist"),
    must("HLS-070", "unknown parameters and the order of directives change nothing"),
    must("HLS-071", "a reload held for three target durations in vain is answered 503"),
    must("HLS-072", "after the end directives are ignored"),
    must("HLS-073", "_HLS_skip is answered with a delta where it is offered, ignored where not"),
    must("HLS-074", "a delta merged into the last playlist is the whole playlist"),
    must("HLS-075", "deltas of date ranges name the removed ones"),
    must("HLS-076", "all renditions grow in step"),
    must("HLS-077", "tags of a segment come before its first part"),
    must("HLS-078", "many equal blocking requests all get the answer, whoever leaves early"),
    should("HLS-079", "HTTP/2 or newer is offered over TLS"),
    must("HLS-080", "playlists are compressed for those who accept it, and only for them"),
    should("HLS-081", "the window is long enough to seek, and long playlists offer deltas"),
    must(
      "HLS-082",
      "plain players get along: known file extensions, no low-latency knowledge needed"
    ),
  ]

  /// Reasons by number.
  static let outOfSightHLS: [String: String] = [:]
}
