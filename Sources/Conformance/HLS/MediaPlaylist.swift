internal import Wire

/// A range of a resource.
struct ByteRange: Equatable, Sendable {
  let length: Int
  /// nil when it goes on where the one before ended.
  let offset: Int?

  /// Reads "length[@offset]"; nil for any other text.
  init?(_ text: some StringProtocol) {
    let sides = text.split(separator: "@", maxSplits: 1, omittingEmptySubsequences: false)
    guard let length = wholeNumber(sides[0]) else { return nil }
    var offset: Int?
    if sides.count == 2 {
      guard let number = wholeNumber(sides[1]) else { return nil }
      offset = number
    }
    self.length = length
    self.offset = offset
  }
}

/// EXT-X-PART.
struct PartEntry: Equatable, Sendable {
  var uri: String
  /// In microseconds.
  var duration: Int64
  var isIndependent = false
  var isGap = false
  var byteRange: ByteRange?
}

/// EXT-X-MAP.
struct MapEntry: Equatable, Hashable, Sendable {
  var uri: String
  /// As written.
  var byteRange: String?
}

/// A segment, whole or still growing.
struct SegmentEntry: Equatable, Sendable {
  /// The media sequence number.
  var number: Int
  /// Empty while the segment grows.
  var uri = ""
  /// EXTINF in microseconds; nil while the segment grows.
  var duration: Int64?
  var byteRange: ByteRange?
  /// The discontinuity sequence number that it belongs to.
  var discontinuity = 0
  /// Whether EXT-X-DISCONTINUITY stands before it.
  var startsDiscontinuity = false
  var map: MapEntry?
  /// Whether EXT-X-MAP stands before this one.
  var repeatsMap = false
  /// EXT-X-PROGRAM-DATE-TIME of the segment itself.
  var date: UTCTime?
  var isGap = false
  var key: String?
  var parts: [PartEntry] = []

  /// The sum of the parts' durations, in microseconds.
  var partsDuration: Int64 { parts.reduce(0) { $0 + $1.duration } }
}

/// EXT-X-PRELOAD-HINT.
struct HintEntry: Equatable, Sendable {
  var type: String
  var uri: String
  var start: Int?
  var length: Int?
}

/// EXT-X-RENDITION-REPORT.
struct ReportEntry: Equatable, Sendable {
  var uri: String
  var lastNumber: Int?
  var lastPart: Int?
}

/// EXT-X-SERVER-CONTROL; durations in microseconds.
struct ServerControl: Equatable, Sendable {
  var canSkipUntil: Int64?
  var canSkipDateRanges = false
  var holdBack: Int64?
  var partHoldBack: Int64?
  var canBlockReload = false
}

/// A place in a playlist: a part of a segment, or the whole segment when there are no parts.
struct Position: Hashable, Comparable, Sendable, CustomStringConvertible {
  var number: Int
  /// nil for a segment without parts, and for a whole segment.
  var part: Int?

  static func < (left: Position, right: Position) -> Bool {
    (left.number, left.part ?? .max) < (right.number, right.part ?? .max)
  }

  var description: String { part.map { "\(number).\($0)" } ?? "\(number)" }
}

/// What a media playlist says.
struct MediaPlaylist: Equatable, Sendable {
  var version: Int?
  /// In seconds.
  var targetDuration: Int?
  var mediaSequence: Int?
  var discontinuitySequence: Int?
  var type: String?
  var isEnded = false
  var hasIndependentSegments = false
  /// In microseconds.
  var partTarget: Int64?
  var serverControl: ServerControl?
  /// Segments that EXT-X-SKIP leaves out at the front; nil without the tag.
  var skipped: Int?
  /// RECENTLY-REMOVED-DATERANGES; nil without the attribute.
  var removedDateRanges: [String]?
  /// In order; the last may still grow (`duration` is nil).
  var segments: [SegmentEntry] = []
  var hints: [HintEntry] = []
  var reports: [ReportEntry] = []
  /// EXT-X-DATERANGE by ID.
  var dateRanges: [String: AttributeList] = [:]
  /// EXT-X-DEFINE and others that concern no segment, as written.
  var tagNames: Set<String> = []

  /// The whole segments, gaps among them.
  var wholeSegments: ArraySlice<SegmentEntry> {
    segments.last?.duration == nil ? segments.dropLast() : segments[...]
  }

  /// The segment that still grows.
  var openSegment: SegmentEntry? { segments.last.flatMap { $0.duration == nil ? $0 : nil } }

  /// The last part or segment that is listed; nil for an empty playlist.
  var edge: Position? {
    guard let last = segments.last else { return nil }
    return Position(
      number: last.number,
      part: last.parts.isEmpty || last.duration != nil && !hasParts ? nil : last.parts.count - 1
    )
  }

  /// Whether it has parts, or says how long they would be.
  var hasParts: Bool { partTarget != nil || segments.contains { !$0.parts.isEmpty } }

  var isLowLatency: Bool { hasParts }

  /// Whether a position is in the playlist, or already behind it.
  func contains(_ position: Position) -> Bool {
    guard let last = segments.last else { return false }
    if position.number != last.number { return position.number < last.number }
    if last.duration != nil { return position.part.map { $0 < max(1, last.parts.count) } ?? true }
    return position.part.map { $0 < last.parts.count } ?? false
  }

  /// What a client asks for next: the part, or the segment, after the last.
  var next: Position? {
    guard let last = segments.last else { return nil }
    guard hasParts else { return Position(number: last.number + (last.duration == nil ? 0 : 1)) }
    return last.duration == nil
      ? Position(number: last.number, part: last.parts.count)
      : Position(number: last.number + 1, part: 0)
  }

  /// The length of the whole segments, in microseconds.
  var windowDuration: Int64 { wholeSegments.reduce(0) { $0 + ($1.duration ?? 0) } }

  /// The wall-clock time at which each segment begins, extrapolated from the nearest date before it
  /// in the same discontinuity, else after it; by index, nil where there is none.
  var dates: [UTCTime?] {
    var dates: [UTCTime?] = segments.map(\.date)
    for index in segments.indices.dropFirst() where dates[index] == nil {
      let before = segments[index - 1]
      guard before.discontinuity == segments[index].discontinuity, let date = dates[index - 1],
        let duration = before.duration
      else { continue }
      dates[index] = date.advanced(by: duration)
    }
    for index in segments.indices.dropLast().reversed() where dates[index] == nil {
      guard segments[index].discontinuity == segments[index + 1].discontinuity,
        let date = dates[index + 1], let duration = segments[index].duration
      else { continue }
      dates[index] = date.advanced(by: -duration)
    }
    return dates
  }

  /// The wall-clock time at which the last part or segment ends; nil without dates.
  var edgeDate: UTCTime? {
    guard let last = segments.last, let date = dates.last.flatMap({ $0 }) else { return nil }
    return date.advanced(by: last.duration ?? last.partsDuration)
  }
}

extension UTCTime {
  /// This time moved by so many microseconds; times past the clock's range stop there.
  func advanced(by microseconds: Int64) -> UTCTime {
    let (sum, overflow) = self.microseconds.addingReportingOverflow(microseconds)
    return UTCTime(microseconds: overflow ? (microseconds < 0 ? .min : .max) : sum)
  }
}
