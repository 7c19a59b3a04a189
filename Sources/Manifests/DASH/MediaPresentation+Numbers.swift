internal import CMAF
internal import Packaging
internal import Wire
internal import XML

/// Segments that are named by number, ISO/IEC 23009-1 §5.3.9.5.3.
extension MediaPresentation {
  /// Whether every listed segment is where its number puts it, to half a segment as players may expect.
  ///
  /// It is not so where groups of pictures differ in length.
  package var isNumbered: Bool {
    let length = snapshot.constants.segmentLength
    return periods().allSatisfy { period in
      let anchor = numbered(period.start, period.segments)
      return zip(snapshot.renditions, period.segments).allSatisfy { rendition, segments in
        segments.allSatisfy { segment in
          let expected = MediaTime(
            ticks: anchor.start.ticks + (segment.number - anchor.number) * length.ticks,
            timescale: length.timescale
          ).rounded(toScale: segment.timescale)
          return 2 * abs(segment.start - expected) <= length.rounded(toScale: segment.timescale)
        }
      }
    }
  }

  /// The first number of a Period, and its time, in the timescale that all renditions are counted in.
  ///
  /// The first Period of a bridge begins with media time 0, or with number 0 where that is later:
  /// neither depends on what is listed.
  func numbered(
    _ start: PresentationSnapshot.PeriodStart,
    _ segments: [[Segment]]
  ) -> PresentationSnapshot.PeriodStart {
    let length = snapshot.constants.segmentLength
    let index = segments.firstIndex { $0.first?.timescale == length.timescale }
    guard let index, length.ticks > 0, let lead = segments[index].first, lead.start >= 0 else {
      return start
    }
    let isFirst = start.start.ticks == 0
    // Of what is over the numbers need not be the same tomorrow.
    let number =
      snapshot.isEnded
      ? lead.number
      : isFirst ? max(0, lead.number - lead.start / length.ticks) : start.number
    let ticks = lead.start - (lead.number - number) * length.ticks
    return PresentationSnapshot.PeriodStart(
      number: number,
      epoch: start.epoch,
      start: MediaTime(
        ticks: isFirst ? grid(of: snapshot.renditions[index], near: ticks) : ticks,
        timescale: length.timescale
      )
    )
  }

  /// Where slots of sound without groups begin: at whole lengths, which each segment misses by some
  /// frames in its own way.
  private func grid(of lead: RenditionSnapshot, near ticks: Int64) -> Int64 {
    guard lead.info.kind == .audio else { return ticks }
    let length = snapshot.constants.segmentLength.ticks
    let whole = (ticks + length / 2) / length * length
    return abs(ticks - whole) <= 2 * lead.chunkDuration ? whole : ticks
  }

  /// All renditions count in the timescale in which a segment's length is a whole number: it is
  /// multiplied by numbers that are large.
  func writeNumbers(_ segments: [Segment], _ period: Period, base: String, _ xml: inout XMLWriter) {
    let length = snapshot.constants.segmentLength
    xml.start("SegmentTemplate")
    xml.attribute("timescale", String(length.timescale))
    xml.attribute("duration", String(length.ticks))
    xml.attribute("startNumber", String(period.anchor.number))
    if !period.isCurrent, let last = segments.last {
      xml.attribute("endNumber", String(last.number))
    }
    xml.attribute(
      "presentationTimeOffset",
      String(offset(of: period, timescale: length.timescale))
    )
    if let initSegment = segments.first?.initSegment {
      xml.attribute("initialization", base + MediaPath.initSegment(initSegment))
    }
    xml.attribute("media", base + MediaPath.numberedSegments(period.start.epoch))
    xml.end()
  }
}
