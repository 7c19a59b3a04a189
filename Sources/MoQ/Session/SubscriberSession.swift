package import Wire

/// The subscribing side of a MOQT session: transport events and commands in, objects out.
///
/// A state machine without a clock and without IO; not `Sendable`, it lives on one loop.
package final class SubscriberSession {
  let core: SessionCore
  let limits: SessionLimits
  var draft: Draft { core.draft }
  var events = EventQueue<SubscriberEvent>()
  var now = Instant(nanoseconds: 0)
  var reportedClose = false
  var isGoingAway = false

  var subscriptions: [UInt64: Subscription] = [:]
  /// From the request of a joining FETCH, or of a fill, to its subscription.
  var joins: [UInt64: UInt64] = [:]
  var aliases: [UInt64: UInt64] = [:]
  var tombstones: [UInt64] = []
  var streams: [UInt64: DataStream] = [:]
  var partialBytes = 0
  var parked = ParkingLot()
  var namespaces: NamespaceRegister

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

  func reportClose() {
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
}
