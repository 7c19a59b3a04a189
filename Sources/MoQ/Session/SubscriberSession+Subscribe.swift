import Wire

/// Subscriptions that we open: asking, being answered, giving up.
extension SubscriberSession {
  // MARK: Commands

  /// Asks for a track; the answer is `.subscribed` or `.subscriptionFailed`.
  ///
  /// Traps when no draft can carry the name.
  package func subscribe(
    _ track: FullTrackName,
    options: SubscribeOptions = SubscribeOptions()
  ) -> SubscriptionID {
    precondition(track.isValid, "a full track name has 1…32 fields and at most 4,096 bytes")
    if let failure = requestObstacle {
      // No id of a request that is sent can be one of these: they have the peer's parity.
      let last: UInt64 = core.role == .client ? .max : .max - 1
      let id = SubscriptionID(requestID: last - 2 * refusedSubscriptions)
      refusedSubscriptions += 1
      events.append(.subscriptionFailed(id, failure))
      return id
    }
    let parameters = parameters(options)
    let requestID = core.request {
      .subscribe(Subscribe(requestID: $0, track: track, parameters: parameters))
    }
    let id = SubscriptionID(requestID: requestID)
    let subscription = Subscription(id: id, track: track, options: options, limits: limits)
    subscription.awaitsFill = parameters.fill != nil
    subscriptions[requestID] = subscription
    return id
  }

  /// Why nothing can be asked for now; nil when something can.
  var requestObstacle: RequestFailure? {
    guard core.error == nil, !isGoingAway else {
      return RequestFailure(meaning: .goingAway, reason: "the session is ending")
    }
    guard waitingRequests < limits.waitingRequests else {
      return RequestFailure(
        meaning: .excessiveLoad,
        reason: "\(limits.waitingRequests) requests wait already"
      )
    }
    return nil
  }

  private func parameters(_ options: SubscribeOptions) -> Parameters {
    var parameters = Parameters()
    parameters.subscriberPriority = options.priority
    parameters.groupOrder = .ascending
    parameters.forward = true
    parameters.deliveryTimeoutMilliseconds = options.deliveryTimeoutMilliseconds
    parameters.token = options.token ?? core.options.requestToken
    if draft >= .draft18, let rendezvous = options.rendezvousMilliseconds {
      parameters.set(Parameters.Kind.rendezvousTimeout, .integer(rendezvous))
    }
    parameters.filter = options.start == .nextGroup ? .nextGroup : draft.fromNowOn
    if draft >= .draft20, let backlog = options.start.backlog {
      var fill = Parameters()
      fill.filter = .relative(groups: backlog < .max ? backlog + 1 : .max)
      parameters.fill = fill
    }
    return parameters
  }

  /// Gives up a subscription and what is fetched for it; nothing of it is reported any more.
  package func unsubscribe(_ id: SubscriptionID) {
    let requestID = id.requestID
    guard core.error == nil, subscriptions[requestID] != nil else { return }
    cancelFetches(of: requestID, isReported: false)
    if !core.withdraw(requestID: requestID) {
      if core.hasRequestStreams {
        core.cancel(requestID: requestID)
      } else {
        core.send(.unsubscribe(requestID: requestID), for: requestID)
      }
    }
    forget(requestID)
  }

  // MARK: Answers

  func receive(_ ok: SubscribeOK, _ requestID: UInt64?) throws(CodingError) {
    try expectOurs(requestID)
    guard let requestID, let subscription = subscriptions[requestID] else {
      // Cancelled meanwhile: its streams are not wanted.
      if aliases[ok.trackAlias] == nil { bury(alias: ok.trackAlias) }
      return
    }
    guard case .requested = subscription.phase else {
      throw .protocolViolation("second SUBSCRIBE_OK for request \(requestID)")
    }
    // From draft 20 on one alias may serve several subscriptions of the same track.
    if let other = aliases[ok.trackAlias]?.first,
      draft < .draft20 || subscriptions[other]?.track != subscription.track
    {
      throw .violation(.duplicateTrackAlias, "track alias \(ok.trackAlias) is in use")
    }
    if let unknown = mandatoryProperty(of: ok.trackProperties) {
      cancelFetches(of: requestID, isReported: true)
      unsubscribe(subscription.id)
      if aliases[ok.trackAlias] == nil { bury(alias: ok.trackAlias) }
      let failure = RequestFailure(
        meaning: .unsupportedExtension,
        reason: Self.unknownProperty(unknown)
      )
      events.append(.subscriptionFailed(subscription.id, failure))
      return
    }
    try begin(
      requestID,
      alias: ok.trackAlias,
      largest: ok.parameters.largestObject,
      trackProperties: ok.trackProperties
    )
  }

  /// Makes a subscription live: its past is asked for, and what came early is read.
  func begin(
    _ requestID: UInt64,
    alias: UInt64,
    largest: Location?,
    trackProperties: Properties
  ) throws(CodingError) {
    guard let subscription = subscriptions[requestID] else { return }
    tombstones.removeAll { $0 == alias }
    aliases[alias, default: []].append(requestID)
    if let owners = aliases[alias], owners.count > 1 {
      for owner in owners { subscriptions[owner]?.sharesAlias = true }
    }
    subscription.phase = .live(alias: alias)
    subscription.largest = largest
    if let priority = trackProperties.integer(Properties.Kind.defaultPublisherPriority) {
      subscription.defaultPriority = UInt8(clamping: priority)
    }
    events.append(
      .subscribed(subscription.id, largest: largest, trackProperties: trackProperties)
    )
    join(requestID, largest: largest)
    let arrived = parked.take { $0.key == .alias(alias) || $0.key == .request(requestID) }
    for entry in arrived { try resume(entry) }
  }

  /// A property that a receiver must understand or refuse the track; nil when there is none.
  func mandatoryProperty(of properties: Properties) -> UInt64? {
    guard draft >= .draft18 else { return nil }
    return properties.pairs.pairs.first { Properties.Kind.mandatory.contains($0.type) }?.type
  }

  static func unknownProperty(_ type: UInt64) -> String {
    "track property 0x\(String(type, radix: 16)) must be understood"
  }

  func receive(_ error: RequestError, _ requestID: UInt64?) throws(CodingError) {
    try expectOurs(requestID)
    guard let requestID else { return }
    guard core.role == .client || error.redirect?.uri.isEmpty != false else {
      throw .protocolViolation("redirect of a server to another one")
    }
    let failure = RequestFailure(error, draft: draft)
    if let subscription = subscriptions[requestID] {
      // Otherwise it answers an update: the subscription goes on, or PUBLISH_DONE follows.
      guard case .requested = subscription.phase else { return }
      fail(requestID, failure)
    } else if let fetch = fetchOfRequest[requestID] {
      endAttempt(fetch, .failed(failure))
    } else if let prefix = forgetInterest(requestID) {
      core.finish(requestID: requestID)
      core.forget(requestID: requestID)
      events.append(.namespacesRefused(prefix: prefix, failure))
    }
  }

  /// Ends a subscription that was not accepted.
  func fail(_ requestID: UInt64, _ failure: RequestFailure) {
    guard let id = subscriptions[requestID]?.id else { return }
    core.finish(requestID: requestID)
    core.forget(requestID: requestID)
    cancelFetches(of: requestID, isReported: true)
    forget(requestID)
    events.append(.subscriptionFailed(id, failure))
  }

  func receive(_ done: PublishDone, _ requestID: UInt64?) throws(CodingError) {
    try expectKnown(requestID)
    guard let requestID, let subscription = subscriptions[requestID] else { return }
    guard case .live = subscription.phase, subscription.end == nil else {
      throw .protocolViolation("PUBLISH_DONE for request \(requestID) in the wrong state")
    }
    let isKnown = done.streamCount < PublishDone.unknownStreamCount
    subscription.end = SubscriptionEnd(
      status: PublishDoneStatus(code: done.status, draft: draft),
      code: done.status,
      reason: done.reason,
      streamCount: isKnown ? done.streamCount : nil
    )
    subscription.endDeadline = now + limits.doneInterval
    endIfDrained(requestID)
  }

  /// Takes what the publisher says of a subscription unasked (20 and later).
  func receive(state: Parameters, _ requestID: UInt64?) throws(CodingError) {
    guard let requestID, let subscription = subscriptions[requestID],
      case .live = subscription.phase
    else {
      // One that we gave up may still be told of.
      guard let requestID, core.isOurs(requestID: requestID), subscriptions[requestID] == nil
      else { throw .protocolViolation("PUBLISH_STATE_NOTIFY outside a live subscription") }
      return
    }
    if let largest = state.largestObject {
      subscription.largest = max(largest, subscription.largest ?? .zero)
    }
  }
}

extension Draft {
  /// The filter that selects what is published from now on.
  ///
  /// Some peers read draft 22's spelling of "next object" as draft 20's of something else. The group
  /// that is being published is spelled alike, and a filter does not bring the past back.
  var fromNowOn: LocationFilter { self == .draft22 ? .relative(groups: 1) : .nextObject }
}
