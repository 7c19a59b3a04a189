internal import CMAF
internal import Packaging
internal import Wire
internal import XML

/// The names and times of segments.
extension MediaPresentation {
  func writeTemplate(
    _ rendition: RenditionSnapshot,
    _ info: RenditionInfo,
    _ segments: [Segment],
    _ period: Period,
    _ xml: inout XMLWriter
  ) {
    let base = MediaPath.encoded(info.name) + "/"
    guard unit != .number else { return writeNumbers(info, segments, period, base: base, &xml) }
    xml.start("SegmentTemplate")
    xml.attribute("timescale", String(info.timescale))
    xml.attribute(
      "presentationTimeOffset",
      String(offset(of: period, timescale: info.timescale))
    )
    if let earlyMilliseconds {
      var text = TextWriter(reserving: 8)
      text.write(milliseconds: Int(earlyMilliseconds))
      xml.attribute("availabilityTimeOffset", text.result.text)
      // The literal that dash.js looks for.
      xml.attribute("availabilityTimeComplete", "false")
    }
    if let initSegment = segments.first?.initSegment {
      xml.attribute("initialization", base + MediaPath.initSegment(initSegment))
    }
    let name = unit == .part ? "$Time$/$SubNumber$" : "$Time$"
    let epoch = segments.last?.epoch ?? period.start.epoch
    xml.attribute("media", base + "\(epoch.name)/segment/\(name).m4s")
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
    for run in runs(rendition, segments) {
      xml.start("S")
      xml.attribute("t", String(run.start))
      xml.attribute("d", String(run.duration))
      if run.count > 1 { xml.attribute("r", String(run.count - 1)) }
      if unit == .part { xml.attribute("k", String(run.partCount)) }
      xml.end()
    }
  }

  /// The longest segment that is named, in microseconds rounded up; nil when none is.
  func longestDuration(_ periods: [Period]) -> Int64? {
    let durations = periods.flatMap { period in
      zip(snapshot.renditions, period.segments).flatMap { rendition, segments in
        let timescale = segments.last?.timescale ?? rendition.info.timescale
        return runs(rendition, segments).map { run in
          // Rounded down by less than one.
          MediaTime(ticks: run.duration, timescale: timescale).rounded(toScale: 1_000_000) + 1
        }
      }
    }
    return durations.max()
  }

  /// Equal segments, one after the other.
  struct Run {
    let start: Int64
    let duration: Int64
    /// Of each segment.
    let partCount: Int
    var count = 1
  }

  /// Whether it is known already that a Period begins behind a segment.
  private func endsPeriod(_ number: Int64) -> Bool {
    snapshot.renditions.contains { rendition in
      rendition.shownNumbers.lowerBound == number + 1
        || rendition.shownNumbers.upperBound == number + 1
    }
  }

  func runs(_ rendition: RenditionSnapshot, _ segments: [Segment]) -> [Run] {
    var segments = segments
    // The segment to come is named as soon as its start is known: a request for it is held, and
    // ffmpeg, which reads the list anew after each segment, loses its place in one that has not grown.
    if !snapshot.isOver(rendition), unit != .wholeSegment, let last = segments.last,
      last.isComplete, last.number == rendition.segments.last?.number,
      !endsPeriod(last.number)
    {
      segments.append(
        Segment(
          number: last.number + 1,
          epoch: last.epoch,
          initSegment: last.initSegment,
          timescale: last.timescale,
          start: last.end,
          isDiscontinuity: false,
          discontinuitySequence: last.discontinuitySequence
        )
      )
    }
    var runs: [Run] = []
    for segment in segments {
      let duration =
        segment.duration
        ?? max(segment.end - segment.start, plannedDuration(segment, rendition))
      guard duration > 0 else { continue }
      let partCount =
        unit != .part
        ? 0
        : segment.isComplete
          ? segment.parts.count
          : max(segment.parts.count, plannedPartCount(of: duration, rendition))
      if let last = runs.last, last.duration == duration, last.partCount == partCount,
        last.start + last.duration * Int64(last.count) == segment.start
      {
        runs[runs.count - 1].count += 1
      } else {
        runs.append(Run(start: segment.start, duration: duration, partCount: partCount))
      }
    }
    return runs
  }

  /// How many parts a growing segment of a duration will have when chunks keep their length.
  private func plannedPartCount(of duration: Int64, _ rendition: RenditionSnapshot) -> Int {
    let target =
      Int64(snapshot.constants.partTargetMilliseconds) * Int64(rendition.info.timescale) / 1000
    let chunk = max(1, rendition.chunkDuration)
    let part = max(chunk, target / chunk * chunk)
    return Int((duration + part - 1) / part)
  }

  /// The duration that a growing segment will have when groups keep their length.
  private func plannedDuration(_ segment: Segment, _ rendition: RenditionSnapshot) -> Int64 {
    let length = snapshot.constants.segmentLength
    let lead =
      snapshot.renditions.first {
        $0.info.timescale == length.timescale && $0.shownNumbers.contains(segment.number)
      }
      ?? snapshot.renditions.first {
        $0.info.kind == .video && $0.shownNumbers.contains(segment.number)
      } ?? rendition
    let nominal = length.rounded(toScale: segment.timescale)
    guard rendition.info.kind == .audio, rendition.chunkDuration > 0 else { return nominal }
    // Audio ends with the frame that straddles the lead's boundary, if its middle lies before it.
    // The lead may not have come to that segment yet.
    guard
      let sibling = lead.segments.last(where: { $0.number <= segment.number }),
      sibling.epoch == segment.epoch,
      segment.number - sibling.number <= 1
    else { return nominal }
    let ahead = segment.number - sibling.number + 1
    let boundary = MediaTime(
      ticks: grid(of: lead, near: sibling.start, timescale: sibling.timescale)
        + length.rounded(toScale: sibling.timescale) * ahead,
      timescale: sibling.timescale
    ).rounded(toScale: segment.timescale)
    let frame = rendition.chunkDuration
    // Sound that leads goes on to the first frame that is not more than a quarter early.
    let isLead = lead.info.name == rendition.info.name
    let rest = boundary - segment.start - (isLead ? frame / 4 : frame / 2)
    return max(frame, (rest + frame - 1) / frame * frame)
  }
}
