import MoQ
import TestSupport
import Testing
import Wire

/// Objects of the past, from the publishing side.
@Suite struct PublisherFetchTests {
  func locations(_ items: [FetchItem]) -> [String] {
    items.map { item in
      switch item {
      case .object(let object): "\(object.location)"
      case .gap(let location, _): "gap \(location.group)"
      }
    }
  }

  @Test(arguments: Draft.allCases)
  func `a FETCH brings exactly its range`(_ draft: Draft) throws {
    let peer = ScriptedSubscriber(draft)
    let reply = try peer.fetch(
      Location(group: 5, object: 2),
      through: Location(group: 6, object: 1)
    )
    guard case .fetchOK(let ok)? = reply else {
      Issue.record("no FETCH_OK: \(String(describing: reply))")
      return
    }
    #expect(ok.end == Location(group: 6, object: draft >= .draft20 ? 1 : 2))
    #expect(!ok.isEndOfTrack)
    #expect(locations(try peer.fetched()) == ["5/2", "6/0", "6/1"])
  }

  @Test(arguments: [Draft.draft14, .draft16, .draft18])
  func `a FETCH that ends with object 0 brings the whole group`(_ draft: Draft) throws {
    let peer = ScriptedSubscriber(draft)
    _ = try peer.request {
      .fetch(
        Fetch(
          requestID: $0,
          range: .standalone(
            peer.track.name,
            start: Location(group: 6, object: 0),
            end: Location(group: 6, object: 0)
          )
        )
      )
    }
    #expect(locations(try peer.fetched()) == ["6/0", "6/1", "6/2"])
  }

  @Test(arguments: Draft.allCases)
  func `what is kept no longer is marked unknown where the draft can`(_ draft: Draft) throws {
    let peer = ScriptedSubscriber(draft, keptGroups: 1)
    let reply = try peer.fetch(.zero, through: Location(group: 7, object: 0))
    if draft == .draft14 {
      #expect(peer.errorMeaning(reply) == .unknownStatusInRange)
    } else {
      #expect(locations(try peer.fetched()) == ["gap 6", "7/0"])
    }
  }

  @Test(arguments: Draft.allCases)
  func `groups descend where that is asked for, the objects of a group ascend`(
    _ draft: Draft
  ) throws {
    let peer = ScriptedSubscriber(draft, keptGroups: 2)
    let reply = try peer.fetch(
      Location(group: draft == .draft14 ? 6 : 3, object: 1),
      through: Location(group: 7, object: 1),
      .descending
    )
    guard case .fetchOK(let ok)? = reply else {
      Issue.record("no FETCH_OK: \(String(describing: reply))")
      return
    }
    #expect(ok.end == Location(group: 7, object: draft >= .draft20 ? 1 : 2))
    #expect(ok.parameters.groupOrder == (draft == .draft14 ? .descending : nil))
    #expect(
      locations(try peer.fetched(isDescending: true))
        == ["7/0", "7/1"] + (draft == .draft14 ? ["6/1", "6/2"] : ["6/0", "6/1", "6/2", "gap 3"])
    )
  }

  @Test(arguments: [Draft.draft20, .draft22], [GroupOrder?.none, .ascending, .descending])
  func `a fill has the order of its subscription, or its own`(
    _ draft: Draft,
    _ own: GroupOrder?
  ) throws {
    let peer = ScriptedSubscriber(draft)
    var parameters = Parameters()
    parameters.groupOrder = .descending
    parameters.subscriberPriority = 9
    var fill = Parameters()
    fill.groupOrder = own
    fill.subscriberPriority = own == .ascending ? 4 : nil
    fill.filter = .range(start: Location(group: 5, object: 2), end: Location(group: 6, object: 0))
    parameters.fill = fill
    _ = try peer.request {
      .subscribe(Subscribe(requestID: $0, track: peer.track.name, parameters: parameters))
    }
    let isDescending = own != .ascending
    #expect(
      locations(try peer.fetched(isDescending: isDescending))
        == (isDescending ? ["6/0", "5/2"] : ["5/2", "6/0"])
    )
    let order = try #require(PrecedenceTests.orders(peer.transport).first)
    #expect(order.priority == PrecedenceTests.priority(own == .ascending ? 4 : 9, 128))
    #expect(order.position == (isDescending ? UInt64.max - 13 : 10))
  }

  @Test func `draft 14 says that a range is empty, and gives a part to who joins`() throws {
    let peer = ScriptedSubscriber(.draft14, keptGroups: 1)
    let hole = try peer.fetch(
      Location(group: 7, object: 1),
      through: Location(group: 7, object: 1)
    )
    #expect(peer.errorMeaning(hole) == nil)
    peer.track.beginGroup(9, now: peer.now)
    peer.track.append([1])
    peer.track.beginGroup(12, now: peer.now)
    peer.track.append([1])
    let empty = try peer.fetch(
      Location(group: 12, object: 0),
      through: Location(group: 12, object: 0)
    )
    #expect(peer.errorMeaning(empty) == nil)
    _ = try peer.subscribe()
    _ = try peer.request {
      .fetch(Fetch(requestID: $0, range: .relativeJoining(requestID: 4, groups: 5)))
    }
    #expect(locations(try peer.fetched()) == ["12/0"])
  }

  @Test(arguments: Draft.allCases)
  func `the end of a whole group is said so that others can read it`(_ draft: Draft) throws {
    let peer = ScriptedSubscriber(draft)
    let start = Location(group: 6, object: 0)
    let reply: [ControlMessage]
    if draft < .draft20 {
      reply = try peer.request {
        .fetch(Fetch(requestID: $0, range: .standalone(peer.track.name, start: start, end: start)))
      }
    } else {
      var parameters = Parameters()
      parameters.filter = .groups(start: start, endGroup: 6)
      reply = try peer.request {
        .fetch(Fetch(requestID: $0, range: .filtered(peer.track.name), parameters: parameters))
      }
    }
    guard case .fetchOK(let ok)? = reply.first else {
      Issue.record("no FETCH_OK")
      return
    }
    #expect(ok.end == Location(group: 6, object: draft < .draft20 ? 0 : 1 << 62 - 1))
    #expect(locations(try peer.fetched()) == ["6/0", "6/1", "6/2"])
  }

  @Test(arguments: Draft.allCases)
  func `a FETCH goes out no faster than the peer takes it`(_ draft: Draft) throws {
    let peer = ScriptedSubscriber(draft, pendingBytesPerStream: 1)
    peer.transport.defaultPending = 1
    _ = try peer.fetch(Location(group: 5, object: 0), through: Location(group: 6, object: 0))
    #expect(locations(try peer.fetched()) == [])
    let stream = try #require(peer.transport.opened.last)
    peer.transport.defaultPending = 0
    peer.publisher.pump(now: peer.now)
    #expect(locations(try peer.fetched()) == ["5/0", "5/1", "5/2", "6/0"])
    #expect(peer.transport.finished.contains(stream))
  }

  @Test(arguments: Draft.allCases)
  func `a FETCH waits for a stream`(_ draft: Draft) throws {
    let peer = ScriptedSubscriber(draft)
    peer.transport.unidirectionalCredit = 0
    _ = try peer.fetch(Location(group: 5, object: 0), through: Location(group: 5, object: 0))
    peer.transport.unidirectionalCredit = 1
    peer.publisher.handle(.streamCredit, now: peer.now)
    #expect(locations(try peer.fetched()) == ["5/0"])
  }

  @Test(arguments: Draft.allCases)
  func `a cancelled FETCH is reset`(_ draft: Draft) throws {
    let peer = ScriptedSubscriber(draft, pendingBytesPerStream: 1)
    peer.transport.defaultPending = 1
    _ = try peer.fetch(Location(group: 5, object: 0), through: Location(group: 6, object: 0))
    let stream = try #require(peer.transport.opened.last)
    if draft < .draft18 {
      peer.send(.fetchCancel(requestID: 0), on: 0)
    } else {
      peer.publisher.handle(.stopSending(0, code: 1), now: peer.now)
    }
    #expect(peer.transport.resets[stream] == 1)
    #expect(peer.transport.closed == nil)
  }

  @Test(arguments: Draft.allCases)
  func `a FETCH whose stream is not wanted is forgotten`(_ draft: Draft) throws {
    let peer = ScriptedSubscriber(draft, pendingBytesPerStream: 1)
    peer.transport.defaultPending = 1
    _ = try peer.fetch(Location(group: 5, object: 0), through: Location(group: 6, object: 0))
    let stream = try #require(peer.transport.opened.last)
    peer.publisher.handle(.stopSending(stream, code: 1), now: peer.now)
    peer.transport.defaultPending = 0
    peer.publisher.pump(now: peer.now)
    #expect(peer.transport.resets[stream] == 1)
    #expect(locations(try peer.fetched()) == [])
  }

  @Test(arguments: [Draft.draft18, .draft20, .draft22])
  func `the update of a FETCH is answered`(_ draft: Draft) throws {
    let peer = ScriptedSubscriber(draft, pendingBytesPerStream: 1)
    peer.transport.defaultPending = 1
    _ = try peer.fetch(Location(group: 5, object: 0), through: Location(group: 6, object: 0))
    var parameters = Parameters()
    parameters.subscriberPriority = 1
    peer.send(
      .requestUpdate(RequestUpdate(requestID: 2, existingRequestID: nil, parameters: parameters)),
      on: 0
    )
    let replies = try decodeControl([peer.transport.sent[0] ?? Bytes()], draft)
    #expect(replies.last == .requestOK(RequestOK(kind: .other, requestID: nil)))
  }

  @Test(arguments: Draft.allCases)
  func `a FETCH beyond the largest object is out of range`(_ draft: Draft) throws {
    let peer = ScriptedSubscriber(draft)
    let reply = try peer.fetch(
      Location(group: 8, object: 0),
      through: Location(group: 9, object: 0)
    )
    #expect(peer.errorMeaning(reply) == .invalidRange)
  }

  @Test(arguments: [Draft.draft14, .draft16, .draft18])
  func `joining a subscription that is not there is refused`(_ draft: Draft) throws {
    let peer = ScriptedSubscriber(draft)
    let reply = try peer.request {
      .fetch(Fetch(requestID: $0, range: .relativeJoining(requestID: 8, groups: 0)))
    }
    #expect(peer.errorMeaning(reply.first) == .invalidJoiningRequestID)
  }

  @Test(arguments: [Draft.draft14, .draft16, .draft18])
  func `joining from a group ends where the subscription began`(_ draft: Draft) throws {
    let peer = ScriptedSubscriber(draft)
    _ = try peer.subscribe()
    peer.track.append([1])
    _ = try peer.request {
      .fetch(Fetch(requestID: $0, range: .absoluteJoining(requestID: 0, group: 7)))
    }
    let fetched = peer.transport.opened.filter { $0 & 2 != 0 }
      .compactMap { peer.transport.sent[$0] }
      .filter { $0.slice.first == 5 }
    #expect(fetched.count == 1)
    let items = try decodeFetch([fetched[0].suffix(from: 2)], draft)
    #expect(locations(items) == ["7/0", "7/1", "7/2"])
  }
}
