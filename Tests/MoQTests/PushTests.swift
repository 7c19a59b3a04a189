import MoQ
import TestSupport
import Testing
import Wire

/// Subscriptions that the publisher opens.
@Suite struct PushTests {
  static let track = ScriptedPeer.track

  /// A peer that pushes a track with its request 1 on its stream 1 where there is one.
  func push(
    _ draft: Draft,
    _ start: SubscriptionStart = .largestObject,
    largest: Location? = Location(group: 9, object: 1)
  ) -> ScriptedPeer {
    let peer = ScriptedPeer(
      draft,
      acceptsPublish: { name in
        name == Self.track ? SubscribeOptions(priority: 7, start: start) : nil
      }
    )
    send(Self.track, alias: 7, id: 1, largest: largest, to: peer)
    return peer
  }

  func send(
    _ track: FullTrackName,
    alias: UInt64,
    id: UInt64,
    largest: Location? = nil,
    to peer: ScriptedPeer
  ) {
    var parameters = Parameters()
    parameters.largestObject = largest
    peer.send(
      .publish(
        Publish(requestID: id, track: track, trackAlias: alias, parameters: parameters)
      ),
      on: peer.isStreams ? peer.newBidirectional() : 0
    )
  }

  /// What was said on the stream of the first push.
  func replies(_ peer: ScriptedPeer) throws -> [ControlMessage] {
    try decodeControl(
      [peer.transport.sent[peer.isStreams ? 1 : 0] ?? Bytes()],
      peer.draft
    ).filter { if case .setup = $0 { false } else { true } }
  }

  @Test(arguments: Draft.allCases)
  func `a wanted push is a subscription like any other`(_ draft: Draft) throws {
    let peer = push(draft)
    peer.subgroup(group: 9, ids: 2...2)
    #expect(
      peer.events() == [
        "ready", "published live--video", "subscribed 9/1", "object 9/2",
        "stream 9.0 finished(endOfGroup: false)",
      ]
    )
    peer.send(
      .publishDone(
        PublishDone(
          requestID: peer.id(1),
          status: PublishDoneStatus.trackEnded.code(in: draft),
          streamCount: 1,
          reason: "eof"
        )
      ),
      on: peer.isStreams ? 1 : 0
    )
    #expect(peer.events() == ["ended trackEnded eof"])
  }

  @Test(arguments: [Draft.draft14, .draft16, .draft18])
  func `a push takes the place of a subscription that was not answered`(_ draft: Draft) throws {
    let peer = ScriptedPeer(draft, acceptsPublish: { _ in SubscribeOptions(start: .largestObject) })
    let id = peer.session.subscribe(Self.track)
    let range = Location(group: 0, object: 0)...Location(group: 3, object: 0)
    _ = peer.session.fetch(id, range: range)
    #expect(peer.events() == ["ready"])
    send(Self.track, alias: 7, id: 1, largest: Location(group: 9, object: 1), to: peer)
    let events = peer.events()
    #expect(events.count == 3 && events[0].hasPrefix("fetch "), "\(events)")
    #expect(events.suffix(2) == ["published live--video", "subscribed 9/1"])
    // Ours is taken back, and the push accepted.
    if peer.isStreams {
      #expect(peer.transport.resets[0] != nil)
    } else {
      let sent = try decodeControl([peer.transport.sent[0] ?? Bytes()], draft)
      #expect(sent.contains { if case .unsubscribe = $0 { true } else { false } })
    }
    let isAccepted = try replies(peer).contains { message in
      switch message {
      case .publishOK, .requestOK: true
      default: false
      }
    }
    #expect(isAccepted)
    peer.subgroup(group: 9, ids: 2...2)
    #expect(peer.events().first == "object 9/2")
  }

  @Test(arguments: [Draft.draft14, .draft16, .draft18])
  func `a push of what is subscribed and answered is refused`(_ draft: Draft) throws {
    let peer = ScriptedPeer(draft, acceptsPublish: { _ in SubscribeOptions() })
    _ = peer.session.subscribe(Self.track)
    peer.accept()
    _ = peer.events()
    send(Self.track, alias: 8, id: 1, to: peer)
    #expect(peer.events() == [])
    guard case .requestError(let error)? = try replies(peer).last else {
      Issue.record("not refused")
      return
    }
    #expect(error.code == (draft == .draft14 ? 4 : 0x19))
  }

  @Test(arguments: Draft.allCases)
  func `the answer says what is wanted as the draft has it`(_ draft: Draft) throws {
    for (start, filter) in [
      (SubscriptionStart.nextGroup, LocationFilter.nextGroup),
      (.largestObject, draft == .draft22 ? .relative(groups: 1) : .nextObject),
    ] {
      var parameters = Parameters()
      parameters.subscriberPriority = 7
      parameters.forward = true
      parameters.filter = filter
      let expected: [ControlMessage]
      switch draft {
      case .draft14, .draft16:
        parameters.groupOrder = .ascending
        expected = [.publishOK(PublishOK(requestID: 1, parameters: parameters))]
      case .draft18:
        parameters.groupOrder = .ascending
        expected = [.requestOK(RequestOK(kind: .other, requestID: nil, parameters: parameters))]
      case .draft20, .draft22:
        expected = [
          .requestOK(RequestOK(kind: .other, requestID: nil)),
          .requestUpdate(
            RequestUpdate(requestID: 0, existingRequestID: nil, parameters: parameters)
          ),
        ]
      }
      #expect(try replies(push(draft, start)) == expected)
    }
  }

  @Test(arguments: Draft.allCases)
  func `the past of a push is fetched`(_ draft: Draft) throws {
    let peer = push(draft, .groupsBack(1))
    let id: UInt64 = draft < .draft20 ? 0 : 2
    let fetch = try #require(try peer.fetches().first)
    #expect(fetch.requestID == id)
    let start = Location(group: 8, object: 0)
    if draft < .draft20 {
      let end = Location(group: 9, object: 2)
      #expect(fetch.range == .standalone(Self.track, start: start, end: end))
    } else {
      let end = Location(group: 9, object: 1)
      #expect(fetch.parameters.filter == .range(start: start, end: end))
    }
    peer.fetched(id, peer.items(8, 0...0) + peer.items(9, 0...1))
    #expect(
      peer.events().suffix(5) == [
        "object 8/0", "absent 8/1-*", "object 9/0", "object 9/1", "join complete 3 -8/1-*",
      ]
    )
  }

  @Test(arguments: Draft.allCases)
  func `a push is given up as any subscription`(_ draft: Draft) throws {
    let peer = push(draft)
    var id: SubscriptionID?
    while let event = peer.session.poll() {
      if case .published(let pushed, _) = event { id = pushed }
    }
    let open = peer.subgroup(group: 9, ids: 2...2, isFinal: false)
    _ = peer.events()
    peer.session.unsubscribe(try #require(id))
    #expect(peer.transport.stopped[open] == 1)
    if peer.isStreams {
      #expect(peer.transport.stopped[1] == 1)
      #expect(peer.transport.resets[1] == 1)
    } else {
      #expect(try replies(peer).last == .unsubscribe(requestID: 1))
    }
    let late = peer.subgroup(group: 10, ids: 0...0, isFinal: false)
    #expect(peer.transport.stopped[late] == 1)
    #expect(peer.events() == [])
  }

  @Test(arguments: [Draft.draft18, .draft20, .draft22])
  func `a push whose stream is reset ends`(_ draft: Draft) {
    let peer = push(draft)
    peer.handle(.streamReset(1, code: 4))
    peer.advance(.seconds(5))
    #expect(peer.events().last == "ended unknown request stream reset with code 4")
  }

  @Test(arguments: Draft.allCases)
  func `what was not named is refused`(_ draft: Draft) throws {
    let peer = push(draft)
    send(FullTrackName(Self.track.namespace, "audio"), alias: 8, id: 3, to: peer)
    let pushed = peer.subgroup(alias: 8, group: 0, ids: 0...0, isFinal: false)
    #expect(peer.transport.stopped[pushed] == 1)
    #expect(peer.events() == ["ready", "published live--video", "subscribed 9/1"])
  }

  @Test(arguments: [Draft.draft14, .draft16, .draft18])
  func `a track that is subscribed to may not be pushed too`(_ draft: Draft) throws {
    let peer = push(draft)
    send(Self.track, alias: 8, id: 3, to: peer)
    let last = try decodeControl(
      [peer.transport.sent[peer.isStreams ? 5 : 0] ?? Bytes()],
      draft
    ).last
    guard case .requestError(let error)? = last else {
      Issue.record("not refused")
      return
    }
    #expect(error.code == (draft == .draft14 ? 4 : 0x19))
  }

  @Test(arguments: [Draft.draft20, .draft22])
  func `the alias of a track may serve several subscriptions`(_ draft: Draft) {
    let peer = push(draft)
    send(Self.track, alias: 7, id: 3, largest: Location(group: 9, object: 1), to: peer)
    peer.subgroup(group: 9, ids: 2...2, isFinal: false)
    #expect(
      peer.events().suffix(4) == [
        "published live--video", "subscribed 9/1", "object 9/2", "object 9/2",
      ]
    )
  }

  @Test(arguments: Draft.allCases)
  func `one alias for two pushed tracks ends the session`(_ draft: Draft) {
    let peer = push(draft)
    send(FullTrackName(Self.track.namespace, "audio"), alias: 7, id: 3, to: peer)
    #expect(peer.transport.closed?.code == 5)
  }

  @Test(arguments: [Draft.draft18, .draft20, .draft22])
  func `a push with a property that must be understood is refused`(_ draft: Draft) throws {
    let peer = ScriptedPeer(draft, acceptsPublish: { _ in SubscribeOptions() })
    let properties = try #require(Properties(type: 0x4000, value: 1))
    peer.send(
      .publish(
        Publish(requestID: 1, track: Self.track, trackAlias: 7, trackProperties: properties)
      ),
      on: peer.newBidirectional()
    )
    guard case .requestError(let error)? = try replies(peer).first else {
      Issue.record("not refused")
      return
    }
    #expect(error.code == 0x33)
    #expect(peer.events() == ["ready"])
  }
}
