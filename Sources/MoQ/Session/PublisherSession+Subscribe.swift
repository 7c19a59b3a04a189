import Wire

/// Subscriptions of the peer: their beginning and their updates.
extension PublisherSession {
  func subscribe(_ request: Subscribe) {
    guard let track = store[request.track] else {
      events.append(.unknownTrack(request.track))
      return core.refuse(request.requestID, .subscribe, .doesNotExist, "no such track")
    }
    if draft < .draft20, subscriptions.values.contains(where: { $0.track === track }) {
      return core.refuse(
        request.requestID,
        .subscribe,
        .duplicateSubscription,
        "subscribed already"
      )
    }
    guard !request.parameters.hasRangeFilters else {
      return core.refuse(request.requestID, .subscribe, .invalidFilter, "no range filters")
    }
    let largest = track.largest
    guard let range = future(of: request.parameters.filter ?? .none, largest: largest) else {
      return core.refuse(request.requestID, .subscribe, .invalidRange, "the range is in the past")
    }
    let alias = takeAlias()
    let precedence = Precedence(request.parameters, of: track)
    var parameters = Parameters()
    parameters.largestObject = largest
    // Later drafts say only what the publisher prefers.
    if draft == .draft14 { parameters.groupOrder = precedence.groupOrder }
    core.send(
      .subscribeOK(
        SubscribeOK(
          requestID: core.replyID(request.requestID),
          trackAlias: alias,
          parameters: parameters,
          trackProperties: ownProperties(of: track)
        )
      ),
      for: request.requestID
    )
    subscriptions[request.requestID] = OutgoingSubscription(
      requestID: request.requestID,
      track: track,
      alias: alias,
      largest: largest,
      start: range.lowerBound,
      end: range.upperBound,
      lateness: lateness(request.parameters),
      forward: request.parameters.forward ?? true,
      precedence: precedence
    )
    events.append(.subscribed(track.name))
    fill(request.requestID, request.parameters, streamID: request.requestID)
  }

  /// What a filter selects of the objects that are still to come; nil when none of them.
  ///
  /// A filter never brings the past back, that is for FETCH.
  func future(of filter: LocationFilter, largest: Location?) -> ClosedRange<Location>? {
    guard let range = filter.resolve(largest: largest) else { return nil }
    guard let largest else { return range }
    guard let next = largest.successor, range.upperBound >= next else { return nil }
    return max(range.lowerBound, next)...range.upperBound
  }

  /// Sends the past that a SUBSCRIBE or an update of it asks for, on a stream with its id (20 and
  /// later); nothing of it, no stream.
  func fill(_ requestID: UInt64, _ parameters: Parameters, streamID: UInt64) {
    guard let fill = parameters.fill, let subscription = subscriptions[requestID],
      subscription.forward, let largest = subscription.track.largest,
      let past = (fill.filter ?? .none).resolve(largest: largest), past.lowerBound <= largest,
      fetches.count < core.limits.incomingRequests
    else { return }
    let precedence = subscription.precedence.ofFill(fill)
    let items = items(
      of: subscription.track,
      from: past.lowerBound,
      through: min(past.upperBound, largest),
      precedence.groupOrder
    )
    guard !items.isEmpty else { return }
    fetches.append(
      OutgoingFetch(
        owner: requestID,
        streamID: streamID,
        items: items,
        precedence: precedence,
        draft: draft
      )
    )
    subscriptions[requestID]?.streamCount += 1
  }

  /// Our patience, or the subscriber's when that is shorter.
  func lateness(_ parameters: Parameters) -> Interval {
    guard let timeout = parameters.deliveryTimeoutMilliseconds, timeout > 0 else {
      return limits.lateness
    }
    return min(limits.lateness, .milliseconds(clampedMilliseconds(timeout)))
  }

  func update(_ update: RequestUpdate, _ requestID: UInt64?) {
    guard let requestID, let subscription = subscriptions[requestID] else {
      // Draft 14 does not answer updates, and later ones on the stream of the request.
      if draft == .draft16 {
        core.refuse(update.requestID, .other, .doesNotExist, "no such request")
      } else if draft >= .draft18, let requestID, fetches.contains(where: { $0.owner == requestID })
      {
        // A FETCH has nothing to update but its priority.
        prioritize(requestID, update.parameters)
        core.accept(requestID, .other)
      }
      return
    }
    let largest = subscription.track.largest
    if let filter = update.parameters.filter {
      guard !update.parameters.hasRangeFilters, let range = future(of: filter, largest: largest)
      else { return failUpdate(update, requestID) }
      // An update only narrows in draft 14; in any draft what was skipped is the past.
      subscriptions[requestID]?.start = max(subscription.start, range.lowerBound)
      subscriptions[requestID]?.end = range.upperBound
    }
    if let forward = update.parameters.forward {
      // What was published meanwhile is the past when objects are wanted again.
      if forward, !subscription.forward, let next = largest?.successor {
        subscriptions[requestID]?.start = max(subscription.start, next)
      }
      subscriptions[requestID]?.forward = forward
    }
    prioritize(requestID, update.parameters)
    guard draft != .draft14 else { return }
    var parameters = Parameters()
    parameters.largestObject = largest
    core.send(
      .requestOK(
        RequestOK(
          kind: .other,
          requestID: core.replyID(update.requestID),
          parameters: parameters
        )
      ),
      for: requestID
    )
    fill(requestID, update.parameters, streamID: update.requestID)
  }

  /// An update that can't be followed ends the subscription.
  private func failUpdate(_ update: RequestUpdate, _ requestID: UInt64) {
    let meaning: RequestErrorMeaning =
      update.parameters.hasRangeFilters ? .invalidFilter : .invalidRange
    if draft != .draft14 {
      core.send(
        .requestError(
          RequestError(
            kind: .other,
            requestID: core.replyID(update.requestID),
            code: meaning.code(in: draft, kind: .other),
            reason: "nothing can be in the range"
          )
        ),
        for: requestID
      )
    }
    finish(requestID, .updateFailed, "an update could not be followed")
  }
}
