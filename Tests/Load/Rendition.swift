import Wire

/// A rendition as all its clients see it.
///
/// They get the same bytes, so each text is read once.
final class Rendition {
  let name: String
  /// The folder of its media, with a slash at the end.
  let base: String
  /// Ticks a second, from its init segment.
  let timescale: Int64
  private var recent: [(bytes: [UInt8], list: ListedPlaylist)] = []
  /// When each new part was first and last seen by a client, by its start.
  private(set) var arrivals: [Int64: (first: UTCTime, last: UTCTime, count: Int)] = [:]

  init(name: String, base: String, timescale: Int64) {
    self.name = name
    self.base = base
    self.timescale = timescale
  }

  /// Reads a media playlist and checks that its parts follow each other.
  func read(_ body: ArraySlice<UInt8>) throws(Complaint) -> ListedPlaylist {
    for known in recent where known.bytes.count == body.count && known.bytes[...] == body {
      return known.list
    }
    let list = try ListedPlaylist(body)
    // A segment that is wholly lost lists no parts.
    for (part, next) in zip(list.parts, list.parts.dropFirst())
    where next.segment <= part.segment + 1 {
      guard abs(next.start - end(of: part)) <= 1 else {
        throw Complaint("listed parts leave a gap or overlap")
      }
    }
    recent.insert((Array(body), list), at: 0)
    if recent.count > 4 { recent.removeLast() }
    return list
  }

  func end(of part: ListedPlaylist.Part) -> Int64 {
    part.start + (part.duration * timescale + 50_000) / 100_000
  }

  func note(_ part: ListedPlaylist.Part, at utc: UTCTime) {
    guard let known = arrivals[part.start] else {
      arrivals[part.start] = (utc, utc, 1)
      return
    }
    arrivals[part.start] = (known.first, max(known.last, utc), known.count + 1)
  }
}
