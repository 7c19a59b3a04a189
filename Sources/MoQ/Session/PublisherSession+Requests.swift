import Wire

/// The requests of the peer, and its answers to ours.
extension PublisherSession {
  func process(_ event: SessionCore.Event) {
    do throws(CodingError) {
      switch event {
      case .ready: events.append(.ready(draft))
      case .message(let message, let requestID): try receive(message, requestID)
      case .requestFinished(let requestID): requestFinished(requestID)
      case .requestReset(let requestID, _): requestCancelled(requestID)
      case .requestStopped(let requestID):
        if announcements[requestID] != nil { requestCancelled(requestID) }
      case .goAway(let goAway, let requestID):
        if requestID == nil { events.append(.goAway(uri: goAway.uri)) }
      case .streamOpened(let stream, _, _): core.refuse(stream)
      case .streamBytes(let stream, let bytes): transport.consumed(bytes.count, on: stream)
      case .streamFinished, .streamReset, .datagram, .credit, .blocked: break
      case .stopSending(let stream, _): streamRefused(stream)
      }
    } catch { core.close(error) }
  }

  func receive(
    _ message: ControlMessage,
    _ requestID: UInt64?
  ) throws(CodingError) {
    if core.sentGoAway, let (opened, kind) = message.openedRequest {
      return core.refuse(opened, kind, .goingAway, "the session is ending")
    }
    switch message {
    case .subscribe(let request): subscribe(request)
    case .fetch(let request): fetch(request)
    case .trackStatus(let request): trackStatus(request)
    case .requestUpdate(let update): self.update(update, requestID)
    case .unsubscribe(let id): drop(id)
    case .fetchCancel(let id): requestCancelled(id)
    case .subscribeNamespace(let request): subscribeNamespace(request)
    case .unsubscribeNamespace(let prefix):
      interests = interests.filter { $0.value.prefix != prefix }
    case .subscribeTracks(let request): subscribeTracks(request)
    case .publish(let request):
      core.refuse(request.requestID, .publish, .uninterested, "this is a publisher")
    case .publishNamespace(let request):
      core.refuse(request.requestID, .publishNamespace, .uninterested, "this is a publisher")
    case .publishNamespaceDone: break
    case .requestOK(let ok): accepted(requestID, ok.parameters)
    case .publishOK(let ok): accepted(requestID, ok.parameters)
    case .requestError(let error): refused(requestID, error)
    case .publishNamespaceCancel(let cancel): cancelled(cancel)
    default: throw .protocolViolation("message that a publisher does not expect")
    }
  }

  func trackStatus(_ request: Subscribe) {
    guard let track = store[request.track] else {
      return core.refuse(request.requestID, .trackStatus, .doesNotExist, "no such track")
    }
    var parameters = Parameters()
    parameters.largestObject = track.largest
    if draft == .draft14 {
      core.send(
        .trackStatusOK(
          SubscribeOK(requestID: request.requestID, trackAlias: 0, parameters: parameters)
        ),
        for: request.requestID
      )
    } else {
      core.send(
        .requestOK(
          RequestOK(
            kind: .other,
            requestID: core.replyID(request.requestID),
            parameters: parameters,
            trackProperties: draft >= .draft18 ? track.trackProperties : Properties()
          )
        ),
        for: request.requestID,
        isFinal: true
      )
      core.forget(requestID: request.requestID)
    }
  }

  // MARK: Answers and endings

  func accepted(_ requestID: UInt64?, _ parameters: Parameters) {
    guard let requestID else { return }
    if let namespace = announcements[requestID] {
      events.append(.namespaceAccepted(namespace))
    } else if let subscription = subscriptions[requestID], !subscription.isAccepted {
      subscriptions[requestID]?.isAccepted = true
      subscriptions[requestID]?.forward = parameters.forward ?? true
      subscriptions[requestID]?.precedence = Precedence(parameters, of: subscription.track)
      let largest = subscription.largest
      if let range = parameters.filter?.resolve(largest: largest) {
        subscriptions[requestID]?.start = max(subscription.start, range.lowerBound)
        subscriptions[requestID]?.end = range.upperBound
      }
      events.append(.subscribed(subscription.track.name))
    }
  }

  func refused(_ requestID: UInt64?, _ error: RequestError) {
    guard let requestID else { return }
    let failure = RequestFailure(error, draft: draft)
    core.finish(requestID: requestID)
    core.forget(requestID: requestID)
    if let namespace = announcements.removeValue(forKey: requestID) {
      events.append(.namespaceRefused(namespace, failure))
    } else if let subscription = subscriptions.removeValue(forKey: requestID) {
      events.append(.publishRefused(subscription.track.name, failure))
    }
  }

  func cancelled(_ cancel: PublishNamespaceCancel) {
    let requestID: UInt64?
    switch cancel.reference {
    case .request(let id): requestID = id
    case .namespace(let namespace):
      requestID = announcements.first { $0.value == namespace }?.key
    }
    guard let requestID, let namespace = announcements.removeValue(forKey: requestID) else {
      return
    }
    let meaning = RequestErrorMeaning(code: cancel.code, draft: draft, kind: .publishNamespace)
    events.append(
      .namespaceRefused(
        namespace,
        RequestFailure(meaning: meaning, code: cancel.code, reason: cancel.reason)
      )
    )
  }

  func requestFinished(_ requestID: UInt64) {
    // A finished half only says that no message follows; draft 18 also ends a namespace
    // subscription with it.
    guard draft == .draft18 || draft == .draft16, interests.removeValue(forKey: requestID) != nil
    else { return }
    core.finish(requestID: requestID)
    core.forget(requestID: requestID)
  }

  func requestCancelled(_ requestID: UInt64) {
    interests[requestID] = nil
    cancelFetches { $0.owner == requestID }
    if let namespace = announcements.removeValue(forKey: requestID) {
      events.append(
        .namespaceRefused(
          namespace,
          RequestFailure(meaning: .uninterested, reason: "revoked")
        )
      )
    }
    drop(requestID)
  }

  func streamRefused(_ stream: UInt64) {
    transport.reset(stream, code: StreamResetMeaning.cancelled.code(in: draft))
    draining.removeAll { $0.stream == stream }
    cancelFetches { $0.stream == stream }
    for requestID in subscriptions.keys {
      guard
        let group = subscriptions[requestID]?.streams.first(where: { $0.value.stream == stream })
      else { continue }
      subscriptions[requestID]?.streams[group.key] = nil
      subscriptions[requestID]?.closedGroups.insert(group.key)
    }
  }
}
