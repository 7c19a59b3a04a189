internal import Wire

/// What the media of segments shows beside the playlist that lists it.
enum MediaTimeRules {
  /// Judges one segment.
  static func judge(_ facts: SegmentFacts, subject: String, into ledger: inout Ledger) {
    let error = abs(facts.listedDuration - facts.microseconds(facts.duration))
    ledger.expect(
      "HLS-015",
      error <= 1000,
      subject,
      "EXTINF of segment \(facts.number) is \(error) µs off its samples"
    )
  }

  /// Judges a segment beside the one that comes right before it in the playlist.
  static func judge(
    _ next: SegmentFacts,
    after previous: SegmentFacts,
    subject: String,
    into ledger: inout Ledger
  ) {
    precondition(next.number == previous.number + 1, "neighbours have neighbouring numbers")
    let isMarked = next.discontinuity != previous.discontinuity
    let gap = next.microseconds(next.start) - previous.microseconds(previous.end)
    let isContinuous = abs(gap) <= 1000
    let isSame = next.initHash == previous.initHash && next.timescale == previous.timescale
    let place = "between segments \(previous.number) and \(next.number)"
    if isMarked {
      ledger.expect(
        "HLS-033",
        gap >= -1000,
        subject,
        "media time moves \(gap) µs across the discontinuity \(place)"
      )
      let isLinear = datesAreLinear(next, previous)
      ledger.expect(
        "HLS-028",
        !(isContinuous && isSame && isLinear),
        subject,
        "a discontinuity \(place); \(isContinuous ? "media goes on" : "media time jumps")"
      )
      return
    }
    ledger.expect(
      "HLS-028",
      isContinuous && isSame,
      subject,
      "no discontinuity \(place), media time jumps \(gap) µs,"
        + " the init \(isSame ? "stays" : "changes")"
    )
    if let offset = next.offset, let before = previous.offset {
      ledger.expect(
        "HLS-025",
        abs(offset - before) <= 10_000,
        subject,
        "dates move \(offset - before) µs against the media \(place)"
      )
    }
  }

  private static func datesAreLinear(_ next: SegmentFacts, _ previous: SegmentFacts) -> Bool {
    guard let date = next.date, let before = previous.date else { return true }
    let error = date.microseconds - before.advanced(by: previous.listedDuration).microseconds
    return abs(error) <= 10_000
  }

  /// Judges the error that EXTINF accumulates over a run of neighbours without a discontinuity.
  static func judgeDrift(_ run: [SegmentFacts], subject: String, into ledger: inout Ledger) {
    guard run.count > 1, let first = run.first else { return }
    let listed = run.reduce(Int64(0)) { $0 + $1.listedDuration }
    let sampled = first.microseconds(run.reduce(Int64(0)) { $0 + $1.duration })
    ledger.expect(
      "HLS-015",
      abs(listed - sampled) < max(1000, first.microseconds(first.frame)),
      subject,
      "EXTINF of \(run.count) segments adds up to \(listed - sampled) µs more than the samples"
    )
  }

  /// The highest bit rate over windows of half to one and a half target durations; nil when no
  /// window is full.
  ///
  /// `run` are neighbours in order.
  static func peakRate(_ run: [SegmentFacts], targetDuration: Int) -> Int? {
    let target = Int64(targetDuration) * 1_000_000
    var peak: Int?
    for start in run.indices {
      var bytes = 0
      var duration: Int64 = 0
      for segment in run[start...] {
        bytes += segment.bytes
        duration += segment.listedDuration
        guard duration <= target * 3 / 2 else { break }
        guard duration >= target / 2, duration > 0 else { continue }
        peak = max(peak ?? 0, Int(Int128(bytes) * 8_000_000 / Int128(duration)))
      }
    }
    return peak
  }

  /// Judges BANDWIDTH beside the measured peaks of a variant and of its largest audio rendition.
  static func judgeBandwidth(
    _ bandwidth: Int,
    peak: Int,
    subject: String,
    into ledger: inout Ledger
  ) {
    // A live encoder may run a tenth over.
    ledger.expect(
      "HLS-009",
      peak <= bandwidth + bandwidth / 10,
      subject,
      "BANDWIDTH \(bandwidth), peak \(peak)"
    )
  }
}
