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
      case .blocked(let waiting): events.append(.requestsBlocked(waiting: waiting))
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
    // Draft 18 says from which request on none will be answered.
    guard let first = goAway.requestID else { return }
    for (requestID, subscription) in subscriptions where requestID >= first {
      guard case .requested = subscription.phase, !subscription.isPush else { continue }
      fail(requestID, RequestFailure(meaning: .goingAway, reason: "not processed before GOAWAY"))
    }
  }

  func receive(
    _ message: ControlMessage,
    _ requestID: UInt64?
  ) throws(CodingError) {
    switch message {
    case .subscribeOK(let ok): try receive(ok, requestID)
    case .requestError(let error): try receive(error, requestID)
    case .publishDone(let done): try receive(done, requestID)
    case .fetchOK(let ok): try receive(ok, requestID)
    case .requestOK:
      try expectKnown(requestID)
      if let requestID, let subscription = subscriptions[requestID], subscription.alias == nil {
        throw .protocolViolation("REQUEST_OK instead of SUBSCRIBE_OK for request \(requestID)")
      }
      if let requestID, let prefix = namespaces.accept(requestID) {
        events.append(.namespacesAccepted(prefix: prefix))
      }
    case .publishStateNotify(let state): try receive(state: state, requestID)
    case .namespace(let suffix):
      report(
        try namespaces.announce(suffix, requestID, needsAcceptance: core.hasRequestStreams)
      )
    case .namespaceDone(let suffix): report(try namespaces.withdraw(suffix, requestID))
    case .publishBlocked: break
    default: try answer(message)
    }
  }

  func expectOurs(_ requestID: UInt64?) throws(CodingError) {
    guard let requestID, core.isOurs(requestID: requestID) else {
      throw .protocolViolation("reply to a request that was never sent")
    }
  }

  /// Replies also come for subscriptions that the publisher opened.
  func expectKnown(_ requestID: UInt64?) throws(CodingError) {
    if let requestID, subscriptions[requestID]?.isPush == true { return }
    try expectOurs(requestID)
  }

  /// The peer's half of a request's stream is over, with a code when abruptly.
  func requestEnded(_ requestID: UInt64, code: UInt64?) {
    if let prefix = forgetInterest(requestID) {
      core.finish(requestID: requestID)
      core.forget(requestID: requestID)
      let failure = RequestFailure(meaning: .unknown, reason: "request stream ended")
      events.append(.namespacesRefused(prefix: prefix, failure))
    } else if let fetch = fetchOfRequest[requestID], subscriptions[requestID] == nil {
      fetchRequestEnded(fetch, code: code)
    } else if let subscription = subscriptions[requestID] {
      // After PUBLISH_DONE the end of the stream is no news.
      guard subscription.end == nil else { return }
      let what = code.map { "reset with code \($0)" } ?? "finished"
      core.finish(requestID: requestID)
      core.forget(requestID: requestID)
      if case .live = subscription.phase {
        subscription.end = SubscriptionEnd(
          status: .unknown,
          code: nil,
          reason: "request stream \(what)"
        )
        subscription.endDeadline = now + limits.doneInterval
      } else {
        fail(requestID, RequestFailure(meaning: .unknown, reason: "request stream \(what)"))
      }
    } else if namespaces.isPublished(requestID) {
      // An orderly end only says that no message follows the announcement.
      if code != nil { report(namespaces.withdraw(requestID)) }
    } else {
      core.finish(requestID: requestID)
      core.forget(requestID: requestID)
    }
  }

  // MARK: Requests of the peer

  /// Answers what a peer asks of us although we serve nothing.
  func answer(_ message: ControlMessage) throws(CodingError) {
    switch message {
    case .publishNamespace(let request): receive(request)
    case .publishNamespaceDone(let reference): report(namespaces.withdraw(reference))
    case .subscribeNamespace(let request): core.accept(request.requestID, .subscribeNamespace)
    case .subscribeTracks(let request): core.accept(request.requestID, .other)
    case .unsubscribeNamespace: break
    case .publish(let request): try receive(request)
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
