import Wire

/// Answers to our requests, and the requests of the peer.
extension SubscriberSession {
  func process(_ event: SessionCore.Event) {
    do throws(CodingError) {
      switch event {
      case .ready: events.append(.ready(draft))
      case .message(let message, let requestID): try receive(message, requestID)
      case .requestFinished(let requestID): requestEnded(requestID, code: nil)
      case .requestReset(let requestID, let code): requestEnded(requestID, code: code)
      case .goAway(let goAway, let requestID): receiveGoAway(goAway, requestID)
      case .streamOpened(let stream, let header, let input):
        try streamOpened(stream, header, input)
      case .streamBytes(let stream, let bytes): try streamBytes(stream, bytes)
      case .streamFinished(let stream): try streamFinished(stream)
      case .streamReset(let stream, let code): streamReset(stream, code: code)
      case .stopSending, .credit, .requestStopped: break
      case .datagram(let bytes): try receiveDatagram(bytes)
      }
    } catch { core.close(error) }
  }

  func receiveGoAway(_ goAway: GoAway, _ requestID: UInt64?) {
    let timeout = goAway.timeoutMilliseconds.map { Interval.milliseconds(clampedMilliseconds($0)) }
    let subscription = requestID.flatMap { subscriptions[$0]?.id }
    if requestID == nil { isGoingAway = true }
    guard requestID == nil || subscription != nil else { return }
    events.append(.goAway(uri: goAway.uri, timeout: timeout, subscription))
  }

  func receive(
    _ message: ControlMessage,
    _ requestID: UInt64?
  ) throws(CodingError) {
    switch message {
    case .subscribeOK(let ok): try receive(ok, requestID)
    case .requestError(let error): try receive(error, requestID)
    case .publishDone(let done): try receive(done, requestID)
    case .fetchOK:
      // The stream says when it is over; all the message adds is its end.
      try expectOurs(requestID)
    case .requestOK: try expectOurs(requestID)
    case .publishStateNotify: try expectOurs(requestID)
    case .namespace(let suffix):
      guard let prefix = try namespaces.announce(suffix, requestID) else { return }
      events.append(.namespaceAnnounced(prefix))
    case .namespaceDone(let suffix):
      guard let namespace = try namespaces.withdraw(suffix, requestID) else { return }
      events.append(.namespaceWithdrawn(namespace))
    case .publishBlocked: break
    default: try answer(message)
    }
  }

  func expectOurs(_ requestID: UInt64?) throws(CodingError) {
    guard let requestID, core.isOurs(requestID: requestID) else {
      throw .protocolViolation("reply to a request that was never sent")
    }
  }

  func receive(_ ok: SubscribeOK, _ requestID: UInt64?) throws(CodingError) {
    try expectOurs(requestID)
    guard let requestID, var subscription = subscriptions[requestID] else {
      // Cancelled meanwhile: its streams are not wanted.
      bury(alias: ok.trackAlias)
      return
    }
    guard case .requested = subscription.phase else {
      throw .protocolViolation("second SUBSCRIBE_OK for request \(requestID)")
    }
    // From draft 20 on one alias may serve several subscriptions of the same track.
    if let other = aliases[ok.trackAlias], subscriptions[other]?.track != subscription.track {
      throw .violation(.duplicateTrackAlias, "track alias \(ok.trackAlias) is in use")
    }
    if let unknown = ok.trackProperties.pairs.pairs.first(where: {
      Properties.Kind.mandatory.contains($0.type)
    }), draft >= .draft18 {
      refuse(requestID, alias: ok.trackAlias, mandatoryProperty: unknown.type)
      return
    }
    tombstones.removeAll { $0 == ok.trackAlias }
    aliases[ok.trackAlias] = requestID
    subscription.phase = .live(alias: ok.trackAlias)
    if let priority = ok.trackProperties.integer(Properties.Kind.defaultPublisherPriority) {
      subscription.defaultPriority = UInt8(clamping: priority)
    }
    let largest = ok.parameters.largestObject
    events.append(
      .subscribed(subscription.id, largest: largest, trackProperties: ok.trackProperties)
    )
    join(&subscription, largest: largest)
    subscriptions[requestID] = subscription
    let arrived = parked.take {
      $0.key == .alias(ok.trackAlias) || $0.key == .request(requestID)
    }
    for entry in arrived { try resume(entry) }
  }

  /// Asks for the beginning of the current group, where the subscription's start wants it.
  ///
  /// The FETCH waits for SUBSCRIBE_OK because draft-14 publishers refuse one that overtakes it.
  func join(_ subscription: inout Subscription, largest: Location?) {
    let requestID = subscription.id.requestID
    guard subscription.options.start == .currentGroup else { return }
    let deadline = now + limits.fetchInterval
    guard largest != nil else {
      // Nothing was published, so the live subscription has everything.
      joins[requestID] = nil
      events.append(.fetchEnded(subscription.id, .empty))
      return
    }
    if draft >= .draft20 {
      subscription.join = Subscription.Join(requestID: requestID, deadline: deadline)
      return
    }
    var parameters = Parameters()
    parameters.subscriberPriority = subscription.options.priority
    parameters.groupOrder = .ascending
    let fetchID = core.request {
      .fetch(
        Fetch(
          requestID: $0,
          range: .relativeJoining(requestID: requestID, groups: 0),
          parameters: parameters
        )
      )
    }
    joins[fetchID] = requestID
    subscription.join = Subscription.Join(requestID: fetchID, deadline: deadline)
  }

  func refuse(_ requestID: UInt64, alias: UInt64, mandatoryProperty type: UInt64) {
    guard let id = subscriptions[requestID]?.id else { return }
    unsubscribe(id)
    bury(alias: alias)
    events.append(
      .subscriptionFailed(
        id,
        RequestFailure(
          meaning: .unsupportedExtension,
          reason: "track property 0x\(String(type, radix: 16)) must be understood"
        )
      )
    )
  }

  func receive(_ error: RequestError, _ requestID: UInt64?) throws(CodingError) {
    try expectOurs(requestID)
    guard let requestID else { return }
    let failure = RequestFailure(error, draft: draft)
    if let subscription = subscriptions[requestID] {
      guard case .requested = subscription.phase else {
        // The answer to an update; the subscription goes on or PUBLISH_DONE follows.
        return
      }
      core.finish(requestID: requestID)
      core.forget(requestID: requestID)
      forget(requestID)
      events.append(.subscriptionFailed(subscription.id, failure))
    } else if let subscription = joins[requestID] {
      core.finish(requestID: requestID)
      core.forget(requestID: requestID)
      endJoin(of: subscription, .failed(failure))
    } else if let prefix = namespaces.prefixes.removeValue(forKey: requestID) {
      core.finish(requestID: requestID)
      core.forget(requestID: requestID)
      events.append(.namespacesRefused(prefix: prefix, failure))
    }
  }

  func receive(_ done: PublishDone, _ requestID: UInt64?) throws(CodingError) {
    try expectOurs(requestID)
    guard let requestID, let subscription = subscriptions[requestID] else { return }
    guard case .live = subscription.phase, subscription.end == nil else {
      throw .protocolViolation("PUBLISH_DONE for request \(requestID) in the wrong state")
    }
    let isKnown = done.streamCount < PublishDone.unknownStreamCount
    subscriptions[requestID]?.end = SubscriptionEnd(
      status: PublishDoneStatus(code: done.status, draft: draft),
      code: done.status,
      reason: done.reason,
      streamCount: isKnown ? done.streamCount : nil
    )
    subscriptions[requestID]?.endDeadline = now + limits.doneInterval
    endIfDrained(requestID)
  }

  /// The peer's half of a request's stream is over, with a code when abruptly.
  func requestEnded(_ requestID: UInt64, code: UInt64?) {
    if let withdrawn = namespaces.requestEnded(requestID, isReset: code != nil) {
      for namespace in withdrawn { events.append(.namespaceWithdrawn(namespace)) }
      core.finish(requestID: requestID)
      core.forget(requestID: requestID)
    } else if let subscription = joins[requestID], subscription != requestID {
      core.finish(requestID: requestID)
      core.forget(requestID: requestID)
      if let code { endJoin(of: subscription, .reset(code: code)) }
    } else if let subscription = subscriptions[requestID] {
      // After PUBLISH_DONE the end of the stream is no news.
      guard subscription.end == nil else { return }
      let what = code.map { "reset with code \($0)" } ?? "finished"
      core.finish(requestID: requestID)
      core.forget(requestID: requestID)
      if case .live = subscription.phase {
        subscriptions[requestID]?.end = SubscriptionEnd(
          status: .unknown,
          code: nil,
          reason: "request stream \(what)"
        )
        subscriptions[requestID]?.endDeadline = now + limits.doneInterval
      } else {
        forget(requestID)
        events.append(
          .subscriptionFailed(
            subscription.id,
            RequestFailure(meaning: .unknown, reason: "request stream \(what)")
          )
        )
      }
    } else if !namespaces.isPublished(requestID) {
      core.finish(requestID: requestID)
      core.forget(requestID: requestID)
    }
  }

  // MARK: Requests of the peer

  /// Answers what a peer asks of us although we serve nothing.
  func answer(_ message: ControlMessage) throws(CodingError) {
    switch message {
    case .publishNamespace(let request):
      guard namespaces.accept(request) else {
        core.refuse(request.requestID, .publishNamespace, .excessiveLoad, "too many namespaces")
        return
      }
      core.send(
        .requestOK(
          RequestOK(
            kind: draft == .draft14 ? .publishNamespace : .other,
            requestID: core.replyID(request.requestID)
          )
        ),
        for: request.requestID
      )
      events.append(.namespaceAnnounced(request.namespace))
    case .publishNamespaceDone(let reference):
      guard let namespace = namespaces.withdraw(reference) else { return }
      events.append(.namespaceWithdrawn(namespace))
    case .subscribeNamespace(let request):
      core.send(
        .requestOK(
          RequestOK(
            kind: draft == .draft14 ? .subscribeNamespace : .other,
            requestID: core.replyID(request.requestID)
          )
        ),
        for: request.requestID
      )
    case .subscribeTracks(let request):
      core.send(.requestOK(RequestOK(kind: .other, requestID: nil)), for: request.requestID)
    case .unsubscribeNamespace: break
    case .publish(let request):
      if aliases[request.trackAlias] == nil { bury(alias: request.trackAlias) }
      core.refuse(request.requestID, .publish, .uninterested, "not subscribed")
    case .subscribe(let request):
      core.refuse(request.requestID, .subscribe, .doesNotExist, "this is a subscriber")
    case .trackStatus(let request):
      core.refuse(request.requestID, .trackStatus, .doesNotExist, "this is a subscriber")
    case .fetch(let request):
      core.refuse(request.requestID, .fetch, .doesNotExist, "this is a subscriber")
    case .unsubscribe, .fetchCancel, .requestUpdate: break
    default: throw .protocolViolation("message that a subscriber does not expect")
    }
  }
}
