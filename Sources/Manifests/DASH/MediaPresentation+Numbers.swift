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

  /// The first number of a Period, and its time, whatever of it is still listed.
  func numbered(
    _ start: PresentationSnapshot.PeriodStart,
    _ segments: [[Segment]]
  ) -> PresentationSnapshot.PeriodStart {
    let length = snapshot.constants.segmentLength
    let index = segments.firstIndex { $0.first?.timescale == length.timescale }
    guard let index, length.ticks > 0, let lead = segments[index].first else {
      return PresentationSnapshot.PeriodStart(
        number: start.number,
        epoch: start.epoch,
        start: MediaTime(
          ticks: start.start.rounded(toScale: length.timescale),
          timescale: length.timescale
        ),
        extraDelay: start.extraDelay
      )
    }
    // What is over begins with what is listed.
    let number = snapshot.isEnded ? lead.number : start.number
    let ticks = grid(
      of: snapshot.renditions[index],
      near: lead.start - (lead.number - number) * length.ticks,
      timescale: length.timescale
    )
    return PresentationSnapshot.PeriodStart(
      number: number,
      epoch: start.epoch,
      start: MediaTime(ticks: max(0, ticks), timescale: length.timescale)
    )
  }

  /// Where slots of sound without groups begin: at whole lengths, which each segment misses by some
  /// frames in its own way.
  func grid(of lead: RenditionSnapshot, near ticks: Int64, timescale: UInt32) -> Int64 {
    guard lead.info.kind == .audio else { return ticks }
    let length = max(1, snapshot.constants.segmentLength.rounded(toScale: timescale))
    let whole = (ticks + length / 2) / length * length
    return abs(ticks - whole) <= 2 * lead.chunkDuration ? whole : ticks
  }

  /// What a rendition's numbers are counted in: its own timescale where the length of a segment is a whole
  /// number in that, else the lead's, as the length is multiplied by numbers that grow.
  func numberTimescale(of info: RenditionInfo) -> UInt32 {
    let length = snapshot.constants.segmentLength
    let (product, isTooLarge) = length.ticks.multipliedReportingOverflow(by: Int64(info.timescale))
    return isTooLarge || product % Int64(length.timescale) != 0 ? length.timescale : info.timescale
  }

  func writeNumbers(
    _ info: RenditionInfo,
    _ segments: [Segment],
    _ period: Period,
    base: String,
    _ xml: inout XMLWriter
  ) {
    let timescale = numberTimescale(of: info)
    xml.start("SegmentTemplate")
    xml.attribute("timescale", String(timescale))
    xml.attribute(
      "duration",
      String(snapshot.constants.segmentLength.rounded(toScale: timescale))
    )
    xml.attribute("startNumber", String(period.anchor.number))
    if !period.isCurrent, let last = segments.last {
      xml.attribute("endNumber", String(last.number))
    }
    xml.attribute(
      "presentationTimeOffset",
      String(offset(of: period, timescale: timescale))
    )
    if let initSegment = segments.first?.initSegment {
      xml.attribute("initialization", base + MediaPath.initSegment(initSegment))
    }
    xml.attribute(
      "media",
      base + MediaPath.numberedSegments(segments.last?.epoch ?? period.start.epoch)
    )
    xml.end()
  }
}
