import HTTP
import Testing
import Wire

@testable import Egress
@testable import LinuxIO

/// Requests that wait, and what a turn leaves to the next ones; no sockets.
@Suite struct WaitingRequestsTests {
  private let near = Want.part(epoch: "0", start: 1)
  private let far = Want.part(epoch: "0", start: 2)

  private func head(_ path: String) -> RequestHead {
    let now = Instant(nanoseconds: 0)
    var connection = ServerConnection(ServerConfiguration(), now: now)
    connection.receive(Bytes(utf8: "GET \(path) HTTP/1.1\r\nHost: h\r\n\r\n"), now: now)
    guard let (_, head) = connection.poll(now: now, date: Origin.date) else {
      preconditionFailure("the test's request is well-formed")
    }
    return head
  }

  private func token(_ number: UInt32) -> EventToken { EventToken(slot: number, generation: 1) }

  private func member(_ number: UInt32, until deadline: Int64 = 10) -> Waiting.Member {
    var connection = ServerConnection(ServerConfiguration(), now: Instant(nanoseconds: 0))
    connection.receive(
      Bytes(utf8: "GET / HTTP/1.1\r\nHost: h\r\n\r\n"),
      now: Instant(nanoseconds: 0)
    )
    guard let (id, _) = connection.poll(now: Instant(nanoseconds: 0), date: Origin.date) else {
      preconditionFailure("the test's request is well-formed")
    }
    return Waiting.Member(
      client: token(number),
      request: id,
      deadline: Instant(nanoseconds: deadline)
    )
  }

  private func slots(_ members: some Sequence<Waiting.Member>) -> [UInt32] {
    members.map(\.client.slot)
  }

  @Test func `equal requests for the same are decided on together, in the order they came`() {
    var waiting = Waiting()
    let (first, second) = (head("/a"), head("/b"))
    waiting.park(first, for: near, member(1))
    waiting.park(second, for: far, member(2))
    waiting.park(first, for: near, member(3))
    // The same words after a later snapshot, which makes them mean something else.
    waiting.park(first, for: far, member(4))
    waiting.park(first, for: far, member(5))
    var asked = 0
    let taken = waiting.takeParked { parked -> Int? in
      asked += 1
      return parked.want == near ? 7 : nil
    }
    #expect(asked == 3)
    #expect(taken.map(\.answer) == [7])
    #expect(taken.map { slots($0.parked.members) } == [[1, 3]])
    #expect(waiting.parked.map { slots($0.members) } == [[2], [4, 5]])
    waiting.park(first, for: far, member(6))
    waiting.park(second, for: far, member(7))
    #expect(waiting.parked.map { slots($0.members) } == [[2, 7], [4, 5, 6]])
    #expect(waiting.takeAllParked().count == 2)
    #expect(waiting.isEmpty)
  }

  @Test func `only those whose time has come expire`() {
    var waiting = Waiting()
    let asked = head("/a")
    for (number, deadline) in [(1, 10), (2, 20), (3, 30)] as [(UInt32, Int64)] {
      waiting.park(asked, for: near, member(number, until: deadline))
    }
    waiting.park(head("/b"), for: near, member(4, until: 15))
    #expect(waiting.takeExpired(now: Instant(nanoseconds: 9)).isEmpty)
    let expired = waiting.takeExpired(now: Instant(nanoseconds: 20))
    #expect(expired.map { slots($0.members) } == [[1, 2], [4]])
    #expect(waiting.parked.map { slots($0.members) } == [[3]])
    waiting.park(asked, for: near, member(5))
    #expect(waiting.parked.map { slots($0.members) } == [[3, 5]])
  }

  @Test func `those who have gone are forgotten`() {
    var waiting = Waiting()
    let asked = head("/a")
    for number in 1...4 as ClosedRange<UInt32> { waiting.park(asked, for: near, member(number)) }
    waiting.park(head("/b"), for: near, member(5))
    #expect(waiting.forget { $0.slot % 2 == 1 } == 3)
    #expect(waiting.parked.map { slots($0.members) } == [[2, 4]])
    #expect(waiting.forget { _ in false } == 0)
  }

  // MARK: Backlog

  @Test func `a backlog is worked off bit by bit in its order`() {
    var backlog = Backlog()
    #expect(backlog.isEmpty)
    let numbers = 0..<UInt32(Backlog.releasesPerLook + 2)
    let response = Response.notFound("nothing")
    let (first, second) = (head("/a"), head("/b"))
    backlog.append(
      Backlog.Release(response: response, head: first, members: numbers.map { member($0) })
    )
    backlog.append(
      Backlog.Release(response: .preflight(second), head: second, members: [member(99)])
    )
    var given: [(status: Status, slots: [UInt32])] = []
    var heads: [RequestHead] = []
    while let (release, members) = backlog.nextReleased() {
      given.append((release.response.status, slots(members)))
      heads.append(release.head)
    }
    #expect(heads == [first, first, second])
    #expect(
      given.map(\.slots) == [Array(numbers.dropLast(2)), Array(numbers.suffix(2)), [99]]
    )
    #expect(given.map(\.status) == [.notFound, .notFound, Response.preflight(head("/a")).status])
    #expect(backlog.isEmpty)
    for number in 1...4 as ClosedRange<UInt32> { backlog.append(token(number)) }
    for number in 7...8 as ClosedRange<UInt32> { backlog.append(late: token(number)) }
    var works: [String] = []
    while let work = backlog.next() {
      #expect(!backlog.isEmpty || works.count == 5)
      switch work {
      case .arrival: works.append("arrival")
      case .postponed(let token): works.append("postponed \(token.slot)")
      case .late(let token): works.append("late \(token.slot)")
      }
    }
    #expect(
      works == [
        "postponed 1", "late 7", "postponed 2", "late 8", "postponed 3", "postponed 4",
      ]
    )
    #expect(backlog.isEmpty)
  }

  // MARK: Rounds

  @Test func `few clients are looked at in one slice twice a second`() {
    var rounds = Rounds(now: Instant(nanoseconds: 0))
    #expect(rounds.begin(now: Instant(nanoseconds: 499_999_999), clients: 0) == nil)
    for round in 1...4 as ClosedRange<Int64> {
      let now = Instant(nanoseconds: round * 500_000_000)
      #expect(rounds.next == now)
      #expect(
        rounds.begin(now: now, clients: Rounds.clientsPerSlice) == Rounds.Slice(index: 0, count: 1)
      )
      #expect(rounds.begin(now: now, clients: 0) == nil)
    }
  }

  @Test(arguments: [(96, 3), (2000, 62), (1_000_000, 64)])
  func `many are looked at in slices, all once in a round`(clients: Int, slices: Int) {
    var rounds = Rounds(now: Instant(nanoseconds: 0))
    let start = rounds.next
    var seen: [Int] = []
    for _ in 0..<slices {
      // Who comes or goes meanwhile does not change the round that has begun.
      let slice = rounds.begin(now: rounds.next, clients: seen.isEmpty ? clients : 0)
      #expect(slice?.count == slices)
      seen.append(slice?.index ?? -1)
    }
    #expect(seen == Array(0..<slices))
    let length = rounds.next - start
    #expect(length <= Rounds.length)
    #expect(length.nanoseconds > 499_000_000)
    #expect(rounds.begin(now: rounds.next, clients: 0) == Rounds.Slice(index: 0, count: 1))
  }
}
