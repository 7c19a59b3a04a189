import MoQ
import TestSupport
import Testing
import Wire

/// Requests that wait, and sessions that end.
@Suite struct RequestCreditTests {
  @Test(arguments: [Draft.draft14, .draft16])
  func `a request waits for credit, says so once, and keeps its order`(_ draft: Draft) throws {
    let peer = ScriptedPeer(draft, answersSetup: false)
    peer.answerSetup(maximumRequestID: 1)
    _ = peer.session.subscribe(ScriptedPeer.track)
    let second = peer.session.subscribe(ScriptedPeer.track)
    peer.session.unsubscribe(second)
    var messages = try peer.sentMessages()
    #expect(messages.suffix(1) == [.requestsBlocked(maximum: 1)])
    peer.send(.maximumRequestID(3), on: 0)
    messages = try peer.sentMessages()
    guard case .subscribe(let sent) = messages.dropLast().last else {
      Issue.record("no SUBSCRIBE before the last message: \(messages)")
      return
    }
    #expect(sent.requestID == 2)
    #expect(messages.last == .unsubscribe(requestID: 2))
  }

  @Test func `a request waits for a stream`() throws {
    let peer = ScriptedPeer(.draft18)
    peer.transport.bidirectionalCredit = 0
    _ = peer.session.subscribe(ScriptedPeer.track)
    #expect(peer.transport.opened == [2])
    peer.transport.bidirectionalCredit = 1
    peer.handle(.streamCredit)
    #expect(peer.transport.opened == [2, 0])
  }

  @Test(arguments: Draft.allCases)
  func `GOAWAY is passed on, and later requests are refused`(_ draft: Draft) {
    let peer = ScriptedPeer(draft)
    peer.send(
      .goAway(
        GoAway(uri: "moqt://b.example", timeoutMilliseconds: draft >= .draft18 ? 5000 : nil)
      ),
      on: peer.controlStream
    )
    _ = peer.session.subscribe(ScriptedPeer.track)
    #expect(
      peer.events() == [
        "ready", "goaway moqt://b.example", "failed goingAway - the session is ending",
      ]
    )
    peer.send(
      .goAway(GoAway(uri: "", timeoutMilliseconds: draft >= .draft18 ? 0 : nil)),
      on: peer.controlStream
    )
    #expect(peer.events() == ["closed 3"])
  }

  @Test(arguments: [Draft.draft14, .draft16])
  func `a server that says nothing of request credit is asked all the same`(
    _ draft: Draft
  ) throws {
    let peer = ScriptedPeer(draft, answersSetup: false)
    peer.send(
      .setup(
        Setup(sender: .server, versions: draft == .draft14 ? [draft.versionCode] : [])
      ),
      on: 0
    )
    _ = peer.session.subscribe(ScriptedPeer.track)
    #expect(
      try peer.sentMessages().contains { if case .subscribe = $0 { true } else { false } }
    )
    peer.send(.maximumRequestID(2), on: 0)
    _ = peer.session.subscribe(FullTrackName(ScriptedPeer.track.namespace, "audio"))
    #expect(try peer.sentMessages().last == .requestsBlocked(maximum: 2))
  }

  @Test(arguments: [Draft.draft14, .draft16])
  func `a peer that never raises its limit is told of, once a limit`(_ draft: Draft) throws {
    let peer = ScriptedPeer(draft, answersSetup: false)
    peer.answerSetup(maximumRequestID: 2)
    for name in ["a", "b", "c"] {
      _ = peer.session.subscribe(FullTrackName(ScriptedPeer.track.namespace, name))
    }
    // The owner learns of every request that waits, the peer once.
    #expect(peer.events() == ["ready", "blocked 1", "blocked 2"])
    peer.send(.maximumRequestID(4), on: 0)
    #expect(peer.events() == ["blocked 1"])
    #expect(
      try peer.sentMessages().compactMap { message -> UInt64? in
        if case .requestsBlocked(let maximum) = message { maximum } else { nil }
      } == [2, 4]
    )
    peer.send(.maximumRequestID(100), on: 0)
    #expect(peer.events() == [])
    #expect(
      try peer.sentMessages().filter { if case .subscribe = $0 { true } else { false } }.count == 3
    )
  }

  @Test func `every request that waits for a stream is told of`() {
    let peer = ScriptedPeer(.draft18)
    peer.transport.bidirectionalCredit = 0
    for name in ["a", "b"] {
      _ = peer.session.subscribe(FullTrackName(ScriptedPeer.track.namespace, name))
    }
    #expect(peer.events() == ["ready", "blocked 1", "blocked 2"])
    peer.handle(.streamCredit)
    #expect(peer.events() == [])
  }

  @Test(arguments: Draft.allCases)
  func `past a limit requests do not wait but fail`(_ draft: Draft) throws {
    var limits = SessionLimits()
    limits.waitingRequests = 3
    let peer = ScriptedPeer(draft, limits: limits, answersSetup: false)
    let id = peer.session.subscribe(ScriptedPeer.track)
    peer.transport.bidirectionalCredit = draft < .draft18 ? 1 : 0
    peer.answerSetup(maximumRequestID: 2)
    if draft >= .draft18 {
      peer.transport.bidirectionalCredit = 1
      peer.handle(.streamCredit)
      peer.transport.bidirectionalCredit = 0
    }
    peer.accept(largest: Location(group: 9, object: 9))
    for name in ["a", "b", "c", "d"] {
      _ = peer.session.subscribe(FullTrackName(ScriptedPeer.track.namespace, name))
    }
    _ = peer.events()
    #expect(peer.session.waitingRequests == 3)
    _ = peer.session.subscribe(FullTrackName(ScriptedPeer.track.namespace, "e"))
    _ = peer.session.fetch(id, range: .zero...(.zero))
    peer.session.subscribeNamespace(ScriptedPeer.track.namespace)
    #expect(
      peer.events() == [
        "failed excessiveLoad - 3 requests wait already", "fetch failed excessiveLoad 0 ?0/0",
        "refused live excessiveLoad",
      ]
    )
    #expect(peer.session.waitingRequests == 3)
  }

  @Test(arguments: Draft.allCases)
  func `after GOAWAY nothing is asked any more`(_ draft: Draft) throws {
    let peer = ScriptedPeer(draft)
    let id = peer.session.subscribe(ScriptedPeer.track)
    peer.accept(largest: Location(group: 1, object: 1))
    peer.send(
      .goAway(GoAway(uri: "", timeoutMilliseconds: draft >= .draft18 ? 5000 : nil)),
      on: peer.controlStream
    )
    _ = peer.events()
    let sent = try peer.sentMessages().count
    _ = peer.session.fetch(id, range: .zero...(.zero))
    peer.session.subscribeNamespace(ScriptedPeer.track.namespace)
    #expect(peer.events() == ["fetch failed goingAway 0 ?0/0", "refused live goingAway"])
    #expect(try peer.sentMessages().count == sent)
    // What is subscribed to goes on until the owner has moved.
    peer.subgroup(group: 2, ids: 0...0, isFinal: false)
    #expect(peer.events() == ["object 2/0"])
    if draft < .draft18 {
      peer.session.acceptsPublish = { _ in SubscribeOptions() }
      peer.send(
        .publish(
          Publish(
            requestID: 1,
            track: FullTrackName(ScriptedPeer.track.namespace, "a"),
            trackAlias: 8
          )
        ),
        on: 0
      )
      #expect(peer.events() == [])
    }
  }

  @Test func `draft 18 says which requests it will not answer`() {
    let peer = ScriptedPeer(.draft18)
    _ = peer.session.subscribe(ScriptedPeer.track)
    _ = peer.session.subscribe(FullTrackName(ScriptedPeer.track.namespace, "audio"))
    peer.send(
      .goAway(GoAway(uri: "", timeoutMilliseconds: 0, requestID: 2)),
      on: peer.controlStream
    )
    #expect(
      peer.events() == ["ready", "goaway ", "failed goingAway - not processed before GOAWAY"]
    )
    peer.accept(0)
    #expect(peer.events() == ["subscribed -"])
    let wrong = ScriptedPeer(.draft18)
    wrong.send(
      .goAway(GoAway(uri: "", timeoutMilliseconds: 0, requestID: 1)),
      on: wrong.controlStream
    )
    #expect(wrong.transport.closed?.code == 4)
  }

  @Test(arguments: [Draft.draft18, .draft20, .draft22])
  func `GOAWAY on a request's stream moves that subscription only`(_ draft: Draft) {
    let peer = ScriptedPeer(draft)
    _ = peer.session.subscribe(ScriptedPeer.track)
    peer.accept()
    for expected in [["ready", "subscribed -", "goaway moqt://b one"], ["closed 3"]] {
      peer.send(.goAway(GoAway(uri: "moqt://b", timeoutMilliseconds: 1)), on: 0)
      #expect(peer.events() == expected)
    }
  }
}
