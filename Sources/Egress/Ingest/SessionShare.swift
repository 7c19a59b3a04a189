internal import MoQ
internal import Wire

/// One broadcast's place on one session.
struct LegID: Hashable, Sendable {
  let broadcast: BroadcastPath
  let number: Int
}

/// A session that several broadcasts use: it knows whose each subscription is.
final class SessionShare {
  private let source: any SubscriptionSource
  let draft: Draft
  let transport: TransportKind
  let url: String
  private var owners: [SubscriptionID: LegID] = [:]
  private var names: [SubscriptionID: FullTrackName] = [:]
  private var fetchOwners: [FetchID: LegID] = [:]
  private var pushed = PushedTracks()
  /// What came on pushed tracks that have an owner now.
  private var kept: [SubscriberEvent] = []

  init(_ source: any SubscriptionSource, draft: Draft, transport: TransportKind, url: String) {
    self.source = source
    self.draft = draft
    self.transport = transport
    self.url = url
  }

  func subscribe(
    _ track: FullTrackName,
    options: SubscribeOptions,
    for leg: LegID
  ) -> SubscriptionID {
    let present = pushed.take(track)
    kept += present?.events ?? []
    let id = present?.id ?? source.subscribe(track, options: options)
    owners[id] = leg
    names[id] = track
    return id
  }

  func unsubscribe(_ id: SubscriptionID) {
    owners[id] = nil
    names[id] = nil
    source.unsubscribe(id)
  }

  // MARK: Pushed tracks

  /// Who has subscribed to a track, and as what; nil when nobody has.
  func subscription(to track: FullTrackName) -> (leg: LegID, id: SubscriptionID)? {
    guard let id = names.first(where: { $0.value == track })?.key, let leg = owners[id] else {
      return nil
    }
    return (leg, id)
  }

  /// A pushed subscription stands in for one that was not answered.
  func replace(_ present: SubscriptionID, by id: SubscriptionID) {
    owners[id] = owners[present]
    names[id] = names[present]
    unsubscribe(present)
  }

  /// Gives up a pushed subscription that nobody owns.
  func refuse(_ id: SubscriptionID) { source.unsubscribe(id) }

  /// Keeps a pushed subscription until somebody subscribes to its track.
  func keep(_ id: SubscriptionID, _ track: FullTrackName) { pushed.add(id, track) }

  /// Keeps what came on a pushed subscription that nobody owns; false when the event is of none.
  func keep(_ event: SubscriberEvent) -> Bool {
    guard let id = event.subscription, pushed.keep(event, of: id) else { return false }
    while let excess = pushed.takeExcess() { source.unsubscribe(excess) }
    return true
  }

  /// The next event that was kept of a track that is owned now.
  func takeKept() -> SubscriberEvent? { kept.isEmpty ? nil : kept.removeFirst() }

  // MARK: The past

  /// Asks for objects of a subscription's past; they come like its other objects.
  func fetch(
    _ range: ClosedRange<Location>,
    of id: SubscriptionID,
    priority: UInt8,
    for leg: LegID
  ) -> FetchID {
    let fetch = source.fetch(id, range: range, priority: priority)
    fetchOwners[fetch] = leg
    return fetch
  }

  /// Gives up what was asked for; nothing is told of it any more.
  func cancel(_ id: FetchID) {
    guard fetchOwners.removeValue(forKey: id) != nil else { return }
    source.cancelFetch(id)
  }

  /// Whose event it is; nil for the session's own, and for those of a leg that is gone.
  func owner(of event: SubscriberEvent) -> LegID? {
    switch event {
    case .subscribed(let id, _, _), .object(let id, _), .groupStreamEnded(let id, _, _, _),
      .joinEnded(let id, _), .absent(let id, _):
      return owners[id]
    case .subscriptionFailed(let id, _), .subscriptionEnded(let id, _):
      names[id] = nil
      return owners.removeValue(forKey: id)
    case .fetchFinished(let id, _): return fetchOwners.removeValue(forKey: id)
    case .goAway(_, _, let id): return id.flatMap { owners[$0] }
    default: return nil
    }
  }

  /// Whether a request waits for the peer's permission.
  var isBlocked: Bool { source.waitingRequests > 0 }

  /// Whether it is worth to ask for the past here.
  var canFetch: Bool { source.canFetch }

  func subscribeNamespace(_ prefix: TrackNamespace) {
    source.subscribeNamespace(prefix, token: nil)
  }

  /// Gives up what was asked for; nothing is told of it any more.
  func unsubscribeNamespace(_ prefix: TrackNamespace) { source.unsubscribeNamespace(prefix) }

  /// The track that an event is of; nil when it is of none that somebody has subscribed to.
  func track(of event: SubscriberEvent) -> FullTrackName? {
    event.subscription.flatMap { names[$0] }
  }

  /// Gives up everything that a leg subscribed to.
  func leave(_ leg: LegID) {
    for (id, owner) in owners where owner == leg { unsubscribe(id) }
    for (id, owner) in fetchOwners where owner == leg {
      fetchOwners[id] = nil
      source.cancelFetch(id)
    }
  }
}

extension SubscriberEvent {
  /// The subscription that it is of; nil for what concerns a FETCH or the session.
  fileprivate var subscription: SubscriptionID? {
    switch self {
    case .subscribed(let id, _, _), .object(let id, _), .groupStreamEnded(let id, _, _, _),
      .joinEnded(let id, _), .absent(let id, _), .subscriptionFailed(let id, _),
      .subscriptionEnded(let id, _):
      id
    default: nil
    }
  }
}
