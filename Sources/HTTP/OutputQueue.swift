import Wire

/// Bytes on their way to the socket, in order, without copies.
struct OutputQueue {
  private var pieces: [Bytes] = []
  /// The first piece that is not wholly written; those before it are gone.
  private var first = 0
  private(set) var count = 0
  /// Of the last piece.
  private var copy: ContentCopy?

  var isEmpty: Bool { count == 0 }

  /// Puts pieces behind what there is; of the last one there may be a copy.
  mutating func append(_ more: [Bytes], copyOfLast copy: ContentCopy? = nil) {
    for piece in more where !piece.isEmpty {
      pieces.append(piece)
      count += piece.count
    }
    self.copy = copy
  }

  /// The piece to write when there is only one.
  var only: Bytes? { pieces.count == 1 ? pieces[0] : nil }

  /// What to write when it is one piece and then the last one, of which there is a copy.
  var copied: (first: Bytes, then: ContentCopy)? {
    // The second of two is whole: what is written in part is the first.
    guard let copy, first == 0, pieces.count == 2 else { return nil }
    return (pieces[0], copy)
  }

  /// The next pieces to write, at most `limit`.
  func next(_ limit: Int) -> [Bytes] {
    first == 0 && pieces.count <= limit ? pieces : Array(pieces[first...].prefix(limit))
  }

  /// Drops what was written.
  mutating func drop(_ written: Int) {
    precondition(written <= count, "no more is written than there was")
    if written == count {
      // Room for a few stays: connections outnumber what is being sent.
      if pieces.capacity > Self.keptPieces {
        pieces = []
      } else {
        pieces.removeAll(keepingCapacity: true)
      }
      first = 0
      count = 0
      return
    }
    count -= written
    var left = written
    while left > 0 {
      if pieces[first].count <= left {
        left -= pieces[first].count
        pieces[first] = Bytes()
        first += 1
      } else {
        pieces[first] = pieces[first].suffix(from: left)
        left = 0
      }
    }
    // Compacted when more is behind than ahead, which is constant work per piece.
    if first * 2 >= pieces.count {
      pieces.removeFirst(first)
      first = 0
    }
  }

  private static let keptPieces = 4

  mutating func removeAll() { self = OutputQueue() }
}
