package import Wire

/// How a subscription ended from the publisher's side.
package struct SubscriptionEnd: Hashable, Sendable {
  /// What the code means.
  package var status: PublishDoneStatus
  /// The status as sent; nil when the request's stream ended without PUBLISH_DONE.
  package var code: UInt64?
  /// A text for people.
  package var reason: String
  /// How many data streams the publisher opened; nil when it did not say.
  package var streamCount: UInt64?

  /// Joins the parts.
  package init(
    status: PublishDoneStatus,
    code: UInt64?,
    reason: String,
    streamCount: UInt64? = nil
  ) {
    self.status = status
    self.code = code
    self.reason = reason
    self.streamCount = streamCount
  }
}

/// How a data stream of a subscription ended.
package enum GroupStreamEnd: Hashable, Sendable {
  /// Everything on it was delivered; `endOfGroup` says that the group has no later object.
  case finished(endOfGroup: Bool)
  /// There may have been more.
  case reset(code: UInt64)
  /// We gave it up: an object was over a limit.
  case refused(reason: String)
}

/// What a `SubscriberSession` reports.
package enum SubscriberEvent: Sendable {
  /// SETUP is done.
  case ready(Draft)
  /// The publisher accepts; `largest` is the newest object that exists, nil when there is none.
  case subscribed(SubscriptionID, largest: Location?, trackProperties: Properties)
  /// The publisher refuses; the subscription is over.
  case subscriptionFailed(SubscriptionID, RequestFailure)
  /// The publisher opened a subscription that `acceptsPublish` wants; `.subscribed` follows.
  ///
  /// Before draft 20 it stands in for one of ours to the same track that was not answered yet.
  case published(SubscriptionID, FullTrackName)
  /// An object, each location at most once, in any order.
  case object(SubscriptionID, Object)
  /// The track has no objects in a range and never will.
  ///
  /// An object id of `.max` at the end of the range says that its group has nothing later, a group
  /// id of `.max` that the track has not.
  case absent(SubscriptionID, ClosedRange<Location>)
  /// A stream or a datagram ended what it carries of a group; `subgroup` is nil for a datagram and
  /// for a stream without objects.
  case groupStreamEnded(SubscriptionID, group: UInt64, subgroup: UInt64?, GroupStreamEnd)
  /// The past that the subscription's start wants is here as far as it will be.
  case joinEnded(SubscriptionID, FetchOutcome)
  /// An object of a FETCH that belongs to no subscription.
  case fetched(FetchID, Object)
  /// A FETCH is over.
  case fetchFinished(FetchID, FetchOutcome)
  /// The publisher sends no more; the subscription is over.
  case subscriptionEnded(SubscriptionID, SubscriptionEnd)
  /// The answer to `subscribeNamespace` when it is yes; the namespaces follow.
  case namespacesAccepted(prefix: TrackNamespace)
  /// The answer to `subscribeNamespace` when it is no; or a yes is over, and nothing more will be told.
  case namespacesRefused(prefix: TrackNamespace, RequestFailure)
  /// A namespace under one of our prefixes, or any other that the publisher announces unasked.
  case namespaceAnnounced(TrackNamespace)
  /// Nobody announces the namespace any more.
  case namespaceWithdrawn(TrackNamespace)
  /// Move to another session; an empty URI is the present one. With a subscription, move only that.
  case goAway(uri: String, timeout: Interval?, SubscriptionID?)
  /// The peer allows no more requests for now, and perhaps never again in this session; those that
  /// were made wait.
  case requestsBlocked(waiting: Int)
  /// The session is over; nothing follows but the refusals of commands that come too late.
  case closed(SessionError)
}
