import Testing
import Wire

@testable import Packaging

@Suite struct SegmentListTests {
  /// A segment of so many parts of 100 ticks, whole or growing.
  private func segment(_ number: Int64, parts: Int = 2, isWhole: Bool = true) -> Segment {
    let start = number * 1000
    return Segment(
      number: number,
      epoch: Epoch(name: "e", zero: UTCTime(microseconds: 0)),
      initSegment: InitSegment(bytes: [1], name: "i"),
      timescale: 1000,
      start: start,
      isDiscontinuity: false,
      discontinuitySequence: 0,
      parts: (0..<parts).map { part(start + 100 * Int64($0)) },
      duration: isWhole ? 1000 : nil
    )
  }

  private func part(_ start: Int64) -> Part {
    Part(start: start, duration: 100, independentByteCount: nil, isGap: false, pieces: [[7]])
  }

  /// What a list says of its segments, in all the ways that collections have.
  private func check(_ list: SegmentList, _ expected: [Segment]) {
    #expect(Array(list) == expected)
    #expect(list.count == expected.count)
    #expect(list.isEmpty == expected.isEmpty)
    #expect(list.first == expected.first)
    #expect(list.last == expected.last)
    #expect(list.reversed().map(\.number) == expected.reversed().map(\.number))
    #expect(list.indices.map { list[$0] } == expected)
  }

  @Test(arguments: [true, false])
  func `a list is as the array that it was made of, and so is each slice`(isWhole: Bool) {
    let segments = [segment(4), segment(5), segment(6), segment(7, isWhole: isWhole)]
    let list = SegmentList(segments)
    check(list, segments)
    for first in 0...4 {
      for end in first...4 {
        let slice = list[first..<end]
        check(slice, Array(segments[first..<end]))
        // Places of a slice are those of the whole.
        for place in first..<end { #expect(slice[place] == segments[place]) }
        for inner in first...end {
          check(slice[inner...], Array(segments[inner..<end]))
          check(slice[..<inner], Array(segments[first..<inner]))
        }
      }
    }
    check([], [])
  }

  @Test func `segments grow, close and go without a trace in lists taken before`() throws {
    var list: SegmentList = []
    var segments: [Segment] = []
    var taken: [(SegmentList, [Segment])] = []
    func compare() {
      check(list, segments)
      taken.append((list, segments))
    }
    for number in Int64(0)..<5 {
      var open = segment(number, parts: 1, isWhole: false)
      list.append(open)
      segments.append(open)
      compare()
      open = open.appending(part(open.end))
      list.replaceLast(with: open)
      segments[segments.count - 1] = open
      compare()
      open = open.closed(duration: 1000, isGap: false)
      list.replaceLast(with: open)
      segments[segments.count - 1] = open
      compare()
    }
    list.removeOldest(2)
    segments.removeFirst(2)
    compare()
    // One that is not closed before the next one comes stays as it is.
    for number in Int64(5)..<7 {
      let open = segment(number, isWhole: false)
      list.append(open)
      segments.append(open)
      compare()
    }
    // A whole one may be shown as it was when it grew.
    list = list[..<(list.endIndex - 2)]
    segments.removeLast(2)
    let last = try #require(segments.last)
    list.replaceLast(with: last.growing(parts: 1))
    segments[segments.count - 1] = last.growing(parts: 1)
    compare()
    for (list, segments) in taken { check(list, segments) }
  }

  @Test func `what has left a list is freed`() throws {
    var segments: [Segment] = [segment(0), segment(1), segment(2, isWhole: false)]
    weak let oldest = segments.first
    var list = SegmentList(segments)
    segments = []
    try #require(oldest != nil)
    list.removeOldest(1)
    #expect(oldest == nil)
    #expect(list.map(\.number) == [1, 2])
  }

  @Test func `a segment tells of its parts`() {
    let open = segment(3, parts: 2, isWhole: false)
    #expect(open.end == 3200 && open.byteCount == 2 && !open.isComplete)
    let longer = open.appending(part(3200))
    #expect(longer.end == 3300 && longer.byteCount == 3 && longer.parts.count == 3)
    #expect(longer.endTime.microseconds == 3_300_000)
    let closed = longer.closed(duration: 310, isGap: true)
    #expect(closed.end == 3310 && closed.isComplete && closed.isGap)
    #expect(closed.growing(parts: 2) == open)
    #expect(closed != longer)
    #expect(open.parts.count == 2)
  }
}
