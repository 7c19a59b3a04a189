internal import Packaging
internal import Wire

/// What playlists say of a rendition's whole segments, written once for all of them.
///
/// Not Sendable: it belongs to one loop.
package final class SegmentLines {
  private struct Entry {
    /// Kept, so that no other can take its place in memory.
    let segment: Segment
    /// Whether its parts are among the lines, as they are of the newest segments.
    let isInParts: Bool
    let lines: Bytes
  }

  /// Of consecutive segments, oldest first.
  private var known: [Entry] = []

  package init() {}

  /// The lines of a whole segment, which `write` gives where they are not known.
  func lines(
    of segment: Segment,
    inParts: Bool,
    _ write: (Segment, _ inParts: Bool) -> Bytes
  ) -> Bytes {
    let place = known.first.map { Int(segment.number - $0.segment.number) } ?? 0
    let isPlaced = known.indices.contains(place)
    if isPlaced, known[place].segment === segment, known[place].isInParts == inParts {
      return known[place].lines
    }
    let entry = Entry(segment: segment, isInParts: inParts, lines: write(segment, inParts))
    if isPlaced {
      known[place] = entry
    } else {
      // What does not continue them is of a longer playlist, or of one that has been missed.
      if place != known.count { known = [] }
      known.append(entry)
    }
    return entry.lines
  }

  /// Forgets segments that have left the window, for which they would stay in memory.
  package func forget(before number: Int64) {
    known.removeFirst(known.prefix { $0.segment.number < number }.count)
  }
}
