internal import Wire

/// How old the live edge was whenever it was seen first; HLS-027.
struct ClockRecord: Equatable, Sendable {
  /// Ages that are kept; later ones are not looked at.
  static let maximumAges = 4096
  /// An edge that is older is not live.
  static let oldest: Int64 = 60_000_000
  /// How far an edge may be in the future: the precision of two clocks.
  static let youngest: Int64 = -500_000
  /// The shortest time over which a drift can be told from jitter.
  static let shortest: Int64 = 30_000_000

  private struct Age: Equatable, Sendable {
    let time: Int64
    let age: Int64
  }

  private var ages: [Age] = []

  /// Notes the wall clock of an edge and when it was seen.
  mutating func add(edge: UTCTime, seenAt time: UTCTime) {
    guard ages.count < Self.maximumAges else { return }
    let (age, overflow) = time.microseconds.subtractingReportingOverflow(edge.microseconds)
    guard !overflow else { return }
    // What is over a year off is no clock; the bound keeps sums small.
    let year: Int64 = 31_557_600_000_000
    ages.append(Age(time: time.microseconds, age: max(-year, min(age, year))))
  }

  /// Microseconds of drift per minute, by the means of the first and the last third; nil for a short
  /// record.
  var driftPerMinute: Int64? {
    guard let first = ages.first, let last = ages.last, ages.count >= 12,
      last.time - first.time >= Self.shortest
    else { return nil }
    let third = ages.count / 3
    let begin = Self.mean(ages.prefix(third))
    let end = Self.mean(ages.suffix(third))
    guard end.time > begin.time else { return nil }
    return (end.age - begin.age) * 60_000_000 / (end.time - begin.time)
  }

  private static func mean(_ ages: ArraySlice<Age>) -> Age {
    guard let first = ages.first else { return Age(time: 0, age: 0) }
    let count = Int64(ages.count)
    let time = ages.reduce(Int64(0)) { $0 + ($1.time - first.time) } / count
    let age = ages.reduce(Int64(0)) { $0 + ($1.age - first.age) } / count
    return Age(time: first.time + time, age: first.age + age)
  }

  func judge(subject: String, into ledger: inout Ledger) {
    guard let youngest = ages.map(\.age).min(), let oldest = ages.map(\.age).max() else { return }
    ledger.expect(
      "HLS-027",
      youngest >= Self.youngest && oldest <= Self.oldest,
      subject,
      "the edge is \(youngest / 1000) to \(oldest / 1000) ms old"
    )
    if let drift = driftPerMinute {
      ledger.expect(
        "HLS-027",
        abs(drift) < 50_000,
        subject,
        "the edge's age drifts \(drift / 1000) ms per minute"
      )
    }
  }
}
