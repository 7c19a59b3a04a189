extension Catalog {
  /// The requirements on headers, segments and parts.
  static let cmaf: [Requirement] = [
    must(
      "CMAF-001",
      "an init segment is ftyp with a fit brand, then moov with mvex, and no samples"
    ),
    must("CMAF-002", "one track, whose sample entry keeps parameter sets in the init"),
    must(
      "CMAF-003",
      "a segment is a row of chunks, each moof directly before its mdat, sizes adding up"
    ),
    must("CMAF-004", "a moof has one traf, is its own base, and its samples fill the mdat"),
    must("CMAF-005", "every chunk starts at the tick where the one before ended"),
    must("CMAF-006", "sequence numbers of fragments grow"),
    must("CMAF-007", "a segment starts with a sync sample; audio has no others"),
    must("CMAF-008", "sync flags agree with the coded pictures"),
    must("CMAF-009", "the timescale stays, durations are above zero, decode times have 64 bits"),
    must("CMAF-010", "a segment's earliest presentation is its decode time"),
    must("CMAF-011", "segments of all video renditions are aligned"),
    must("CMAF-012", "audio and video segments start together"),
    should("CMAF-013", "prft at the head of a segment ties media time to the wall clock"),
    must("CMAF-014", "event messages are version 1, before moof, and declared"),
    must("CMAF-015", "the media decodes without an error"),
    should("CMAF-016", "segments begin with styp and CMAF brands"),
    must("CMAF-017", "sample durations add up to what the manifests say"),
  ]

  /// The requirements on MPDs.
  static let dash: [Requirement] = [
    must("DASH-001", "the MPD is well-formed and valid"),
    must("DASH-002", "a dynamic MPD with a constant availabilityStartTime and live profiles"),
    must("DASH-003", "publishTime grows with every change and is never in the future"),
    must("DASH-004", "minimumUpdatePeriod is above zero and at most a segment"),
    must("DASH-005", "every segment within timeShiftBufferDepth can be fetched"),
    must("DASH-006", "minBufferTime is there and maxSegmentDuration covers every segment"),
    should("DASH-007", "suggestedPresentationDelay is there and within the window"),
    must("DASH-008", "the last UTCTiming is absolute, of a scheme players know, and right"),
    must(
      "DASH-009",
      "periods, sets and representations have stable, unique ids and their attributes"
    ),
    must("DASH-010", "codecs agrees with the init segment"),
    must(
      "DASH-011",
      "templates have the track's timescale, an init that answers, and a media name"
    ),
    must("DASH-012", "the timeline has no gaps, overlaps or bad repeats"),
    must("DASH-013", "S@t and S@d are the segment's own time and duration to the tick"),
    must("DASH-014", "a segment answers from its availability time on"),
    must("DASH-015", "a low-latency segment answers early and arrives as it is made"),
    must(
      "DASH-016",
      "availabilityTimeOffset stands in one place, with availabilityTimeComplete=\"false\""
    ),
    must("DASH-017", "a low-latency MPD describes its target latency"),
    must("DASH-018", "ProducerReferenceTime ties every low-latency set to the wall clock"),
    should("DASH-019", "Resync describes the chunks"),
    must("DASH-020", "an MPD lists what is available when it is fetched"),
    must("DASH-021", "updates append and expire; nothing listed changes"),
    must("DASH-022", "a segment far ahead is answered 404 at once, briefly cacheable"),
    must("DASH-023", "HLS and DASH name the same segments"),
    must("DASH-024", "a discontinuity is a new period that continues the last"),
    must("DASH-025", "segments are aligned and start with a sync sample, as is said"),
    must("DASH-026", "a patch applied to its MPD is the current MPD"),
    must("DASH-027", "the MPD has its media type, compression and CORS"),
    should("DASH-028", "bursts of a growing segment end at the end of a chunk"),
    should("DASH-029", "bandwidth covers the measured bit rate"),
    must("DASH-030", "plain players open the MPD"),
    should("DASH-031", "segment sequences answer and add up to their segment"),
  ]

  /// Reasons by number.
  static let outOfSightMedia: [String: String] = [:]
}
