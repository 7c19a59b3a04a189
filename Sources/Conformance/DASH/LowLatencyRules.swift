internal import Wire

/// Rules on MPDs that offer segments before they are whole.
extension DASHRules {
  /// DASH-017 to DASH-019.
  static func judgeLowLatency(
    _ manifest: Manifest,
    _ subject: String,
    _ ledger: inout Ledger
  ) {
    guard manifest.isLowLatency else {
      for number in [17, 18, 19] {
        ledger.record("DASH-0\(number)", .notApplicable, subject, "not a low-latency MPD")
      }
      return
    }
    let targets = manifest.services.flatMap(\.latencyTargets)
    let hasRate = manifest.services.contains(where: \.hasPlaybackRate)
    ledger.expect(
      "DASH-017",
      targets.contains { $0 > 0 },
      subject,
      targets.isEmpty
        ? "no Latency target"
        : "target \(targets) ms, \(hasRate ? "with" : "no") PlaybackRate"
    )
    for period in manifest.periods {
      for set in period.sets
      where set.representations.contains(where: \.template.isOfferedEarly) {
        let name = "\(subject) \(period.id ?? "-")/set \(set.id ?? "-")"
        judgeReferenceTimes(of: set, in: period, manifest, name, &ledger)
        let isResyncable = set.resyncs.contains { $0.type != nil && $0.interval != nil }
        ledger.expect(
          "DASH-019",
          isResyncable,
          name,
          set.resyncs.isEmpty ? "no Resync" : "\(set.resyncs.count) Resync"
        )
      }
    }
  }

  /// DASH-018, as far as an MPD shows it.
  private static func judgeReferenceTimes(
    of set: Manifest.AdaptationSet,
    in period: Manifest.Period,
    _ manifest: Manifest,
    _ subject: String,
    _ ledger: inout Ledger
  ) {
    guard let time = set.producerTimes.first else {
      ledger.record("DASH-018", .fail, subject, "no ProducerReferenceTime")
      return
    }
    var faults: [String] = []
    if time.id == nil { faults.append("no id") }
    if !["encoder", "captured"].contains(time.type) { faults.append("type \(time.type)") }
    if time.wallClock == nil { faults.append("no wallClockTime") }
    if time.presentationTime == nil { faults.append("no presentationTime") }
    if let clock = time.clock {
      if !manifest.clocks.contains(clock) { faults.append("a UTCTiming that the MPD lacks") }
    } else {
      faults.append("no UTCTiming")
    }
    ledger.expect(
      "DASH-018",
      faults.isEmpty,
      subject,
      faults.isEmpty ? "type \(time.type)" : faults.joined(separator: "; ")
    )
  }

  /// The wall clock of a media time by a set's first ProducerReferenceTime; nil without one.
  ///
  /// `time` may be in another timescale than the template's.
  static func wallClock(
    of time: TrackTime,
    in set: Manifest.AdaptationSet,
    _ template: SegmentTemplate
  ) -> UTCTime? {
    guard let reference = set.producerTimes.first, let wallClock = reference.wallClock,
      let origin = reference.presentationTime
    else { return nil }
    let start = TrackTime(ticks: origin, timescale: template.timescale).interval.nanoseconds
    let (difference, overflow) = time.interval.nanoseconds.subtractingReportingOverflow(start)
    return overflow ? nil : wallClock.moved(by: Interval(nanoseconds: difference))
  }

  /// DASH-018 against the media: `prft` and ProducerReferenceTime tell the same clock.
  static func judge(
    _ time: ProducerTime,
    against expected: UTCTime,
    subject: String,
    _ ledger: inout Ledger
  ) {
    let difference = time.wallClock.since(expected)
    ledger.expect(
      "DASH-018",
      abs(difference.nanoseconds) <= CMAFRules.wallClockTolerance.nanoseconds,
      subject,
      "prft is \(difference.milliseconds) ms from ProducerReferenceTime"
    )
  }
}
