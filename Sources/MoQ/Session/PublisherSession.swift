package import Wire

/// What a `PublisherSession` reports.
package enum PublisherEvent: Sendable {
  /// SETUP is done.
  case ready(Draft)
  case subscribed(FullTrackName)
  case unsubscribed(FullTrackName)
  /// The peer asked for a track that is not in the store.
  case unknownTrack(FullTrackName)
  case namespaceAccepted(TrackNamespace)
  /// The peer does not take an announcement, or revokes its consent.
  case namespaceRefused(TrackNamespace, RequestFailure)
  case publishRefused(FullTrackName, RequestFailure)
  /// A group was not sent, or not to its end, because the peer is too slow.
  case groupDropped(FullTrackName, group: UInt64)
  /// Move to another session; an empty URI is the present one.
  case goAway(uri: String)
  /// The session is over; nothing follows.
  case closed(SessionError)
}

/// How a publisher treats a peer that is slow.
package struct PublisherLimits: Sendable {
  /// How many bytes of a stream may wait in the transport before no more are handed to it.
  package var pendingBytesPerStream = 256 << 10
  /// How long after the next group began the rest of a group may take.
  package var lateness = Interval.milliseconds(4000)

  /// The defaults.
  package init() {}
}

/// The publishing side of one MOQT session over a store of tracks that sessions share.
///
/// As server it is an origin that subscribers dial, as client it feeds a relay. Objects are pulled
/// from the store: call `pump` when the store has more, or when the transport took some.
package final class PublisherSession {
  private let core: SessionCore
  private let store: BroadcastStore
  private let limits: PublisherLimits
  private var draft: Draft { core.draft }
  private var transport: any Transport { core.transport }
  private var events = EventQueue<PublisherEvent>()
  private var now = Instant(nanoseconds: 0)
  private var reportedClose = false

  private var subscriptions: [UInt64: OutgoingSubscription] = [:]
  private var nextAlias: UInt64 = 1
  /// FETCH responses that wait for a stream.
  private var waitingFetches: [(requestID: UInt64, items: [FetchItem])] = []
  private var fetchStreams: [UInt64: UInt64] = [:]
  /// Streams whose end is queued but not acknowledged.
  private var draining: [(stream: UInt64, track: FullTrackName, group: UInt64, until: Instant)] =
    []
  private var announcements: [UInt64: TrackNamespace] = [:]
  /// The prefixes the peer asked about, and what it was told.
  private var interests: [UInt64: (prefix: TrackNamespace, told: Set<TrackNamespace>)] = [:]
  private var toldVersion = -1

  /// Prepares a session over a connected transport whose ALPN or subprotocol said the draft.
  package init(
    draft: Draft,
    transport: any Transport,
    role: SessionRole,
    store: BroadcastStore,
    options: SessionOptions = SessionOptions(),
    limits: SessionLimits = SessionLimits(),
    publisherLimits: PublisherLimits = PublisherLimits()
  ) {
    core = SessionCore(
      draft: draft,
      role: role,
      transport: transport,
      options: options,
      limits: limits
    )
    self.store = store
    self.limits = publisherLimits
  }

  // MARK: Driving

  /// Sends our SETUP, or waits for the client's where the draft has it so.
  package func start(now: Instant) {
    self.now = now
    core.start(now: now)
  }

  /// Takes what the transport reports; effects are in `poll()` and on the transport.
  package func handle(_ event: TransportEvent, now: Instant) {
    self.now = now
    core.handle(event, now: now)
    while let event = core.poll() { process(event) }
    pump(now: now)
  }

  /// The next event; nil when there is none for now.
  package func poll() -> PublisherEvent? { events.popFirst() }

  /// When `handleTimeout` wants to be called; nil when nothing waits.
  package var deadline: Instant? {
    guard core.error == nil else { return nil }
    var result = core.deadline
    func consider(_ candidate: Instant) {
      if result.map({ candidate < $0 }) ?? true { result = candidate }
    }
    for entry in draining { consider(entry.until) }
    for subscription in subscriptions.values {
      for (index, group) in subscription.track.groups.enumerated().dropLast()
      where subscription.streams[group.id] != nil {
        consider(subscription.track.groups[index + 1].began + limits.lateness)
      }
    }
    return result
  }

  /// Acts on every deadline that has passed.
  package func handleTimeout(now: Instant) {
    self.now = now
    core.handleTimeout(now: now)
    pump(now: now)
  }

  /// Ends the session.
  package func close(code: SessionErrorCode = .noError, reason: String = "") {
    core.close(code, reason)
    reportClose()
  }

  private func reportClose() {
    guard let error = core.error, !reportedClose else { return }
    reportedClose = true
    subscriptions = [:]
    waitingFetches = []
    draining = []
    events.append(.closed(error))
  }

  // MARK: Commands

  /// Announces a namespace; the answer is `.namespaceAccepted` or `.namespaceRefused`.
  package func announce(_ namespace: TrackNamespace) {
    guard core.error == nil else { return }
    let requestID = core.request {
      .publishNamespace(PublishNamespace(requestID: $0, namespace: namespace))
    }
    announcements[requestID] = namespace
  }

  /// Takes an announcement back.
  package func withdraw(_ namespace: TrackNamespace) {
    guard let requestID = announcements.first(where: { $0.value == namespace })?.key else {
      return
    }
    announcements[requestID] = nil
    if core.withdraw(requestID: requestID) || core.cancel(requestID: requestID) { return }
    let reference: NamespaceReference =
      draft == .draft14 ? .namespace(namespace) : .request(requestID)
    core.send(.publishNamespaceDone(reference), for: requestID)
  }

  /// Offers a track of the store unasked; objects follow once the peer accepts.
  package func publish(_ name: FullTrackName) {
    guard core.error == nil, let track = store[name] else { return }
    let alias = takeAlias()
    var parameters = Parameters()
    parameters.largestObject = track.largest
    parameters.forward = true
    let requestID = core.request {
      .publish(
        Publish(
          requestID: $0,
          track: name,
          trackAlias: alias,
          parameters: parameters,
          trackProperties: ownProperties(of: track)
        )
      )
    }
    let start = LocationFilter.nextObject.resolve(largest: track.largest)?.lowerBound ?? .zero
    var subscription = OutgoingSubscription(
      requestID: requestID,
      track: track,
      alias: alias,
      largest: track.largest,
      start: start,
      end: .last,
      forward: true
    )
    subscription.isAccepted = false
    subscription.isPush = true
    subscriptions[requestID] = subscription
  }

  /// Asks the peer to move to another session; empty means to connect here again.
  package func goAway(uri: String = "", timeout: Interval = .milliseconds(10_000)) {
    core.sendGoAway(
      uri: uri,
      timeoutMilliseconds: UInt64(max(0, timeout.nanoseconds / 1_000_000))
    )
  }

  /// Ends every subscription for a reason.
  package func endSubscriptions(_ status: PublishDoneStatus, reason: String) {
    for requestID in subscriptions.keys.sorted() { finish(requestID, status, reason) }
  }

  /// Hands the transport what the store has and the peer wants.
  package func pump(now: Instant) {
    self.now = now
    guard core.error == nil else { return reportClose() }
    guard core.isReady else { return }
    tellNamespaces()
    sendFetches()
    for requestID in subscriptions.keys.sorted() { pump(requestID) }
    giveUpLateStreams()
  }

  // MARK: Sending groups

  private func pump(_ requestID: UInt64) {
    guard var subscription = subscriptions.removeValue(forKey: requestID) else { return }
    if subscription.isAccepted, subscription.forward {
      let groups = subscription.track.groups
      abandonForgotten(&subscription, keeping: groups)
      for (index, group) in groups.enumerated()
      where group.id >= subscription.start.group && group.id <= subscription.end.group
        && !subscription.closedGroups.contains(group.id)
      {
        let next = index + 1 < groups.count ? groups[index + 1].began : nil
        guard send(group, nextBegan: next, &subscription) else { break }
      }
    }
    subscriptions[requestID] = subscription
    if subscription.isAccepted, subscription.isExhausted {
      let isOver = subscription.track.isEnded
      finish(requestID, isOver ? .trackEnded : .subscriptionEnded, isOver ? "end of track" : "")
    }
  }

  /// Gives up groups that left the store before they were sent.
  private func abandonForgotten(
    _ subscription: inout OutgoingSubscription,
    keeping groups: [BroadcastGroup]
  ) {
    guard let oldest = groups.first?.id else { return }
    subscription.closedGroups = subscription.closedGroups.filter { $0 >= oldest }
    for group in subscription.streams.keys.sorted() where group < oldest {
      abandon(group, &subscription)
    }
  }

  private func abandon(_ group: UInt64, _ subscription: inout OutgoingSubscription) {
    if let out = subscription.streams.removeValue(forKey: group) {
      transport.reset(out.stream, code: StreamResetMeaning.deliveryTimeout.code(in: draft))
    }
    subscription.closedGroups.insert(group)
    events.append(.groupDropped(subscription.track.name, group: group))
  }

  /// Sends what it can of a group; false when no stream can be opened now.
  private func send(
    _ group: BroadcastGroup,
    nextBegan: Instant?,
    _ subscription: inout OutgoingSubscription
  ) -> Bool {
    if let nextBegan, nextBegan + limits.lateness <= now {
      abandon(group.id, &subscription)
      return true
    }
    if subscription.streams[group.id] == nil {
      let first =
        group.objects.firstIndex { $0.location >= subscription.start } ?? group.objects.count
      guard first < group.objects.count else {
        if group.isComplete { subscription.closedGroups.insert(group.id) }
        return true
      }
      guard let stream = transport.openStream(bidirectional: false) else { return false }
      let header = SubgroupHeader(
        trackAlias: subscription.alias,
        group: group.id,
        priority: subscription.track.priority,
        hasProperties: subscription.track.hasProperties,
        endsGroup: true,
        startsSubgroup: first == 0
      )
      let encoder = SubgroupEncoder(header: header, draft: draft)
      transport.send(encoder.headerBytes, on: stream, isFinal: false)
      subscription.streams[group.id] = OutgoingGroup(
        stream: stream,
        encoder: encoder,
        nextIndex: first
      )
      subscription.streamCount += 1
    }
    guard var out = subscription.streams[group.id] else { return true }
    while out.nextIndex < group.objects.count,
      transport.pendingBytes(on: out.stream) < limits.pendingBytesPerStream
    {
      let object = group.objects[out.nextIndex]
      guard object.location <= subscription.end else {
        // The subscriber's range ends inside the group, so the group's end must not be claimed.
        transport.reset(out.stream, code: StreamResetMeaning.cancelled.code(in: draft))
        subscription.streams[group.id] = nil
        subscription.closedGroups.insert(group.id)
        return true
      }
      transport.send(out.encoder.prefix(of: object), on: out.stream, isFinal: false)
      if !object.payload.isEmpty {
        transport.send(object.payload, on: out.stream, isFinal: false)
      }
      out.nextIndex += 1
    }
    subscription.streams[group.id] = out
    if group.isComplete, out.nextIndex == group.objects.count {
      transport.send([], on: out.stream, isFinal: true)
      subscription.streams[group.id] = nil
      subscription.closedGroups.insert(group.id)
      draining.append((out.stream, subscription.track.name, group.id, now + limits.lateness))
    }
    return true
  }

  /// Resets streams that are queued to their end but do not get through.
  private func giveUpLateStreams() {
    draining.removeAll { transport.pendingBytes(on: $0.stream) == 0 }
    for entry in draining where entry.until <= now {
      transport.reset(entry.stream, code: StreamResetMeaning.deliveryTimeout.code(in: draft))
      events.append(.groupDropped(entry.track, group: entry.group))
    }
    draining.removeAll { $0.until <= now }
    fetchStreams = fetchStreams.filter { transport.pendingBytes(on: $0.value) > 0 }
  }

  private func finish(_ requestID: UInt64, _ status: PublishDoneStatus, _ reason: String) {
    guard let subscription = subscriptions.removeValue(forKey: requestID) else { return }
    for out in subscription.streams.values {
      transport.reset(out.stream, code: StreamResetMeaning.cancelled.code(in: draft))
    }
    core.send(
      .publishDone(
        PublishDone(
          requestID: core.replyID(requestID),
          status: status.code(in: draft),
          streamCount: subscription.streamCount,
          reason: reason
        )
      ),
      for: requestID,
      isFinal: true
    )
    core.forget(requestID: requestID)
    events.append(.unsubscribed(subscription.track.name))
  }

  private func drop(_ requestID: UInt64) {
    guard let subscription = subscriptions.removeValue(forKey: requestID) else { return }
    for out in subscription.streams.values {
      transport.reset(out.stream, code: StreamResetMeaning.cancelled.code(in: draft))
    }
    events.append(.unsubscribed(subscription.track.name))
  }

  private func takeAlias() -> UInt64 {
    defer { nextAlias += 1 }
    return nextAlias
  }

  private func ownProperties(of track: BroadcastTrack) -> Properties {
    draft.profile.trackProperties ? track.trackProperties : Properties()
  }

  // MARK: Events of the core

  private func process(_ event: SessionCore.Event) {
    do throws(CodingError) {
      switch event {
      case .ready: events.append(.ready(draft))
      case .message(let message, let requestID): try receive(message, requestID)
      case .requestFinished(let requestID): requestFinished(requestID)
      case .requestReset(let requestID, _): requestCancelled(requestID)
      case .requestStopped(let requestID):
        if announcements[requestID] != nil { requestCancelled(requestID) }
      case .goAway(let goAway, let requestID):
        if requestID == nil { events.append(.goAway(uri: goAway.uri)) }
      case .streamOpened(let stream, _, _): core.refuse(stream)
      case .streamBytes(let stream, let bytes): transport.consumed(bytes.count, on: stream)
      case .streamFinished, .streamReset, .datagram, .credit: break
      case .stopSending(let stream, _): streamRefused(stream)
      }
    } catch { core.close(error) }
  }

  private func receive(
    _ message: ControlMessage,
    _ requestID: UInt64?
  ) throws(CodingError) {
    switch message {
    case .subscribe(let request): subscribe(request)
    case .fetch(let request): fetch(request)
    case .trackStatus(let request): trackStatus(request)
    case .requestUpdate(let update): self.update(update, requestID)
    case .unsubscribe(let id): drop(id)
    case .fetchCancel(let id): requestCancelled(id)
    case .subscribeNamespace(let request):
      guard interests.count < core.limits.namespaces else {
        return refuse(request.requestID, .subscribeNamespace, .excessiveLoad, "too many")
      }
      core.send(
        .requestOK(
          RequestOK(
            kind: draft == .draft14 ? .subscribeNamespace : .other,
            requestID: core.replyID(request.requestID)
          )
        ),
        for: request.requestID
      )
      interests[request.requestID] = (request.prefix, [])
      toldVersion = -1
    case .unsubscribeNamespace(let prefix):
      interests = interests.filter { $0.value.prefix != prefix }
    case .subscribeTracks(let request):
      refuse(request.requestID, .other, .notSupported, "tracks are not pushed")
    case .publish(let request):
      refuse(request.requestID, .publish, .uninterested, "this is a publisher")
    case .publishNamespace(let request):
      refuse(request.requestID, .publishNamespace, .uninterested, "this is a publisher")
    case .publishNamespaceDone: break
    case .requestOK(let ok): accepted(requestID, ok.parameters)
    case .publishOK(let ok): accepted(requestID, ok.parameters)
    case .requestError(let error): refused(requestID, error)
    case .publishNamespaceCancel(let cancel): cancelled(cancel)
    default: throw .protocolViolation("message that a publisher does not expect")
    }
  }

  private func refuse(
    _ requestID: UInt64,
    _ kind: RequestKind,
    _ meaning: RequestErrorMeaning,
    _ reason: String
  ) {
    let kind = draft == .draft14 ? kind : .other
    core.send(
      .requestError(
        RequestError(
          kind: kind,
          requestID: core.replyID(requestID),
          code: meaning.code(in: draft, kind: kind),
          reason: reason
        )
      ),
      for: requestID,
      isFinal: true
    )
    core.forget(requestID: requestID)
  }

  private func subscribe(_ request: Subscribe) {
    guard let track = store[request.track] else {
      events.append(.unknownTrack(request.track))
      return refuse(request.requestID, .subscribe, .doesNotExist, "no such track")
    }
    if draft < .draft20, subscriptions.values.contains(where: { $0.track === track }) {
      return refuse(
        request.requestID,
        .subscribe,
        .duplicateSubscription,
        "subscribed already"
      )
    }
    let largest = track.largest
    let filter = request.parameters.filter ?? .none
    let next = LocationFilter.nextObject.resolve(largest: largest)?.lowerBound ?? .zero
    guard let range = filter.resolve(largest: largest), range.upperBound >= next else {
      return refuse(request.requestID, .subscribe, .invalidRange, "the range is in the past")
    }
    let alias = takeAlias()
    var parameters = Parameters()
    parameters.largestObject = largest
    core.send(
      .subscribeOK(
        SubscribeOK(
          requestID: core.replyID(request.requestID),
          trackAlias: alias,
          parameters: parameters,
          trackProperties: ownProperties(of: track)
        )
      ),
      for: request.requestID
    )
    var subscription = OutgoingSubscription(
      requestID: request.requestID,
      track: track,
      alias: alias,
      largest: largest,
      // A filter selects what is published from now on; the past is for FETCH.
      start: max(range.lowerBound, next),
      end: range.upperBound,
      forward: request.parameters.forward ?? true
    )
    events.append(.subscribed(track.name))
    if subscription.forward, let fill = request.parameters.fill, let largest,
      let past = (fill.filter ?? .none).resolve(largest: largest), past.lowerBound <= largest
    {
      let items = items(of: track, from: past.lowerBound, through: min(past.upperBound, largest))
      if !items.isEmpty {
        waitingFetches.append((request.requestID, items))
        subscription.streamCount += 1
      }
    }
    subscriptions[request.requestID] = subscription
  }

  private func update(_ update: RequestUpdate, _ requestID: UInt64?) {
    guard let requestID, subscriptions[requestID] != nil else {
      if draft == .draft16 {
        refuse(update.requestID, .other, .doesNotExist, "no such request")
      }
      return
    }
    if let forward = update.parameters.forward { subscriptions[requestID]?.forward = forward }
    if let filter = update.parameters.filter,
      let range = filter.resolve(largest: subscriptions[requestID]?.largest)
    {
      subscriptions[requestID]?.end = range.upperBound
      if let start = subscriptions[requestID]?.start {
        subscriptions[requestID]?.start = max(start, range.lowerBound)
      }
    }
    // Draft 14 does not answer updates.
    guard draft != .draft14 else { return }
    var parameters = Parameters()
    parameters.largestObject = subscriptions[requestID]?.track.largest
    core.send(
      .requestOK(
        RequestOK(
          kind: .other,
          requestID: core.replyID(update.requestID),
          parameters: parameters
        )
      ),
      for: requestID
    )
  }

  private func trackStatus(_ request: Subscribe) {
    guard let track = store[request.track] else {
      return refuse(request.requestID, .trackStatus, .doesNotExist, "no such track")
    }
    var parameters = Parameters()
    parameters.largestObject = track.largest
    if draft == .draft14 {
      core.send(
        .trackStatusOK(
          SubscribeOK(requestID: request.requestID, trackAlias: 0, parameters: parameters)
        ),
        for: request.requestID
      )
    } else {
      core.send(
        .requestOK(
          RequestOK(
            kind: .other,
            requestID: core.replyID(request.requestID),
            parameters: parameters,
            trackProperties: draft >= .draft18 ? track.trackProperties : Properties()
          )
        ),
        for: request.requestID,
        isFinal: true
      )
      core.forget(requestID: request.requestID)
    }
  }

  // MARK: FETCH

  private func fetch(_ request: Fetch) {
    let track: BroadcastTrack?
    let range: ClosedRange<Location>?
    switch request.range {
    case .standalone(let name, let start, let end):
      track = store[name]
      let last =
        end.object == 0
        ? Location(group: end.group, object: .max)
        : Location(group: end.group, object: end.object - 1)
      range = start <= last ? start...last : nil
    case .filtered(let name):
      track = store[name]
      range = (request.parameters.filter ?? .none).resolve(largest: track?.largest)
    case .relativeJoining(let joined, _), .absoluteJoining(let joined, _):
      guard let subscription = subscriptions[joined] else {
        return refuse(
          request.requestID,
          .fetch,
          .invalidJoiningRequestID,
          "no such subscription"
        )
      }
      track = subscription.track
      range = subscription.largest.flatMap { largest in
        let group: UInt64
        switch request.range {
        case .relativeJoining(_, let groups): group = largest.group - min(groups, largest.group)
        case .absoluteJoining(_, let first): group = first
        default: return nil
        }
        let start = Location(group: group, object: 0)
        return start <= largest ? start...largest : nil
      }
    }
    guard let track else {
      return refuse(request.requestID, .fetch, .doesNotExist, "no such track")
    }
    guard waitingFetches.count < core.limits.incomingRequests else {
      return refuse(request.requestID, .fetch, .excessiveLoad, "too many")
    }
    guard let range, let largest = track.largest, range.lowerBound <= largest else {
      return refuse(request.requestID, .fetch, .invalidRange, "nothing is in the range")
    }
    let end = min(range.upperBound, largest)
    let items = items(of: track, from: range.lowerBound, through: end)
    if items.isEmpty, draft == .draft14 {
      return refuse(request.requestID, .fetch, .noObjects, "nothing is kept of the range")
    }
    let written =
      draft.profile.fetchEndInclusive
      ? end : Location(group: end.group, object: end.object + 1)
    core.send(
      .fetchOK(
        FetchOK(
          requestID: core.replyID(request.requestID),
          isEndOfTrack: track.isEnded && end == largest,
          end: written,
          trackProperties: ownProperties(of: track)
        )
      ),
      for: request.requestID
    )
    waitingFetches.append((request.requestID, items))
  }

  /// What is kept of a range, with a marker for what was kept no longer.
  private func items(
    of track: BroadcastTrack,
    from start: Location,
    through end: Location
  ) -> [FetchItem] {
    let objects = track.objects(from: start, through: end)
    guard let first = objects.first else { return [] }
    var items = objects.map { FetchItem.object($0) }
    if draft != .draft14, first.group > start.group {
      let before = Location(group: first.group - 1, object: ByteWriter.maximumVarint)
      items.insert(.gap(through: before, .unknown), at: 0)
    }
    return items
  }

  private func sendFetches() {
    while let (requestID, items) = waitingFetches.first {
      guard let stream = transport.openStream(bidirectional: false) else { return }
      waitingFetches.removeFirst()
      var encoder = FetchEncoder(requestID: requestID, draft: draft)
      transport.send(encoder.headerBytes, on: stream, isFinal: items.isEmpty)
      for (index, item) in items.enumerated() {
        transport.send(encoder.encode(item), on: stream, isFinal: index == items.count - 1)
      }
      fetchStreams[requestID] = stream
      if subscriptions[requestID] == nil { core.finish(requestID: requestID) }
    }
  }

  // MARK: Answers and endings

  private func accepted(_ requestID: UInt64?, _ parameters: Parameters) {
    guard let requestID else { return }
    if let namespace = announcements[requestID] {
      events.append(.namespaceAccepted(namespace))
    } else if let subscription = subscriptions[requestID], !subscription.isAccepted {
      subscriptions[requestID]?.isAccepted = true
      subscriptions[requestID]?.forward = parameters.forward ?? true
      let largest = subscription.largest
      if let range = parameters.filter?.resolve(largest: largest) {
        subscriptions[requestID]?.start = max(subscription.start, range.lowerBound)
        subscriptions[requestID]?.end = range.upperBound
      }
      events.append(.subscribed(subscription.track.name))
    }
  }

  private func refused(_ requestID: UInt64?, _ error: RequestError) {
    guard let requestID else { return }
    let failure = RequestFailure(error, draft: draft)
    core.finish(requestID: requestID)
    core.forget(requestID: requestID)
    if let namespace = announcements.removeValue(forKey: requestID) {
      events.append(.namespaceRefused(namespace, failure))
    } else if let subscription = subscriptions.removeValue(forKey: requestID) {
      events.append(.publishRefused(subscription.track.name, failure))
    }
  }

  private func cancelled(_ cancel: PublishNamespaceCancel) {
    let requestID: UInt64?
    switch cancel.reference {
    case .request(let id): requestID = id
    case .namespace(let namespace):
      requestID = announcements.first { $0.value == namespace }?.key
    }
    guard let requestID, let namespace = announcements.removeValue(forKey: requestID) else {
      return
    }
    let meaning = RequestErrorMeaning(code: cancel.code, draft: draft, kind: .publishNamespace)
    events.append(
      .namespaceRefused(
        namespace,
        RequestFailure(meaning: meaning, code: cancel.code, reason: cancel.reason)
      )
    )
  }

  private func requestFinished(_ requestID: UInt64) {
    // A finished half only says that no message follows; draft 18 also ends a namespace
    // subscription with it.
    guard draft == .draft18 || draft == .draft16, interests.removeValue(forKey: requestID) != nil
    else { return }
    core.finish(requestID: requestID)
    core.forget(requestID: requestID)
  }

  private func requestCancelled(_ requestID: UInt64) {
    interests[requestID] = nil
    waitingFetches.removeAll { $0.requestID == requestID }
    if let stream = fetchStreams.removeValue(forKey: requestID) {
      transport.reset(stream, code: StreamResetMeaning.cancelled.code(in: draft))
    }
    if let namespace = announcements.removeValue(forKey: requestID) {
      events.append(
        .namespaceRefused(
          namespace,
          RequestFailure(meaning: .uninterested, reason: "revoked")
        )
      )
    }
    drop(requestID)
  }

  private func streamRefused(_ stream: UInt64) {
    transport.reset(stream, code: StreamResetMeaning.cancelled.code(in: draft))
    draining.removeAll { $0.stream == stream }
    fetchStreams = fetchStreams.filter { $0.value != stream }
    for requestID in subscriptions.keys {
      guard
        let group = subscriptions[requestID]?.streams.first(where: { $0.value.stream == stream })
      else { continue }
      subscriptions[requestID]?.streams[group.key] = nil
      subscriptions[requestID]?.closedGroups.insert(group.key)
    }
  }

  /// Tells the peer of namespaces under its prefixes that appeared or went.
  private func tellNamespaces() {
    guard toldVersion != store.version else { return }
    toldVersion = store.version
    let namespaces = store.namespaces
    for requestID in interests.keys.sorted() {
      guard let (prefix, told) = interests[requestID] else { continue }
      let wanted = namespaces.filter { $0.hasPrefix(prefix) }
      for namespace in wanted.subtracting(told).sorted(by: isBefore) {
        if draft == .draft14 {
          if !announcements.values.contains(namespace) { announce(namespace) }
        } else {
          core.send(.namespace(suffix: namespace.dropping(prefix)), for: requestID)
        }
      }
      for namespace in told.subtracting(wanted).sorted(by: isBefore) {
        if draft == .draft14 {
          withdraw(namespace)
        } else {
          core.send(.namespaceDone(suffix: namespace.dropping(prefix)), for: requestID)
        }
      }
      interests[requestID]?.told = wanted
    }
  }
}

/// Any fixed order, so that the same store tells the same tale.
private func isBefore(_ left: TrackNamespace, _ right: TrackNamespace) -> Bool {
  left.description < right.description
}

extension TrackNamespace {
  /// The fields after a prefix.
  fileprivate func dropping(_ prefix: TrackNamespace) -> TrackNamespace {
    TrackNamespace(Array(fields.dropFirst(prefix.fields.count)))
  }
}
