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
  /// How many subscriptions were refused here without being asked for.
  var refusedSubscriptions: UInt64 = 0

  var subscriptions: [UInt64: Subscription] = [:]
  /// The subscriptions that an alias serves; several from draft 20 on.
  var aliases: [UInt64: [UInt64]] = [:]
  var tombstones: [UInt64] = []
  var streams: [UInt64: DataStream] = [:]
  var partial = PartialBytes()
  var parked = ParkingLot()
  var namespaces: NamespaceRegister

  var fetches: [FetchID: FetchJob] = [:]
  /// Which FETCH, or fill, belongs to a request.
  var fetchOfRequest: [UInt64: FetchID] = [:]
  var nextFetch: UInt64 = 0
  /// The peer has answered a standalone FETCH as one who serves them.
  var hasFetched = false
  /// The peer gives one group at a time only.
  var splitsFetches = false
  /// Whether it is worth to ask this peer for the past; false once it has shown that it serves no FETCH.
  package internal(set) var canFetch = true

  /// Which tracks the publisher may push, and how they are subscribed to; nil refuses all, and so does
  /// an answer of nil.
  ///
  /// To be set before `start`, as a publisher may push with its first message.
  package var acceptsPublish: ((FullTrackName) -> SubscribeOptions?)?

  /// Prepares a session over a connected transport whose ALPN or subprotocol said the draft.
  package init(
    draft: Draft,
    transport: any StreamTransport,
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
    settle()
  }

  func settle() {
    while let event = core.poll() { process(event) }
    reportClose()
  }

  /// How many of our requests wait for the peer's permission.
  package var waitingRequests: Int { core.queue.count }

  /// The next event; nil when there is none for now.
  package func poll() -> SubscriberEvent? {
    // A command may have left something to be told.
    settle()
    return events.popFirst()
  }

  /// When `handleTimeout` wants to be called; nil when nothing waits.
  package var deadline: Instant? {
    guard core.error == nil else { return nil }
    var result = [core.deadline, parked.deadline].compactMap { $0 }.min()
    func consider(_ candidate: Instant?) {
      if let candidate, result.map({ candidate < $0 }) ?? true { result = candidate }
    }
    for subscription in subscriptions.values { consider(subscription.endDeadline) }
    for job in fetches.values { consider(job.attempt?.deadline) }
    return result
  }

  /// Acts on every deadline that has passed.
  package func handleTimeout(now: Instant) {
    self.now = now
    core.handleTimeout(now: now)
    guard core.error == nil else { return reportClose() }
    for entry in parked.take({ $0.deadline <= now }) { drop(entry) }
    giveUpFetches()
    for (requestID, subscription) in subscriptions {
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
    for namespace in namespaces.removeAll() { events.append(.namespaceWithdrawn(namespace)) }
    subscriptions = [:]
    fetches = [:]
    fetchOfRequest = [:]
    streams = [:]
    parked = ParkingLot()
    partial = PartialBytes()
    events.append(.closed(error))
  }
}
