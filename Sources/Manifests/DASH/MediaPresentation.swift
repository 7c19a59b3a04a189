internal import CMAF
package import Packaging
package import Wire
internal import XML

/// Renders the MPD of a broadcast, for normal and low latency alike.
///
/// ISO/IEC 23009-1 §5.
///
/// Availability counts from media time 0 of the first epoch, so that the first Period starts at 0 with no
/// offset: GStreamer adds a Period's start once too often to what it seeks in a timeline. Times name
/// segments (`$Time$`), so no number is needed.
package struct MediaPresentation {
  private let snapshot: PresentationSnapshot
  private let timeURL: String
  private let publishTime: UTCTime
  private let lowLatency: LowLatency

  /// - Parameters:
  ///   - snapshot: what to describe; it must hold a segment.
  ///   - timeURL: the absolute URL of the clock that players set theirs by.
  ///   - publishTime: when this state of the broadcast came to be.
  package init(_ snapshot: PresentationSnapshot, timeURL: String, publishTime: UTCTime) {
    self.snapshot = snapshot
    self.timeURL = timeURL
    self.publishTime = publishTime
    lowLatency = LowLatency(snapshot.constants)
  }

  /// One run of segments: a Period.
  private struct Period {
    let start: PresentationSnapshot.PeriodStart
    /// Segments by rendition, in the snapshot's order; gaps left out.
    ///
    /// Empty for a rendition that has nothing here, which is then left out.
    let segments: [[Segment]]
    /// The Period before it, when that is known; nil at the first.
    let predecessor: PresentationSnapshot.PeriodStart?
  }

  private func id(of period: PresentationSnapshot.PeriodStart) -> String {
    "\(period.epoch.name)-\(period.number)"
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
    let longest =
      periods.flatMap { $0.segments.joined() }.map { segment in
        MediaTime(ticks: segment.end - segment.start, timescale: segment.timescale)
          .rounded(toScale: 1_000_000)
      }.max() ?? segmentMicroseconds
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
    if !snapshot.isEnded { writeServiceDescription(&xml) }
    let origin =
      snapshot.isEnded
      ? periods.first?.start.time.microseconds ?? 0 : constants.zero.microseconds
    for period in periods { write(period, origin: origin, to: &xml) }
    if !snapshot.isEnded {
      xml.element("UTCTiming", [("schemeIdUri", clockScheme), ("value", timeURL)])
    }
    xml.end()
    return xml.finish()
  }

  /// How long before a segment is whole its first part is there, in milliseconds; 0 or less where
  /// a part is a segment.
  private var earlyMilliseconds: Int64 {
    snapshot.constants.segmentLength.rounded(toScale: 1000)
      - Int64(snapshot.constants.partTargetMilliseconds)
  }

  private var profiles: String {
    let base = "urn:mpeg:dash:profile:isoff-live:2011,urn:mpeg:dash:profile:cmaf:2019"
    guard !snapshot.isEnded, earlyMilliseconds > 0 else { return base }
    return base + ",http://www.dashif.org/guidelines/low-latency-live-v5"
  }

  private var clockScheme: String { "urn:mpeg:dash:utc:http-iso:2014" }

  private func totalDuration(_ periods: [Period]) -> Int64 {
    guard let first = periods.first else { return 0 }
    let ends = periods.flatMap { $0.segments.joined() }.map(\.endTime.microseconds)
    return (ends.max() ?? 0) - first.start.time.microseconds
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

  /// The listed segments by Period.
  ///
  /// What a Period of another rendition lacks, it lacks too.
  private func periods() -> [Period] {
    let edge = snapshot.renditions.compactMap { $0.segments.last?.endTime.microseconds }.max() ?? 0
    // ffmpeg 5.1 begins 60 s before the end and goes astray when that is the first segment listed: some
    // that have left the window, but are still served, stay in front.
    let margin = snapshot.constants.segmentLength.rounded(toScale: 1_000_000) * 4
    let horizon = edge - snapshot.constants.window.nanoseconds / 1000 - margin
    let gaps = Set(snapshot.renditions.flatMap { $0.segments.filter(\.isGap).map(\.number) })
    // The listed numbers are those that every rendition with media can serve.
    var periods: [Period] = []
    for (index, start) in snapshot.periods.enumerated() {
      let end = index + 1 < snapshot.periods.count ? snapshot.periods[index + 1].number : .max
      let segments = snapshot.renditions.map { rendition in
        rendition.segments.filter { segment in
          segment.number >= start.number && segment.number < end && !gaps.contains(segment.number)
            && segment.endTime.microseconds > horizon
            && (segment.isComplete || index == snapshot.periods.count - 1 && !segment.parts.isEmpty)
        }
      }
      guard isListable(start, end: end, segments, gaps) else { continue }
      // A static presentation is played from its beginning, which must be media.
      let isTrimmed = snapshot.isEnded && periods.isEmpty
      periods.append(
        Period(
          start: isTrimmed ? trimmed(start, to: segments) : start,
          segments: segments,
          predecessor: predecessor(ofPeriodAt: index, gaps)
        )
      )
    }
    return periods
  }

  /// Whether a Period shows the same renditions as long as it is listed: not before all have something
  /// in it, unless one takes longer than a segment, and no longer than all have.
  private func isListable(
    _ start: PresentationSnapshot.PeriodStart,
    end: Int64,
    _ segments: [[Segment]],
    _ gaps: Set<Int64>
  ) -> Bool {
    guard segments.contains(where: { !$0.isEmpty }) else { return false }
    if end == .max {
      return snapshot.periods.count == 1 || segments.joined().contains(where: \.isComplete)
        || !segments.contains(where: \.isEmpty)
    }
    return zip(snapshot.renditions, segments).allSatisfy { rendition, listed in
      !listed.isEmpty || !has(rendition, mediaIn: start.number..<end, gaps)
    }
  }

  private func has(
    _ rendition: RenditionSnapshot,
    mediaIn numbers: Range<Int64>,
    _ gaps: Set<Int64>
  ) -> Bool {
    rendition.segments.contains { numbers.contains($0.number) && !gaps.contains($0.number) }
  }

  /// The Period before one, passing over those that lost all their media.
  private func predecessor(
    ofPeriodAt index: Int,
    _ gaps: Set<Int64>
  ) -> PresentationSnapshot.PeriodStart? {
    snapshot.periods.indices.prefix(index).last { earlier in
      let numbers = snapshot.periods[earlier].number..<snapshot.periods[earlier + 1].number
      return snapshot.renditions.contains { has($0, mediaIn: numbers, gaps) }
    }.map { snapshot.periods[$0] }
  }

  /// The start of a Period that has lost its first segments.
  private func trimmed(
    _ start: PresentationSnapshot.PeriodStart,
    to segments: [[Segment]]
  ) -> PresentationSnapshot.PeriodStart {
    let firsts = segments.compactMap(\.first).map { segment in
      MediaTime(ticks: segment.start, timescale: segment.timescale)
    }
    return PresentationSnapshot.PeriodStart(
      number: start.number,
      epoch: start.epoch,
      start: firsts.min() ?? start.start
    )
  }

  private func write(_ period: Period, origin: Int64, to xml: inout XMLWriter) {
    xml.start("Period")
    xml.attribute("id", id(of: period.start))
    xml.attribute(
      "start",
      xsDuration(microseconds: period.start.time.microseconds - origin)
    )
    var setNumber = 0
    for kind in [MediaKind.video, .audio] {
      for members in adaptationSets(of: kind) {
        // A rendition without media here: an empty SegmentTimeline is not valid.
        let present = members.filter { !period.segments[$0].isEmpty }
        if !present.isEmpty { writeSet(present, setNumber: setNumber, period, &xml) }
        // Counted all the same: a set keeps its id over Periods.
        setNumber += 1
      }
    }
    xml.end()
  }

  /// Indices of renditions that a player may switch between: video of one codec family, audio alone
  /// with others of its language and codec.
  private func adaptationSets(of kind: MediaKind) -> [[Int]] {
    var sets: [(key: String, members: [Int])] = []
    for (index, rendition) in snapshot.renditions.enumerated() where rendition.info.kind == kind {
      let info = rendition.info
      let family = info.codec.prefix { $0 != "." }
      let key =
        kind == .video
        ? "\(family)|\(info.role ?? "")"
        : [
          String(family), info.language ?? "", info.role ?? "", String(info.channels),
          info.label ?? info.name,
        ].joined(separator: "|")
      if let found = sets.firstIndex(where: { $0.key == key }) {
        sets[found].members.append(index)
      } else {
        sets.append((key, [index]))
      }
    }
    return sets.map(\.members)
  }

  private func writeSet(
    _ members: [Int],
    setNumber: Int,
    _ period: Period,
    _ xml: inout XMLWriter
  ) {
    let infos = members.map { snapshot.renditions[$0].info }
    let info = infos[0]
    xml.start("AdaptationSet")
    xml.attribute("id", String(setNumber))
    xml.attribute("contentType", info.kind.rawValue)
    xml.attribute("mimeType", info.kind == .video ? "video/mp4" : "audio/mp4")
    if let language = info.language { xml.attribute("lang", language) }
    xml.attribute("segmentAlignment", "true")
    xml.attribute("startWithSAP", "1")
    if info.kind == .video {
      xml.attribute("maxWidth", String(infos.map(\.width).max() ?? 0))
      xml.attribute("maxHeight", String(infos.map(\.height).max() ?? 0))
    }
    writeContinuity(members, period, &xml)
    if !snapshot.isEnded {
      xml.start("ProducerReferenceTime")
      xml.attribute("id", String(setNumber))
      xml.attribute("type", "encoder")
      xml.attribute("wallClockTime", period.start.time.iso8601)
      xml.attribute("presentationTime", String(offset(of: period, timescale: info.timescale)))
      xml.element("UTCTiming", [("schemeIdUri", clockScheme), ("value", timeURL)])
      xml.end()
      xml.element(
        "Resync",
        [
          ("type", info.kind == .video ? "0" : "1"),
          (
            "dT",
            String(
              MediaTime(ticks: Int64(snapshot.constants.partTargetMilliseconds), timescale: 1000)
                .rounded(toScale: info.timescale)
            )
          ),
        ]
      )
    }
    xml.element(
      "Role",
      [
        ("schemeIdUri", "urn:mpeg:dash:role:2011"),
        (
          "value",
          setNumber == 0 || info.kind == .audio && isFirstAudio(members) ? "main" : "alternate"
        ),
      ]
    )
    for index in members { writeRepresentation(index, period, &xml) }
    xml.end()
  }

  /// Tells that a player need not begin anew: the same init segments as in the Period before, and
  /// on the same clock the same timeline too.
  ///
  /// ISO/IEC 23009-1 §5.3.2.4.
  private func writeContinuity(_ members: [Int], _ period: Period, _ xml: inout XMLWriter) {
    guard let before = period.predecessor else { return }
    let isCompatible = members.allSatisfy { index in
      let segments = snapshot.renditions[index].segments
      let earlier = segments.last {
        $0.number < period.start.number && $0.number >= before.number && !$0.parts.isEmpty
      }
      return earlier.map { $0.initSegment == period.segments[index][0].initSegment } ?? false
    }
    guard isCompatible else { return }
    let isContinuous = before.epoch == period.start.epoch
    xml.element(
      "SupplementalProperty",
      [
        (
          "schemeIdUri",
          isContinuous
            ? "urn:mpeg:dash:period-continuity:2015" : "urn:mpeg:dash:period-connectivity:2015"
        ), ("value", id(of: before)),
      ]
    )
  }

  private func isFirstAudio(_ members: [Int]) -> Bool {
    snapshot.renditions.firstIndex { $0.info.kind == .audio } == members[0]
  }

  /// The decode time that stands at the Period's start.
  private func offset(of period: Period, timescale: UInt32) -> Int64 {
    period.start.start.rounded(toScale: timescale)
  }

  private func writeRepresentation(_ index: Int, _ period: Period, _ xml: inout XMLWriter) {
    let rendition = snapshot.renditions[index]
    let info = rendition.info
    let segments = period.segments[index]
    xml.start("Representation")
    xml.attribute("id", MediaPath.encoded(info.name))
    xml.attribute(
      "bandwidth",
      String(
        max(
          1,
          MultivariantPlaylist.rate(
            declared: info.declaredBitrate,
            measured: rendition.peakBitrate
          )
        )
      )
    )
    xml.attribute("codecs", info.codec)
    if info.kind == .video {
      xml.attribute("width", String(info.width))
      xml.attribute("height", String(info.height))
      if let rate = info.frameRate {
        xml.attribute(
          "frameRate",
          rate.denominator == 1 ? "\(rate.numerator)" : "\(rate.numerator)/\(rate.denominator)"
        )
      }
    } else if info.sampleRate > 0 {
      xml.attribute("audioSamplingRate", String(info.sampleRate))
      xml.element(
        "AudioChannelConfiguration",
        [
          ("schemeIdUri", "urn:mpeg:dash:23003:3:audio_channel_configuration:2011"),
          ("value", String(info.channels)),
        ]
      )
    }
    writeTemplate(rendition, segments, period, &xml)
    xml.end()
  }

  private func writeTemplate(
    _ rendition: RenditionSnapshot,
    _ segments: [Segment],
    _ period: Period,
    _ xml: inout XMLWriter
  ) {
    let info = rendition.info
    let base = MediaPath.encoded(info.name) + "/"
    xml.start("SegmentTemplate")
    xml.attribute("timescale", String(info.timescale))
    xml.attribute(
      "presentationTimeOffset",
      String(offset(of: period, timescale: info.timescale))
    )
    if !snapshot.isEnded, earlyMilliseconds > 0 {
      var text = TextWriter(reserving: 8)
      text.write(milliseconds: Int(earlyMilliseconds))
      xml.attribute("availabilityTimeOffset", text.result.text)
      // The literal that dash.js looks for.
      xml.attribute("availabilityTimeComplete", "false")
    }
    if let initSegment = segments.first?.initSegment {
      xml.attribute("initialization", base + MediaPath.initSegment(initSegment))
    }
    xml.attribute("media", base + "\(period.start.epoch.name)/segment/$Time$.m4s")
    xml.start("SegmentTimeline")
    writeTimeline(rendition, segments, &xml)
    xml.end()
    xml.end()
  }

  /// Runs of equal durations, ISO/IEC 23009-1 §5.3.9.6; each run names its start.
  private func writeTimeline(
    _ rendition: RenditionSnapshot,
    _ segments: [Segment],
    _ xml: inout XMLWriter
  ) {
    var segments = segments
    // The segment to come is named as soon as its start is known: a request for it is held, and
    // ffmpeg, which reads the list anew after each segment, loses its place in one that has not grown.
    if !snapshot.isEnded, let last = segments.last, last.isComplete,
      last.number == rendition.segments.last?.number
    {
      segments.append(
        Segment(
          number: last.number + 1, epoch: last.epoch, initSegment: last.initSegment,
          timescale: last.timescale, start: last.end, isDiscontinuity: false,
          discontinuitySequence: last.discontinuitySequence))
    }
    var runs: [(start: Int64, duration: Int64, count: Int)] = []
    for segment in segments {
      let duration =
        segment.duration
        ?? max(segment.end - segment.start, plannedDuration(segment, rendition))
      guard duration > 0 else { continue }
      if let last = runs.last, last.duration == duration,
        last.start + last.duration * Int64(last.count) == segment.start
      {
        runs[runs.count - 1].count += 1
      } else {
        runs.append((segment.start, duration, 1))
      }
    }
    for run in runs {
      xml.start("S")
      xml.attribute("t", String(run.start))
      xml.attribute("d", String(run.duration))
      if run.count > 1 { xml.attribute("r", String(run.count - 1)) }
      xml.end()
    }
  }

  /// The duration that a growing segment will have when groups keep their length.
  private func plannedDuration(_ segment: Segment, _ rendition: RenditionSnapshot) -> Int64 {
    let length = snapshot.constants.segmentLength
    let lead = snapshot.renditions.first { $0.info.timescale == length.timescale } ?? rendition
    let nominal = length.rounded(toScale: segment.timescale)
    guard rendition.info.kind == .audio, rendition.chunkDuration > 0 else { return nominal }
    // Audio ends with the frame that straddles the lead's boundary, if its middle lies before it.
    // The lead may not have come to that segment yet.
    guard
      let sibling = lead.segments.last(where: { $0.number <= segment.number }),
      sibling.timescale == length.timescale, sibling.epoch == segment.epoch,
      segment.number - sibling.number <= 1
    else { return nominal }
    let ahead = segment.number - sibling.number + 1
    let boundary = MediaTime(
      ticks: sibling.start + length.ticks * ahead,
      timescale: length.timescale
    ).rounded(toScale: segment.timescale)
    let frame = rendition.chunkDuration
    let rest = boundary - segment.start - frame / 2
    return max(frame, (rest + frame - 1) / frame * frame)
  }
}
