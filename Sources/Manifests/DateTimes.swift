package import Wire

extension UTCTime {
  /// ISO 8601 in UTC with milliseconds, rounded down: `2026-11-25T22:21:51.123Z`.
  package var iso8601: String {
    var text = TextWriter(reserving: 24)
    text.write(self)
    return text.text
  }
}

extension TextWriter {
  /// Writes a time as ``UTCTime/iso8601``.
  mutating func write(_ time: UTCTime) {
    let milliseconds = floorDivide(time.microseconds, 1000)
    let seconds = floorDivide(milliseconds, 1000)
    let days = floorDivide(seconds, 86_400)
    let ofDay = seconds - days * 86_400
    let (year, month, day) = civil(fromDays: days)
    if year < 0 { write("-") }
    write(digits: year.magnitude, width: 4)
    write("-")
    write(digits: month.magnitude, width: 2)
    write("-")
    write(digits: day.magnitude, width: 2)
    write("T")
    write(digits: (ofDay / 3600).magnitude, width: 2)
    write(":")
    write(digits: (ofDay / 60 % 60).magnitude, width: 2)
    write(":")
    write(digits: (ofDay % 60).magnitude, width: 2)
    write(".")
    write(digits: (milliseconds - seconds * 1000).magnitude, width: 3)
    write("Z")
  }
}

/// An `xs:duration` in seconds with milliseconds: `PT2.002S`.
func xsDuration(microseconds: Int64) -> String {
  let milliseconds = (max(0, microseconds) + 500) / 1000
  let rest = String(milliseconds % 1000)
  let fraction = String(repeating: "0", count: 3 - rest.count) + rest
  return milliseconds % 1000 == 0
    ? "PT\(milliseconds / 1000)S" : "PT\(milliseconds / 1000).\(fraction)S"
}

private func floorDivide(_ value: Int64, _ divisor: Int64) -> Int64 {
  let quotient = value / divisor
  return value % divisor < 0 ? quotient - 1 : quotient
}

/// The proleptic Gregorian date of a count of days since 1970-01-01.
///
/// The year is taken to start in March, so that the leap day comes last and months have lengths of
/// a regular pattern.
private func civil(fromDays days: Int64) -> (year: Int64, month: Int64, day: Int64) {
  let shifted = days + 719_468
  let era = floorDivide(shifted, 146_097)
  let ofEra = shifted - era * 146_097
  let yearOfEra = (ofEra - ofEra / 1460 + ofEra / 36_524 - ofEra / 146_096) / 365
  let ofYear = ofEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
  let shiftedMonth = (5 * ofYear + 2) / 153
  let day = ofYear - (153 * shiftedMonth + 2) / 5 + 1
  let month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
  return (yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, day)
}
