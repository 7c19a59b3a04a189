internal import MoQ
internal import Wire

/// Broadcasts that come and go under a prefix.
extension IngestCore {
  /// Listens for announcements on as many upstreams as the source wants live.
  func fillDiscovery(_ index: Int, now: Instant) {
    let source = sources[index]
    guard source.settings.discover else { return }
    while true {
      let (count, used) = discoverers(index)
      guard count < source.settings.live,
        let endpoint = source.roster.next(besides: used, now: now)
      else { return }
      discover(index, at: endpoint, now: now)
    }
  }

  /// On how many connections broadcasts are discovered, and the endpoints that led there.
  private func discoverers(_ index: Int) -> (count: Int, endpoints: Set<Endpoint>) {
    let user = User.discovery(index)
    let used = connections.values.filter { $0.users.contains(user) && !$0.isLeaving }
    return (used.count, Set(used.flatMap { [$0.endpoint, $0.origin(of: user)] }))
  }

  func discover(_ index: Int, at endpoint: Endpoint, _ hop: Hop? = nil, now: Instant) {
    if let hop, discoverers(index).endpoints.contains(endpoint) {
      // Who sent it there would do so again at once.
      sources[index].roster.failed(hop.origin, now: now, using: &random)
      return fillDiscovery(index, now: now)
    }
    let id = acquire(endpoint, .discovery(index), hop)
    if connections[id]?.share != nil { ask(index, on: id, now: now) }
  }

  /// Asks a relay for what is under a source's prefix.
  func ask(_ index: Int, on id: ConnectionID, now: Instant) {
    let settings = sources[index].settings
    sources[index].requests[id, default: NamespaceRequest(settings)].due = nil
    sources[index].requests[id]?.answerDeadline = now + settings.answerTimeout
    connections[id]?.share?.subscribeNamespace(sources[index].namespace)
  }

  func stopDiscovery(_ index: Int, on id: ConnectionID) {
    sources[index].discoveries.remove(id)
    sources[index].requests[id] = nil
    release(id, .discovery(index))
  }

  /// When an upstream has rested on which broadcasts could be discovered, or wants to be asked again; nil when
  /// nothing is to be done.
  func discoveryDeadline(_ index: Int) -> Instant? {
    let source = sources[index]
    guard source.settings.discover else { return nil }
    let asking = source.requests.values.compactMap { $0.due ?? $0.answerDeadline }.min()
    let (count, used) = discoverers(index)
    guard count < source.settings.live, let rested = source.roster.earliest(besides: used) else {
      return asking
    }
    return asking.map { min($0, rested) } ?? rested
  }

  // MARK: Refusals

  /// A relay does not tell namespaces, or tells no more.
  func doesNotTell(
    _ prefix: TrackNamespace,
    _ failure: RequestFailure,
    isSilent: Bool = false,
    on id: ConnectionID,
    now: Instant
  ) {
    guard let connection = connections[id] else { return }
    for index in sources.indices
    where sources[index].namespace == prefix && connection.users.contains(.discovery(index)) {
      sources[index].discoveries.remove(id)
      connection.tellsSources.remove(index)
      let complaint =
        "\(connection.endpoint.url) does not tell the namespaces under '\(prefix.joined())': "
        + "\(failure.meaning) \(failure.reason)"
      log(sources[index].complaints.note(complaint) ? .error : .debug, complaint)
      let first = NamespaceRequest(sources[index].settings)
      var request = sources[index].requests[id] ?? first
      // A yes that lasted makes the next refusal the first again.
      if let since = request.acceptedAt, now - since >= Self.lastingInterval { request = first }
      request.acceptedAt = nil
      request.answerDeadline = nil
      request.refusals += 1
      let wish = min(failure.retryAfter ?? .zero, Backoff.longestWish)
      let limit = isSilent && hasAnother(index, now: now) ? 1 : Self.refusalLimit
      if request.refusals >= limit, mayFail(index, connection, id, failure, now: now) {
        rest(.discovery(index), connection, after: wish, now: now)
        stopDiscovery(index, on: id)
        fillDiscovery(index, now: now)
      } else {
        request.due = now + max(request.backoff.next(using: &random), wish)
        sources[index].requests[id] = request
      }
    }
  }

  /// Whether a relay that does not tell is left: for another, or when it is of no use as it is.
  ///
  /// One that knows no such requests may still push what it has.
  private func mayFail(
    _ index: Int,
    _ connection: Connection,
    _ id: ConnectionID,
    _ failure: RequestFailure,
    now: Instant
  ) -> Bool {
    if hasAnother(index, now: now) { return true }
    return failure.meaning != .notSupported && connection.legCount == 0
      && !sources[index].announced.values.contains { $0.contains(id) }
  }

  /// Whether another upstream could be asked.
  private func hasAnother(_ index: Int, now: Instant) -> Bool {
    sources[index].roster.next(besides: discoverers(index).endpoints, now: now) != nil
  }

  /// After so many refusals an upstream has failed.
  private static let refusalLimit = 4

  /// Asks those again who would not tell, and waits no longer for those who say nothing.
  func askForNamespaces(_ index: Int, now: Instant) {
    let source = sources[index]
    for (id, request) in source.requests {
      if let due = request.due {
        if due <= now { ask(index, on: id, now: now) }
      } else if let deadline = request.answerDeadline, deadline <= now {
        sources[index].requests[id]?.answerDeadline = nil
        // Some tell without saying yes.
        guard let connection = connections[id], !connection.tellsSources.contains(index) else {
          continue
        }
        connection.share?.unsubscribeNamespace(source.namespace)
        let silence = "no answer within \(source.settings.answerTimeout.seconds) s"
        let failure = RequestFailure(meaning: .timeout, reason: silence)
        doesNotTell(source.namespace, failure, isSilent: true, on: id, now: now)
      }
    }
  }

  // MARK: Announcements

  /// A namespace is there.
  func announced(_ namespace: TrackNamespace, on id: ConnectionID, now: Instant) {
    guard let users = connections[id]?.users, FullTrackName(namespace, "").isValid else { return }
    for index in sources.indices
    where users.contains(.discovery(index)) && namespace.hasPrefix(sources[index].namespace) {
      connections[id]?.tellsSources.insert(index)
      sources[index].announced[namespace, default: []].insert(id)
      let path = Self.path(namespace)
      if let entry = followed[path] {
        entry.retireAt = nil
        fillLegs(path, now: now)
        settle(path, now: now)
      } else if !sources[index].settings.isOnDemand {
        log(.info, "broadcast \(namespace.joined()) has appeared")
        follow(namespace, source: index, now: now)
      }
    }
  }

  /// A namespace is gone.
  func withdrawn(_ namespace: TrackNamespace, on id: ConnectionID, now: Instant) {
    for index in sources.indices where sources[index].announced[namespace]?.contains(id) == true {
      sources[index].announced[namespace]?.remove(id)
      guard sources[index].announced[namespace]?.isEmpty == true else { continue }
      sources[index].announced[namespace] = nil
      sources[index].leftOut.remove(namespace)
      retire(namespace, source: index, now: now)
    }
  }

  /// Ends a broadcast soon, if it does not come back.
  private func retire(_ namespace: TrackNamespace, source: Int, now: Instant) {
    let path = Self.path(namespace)
    guard let entry = followed[path], entry.source == source, entry.retireAt == nil else { return }
    entry.retireAt = now + sources[source].settings.retireTimeout
    settle(path, now: now)
  }

  /// What only a lost connection announced has to be announced again, or it is retired.
  func forgetAnnouncements(of id: ConnectionID) {
    for index in sources.indices {
      sources[index].discoveries.remove(id)
      sources[index].requests[id] = nil
      for (namespace, tellers) in sources[index].announced where tellers.contains(id) {
        let rest = tellers.subtracting([id])
        sources[index].announced[namespace] = rest.isEmpty ? nil : rest
        if rest.isEmpty { sources[index].leftOut.remove(namespace) }
      }
    }
  }

  /// A relay will tell all namespaces from now on: what it does not name again is retired.
  func discovers(_ prefix: TrackNamespace, on id: ConnectionID, now: Instant) {
    for index in sources.indices
    where sources[index].namespace == prefix
      && connections[id]?.users.contains(.discovery(index)) == true
    {
      sources[index].discoveries.insert(id)
      sources[index].complaints = Complaints()
      sources[index].requests[id]?.acceptedAt = now
      sources[index].requests[id]?.answerDeadline = nil
      connections[id]?.tellsSources.insert(index)
      let unannounced = followed.values.filter {
        $0.source == index && sources[index].announced[$0.ingest.namespace] == nil
      }
      for entry in unannounced { retire(entry.ingest.namespace, source: index, now: now) }
    }
  }
}
