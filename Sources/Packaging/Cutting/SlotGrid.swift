package import CMAF
package import Wire

/// The numbering of segments: a pure function of media time, so that every bridge that sees the
/// broadcast gives a segment the same number, whenever it joined.
///
/// Time is divided into slots of constant length. The segment that starts in a slot carries the slot's
/// number, which counts from 2020-01-01 on the publisher's clock: it grows over restarts of publisher
/// and bridge, is never 0, and stays below 2^31 for slots of a second or more.
package struct SlotGrid: Equatable, Sendable {
  /// 2020-01-01T00:00:00Z.
  private static let origin = UTCTime(microseconds: 1_577_836_800_000_000)

  /// The length of a slot: a whole number of groups.
  package let length: MediaTime
  /// Where groups start within the period of a group, and how much earlier than there a group may start
  /// and still count as on time.
  private let phase: MediaTime
  private let tolerance: MediaTime
  private let base: Int64

  /// Lays the grid of one epoch.
  ///
  /// - Parameters:
  ///   - slotLength: the length of a slot.
  ///   - groupLength: the length of a group; of a chunk for tracks without groups that matter.
  ///   - groupStart: the start of any group.
  ///   - zero: UTC of media time 0.
  package init(
    slotLength: MediaTime,
    groupLength: MediaTime,
    groupStart: MediaTime,
    zero: UTCTime
  ) {
    length = slotLength
    let scale = groupStart.timescale
    let period = max(1, groupLength.rounded(toScale: scale))
    // A tenth of a second covers the jitter of capture clocks; a quarter of a group keeps slots apart.
    tolerance = MediaTime(ticks: min(period / 4, Int64(scale) / 10), timescale: scale)
    // Groups that start at whole periods, more or less, must not start late in one case and early in
    // another: both the phase and the number of its slot are taken the tolerance later.
    let late = floorModulo(groupStart.ticks + tolerance.ticks, period)
    phase = MediaTime(ticks: late - tolerance.ticks, timescale: scale)
    let elapsed =
      Int128(zero.microseconds - Self.origin.microseconds) * Int128(scale)
      + Int128(late) * 1_000_000
    base = Int64(
      clamping: floorQuotient(
        elapsed * Int128(slotLength.timescale),
        Int128(slotLength.ticks) * Int128(scale) * 1_000_000
      )
    )
  }

  /// The number of the slot that holds a time.
  package func slot(at time: MediaTime) -> Int64 {
    let scale = Int128(time.timescale)
    let phaseScale = Int128(phase.timescale)
    // (time - phase + tolerance) / length, as one fraction.
    let numerator =
      (Int128(time.ticks) * phaseScale + Int128(tolerance.ticks - phase.ticks) * scale)
      * Int128(length.timescale)
    let quotient = floorQuotient(numerator, Int128(length.ticks) * scale * phaseScale)
    return Int64(clamping: quotient &+ Int128(base))
  }
}

/// Division that rounds toward negative infinity; `divisor` must be positive.
func floorQuotient(_ dividend: Int128, _ divisor: Int128) -> Int128 {
  let (quotient, remainder) = dividend.quotientAndRemainder(dividingBy: divisor)
  return remainder < 0 ? quotient - 1 : quotient
}

/// The remainder in `0..<divisor`; `divisor` must be positive.
func floorModulo(_ dividend: Int64, _ divisor: Int64) -> Int64 {
  let remainder = dividend % divisor
  return remainder < 0 ? remainder + divisor : remainder
}
