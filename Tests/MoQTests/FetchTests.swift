import MoQ
import TestSupport
import Testing
import Wire

/// Ranges of the past that the owner asks for.
@Suite struct FetchTests {
  @Test(arguments: Draft.allCases)
  func `a range is said as the draft has it`(_ draft: Draft) throws {
    let limit: UInt64 = draft < .draft18 ? 1 << 62 - 1 : .max
    for (range, end, filter) in [
      (
        location(300, 2)...location(300, 4), location(300, 5),
        LocationFilter.range(start: location(300, 2), end: location(300, 4))
      ),
      (
        location(299, 0)...location(300, .max), location(300, 0),
        .groups(start: location(299, 0), endGroup: 300)
      ),
      (
        .zero...location(.max, .max), location(limit, 0),
        .groups(start: .zero, endGroup: .max)
      ),
    ] {
      let (peer, id) = livePeer(draft)
      _ = peer.session.fetch(id, range: range, priority: 7)
      var parameters = Parameters()
      parameters.subscriberPriority = 7
      parameters.groupOrder = .ascending
      if draft >= .draft20 { parameters.filter = filter }
      #expect(
        try peer.fetches() == [
          Fetch(
            requestID: 2,
            range: draft >= .draft20
              ? .filtered(ScriptedPeer.track)
              : .standalone(ScriptedPeer.track, start: range.lowerBound, end: end),
            parameters: parameters
          )
        ]
      )
    }
  }

  @Test(arguments: Draft.allCases)
  func `what comes belongs to the subscription, and the rest does not exist`(_ draft: Draft) {
    let (peer, id) = livePeer(draft)
    peer.subgroup(group: 300, ids: 2...2, isFinal: false)
    _ = peer.session.fetch(id, range: location(300, 0)...location(300, 6))
    peer.fetchOK(1, through: location(300, 6))
    peer.fetched(2, peer.items(300, 1...2) + peer.items(300, 4...4))
    #expect(
      peer.events() == [
        "object 300/2", "absent 300/0", "object 300/1", "absent 300/3", "object 300/4",
        "absent 300/5-6", "fetch complete 3 -300/0 -300/3 -300/5-6",
      ]
    )
  }

  @Test(arguments: Draft.allCases)
  func `a FETCH without a subscription has its own objects`(_ draft: Draft) throws {
    let peer = ScriptedPeer(draft)
    let token = Token.useValue(type: 0, value: Bytes(utf8: "let me in"))
    let id = peer.session.fetch(
      ScriptedPeer.track,
      range: location(5, 0)...location(5, .max),
      token: token
    )
    #expect(try peer.fetches().first?.parameters.token == token)
    peer.fetched(0, peer.items(5, 0...1))
    #expect(peer.events() == ["ready", "fetched 5/0", "fetched 5/1"])
    peer.fetchOK(0, through: location(5, .max))
    guard case .fetchFinished(id, let outcome)? = peer.session.poll() else {
      Issue.record("not finished")
      return
    }
    #expect(
      outcome == FetchOutcome(objects: 2, absent: [location(5, 2)...location(5, .max)])
    )
  }

  @Test(arguments: Draft.allCases)
  func `an empty answer to a hole says that there is nothing`(_ draft: Draft) {
    let (peer, id) = livePeer(draft)
    _ = peer.session.fetch(id, range: location(300, 3)...location(300, 4))
    if draft == .draft14 {
      peer.refuse(1, .fetch, code: 6)
    } else {
      peer.fetchOK(1, through: location(300, 4))
      peer.fetched(2, [])
    }
    #expect(peer.events() == ["absent 300/3-4", "fetch complete 0 -300/3-4"])
    #expect(peer.session.canFetch)
  }

  @Test(arguments: Draft.allCases)
  func `a publisher that has only the beginning leaves the rest unknown`(_ draft: Draft) {
    let (peer, id) = livePeer(draft)
    _ = peer.session.fetch(id, range: location(300, 0)...location(300, .max))
    peer.fetchOK(1, through: location(300, 1))
    peer.fetched(2, peer.items(300, 0...0))
    #expect(
      peer.events() == [
        "object 300/0", "absent 300/1", "fetch complete 1 -300/1 ?300/2-*",
      ]
    )
  }

  @Test(arguments: [Draft.draft20, .draft22])
  func `the end that FETCH_OK names is that of a group that is over`(_ draft: Draft) {
    let (peer, id) = livePeer(draft)
    for (number, group) in [(1, 299), (2, 300)] as [(Int, UInt64)] {
      _ = peer.session.fetch(id, range: location(group, 0)...location(group, .max))
      peer.fetchOK(number, through: location(group, 1))
      peer.fetched(UInt64(number * 2), peer.items(group, 0...1))
    }
    #expect(
      peer.events().filter { $0.hasPrefix("fetch") } == [
        "fetch complete 2 -299/2-*", "fetch complete 2 ?300/2-*",
      ]
    )
  }

  @Test(arguments: [Draft.draft16, .draft18, .draft20, .draft22])
  func `markers tell what does not exist from what is not known`(_ draft: Draft) {
    let (peer, id) = livePeer(draft)
    _ = peer.session.fetch(id, range: location(300, 0)...location(300, 9))
    peer.fetchOK(1, through: location(300, 9))
    peer.fetched(
      2,
      peer.items(300, 0...0) + [.gap(through: location(300, 3), .doesNotExist)]
        + peer.items(300, 4...4)
        + [.gap(through: location(300, 9), draft >= .draft20 ? .timedOut : .unknown)]
    )
    #expect(
      peer.events() == [
        "object 300/0", "absent 300/1-3", "object 300/4",
        "fetch complete 2 -300/1-3 ?300/5-9",
      ]
    )
  }

  @Test func `objects out of order prove nothing`() {
    let (peer, id) = livePeer(.draft16)
    _ = peer.session.fetch(id, range: location(8, 0)...location(9, 9))
    peer.fetchOK(1, through: location(9, 9))
    peer.fetched(2, peer.items(9, 0...0) + peer.items(8, 3...3))
    #expect(
      peer.events() == [
        "absent 8/0-*", "object 9/0", "object 8/3", "fetch complete 2 -8/0-* ?9/1-9",
      ]
    )
  }

  @Test(arguments: Draft.allCases)
  func `a second FETCH_OK ends the session`(_ draft: Draft) {
    let (peer, id) = livePeer(draft)
    _ = peer.session.fetch(id, range: location(300, 0)...location(300, 1))
    peer.fetchOK(1, through: location(300, 1))
    #expect(peer.transport.closed == nil)
    peer.fetchOK(1, through: location(300, 1))
    #expect(peer.transport.closed?.code == 3)
  }

  @Test(arguments: Draft.allCases)
  func `a second stream for a FETCH is refused`(_ draft: Draft) {
    let (peer, id) = livePeer(draft)
    _ = peer.session.fetch(id, range: location(300, 0)...location(300, 1))
    peer.fetched(2, peer.items(300, 0...0), isFinal: false)
    let second = peer.fetched(2, peer.items(300, 0...0), isFinal: false)
    #expect(peer.transport.stopped[second] == 1)
    #expect(peer.transport.closed == nil)
  }
}

/// A live subscription with request 0 to a track whose newest object is 300/9; the next request is 1.
func livePeer(
  _ draft: Draft,
  limits: SessionLimits = SessionLimits()
) -> (peer: ScriptedPeer, id: SubscriptionID) {
  let peer = ScriptedPeer(draft, limits: limits)
  let id = peer.session.subscribe(ScriptedPeer.track)
  peer.accept(largest: location(300, 9))
  _ = peer.events()
  return (peer, id)
}

private func location(_ group: UInt64, _ object: UInt64) -> Location {
  Location(group: group, object: object)
}
