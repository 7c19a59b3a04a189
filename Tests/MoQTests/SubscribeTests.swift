import MoQ
import TestSupport
import Testing
import Wire

/// Subscriptions that we open: what is asked for, and how they begin and end.
@Suite struct SubscribeTests {
  @Test(arguments: Draft.allCases)
  func `a subscription delivers objects of any subgroup and ends`(_ draft: Draft) {
    let peer = ScriptedPeer(draft)
    _ = peer.session.subscribe(ScriptedPeer.track)
    peer.accept(largest: Location(group: 4, object: 9))
    #expect(peer.events() == ["ready", "subscribed 4/9"])
    peer.subgroup(group: 5, subgroup: 1, ids: 1...1)
    peer.subgroup(group: 5, subgroup: 0, ids: 0...0, endsGroup: true)
    #expect(
      peer.events() == [
        "object 5/1", "stream 5.1 finished(endOfGroup: false)", "object 5/0",
        "absent 5/1-*", "stream 5.0 finished(endOfGroup: true)",
      ]
    )
    peer.done(streams: 2)
    #expect(peer.events() == ["ended trackEnded eof"])
    #expect(peer.transport.closed == nil)
  }

  @Test(arguments: Draft.allCases)
  func `a subscription asks for what its options say`(_ draft: Draft) throws {
    let peer = ScriptedPeer(draft)
    _ = peer.session.subscribe(
      ScriptedPeer.track,
      options: SubscribeOptions(priority: 9, start: .largestObject)
    )
    var parameters = Parameters()
    parameters.subscriberPriority = 9
    parameters.groupOrder = .ascending
    parameters.forward = true
    // Said so that peers that speak draft 20 under the name of 22 understand it too.
    parameters.filter = draft == .draft22 ? .relative(groups: 1) : .nextObject
    let subscribe = Subscribe(
      requestID: 0,
      track: ScriptedPeer.track,
      parameters: parameters
    )
    #expect(try peer.sentMessages().contains(.subscribe(subscribe)))
  }

  @Test(arguments: [Draft.draft14, .draft16, .draft18])
  func `a refused subscription says what the code means`(_ draft: Draft) {
    let peer = ScriptedPeer(draft)
    _ = peer.session.subscribe(ScriptedPeer.track)
    let code = RequestErrorMeaning.doesNotExist.code(in: draft, kind: .subscribe)
    #expect(code == (draft == .draft14 ? 4 : 0x10))
    peer.reply(
      .requestError(
        RequestError(
          kind: draft == .draft14 ? .subscribe : .other,
          requestID: peer.id(0),
          code: code,
          retryInterval: draft == .draft14 ? 0 : 1001,
          reason: "no such track"
        )
      ),
      toRequest: 0
    )
    var failures: [RequestFailure] = []
    while let event = peer.session.poll() {
      if case .subscriptionFailed(_, let failure) = event { failures.append(failure) }
    }
    #expect(
      failures == [
        RequestFailure(
          meaning: .doesNotExist,
          code: code,
          reason: "no such track",
          retryAfter: draft == .draft14 ? nil : .milliseconds(1000)
        )
      ]
    )
  }

  @Test(arguments: Draft.allCases)
  func `an unknown error code does not end the session`(_ draft: Draft) {
    let peer = ScriptedPeer(draft)
    _ = peer.session.subscribe(ScriptedPeer.track)
    peer.reply(
      .requestError(
        RequestError(
          kind: draft == .draft14 ? .subscribe : .other,
          requestID: peer.id(0),
          code: 404,
          reason: "gone"
        )
      ),
      toRequest: 0
    )
    #expect(peer.events() == ["ready", "failed unknown 404 gone"])
    #expect(peer.transport.closed == nil)
  }

  @Test(arguments: Draft.allCases)
  func `PUBLISH_DONE that overtakes data waits for the streams it counts`(_ draft: Draft) {
    let peer = ScriptedPeer(draft)
    _ = peer.session.subscribe(ScriptedPeer.track)
    peer.accept()
    peer.done(streams: 2)
    peer.subgroup(group: 0, ids: 0...0)
    #expect(peer.events().last == "stream 0.0 finished(endOfGroup: false)")
    peer.subgroup(group: 1, ids: 0...0)
    #expect(peer.events().last == "ended trackEnded eof")
  }

  @Test(arguments: Draft.allCases)
  func `PUBLISH_DONE with missing streams ends after its time`(_ draft: Draft) {
    let peer = ScriptedPeer(draft)
    _ = peer.session.subscribe(ScriptedPeer.track)
    peer.accept()
    peer.done(streams: (1 << 62) - 1)
    #expect(peer.events() == ["ready", "subscribed -"])
    peer.now = peer.now + Interval.milliseconds(5000)
    peer.session.handleTimeout(now: peer.now)
    #expect(peer.events() == ["ended trackEnded eof"])
  }

  @Test(arguments: Draft.allCases)
  func `unsubscribing cancels as the draft wants and silences the alias`(_ draft: Draft) throws {
    let peer = ScriptedPeer(draft)
    let id = peer.session.subscribe(ScriptedPeer.track)
    peer.accept()
    let open = peer.subgroup(group: 0, ids: 0...0, isFinal: false)
    _ = peer.events()
    peer.session.unsubscribe(id)
    if draft >= .draft18 {
      #expect(peer.transport.stopped[0] == 1)
      #expect(peer.transport.resets[0] == 1)
    } else {
      #expect(try peer.sentMessages().contains(.unsubscribe(requestID: 0)))
    }
    #expect(peer.transport.stopped[open] == 1)
    let late = peer.subgroup(group: 1, ids: 0...0, isFinal: false)
    #expect(peer.transport.stopped[late] == 1)
    #expect(peer.events() == [])
  }

  @Test(arguments: [Draft.draft18, .draft20, .draft22])
  func `a publisher that stops reading the request keeps the subscription alive`(
    _ draft: Draft
  ) {
    let peer = ScriptedPeer(draft)
    _ = peer.session.subscribe(ScriptedPeer.track)
    peer.handle(.stopSending(0, code: 0))
    peer.accept()
    peer.subgroup(group: 0, ids: 0...0, isFinal: false)
    #expect(peer.events() == ["ready", "subscribed -", "object 0/0"])
    peer.handle(.streamReset(0, code: 9))
    peer.now = peer.now + Interval.milliseconds(5000)
    peer.session.handleTimeout(now: peer.now)
    #expect(peer.events() == ["ended unknown request stream reset with code 9"])
  }

  @Test(arguments: [Draft.draft18, .draft20, .draft22])
  func `a request stream that ends without an answer fails the request`(_ draft: Draft) {
    let peer = ScriptedPeer(draft)
    _ = peer.session.subscribe(ScriptedPeer.track)
    peer.handle(.streamData(0, [], isFinal: true))
    #expect(peer.events() == ["ready", "failed unknown - request stream finished"])
    #expect(peer.transport.finished.contains(0))
  }

  @Test func `an unknown mandatory track property refuses the track`() throws {
    let peer = ScriptedPeer(.draft18)
    _ = peer.session.subscribe(ScriptedPeer.track)
    let properties = try #require(Properties(type: 0x4000, value: 1))
    peer.send(
      .subscribeOK(SubscribeOK(requestID: nil, trackAlias: 7, trackProperties: properties)),
      on: 0
    )
    #expect(
      peer.events() == [
        "ready", "failed unsupportedExtension - track property 0x4000 must be understood",
      ]
    )
    #expect(peer.transport.resets[0] == 1)
  }

  @Test(arguments: Draft.allCases)
  func `byte by byte everything comes out the same`(_ draft: Draft) {
    func play(pieces: Int?) -> [String] {
      let pair = MoQSessionPair(draft, pieceBytes: pieces)
      let track = pair.store.addTrack(ScriptedPeer.track)
      track.beginGroup(1, now: pair.now)
      track.append(Bytes(utf8: "first"))
      _ = pair.subscriber.subscribe(
        ScriptedPeer.track,
        options: SubscribeOptions(start: .currentGroup)
      )
      pair.run()
      track.append(Bytes(utf8: "second"))
      track.end()
      pair.run()
      return pair.takeSubscriberEvents().map(describe)
    }
    #expect(play(pieces: 1) == play(pieces: nil))
  }

  @Test(arguments: [Draft.draft20, .draft22])
  func `one alias may serve two subscriptions of a track`(_ draft: Draft) {
    let peer = ScriptedPeer(draft)
    let ids = (0..<2).map { _ in peer.session.subscribe(ScriptedPeer.track) }
    peer.accept(0)
    peer.accept(1)
    let open = peer.subgroup(group: 0, ids: 0...0, isFinal: false)
    #expect(
      peer.events() == ["ready", "subscribed -", "subscribed -", "object 0/0", "object 0/0"]
    )
    // Whichever goes first, the other keeps the alias and the streams.
    peer.session.unsubscribe(ids[draft == .draft20 ? 0 : 1])
    #expect(peer.transport.stopped[open] == nil)
    peer.subgroup(group: 1, ids: 0...0)
    #expect(peer.events() == ["object 1/0", "stream 1.0 finished(endOfGroup: false)"])
    peer.done(draft == .draft20 ? 1 : 0, streams: 1)
    #expect(peer.events() == [])
    // Streams of both look the same, so their number proves nothing.
    peer.advance(.seconds(5))
    #expect(peer.events() == ["ended trackEnded eof"])
    #expect(peer.transport.stopped[open] == 1)
  }

  @Test(arguments: [Draft.draft14, .draft16, .draft18])
  func `one alias for two subscriptions ends the session before draft 20`(_ draft: Draft) {
    let peer = ScriptedPeer(draft)
    for number in 0..<2 {
      _ = peer.session.subscribe(ScriptedPeer.track)
      peer.accept(number)
    }
    #expect(peer.transport.closed?.code == 5)
  }

  @Test(arguments: Draft.allCases)
  func `tokens go where they are wanted`(_ draft: Draft) throws {
    let token = { Token.useValue(type: 0, value: Bytes(utf8: $0)) }
    let peer = ScriptedPeer(
      draft,
      options: SessionOptions(token: token("session"), requestToken: token("any"))
    )
    _ = peer.session.subscribe(ScriptedPeer.track)
    _ = peer.session.subscribe(ScriptedPeer.track, options: SubscribeOptions(token: token("own")))
    _ = peer.session.fetch(ScriptedPeer.track, range: .zero...(.zero))
    let tokens = try peer.sentMessages().compactMap { message -> String? in
      let token: Token?
      switch message {
      case .setup(let setup):
        // Alias type 3, token type 0, then the value.
        return setup.options.bytes(3)?.suffix(from: 2).text
      case .subscribe(let message): token = message.parameters.token
      case .fetch(let message): token = message.parameters.token
      default: return nil
      }
      if case .useValue(0, let value)? = token { return value.text }
      return nil
    }
    #expect(tokens.sorted() == ["any", "any", "own", "session"])
  }

  @Test(arguments: [Draft.draft18, .draft20, .draft22])
  func `a redirect says where to ask instead`(_ draft: Draft) {
    let peer = ScriptedPeer(draft)
    _ = peer.session.subscribe(ScriptedPeer.track)
    peer.refuse(0, .subscribe, code: 0x34, redirect: "moqt://b.example/x")
    var redirects: [RequestError.Redirect?] = []
    while let event = peer.session.poll() {
      if case .subscriptionFailed(_, let failure) = event { redirects.append(failure.redirect) }
    }
    #expect(redirects == [.init(uri: "moqt://b.example/x", track: ScriptedPeer.track)])
  }

  @Test(arguments: [Draft.draft20, .draft22])
  func `the state of a live subscription may be told, and no other`(_ draft: Draft) {
    let peer = ScriptedPeer(draft)
    let id = peer.session.subscribe(ScriptedPeer.track)
    peer.accept()
    var state = Parameters()
    state.largestObject = Location(group: 4, object: 4)
    peer.send(.publishStateNotify(state), on: 0)
    #expect(peer.transport.closed == nil)
    peer.session.unsubscribe(id)
    peer.send(.publishStateNotify(state), on: 0)
    #expect(peer.transport.closed == nil)
    _ = peer.session.subscribe(ScriptedPeer.track)
    peer.send(.publishStateNotify(state), on: 4)
    #expect(peer.transport.closed?.code == 3)
  }

}
