package import Wire

/// One subscription of a session, as long as the session lives.
package struct SubscriptionID: Hashable, Sendable {
  let requestID: UInt64
}

/// Where a subscription begins.
package enum SubscriptionStart: Sendable {
  /// With the first object of the next group.
  case nextGroup
  /// With the object after the largest that exists.
  case largestObject
  /// With the first object of the group that is being published, fetched as far as it exists.
  case currentGroup
}

/// What to ask for besides the track.
package struct SubscribeOptions: Sendable {
  /// Smaller is sooner.
  package var priority: UInt8
  /// Where to begin.
  package var start: SubscriptionStart
  /// After how many milliseconds the publisher should give up on an object; nil is never.
  package var deliveryTimeoutMilliseconds: UInt64?
  /// How many milliseconds to wait for a publisher to appear; ignored before draft 18.
  package var rendezvousMilliseconds: UInt64?
  /// An authorization token.
  package var token: Token?

  /// Joins the parts.
  package init(
    priority: UInt8 = 128,
    start: SubscriptionStart = .nextGroup,
    deliveryTimeoutMilliseconds: UInt64? = nil,
    rendezvousMilliseconds: UInt64? = nil,
    token: Token? = nil
  ) {
    self.priority = priority
    self.start = start
    self.deliveryTimeoutMilliseconds = deliveryTimeoutMilliseconds
    self.rendezvousMilliseconds = rendezvousMilliseconds
    self.token = token
  }
}

/// Why a request was refused.
package struct RequestFailure: Hashable, Sendable {
  /// What the code means.
  package var meaning: RequestErrorMeaning
  /// The code as sent; nil when the request failed without one.
  package var code: UInt64?
  /// A text for people.
  package var reason: String
  /// How long to wait before trying again; nil when the peer does not want that or cannot say.
  package var retryAfter: Interval?
  /// Where to ask instead.
  package var redirect: RequestError.Redirect?

  /// Joins the parts.
  package init(
    meaning: RequestErrorMeaning,
    code: UInt64? = nil,
    reason: String,
    retryAfter: Interval? = nil,
    redirect: RequestError.Redirect? = nil
  ) {
    self.meaning = meaning
    self.code = code
    self.reason = reason
    self.retryAfter = retryAfter
    self.redirect = redirect
  }

  init(_ error: RequestError, draft: Draft) {
    meaning = RequestErrorMeaning(code: error.code, draft: draft, kind: error.kind)
    code = error.code
    reason = error.reason
    // A day is as good as any longer time.
    retryAfter =
      error.retryInterval == 0
      ? nil : .milliseconds(Int64(min(error.retryInterval - 1, 86_400_000)))
    redirect = error.redirect
  }
}

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

/// How the attempt ended to fetch the beginning of the current group.
package enum FetchOutcome: Hashable, Sendable {
  /// So many objects were fetched, those among them that were known already counted too.
  case finished(objects: UInt64)
  /// The publisher has nothing of the group, or nothing it wants to send again.
  case empty
  case failed(RequestFailure)
  case reset(code: UInt64)
}

/// What a `SubscriberSession` reports.
package enum SubscriberEvent: Sendable {
  /// SETUP is done.
  case ready(Draft)
  /// The publisher accepts; `largest` is the newest object that exists, nil when there is none.
  case subscribed(SubscriptionID, largest: Location?, trackProperties: Properties)
  /// The publisher refuses; the subscription is over.
  case subscriptionFailed(SubscriptionID, RequestFailure)
  /// An object, each location at most once, in any order.
  case object(SubscriptionID, Object)
  /// A stream or a datagram ended what it carries of a group; `subgroup` is nil for a datagram and
  /// for a stream without objects.
  case groupStreamEnded(SubscriptionID, group: UInt64, subgroup: UInt64?, GroupStreamEnd)
  /// The beginning of the current group is here as far as it will be; the subscription is live.
  case fetchEnded(SubscriptionID, FetchOutcome)
  /// The publisher sends no more; the subscription is over.
  case subscriptionEnded(SubscriptionID, SubscriptionEnd)
  case namespaceAnnounced(TrackNamespace)
  case namespaceWithdrawn(TrackNamespace)
  /// The answer to `subscribeNamespace` when it is no.
  case namespacesRefused(prefix: TrackNamespace, RequestFailure)
  /// Move to another session; an empty URI is the present one. With a subscription, move only that.
  case goAway(uri: String, timeout: Interval?, SubscriptionID?)
  /// The session is over; nothing follows.
  case closed(SessionError)
}
