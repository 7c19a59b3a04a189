import MoQ
import TestSupport
import Wire

/// Plays a peer by script to a subscribing session: raw bytes on any stream, and messages and objects
/// that are well formed but may come at the wrong time.
func fuzzSession(_ bytes: Bytes) {
  var script = Script(bytes)
  var driver = SessionDriver(Draft.allCases[Int(script.byte()) % Draft.allCases.count])
  var steps = 0
  while !script.isAtEnd, steps < 512 {
    driver.step(&script)
    steps += 1
  }
  driver.finish()
}

private struct SessionDriver {
  private static let track = FullTrackName(TrackNamespace([Bytes(utf8: "live")]), "video")

  private let draft: Draft
  private let transport = MoQFakeTransport(role: .client)
  private let session: SubscriberSession
  private var now = Instant(nanoseconds: 1_000_000_000)
  private var subscriptions: [SubscriptionID] = []
  private var live: Set<SubscriptionID> = []
  private var fetches: [FetchID] = []
  /// What goes on, with the subscription it is for.
  private var fetching: [FetchID: SubscriptionID?] = [:]
  private var delivered: [SubscriptionID: Set<Location>] = [:]
  private var encoders: [(stream: UInt64, encoder: SubgroupEncoder, lastID: UInt64?)] = []
  private var streamCount: UInt64 = 0
  private var isClosed = false

  init(_ draft: Draft) {
    self.draft = draft
    var limits = SessionLimits()
    limits.dataStreams = 16
    limits.parkedStreams = 4
    limits.parkedBytes = 4096
    limits.partialObjectBytes = 1 << 16
    limits.objectBytes = 1 << 14
    limits.deduplicatedGroups = 4
    limits.deduplicatedRuns = 4
    limits.incomingRequests = 8
    limits.namespaces = 4
    limits.tombstones = 4
    limits.fetches = 4
    limits.splitGroups = 3
    limits.fetchRanges = 4
    session = SubscriberSession(draft: draft, transport: transport, limits: limits)
    session.acceptsPublish = { name in
      name == Self.track ? SubscribeOptions(start: .groupsBack(1)) : nil
    }
    session.start(now: now)
  }

  private var hasRequestStreams: Bool { draft >= .draft18 }

  private var controlStream: UInt64 { hasRequestStreams ? 3 : 0 }

  mutating func step(_ script: inout Script) {
    switch script.byte() % 20 {
    case 0:
      let stream = stream(&script)
      let isFinal = script.byte() & 1 == 1
      transport.inbox.append(
        .streamData(stream, script.take(Int(script.byte())), isFinal: isFinal)
      )
      while let event = transport.takeEvent() { session.handle(event, now: now) }
    case 1: session.handle(.datagram(script.take(Int(script.byte()))), now: now)
    case 2: session.handle(.streamReset(stream(&script), code: script.number()), now: now)
    case 3: session.handle(.stopSending(stream(&script), code: script.number()), now: now)
    case 4: answerSetup(&script)
    case 5:
      guard !isClosed else { return }
      let starts: [SubscriptionStart] = [
        .nextGroup, .largestObject, .currentGroup, .groupsBack(script.number()),
      ]
      let start = starts[Int(script.byte()) % 4]
      let id = session.subscribe(Self.track, options: SubscribeOptions(start: start))
      live.insert(id)
      subscriptions.append(id)
    case 6:
      guard !subscriptions.isEmpty else { return }
      let id = subscriptions[Int(script.byte()) % subscriptions.count]
      session.unsubscribe(id)
      // What was reported before it counts still.
      collect()
      live.remove(id)
      fetching = fetching.filter { $0.value != id }
    case 7:
      guard !isClosed else { return }
      let prefix = TrackNamespace([Bytes(utf8: "live")])
      if script.byte() & 1 == 1 {
        session.unsubscribeNamespace(prefix)
      } else {
        session.subscribeNamespace(prefix)
      }
    case 8: accept(&script)
    case 9: done(&script)
    case 10: openSubgroup(&script)
    case 11: sendObject(&script)
    case 12:
      let object = Object(
        group: script.number() >> 2,
        id: script.number() >> 2,
        subgroup: nil,
        payload: script.take(Int(script.byte()))
      )
      session.handle(
        .datagram(
          ObjectDatagram(trackAlias: UInt64(script.byte() & 3), object: object).encode(for: draft)
        ),
        now: now
      )
    case 13:
      now = now + .milliseconds(Int64(script.byte()) * 50)
      session.handleTimeout(now: now)
    case 14: fetch(&script)
    case 15: askForPast(&script)
    case 16:
      guard !fetches.isEmpty else { return }
      let id = fetches[Int(script.byte()) % fetches.count]
      session.cancelFetch(id)
      collect()
      fetching[id] = nil
    case 17: acceptFetch(&script)
    case 18: push(&script)
    default: session.handle(.streamCredit, now: now)
    }
    collect()
  }

  mutating func finish() {
    var rounds = 0
    while session.deadline != nil, rounds < 64 {
      now = now + .seconds(60)
      session.handleTimeout(now: now)
      collect()
      rounds += 1
    }
    precondition(rounds < 64, "whatever waits gives up at last")
    precondition(isClosed || fetching.isEmpty, "every FETCH ends")
    session.close()
    collect()
    precondition(isClosed, "a session that was closed says so")
    precondition(session.deadline == nil, "a session that is over waits for nothing")
  }

  /// Streams of every kind and side, few enough to meet again.
  private func stream(_ script: inout Script) -> UInt64 {
    let choice = script.byte()
    return choice == 0xFF ? controlStream : UInt64(choice & 0x3F)
  }

  private mutating func answerSetup(_ script: inout Script) {
    var options = KeyValuePairs()
    if !hasRequestStreams { options.append(2, script.number() >> 2) }
    let setup = Setup(
      sender: hasRequestStreams ? .either : .server,
      versions: draft == .draft14 ? [draft.versionCode] : [],
      options: options
    )
    send(.setup(setup), on: controlStream)
  }

  private func send(_ message: ControlMessage, on stream: UInt64) {
    session.handle(.streamData(stream, message.encode(for: draft), isFinal: false), now: now)
  }

  /// Replies to a request by its number, made or not.
  private func reply(_ number: UInt8, _ message: (UInt64?) -> ControlMessage) {
    if hasRequestStreams {
      send(message(nil), on: UInt64(number) * 4)
    } else {
      send(message(UInt64(number) * 2), on: 0)
    }
  }

  private mutating func accept(_ script: inout Script) {
    var parameters = Parameters()
    if script.byte() & 1 == 1 {
      parameters.largestObject = Location(group: script.number() >> 2, object: script.number() >> 2)
    }
    let alias = UInt64(script.byte() & 3)
    reply(script.byte() & 7) {
      .subscribeOK(SubscribeOK(requestID: $0, trackAlias: alias, parameters: parameters))
    }
  }

  private mutating func done(_ script: inout Script) {
    let count = script.number() >> 2
    let status = script.number() >> 2
    reply(script.byte() & 7) {
      .publishDone(PublishDone(requestID: $0, status: status, streamCount: count, reason: "done"))
    }
  }

  private mutating func newStream() -> UInt64 {
    streamCount += 1
    return 0x1000 + streamCount * 4 + 3
  }

  private mutating func openSubgroup(_ script: inout Script) {
    let flags = script.byte()
    let identities: [SubgroupIdentity] = [.zero, .firstObject, .explicit(UInt64(flags >> 4))]
    let header = SubgroupHeader(
      trackAlias: UInt64(flags & 3),
      group: script.number() >> 2,
      subgroup: identities[Int(script.byte()) % 3],
      endsGroup: flags & 4 != 0
    )
    let encoder = SubgroupEncoder(header: header, draft: draft)
    let stream = newStream()
    encoders.append((stream, encoder, nil))
    session.handle(.streamData(stream, encoder.headerBytes, isFinal: false), now: now)
  }

  private mutating func sendObject(_ script: inout Script) {
    guard !encoders.isEmpty else { return }
    let index = Int(script.byte()) % encoders.count
    let delta = script.number() >> 3
    let last = encoders[index].lastID
    guard (last ?? 0) < 1 << 60 else { return }
    let id = last.map { $0 + 1 + delta } ?? delta
    encoders[index].lastID = id
    let statuses: [ObjectStatus] = [.normal, .endOfGroup, .endOfTrack]
    let flags = script.byte()
    let status = statuses[Int(flags >> 2) % 3]
    let payload = status == .normal ? script.take(Int(script.byte())) : []
    let object = Object(group: 0, id: id, status: status, payload: payload)
    let bytes = encoders[index].encoder.encode(object)
    // Sometimes a piece of it only.
    let sent = flags & 2 != 0 ? bytes.prefix(Int(script.byte())) : bytes
    session.handle(
      .streamData(encoders[index].stream, sent, isFinal: flags & 1 == 1),
      now: now
    )
    if flags & 1 == 1 { encoders.remove(at: index) }
  }

  /// Asks for a range of a subscription, or of a track without one.
  private mutating func askForPast(_ script: inout Script) {
    guard !isClosed else { return }
    let first = Location(group: script.number(), object: script.number())
    let second = Location(
      group: script.byte() & 1 == 1 ? first.group : script.number(),
      object: script.byte() & 1 == 1 ? .max : script.number()
    )
    let range = min(first, second)...max(first, second)
    let subscription: SubscriptionID? =
      subscriptions.isEmpty || script.byte() & 1 == 1
      ? nil : subscriptions[Int(script.byte()) % subscriptions.count]
    let id =
      subscription.map { session.fetch($0, range: range) }
      ?? session.fetch(Self.track, range: range)
    fetches.append(id)
    fetching.updateValue(subscription, forKey: id)
  }

  private mutating func acceptFetch(_ script: inout Script) {
    let end = Location(group: script.number() >> 2, object: script.number() >> 2)
    reply(script.byte() & 7) {
      .fetchOK(FetchOK(requestID: $0, isEndOfTrack: false, end: end))
    }
  }

  private mutating func push(_ script: inout Script) {
    let flags = script.byte()
    var parameters = Parameters()
    if flags & 1 == 1 {
      parameters.largestObject = Location(group: script.number() >> 2, object: script.number() >> 2)
    }
    let publish = Publish(
      requestID: UInt64(flags >> 1 & 3) * 2 + 1,
      track: Self.track,
      trackAlias: UInt64(flags >> 3 & 3),
      parameters: parameters
    )
    send(.publish(publish), on: hasRequestStreams ? UInt64(flags >> 5) * 4 + 1 : 0)
  }

  /// A FETCH stream with objects and, where the draft has them, markers between.
  private mutating func fetch(_ script: inout Script) {
    var encoder = FetchEncoder(requestID: UInt64(script.byte() & 7) * 2, draft: draft)
    var pieces = encoder.headerBytes.array
    let group = script.number() >> 3
    var id: UInt64 = 0
    for _ in 0..<(script.byte() & 7) {
      id += UInt64(script.byte())
      if draft != .draft14, script.byte() & 1 == 1, id > 0 {
        let gap: FetchGap = script.byte() & 1 == 1 ? .doesNotExist : .unknown
        let end = Location(group: group, object: id - 1)
        pieces += encoder.encode(.gap(through: end, gap)).array
        continue
      }
      let object = Object(group: group, id: id, payload: script.take(Int(script.byte() & 15)))
      pieces += encoder.encode(.object(object)).array
      id += 1
    }
    session.handle(
      .streamData(newStream(), Bytes(pieces), isFinal: script.byte() & 1 == 1),
      now: now
    )
  }

  private mutating func collect() {
    while let event = session.poll() {
      precondition(!isClosed, "nothing follows the end of a session")
      switch event {
      case .object(let id, let object):
        precondition(live.contains(id), "objects come for live subscriptions only")
        // What is remembered is bounded, so only the last few locations are held to it.
        if delivered[id, default: []].count < 4 {
          precondition(
            delivered[id, default: []].insert(object.location).inserted,
            "no object comes twice"
          )
        }
      case .published(let id, _):
        live.insert(id)
        subscriptions.append(id)
      case .absent(let id, _), .joinEnded(let id, _):
        precondition(live.contains(id), "only live subscriptions are told of")
      case .fetched(let id, _):
        precondition(fetching.keys.contains(id), "objects come while a FETCH goes on")
      case .fetchFinished(let id, let outcome):
        precondition(fetching.removeValue(forKey: id) != nil, "a FETCH ends once")
        precondition(outcome.absent.count <= 4 && outcome.unknown.count <= 4, "bounded")
      case .subscriptionFailed(let id, _), .subscriptionEnded(let id, _): live.remove(id)
      case .closed: isClosed = true
      default: break
      }
    }
  }
}
