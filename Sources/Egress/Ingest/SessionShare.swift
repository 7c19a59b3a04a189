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
    let id = source.subscribe(track, options: options)
    owners[id] = leg
    names[id] = track
    return id
  }

  func unsubscribe(_ id: SubscriptionID) {
    owners[id] = nil
    names[id] = nil
    source.unsubscribe(id)
  }

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

  func subscribeNamespace(_ prefix: TrackNamespace) {
    source.subscribeNamespace(prefix, token: nil)
  }

  /// The track that an event is of; nil when it is of none that somebody has subscribed to.
  func track(of event: SubscriberEvent) -> FullTrackName? {
    switch event {
    case .subscribed(let id, _, _), .object(let id, _), .groupStreamEnded(let id, _, _, _),
      .absent(let id, _), .subscriptionFailed(let id, _), .subscriptionEnded(let id, _):
      names[id]
    default: nil
    }
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
