internal import MoQ
internal import Wire

/// One broadcast's place on one session.
struct LegID: Hashable, Sendable {
  let broadcast: BroadcastPath
  let number: Int
}

/// A session that several broadcasts use: it knows whose each subscription is.
final class SessionShare {
  let session: SubscriberSession
  let draft: Draft
  let transport: TransportKind
  let url: String
  private var owners: [SubscriptionID: LegID] = [:]
  private var fetchOwners: [FetchID: LegID] = [:]

  init(_ session: SubscriberSession, draft: Draft, transport: TransportKind, url: String) {
    self.session = session
    self.draft = draft
    self.transport = transport
    self.url = url
  }

  func subscribe(
    _ track: FullTrackName,
    options: SubscribeOptions,
    for leg: LegID
  ) -> SubscriptionID {
    let id = session.subscribe(track, options: options)
    owners[id] = leg
    return id
  }

  func unsubscribe(_ id: SubscriptionID) {
    owners[id] = nil
    session.unsubscribe(id)
  }

  /// Asks for objects of a subscription's past; they come like its other objects.
  func fetch(
    _ range: ClosedRange<Location>,
    of id: SubscriptionID,
    priority: UInt8,
    for leg: LegID
  ) -> FetchID {
    let fetch = session.fetch(id, range: range, priority: priority)
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
      return owners.removeValue(forKey: id)
    case .fetchFinished(let id, _): return fetchOwners.removeValue(forKey: id)
    case .goAway(_, _, let id): return id.flatMap { owners[$0] }
    default: return nil
    }
  }

  /// Gives up everything that a leg subscribed to.
  func leave(_ leg: LegID) {
    for (id, owner) in owners where owner == leg { unsubscribe(id) }
    for (id, owner) in fetchOwners where owner == leg {
      fetchOwners[id] = nil
      session.cancelFetch(id)
    }
  }
}
