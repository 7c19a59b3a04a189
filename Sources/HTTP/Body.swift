package import Wire

/// The content of an answer.
package enum Body: Sendable {
  /// No content: a length of 0, or none where the status has no content.
  case none
  /// All of it, in pieces that are sent one after the other without being copied.
  case whole([Bytes])
  /// To follow by `append` and `finish`: chunked in HTTP/1.1, to the end of the connection in 1.0.
  case growing

  /// The content length of ``whole(_:)``, 0 for the others.
  package var count: Int {
    guard case .whole(let pieces) = self else { return 0 }
    return pieces.reduce(0) { $0 + $1.count }
  }
}

extension [Bytes] {
  /// The bytes of a range of these pieces' concatenation, sharing storage; traps outside.
  package func slice(_ range: Range<Int>) -> [Bytes] {
    var slices: [Bytes] = []
    var start = 0
    for piece in self {
      let lower = Swift.max(range.lowerBound - start, 0)
      let upper = Swift.min(range.upperBound - start, piece.count)
      if lower < upper { slices.append(piece[lower..<upper]) }
      start += piece.count
    }
    precondition(range.upperBound <= start, "the range is inside the pieces")
    return slices
  }
}
