internal import Wire

/// How a Representation's segments are named and timed, with what it inherits.
///
/// ISO/IEC 23009-1 §5.3.9.
struct SegmentTemplate: Sendable, Hashable {
  /// Segments that are listed of one Representation; a longer list is cut.
  static let maximumListed = 50_000
  /// Segments that are only numbered and shorter than this are not listed: they would be without end.
  static let shortest = Interval.milliseconds(10)

  /// An `S`: `repeats + 1` segments of one duration.
  struct Run: Sendable, Hashable {
    /// nil when it follows the run before.
    let start: Int64?
    /// In ticks, below 2^62.
    let duration: Int64
    /// As written; -1 means up to the next run or the end.
    let repeats: Int64
    /// Sub-segments of each segment; nil when it has none.
    let subsegments: Int64?
  }

  /// One place where `availabilityTimeOffset` or `availabilityTimeComplete` is written.
  struct Offer: Sendable, Hashable {
    /// The element's name.
    let element: String
    let offset: Interval?
    /// As written, since players compare it with a literal.
    let complete: String?
  }

  /// Whether there is a `SegmentTemplate` at all.
  var isPresent = false
  /// Units per second; nil when it isn't written, which means 1.
  var explicitTimescale: UInt32?
  var presentationTimeOffset: Int64 = 0
  var startNumber: Int64 = 1
  /// In ticks; nil where a timeline tells.
  var duration: Int64?
  var media: String?
  var initialization: String?
  /// nil without `SegmentTimeline`.
  var timeline: [Run]?
  /// In the order of the levels, outermost first.
  var offers: [Offer] = []

  var timescale: UInt32 { explicitTimescale ?? 1 }

  /// How long before a segment is whole it may be asked for: the sum over all levels.
  var availabilityTimeOffset: Interval {
    offers.compactMap(\.offset).reduce(.zero) {
      min($0 + $1, DurationText.maximum)
    }
  }

  /// Whether segments are offered while they grow.
  var isOfferedEarly: Bool {
    Interval.zero < availabilityTimeOffset && availabilityTimeOffset < DurationText.maximum
  }

  /// A segment that an MPD lists.
  struct Listed: Sendable, Hashable {
    let number: Int64
    /// On the media's own timeline, in ticks.
    let start: Int64
    /// In ticks.
    let duration: Int64
    let subsegments: Int64?

    /// In ticks; times of 2^63 and more stop there.
    var end: Int64 {
      let (sum, overflow) = start.addingReportingOverflow(duration)
      return overflow ? .max : sum
    }
  }

  /// The segments of the timeline.
  ///
  /// `end` is where a run of unknown length stops, in ticks on the media's timeline; nil leaves it at
  /// one segment.
  func listed(until end: Int64?) -> [Listed] {
    guard let timeline else { return [] }
    var segments: [Listed] = []
    var next: Int64 = 0
    var number = startNumber
    for (index, run) in timeline.enumerated() {
      if let start = run.start { next = start }
      let stop = index + 1 < timeline.count ? timeline[index + 1].start : end
      var count = run.repeats
      if count < 0 {
        let length = (stop ?? next).subtractingReportingOverflow(next)
        count = run.duration > 0 && !length.overflow ? (length.partialValue - 1) / run.duration : 0
      }
      for _ in 0...max(0, count) {
        guard segments.count < Self.maximumListed else { return segments }
        let segment = Listed(
          number: number,
          start: next,
          duration: run.duration,
          subsegments: run.subsegments
        )
        segments.append(segment)
        next = segment.end
        number &+= 1
      }
    }
    return segments
  }

  /// The segments by number alone that have begun between two times of the Period; empty with a
  /// timeline.
  func numbered(from first: Interval, until last: Interval) -> [Listed] {
    guard timeline == nil, let duration, duration > 0 else { return [] }
    let length = TrackTime(ticks: duration, timescale: timescale).interval.nanoseconds
    guard length >= Self.shortest.nanoseconds, last.nanoseconds >= 0 else { return [] }
    let low = max(0, first.nanoseconds) / length
    let high = min(last.nanoseconds / length, low + Int64(Self.maximumListed))
    guard low <= high else { return [] }
    var segments: [Listed] = []
    for index in low...high {
      let (offset, overflow) = index.multipliedReportingOverflow(by: duration)
      let (start, overflows) = offset.addingReportingOverflow(presentationTimeOffset)
      guard !overflow, !overflows else { break }
      segments.append(
        Listed(number: startNumber &+ index, start: start, duration: duration, subsegments: nil)
      )
    }
    return segments
  }

  /// The end of a segment from the start of its Period.
  func periodTime(ofEnd segment: Listed) -> Interval { periodTime(segment.end) }

  /// A media time from the start of its Period.
  func periodTime(_ ticks: Int64) -> Interval {
    let (difference, overflow) = ticks.subtractingReportingOverflow(presentationTimeOffset)
    return TrackTime(ticks: overflow ? .max : difference, timescale: timescale).interval
  }

  /// Fills in a template; nil when it has an unknown or open placeholder, or needs a value that is nil.
  static func fill(
    _ template: String,
    representation: Manifest.Representation,
    number: Int64? = nil,
    time: Int64? = nil,
    subnumber: Int64? = nil
  ) -> String? {
    var result = ""
    var rest = template[...]
    while let mark = rest.firstIndex(of: "$") {
      result += rest[..<mark]
      let after = rest[rest.index(after: mark)...]
      guard let close = after.firstIndex(of: "$") else { return nil }
      let inside = after[..<close].split(separator: "%", omittingEmptySubsequences: false)
      rest = after[after.index(after: close)...]
      let value: String?
      switch inside.first ?? "" {
      case "": value = "$"
      case "RepresentationID": value = representation.id
      case "Bandwidth": value = representation.bandwidth.map { String($0) }
      case "Number": value = number.map { String($0) }
      case "Time": value = time.map { String($0) }
      case "SubNumber": value = subnumber.map { String($0) }
      default: return nil
      }
      guard let value else { return nil }
      guard inside.count < 2 else {
        guard inside.count == 2, let width = Self.width(inside[1]) else { return nil }
        result += String(repeating: "0", count: max(0, width - value.count)) + value
        continue
      }
      result += value
    }
    return result + rest
  }

  /// The width of a format such as "05d"; nil for any other.
  private static func width(_ format: Substring) -> Int? {
    guard format.hasPrefix("0"), format.hasSuffix("d") else { return nil }
    return Int(format.dropFirst().dropLast()).flatMap { (1...20).contains($0) ? $0 : nil }
  }
}

extension Manifest.Representation {
  /// The URL of what a template names; nil when it can't be filled in or resolved.
  func url(
    _ template: String?,
    manifest: WebURL,
    segment: SegmentTemplate.Listed? = nil,
    subnumber: Int64? = nil
  ) -> WebURL? {
    guard let template,
      let reference = SegmentTemplate.fill(
        template,
        representation: self,
        number: segment?.number,
        time: segment?.start,
        subnumber: subnumber
      )
    else { return nil }
    var base = manifest
    for step in bases {
      guard let next = base.resolve(step) else { return nil }
      base = next
    }
    return base.resolve(reference)
  }
}
