internal import Wire

/// A time or duration on a track's own clock: `ticks` in units of 1/`timescale` second.
struct TrackTime: Sendable, Hashable, CustomStringConvertible {
  var ticks: Int64
  /// Above 0.
  let timescale: UInt32

  /// `timescale` must be above 0.
  init(ticks: Int64, timescale: UInt32) {
    precondition(timescale > 0, "a timescale is positive")
    self.ticks = ticks
    self.timescale = timescale
  }

  /// Rounded to the nearest nanosecond; times past 292 years stop there.
  var nanoseconds: Int64 {
    let (whole, rest) = ticks.quotientAndRemainder(dividingBy: Int64(timescale))
    let (seconds, overflow) = whole.multipliedReportingOverflow(by: 1_000_000_000)
    let part = (rest * 1_000_000_000 + Int64(timescale) / 2) / Int64(timescale)
    let (sum, overflows) = seconds.addingReportingOverflow(part)
    return overflow || overflows ? (ticks < 0 ? .min / 2 : .max / 2) : sum
  }

  /// Rounded to the nearest nanosecond, as far as 146 years.
  var interval: Interval {
    Interval(nanoseconds: min(max(nanoseconds, .min / 2), .max / 2))
  }

  /// Whether both are the same time, whatever their timescales.
  func isSame(as other: TrackTime) -> Bool {
    Int128(ticks) * Int128(other.timescale) == Int128(other.ticks) * Int128(timescale)
  }

  /// The size of the difference; never negative.
  func distance(to other: TrackTime) -> Interval {
    let difference = interval.nanoseconds.subtractingReportingOverflow(other.interval.nanoseconds)
    return Interval(nanoseconds: difference.overflow ? .max / 2 : abs(difference.partialValue))
  }

  var description: String { "\(ticks)/\(timescale) s" }
}
