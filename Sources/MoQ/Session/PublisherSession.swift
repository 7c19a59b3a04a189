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
/// from the store: call `pump` when the store has more, or when the transport took some and `canPump` says so.
package final class PublisherSession {
  let core: SessionCore
  let store: BroadcastStore
  let limits: PublisherLimits
  var draft: Draft { core.draft }
  var transport: any StreamTransport { core.transport }
  var events = EventQueue<PublisherEvent>()
  var now = Instant(nanoseconds: 0)
  var reportedClose = false

  var subscriptions: [UInt64: OutgoingSubscription] = [:]
  var nextAlias: UInt64 = 1
  /// Ranges of the past that are not wholly with the peer.
  var fetches: [OutgoingFetch] = []
  /// Streams whose end is queued but not sent.
  var draining: [DrainingGroup] = []
  /// Streams to which no more was handed at the last pump, as enough waited there.
  var fullStreams: [UInt64] = []
  var announcements: [UInt64: TrackNamespace] = [:]
  /// The prefixes the peer asked about.
  var interests: [UInt64: Interest] = [:]
  var toldVersion = -1

  /// Prepares a session over a connected transport whose ALPN or subprotocol said the draft.
  package init(
    draft: Draft,
    transport: any StreamTransport,
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
        consider(subscription.track.groups[index + 1].began + subscription.lateness)
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

  func reportClose() {
    guard let error = core.error, !reportedClose else { return }
    reportedClose = true
    subscriptions = [:]
    fetches = []
    draining = []
    events.append(.closed(error))
  }

  // MARK: Commands

  /// Announces a namespace; the answer is `.namespaceAccepted` or `.namespaceRefused`.
  package func announce(_ namespace: TrackNamespace) {
    guard core.error == nil else { return }
    var parameters = Parameters()
    parameters.token = core.options.requestToken
    let requestID = core.request {
      .publishNamespace(
        PublishNamespace(requestID: $0, namespace: namespace, parameters: parameters)
      )
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
    parameters.token = core.options.requestToken
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
      lateness: limits.lateness,
      forward: true,
      precedence: Precedence(Parameters(), of: track)
    )
    subscription.isAccepted = false
    subscription.isPush = true
    subscriptions[requestID] = subscription
  }

  /// Asks the peer to move to another session; empty means to connect here again.
  package func goAway(uri: String = "", timeout: Interval = .milliseconds(10_000)) {
    core.sendGoAway(
      uri: uri,
      timeoutMilliseconds: UInt64(max(0, timeout.nanoseconds / 1_000_000)),
      now: now
    )
  }

  /// Ends every subscription for a reason.
  package func endSubscriptions(_ status: PublishDoneStatus, reason: String) {
    for requestID in subscriptions.keys.sorted() { finish(requestID, status, reason) }
  }

  /// Whether a stream that was full has room again.
  package var canPump: Bool {
    fullStreams.contains { transport.pendingBytes(on: $0) <= limits.pendingBytesPerStream / 2 }
  }

  /// Hands the transport what the store has and the peer wants.
  package func pump(now: Instant) {
    self.now = now
    fullStreams.removeAll(keepingCapacity: true)
    guard core.error == nil else { return reportClose() }
    guard core.isReady else { return }
    tellNamespaces()
    sendFetches()
    for requestID in subscriptions.keys.sorted() { pump(requestID) }
    giveUpLateStreams()
  }
}
