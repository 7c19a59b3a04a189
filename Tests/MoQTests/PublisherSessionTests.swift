import MoQ
import TestSupport
import Testing
import Wire

@Suite struct PublisherSessionTests {
  static let name = FullTrackName(
    TrackNamespace([Bytes(utf8: "live"), Bytes(utf8: "cam1")]),
    "video"
  )

  func payload(_ text: String) -> Bytes { Bytes(utf8: text) }

  func texts(_ pair: MoQSessionPair) -> [String] { pair.takeSubscriberEvents().map(describe) }

  @Test(arguments: Draft.allCases)
  func `a live track arrives group by group and ends`(_ draft: Draft) {
    let pair = MoQSessionPair(draft, pieceBytes: 3)
    let track = pair.store.addTrack(Self.name, priority: 9)
    _ = pair.subscriber.subscribe(Self.name)
    pair.run()
    #expect(texts(pair) == ["ready", "subscribed -"])
    track.beginGroup(10, now: pair.now)
    track.append(payload("a"))
    pair.run()
    track.append(payload("b"))
    track.beginGroup(11, now: pair.now)
    track.append(payload("c"))
    pair.run()
    #expect(
      texts(pair) == [
        "object 10/0", "object 10/1", "absent 10/2-*", "stream 10.0 finished(endOfGroup: true)",
        "object 11/0",
      ]
    )
    track.end()
    pair.run()
    #expect(
      texts(pair) == [
        "absent 11/1-*", "stream 11.0 finished(endOfGroup: true)", "ended trackEnded end of track",
      ]
    )
  }

  @Test(arguments: Draft.allCases)
  func `objects arrive whole, with payload, priority and properties`(_ draft: Draft) throws {
    let pair = MoQSessionPair(draft, pieceBytes: 7)
    let track = pair.store.addTrack(Self.name, priority: 9, hasProperties: true)
    _ = pair.subscriber.subscribe(Self.name)
    pair.run()
    let properties = try #require(Properties(type: 0x10, value: 1_000_000))
    track.beginGroup(1 << 40, now: pair.now)
    track.append(payload("payload of some length"), properties: properties)
    pair.run()
    let objects = pair.takeSubscriberEvents().compactMap { event -> Object? in
      if case .object(_, let object) = event { object } else { nil }
    }
    #expect(
      objects == [
        Object(
          group: 1 << 40,
          id: 0,
          subgroup: 0,
          priority: 9,
          properties: properties,
          payload: payload("payload of some length")
        )
      ]
    )
  }

  @Test(arguments: Draft.allCases)
  func `joining in the middle of a group delivers all of it once`(_ draft: Draft) {
    let pair = MoQSessionPair(draft)
    let track = pair.store.addTrack(Self.name)
    track.beginGroup(3, now: pair.now)
    track.append(payload("old"))
    track.beginGroup(4, now: pair.now)
    track.append(payload("a"))
    track.append(payload("b"))
    _ = pair.subscriber.subscribe(Self.name, options: SubscribeOptions(start: .currentGroup))
    pair.run()
    track.append(payload("c"))
    pair.run()
    let events = texts(pair)
    #expect(Array(events.prefix(2)) == ["ready", "subscribed 4/1"])
    #expect(
      Set(events.dropFirst(2)) == [
        "object 4/0", "object 4/1", "join complete 2", "object 4/2",
      ]
    )
    #expect(events.count == 6)
  }

  @Test(arguments: Draft.allCases)
  func `the next group is the first that is sent when asked so`(_ draft: Draft) {
    let pair = MoQSessionPair(draft)
    let track = pair.store.addTrack(Self.name)
    track.beginGroup(4, now: pair.now)
    track.append(payload("a"))
    _ = pair.subscriber.subscribe(Self.name)
    pair.run()
    track.append(payload("b"))
    track.beginGroup(5, now: pair.now)
    track.append(payload("c"))
    pair.run()
    #expect(texts(pair) == ["ready", "subscribed 4/0", "object 5/0"])
  }

  @Test(arguments: Draft.allCases)
  func `an unknown track is refused`(_ draft: Draft) {
    let pair = MoQSessionPair(draft)
    _ = pair.subscriber.subscribe(Self.name)
    pair.run()
    let code = draft == .draft14 ? 4 : 0x10
    #expect(texts(pair) == ["ready", "failed doesNotExist \(code) no such track"])
  }

  @Test(arguments: Draft.allCases)
  func `unsubscribing stops the publisher`(_ draft: Draft) {
    let pair = MoQSessionPair(draft)
    let track = pair.store.addTrack(Self.name)
    let id = pair.subscriber.subscribe(Self.name)
    pair.run()
    track.beginGroup(0, now: pair.now)
    track.append(payload("a"))
    pair.run()
    pair.subscriber.unsubscribe(id)
    pair.run()
    let opened = pair.serverTransport.opened.count
    track.beginGroup(1, now: pair.now)
    track.append(payload("b"))
    pair.run()
    #expect(pair.serverTransport.opened.count == opened)
    #expect(
      pair.takePublisherEvents().contains { if case .unsubscribed = $0 { true } else { false } }
    )
  }

  @Test(arguments: Draft.allCases)
  func `two sessions share one store`(_ draft: Draft) {
    let store = BroadcastStore()
    let pairs = [MoQSessionPair(draft, store: store), MoQSessionPair(draft, store: store)]
    let track = store.addTrack(Self.name)
    for pair in pairs {
      _ = pair.subscriber.subscribe(Self.name)
      pair.run()
    }
    track.beginGroup(0, now: pairs[0].now)
    track.append(payload("a"))
    for pair in pairs {
      pair.run()
      #expect(texts(pair) == ["ready", "subscribed -", "object 0/0"])
    }
  }

  @Test(arguments: Draft.allCases)
  func `a group that stays behind too long is reset with DELIVERY_TIMEOUT`(_ draft: Draft) {
    var limits = PublisherLimits()
    limits.pendingBytesPerStream = 4
    limits.lateness = .milliseconds(1000)
    let pair = MoQSessionPair(draft, publisherLimits: limits)
    let track = pair.store.addTrack(Self.name)
    _ = pair.subscriber.subscribe(Self.name)
    pair.run()
    track.beginGroup(0, now: pair.now)
    track.append(payload("a"))
    pair.run()
    let stream = pair.serverTransport.opened.last ?? 0
    pair.serverTransport.pending[stream] = 4
    track.append(payload("b"))
    track.beginGroup(1, now: pair.now)
    track.append(payload("c"))
    pair.run()
    _ = texts(pair)
    pair.advance(.milliseconds(999))
    #expect(pair.serverTransport.resets[stream] == nil)
    #expect(pair.publisher.deadline == pair.now + Interval.milliseconds(1))
    pair.advance(.milliseconds(1))
    #expect(pair.serverTransport.resets[stream] == 2)
    #expect(texts(pair) == ["stream 0.0 reset(code: 2)"])
  }

  @Test
  func `a track keeps so many groups, fewer of many bytes, and the newest whatever they have`() {
    func kept(_ limits: BroadcastLimits) -> [UInt64] {
      let track = BroadcastStore(limits: limits).addTrack(Self.name)
      for group in 0..<10 as Range<UInt64> {
        track.beginGroup(group, now: Instant(nanoseconds: 0))
        track.append(Bytes([UInt8](repeating: 0, count: 1000)))
      }
      return track.groups.map(\.id)
    }
    var limits = BroadcastLimits()
    #expect(kept(limits) == [2, 3, 4, 5, 6, 7, 8, 9])
    // An object has a little more than its payload.
    limits.bytes = 5 * 1200
    #expect(kept(limits) == [5, 6, 7, 8, 9])
    limits.bytes = 2 * 1200
    #expect(kept(limits) == [7, 8, 9])
    limits.leastGroups = 0
    #expect(kept(limits) == [8, 9])
    limits.bytes = 0
    #expect(kept(limits) == [9])
  }

  @Test(arguments: Draft.allCases)
  func `a group that leaves the ring before it is sent is reset`(_ draft: Draft) {
    var kept = BroadcastLimits()
    kept.groups = 2
    var limits = PublisherLimits()
    limits.pendingBytesPerStream = 1
    let pair = MoQSessionPair(
      draft,
      store: BroadcastStore(limits: kept),
      publisherLimits: limits
    )
    let track = pair.store.addTrack(Self.name)
    _ = pair.subscriber.subscribe(Self.name)
    pair.run()
    track.beginGroup(0, now: pair.now)
    track.append(payload("a"))
    pair.run()
    let stream = pair.serverTransport.opened.last ?? 0
    pair.serverTransport.pending[stream] = 1
    for group in 1...2 as ClosedRange<UInt64> {
      track.beginGroup(group, now: pair.now)
      track.append(payload("b"))
    }
    pair.run()
    #expect(pair.serverTransport.resets[stream] == 2)
  }

  @Test(arguments: Draft.allCases)
  func `a publisher without stream credit continues when it comes`(_ draft: Draft) {
    let pair = MoQSessionPair(draft)
    let track = pair.store.addTrack(Self.name)
    _ = pair.subscriber.subscribe(Self.name)
    pair.run()
    pair.serverTransport.unidirectionalCredit = 0
    track.beginGroup(0, now: pair.now)
    track.append(payload("a"))
    pair.run()
    #expect(texts(pair) == ["ready", "subscribed -"])
    pair.serverTransport.unidirectionalCredit = 1
    pair.publisher.handle(.streamCredit, now: pair.now)
    pair.run()
    #expect(texts(pair) == ["object 0/0"])
  }

  @Test(arguments: Draft.allCases)
  func `a publisher that dials announces and is subscribed to`(_ draft: Draft) {
    let pair = MoQSessionPair(draft, publisherIsClient: true)
    let track = pair.store.addTrack(Self.name)
    pair.publisher.announce(Self.name.namespace)
    pair.run()
    #expect(texts(pair) == ["ready", "+live-cam1"])
    #expect(
      pair.takePublisherEvents().contains {
        if case .namespaceAccepted = $0 { true } else { false }
      }
    )
    _ = pair.subscriber.subscribe(Self.name)
    pair.run()
    track.beginGroup(0, now: pair.now)
    track.append(payload("a"))
    pair.run()
    #expect(texts(pair) == ["subscribed -", "object 0/0"])
    pair.publisher.withdraw(Self.name.namespace)
    pair.run()
    #expect(texts(pair) == ["-live-cam1"])
  }

  @Test(arguments: Draft.allCases)
  func `a PUBLISH that nobody wants is refused`(_ draft: Draft) {
    let pair = MoQSessionPair(draft, publisherIsClient: true)
    pair.store.addTrack(Self.name)
    pair.publisher.publish(Self.name)
    pair.run()
    let failures = pair.takePublisherEvents().compactMap { event -> RequestErrorMeaning? in
      if case .publishRefused(_, let failure) = event { failure.meaning } else { nil }
    }
    #expect(failures == [.uninterested])
  }

  @Test(arguments: Draft.allCases)
  func `namespaces of the store are told as they come and go`(_ draft: Draft) {
    let pair = MoQSessionPair(draft)
    pair.store.addTrack(Self.name)
    pair.subscriber.subscribeNamespace(TrackNamespace([Bytes(utf8: "live")]))
    pair.run()
    let other = FullTrackName(TrackNamespace([Bytes(utf8: "live"), Bytes(utf8: "cam2")]), "v")
    pair.store.addTrack(other)
    pair.run()
    pair.store.removeTrack(Self.name)
    pair.run()
    #expect(texts(pair) == ["ready", "accepted live", "+live-cam1", "+live-cam2", "-live-cam1"])
  }

  @Test(arguments: Draft.allCases)
  func `the end of all subscriptions says why and with how many streams`(_ draft: Draft) {
    let pair = MoQSessionPair(draft)
    let track = pair.store.addTrack(Self.name)
    _ = pair.subscriber.subscribe(Self.name)
    pair.run()
    for group in 0...1 as ClosedRange<UInt64> {
      track.beginGroup(group, now: pair.now)
      track.append(payload("a"))
    }
    track.endGroup()
    pair.run()
    _ = texts(pair)
    pair.publisher.goAway()
    pair.publisher.endSubscriptions(.goingAway, reason: "restart")
    pair.run()
    var ends: [SubscriptionEnd] = []
    for event in pair.takeSubscriberEvents() {
      if case .subscriptionEnded(_, let end) = event { ends.append(end) }
    }
    #expect(
      ends == [
        SubscriptionEnd(status: .goingAway, code: 4, reason: "restart", streamCount: 2)
      ]
    )
  }

  @Test(arguments: [Draft.draft14, .draft16])
  func `a long session extends the credit of requests`(_ draft: Draft) {
    var limits = SessionLimits()
    limits.requestCredit = 8
    let pair = MoQSessionPair(draft, limits: limits)
    pair.store.addTrack(Self.name)
    for _ in 0..<40 {
      let id = pair.subscriber.subscribe(Self.name)
      pair.run()
      pair.subscriber.unsubscribe(id)
      pair.run()
    }
    #expect(texts(pair).filter { $0 == "subscribed -" }.count == 40)
    #expect(pair.clientTransport.closed == nil)
  }
}
