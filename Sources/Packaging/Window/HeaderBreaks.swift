/// Which segments are discontinuities because the header of a rendition changes there: in all renditions,
/// as players go by discontinuities from one to another.
struct HeaderBreaks {
  /// The newest segment of which it is known.
  private(set) var decided: Int64?
  /// Ascending.
  private var numbers: [Int64] = []
  /// Those before.
  private var forgotten = 0
  /// Segments that are older than so many changes are published no more.
  private static let limit = 256

  mutating func decide(_ number: Int64, isDiscontinuity: Bool) {
    decided = number
    guard isDiscontinuity else { return }
    if numbers.count == Self.limit {
      numbers.removeFirst()
      forgotten += 1
    }
    numbers.append(number)
  }

  /// A change with what is to be told of its segment.
  func marked(_ change: RenditionWriter.Change) -> RenditionWriter.Change {
    guard !numbers.isEmpty else { return change }
    return switch change {
    case .part(let segment, let part): .part(marked(segment), part)
    case .gap(let segment): .gap(marked(segment))
    case .closed, .clear: change
    }
  }

  private func marked(_ segment: Segment) -> Segment {
    // The newest by far, most of the time.
    let after = numbers.lastIndex { $0 <= segment.number }.map { $0 + 1 } ?? 0
    let isOwn = after > 0 && numbers[after - 1] == segment.number
    return segment.following(forgotten + after, isDiscontinuity: isOwn)
  }
}
