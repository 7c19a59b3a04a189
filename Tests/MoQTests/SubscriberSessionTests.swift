import MoQ
import TestSupport
import Testing
import Wire

@Suite struct SubscriberSessionTests {
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
        "stream 5.0 finished(endOfGroup: true)",
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
    parameters.filter = .nextObject
    let subscribe = Subscribe(
      requestID: 0,
      track: ScriptedPeer.track,
      parameters: parameters
    )
    #expect(try peer.sentMessages().contains(.subscribe(subscribe)))
  }

  @Test(arguments: Draft.allCases)
  func `data that overtakes SUBSCRIBE_OK waits for its alias`(_ draft: Draft) {
    let peer = ScriptedPeer(draft)
    _ = peer.session.subscribe(ScriptedPeer.track)
    let stream = peer.subgroup(group: 5, ids: 0...1, isFinal: false)
    #expect(peer.events() == ["ready"])
    let header = peer.transport.consumedBytes[stream] ?? 0
    peer.accept()
    #expect(peer.events() == ["subscribed -", "object 5/0", "object 5/1"])
    // The credit for what waited comes back only now.
    #expect((peer.transport.consumedBytes[stream] ?? 0) > header)
  }

  @Test func `a finished stream and a datagram wait for their alias too`() {
    let peer = ScriptedPeer(.draft18)
    _ = peer.session.subscribe(ScriptedPeer.track)
    peer.subgroup(group: 5, ids: 0...0)
    peer.handle(
      .datagram(
        ObjectDatagram(trackAlias: 7, object: peer.object(6, 0, nil)).encode(for: .draft18)
      )
    )
    peer.accept()
    #expect(
      peer.events() == [
        "ready", "subscribed -", "object 5/0", "stream 5.0 finished(endOfGroup: false)",
        "object 6/0",
      ]
    )
  }

  @Test func `what nobody claims is dropped after its time`() {
    let peer = ScriptedPeer(.draft18)
    let stream = peer.subgroup(group: 5, ids: 0...0, isFinal: false)
    #expect(peer.session.deadline == peer.now + Interval.milliseconds(5000))
    peer.now = peer.now + Interval.milliseconds(5000)
    peer.session.handleTimeout(now: peer.now)
    #expect(peer.transport.stopped[stream] == 1)
    #expect(peer.session.deadline == nil)
  }

  @Test func `parked streams are bounded in number and in bytes`() {
    var limits = SessionLimits()
    limits.parkedStreams = 2
    limits.parkedBytes = 12
    let peer = ScriptedPeer(.draft18, limits: limits)
    let first = peer.subgroup(group: 1, ids: 0...0, isFinal: false)
    let second = peer.subgroup(group: 2, ids: 0...0, isFinal: false)
    let third = peer.subgroup(group: 3, ids: 0...0, isFinal: false)
    #expect(peer.transport.stopped == [third: 1])
    // Each holds an object of five bytes; one more than two would be the thirteenth.
    peer.handle(.streamData(first, [0, 0], isFinal: false))
    #expect(peer.transport.stopped == [third: 1])
    peer.handle(.streamData(first, [0], isFinal: false))
    #expect(peer.transport.stopped == [third: 1, first: 1])
    #expect(peer.transport.stopped[second] == nil)
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

  @Test(arguments: [Draft.draft14, .draft16, .draft18])
  func `joining the current group fetches its beginning and drops what comes twice`(
    _ draft: Draft
  ) throws {
    let peer = ScriptedPeer(draft)
    _ = peer.session.subscribe(
      ScriptedPeer.track,
      options: SubscribeOptions(start: .currentGroup)
    )
    #expect(try !peer.sentMessages().contains { if case .fetch = $0 { true } else { false } })
    peer.accept(largest: Location(group: 5, object: 1))
    let fetches = try peer.sentMessages().compactMap { message -> Fetch? in
      if case .fetch(let fetch) = message { fetch } else { nil }
    }
    #expect(fetches.map(\.range) == [.relativeJoining(requestID: 0, groups: 0)])
    #expect(fetches.map(\.requestID) == [2])
    peer.subgroup(group: 5, ids: 1...2, isFinal: false)
    var encoder = FetchEncoder(requestID: 2, draft: draft)
    let stream = peer.newUnidirectional()
    peer.handle(.streamData(stream, encoder.headerBytes, isFinal: false))
    peer.handle(
      .streamData(stream, encoder.encode(.object(peer.object(5, 0))), isFinal: false)
    )
    peer.handle(.streamData(stream, encoder.encode(.object(peer.object(5, 1))), isFinal: true))
    #expect(
      peer.events() == [
        "ready", "subscribed 5/1", "object 5/1", "object 5/2", "object 5/0",
        "fetch finished(objects: 2)",
      ]
    )
  }

  @Test(arguments: [Draft.draft20, .draft22])
  func `joining the current group is a fill from draft 20 on`(_ draft: Draft) throws {
    let peer = ScriptedPeer(draft)
    _ = peer.session.subscribe(
      ScriptedPeer.track,
      options: SubscribeOptions(start: .currentGroup)
    )
    let subscribes = try peer.sentMessages().compactMap { message -> Subscribe? in
      if case .subscribe(let subscribe) = message { subscribe } else { nil }
    }
    #expect(subscribes.first?.parameters.fill?.filter == .relative(groups: 1))
    // The fill may overtake SUBSCRIBE_OK.
    var encoder = FetchEncoder(requestID: 0, draft: draft)
    let stream = peer.newUnidirectional()
    peer.handle(.streamData(stream, encoder.headerBytes, isFinal: false))
    peer.handle(
      .streamData(stream, encoder.encode(.object(peer.object(5, 0))), isFinal: true)
    )
    #expect(peer.events() == ["ready"])
    peer.accept(largest: Location(group: 5, object: 0))
    #expect(
      peer.events() == ["subscribed 5/0", "object 5/0", "fetch finished(objects: 1)"]
    )
    peer.done(streams: 1)
    #expect(peer.events() == ["ended trackEnded eof"])
  }

  @Test(arguments: [Draft.draft14, .draft16, .draft18])
  func `a refused or empty join leaves the subscription live`(_ draft: Draft) {
    let refused = ScriptedPeer(draft)
    _ = refused.session.subscribe(
      ScriptedPeer.track,
      options: SubscribeOptions(start: .currentGroup)
    )
    refused.accept(largest: Location(group: 5, object: 1))
    refused.reply(
      .requestError(
        RequestError(
          kind: draft == .draft14 ? .fetch : .other,
          requestID: refused.id(2),
          code: 3,
          reason: "no"
        )
      ),
      toRequest: 1
    )
    refused.subgroup(group: 5, ids: 2...2, isFinal: false)
    #expect(
      refused.events() == [
        "ready", "subscribed 5/1", "fetch failed notSupported", "object 5/2",
      ]
    )
    let empty = ScriptedPeer(draft)
    _ = empty.session.subscribe(
      ScriptedPeer.track,
      options: SubscribeOptions(start: .currentGroup)
    )
    empty.accept(largest: Location(group: 5, object: 1))
    let encoder = FetchEncoder(requestID: 2, draft: draft)
    empty.handle(.streamData(empty.newUnidirectional(), encoder.headerBytes, isFinal: true))
    empty.subgroup(group: 5, ids: 2...2, isFinal: false)
    #expect(empty.events() == ["ready", "subscribed 5/1", "fetch empty", "object 5/2"])
  }

  @Test func `a join whose stream never comes is given up`() {
    let peer = ScriptedPeer(.draft18)
    _ = peer.session.subscribe(
      ScriptedPeer.track,
      options: SubscribeOptions(start: .currentGroup)
    )
    peer.accept(largest: Location(group: 5, object: 1))
    peer.now = peer.now + Interval.milliseconds(5000)
    #expect(peer.session.deadline == peer.now)
    peer.session.handleTimeout(now: peer.now)
    #expect(peer.events() == ["ready", "subscribed 5/1", "fetch empty"])
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
  func `a reset stream is reported with its code`(_ draft: Draft) {
    let peer = ScriptedPeer(draft)
    _ = peer.session.subscribe(ScriptedPeer.track)
    peer.accept()
    let stream = peer.subgroup(group: 0, ids: 0...1, isFinal: false)
    peer.handle(.streamReset(stream, code: 2))
    #expect(
      peer.events() == [
        "ready", "subscribed -", "object 0/0", "object 0/1", "stream 0.0 reset(code: 2)",
      ]
    )
  }

  @Test(arguments: Draft.allCases)
  func `datagrams deliver objects once`(_ draft: Draft) {
    let peer = ScriptedPeer(draft)
    _ = peer.session.subscribe(ScriptedPeer.track)
    peer.accept()
    let datagram = ObjectDatagram(
      trackAlias: 7,
      object: peer.object(3, 4, nil),
      endsGroup: true
    )
    peer.handle(.datagram(datagram.encode(for: draft)))
    peer.handle(.datagram(datagram.encode(for: draft)))
    #expect(
      peer.events().filter { $0.hasPrefix("object") } == ["object 3/4"]
    )
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

  @Test(arguments: [Draft.draft14, .draft16, .draft18])
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
    #expect(peer.events() == ["ready", "+live-cam1", "-live-cam1"])
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

  @Test func `the track's priority is inherited`() throws {
    let peer = ScriptedPeer(.draft18)
    _ = peer.session.subscribe(ScriptedPeer.track)
    let properties = try #require(Properties(type: 0x0e, value: 64))
    peer.send(
      .subscribeOK(SubscribeOK(requestID: nil, trackAlias: 7, trackProperties: properties)),
      on: 0
    )
    let header = SubgroupHeader(trackAlias: 7, group: 1, priority: nil)
    var encoder = SubgroupEncoder(header: header, draft: .draft18)
    let stream = peer.newUnidirectional()
    peer.handle(.streamData(stream, encoder.headerBytes, isFinal: false))
    peer.handle(.streamData(stream, encoder.encode(peer.object(1, 0)), isFinal: false))
    let priorities = sequence(state: ()) { _ in peer.session.poll() }
      .compactMap { event -> UInt8? in
        if case .object(_, let object) = event { object.priority } else { nil }
      }
    #expect(priorities == [64])
  }

  @Test(arguments: [Draft.draft18, .draft20, .draft22])
  func `padding is drained`(_ draft: Draft) {
    let peer = ScriptedPeer(draft)
    let stream = peer.newUnidirectional()
    peer.handle(.streamData(stream, StreamHeader.padding.encode(for: draft), isFinal: false))
    peer.handle(.streamData(stream, [0, 0, 0], isFinal: true))
    #expect(peer.transport.consumedBytes[stream] == 8)
    #expect(peer.events() == ["ready"])
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

  @Test func `one alias may serve two subscriptions of a track`() {
    let peer = ScriptedPeer(.draft20)
    let first = peer.session.subscribe(ScriptedPeer.track)
    _ = peer.session.subscribe(ScriptedPeer.track)
    peer.accept(0)
    peer.accept(1)
    peer.session.unsubscribe(first)
    peer.subgroup(group: 0, ids: 0...0, isFinal: false)
    #expect(peer.events() == ["ready", "subscribed -", "subscribed -", "object 0/0"])
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
}
