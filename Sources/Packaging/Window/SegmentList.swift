/// Segments of a rendition, oldest first: whole ones, and perhaps one behind them that grows.
///
/// That one is kept apart, so that a part that comes copies nothing but its segment, however many there
/// are. Slices share what they are slices of.
package struct SegmentList: RandomAccessCollection, Sendable {
  private var whole: ArraySlice<Segment>
  private var growing: Segment?
  package let startIndex: Int

  private init(whole: ArraySlice<Segment>, growing: Segment?, startIndex: Int) {
    self.whole = whole
    self.growing = growing
    self.startIndex = startIndex
  }

  package init(_ segments: some Sequence<Segment>) {
    whole = ArraySlice(segments)
    growing = nil
    startIndex = 0
    if let last = whole.last, !last.isComplete { growing = whole.removeLast() }
  }

  package var endIndex: Int { endOfWhole + (growing == nil ? 0 : 1) }
  private var endOfWhole: Int { startIndex + whole.count }

  package subscript(place: Int) -> Segment {
    if place == endOfWhole, let growing { return growing }
    return whole[whole.startIndex + place - startIndex]
  }

  package subscript(places: Range<Int>) -> SegmentList {
    SegmentList(
      whole: whole.prefix(places.upperBound - startIndex).dropFirst(places.lowerBound - startIndex),
      growing: places.contains(endOfWhole) ? growing : nil,
      startIndex: places.lowerBound
    )
  }

  mutating func append(_ segment: Segment) {
    if let growing { whole.append(growing) }
    growing = segment.isComplete ? nil : segment
    if segment.isComplete { whole.append(segment) }
  }

  /// Puts another state of the last segment in its place; there is one.
  package mutating func replaceLast(with segment: Segment) {
    self = self[startIndex..<endIndex - 1]
    append(segment)
  }

  /// Lets go of the oldest, which a slice alone would not.
  mutating func removeOldest(_ count: Int) {
    self = SegmentList(dropFirst(count))
  }
}

extension SegmentList: ExpressibleByArrayLiteral {
  package init(arrayLiteral segments: Segment...) { self.init(segments) }
}
