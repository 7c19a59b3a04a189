import Packaging
import Testing
import Wire

@testable import Egress
@testable import MoQ

/// What is known of a group while it comes.
@Suite struct GroupEndsTests {
  private func isComing(_ ends: GroupEnds, _ object: UInt64) -> Bool {
    ends.isComing(ObjectPosition(group: 7, object: object))
  }

  @Test func `what may come yet is behind what came, on a stream that is open`() {
    var ends = GroupEnds(isVideo: true)
    #expect(!isComing(ends, 0))
    _ = ends.note(Object(group: 7, id: 4, subgroup: 0))
    #expect(!isComing(ends, 3) && !isComing(ends, 4) && isComing(ends, 5))
    #expect(!ends.isComing(ObjectPosition(group: 8, object: 5)))
    _ = ends.note(Object(group: 7, id: 5, subgroup: 1))
    #expect(ends.streamEnded(group: 7, subgroup: 0, .finished(endOfGroup: false)) == nil)
    #expect(!isComing(ends, 5) && isComing(ends, 6))
    #expect(ends.streamEnded(group: 7, subgroup: 1, .reset(code: 0)) == nil)
    #expect(!isComing(ends, 6))
    // Of the past, by FETCH.
    _ = ends.note(Object(group: 7, id: 6, subgroup: 1))
    #expect(!isComing(ends, 7))
  }

  @Test func `of a stream for each object, the first ones are remembered`() {
    var ends = GroupEnds(isVideo: true)
    for id in 0..<65 as Range<UInt64> { _ = ends.note(Object(group: 7, id: id, subgroup: id)) }
    for id in 0..<63 as Range<UInt64> {
      _ = ends.streamEnded(group: 7, subgroup: id, .finished(endOfGroup: false))
    }
    #expect(isComing(ends, 65))
    _ = ends.streamEnded(group: 7, subgroup: 63, .finished(endOfGroup: false))
    #expect(!isComing(ends, 65))
  }
}
