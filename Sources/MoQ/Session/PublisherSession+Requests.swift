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
    switch message {
    case .subscribe(let request): subscribe(request)
    case .fetch(let request): fetch(request)
    case .trackStatus(let request): trackStatus(request)
    case .requestUpdate(let update): self.update(update, requestID)
    case .unsubscribe(let id): drop(id)
    case .fetchCancel(let id): requestCancelled(id)
    case .subscribeNamespace(let request):
      guard interests.count < core.limits.namespaces else {
        return core.refuse(request.requestID, .subscribeNamespace, .excessiveLoad, "too many")
      }
      core.send(
        .requestOK(
          RequestOK(
            kind: draft == .draft14 ? .subscribeNamespace : .other,
            requestID: core.replyID(request.requestID)
          )
        ),
        for: request.requestID
      )
      interests[request.requestID] = (request.prefix, [])
      toldVersion = -1
    case .unsubscribeNamespace(let prefix):
      interests = interests.filter { $0.value.prefix != prefix }
    case .subscribeTracks(let request):
      core.refuse(request.requestID, .other, .notSupported, "tracks are not pushed")
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
    let largest = track.largest
    let filter = request.parameters.filter ?? .none
    let next = LocationFilter.nextObject.resolve(largest: largest)?.lowerBound ?? .zero
    guard let range = filter.resolve(largest: largest), range.upperBound >= next else {
      return core.refuse(request.requestID, .subscribe, .invalidRange, "the range is in the past")
    }
    let alias = takeAlias()
    var parameters = Parameters()
    parameters.largestObject = largest
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
    var subscription = OutgoingSubscription(
      requestID: request.requestID,
      track: track,
      alias: alias,
      largest: largest,
      // A filter selects what is published from now on; the past is for FETCH.
      start: max(range.lowerBound, next),
      end: range.upperBound,
      lateness: lateness(request.parameters),
      forward: request.parameters.forward ?? true
    )
    events.append(.subscribed(track.name))
    if subscription.forward, let fill = request.parameters.fill, let largest,
      let past = (fill.filter ?? .none).resolve(largest: largest), past.lowerBound <= largest
    {
      let items = items(of: track, from: past.lowerBound, through: min(past.upperBound, largest))
      if !items.isEmpty {
        waitingFetches.append((request.requestID, items))
        subscription.streamCount += 1
      }
    }
    subscriptions[request.requestID] = subscription
  }

  /// Our patience, or the subscriber's when that is shorter.
  func lateness(_ parameters: Parameters) -> Interval {
    guard let timeout = parameters.deliveryTimeoutMilliseconds, timeout > 0 else {
      return limits.lateness
    }
    return min(limits.lateness, .milliseconds(clampedMilliseconds(timeout)))
  }

  func update(_ update: RequestUpdate, _ requestID: UInt64?) {
    guard let requestID, subscriptions[requestID] != nil else {
      if draft == .draft16 {
        core.refuse(update.requestID, .other, .doesNotExist, "no such request")
      }
      return
    }
    if let forward = update.parameters.forward { subscriptions[requestID]?.forward = forward }
    if let filter = update.parameters.filter,
      let range = filter.resolve(largest: subscriptions[requestID]?.largest)
    {
      subscriptions[requestID]?.end = range.upperBound
      if let start = subscriptions[requestID]?.start {
        subscriptions[requestID]?.start = max(start, range.lowerBound)
      }
    }
    // Draft 14 does not answer updates.
    guard draft != .draft14 else { return }
    var parameters = Parameters()
    parameters.largestObject = subscriptions[requestID]?.track.largest
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
    waitingFetches.removeAll { $0.requestID == requestID }
    if let stream = fetchStreams.removeValue(forKey: requestID) {
      transport.reset(stream, code: StreamResetMeaning.cancelled.code(in: draft))
    }
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
    fetchStreams = fetchStreams.filter { $0.value != stream }
    for requestID in subscriptions.keys {
      guard
        let group = subscriptions[requestID]?.streams.first(where: { $0.value.stream == stream })
      else { continue }
      subscriptions[requestID]?.streams[group.key] = nil
      subscriptions[requestID]?.closedGroups.insert(group.key)
    }
  }

  /// Tells the peer of namespaces under its prefixes that appeared or went.
  func tellNamespaces() {
    guard toldVersion != store.version else { return }
    toldVersion = store.version
    let namespaces = store.namespaces
    for requestID in interests.keys.sorted() {
      guard let (prefix, told) = interests[requestID] else { continue }
      let wanted = namespaces.filter { $0.hasPrefix(prefix) }
      for namespace in wanted.subtracting(told).sorted(by: isBefore) {
        if draft == .draft14 {
          if !announcements.values.contains(namespace) { announce(namespace) }
        } else {
          core.send(.namespace(suffix: namespace.dropping(prefix)), for: requestID)
        }
      }
      for namespace in told.subtracting(wanted).sorted(by: isBefore) {
        if draft == .draft14 {
          withdraw(namespace)
        } else {
          core.send(.namespaceDone(suffix: namespace.dropping(prefix)), for: requestID)
        }
      }
      interests[requestID]?.told = wanted
    }
  }
}

/// Any fixed order, so that the same store tells the same tale.
private func isBefore(_ left: TrackNamespace, _ right: TrackNamespace) -> Bool {
  left.description < right.description
}

extension TrackNamespace {
  /// The fields after a prefix.
  func dropping(_ prefix: TrackNamespace) -> TrackNamespace {
    TrackNamespace(Array(fields.dropFirst(prefix.fields.count)))
  }
}
