internal import Wire

/// Builds a media playlist from its lines and tells what is wrong with them.
struct MediaPlaylistReader {
  /// Seconds; more is no target duration.
  static let maximumTargetDuration = 1_000_000

  private(set) var playlist = MediaPlaylist()
  /// At most `PlaylistText.maximumComplaints`.
  private(set) var complaints: [Complaint] = []
  /// What is known of the segment whose URI has not come.
  private var segment = SegmentEntry(number: 0)
  private var map: MapEntry?
  private var key: String?
  private var discontinuity = 0
  /// Whether a tag of the next segment has come.
  private var isUnderWay = false
  private var hasSegments = false
  private var duration: Int64?

  /// Reads a playlist of any kind as one of media.
  init(_ text: PlaylistText) {
    for line in text.lines {
      switch line {
      case .tag(let tag): read(tag)
      case .uri(let uri, let line): endSegment(uri, line)
      }
    }
    if duration != nil { complain("HLS-004", "EXTINF without a URI after it") }
    if isUnderWay, !segment.parts.isEmpty { append() }
    number()
  }

  private mutating func complain(_ requirement: String, _ text: String) {
    guard complaints.count < PlaylistText.maximumComplaints else { return }
    complaints.append(Complaint(requirement: requirement, text: text))
  }

  private mutating func read(_ tag: Tag) {
    playlist.tagNames.insert(tag.name)
    switch tag.name {
    case "EXTINF": readDuration(tag)
    case "EXT-X-PART": readPart(tag)
    case "EXT-X-BYTERANGE", "EXT-X-DISCONTINUITY", "EXT-X-KEY", "EXT-X-MAP",
      "EXT-X-PROGRAM-DATE-TIME", "EXT-X-GAP":
      readSegmentTag(tag)
    case "EXT-X-PRELOAD-HINT": readHint(tag)
    case "EXT-X-RENDITION-REPORT":
      let report = ReportEntry(
        uri: tag.attributes["URI"] ?? "",
        lastNumber: tag.attributes.integer("LAST-MSN"),
        lastPart: tag.attributes.integer("LAST-PART")
      )
      if report.uri.isEmpty { complain("HLS-059", "line \(tag.line): a report without URI") }
      playlist.reports.append(report)
    case "EXT-X-DATERANGE": readDateRange(tag)
    default: readHeader(tag)
    }
  }

  private mutating func readHeader(_ tag: Tag) {
    switch tag.name {
    case "EXT-X-VERSION": playlist.version = number(tag, "HLS-003")
    case "EXT-X-TARGETDURATION":
      playlist.targetDuration = number(tag, "HLS-011")
      if let target = playlist.targetDuration, target > Self.maximumTargetDuration {
        complain("HLS-011", "a target duration of \(target) s")
        playlist.targetDuration = nil
      }
    case "EXT-X-MEDIA-SEQUENCE":
      playlist.mediaSequence = number(tag, "HLS-014")
      if hasSegments || isUnderWay { complain("HLS-014", "EXT-X-MEDIA-SEQUENCE after a segment") }
    case "EXT-X-DISCONTINUITY-SEQUENCE":
      playlist.discontinuitySequence = number(tag, "HLS-028")
      if hasSegments || isUnderWay {
        complain("HLS-028", "EXT-X-DISCONTINUITY-SEQUENCE after a segment")
      }
    case "EXT-X-PLAYLIST-TYPE": playlist.type = tag.value ?? ""
    case "EXT-X-ENDLIST": playlist.isEnded = true
    case "EXT-X-INDEPENDENT-SEGMENTS": playlist.hasIndependentSegments = true
    case "EXT-X-PART-INF":
      playlist.partTarget = tag.attributes.microseconds("PART-TARGET")
      if playlist.partTarget == nil { complain("HLS-040", "EXT-X-PART-INF without PART-TARGET") }
    case "EXT-X-SERVER-CONTROL":
      playlist.serverControl = ServerControl(
        canSkipUntil: tag.attributes.microseconds("CAN-SKIP-UNTIL"),
        canSkipDateRanges: tag.attributes.isYes("CAN-SKIP-DATERANGES"),
        holdBack: tag.attributes.microseconds("HOLD-BACK"),
        partHoldBack: tag.attributes.microseconds("PART-HOLD-BACK"),
        canBlockReload: tag.attributes.isYes("CAN-BLOCK-RELOAD")
      )
    case "EXT-X-SKIP":
      playlist.skipped = tag.attributes.integer("SKIPPED-SEGMENTS")
      playlist.removedDateRanges = tag.attributes["RECENTLY-REMOVED-DATERANGES"].map { text in
        text.split(separator: "\t").map(String.init)
      }
      if playlist.skipped == nil { complain("HLS-074", "EXT-X-SKIP without SKIPPED-SEGMENTS") }
      if hasSegments || isUnderWay { complain("HLS-074", "EXT-X-SKIP after a segment") }
    default: break
    }
  }

  private mutating func number(_ tag: Tag, _ requirement: String) -> Int? {
    let number = tag.value.flatMap { wholeNumber($0) }
    if number == nil { complain(requirement, "\(tag.name) is \((tag.value ?? "").prefix(40))") }
    return number
  }

  private mutating func readDuration(_ tag: Tag) {
    isUnderWay = true
    if duration != nil { complain("HLS-004", "line \(tag.line): two EXTINF for one segment") }
    let text = tag.value ?? ""
    let seconds = text.prefix { $0 != "," }
    duration = decimalMicroseconds(seconds) ?? 0
    if decimalMicroseconds(seconds) == nil || !text.contains(",") {
      complain("HLS-015", "line \(tag.line): EXTINF is \(text.prefix(40))")
    }
    if seconds.contains("."), (playlist.version ?? 1) < 3 {
      complain("HLS-003", "decimal EXTINF below version 3")
    }
  }

  private mutating func readSegmentTag(_ tag: Tag) {
    isUnderWay = true
    if !segment.parts.isEmpty, tag.name != "EXT-X-GAP", tag.name != "EXT-X-BYTERANGE" {
      complain("HLS-077", "line \(tag.line): \(tag.name) after a part of its segment")
    }
    switch tag.name {
    case "EXT-X-BYTERANGE":
      segment.byteRange = ByteRange(tag.value ?? "")
      if segment.byteRange == nil { complain("HLS-004", "line \(tag.line): EXT-X-BYTERANGE") }
    case "EXT-X-DISCONTINUITY":
      segment.startsDiscontinuity = true
      discontinuity += 1
    case "EXT-X-KEY": key = tag.attributes["METHOD"] == "NONE" ? nil : tag.value
    case "EXT-X-MAP":
      segment.repeatsMap = true
      map = MapEntry(uri: tag.attributes["URI"] ?? "", byteRange: tag.attributes["BYTERANGE"])
      if map?.uri.isEmpty == true { complain("HLS-023", "line \(tag.line): a map without URI") }
    case "EXT-X-GAP": segment.isGap = true
    default:
      segment.date = DateTimeText.read(tag.value ?? "")
      if segment.date == nil || !DateTimeText.isPrecise(tag.value ?? "") {
        complain("HLS-024", "line \(tag.line): the date \((tag.value ?? "").prefix(40))")
      }
    }
  }

  private mutating func readPart(_ tag: Tag) {
    isUnderWay = true
    let part = PartEntry(
      uri: tag.attributes["URI"] ?? "",
      duration: tag.attributes.microseconds("DURATION") ?? 0,
      isIndependent: tag.attributes.isYes("INDEPENDENT"),
      isGap: tag.attributes.isYes("GAP"),
      byteRange: tag.attributes["BYTERANGE"].flatMap { ByteRange($0) }
    )
    if part.uri.isEmpty || tag.attributes.microseconds("DURATION") == nil {
      complain("HLS-046", "line \(tag.line): a part without URI or DURATION")
    }
    segment.parts.append(part)
  }

  private mutating func readHint(_ tag: Tag) {
    let hint = HintEntry(
      type: tag.attributes["TYPE"] ?? "",
      uri: tag.attributes["URI"] ?? "",
      start: tag.attributes.integer("BYTERANGE-START"),
      length: tag.attributes.integer("BYTERANGE-LENGTH")
    )
    if hint.type.isEmpty || hint.uri.isEmpty {
      complain("HLS-054", "line \(tag.line): a hint without TYPE or URI")
    }
    playlist.hints.append(hint)
  }

  private mutating func readDateRange(_ tag: Tag) {
    guard let id = tag.attributes["ID"], tag.attributes["START-DATE"] != nil else {
      complain("HLS-031", "line \(tag.line): a date range without ID or START-DATE")
      return
    }
    playlist.dateRanges[id] = tag.attributes
  }

  private mutating func endSegment(_ uri: String, _ line: Int) {
    guard let duration else {
      complain("HLS-004", "line \(line): a URI without EXTINF")
      return
    }
    segment.uri = uri
    segment.duration = duration
    append()
  }

  private mutating func append() {
    segment.map = map
    segment.key = key
    segment.discontinuity = discontinuity
    playlist.segments.append(segment)
    segment = SegmentEntry(number: 0)
    duration = nil
    isUnderWay = false
    hasSegments = true
  }

  /// Gives segments the numbers that the header implies.
  private mutating func number() {
    let first = (playlist.mediaSequence ?? 0) + (playlist.skipped ?? 0)
    let base = playlist.discontinuitySequence ?? 0
    for index in playlist.segments.indices {
      playlist.segments[index].number = first + index
      playlist.segments[index].discontinuity += base
    }
  }
}
