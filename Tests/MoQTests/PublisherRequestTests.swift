import MoQ
import TestSupport
import Testing
import Wire

/// Subscriptions of a peer, from the publishing side.
@Suite struct PublisherRequestTests {
  @Test(arguments: Draft.allCases)
  func `TRACK_STATUS says the largest object`(_ draft: Draft) throws {
    let peer = ScriptedSubscriber(draft)
    let reply = try peer.request {
      .trackStatus(Subscribe(requestID: $0, track: peer.track.name))
    }
    let largest: Location?
    switch reply.first {
    case .trackStatusOK(let ok)?: largest = ok.parameters.largestObject
    case .requestOK(let ok)?: largest = ok.parameters.largestObject
    default: largest = nil
    }
    #expect(largest == Location(group: 7, object: 2))
  }

  @Test(arguments: Draft.allCases)
  func `a second subscription to a track is for later drafts only`(_ draft: Draft) throws {
    let peer = ScriptedSubscriber(draft)
    _ = try peer.subscribe()
    let second = try peer.subscribe()
    if draft >= .draft20 {
      #expect(peer.errorMeaning(second) == nil)
    } else {
      #expect(
        peer.errorMeaning(second)
          == (draft == .draft14 ? .internalError : .duplicateSubscription)
      )
    }
  }

  @Test(arguments: Draft.allCases)
  func `a range that lies in the past is refused`(_ draft: Draft) throws {
    let peer = ScriptedSubscriber(draft)
    let reply = try peer.subscribe(.groups(start: .zero, endGroup: 6))
    #expect(peer.errorMeaning(reply) == .invalidRange)
  }

  @Test(arguments: Draft.allCases)
  func `a range that ends with a group ends the subscription after it`(_ draft: Draft) throws {
    let peer = ScriptedSubscriber(draft)
    _ = try peer.subscribe(.groups(start: .zero, endGroup: 7))
    peer.track.append([1])
    peer.track.beginGroup(8, now: peer.now)
    peer.track.append([2])
    peer.publisher.pump(now: peer.now)
    let streams = peer.transport.opened.filter {
      $0 & 2 != 0 && peer.transport.finished.contains($0)
    }
    #expect(streams.count == 1)
    let control = try decodeControl([peer.transport.sent[0] ?? Bytes()], draft)
    let done = control.compactMap { if case .publishDone(let done) = $0 { done } else { nil } }
    // From draft 20 on it goes on, as an update may move the range's end.
    #expect(done.map(\.streamCount) == (draft < .draft20 ? [1] : []))
    #expect(done.map(\.status) == (draft < .draft20 ? [3] : []))
  }

  @Test(arguments: [Draft.draft20, .draft22])
  func `a subscription whose range is over goes on when an update moves its end`(
    _ draft: Draft
  ) throws {
    let peer = ScriptedSubscriber(draft)
    _ = try peer.subscribe(.groups(start: .zero, endGroup: 7))
    peer.track.beginGroup(8, now: peer.now)
    peer.track.append([2])
    peer.publisher.pump(now: peer.now)
    var parameters = Parameters()
    parameters.filter = LocationFilter.none
    peer.send(
      .requestUpdate(RequestUpdate(requestID: 2, existingRequestID: nil, parameters: parameters)),
      on: 0
    )
    peer.track.append([3])
    peer.publisher.pump(now: peer.now)
    let stream = try #require(peer.transport.opened.last)
    #expect(try decodeSubgroupStream(peer.transport.sent[stream], draft) == ["8/1"])
  }

  @Test(arguments: [Draft.draft16, .draft18, .draft20, .draft22])
  func `an update that nothing can fulfil ends the subscription`(_ draft: Draft) throws {
    let peer = ScriptedSubscriber(draft)
    _ = try peer.subscribe()
    var parameters = Parameters()
    parameters.filter = .groups(start: .zero, endGroup: 6)
    peer.send(
      .requestUpdate(
        RequestUpdate(
          requestID: 2,
          existingRequestID: draft == .draft16 ? 0 : nil,
          parameters: parameters
        )
      ),
      on: 0
    )
    let replies = try decodeControl([peer.transport.sent[0] ?? Bytes()], draft)
    #expect(peer.errorMeaning(replies.dropLast().last) == .invalidRange)
    guard case .publishDone(let done)? = replies.last else {
      Issue.record("no PUBLISH_DONE")
      return
    }
    #expect(done.status == 8)
  }

  @Test(arguments: [Draft.draft20, .draft22])
  func `an update may ask for the past, on a stream with its own id`(_ draft: Draft) throws {
    let peer = ScriptedSubscriber(draft)
    _ = try peer.subscribe()
    var parameters = Parameters()
    var fill = Parameters()
    fill.filter = .relative(groups: 2)
    parameters.fill = fill
    peer.send(
      .requestUpdate(RequestUpdate(requestID: 2, existingRequestID: nil, parameters: parameters)),
      on: 0
    )
    let stream = try #require(peer.transport.opened.last)
    #expect(peer.transport.sent[stream]?.prefix(2) == [5, 2])
    #expect(peer.transport.finished.contains(stream))
    #expect(
      try peer.fetched().map {
        if case .object(let object) = $0 { "\(object.location)" } else { "" }
      }
        == ["6/0", "6/1", "6/2", "7/0", "7/1", "7/2"]
    )
    peer.track.end()
    peer.publisher.pump(now: peer.now)
    let replies = try decodeControl([peer.transport.sent[0] ?? Bytes()], draft)
    guard case .publishDone(let done)? = replies.last else {
      Issue.record("no PUBLISH_DONE")
      return
    }
    #expect(done.streamCount == 1)
  }

  @Test(arguments: [Draft.draft20, .draft22])
  func `filters by ranges were not allowed and are refused`(_ draft: Draft) throws {
    let peer = ScriptedSubscriber(draft)
    var parameters = Parameters()
    parameters.set(0x25, .bytes([0, 0, 0]))
    let subscribe = try peer.request {
      .subscribe(Subscribe(requestID: $0, track: peer.track.name, parameters: parameters))
    }
    let fetch = try peer.request {
      .fetch(Fetch(requestID: $0, range: .filtered(peer.track.name), parameters: parameters))
    }
    #expect(
      [subscribe, fetch].map { peer.errorMeaning($0.first) } == [.invalidFilter, .invalidFilter]
    )
  }

  @Test(arguments: Draft.allCases)
  func `GOAWAY goes out once, later requests are refused, and the time is kept`(
    _ draft: Draft
  ) throws {
    let peer = ScriptedSubscriber(draft)
    peer.publisher.goAway(uri: "moqt://b", timeout: .seconds(2))
    peer.publisher.goAway(uri: "moqt://c", timeout: .seconds(9))
    let control: UInt64 = draft < .draft18 ? 0 : 3
    let sent = try decodeControl([peer.transport.sent[control] ?? Bytes()], draft)
    #expect(
      sent.suffix(1) == [
        .goAway(
          GoAway(
            uri: "moqt://b",
            timeoutMilliseconds: draft < .draft18 ? nil : 2000,
            requestID: draft == .draft18 ? 0 : nil
          )
        )
      ]
    )
    #expect(sent.count == 2)
    let meaning = peer.errorMeaning(try peer.subscribe())
    #expect(meaning == (draft < .draft18 ? .internalError : .goingAway))
    let deadline = peer.now + .seconds(2)
    #expect(peer.publisher.deadline == deadline)
    peer.publisher.handleTimeout(now: deadline)
    #expect(peer.transport.closed?.code == 0x10)
  }

  @Test(arguments: [Draft.draft16, .draft18, .draft20, .draft22])
  func `an update without forwarding stops objects and is answered`(_ draft: Draft) throws {
    let peer = ScriptedSubscriber(draft)
    _ = try peer.subscribe()
    var parameters = Parameters()
    parameters.forward = false
    let update = ControlMessage.requestUpdate(
      RequestUpdate(
        requestID: 2,
        existingRequestID: draft == .draft16 ? 0 : nil,
        parameters: parameters
      )
    )
    peer.send(update, on: 0)
    let replies = try decodeControl([peer.transport.sent[0] ?? Bytes()], draft)
    guard case .requestOK(let ok)? = replies.last else {
      Issue.record("no REQUEST_OK")
      return
    }
    #expect(ok.requestID == (draft == .draft16 ? 2 : nil))
    let opened = peer.transport.opened
    peer.track.append([1])
    peer.publisher.pump(now: peer.now)
    #expect(peer.transport.opened == opened)
  }

  @Test(arguments: Draft.allCases)
  func `a group stream that the peer stops is reset and the next one is sent`(
    _ draft: Draft
  ) throws {
    let peer = ScriptedSubscriber(draft)
    _ = try peer.subscribe()
    peer.track.append([1])
    peer.publisher.pump(now: peer.now)
    let first = try #require(peer.transport.opened.last)
    peer.publisher.handle(.stopSending(first, code: 1), now: peer.now)
    #expect(peer.transport.resets[first] == 1)
    peer.track.append([2])
    peer.track.beginGroup(8, now: peer.now)
    peer.track.append([3])
    peer.publisher.pump(now: peer.now)
    let streams = peer.transport.opened.filter { $0 & 2 != 0 && $0 >= first }
    #expect(streams.count == 2)
  }

  @Test(arguments: Draft.allCases)
  func `a data stream from a subscriber is refused`(_ draft: Draft) {
    let peer = ScriptedSubscriber(draft)
    let header = StreamHeader.subgroup(SubgroupHeader(trackAlias: 1, group: 0))
    peer.publisher.handle(
      .streamData(6, header.encode(for: draft), isFinal: false),
      now: peer.now
    )
    #expect(peer.transport.stopped[6] == 1)
    #expect(peer.transport.closed == nil)
  }

  @Test(arguments: Draft.allCases)
  func `a reply that nobody asked for ends the session`(_ draft: Draft) {
    let peer = ScriptedSubscriber(draft)
    peer.send(
      .subscribeOK(SubscribeOK(requestID: draft < .draft18 ? 1 : nil, trackAlias: 1)),
      on: 0
    )
    #expect(peer.transport.closed?.code == 3)
  }

  @Test(arguments: Draft.allCases)
  func `a subscriber's delivery timeout shortens our patience`(_ draft: Draft) throws {
    let peer = ScriptedSubscriber(draft)
    var parameters = Parameters()
    parameters.filter = .nextObject
    parameters.deliveryTimeoutMilliseconds = 100
    _ = try peer.request {
      .subscribe(Subscribe(requestID: $0, track: peer.track.name, parameters: parameters))
    }
    peer.track.append([1])
    peer.publisher.pump(now: peer.now)
    let stream = try #require(peer.transport.opened.last)
    peer.transport.pending[stream] = 1
    peer.track.beginGroup(8, now: peer.now)
    peer.publisher.pump(now: peer.now)
    let deadline = peer.now + Interval.milliseconds(100)
    #expect(peer.publisher.deadline == deadline)
    peer.publisher.handleTimeout(now: deadline)
    #expect(peer.transport.resets[stream] == 2)
  }
}
