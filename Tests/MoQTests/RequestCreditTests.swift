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
}
