import Wire

/// Bytes on their way to the socket, in order, without copies.
struct OutputQueue {
  private var pieces: [Bytes] = []
  /// The first piece that is not wholly written; those before it are gone.
  private var first = 0
  private(set) var count = 0

  var isEmpty: Bool { count == 0 }

  mutating func append(_ more: [Bytes]) {
    for piece in more where !piece.isEmpty {
      pieces.append(piece)
      count += piece.count
    }
  }

  /// The piece to write when there is only one.
  var only: Bytes? { pieces.count == 1 ? pieces[0] : nil }

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
