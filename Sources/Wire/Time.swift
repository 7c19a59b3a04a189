/// A point on this machine's monotonic clock, in nanoseconds.
///
/// Cores take it as a parameter and never read a clock.
package struct Instant: Comparable, Hashable, Sendable {
  package var nanoseconds: Int64

  package init(nanoseconds: Int64) { self.nanoseconds = nanoseconds }

  package static func < (left: Instant, right: Instant) -> Bool {
    left.nanoseconds < right.nanoseconds
  }

  package static func + (instant: Instant, interval: Interval) -> Instant {
    Instant(nanoseconds: instant.nanoseconds &+ interval.nanoseconds)
  }

  package static func - (instant: Instant, interval: Interval) -> Instant {
    Instant(nanoseconds: instant.nanoseconds &- interval.nanoseconds)
  }

  package static func - (later: Instant, earlier: Instant) -> Interval {
    Interval(nanoseconds: later.nanoseconds &- earlier.nanoseconds)
  }
}

/// A length of time in nanoseconds; may be negative.
package struct Interval: Comparable, Hashable, Sendable {
  package var nanoseconds: Int64

  package init(nanoseconds: Int64) { self.nanoseconds = nanoseconds }

  package static let zero = Interval(nanoseconds: 0)
  package static func seconds(_ count: Int64) -> Interval {
    Interval(nanoseconds: count * 1_000_000_000)
  }
  package static func milliseconds(_ count: Int64) -> Interval {
    Interval(nanoseconds: count * 1_000_000)
  }
  package static func microseconds(_ count: Int64) -> Interval {
    Interval(nanoseconds: count * 1000)
  }
  /// Rounded to the nearest nanosecond; `seconds` must be finite and below 2^33.
  package init(seconds: Double) { self.init(nanoseconds: Int64((seconds * 1e9).rounded())) }

  package var seconds: Double { Double(nanoseconds) / 1e9 }

  package static func < (left: Interval, right: Interval) -> Bool {
    left.nanoseconds < right.nanoseconds
  }
  package static func + (left: Interval, right: Interval) -> Interval {
    Interval(nanoseconds: left.nanoseconds &+ right.nanoseconds)
  }
  package static func * (interval: Interval, factor: Int64) -> Interval {
    Interval(nanoseconds: interval.nanoseconds * factor)
  }
}

/// A point in UTC, in microseconds since 1970-01-01T00:00:00Z without leap seconds.
package struct UTCTime: Comparable, Hashable, Sendable {
  package var microseconds: Int64

  package init(microseconds: Int64) { self.microseconds = microseconds }

  package static func < (left: UTCTime, right: UTCTime) -> Bool {
    left.microseconds < right.microseconds
  }
}
