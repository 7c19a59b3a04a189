internal import Wire

/// Durations as MPDs write them: `xs:duration`, XML Schema Part 2 §3.2.6.
enum DurationText {
  /// The longest duration that is read, so that sums of three can't overflow.
  static let maximum = Interval.seconds(90 * 365 * 86_400)

  /// Reads "PT1.5S", "P1DT2H" and their like; nil for any other text, and past `maximum`.
  ///
  /// A year counts 365 days and a month 30; digits past the nanosecond are dropped.
  static func read(_ text: String) -> Interval? {
    var rest = Array(text.utf8.prefix(64))[...]
    guard rest.popFirst() == UInt8(ascii: "P"), !rest.isEmpty else { return nil }
    var total = 0.0
    var nanoseconds: Int64 = 0
    var units: [(UInt8, Int64)] = dateUnits
    var isTime = false
    while let byte = rest.first {
      if byte == UInt8(ascii: "T"), !isTime {
        isTime = true
        units = timeUnits
        rest = rest.dropFirst()
        guard !rest.isEmpty else { return nil }
        continue
      }
      guard let (whole, fraction) = number(&rest), let unit = rest.popFirst(),
        let index = units.firstIndex(where: { $0.0 == unit })
      else { return nil }
      guard fraction == 0 || unit == UInt8(ascii: "S") else { return nil }
      total += Double(whole) * Double(units[index].1)
      guard total <= maximum.seconds else { return nil }
      nanoseconds += whole * units[index].1 * 1_000_000_000 + fraction
      // Units come in order and once each.
      units.removeFirst(index + 1)
    }
    return Interval(nanoseconds: nanoseconds)
  }

  private static let dateUnits: [(UInt8, Int64)] = [
    (UInt8(ascii: "Y"), 365 * 86_400), (UInt8(ascii: "M"), 30 * 86_400),
    (UInt8(ascii: "D"), 86_400),
  ]
  private static let timeUnits: [(UInt8, Int64)] = [
    (UInt8(ascii: "H"), 3600), (UInt8(ascii: "M"), 60), (UInt8(ascii: "S"), 1),
  ]

  /// Takes digits with an optional fraction, which is returned in 10⁻⁹.
  private static func number(_ text: inout ArraySlice<UInt8>) -> (Int64, Int64)? {
    let digits = text.prefix { isDigit($0) }
    guard (1...12).contains(digits.count) else { return nil }
    text = text.dropFirst(digits.count)
    var fraction: Int64 = 0
    if text.first == UInt8(ascii: ".") {
      let decimals = text.dropFirst().prefix { isDigit($0) }
      guard !decimals.isEmpty else { return nil }
      text = text.dropFirst(1 + decimals.count)
      let padded = decimals.prefix(9) + Array(repeating: UInt8(ascii: "0"), count: 9)
      fraction = value(of: padded.prefix(9))
    }
    return (value(of: digits), fraction)
  }

  private static func isDigit(_ byte: UInt8) -> Bool { (0x30...0x39).contains(byte) }

  private static func value(of digits: ArraySlice<UInt8>) -> Int64 {
    digits.reduce(0) { $0 * 10 + Int64($1 - 0x30) }
  }
}

extension UTCTime {
  /// This time moved by an interval, to the microsecond.
  func moved(by interval: Interval) -> UTCTime {
    UTCTime(microseconds: microseconds &+ interval.nanoseconds / 1000)
  }

  /// How long after another time this is; negative before it; saturates at 146 years.
  func since(_ other: UTCTime) -> Interval {
    let (difference, overflow) = microseconds.subtractingReportingOverflow(other.microseconds)
    let limit = Int64.max / 2000
    guard !overflow else {
      return Interval(nanoseconds: self < other ? -limit * 1000 : limit * 1000)
    }
    return Interval(nanoseconds: min(max(difference, -limit), limit) * 1000)
  }
}
