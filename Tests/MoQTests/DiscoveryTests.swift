import MoQ
import TestSupport
import Testing
import Wire

/// Namespaces and pushed tracks.
@Suite struct DiscoveryTests {
  @Test(arguments: Draft.allCases)
  func `namespaces are found as the draft tells them`(_ draft: Draft) throws {
    let prefix = try #require(TrackNamespace(text: "live"))
    let suffix = try #require(TrackNamespace(text: "cam1"))
    let peer = ScriptedPeer(draft)
    peer.session.subscribeNamespace(prefix)
    let stream: UInt64 = draft == .draft16 ? 4 : 0
    peer.send(
      .requestOK(
        RequestOK(
          kind: draft == .draft14 ? .subscribeNamespace : .other,
          requestID: peer.id(0)
        )
      ),
      on: stream
    )
    if draft == .draft14 {
      let namespace = prefix.appending(suffix)
      peer.send(
        .publishNamespace(PublishNamespace(requestID: 1, namespace: namespace)),
        on: 0
      )
      peer.send(.publishNamespaceDone(.namespace(namespace)), on: 0)
      #expect(
        try peer.sentMessages().contains(
          .requestOK(RequestOK(kind: .publishNamespace, requestID: 1))
        )
      )
    } else {
      peer.send(.namespace(suffix: suffix), on: stream)
      peer.send(.namespaceDone(suffix: suffix), on: stream)
    }
    #expect(peer.events() == ["ready", "accepted live", "+live-cam1", "-live-cam1"])
  }

  @Test(arguments: Draft.allCases)
  func `a server that announces, asks and pushes is answered politely`(_ draft: Draft) throws {
    let peer = ScriptedPeer(draft)
    let namespace = try #require(TrackNamespace(text: "live"))
    let isStreams = draft >= .draft18
    let streams = (0..<3).map { _ in isStreams ? peer.newBidirectional() : 0 }
    peer.send(
      .publishNamespace(PublishNamespace(requestID: 1, namespace: namespace)),
      on: streams[0]
    )
    let ask = ControlMessage.subscribeNamespace(
      SubscribeNamespace(
        requestID: 3,
        prefix: namespace,
        options: draft == .draft16 ? 1 : nil
      )
    )
    let askStream = draft == .draft16 ? peer.newBidirectional() : streams[1]
    peer.send(ask, on: askStream)
    peer.send(
      .publish(Publish(requestID: 5, track: ScriptedPeer.track, trackAlias: 9)),
      on: streams[2]
    )
    #expect(peer.events() == ["ready", "+live"])
    let pushed = peer.subgroup(alias: 9, group: 0, ids: 0...0, isFinal: false)
    #expect(peer.transport.stopped[pushed] == 1)
    #expect(peer.transport.closed == nil)
    let replies = try (isStreams ? streams : Set([0, askStream]).sorted()).flatMap {
      try decodeControl([peer.transport.sent[$0] ?? Bytes()], draft)
    }
    let oks = replies.filter { if case .requestOK = $0 { true } else { false } }
    #expect(oks.count == 2)
    let codes = replies.compactMap { message -> UInt64? in
      if case .requestError(let error) = message { error.code } else { nil }
    }
    #expect(codes == [draft == .draft14 ? 4 : 0x20])
  }

  @Test(arguments: [Draft.draft18, .draft20, .draft22])
  func `an announcement outlives the orderly end of its stream, not a reset`(_ draft: Draft) {
    for (end, events) in [
      (TransportEvent.streamData(1, [], isFinal: true), ["ready", "+live"]),
      (.streamReset(1, code: 1), ["ready", "+live", "-live"]),
      (.stopSending(1, code: 1), ["ready", "+live", "-live"]),
    ] {
      let peer = ScriptedPeer(draft)
      peer.send(
        .publishNamespace(
          PublishNamespace(requestID: 1, namespace: ScriptedPeer.track.namespace)
        ),
        on: 1
      )
      peer.handle(end)
      #expect(peer.events() == events)
    }
  }

  func namespace(_ text: String) throws -> TrackNamespace {
    try #require(TrackNamespace(text: text))
  }

  /// Where a request for namespaces that was the n-th request gets its answers.
  func stream(_ draft: Draft, _ number: UInt64 = 0) -> UInt64 {
    draft == .draft14 ? 0 : draft == .draft16 ? 4 + number * 4 : number * 4
  }

  func ok(_ draft: Draft, _ id: UInt64 = 0) -> ControlMessage {
    .requestOK(
      RequestOK(
        kind: draft == .draft14 ? .subscribeNamespace : .other,
        requestID: draft < .draft18 ? id : nil
      )
    )
  }

  @Test(arguments: Draft.allCases)
  func `a prefix is asked for with a token where there is one`(_ draft: Draft) throws {
    let token = Token.useValue(type: 1, value: Bytes(utf8: "a"))
    let peer = ScriptedPeer(draft, options: SessionOptions(requestToken: token))
    peer.session.subscribeNamespace(try namespace("live"))
    var parameters = Parameters()
    parameters.token = token
    let request = SubscribeNamespace(
      requestID: 0,
      prefix: try namespace("live"),
      options: draft == .draft16 ? 1 : nil,
      parameters: parameters
    )
    #expect(try peer.sentMessages().contains(.subscribeNamespace(request)))
  }

  @Test(arguments: Draft.allCases)
  func `a prefix that is taken back withdraws what came by it`(_ draft: Draft) throws {
    let peer = ScriptedPeer(draft)
    let prefix = try namespace("live")
    peer.session.subscribeNamespace(prefix)
    peer.send(ok(draft), on: stream(draft))
    if draft != .draft14 {
      peer.send(.namespace(suffix: try namespace("cam1")), on: stream(draft))
    }
    _ = peer.events()
    peer.session.unsubscribeNamespace(prefix)
    if draft == .draft14 {
      #expect(try peer.sentMessages().last == .unsubscribeNamespace(prefix: prefix))
      #expect(peer.events() == [])
    } else {
      #expect(peer.transport.stopped[stream(draft)] == 1)
      #expect(peer.transport.resets[stream(draft)] == 1)
      #expect(peer.events() == ["-live-cam1"])
      // What was under way is dropped.
      peer.send(.namespace(suffix: try namespace("cam2")), on: stream(draft))
      #expect(peer.events() == [])
    }
    #expect(peer.transport.closed == nil)
  }

  @Test(arguments: Draft.allCases)
  func `a namespace is known as long as anything announces it`(_ draft: Draft) throws {
    let peer = ScriptedPeer(draft)
    let found = try namespace("live/cam1")
    // Unasked, and outside of every prefix.
    let announcement: UInt64 = draft < .draft18 ? 0 : peer.newBidirectional()
    peer.send(
      .publishNamespace(PublishNamespace(requestID: 1, namespace: found)),
      on: announcement
    )
    #expect(peer.events() == ["ready", "+live-cam1"])
    guard draft != .draft14 else {
      peer.send(.publishNamespaceDone(.namespace(found)), on: 0)
      #expect(peer.events() == ["-live-cam1"])
      return
    }
    peer.session.subscribeNamespace(try namespace("live"))
    peer.send(ok(draft), on: stream(draft))
    peer.send(.namespace(suffix: try namespace("cam1")), on: stream(draft))
    peer.send(.namespace(suffix: try namespace("cam1")), on: stream(draft))
    #expect(peer.events() == ["accepted live"])
    if draft == .draft16 {
      peer.send(.publishNamespaceDone(.request(1)), on: 0)
    } else {
      peer.handle(.streamReset(announcement, code: 1))
    }
    #expect(peer.events() == [])
    peer.send(.namespaceDone(suffix: try namespace("cam1")), on: stream(draft))
    #expect(peer.events() == ["-live-cam1"])
  }

  @Test(arguments: [Draft.draft16, .draft18, .draft20, .draft22])
  func `the end of a prefix's stream withdraws everything`(_ draft: Draft) throws {
    for end in [
      TransportEvent.streamData(stream(draft), [], isFinal: true),
      .streamReset(stream(draft), code: 4),
    ] {
      let peer = ScriptedPeer(draft)
      peer.session.subscribeNamespace(try namespace("live"))
      peer.send(ok(draft), on: stream(draft))
      peer.send(.namespace(suffix: try namespace("cam1")), on: stream(draft))
      peer.handle(end)
      // Who asked has to know that nothing is told any more.
      #expect(
        peer.events() == [
          "ready", "accepted live", "+live-cam1", "-live-cam1", "refused live unknown",
        ]
      )
    }
  }

  @Test(arguments: Draft.allCases)
  func `the end of a session withdraws everything`(_ draft: Draft) throws {
    let peer = ScriptedPeer(draft)
    for (id, text) in [(1, "b"), (3, "a")] as [(UInt64, String)] {
      peer.send(
        .publishNamespace(PublishNamespace(requestID: id, namespace: try namespace(text))),
        on: draft < .draft18 ? 0 : peer.newBidirectional()
      )
    }
    _ = peer.events()
    peer.session.close()
    #expect(peer.events() == ["-a", "-b", "closed 0"])
  }

  @Test(arguments: Draft.allCases)
  func `an overlap is told with its prefix`(_ draft: Draft) throws {
    let peer = ScriptedPeer(draft)
    peer.session.subscribeNamespace(try namespace("live"))
    peer.session.subscribeNamespace(try namespace("live/cam1"))
    peer.send(ok(draft), on: stream(draft))
    peer.send(
      .requestError(
        RequestError(
          kind: draft == .draft14 ? .subscribeNamespace : .other,
          requestID: peer.id(2),
          code: draft == .draft14 ? 5 : 0x30,
          reason: "overlaps"
        )
      ),
      on: stream(draft, 1)
    )
    #expect(peer.events() == ["ready", "accepted live", "refused live-cam1 prefixOverlap"])
  }

  @Test(arguments: [Draft.draft16, .draft18, .draft20, .draft22])
  func `a request for namespaces without an answer is refused`(_ draft: Draft) throws {
    let peer = ScriptedPeer(draft)
    peer.session.subscribeNamespace(try namespace("live"))
    peer.handle(.streamData(stream(draft), [], isFinal: true))
    #expect(peer.events() == ["ready", "refused live unknown"])
  }

  @Test(arguments: [Draft.draft18, .draft20, .draft22])
  func `namespaces before the answer end the session`(_ draft: Draft) throws {
    let peer = ScriptedPeer(draft)
    peer.session.subscribeNamespace(try namespace("live"))
    peer.send(.namespace(suffix: try namespace("cam1")), on: 0)
    #expect(peer.transport.closed?.code == 3)
  }

  @Test(arguments: [Draft.draft16, .draft18, .draft20, .draft22])
  func `NAMESPACE_DONE before its NAMESPACE ends the session`(_ draft: Draft) throws {
    let peer = ScriptedPeer(draft)
    peer.session.subscribeNamespace(try namespace("live"))
    peer.send(ok(draft), on: stream(draft))
    peer.send(.namespaceDone(suffix: try namespace("cam1")), on: stream(draft))
    #expect(peer.transport.closed?.code == 3)
  }

  @Test(arguments: Draft.allCases)
  func `an empty prefix from a peer is taken in every draft`(_ draft: Draft) throws {
    let peer = ScriptedPeer(draft)
    peer.send(
      .subscribeNamespace(
        SubscribeNamespace(
          requestID: 1,
          prefix: TrackNamespace([]),
          options: draft == .draft16 ? 1 : nil
        )
      ),
      on: draft == .draft14 ? 0 : peer.newBidirectional()
    )
    #expect(peer.events() == ["ready"])
    #expect(peer.transport.closed == nil)
  }
}
