package import Wire

/// Dates as playlists and MPDs write them: ISO 8601 with a zone, RFC 3339 §5.6.
package enum DateTimeText {
  /// Reads "2026-11-26T05:12:02.123Z" and its like; nil for any other text.
  ///
  /// The zone may be "Z", "+01:00" or "+0100"; digits past the microsecond are dropped.
  package static func read(_ text: String) -> UTCTime? {
    let bytes = Array(text.utf8.prefix(48))
    guard bytes.count >= 20, bytes[4] == 0x2D, bytes[7] == 0x2D, bytes[10] == 0x54,
      bytes[13] == 0x3A, bytes[16] == 0x3A, let year = number(bytes[0..<4]),
      let month = number(bytes[5..<7]), let day = number(bytes[8..<10]),
      let hour = number(bytes[11..<13]), let minute = number(bytes[14..<16]),
      let second = number(bytes[17..<19]), (1...12).contains(month), (1...31).contains(day),
      hour < 24, minute < 60, second <= 60
    else { return nil }
    var rest = bytes[19...]
    var fraction = 0
    if rest.first == 0x2E {
      let digits = rest.dropFirst().prefix { (0x30...0x39).contains($0) }
      guard !digits.isEmpty else { return nil }
      for index in 0..<6 {
        let isThere = index < digits.count
        fraction = fraction * 10 + (isThere ? Int(digits[digits.startIndex + index] - 0x30) : 0)
      }
      rest = rest[digits.endIndex...]
    }
    guard let offset = zone(rest) else { return nil }
    let days = daysSince1970(year: year, month: month, day: day)
    let seconds = days * 86_400 + hour * 3600 + minute * 60 + second - offset
    return UTCTime(microseconds: Int64(seconds) * 1_000_000 + Int64(fraction))
  }

  /// Whether a date tells milliseconds at least.
  package static func isPrecise(_ text: String) -> Bool {
    let fraction = text.drop { $0 != "." }.dropFirst().prefix { $0.isASCII && $0.isNumber }
    return fraction.count >= 3
  }

  /// The zone's offset in seconds east.
  private static func zone(_ text: ArraySlice<UInt8>) -> Int? {
    guard let sign = text.first else { return nil }
    if sign == 0x5A { return text.count == 1 ? 0 : nil }
    guard sign == 0x2B || sign == 0x2D else { return nil }
    let digits = text.dropFirst().filter { $0 != 0x3A }
    guard digits.count == 4, let hours = number(digits[0..<2]), let minutes = number(digits[2..<4]),
      hours < 24, minutes < 60
    else { return nil }
    return (sign == 0x2D ? -1 : 1) * (hours * 3600 + minutes * 60)
  }

  private static func number(_ digits: ArraySlice<UInt8>) -> Int? {
    var value = 0
    for digit in digits {
      guard (0x30...0x39).contains(digit) else { return nil }
      value = value * 10 + Int(digit - 0x30)
    }
    return value
  }

  /// Days of the Gregorian calendar; a year is counted from March, so that leap days are last.
  private static func daysSince1970(year: Int, month: Int, day: Int) -> Int {
    let shifted = month <= 2 ? year - 1 : year
    let monthFromMarch = (month + 9) % 12
    let dayOfYear = (153 * monthFromMarch + 2) / 5 + day - 1
    let leaps = shifted / 4 - shifted / 100 + shifted / 400
    return shifted * 365 + leaps + dayOfYear - 719_468
  }
}
