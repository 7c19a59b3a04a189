internal import Wire

/// When a loop looks for deadlines that have passed: all of them once in each round, a slice at a time.
///
/// Clients that came together are due together. Were all looked at in one turn, what becomes of them would
/// keep others waiting.
struct Rounds {
  /// One of equal parts of all there is to look at.
  struct Slice: Equatable {
    let index: Int
    let count: Int
  }

  /// Deadlines are seconds long.
  static let length = Interval.milliseconds(500)
  /// Looked at in one slice while there are few; an idle loop with no more wakes once in a round.
  static let clientsPerSlice = 32
  static let mostSlices = 64

  /// When the next slice is due.
  private(set) var next: Instant
  private var slice = Slice(index: 0, count: 1)

  init(now: Instant) { next = now + Self.length }

  /// The slice to look at now, nil when none is due; the first of a round has the index 0.
  mutating func begin(now: Instant, clients: Int) -> Slice? {
    guard now >= next else { return nil }
    if slice.index == 0 {
      slice = Slice(index: 0, count: min(max(clients / Self.clientsPerSlice, 1), Self.mostSlices))
    }
    let begun = slice
    slice = Slice(index: (begun.index + 1) % begun.count, count: begun.count)
    next = now + Interval(nanoseconds: Self.length.nanoseconds / Int64(begun.count))
    return begun
  }
}
