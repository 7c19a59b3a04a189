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
}
