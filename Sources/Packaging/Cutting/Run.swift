/// The clock of one run of media between two discontinuities of its time.
package struct RunClock: Equatable, Sendable {
  package let epoch: Epoch
  /// What is added to the publisher's decode times so that media time never goes back, in whole
  /// seconds, which every timescale can express.
  package let shiftSeconds: Int64

  package func shiftTicks(_ timescale: UInt32) -> Int64 {
    let (ticks, overflow) = shiftSeconds.multipliedReportingOverflow(by: Int64(timescale))
    return overflow ? 0 : ticks
  }

  /// A publisher's tick as served.
  package func served(_ tick: Int64, timescale: UInt32) -> Int64 { tick &+ shiftTicks(timescale) }
}

/// One run: its clock and its segment boundaries.
struct Run {
  let clock: RunClock
  /// How much later its media comes than the constants say, in microseconds.
  let extraDelay: Int64
  var timeline: Timeline
}
