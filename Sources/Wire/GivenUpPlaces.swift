/// The places of a track, each a group and an object in it, for which nobody waits.
package struct GivenUpPlaces: Sendable {
  package typealias Place = (group: UInt64, object: UInt64)

  /// Disjoint, in order.
  private var ranges: [(first: Place, last: Place)] = []

  /// Ranges, at most; more than that and the lowest are forgotten.
  package static let limit = 256

  package init() {}

  /// Adds the places of a range, both ends included.
  package mutating func insert(from first: Place, through last: Place) {
    guard first <= last else { return }
    var joined = (first: first, last: last)
    ranges.removeAll { range in
      guard range.first <= joined.last, joined.first <= range.last else { return false }
      joined = (
        range.first < joined.first ? range.first : joined.first,
        range.last > joined.last ? range.last : joined.last
      )
      return true
    }
    ranges.insert(joined, at: ranges.firstIndex { $0.first > joined.last } ?? ranges.count)
    if ranges.count > Self.limit { ranges.removeFirst() }
  }

  /// Forgets ranges that lie wholly before a place.
  package mutating func forget(before place: Place) {
    ranges.removeFirst(ranges.prefix { $0.last < place }.count)
  }

  /// Whether every place from one up to another, that one excluded, is given up.
  package func covers(from first: Place, to end: Place) -> Bool {
    var next = first
    for range in ranges where range.last >= next {
      guard next < end, range.first <= next else { break }
      if range.last.object < .max {
        next = (range.last.group, range.last.object + 1)
      } else {
        guard range.last.group < .max else { return true }
        next = (range.last.group + 1, 0)
      }
    }
    return next >= end
  }
}
