internal import Wire

/// The rules on when a segment is, and on what stands at its head.
extension CMAFRules {
  /// Brands that say what kind of segment or chunk follows.
  private static let segmentBrands: Set<String> = ["msdh", "msix", "cmfs", "cmff", "cmfl"]
  /// How far `prft` may be from the manifest's wall clock.
  static let wallClockTolerance = Interval.seconds(1)

  /// CMAF-013 and CMAF-016: what stands before a segment's first chunk.
  static func judgeStart(
    _ segment: MediaSegment,
    of track: HeaderTrack,
    _ expectation: SegmentExpectation,
    _ subject: String,
    _ ledger: inout Ledger
  ) {
    ledger.expect(
      "CMAF-016",
      segment.topLevelTypes.first == "styp" && !segmentBrands.isDisjoint(with: segment.brands),
      subject,
      segment.brands.isEmpty ? "no styp" : "styp \(segment.brands.joined(separator: " "))"
    )
    guard let first = segment.chunks.first else { return }
    guard let time = first.preamble.producerTimes.first else {
      ledger.record("CMAF-013", .fail, subject, "no prft before the first moof")
      return
    }
    var faults: [String] = []
    if time.mediaTime != first.start {
      faults.append("media time \(time.mediaTime) at tfdt \(first.start.map(String.init) ?? "-")")
    }
    if let expected = expectation.wallClock {
      let (difference, overflow) = time.wallClock.microseconds
        .subtractingReportingOverflow(expected.microseconds)
      if overflow || difference.magnitude > UInt64(wallClockTolerance.nanoseconds / 1000) {
        faults.append("\(difference / 1000) ms from the manifest's wall clock")
      }
    }
    ledger.expect(
      "CMAF-013",
      faults.isEmpty,
      subject,
      faults.isEmpty ? "prft agrees" : faults.joined(separator: "; ")
    )
  }

  /// CMAF-010 and CMAF-017: a segment is when it says, for as long as the manifest says.
  static func judgeTimes(
    _ segment: MediaSegment,
    of track: HeaderTrack,
    _ expectation: SegmentExpectation,
    _ subject: String,
    _ ledger: inout Ledger
  ) {
    guard let start = segment.start else { return }
    if expectation.place == .wholeSegment, let earliest = segment.earliestPresentation {
      let (presented, overflow) = earliest.subtractingReportingOverflow(track.presentationOffset)
      ledger.expect(
        "CMAF-010",
        !overflow && presented == start,
        subject,
        "earliest presentation \(presented), decode time \(start)"
      )
    }
    if let (declared, tolerance) = expectation.duration, track.timescale > 0 {
      let actual = TrackTime(ticks: segment.duration, timescale: track.timescale)
      let isRight =
        tolerance == .zero
        ? actual.isSame(as: declared) : !(tolerance < actual.distance(to: declared))
      ledger.expect(
        "CMAF-017",
        isRight,
        subject,
        "samples last \(actual), the manifest says \(declared)"
      )
    }
  }
}
