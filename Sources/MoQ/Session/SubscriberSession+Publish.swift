import Wire

/// Subscriptions that the publisher opens.
extension SubscriberSession {
  /// Accepts a PUBLISH that the owner wants, refuses any other.
  func receive(_ publish: Publish) throws(CodingError) {
    let requestID = publish.requestID
    let alias = publish.trackAlias
    if let other = aliases[alias]?.first, subscriptions[other]?.track != publish.track {
      throw .violation(.duplicateTrackAlias, "track alias \(alias) is in use")
    }
    guard let options = acceptsPublish?(publish.track), !isGoingAway else {
      return refuse(publish, .uninterested, "not subscribed")
    }
    let present = subscriptions.values.filter { $0.track == publish.track }
    guard draft >= .draft20 || present.allSatisfy(\.isUnanswered) else {
      let meaning = draft == .draft14 ? RequestErrorMeaning.uninterested : .duplicateSubscription
      return refuse(publish, meaning, "subscribed already")
    }
    guard subscriptions.count < limits.incomingRequests else {
      return refuse(publish, .excessiveLoad, "too many subscriptions")
    }
    if let unknown = mandatoryProperty(of: publish.trackProperties) {
      return refuse(publish, .unsupportedExtension, Self.unknownProperty(unknown))
    }
    if draft < .draft20 {
      // One subscription a track: of two that cross, the publisher's stands.
      for subscription in present {
        cancelFetches(of: subscription.id.requestID, isReported: true)
        unsubscribe(subscription.id)
      }
    }
    let id = SubscriptionID(requestID: requestID)
    let subscription = Subscription(
      id: id,
      track: publish.track,
      options: options,
      limits: limits
    )
    subscription.isPush = true
    subscriptions[requestID] = subscription
    answer(publish, options)
    events.append(.published(id, publish.track))
    try begin(
      requestID,
      alias: alias,
      largest: publish.parameters.largestObject,
      trackProperties: publish.trackProperties
    )
  }

  private func refuse(_ publish: Publish, _ meaning: RequestErrorMeaning, _ reason: String) {
    if aliases[publish.trackAlias] == nil { bury(alias: publish.trackAlias) }
    core.refuse(publish.requestID, .publish, meaning, reason)
  }

  private func answer(_ publish: Publish, _ options: SubscribeOptions) {
    let requestID = publish.requestID
    var parameters = Parameters()
    parameters.subscriberPriority = options.priority
    parameters.forward = true
    parameters.filter = options.start == .nextGroup ? .nextGroup : draft.fromNowOn
    parameters.deliveryTimeoutMilliseconds = options.deliveryTimeoutMilliseconds
    switch draft {
    case .draft14, .draft16:
      parameters.groupOrder = .ascending
      core.send(
        .publishOK(PublishOK(requestID: requestID, parameters: parameters)),
        for: requestID
      )
    case .draft18:
      parameters.groupOrder = .ascending
      core.send(
        .requestOK(RequestOK(kind: .other, requestID: nil, parameters: parameters)),
        for: requestID
      )
    case .draft20, .draft22:
      // The answer says nothing of the subscription; an update has to.
      core.send(.requestOK(RequestOK(kind: .other, requestID: nil)), for: requestID)
      core.send(
        .requestUpdate(
          RequestUpdate(
            requestID: core.takeRequestID(),
            existingRequestID: nil,
            parameters: parameters
          )
        ),
        for: requestID
      )
    }
  }
}
