import MoQ
import TestSupport
import Testing
import Wire

/// What of a publisher's streams goes first where not all can.
@Suite struct PrecedenceTests {
  static let track = FullTrackName(TrackNamespace([Bytes(utf8: "live")]), "video")

  /// The orders of the unidirectional streams that the publisher opened for media, oldest first.
  static func orders(_ transport: MoQFakeTransport) -> [SendOrder] {
    transport.opened.compactMap { transport.orders[$0] }
  }

  static func priority(_ subscriber: UInt16, _ publisher: UInt16) -> UInt16 {
    subscriber * 256 + publisher
  }

  static func parameters(_ priority: UInt8?, _ order: GroupOrder? = nil) -> Parameters {
    var parameters = Parameters()
    parameters.subscriberPriority = priority
    parameters.groupOrder = order
    return parameters
  }

  @Test(arguments: Draft.allCases)
  func `the subscriber's priority counts before the publisher's, and older groups go first`(
    _ draft: Draft
  ) throws {
    let pair = MoQSessionPair(draft)
    let video = pair.store.addTrack(Self.track, priority: 200)
    let audio = pair.store.addTrack(FullTrackName(Self.track.namespace, "audio"), priority: 3)
    _ = pair.subscriber.subscribe(video.name, options: SubscribeOptions(priority: 64))
    _ = pair.subscriber.subscribe(audio.name, options: SubscribeOptions(priority: 64))
    pair.run()
    for group in 5...6 as ClosedRange<UInt64> {
      for track in [video, audio] {
        track.beginGroup(group, now: pair.now)
        track.append(Bytes(utf8: "a"))
      }
      pair.run()
    }
    let orders = Self.orders(pair.serverTransport)
    #expect(
      orders.map(\.priority) == [
        Self.priority(64, 200), Self.priority(64, 3), Self.priority(64, 200), Self.priority(64, 3),
      ]
    )
    #expect(orders.map(\.position) == [11, 11, 13, 13])
    #expect(orders[0].flow == orders[2].flow)
    #expect(orders[1].flow == orders[3].flow)
    #expect(orders[0].flow != orders[1].flow)
    // Requests and answers have no order, so that they go before all media.
    #expect(pair.serverTransport.orders.count == 4)
  }

  @Test(arguments: Draft.allCases)
  func `who wants the newest group first gets it, and is told in draft 14`(_ draft: Draft) throws {
    let peer = ScriptedSubscriber(draft)
    let reply = try peer.request {
      .subscribe(
        Subscribe(
          requestID: $0,
          track: peer.track.name,
          parameters: Self.parameters(7, .descending)
        )
      )
    }
    guard case .subscribeOK(let ok)? = reply.first else {
      Issue.record("no SUBSCRIBE_OK")
      return
    }
    #expect(ok.parameters.groupOrder == (draft == .draft14 ? .descending : nil))
    for group in 8...9 as ClosedRange<UInt64> {
      peer.track.beginGroup(group, now: peer.now)
      peer.track.append(Bytes(utf8: "a"))
      peer.publisher.pump(now: peer.now)
    }
    let media = Self.orders(peer.transport).suffix(2)
    #expect(media.map(\.position) == [UInt64.max - 16, UInt64.max - 18])
    #expect(media.map(\.priority) == [Self.priority(7, 128), Self.priority(7, 128)])
  }

  @Test(arguments: Draft.allCases)
  func `an update moves what is under way`(_ draft: Draft) throws {
    let peer = ScriptedSubscriber(draft)
    _ = try peer.subscribe()
    peer.track.beginGroup(8, now: peer.now)
    peer.track.append(Bytes(utf8: "a"))
    peer.publisher.pump(now: peer.now)
    peer.transport.defaultPending = 1
    peer.track.beginGroup(9, now: peer.now)
    peer.track.append(Bytes(utf8: "b"))
    peer.publisher.pump(now: peer.now)
    let priorities = { Self.orders(peer.transport).suffix(2).map(\.priority) }
    #expect(priorities() == [Self.priority(128, 128), Self.priority(128, 128)])
    var parameters = Self.parameters(1)
    if draft == .draft14 { parameters.filter = .start(Location(group: 7, object: 3)) }
    let update = RequestUpdate(
      requestID: 2,
      existingRequestID: peer.isStreams ? nil : 0,
      parameters: parameters
    )
    peer.send(.requestUpdate(update), on: 0)
    #expect(peer.transport.closed == nil)
    // Group 8 is queued to its end, and waits; group 9 is open.
    #expect(priorities() == [Self.priority(1, 128), Self.priority(1, 128)])
  }

  @Test(arguments: Draft.allCases)
  func `the past of a group goes before what comes of it, and by its own priority`(
    _ draft: Draft
  ) throws {
    let peer = ScriptedSubscriber(draft, pendingBytesPerStream: 1)
    peer.transport.defaultPending = 1
    _ = try peer.subscribe()
    peer.track.append(Bytes(utf8: "7/3"))
    peer.publisher.pump(now: peer.now)
    _ = try peer.fetch(Location(group: 7, object: 0), through: Location(group: 7, object: 2))
    let orders = Self.orders(peer.transport)
    #expect(orders.map(\.position) == [15, 14])
    #expect(orders[0].flow == orders[1].flow)
    #expect(orders[0].priority == orders[1].priority)
    guard draft >= .draft18 else { return }
    peer.send(
      .requestUpdate(
        RequestUpdate(requestID: 4, existingRequestID: nil, parameters: Self.parameters(200))
      ),
      on: 4
    )
    #expect(
      Self.orders(peer.transport).map(\.priority) == [
        Self.priority(128, 128), Self.priority(200, 128),
      ]
    )
  }

  @Test(arguments: [Draft.draft20, .draft22], [nil, 4 as UInt8?])
  func `an update of a subscription moves its fill, but for one with a priority of its own`(
    _ draft: Draft,
    _ own: UInt8?
  ) throws {
    let peer = ScriptedSubscriber(draft, pendingBytesPerStream: 1)
    peer.transport.defaultPending = 1
    var fill = Self.parameters(own)
    fill.filter = .range(start: Location(group: 5, object: 0), end: Location(group: 7, object: 2))
    var parameters = Self.parameters(9)
    parameters.fill = fill
    _ = try peer.request {
      .subscribe(Subscribe(requestID: $0, track: peer.track.name, parameters: parameters))
    }
    peer.track.append(Bytes(utf8: "7/3"))
    peer.publisher.pump(now: peer.now)
    let priorities = { Self.orders(peer.transport).map(\.priority) }
    let before = own.map(UInt16.init) ?? 9
    #expect(priorities() == [Self.priority(before, 128), Self.priority(9, 128)])
    peer.send(
      .requestUpdate(
        RequestUpdate(requestID: 2, existingRequestID: nil, parameters: Self.parameters(1))
      ),
      on: 0
    )
    let after = own.map(UInt16.init) ?? 1
    #expect(priorities() == [Self.priority(after, 128), Self.priority(1, 128)])
  }

  @Test(arguments: [Draft.draft16, .draft18, .draft20, .draft22])
  func `a range whose beginning is kept no longer stands where that was`(_ draft: Draft) throws {
    let peer = ScriptedSubscriber(draft)
    _ = try peer.fetch(Location(group: 3, object: 0), through: Location(group: 6, object: 0))
    #expect(Self.orders(peer.transport).map(\.position) == [8])
  }

  @Test(arguments: Draft.allCases)
  func `more is handed on when half of what waited has gone`(_ draft: Draft) throws {
    let peer = ScriptedSubscriber(draft, pendingBytesPerStream: 10)
    #expect(!peer.publisher.canPump)
    peer.transport.defaultPending = 10
    _ = try peer.fetch(Location(group: 5, object: 0), through: Location(group: 6, object: 0))
    #expect(!peer.publisher.canPump)
    peer.transport.defaultPending = 6
    #expect(!peer.publisher.canPump)
    peer.transport.defaultPending = 5
    #expect(peer.publisher.canPump)
    peer.publisher.pump(now: peer.now)
    #expect(!peer.publisher.canPump)
    #expect(try peer.fetched().count == 4)
    // The same for a group.
    _ = try peer.subscribe()
    peer.transport.defaultPending = 10
    peer.track.append(Bytes(utf8: "7/3"))
    peer.publisher.pump(now: peer.now)
    #expect(!peer.publisher.canPump)
    peer.transport.defaultPending = 5
    #expect(peer.publisher.canPump)
    peer.publisher.pump(now: peer.now)
    #expect(!peer.publisher.canPump)
  }
}
