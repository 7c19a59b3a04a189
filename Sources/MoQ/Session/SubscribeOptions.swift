/// One subscription of a session, as long as the session lives.
package struct SubscriptionID: Hashable, Sendable {
  let requestID: UInt64

  init(requestID: UInt64) { self.requestID = requestID }

  /// Names a subscription of something that stands in for a session.
  package init(number: UInt64) { requestID = number }
}

/// One FETCH of a session, as long as the session lives.
package struct FetchID: Hashable, Sendable {
  let number: UInt64

  /// Names a FETCH by a number that no other of its session has.
  package init(number: UInt64) { self.number = number }
}

/// Where a subscription begins.
package enum SubscriptionStart: Hashable, Sendable {
  /// With the first object of the next group.
  case nextGroup
  /// With the object after the largest that exists.
  case largestObject
  /// With the first object of the group that is being published, fetched as far as it exists.
  case currentGroup
  /// With the first object of so many groups before the one that is being published; what exists
  /// is fetched.
  case groupsBack(UInt64)

  /// How many groups before the present one are fetched; nil when nothing of the past is.
  var backlog: UInt64? {
    switch self {
    case .nextGroup, .largestObject: nil
    case .currentGroup: 0
    case .groupsBack(let count): count
    }
  }
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
