internal import CMAF
internal import Packaging
internal import Wire

/// Which segments are listed, and in which Periods.
extension MediaPresentation {
  /// One run of segments: a Period.
  struct Period {
    let id: String
    let start: PresentationSnapshot.PeriodStart
    /// Where its times and numbers count from: its start, unless segments are numbered.
    let anchor: PresentationSnapshot.PeriodStart
    /// Whether segments may be added to it.
    let isCurrent: Bool
    /// Segments by rendition, in the snapshot's order; gaps left out.
    ///
    /// Empty for a rendition that has nothing here, which is then left out.
    let segments: [[Segment]]
    /// The Period before it, when that is known; nil at the first.
    let predecessor: PresentationSnapshot.PeriodStart?
  }

  /// By the number of its first segment; but when a bridge joined names nothing.
  func id(of period: PresentationSnapshot.PeriodStart) -> String {
    "\(period.epoch.name)-\(period.start.ticks == 0 ? 0 : period.number)"
  }

  /// The listed segments by Period.
  ///
  /// What a Period of another rendition lacks, it lacks too.
  func periods() -> [Period] {
    // Parts, which come without changing the MPD, don't move it.
    let edge =
      snapshot.wholeEnd?.microseconds
      ?? snapshot.renditions.compactMap { $0.segments.last?.endTime.microseconds }.max() ?? 0
    // ffmpeg 5.1 begins 60 s before the end and goes astray when that is the first segment listed: some
    // that have left the window, but are still served, stay in front.
    let margin = snapshot.constants.segmentLength.rounded(toScale: 1_000_000) * 4
    let horizon = edge - snapshot.constants.window.nanoseconds / 1000 - margin
    let gaps = Set(
      snapshot.renditions.flatMap { rendition in
        rendition.segments.lazy.filter {
          $0.isGap && rendition.shownNumbers.contains($0.number)
        }.map(\.number)
      }
    )
    // The listed numbers are those that every rendition with media can serve.
    var periods: [Period] = []
    for (index, start) in snapshot.periods.enumerated() {
      let end = index + 1 < snapshot.periods.count ? snapshot.periods[index + 1].number : .max
      let segments = snapshot.renditions.map { rendition -> [Segment] in
        guard rendition.isShown(in: start) else { return [] }
        return rendition.segments.filter { segment in
          segment.number >= start.number && segment.number < end && !gaps.contains(segment.number)
            && segment.endTime.microseconds > horizon
            && (segment.isComplete
              || unit != .wholeSegment && index == snapshot.periods.count - 1
                && !segment.parts.isEmpty)
        }
      }
      guard isListable(start, end: end, segments, gaps) else { continue }
      // A static presentation is played from its beginning, which must be media.
      let isTrimmed = snapshot.isEnded && periods.isEmpty
      let shown = isTrimmed ? trimmed(start, to: segments) : start
      periods.append(
        Period(
          id: id(of: start),
          start: shown,
          anchor: unit == .number ? numbered(shown, segments) : shown,
          isCurrent: end == .max && !snapshot.isEnded,
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
    let shown = zip(snapshot.renditions, segments).filter { $0.0.isShown(in: start) }
    if end == .max {
      return snapshot.periods.count == 1 || segments.joined().contains(where: \.isComplete)
        || shown.allSatisfy { !$0.1.isEmpty }
    }
    return shown.allSatisfy { rendition, listed in
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
      return snapshot.renditions.contains {
        $0.isShown(in: snapshot.periods[earlier]) && has($0, mediaIn: numbers, gaps)
      }
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
}

extension RenditionSnapshot {
  /// Whether a Period has the rendition, from its beginning to its end.
  func isShown(in period: PresentationSnapshot.PeriodStart) -> Bool {
    shownNumbers.contains(period.number)
  }
}
