import Wire

/// What the publisher serves: by prefixes that we ask about, and by what it announces unasked.
extension SubscriberSession {
  /// Asks for the namespaces under a prefix; they come as `.namespaceAnnounced` after
  /// `.namespacesAccepted`, or `.namespacesRefused` does.
  ///
  /// Draft 14 cannot say an empty prefix; there it is refused at once.
  package func subscribeNamespace(_ prefix: TrackNamespace, token: Token? = nil) {
    if let failure = requestObstacle {
      events.append(.namespacesRefused(prefix: prefix, failure))
      return
    }
    guard !prefix.fields.isEmpty || draft != .draft14 else {
      let failure = RequestFailure(meaning: .notSupported, reason: "draft 14 has no empty prefix")
      events.append(.namespacesRefused(prefix: prefix, failure))
      return
    }
    var parameters = Parameters()
    parameters.token = token ?? core.options.requestToken
    // Only draft 16 lets a subscriber choose: tracks that are pushed besides would cross with the
    // subscriptions that namespaces lead to.
    let options: UInt64? = draft == .draft16 ? 1 : nil
    let requestID = core.request {
      .subscribeNamespace(
        SubscribeNamespace(
          requestID: $0,
          prefix: prefix,
          options: options,
          parameters: parameters
        )
      )
    }
    namespaces.ask(requestID, prefix)
  }

  /// Takes interest in a prefix back; what was known only by it is withdrawn.
  ///
  /// In draft 14, where announcements do not say what they answer, those that came stay.
  package func unsubscribeNamespace(_ prefix: TrackNamespace) {
    guard core.error == nil, let requestID = namespaces.request(for: prefix) else { return }
    if !core.withdraw(requestID: requestID), !core.cancel(requestID: requestID),
      draft == .draft14
    {
      core.send(.unsubscribeNamespace(prefix: prefix), for: requestID)
    }
    forgetInterest(requestID)
  }

  func report(_ change: NamespaceRegister.Change?) {
    switch change {
    case .announced(let namespace)?: events.append(.namespaceAnnounced(namespace))
    case .withdrawn(let namespace)?: events.append(.namespaceWithdrawn(namespace))
    case nil: break
    }
  }

  /// Forgets a request for namespaces and withdraws what came by it; nil when it is none.
  @discardableResult
  func forgetInterest(_ requestID: UInt64) -> TrackNamespace? {
    guard let (prefix, changes) = namespaces.forget(requestID) else { return nil }
    for change in changes { report(change) }
    return prefix
  }

  func receive(_ request: PublishNamespace) {
    guard namespaces.hasRoom else {
      core.refuse(request.requestID, .publishNamespace, .excessiveLoad, "too many namespaces")
      return
    }
    core.accept(request.requestID, .publishNamespace)
    report(namespaces.publish(request))
  }
}
