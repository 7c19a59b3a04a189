import Packaging
import Testing
import Wire

/// Groups of one object, each on a stream of its own: streams overtake each other.
@Suite struct OvertakingTests {
  private let start = Instant(nanoseconds: 1_000_000_000)

  private func sound(_ group: UInt64, after milliseconds: Int64 = 0) -> MediaObject {
    MediaObject(
      position: ObjectPosition(group: group, object: 0),
      chunks: [
        MediaChunk(start: Int64(group) * 1024, duration: 1024, isIndependent: true, bytes: [])
      ],
      arrival: start + .milliseconds(milliseconds)
    )
  }

  private func groups(_ order: inout TrackOrder, at now: Instant) -> [UInt64] {
    var result: [UInt64] = []
    while let output = order.poll(now: now) {
      if case .object(let object, _) = output { result.append(object.position.group) }
    }
    return result
  }

  @Test func `the end of a newer group says nothing of an older one`() {
    var order = TrackOrder(startsIndependent: false, patience: .seconds(1), byteLimit: 1 << 20)
    order.insert(sound(825))
    order.endGroup(825, at: 1)
    #expect(groups(&order, at: start) == [825])
    order.insert(sound(827))
    order.endGroup(827, at: 1)
    // Its stream ended, with nothing after its one object.
    order.giveUpWaiting(
      for: ObjectPosition(group: 827, object: 1)...ObjectPosition(group: 827, object: .max)
    )
    #expect(groups(&order, at: start) == [])
    let hole = ObjectPosition(group: 826, object: 0)...ObjectPosition(group: 826, object: .max)
    #expect(order.hole?.range == hole)
    order.insert(sound(826, after: 10))
    order.endGroup(826, at: 1)
    #expect(groups(&order, at: start + .milliseconds(10)) == [826, 827])
    #expect(order.statistics.holes == 0 && order.statistics.late == 0)
  }

  @Test func `what nobody has is passed over at once`() {
    var order = TrackOrder(startsIndependent: false, patience: .seconds(1), byteLimit: 1 << 20)
    order.insert(sound(825))
    order.insert(sound(828))
    #expect(groups(&order, at: start) == [825])
    let missing = try? #require(order.hole?.range)
    #expect(missing?.lowerBound == ObjectPosition(group: 825, object: 1))
    order.giveUpWaiting(
      for: ObjectPosition(group: 826, object: 0)...ObjectPosition(group: 827, object: .max)
    )
    #expect(groups(&order, at: start) == [])
    order.endGroup(825, at: 1)
    #expect(groups(&order, at: start) == [828])
    #expect(order.statistics.holes == 1)
  }

  @Test func `the end of a group is not missing while it comes, whatever came before it`() throws {
    let patience = Interval.seconds(1)
    var order = TrackOrder(startsIndependent: true, patience: patience, byteLimit: 1 << 20)
    func take(_ group: UInt64, _ object: UInt64, after milliseconds: Int64) -> [UInt64] {
      order.insert(
        MediaObject(
          position: ObjectPosition(group: group, object: object),
          chunks: [
            MediaChunk(
              start: Int64(group * 5 + object) * 1800,
              duration: 1800,
              isIndependent: object == 0,
              bytes: []
            )
          ],
          arrival: start + .milliseconds(milliseconds)
        )
      )
      return groups(&order, at: start + .milliseconds(milliseconds))
    }
    #expect(take(7, 0, after: 0) == [7] && take(7, 1, after: 10) == [7])
    #expect(take(8, 0, after: 20) == [])
    // The newer group waits since it is here, and then since the last of the older came.
    #expect(order.hole?.since == start + .milliseconds(20))
    #expect(take(7, 2, after: 900) == [7])
    let hole = try #require(order.hole)
    #expect(hole.range.lowerBound == ObjectPosition(group: 7, object: 3))
    #expect(hole.since == start + .milliseconds(900))
    #expect(order.deadline == start + .milliseconds(900) + patience)
    #expect(take(7, 3, after: 1899) == [7])
    #expect(groups(&order, at: start + .milliseconds(2898)) == [])
    #expect(groups(&order, at: start + .milliseconds(2899)) == [8])
    #expect(order.statistics.holes == 1 && order.statistics.late == 0)
  }
}
