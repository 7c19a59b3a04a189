/// A state of a media playlist: the newest thing that it lists.
package enum PlaylistPosition: Hashable, Sendable {
  /// Part `index` of a segment, which is listed as growing even when it has no further part.
  case part(Int64, Int)
  /// A whole segment and nothing after it.
  case segment(Int64)
}

extension PlaylistPosition: Comparable {
  package var number: Int64 {
    switch self {
    case .part(let number, _), .segment(let number): number
    }
  }

  /// By segment; within one, by part, and the whole segment last.
  package static func < (left: PlaylistPosition, right: PlaylistPosition) -> Bool {
    guard left.number == right.number else { return left.number < right.number }
    switch (left, right) {
    case (.part(_, let first), .part(_, let second)): return first < second
    case (.part, .segment): return true
    case (.segment, _): return false
    }
  }
}

/// What a blocking reload gets.
///
/// rfc8216bis §"Blocking Playlist Reload".
package enum Availability: Equatable, Sendable {
  /// Listed already: the current playlist is the answer.
  case ready
  /// Wait for exactly this position.
  case pending(PlaylistPosition)
  /// Further ahead than a player may ask.
  case tooFarAhead
}

extension RenditionSnapshot {
  /// Decides over a reload that asks for a segment, or for a part of one.
  ///
  /// A part past the last of a complete segment is the first of the next segment. Two segments past the
  /// last, and `advancePartLimit` parts past the newest, may be asked for.
  package func availability(
    ofSegment number: Int64,
    part: Int?,
    advancePartLimit: Int
  ) -> Availability {
    let wanted: PlaylistPosition = part.map { .part(number, $0) } ?? .segment(number)
    guard let last = segments.last else { return .pending(wanted) }
    let lastComplete = last.isComplete ? last.number : last.number - 1
    guard number <= lastComplete + 2 else { return .tooFarAhead }
    guard let part else { return number <= lastComplete ? .ready : .pending(wanted) }
    if number < last.number { return .ready }
    let listed = number == last.number ? last.parts.count : 0
    if part < listed { return .ready }
    if number == last.number, last.isComplete { return .pending(.part(number + 1, 0)) }
    return part - listed >= advancePartLimit ? .tooFarAhead : .pending(wanted)
  }

  /// Whether a position that was waited for is listed, and the position to answer as of.
  ///
  /// A segment may complete with fewer parts than were asked for; the first part of the next one then
  /// satisfies the request. Nil: not yet.
  package func satisfied(_ position: PlaylistPosition) -> PlaylistPosition? {
    guard let last = segments.last else { return nil }
    if last.number < position.number { return nil }
    switch position {
    case .segment(let number):
      if last.number == number { return last.isComplete ? position : nil }
      // An outage may have cleared the window, and the segment with it.
      return segments.contains { $0.number == number } ? position : edge
    case .part(let number, let index):
      guard let segment = segments.last(where: { $0.number <= number }) else { return edge }
      guard segment.number == number else { return edge }
      if index < segment.parts.count { return position }
      guard segment.isComplete else { return nil }
      if let next = segments.first(where: { $0.number > number }) {
        return next.parts.isEmpty ? .segment(next.number) : .part(next.number, 0)
      }
      return nil
    }
  }
}
