import MoQ
import TestSupport
import Testing
import Wire

/// What is learnt of a peer by its FETCH, and how one ends that does not go well.
@Suite struct FetchEvidenceTests {
  @Test(arguments: Draft.allCases)
  func `a peer that serves no FETCH is asked once`(_ draft: Draft) throws {
    let (peer, id) = livePeer(draft)
    _ = peer.session.fetch(id, range: location(300, 0)...location(300, 1))
    peer.refuse(1, .fetch, code: 500)
    #expect(!peer.session.canFetch)
    _ = peer.session.fetch(id, range: location(300, 0)...location(300, 1))
    #expect(
      peer.events() == [
        "fetch failed unknown 0 ?300/0-1", "fetch failed notSupported 0 ?300/0-1",
      ]
    )
    #expect(try peer.fetches().count == 1)
    #expect(peer.transport.closed == nil)
  }

  @Test(arguments: Draft.allCases)
  func `a peer that has served one FETCH is asked again`(_ draft: Draft) throws {
    let (peer, id) = livePeer(draft)
    for (number, isServed) in [(1, true), (2, false), (3, true)] {
      _ = peer.session.fetch(id, range: location(300, 0)...location(300, 0))
      guard isServed else {
        peer.refuse(number, .fetch, code: 3)
        continue
      }
      peer.fetchOK(number, through: location(300, 0))
      peer.fetched(UInt64(number * 2), peer.items(300, 0...0))
    }
    #expect(peer.session.canFetch)
    #expect(
      peer.events() == [
        "object 300/0", "fetch complete 1", "fetch failed notSupported 0 ?300/0",
        "fetch complete 1",
      ]
    )
  }

  @Test(arguments: Draft.allCases)
  func `a peer that gives one group at a time is remembered`(_ draft: Draft) throws {
    let (peer, id) = livePeer(draft)
    let range = location(299, 8)...location(300, 1)
    _ = peer.session.fetch(id, range: range)
    peer.refuse(1, .fetch, code: 3)
    for (number, range) in [
      (2, location(300, 0)...location(300, 1)), (3, location(299, 8)...location(299, .max)),
    ] {
      peer.fetchOK(number, through: range.upperBound)
      peer.fetched(UInt64(number * 2), [.object(peer.object(range.lowerBound.group, 8))])
    }
    #expect(try peer.fetches().count == 3)
    _ = peer.session.fetch(id, range: range)
    let newest = try #require(try peer.fetches().last)
    if draft >= .draft20 {
      #expect(newest.parameters.filter == .range(start: location(300, 0), end: location(300, 1)))
    } else {
      #expect(
        newest.range
          == .standalone(ScriptedPeer.track, start: location(300, 0), end: location(300, 2))
      )
    }
  }

  @Test(arguments: Draft.allCases)
  func `a FETCH without an answer is given up and means that there is none`(
    _ draft: Draft
  ) throws {
    let (peer, id) = livePeer(draft)
    _ = peer.session.fetch(id, range: location(300, 0)...location(300, 1))
    peer.advance(.milliseconds(5000))
    #expect(peer.events() == ["fetch unanswered 0 ?300/0-1"])
    #expect(!peer.session.canFetch)
    if draft >= .draft18 {
      #expect(peer.transport.stopped[4] == 1)
      #expect(peer.transport.resets[4] == 1)
    } else {
      #expect(try peer.sentMessages().last == .fetchCancel(requestID: 2))
    }
  }

  @Test(arguments: Draft.allCases)
  func `a request that never left says nothing of the peer`(_ draft: Draft) throws {
    let peer = ScriptedPeer(draft, answersSetup: false)
    peer.answerSetup(maximumRequestID: 2)
    if draft >= .draft18 { peer.transport.bidirectionalCredit = 1 }
    let id = peer.session.subscribe(ScriptedPeer.track)
    peer.accept(largest: location(300, 9))
    _ = peer.session.fetch(id, range: location(300, 0)...location(300, 1))
    peer.advance(.milliseconds(5000))
    #expect(peer.events().contains("fetch unanswered 0 ?300/0-1"))
    #expect(peer.session.canFetch)
  }

  @Test(arguments: Draft.allCases)
  func `a FETCH that falls silent is given up`(_ draft: Draft) throws {
    let (peer, id) = livePeer(draft)
    _ = peer.session.fetch(id, range: location(300, 0)...location(300, 1))
    peer.fetchOK(1, through: location(300, 1))
    let stream = peer.fetched(2, peer.items(300, 0...0), isFinal: false)
    peer.advance(.milliseconds(9_999))
    peer.handle(.streamData(stream, [draft == .draft14 ? 0 : 4], isFinal: false))
    peer.advance(.milliseconds(9_999))
    #expect(peer.events() == ["object 300/0"])
    peer.advance(.milliseconds(1))
    #expect(peer.events() == ["fetch unanswered 1 ?300/1"])
    #expect(peer.transport.stopped[stream] == 1)
    #expect(peer.session.canFetch)
    #expect(peer.session.deadline == nil)
  }

  @Test(arguments: Draft.allCases)
  func `a FETCH that is cancelled is silent`(_ draft: Draft) throws {
    let (peer, id) = livePeer(draft)
    let fetch = peer.session.fetch(id, range: location(300, 0)...location(300, 1))
    peer.fetchOK(1, through: location(300, 1))
    let stream = peer.fetched(2, peer.items(300, 0...0), isFinal: false)
    _ = peer.events()
    peer.session.cancelFetch(fetch)
    #expect(peer.transport.stopped[stream] == 1)
    peer.handle(.streamData(stream, [0, 1, 2], isFinal: true))
    #expect(peer.events() == [])
    #expect(peer.session.deadline == nil)
    #expect(peer.transport.closed == nil)
  }

  @Test(arguments: Draft.allCases)
  func `the end of a subscription waits for its FETCH, but not for ever`(_ draft: Draft) {
    let (peer, id) = livePeer(draft)
    _ = peer.session.fetch(id, range: location(300, 0)...location(300, 1))
    peer.fetched(2, peer.items(300, 0...0), isFinal: false)
    peer.done(streams: 0)
    #expect(peer.events() == ["object 300/0"])
    peer.advance(.milliseconds(5000))
    #expect(
      peer.events() == ["fetch cancelled 1 ?300/1", "ended trackEnded eof"]
    )
  }

  @Test(arguments: Draft.allCases)
  func `an object over the limit ends the FETCH alone`(_ draft: Draft) {
    var limits = SessionLimits()
    limits.objectBytes = 5
    let (peer, id) = livePeer(draft, limits: limits)
    _ = peer.session.fetch(id, range: location(300, 0)...location(300, 1))
    let large = Object(group: 300, id: 1, payload: [1, 2, 3, 4, 5, 6])
    let stream = peer.fetched(2, peer.items(300, 0...0) + [.object(large)], isFinal: false)
    #expect(peer.events() == ["object 300/0", "fetch refused 1 ?300/1"])
    #expect(peer.transport.stopped[stream] == StreamResetMeaning.excessiveLoad.code(in: draft))
    #expect(peer.transport.closed == nil)
  }

  @Test func `ranges at a time and what an outcome tells are bounded`() throws {
    var limits = SessionLimits()
    limits.fetches = 2
    limits.fetchRanges = 2
    let (peer, id) = livePeer(.draft18, limits: limits)
    for _ in 0..<3 { _ = peer.session.fetch(id, range: location(300, 0)...location(300, 9)) }
    #expect(peer.events() == ["fetch failed excessiveLoad 0 ?300/0-9"])
    #expect(try peer.fetches().count == 2)
    peer.fetched(
      2,
      [1, 3, 5, 7, 9].map { .object(peer.object(300, $0)) }
    )
    #expect(peer.events().last == "fetch complete 5 -300/0 -300/2")
  }

  @Test(arguments: [Draft.draft18, .draft20, .draft22])
  func `a request stream that ends without FETCH_OK fails the FETCH`(_ draft: Draft) {
    let (peer, id) = livePeer(draft)
    for (number, end) in [
      (1, TransportEvent.streamData(4, [], isFinal: true)), (2, .streamReset(8, code: 9)),
    ] {
      _ = peer.session.fetch(id, range: location(300, 0)...location(300, 1))
      let stream = peer.fetched(UInt64(number * 2), [], isFinal: false)
      peer.handle(end)
      #expect(peer.transport.stopped[stream] == 1)
    }
    #expect(
      peer.events() == ["fetch failed unknown 0 ?300/0-1", "fetch reset 9 0 ?300/0-1"]
    )
  }
}

private func location(_ group: UInt64, _ object: UInt64) -> Location {
  Location(group: group, object: object)
}
