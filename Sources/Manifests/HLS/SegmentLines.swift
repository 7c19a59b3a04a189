internal import Packaging
internal import Wire

/// What playlists say of a rendition's whole segments, written once for all of them.
///
/// Not Sendable: it belongs to one loop.
package final class SegmentLines {
  /// The lines of a segment: of its date, of its parts, of its name.
  struct Lines {
    /// Kept, so that no other can take its place in memory.
    let segment: Segment
    let text: Bytes
    /// Where the lines of its parts begin and end in the text.
    let parts: Range<Int>
  }

  /// Of consecutive segments, oldest first.
  private var known: [Lines] = []

  package init() {}

  /// The lines of a whole segment, which `write` gives where they are not known.
  func lines(of segment: Segment, _ write: (Segment) -> Lines) -> Lines {
    let place = known.first.map { Int(segment.number - $0.segment.number) } ?? 0
    if known.indices.contains(place) {
      if known[place].segment !== segment { known[place] = write(segment) }
      return known[place]
    }
    // What does not continue them is of a longer playlist, or of one that has been missed.
    if place != known.count { known = [] }
    let lines = write(segment)
    known.append(lines)
    return lines
  }

  /// Forgets segments that have left the window, for which they would stay in memory.
  package func forget(before number: Int64) {
    known.removeFirst(known.prefix { $0.segment.number < number }.count)
  }
}
