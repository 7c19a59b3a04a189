internal import CMAF
internal import Wire

/// Ties media time to UTC, by the best source that the chunks themselves carry.
enum WallClock {
  /// UTC of media time 0.
  ///
  /// 1. Media time that is itself UTC (within a day before and an hour after the machine's clock)
  ///    gives 1970-01-01 exactly.
  /// 2. The producer's clock in the chunks, as a whole second, when it is as near.
  /// 3. The earliest arrival, as a whole second: bridges that receive the broadcast within a fraction
  ///    of a second of each other agree, unless it falls on the edge of a second.
  static func zero(of chunks: [PackagedTrack.Intake]) -> UTCTime {
    guard let first = chunks.first else { return UTCTime(microseconds: 0) }
    if isNear(microseconds(first.end), first.utc) { return UTCTime(microseconds: 0) }
    // A clock that was never set must not bring segment numbers below those of other epochs.
    let told = chunks.compactMap { intake in
      intake.chunk.producerTime.flatMap { time in
        isNear(time.microseconds, intake.utc)
          ? time.microseconds - microseconds(intake.start) : nil
      }
    }
    let estimated = chunks.map { $0.utc.microseconds - microseconds($0.end) }
    let zero = told.first ?? estimated.min() ?? 0
    return UTCTime(microseconds: zero - floorModulo(zero, 1_000_000))
  }

  /// Whether a time is within a day before and an hour after the machine's clock.
  private static func isNear(_ microseconds: Int64, _ utc: UTCTime) -> Bool {
    let (age, overflow) = utc.microseconds.subtractingReportingOverflow(microseconds)
    return !overflow && age > -3_600_000_000 && age < 86_400_000_000
  }

  /// How long after its end on the publisher's clock a chunk arrives, rounded up to a tenth of a
  /// second with a fifth to spare.
  ///
  /// A burst at joining counts for nothing: the promptest chunk decides.
  static func delayMilliseconds(of chunks: [PackagedTrack.Intake], zero: UTCTime) -> Int {
    let delays = chunks.map { intake in
      intake.utc.microseconds - zero.microseconds - microseconds(intake.end)
    }
    let delay = max(0, delays.min() ?? 0) / 1000
    return Int((delay + 99) / 100 * 100 + 200)
  }

  /// How much longer than a delay of so many milliseconds the media of an epoch takes whose zero, a
  /// whole second, was estimated from an arrival; in microseconds, rounded up to a tenth of a second.
  ///
  /// What tells its own time needs none.
  static func extraDelay(
    of intake: PackagedTrack.Intake,
    zero: UTCTime,
    beyond milliseconds: Int
  ) -> Int64 {
    let late = intake.utc.microseconds - zero.microseconds - microseconds(intake.end)
    guard (0..<1_000_000).contains(late) else { return 0 }
    return max(0, (late - Int64(milliseconds) * 1000 + 99_999) / 100_000 * 100_000)
  }

  /// The URL component of an epoch: its whole seconds.
  static func name(_ zero: UTCTime) -> String { String(zero.microseconds / 1_000_000) }

  private static func microseconds(_ time: MediaTime) -> Int64 { time.rounded(toScale: 1_000_000) }
}
