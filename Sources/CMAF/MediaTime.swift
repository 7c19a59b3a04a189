/// A media timestamp or duration: `ticks` in units of 1/`timescale` second, exact.
///
/// Equality and order compare the times, so 1/2 s equals 2/4 s.
package struct MediaTime: Sendable {
  package var ticks: Int64
  /// Ticks per second, above 0.
  package let timescale: UInt32

  /// Makes a time; traps when the timescale is 0, which headers refuse.
  package init(ticks: Int64, timescale: UInt32) {
    precondition(timescale > 0, "a timescale is above 0")
    self.ticks = ticks
    self.timescale = timescale
  }

  /// This time in units of 1/`scale` second, rounded to nearest, halves up, clamped to 64 bits.
  package func rounded(toScale scale: UInt32) -> Int64 {
    let product = ticks.multipliedFullWidth(by: Int64(scale))
    let half = UInt64(timescale / 2)
    let (low, carry) = product.low.addingReportingOverflow(half)
    // An odd timescale has no exact half, so adding its floor rounds to nearest all the same.
    let high = product.high + (carry ? 1 : 0)
    return MediaTime.floorDivide(high: high, low: low, by: Int64(timescale))
  }

  /// The time in seconds as a number for display and rates; never for comparison.
  package var seconds: Double { Double(ticks) / Double(timescale) }

  /// The quotient rounded towards minus infinity, clamped to 64 bits; `divisor` is positive.
  private static func floorDivide(high: Int64, low: UInt64, by divisor: Int64) -> Int64 {
    // The quotient fits when -2^63·divisor <= value < 2^63·divisor; the bounds as two words.
    let (half, odd) = divisor.quotientAndRemainder(dividingBy: 2)
    let limitLow: UInt64 = odd == 1 ? 1 << 63 : 0
    guard (high, low) < (half, limitLow) else { return .max }
    guard (high, low) >= (odd == 1 ? -half - 1 : -half, limitLow) else { return .min }
    let (quotient, remainder) = divisor.dividingFullWidth((high, low))
    return remainder < 0 ? quotient - 1 : quotient
  }
}

extension MediaTime: Comparable, Hashable {
  package static func == (left: MediaTime, right: MediaTime) -> Bool {
    let a = left.ticks.multipliedFullWidth(by: Int64(right.timescale))
    let b = right.ticks.multipliedFullWidth(by: Int64(left.timescale))
    return a.high == b.high && a.low == b.low
  }

  package static func < (left: MediaTime, right: MediaTime) -> Bool {
    let a = left.ticks.multipliedFullWidth(by: Int64(right.timescale))
    let b = right.ticks.multipliedFullWidth(by: Int64(left.timescale))
    return a.high == b.high ? a.low < b.low : a.high < b.high
  }

  /// Hashes the reduced fraction, so that equal times hash alike.
  package func hash(into hasher: inout Hasher) {
    var divisor = UInt64(timescale)
    var rest = ticks.magnitude
    while rest != 0 { (divisor, rest) = (rest, divisor % rest) }
    // The divisor divides the timescale, so it fits in 32 bits.
    hasher.combine(ticks / Int64(divisor))
    hasher.combine(UInt64(timescale) / divisor)
  }
}

extension MediaTime {
  /// Adds times of one track; traps when the timescales differ.
  package static func + (left: MediaTime, right: MediaTime) -> MediaTime {
    precondition(left.timescale == right.timescale, "sums stay within one timescale")
    return MediaTime(ticks: left.ticks + right.ticks, timescale: left.timescale)
  }

  /// Subtracts times of one track; traps when the timescales differ.
  package static func - (left: MediaTime, right: MediaTime) -> MediaTime {
    precondition(left.timescale == right.timescale, "differences stay within one timescale")
    return MediaTime(ticks: left.ticks - right.ticks, timescale: left.timescale)
  }
}

extension MediaTime: CustomStringConvertible {
  package var description: String { "\(ticks)/\(timescale)" }
}
