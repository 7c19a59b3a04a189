package import MoQ
package import Wire

/// A subscriber and a publisher joined in memory, with a clock that the test moves.
package final class MoQSessionPair {
  package let store: BroadcastStore
  package let clientTransport: MoQFakeTransport
  package let serverTransport: MoQFakeTransport
  package let subscriber: SubscriberSession
  package let publisher: PublisherSession
  package var now = Instant(nanoseconds: 1_000_000_000)
  package private(set) var subscriberEvents: [SubscriberEvent] = []
  package private(set) var publisherEvents: [PublisherEvent] = []

  /// Joins two sessions; with `publisherIsClient` the publisher dials, as to a relay.
  package init(
    _ draft: Draft,
    store: BroadcastStore = BroadcastStore(),
    publisherIsClient: Bool = false,
    limits: SessionLimits = SessionLimits(),
    publisherLimits: PublisherLimits = PublisherLimits(),
    pieceBytes: Int? = nil
  ) {
    self.store = store
    (clientTransport, serverTransport) = MoQFakeTransport.pair()
    clientTransport.pieceBytes = pieceBytes
    serverTransport.pieceBytes = pieceBytes
    subscriber = SubscriberSession(
      draft: draft,
      transport: publisherIsClient ? serverTransport : clientTransport,
      role: publisherIsClient ? .server : .client,
      limits: limits
    )
    publisher = PublisherSession(
      draft: draft,
      transport: publisherIsClient ? clientTransport : serverTransport,
      role: publisherIsClient ? .client : .server,
      store: store,
      limits: limits,
      publisherLimits: publisherLimits
    )
    self.publisherIsClient = publisherIsClient
    subscriber.start(now: now)
    publisher.start(now: now)
  }

  private let publisherIsClient: Bool

  /// Moves everything that waits, until both sides are quiet.
  package func run() {
    publisher.pump(now: now)
    while true {
      if let event = clientTransport.takeEvent() {
        deliver(event, toClient: true)
      } else if let event = serverTransport.takeEvent() {
        deliver(event, toClient: false)
      } else {
        break
      }
    }
    while let event = subscriber.poll() { subscriberEvents.append(event) }
    while let event = publisher.poll() { publisherEvents.append(event) }
  }

  /// Lets time pass.
  package func advance(_ interval: Interval) {
    now = now + interval
    subscriber.handleTimeout(now: now)
    publisher.handleTimeout(now: now)
    run()
  }

  /// Takes what the subscriber reported since the last call.
  package func takeSubscriberEvents() -> [SubscriberEvent] {
    defer { subscriberEvents = [] }
    return subscriberEvents
  }

  /// Takes what the publisher reported since the last call.
  package func takePublisherEvents() -> [PublisherEvent] {
    defer { publisherEvents = [] }
    return publisherEvents
  }

  private func deliver(_ event: TransportEvent, toClient: Bool) {
    if toClient == publisherIsClient {
      publisher.handle(event, now: now)
    } else {
      subscriber.handle(event, now: now)
    }
  }
}
