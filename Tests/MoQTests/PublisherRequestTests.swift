import MoQ
import TestSupport
import Testing
import Wire

/// A publisher session whose peer, a client that subscribes, is played by the test.
final class ScriptedSubscriber {
  let draft: Draft
  let store: BroadcastStore
  let track: BroadcastTrack
  let transport = MoQFakeTransport(role: .server)
  let publisher: PublisherSession
  var now = Instant(nanoseconds: 1_000_000_000)
  private var requests = 0

  /// A track with groups 5 to 7, each with objects 0 to 2; the last group is open.
  init(_ draft: Draft, keptGroups: Int = 8) {
    self.draft = draft
    var limits = BroadcastLimits()
    limits.groups = keptGroups
    store = BroadcastStore(limits: limits)
    track = store.addTrack(ScriptedPeer.track)
    publisher = PublisherSession(draft: draft, transport: transport, role: .server, store: store)
    publisher.start(now: now)
    for group in 5...7 as ClosedRange<UInt64> {
      track.beginGroup(group, now: now)
      for id in 0...2 { track.append(Bytes(utf8: "\(group)/\(id)")) }
    }
    var options = KeyValuePairs()
    if !isStreams { options.append(2, 1000) }
    let setup = Setup(
      sender: isStreams ? .either : .client,
      versions: draft == .draft14 ? [draft.versionCode] : [],
      options: options
    )
    send(.setup(setup), on: isStreams ? 2 : 0)
  }

  var isStreams: Bool { draft >= .draft18 }

  func send(_ message: ControlMessage, on stream: UInt64) {
    publisher.handle(
      .streamData(stream, message.encode(for: draft), isFinal: false),
      now: now
    )
  }

  /// Sends the next request and says what came back for it.
  @discardableResult
  func request(_ message: (UInt64) -> ControlMessage) throws -> [ControlMessage] {
    let stream: UInt64 = isStreams ? UInt64(requests * 4) : 0
    let before = transport.sent[stream]?.count ?? 0
    send(message(UInt64(requests * 2)), on: stream)
    requests += 1
    let bytes = (transport.sent[stream] ?? Bytes()).suffix(from: before)
    return try decodeControl([bytes], draft)
  }

  func subscribe(_ filter: LocationFilter = .nextObject) throws -> ControlMessage? {
    var parameters = Parameters()
    parameters.filter = filter
    return try request {
      .subscribe(Subscribe(requestID: $0, track: track.name, parameters: parameters))
    }.first
  }

  func fetch(_ start: Location, through end: Location) throws -> ControlMessage? {
    var parameters = Parameters()
    guard draft >= .draft20 else {
      let after = Location(group: end.group, object: end.object + 1)
      return try request {
        .fetch(Fetch(requestID: $0, range: .standalone(track.name, start: start, end: after)))
      }.first
    }
    parameters.filter = .range(start: start, end: end)
    return try request {
      .fetch(Fetch(requestID: $0, range: .filtered(track.name), parameters: parameters))
    }.first
  }

  /// What the newest unidirectional stream carries, when it answers a FETCH.
  func fetched() throws -> [FetchItem] {
    guard let stream = transport.opened.last(where: { $0 & 2 != 0 }),
      let bytes = transport.sent[stream]
    else { return [] }
    var reader = DraftReader(bytes, draft: draft)
    guard case .fetch(let requestID) = try StreamHeader.decode(&reader) else { return [] }
    let header = StreamHeader.fetch(requestID: requestID).encode(for: draft)
    return try decodeFetch([bytes.suffix(from: header.count)], draft)
  }

  func errorMeaning(_ message: ControlMessage?) -> RequestErrorMeaning? {
    guard case .requestError(let error)? = message else { return nil }
    return RequestErrorMeaning(code: error.code, draft: draft, kind: error.kind)
  }
}

@Suite struct PublisherRequestTests {
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
    _ = try peer.fetch(.zero, through: Location(group: 7, object: 0))
    #expect(
      locations(try peer.fetched()) == (draft == .draft14 ? ["7/0"] : ["gap 6", "7/0"])
    )
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
    guard case .publishDone(let done)? = control.last else {
      Issue.record("no PUBLISH_DONE")
      return
    }
    #expect(done.streamCount == 1)
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
