package import Wire

/// The subscribing side of a MOQT session: transport events and commands in, objects out.
///
/// A state machine without a clock and without IO; not `Sendable`, it lives on one loop.
package final class SubscriberSession {
  private let core: SessionCore
  private let limits: SessionLimits
  private var draft: Draft { core.draft }
  private var events = EventQueue<SubscriberEvent>()
  private var now = Instant(nanoseconds: 0)
  private var reportedClose = false
  private var isGoingAway = false

  private var subscriptions: [UInt64: Subscription] = [:]
  /// From the request of a joining FETCH, or of a fill, to its subscription.
  private var joins: [UInt64: UInt64] = [:]
  private var aliases: [UInt64: UInt64] = [:]
  private var tombstones: [UInt64] = []
  private var streams: [UInt64: DataStream] = [:]
  private var partialBytes = 0
  private var parked = ParkingLot()
  private var namespaces: NamespaceRegister

  /// Prepares a session over a connected transport whose ALPN or subprotocol said the draft.
  package init(
    draft: Draft,
    transport: any Transport,
    role: SessionRole = .client,
    options: SessionOptions = SessionOptions(),
    limits: SessionLimits = SessionLimits()
  ) {
    core = SessionCore(
      draft: draft,
      role: role,
      transport: transport,
      options: options,
      limits: limits
    )
    self.limits = limits
    namespaces = NamespaceRegister(maximum: limits.namespaces)
  }

  // MARK: Driving

  /// Sends our SETUP.
  package func start(now: Instant) {
    self.now = now
    core.start(now: now)
  }

  /// Takes what the transport reports; effects are in `poll()` and on the transport.
  package func handle(_ event: TransportEvent, now: Instant) {
    self.now = now
    core.handle(event, now: now)
    while let event = core.poll() { process(event) }
    reportClose()
  }

  /// The next event; nil when there is none for now.
  package func poll() -> SubscriberEvent? { events.popFirst() }

  /// When `handleTimeout` wants to be called; nil when nothing waits.
  package var deadline: Instant? {
    guard core.error == nil else { return nil }
    var result = [core.deadline, parked.deadline].compactMap { $0 }.min()
    for subscription in subscriptions.values {
      for candidate in [subscription.endDeadline, subscription.join?.joinDeadline] {
        if let candidate, result.map({ candidate < $0 }) ?? true { result = candidate }
      }
    }
    return result
  }

  /// Acts on every deadline that has passed.
  package func handleTimeout(now: Instant) {
    self.now = now
    core.handleTimeout(now: now)
    guard core.error == nil else { return reportClose() }
    for entry in parked.take({ $0.deadline <= now }) { drop(entry) }
    for (requestID, subscription) in subscriptions {
      if let join = subscription.join, let deadline = join.joinDeadline, deadline <= now {
        cancelJoin(of: requestID)
        endJoin(of: requestID, .empty)
      }
      if let deadline = subscription.endDeadline, deadline <= now { end(requestID) }
    }
    reportClose()
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
    streams = [:]
    parked = ParkingLot()
    partialBytes = 0
    events.append(.closed(error))
  }

  // MARK: Commands

  /// Asks for a track; the answer is `.subscribed` or `.subscriptionFailed`.
  ///
  /// Traps when no draft can carry the name.
  package func subscribe(
    _ track: FullTrackName,
    options: SubscribeOptions = SubscribeOptions()
  ) -> SubscriptionID {
    precondition(track.isValid, "a full track name has 1…32 fields and at most 4,096 bytes")
    guard core.error == nil, !isGoingAway else {
      // No id of a request that is sent can be this one: it has the peer's parity.
      let id = SubscriptionID(requestID: core.role == .client ? .max : .max - 1)
      events.append(
        .subscriptionFailed(
          id,
          RequestFailure(meaning: .goingAway, reason: "the session is ending")
        )
      )
      return id
    }
    var parameters = Parameters()
    parameters.subscriberPriority = options.priority
    parameters.groupOrder = .ascending
    parameters.forward = true
    parameters.filter = options.start == .nextGroup ? .nextGroup : .nextObject
    parameters.deliveryTimeoutMilliseconds = options.deliveryTimeoutMilliseconds
    parameters.token = options.token
    if draft >= .draft18, let rendezvous = options.rendezvousMilliseconds {
      parameters.set(Parameters.Kind.rendezvousTimeout, .integer(rendezvous))
    }
    let fills = options.start == .currentGroup && draft >= .draft20
    if fills {
      var fill = Parameters()
      fill.filter = .relative(groups: 1)
      parameters.fill = fill
    }
    let requestID = core.request {
      .subscribe(Subscribe(requestID: $0, track: track, parameters: parameters))
    }
    let id = SubscriptionID(requestID: requestID)
    subscriptions[requestID] = Subscription(
      id: id,
      track: track,
      options: options,
      delivered: DeliveredObjects(
        maximumGroups: limits.deduplicatedGroups,
        maximumRuns: limits.deduplicatedRuns
      )
    )
    if fills { joins[requestID] = requestID }
    return id
  }

  /// Gives up a subscription; nothing of it is reported any more.
  package func unsubscribe(_ id: SubscriptionID) {
    let requestID = id.requestID
    guard core.error == nil, subscriptions[requestID] != nil else { return }
    if !core.withdraw(requestID: requestID) {
      cancelJoin(of: requestID)
      if draft.profile.topology == .streamPerRequest {
        core.cancel(requestID: requestID)
      } else {
        core.send(.unsubscribe(requestID: requestID), for: requestID)
      }
    }
    forget(requestID)
  }

  /// Asks for the namespaces under a prefix; they come as `.namespaceAnnounced`.
  ///
  /// Draft 14 cannot say an empty prefix; there it is refused at once.
  package func subscribeNamespace(_ prefix: TrackNamespace) {
    guard core.error == nil else { return }
    guard !prefix.fields.isEmpty || draft != .draft14 else {
      events.append(
        .namespacesRefused(
          prefix: prefix,
          RequestFailure(meaning: .notSupported, reason: "draft 14 has no empty prefix")
        )
      )
      return
    }
    let requestID = core.request {
      .subscribeNamespace(SubscribeNamespace(requestID: $0, prefix: prefix))
    }
    namespaces.prefixes[requestID] = prefix
  }

  // MARK: Events of the core

  private func process(_ event: SessionCore.Event) {
    do throws(CodingError) {
      switch event {
      case .ready: events.append(.ready(draft))
      case .message(let message, let requestID): try receive(message, requestID)
      case .requestFinished(let requestID): requestEnded(requestID, code: nil)
      case .requestReset(let requestID, let code): requestEnded(requestID, code: code)
      case .goAway(let goAway, let requestID): receiveGoAway(goAway, requestID)
      case .streamOpened(let stream, let header, let input):
        try streamOpened(stream, header, input)
      case .streamBytes(let stream, let bytes): try streamBytes(stream, bytes)
      case .streamFinished(let stream): try streamFinished(stream)
      case .streamReset(let stream, let code): streamReset(stream, code: code)
      case .stopSending, .credit, .requestStopped: break
      case .datagram(let bytes): try receiveDatagram(bytes)
      }
    } catch { core.close(error) }
  }

  private func receiveGoAway(_ goAway: GoAway, _ requestID: UInt64?) {
    let timeout = goAway.timeoutMilliseconds.map { Interval.milliseconds(clampedMilliseconds($0)) }
    let subscription = requestID.flatMap { subscriptions[$0]?.id }
    if requestID == nil { isGoingAway = true }
    guard requestID == nil || subscription != nil else { return }
    events.append(.goAway(uri: goAway.uri, timeout: timeout, subscription))
  }

  private func receive(
    _ message: ControlMessage,
    _ requestID: UInt64?
  ) throws(CodingError) {
    switch message {
    case .subscribeOK(let ok): try receive(ok, requestID)
    case .requestError(let error): try receive(error, requestID)
    case .publishDone(let done): try receive(done, requestID)
    case .fetchOK:
      // The stream says when it is over; all the message adds is its end.
      try expectOurs(requestID)
    case .requestOK: try expectOurs(requestID)
    case .publishStateNotify: try expectOurs(requestID)
    case .namespace(let suffix):
      guard let prefix = try namespaces.announce(suffix, requestID) else { return }
      events.append(.namespaceAnnounced(prefix))
    case .namespaceDone(let suffix):
      guard let namespace = try namespaces.withdraw(suffix, requestID) else { return }
      events.append(.namespaceWithdrawn(namespace))
    case .publishBlocked: break
    default: try answer(message)
    }
  }

  private func expectOurs(_ requestID: UInt64?) throws(CodingError) {
    guard let requestID, core.isOurs(requestID: requestID) else {
      throw .protocolViolation("reply to a request that was never sent")
    }
  }

  private func receive(_ ok: SubscribeOK, _ requestID: UInt64?) throws(CodingError) {
    try expectOurs(requestID)
    guard let requestID, var subscription = subscriptions[requestID] else {
      // Cancelled meanwhile: its streams are not wanted.
      bury(alias: ok.trackAlias)
      return
    }
    guard case .requested = subscription.phase else {
      throw .protocolViolation("second SUBSCRIBE_OK for request \(requestID)")
    }
    guard aliases[ok.trackAlias] == nil else {
      throw .violation(.duplicateTrackAlias, "track alias \(ok.trackAlias) is in use")
    }
    if let unknown = ok.trackProperties.pairs.pairs.first(where: {
      Properties.Kind.mandatory.contains($0.type)
    }), draft >= .draft18 {
      refuse(requestID, alias: ok.trackAlias, mandatoryProperty: unknown.type)
      return
    }
    tombstones.removeAll { $0 == ok.trackAlias }
    aliases[ok.trackAlias] = requestID
    subscription.phase = .live(alias: ok.trackAlias)
    if let priority = ok.trackProperties.integer(Properties.Kind.defaultPublisherPriority) {
      subscription.defaultPriority = UInt8(clamping: priority)
    }
    let largest = ok.parameters.largestObject
    events.append(
      .subscribed(subscription.id, largest: largest, trackProperties: ok.trackProperties)
    )
    join(&subscription, largest: largest)
    subscriptions[requestID] = subscription
    let arrived = parked.take {
      $0.key == .alias(ok.trackAlias) || $0.key == .request(requestID)
    }
    for entry in arrived { try resume(entry) }
  }

  /// Asks for the beginning of the current group, where the subscription's start wants it.
  ///
  /// The FETCH waits for SUBSCRIBE_OK because draft-14 publishers refuse one that overtakes it.
  private func join(_ subscription: inout Subscription, largest: Location?) {
    let requestID = subscription.id.requestID
    guard subscription.options.start == .currentGroup else { return }
    let deadline = now + limits.fetchInterval
    guard largest != nil else {
      // Nothing was published, so the live subscription has everything.
      joins[requestID] = nil
      events.append(.fetchEnded(subscription.id, .empty))
      return
    }
    if draft >= .draft20 {
      subscription.join = Subscription.Join(requestID: requestID, deadline: deadline)
      return
    }
    var parameters = Parameters()
    parameters.subscriberPriority = subscription.options.priority
    parameters.groupOrder = .ascending
    let fetchID = core.request {
      .fetch(
        Fetch(
          requestID: $0,
          range: .relativeJoining(requestID: requestID, groups: 0),
          parameters: parameters
        )
      )
    }
    joins[fetchID] = requestID
    subscription.join = Subscription.Join(requestID: fetchID, deadline: deadline)
  }

  private func refuse(_ requestID: UInt64, alias: UInt64, mandatoryProperty type: UInt64) {
    guard let id = subscriptions[requestID]?.id else { return }
    unsubscribe(id)
    bury(alias: alias)
    events.append(
      .subscriptionFailed(
        id,
        RequestFailure(
          meaning: .unsupportedExtension,
          reason: "track property 0x\(String(type, radix: 16)) must be understood"
        )
      )
    )
  }

  private func receive(_ error: RequestError, _ requestID: UInt64?) throws(CodingError) {
    try expectOurs(requestID)
    guard let requestID else { return }
    let failure = RequestFailure(error, draft: draft)
    if let subscription = subscriptions[requestID] {
      guard case .requested = subscription.phase else {
        // The answer to an update; the subscription goes on or PUBLISH_DONE follows.
        return
      }
      core.finish(requestID: requestID)
      core.forget(requestID: requestID)
      forget(requestID)
      events.append(.subscriptionFailed(subscription.id, failure))
    } else if let subscription = joins[requestID] {
      core.finish(requestID: requestID)
      core.forget(requestID: requestID)
      endJoin(of: subscription, .failed(failure))
    } else if let prefix = namespaces.prefixes.removeValue(forKey: requestID) {
      core.finish(requestID: requestID)
      core.forget(requestID: requestID)
      events.append(.namespacesRefused(prefix: prefix, failure))
    }
  }

  private func receive(_ done: PublishDone, _ requestID: UInt64?) throws(CodingError) {
    try expectOurs(requestID)
    guard let requestID, let subscription = subscriptions[requestID] else { return }
    guard case .live = subscription.phase, subscription.end == nil else {
      throw .protocolViolation("PUBLISH_DONE for request \(requestID) in the wrong state")
    }
    let isKnown = done.streamCount < PublishDone.unknownStreamCount
    subscriptions[requestID]?.end = SubscriptionEnd(
      status: PublishDoneStatus(code: done.status, draft: draft),
      code: done.status,
      reason: done.reason,
      streamCount: isKnown ? done.streamCount : nil
    )
    subscriptions[requestID]?.endDeadline = now + limits.doneInterval
    endIfDrained(requestID)
  }

  /// The peer's half of a request's stream is over, with a code when abruptly.
  private func requestEnded(_ requestID: UInt64, code: UInt64?) {
    if let withdrawn = namespaces.requestEnded(requestID, isReset: code != nil, draft: draft) {
      for namespace in withdrawn { events.append(.namespaceWithdrawn(namespace)) }
      core.finish(requestID: requestID)
      core.forget(requestID: requestID)
    } else if let subscription = joins[requestID], subscription != requestID {
      core.finish(requestID: requestID)
      core.forget(requestID: requestID)
      if let code { endJoin(of: subscription, .reset(code: code)) }
    } else if let subscription = subscriptions[requestID] {
      // After PUBLISH_DONE the end of the stream is no news.
      guard subscription.end == nil else { return }
      let what = code.map { "reset with code \($0)" } ?? "finished"
      core.finish(requestID: requestID)
      core.forget(requestID: requestID)
      if case .live = subscription.phase {
        subscriptions[requestID]?.end = SubscriptionEnd(
          status: .unknown,
          code: nil,
          reason: "request stream \(what)"
        )
        subscriptions[requestID]?.endDeadline = now + limits.doneInterval
      } else {
        forget(requestID)
        events.append(
          .subscriptionFailed(
            subscription.id,
            RequestFailure(meaning: .unknown, reason: "request stream \(what)")
          )
        )
      }
    } else if !namespaces.isPublished(requestID) {
      core.finish(requestID: requestID)
      core.forget(requestID: requestID)
    }
  }

  // MARK: Requests of the peer

  /// Answers what a peer asks of us although we serve nothing.
  private func answer(_ message: ControlMessage) throws(CodingError) {
    switch message {
    case .publishNamespace(let request):
      guard namespaces.accept(request) else {
        refuse(request.requestID, .publishNamespace, .excessiveLoad, "too many namespaces")
        return
      }
      core.send(
        .requestOK(
          RequestOK(
            kind: draft == .draft14 ? .publishNamespace : .other,
            requestID: core.replyID(request.requestID)
          )
        ),
        for: request.requestID
      )
      events.append(.namespaceAnnounced(request.namespace))
    case .publishNamespaceDone(let reference):
      guard let namespace = namespaces.withdraw(reference) else { return }
      events.append(.namespaceWithdrawn(namespace))
    case .subscribeNamespace(let request):
      core.send(
        .requestOK(
          RequestOK(
            kind: draft == .draft14 ? .subscribeNamespace : .other,
            requestID: core.replyID(request.requestID)
          )
        ),
        for: request.requestID
      )
    case .subscribeTracks(let request):
      core.send(.requestOK(RequestOK(kind: .other, requestID: nil)), for: request.requestID)
    case .unsubscribeNamespace: break
    case .publish(let request):
      if aliases[request.trackAlias] == nil { bury(alias: request.trackAlias) }
      refuse(request.requestID, .publish, .uninterested, "not subscribed")
    case .subscribe(let request):
      refuse(request.requestID, .subscribe, .doesNotExist, "this is a subscriber")
    case .trackStatus(let request):
      refuse(request.requestID, .trackStatus, .doesNotExist, "this is a subscriber")
    case .fetch(let request):
      refuse(request.requestID, .fetch, .doesNotExist, "this is a subscriber")
    case .unsubscribe, .fetchCancel, .requestUpdate: break
    default: throw .protocolViolation("message that a subscriber does not expect")
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

  // MARK: Data

  private func streamOpened(
    _ stream: UInt64,
    _ header: StreamHeader,
    _ input: StreamInput
  ) throws(CodingError) {
    guard let key = ParkingLot.Key(header) else { return }
    var input = input
    switch key {
    case .alias(let alias):
      if let requestID = aliases[alias] {
        try begin(stream, header, requestID, [input.takeUnread()])
      } else if tombstones.contains(alias) {
        core.refuse(stream)
      } else {
        park(key, stream, header, input.takeUnread())
      }
    case .request(let requestID):
      guard let owner = joins[requestID], let subscription = subscriptions[owner] else {
        core.refuse(stream)
        return
      }
      if case .live = subscription.phase {
        try begin(stream, header, owner, [input.takeUnread()])
      } else {
        park(key, stream, header, input.takeUnread())
      }
    }
  }

  private func park(
    _ key: ParkingLot.Key,
    _ stream: UInt64?,
    _ header: StreamHeader?,
    _ bytes: Bytes
  ) {
    guard parked.entries.count < limits.parkedStreams,
      parked.byteCount + bytes.count <= limits.parkedBytes
    else {
      if let stream { core.refuse(stream) }
      return
    }
    parked.append(
      ParkingLot.Parked(
        key: key,
        stream: stream,
        header: header,
        pieces: [bytes],
        deadline: now + limits.parkedInterval,
        byteCount: bytes.count
      )
    )
  }

  private func resume(_ entry: ParkingLot.Parked) throws(CodingError) {
    guard let stream = entry.stream, let header = entry.header else {
      for bytes in entry.pieces { try receiveDatagram(bytes) }
      return
    }
    core.transport.consumed(entry.uncredited, on: stream)
    let owner: UInt64?
    switch entry.key {
    case .alias(let alias): owner = aliases[alias]
    case .request(let requestID): owner = joins[requestID]
    }
    guard let owner, subscriptions[owner] != nil else {
      core.refuse(stream)
      return
    }
    try begin(stream, header, owner, entry.pieces)
    if entry.isFinished { try streamFinished(stream) }
  }

  private func drop(_ entry: ParkingLot.Parked) {
    guard let stream = entry.stream else { return }
    core.transport.consumed(entry.uncredited, on: stream)
    if !entry.isFinished { core.refuse(stream) }
  }

  private func begin(
    _ stream: UInt64,
    _ header: StreamHeader,
    _ requestID: UInt64,
    _ pieces: [Bytes]
  ) throws(CodingError) {
    guard let subscription = subscriptions[requestID] else { return }
    let content: DataStream.Content
    switch header {
    case .subgroup(let header):
      subscriptions[requestID]?.streamsSeen += 1
      content = .subgroup(
        SubgroupDecoder(
          header: header,
          draft: draft,
          defaultPriority: subscription.defaultPriority,
          limits: limits.object
        )
      )
    case .fetch:
      guard subscription.join?.stream == nil, subscription.join != nil else {
        core.refuse(stream)
        return
      }
      // A fill is among the streams that PUBLISH_DONE counts, a FETCH is not.
      if draft >= .draft20 { subscriptions[requestID]?.streamsSeen += 1 }
      subscriptions[requestID]?.join?.stream = stream
      content = .fetch(FetchDecoder(draft: draft, limits: limits.object))
    case .control, .padding: return
    }
    subscriptions[requestID]?.openStreams.insert(stream)
    streams[stream] = DataStream(subscription: requestID, content: content)
    for bytes in pieces { try feed(stream, bytes) }
  }

  private func streamBytes(_ stream: UInt64, _ bytes: Bytes) throws(CodingError) {
    if streams[stream] != nil {
      core.transport.consumed(bytes.count, on: stream)
      try feed(stream, bytes)
    } else if parked.contains(stream: stream) {
      // No credit back: what waits may not take the window that its SUBSCRIBE_OK needs.
      guard parked.byteCount + bytes.count <= limits.parkedBytes else {
        for entry in parked.take({ $0.stream == stream }) { drop(entry) }
        core.transport.consumed(bytes.count, on: stream)
        return
      }
      _ = parked.append(bytes, to: stream)
    } else {
      core.transport.consumed(bytes.count, on: stream)
    }
  }

  private func feed(_ stream: UInt64, _ bytes: Bytes) throws(CodingError) {
    guard !bytes.isEmpty, let data = streams[stream],
      var subscription = subscriptions.removeValue(forKey: data.subscription)
    else { return }
    let before = data.bufferedBytes
    var problem: DataStreamError?
    do throws(DataStreamError) {
      try data.receive(bytes) { item in
        guard case .object(let object) = item else { return }
        if data.header == nil { subscription.join?.objects += 1 }
        guard subscription.delivered.insert(object.location) else { return }
        events.append(.object(subscription.id, object))
      }
    } catch { problem = error }
    subscriptions[data.subscription] = subscription
    partialBytes += data.bufferedBytes - before
    if problem == nil, partialBytes > limits.partialObjectBytes {
      problem = .tooLarge("\(partialBytes) bytes of incomplete objects")
    }
    switch problem {
    case nil: break
    case .violation(let code, let reason)?: throw .violation(code, reason)
    case .tooLarge(let reason)?:
      core.refuse(stream, .excessiveLoad)
      endStream(stream, .refused(reason: reason))
    }
  }

  private func streamFinished(_ stream: UInt64) throws(CodingError) {
    if parked.finish(stream: stream) { return }
    guard let data = streams[stream] else { return }
    guard data.isBetweenObjects else {
      throw .protocolViolation("data stream finished inside an object")
    }
    endStream(stream, .finished(endOfGroup: data.header?.endsGroup ?? false))
  }

  private func streamReset(_ stream: UInt64, code: UInt64) {
    for entry in parked.take({ $0.stream == stream }) {
      core.transport.consumed(entry.uncredited, on: stream)
    }
    endStream(stream, .reset(code: code))
  }

  /// Forgets a data stream and reports how it ended.
  private func endStream(_ stream: UInt64, _ end: GroupStreamEnd) {
    guard let data = streams.removeValue(forKey: stream) else { return }
    partialBytes -= data.bufferedBytes
    let requestID = data.subscription
    guard let subscription = subscriptions[requestID] else { return }
    subscriptions[requestID]?.openStreams.remove(stream)
    if let header = data.header {
      events.append(
        .groupStreamEnded(
          subscription.id,
          group: header.group,
          subgroup: data.subgroupID,
          end
        )
      )
    } else if let join = subscription.join {
      switch end {
      case .finished:
        let isEmpty = join.objects == 0
        endJoin(of: requestID, isEmpty ? .empty : .finished(objects: join.objects))
      case .reset(let code): endJoin(of: requestID, .reset(code: code))
      case .refused(let reason):
        endJoin(of: requestID, .failed(RequestFailure(meaning: .internalError, reason: reason)))
      }
    }
    endIfDrained(requestID)
  }

  private func receiveDatagram(_ bytes: Bytes) throws(CodingError) {
    let datagram: ObjectDatagram?
    do throws(CodingError) { datagram = try ObjectDatagram.decode(bytes, draft: draft) } catch {
      throw error.inWhole("datagram")
    }
    guard var datagram else { return }
    guard datagram.object.payload.count <= limits.objectBytes else { return }
    guard let requestID = aliases[datagram.trackAlias] else {
      if !tombstones.contains(datagram.trackAlias) {
        park(.alias(datagram.trackAlias), nil, nil, bytes)
      }
      return
    }
    guard let subscription = subscriptions[requestID] else { return }
    if datagram.inheritsPriority { datagram.object.priority = subscription.defaultPriority }
    if subscriptions[requestID]?.delivered.insert(datagram.object.location) == true {
      events.append(.object(subscription.id, datagram.object))
    }
    if datagram.endsGroup {
      events.append(
        .groupStreamEnded(
          subscription.id,
          group: datagram.object.group,
          subgroup: nil,
          .finished(endOfGroup: true)
        )
      )
    }
  }

  // MARK: Endings

  private func endJoin(of requestID: UInt64, _ outcome: FetchOutcome) {
    guard let subscription = subscriptions[requestID], let join = subscription.join else {
      return
    }
    subscriptions[requestID]?.join = nil
    joins[join.requestID] = nil
    events.append(.fetchEnded(subscription.id, outcome))
    endIfDrained(requestID)
  }

  private func cancelJoin(of requestID: UInt64) {
    guard let join = subscriptions[requestID]?.join else { return }
    joins[join.requestID] = nil
    guard join.requestID != requestID, !core.withdraw(requestID: join.requestID) else { return }
    if draft.profile.topology == .streamPerRequest {
      core.cancel(requestID: join.requestID)
    } else {
      core.send(.fetchCancel(requestID: join.requestID), for: join.requestID)
    }
  }

  private func endIfDrained(_ requestID: UInt64) {
    if subscriptions[requestID]?.isDrained == true { end(requestID) }
  }

  /// Reports the end that PUBLISH_DONE announced.
  private func end(_ requestID: UInt64) {
    guard let subscription = subscriptions[requestID], let end = subscription.end else { return }
    core.finish(requestID: requestID)
    core.forget(requestID: requestID)
    cancelJoin(of: requestID)
    forget(requestID)
    events.append(.subscriptionEnded(subscription.id, end))
  }

  /// Removes every trace of a subscription but the tombstone of its alias.
  private func forget(_ requestID: UInt64) {
    guard let subscription = subscriptions.removeValue(forKey: requestID) else { return }
    joins[requestID] = nil
    if let join = subscription.join { joins[join.requestID] = nil }
    for stream in subscription.openStreams {
      if let data = streams.removeValue(forKey: stream) { partialBytes -= data.bufferedBytes }
      core.refuse(stream)
    }
    for entry in parked.take({ $0.key == .request(requestID) }) { drop(entry) }
    if let alias = subscription.alias { bury(alias: alias) }
  }

  /// Remembers that an alias is not wanted, and drops what waits for it.
  private func bury(alias: UInt64) {
    aliases[alias] = nil
    tombstones.append(alias)
    if tombstones.count > limits.tombstones { tombstones.removeFirst() }
    for entry in parked.take({ $0.key == .alias(alias) }) { drop(entry) }
  }
}

extension Subscription.Join {
  /// Nothing more is waited for once the stream has begun.
  fileprivate var joinDeadline: Instant? { stream == nil ? deadline : nil }
}

/// Milliseconds of a peer as a length of time, at most a day.
func clampedMilliseconds(_ value: UInt64) -> Int64 { Int64(min(value, 86_400_000)) }
