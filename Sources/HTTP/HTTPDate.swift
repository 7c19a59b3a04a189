package import Wire

/// A point in time as HTTP prints it; made once a second and shared by all answers.
///
/// RFC 9110 §5.6.7, IMF-fixdate.
package struct HTTPDate: Sendable, Hashable {
  package let text: String

  /// Prints a time from year 0 to 9999, the fraction of its second cut off.
  package init(_ time: UTCTime) {
    func floor(_ value: Int64, _ divisor: Int64) -> (Int64, Int64) {
      let (quotient, remainder) = value.quotientAndRemainder(dividingBy: divisor)
      return remainder < 0 ? (quotient - 1, remainder + divisor) : (quotient, remainder)
    }
    let (days, second) = floor(floor(time.microseconds, 1_000_000).0, 86_400)
    // Days since 0000-03-01 in eras of 400 years, whose lengths in days are all 146,097.
    let (era, dayOfEra) = floor(days + 719_468, 146_097)
    let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
    let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
    let marchMonth = (5 * dayOfYear + 2) / 153
    let day = dayOfYear - (153 * marchMonth + 2) / 5 + 1
    let month = marchMonth < 10 ? marchMonth + 2 : marchMonth - 10
    let year = yearOfEra + era * 400 + (month < 2 ? 1 : 0)
    func padded(_ value: Int64, _ width: Int) -> String {
      let digits = String(value)
      return String(repeating: "0", count: max(0, width - digits.utf8.count)) + digits
    }
    text =
      HTTPDate.weekdays[Int(floor(days + 4, 7).1)] + ", " + padded(day, 2) + " "
      + HTTPDate.months[Int(month)] + " " + padded(year, 4) + " " + padded(second / 3600, 2) + ":"
      + padded(second / 60 % 60, 2) + ":" + padded(second % 60, 2) + " GMT"
  }

  /// The same in the Common Log Format: `25/Nov/2026:22:21:51 +0000`.
  package var commonLog: String {
    let fields = text.split(separator: " ")
    return "\(fields[1])/\(fields[2])/\(fields[3]):\(fields[4]) +0000"
  }

  private static let weekdays = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"]
  private static let months = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
  ]
}
