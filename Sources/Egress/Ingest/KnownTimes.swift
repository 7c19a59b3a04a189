internal import MoQ
internal import Wire

/// The times of some of a track's objects: whether another with an id that is known, or older, is one that
/// comes again from an upstream that is a little behind, or one of a publisher that began its ids anew.
struct KnownTimes {
  /// Ascending by location; times in microseconds of media.
  private var entries: [(location: Location, time: Int64)] = []
  private var notedAt: Instant?

  /// So far behind another no upstream is.
  private static let patience: Int64 = 4_000_000
  /// By how much times may be out of the order of ids: pictures are sent as they are decoded.
  private static let slack: Int64 = 500_000
  private static let pause = Interval.milliseconds(500)
  private static let entryLimit = 64
  /// Sums and differences of times below stay within 64 bits.
  private static let timeLimit: UInt64 = 1 << 61

  var isEmpty: Bool { entries.isEmpty }

  /// Whether the newest object is worth a look at its time.
  func wantsTime(now: Instant) -> Bool { notedAt.map { now - $0 >= Self.pause } ?? true }

  mutating func note(_ location: Location, _ time: Int64?, now: Instant) {
    notedAt = now
    guard let time, time.magnitude < Self.timeLimit,
      entries.last.map({ $0.location < location }) ?? true
    else { return }
    if entries.count == Self.entryLimit { entries.removeFirst() }
    entries.append((location, time))
  }

  /// Whether an upstream whose newest object has this id may have what is known, and go on with it.
  func reaches(_ largest: Location) -> Bool {
    guard let newest = entries.last, let before = entries.last(where: { $0.location <= largest })
    else {
      // Older than all that is known, or nothing is.
      return entries.last.map { isNear($0.time, entries[0].time) } ?? false
    }
    return isNear(newest.time, before.time)
  }

  /// Whether an object is at its place among those that are known.
  func fit(_ location: Location, _ time: Int64) -> Bool {
    guard let newest = entries.last, isNear(newest.time, time) else { return entries.isEmpty }
    let before = entries.last { $0.location <= location }
    let after = entries.first { $0.location > location }
    if let before {
      guard time >= before.time - Self.slack else { return false }
      if before.location == location { return time <= before.time + Self.slack }
    }
    return after.map { time <= $0.time + Self.slack } ?? true
  }

  private func isNear(_ newest: Int64, _ time: Int64) -> Bool {
    time.magnitude < Self.timeLimit && abs(newest - time) <= Self.patience
  }
}
