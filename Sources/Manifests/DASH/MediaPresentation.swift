internal import CMAF
package import Packaging
package import Wire
internal import XML

/// Renders the MPD of a broadcast, for normal and low latency alike.
///
/// ISO/IEC 23009-1 §5.
///
/// Availability counts from media time 0 of the first epoch, so that the first Period starts at 0 with no
/// offset. Times name segments (`$Time$`), but for players that need numbers.
package struct MediaPresentation {
  /// What a player asks for.
  package enum Unit: Hashable, Sendable {
    /// Segments, sent while they grow.
    case segment
    /// Segments once they are whole, without low latency.
    ///
    /// Its own MPD: for players that can't play media that grows, as VLC 3.0 can't without waiting.
    case wholeSegment
    /// The parts of segments, as LL-HLS players do: every segment is a sequence of them.
    ///
    /// ISO/IEC 23009-1, 6th edition, §5.3.9.7; its own MPD, as players without it go astray.
    case part
    /// Segments by number, and whole when they are due, so that nothing of them need be listed.
    ///
    /// Its own MPD: for players that lose their way in a live SegmentTimeline, as GStreamer's does, or
    /// in media that grows. It needs segments that ``isNumbered``.
    case number

    /// Whether what is asked for comes before its segment is whole.
    var isLowLatency: Bool { self == .segment || self == .part }
  }

  let snapshot: PresentationSnapshot
  let unit: Unit
  let timeURL: String
  private let publishTime: UTCTime
  let lowLatency: LowLatency

  /// - Parameters:
  ///   - snapshot: what to describe; it must hold a segment.
  ///   - unit: what it names.
  ///   - timeURL: the absolute URL of the clock that players set theirs by.
  ///   - publishTime: when this state of the broadcast came to be.
  package init(
    _ snapshot: PresentationSnapshot,
    of unit: Unit = .segment,
    timeURL: String,
    publishTime: UTCTime
  ) {
    self.snapshot = snapshot
    self.unit = unit
    self.timeURL = timeURL
    self.publishTime = publishTime
    lowLatency = LowLatency(snapshot.constants)
  }

  /// Whether the broadcast has media that can be named so.
  package var isOffered: Bool {
    switch unit {
    case .segment, .part: true
    case .wholeSegment: !periods().isEmpty
    case .number: isNumbered
    }
  }

  package func render() -> Bytes {
    let constants = snapshot.constants
    let delay = Int64(constants.publishDelayMilliseconds) * 1000
    let segmentMicroseconds = constants.segmentLength.rounded(toScale: 1_000_000)
    let periods = periods()
    var xml = XMLWriter()
    xml.start("MPD")
    // GStreamer looks for the root element's end in the first 512 bytes: nothing more than needed here.
    xml.attribute("xmlns", "urn:mpeg:dash:schema:mpd:2011")
    xml.attribute("profiles", profiles)
    let longest = longestDuration(periods) ?? segmentMicroseconds
    let minimumBuffer = max(Int64(constants.partTargetMilliseconds) * 2000, 1_000_000)
    xml.attribute("minBufferTime", xsDuration(microseconds: minimumBuffer))
    if snapshot.isEnded {
      xml.attribute("type", "static")
      xml.attribute("mediaPresentationDuration", xsDuration(microseconds: totalDuration(periods)))
    } else {
      xml.attribute("type", "dynamic")
      xml.attribute(
        "availabilityStartTime",
        UTCTime(microseconds: constants.zero.microseconds + delay).iso8601
      )
      xml.attribute("publishTime", publishTime.iso8601)
      xml.attribute("minimumUpdatePeriod", xsDuration(microseconds: segmentMicroseconds))
      xml.attribute(
        "timeShiftBufferDepth",
        xsDuration(microseconds: constants.window.nanoseconds / 1000)
      )
      xml.attribute(
        "suggestedPresentationDelay",
        xsDuration(microseconds: segmentMicroseconds * 3)
      )
    }
    xml.attribute(
      "maxSegmentDuration",
      xsDuration(microseconds: max(longest, segmentMicroseconds) + 999)
    )
    if !snapshot.isEnded, unit.isLowLatency { writeServiceDescription(&xml) }
    let origin =
      snapshot.isEnded
      ? periods.first?.anchor.time.microseconds ?? 0 : constants.zero.microseconds
    for period in periods { write(period, origin: origin, to: &xml) }
    if !snapshot.isEnded {
      xml.element("UTCTiming", [("schemeIdUri", clockScheme), ("value", timeURL)])
    }
    xml.end()
    return xml.finish()
  }

  /// How long before a segment is whole a request for it is answered, in milliseconds; nil where that
  /// is not before: a part is a segment, or parts are asked for, each of which is whole when it comes.
  var earlyMilliseconds: Int64? {
    let lead =
      snapshot.constants.segmentLength.rounded(toScale: 1000)
      - Int64(snapshot.constants.partTargetMilliseconds)
    return unit == .segment && !snapshot.isEnded && lead > 0 ? lead : nil
  }

  private var profiles: String {
    if unit == .part {
      return "urn:mpeg:dash:profile:advanced-linear:2025,urn:mpeg:dash:profile:cmaf:2019"
    }
    let base = "urn:mpeg:dash:profile:isoff-live:2011,urn:mpeg:dash:profile:cmaf:2019"
    guard earlyMilliseconds != nil else { return base }
    return base + ",http://www.dashif.org/guidelines/low-latency-live-v5"
  }

  var clockScheme: String { "urn:mpeg:dash:utc:http-iso:2014" }

  private func totalDuration(_ periods: [Period]) -> Int64 {
    guard let first = periods.first else { return 0 }
    let ends = periods.flatMap { $0.segments.joined() }.map(\.endTime.microseconds)
    return (ends.max() ?? 0) - first.anchor.time.microseconds
  }

  private func writeServiceDescription(_ xml: inout XMLWriter) {
    let target = lowLatency.partHoldBackMilliseconds + snapshot.constants.publishDelayMilliseconds
    xml.start("ServiceDescription")
    xml.attribute("id", "0")
    xml.element(
      "Latency",
      [
        ("target", String(target)), ("min", String(target * 3 / 5)),
        ("max", String(target * 4)),
      ]
    )
    xml.element("PlaybackRate", [("max", "1.04"), ("min", "0.96")])
    xml.end()
  }

}
