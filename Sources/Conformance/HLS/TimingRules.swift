internal import Wire

/// How many of many like observations were wrong, with the worst of them.
///
/// One late packet on a busy machine is no fault of a server, so that times are judged by share.
struct Tally: Equatable, Sendable {
  private(set) var count = 0
  private(set) var wrong = 0
  private(set) var worst = Interval(nanoseconds: .min)
  /// Waits that no busy machine explains.
  private(set) var gross = 0

  /// Counts one observation; `amount` is what to tell of the worst.
  mutating func add(isWrong: Bool, _ amount: Interval) {
    count += 1
    if isWrong { wrong += 1 }
    worst = max(worst, amount)
  }

  /// Counts a delay that is wrong above a limit.
  mutating func add(_ delay: Interval, limit: Interval) { add(isWrong: delay > limit, delay) }

  /// Counts a wait for media, of which one alone may be too long to be let pass.
  mutating func add(wait: Interval, limit: Interval) {
    add(wait, limit: limit)
    if wait > max(limit * 3, Tolerance.grossWait) { gross += 1 }
  }

  /// Judges the whole: wrong when more than a twentieth was, and not just once.
  ///
  /// What does not depend on time has no such excuse for a single fault.
  func judge(
    _ requirement: String,
    _ subject: String,
    _ what: String,
    isTimed: Bool = true,
    into ledger: inout Ledger
  ) {
    guard count > 0 else { return }
    let isExcused = isTimed && wrong < 2
    ledger.expect(
      requirement,
      gross == 0 && (isExcused || wrong * 20 <= count),
      subject,
      "\(wrong) of \(count) \(what), worst \(worst.milliseconds) ms"
    )
  }
}

/// The times at which parts and segments of one rendition came, and what they were told to be.
struct TimingTallies: Equatable, Sendable {
  /// From one part to the next; HLS-053.
  var partIntervals = Tally()
  /// From one segment to the next; HLS-018.
  var segmentIntervals = Tally()
  /// Between the hinted part and the playlist that lists it; HLS-058.
  var releases = Tally()
  /// By how much the playlist came after the hinted part; HLS-062.
  var reloads = Tally()
  /// From first to last byte of a hinted part; HLS-057.
  var deliveries = Tally()
  /// Hints that did not come true; HLS-055.
  var hints = Tally()
  /// Rendition reports ahead of or behind the other playlist; HLS-060.
  var reports = Tally()
  /// Parts that another rendition had not, or not in time; HLS-076.
  var steps = Tally()

  /// Judges all of them, at the end of a check.
  func judge(subject: String, into ledger: inout Ledger) {
    segmentIntervals.judge("HLS-018", subject, "segments came late", into: &ledger)
    partIntervals.judge("HLS-053", subject, "parts came late", into: &ledger)
    hints.judge("HLS-055", subject, "hints did not come true", isTimed: false, into: &ledger)
    deliveries.judge("HLS-057", subject, "hinted parts trickled", into: &ledger)
    releases.judge("HLS-058", subject, "parts and playlists came apart", into: &ledger)
    reports.judge("HLS-060", subject, "reports were not fresh", into: &ledger)
    reloads.judge("HLS-062", subject, "reloads came late", into: &ledger)
    steps.judge("HLS-076", subject, "edges were out of step", into: &ledger)
  }
}

/// The allowances for time, where requirements leave them open.
enum Tolerance {
  /// Between two answers that are released together, HLS-058 and HLS-062, on the same
  /// machine; for networks `--network-delay` says another.
  static let release = Interval.milliseconds(150)

  /// How far a publisher may be from its pace: players that block give a part three times its target.
  private static let scheduling = Interval.milliseconds(250)

  /// What a single wait may not exceed, whatever it is for.
  static let grossWait = Interval.seconds(5)

  /// The longest pause between parts: a part target, and what the publisher's scheduling and the
  /// network may take.
  static func partInterval(_ partTarget: Int64, delay: Interval) -> Interval {
    Interval.microseconds(partTarget) + scheduling + delay
  }

  /// The longest pause between segments.
  static func segmentInterval(_ targetDuration: Int, delay: Interval) -> Interval {
    Interval.milliseconds(Int64(targetDuration) * 1500) + delay
  }

  /// The longest time from the first to the last byte of a part that is sent at link speed.
  static func delivery(_ duration: Int64, delay: Interval) -> Interval {
    max(delay, .microseconds(duration / 4))
  }
}
