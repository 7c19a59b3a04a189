internal import Wire

/// What the media of one whole segment turned out to be.
struct SegmentFacts: Equatable, Sendable {
  var number: Int
  var discontinuity: Int
  /// Units per second of the times below; above 0.
  var timescale: UInt32
  /// The first chunk's decode time.
  var start: Int64
  /// The earliest presentation time.
  var presentation: Int64
  /// The sum of the samples' durations.
  var duration: Int64
  /// The longest sample.
  var frame: Int64
  var startsIndependent: Bool
  var bytes: Int
  /// What the init segment's content is known by.
  var initHash: Bytes
  /// EXTINF in microseconds.
  var listedDuration: Int64
  /// Where the playlist puts its begin.
  var date: UTCTime?

  /// A number of ticks in microseconds, rounded towards zero; times past 36,000 years stop there, so
  /// that sums of some fit.
  func microseconds(_ ticks: Int64) -> Int64 {
    let product = Int128(ticks) * 1_000_000 / Int128(max(1, timescale))
    return Int64(max(-1 << 60, min(product, 1 << 60)))
  }

  /// Program date minus media time, in microseconds; nil without a date.
  var offset: Int64? {
    date.map {
      $0.microseconds.subtractingReportingOverflow(microseconds(presentation)).partialValue
    }
  }

  /// Where the segment ends, on its own clock.
  var end: Int64 { start.addingReportingOverflow(duration).partialValue }
}
