internal import MoQ
internal import Wire

/// Broadcasts that come and go under a prefix.
extension IngestCore {
  /// Listens for announcements on as many upstreams as the source wants live.
  func fillDiscovery(_ index: Int, now: Instant) {
    let source = sources[index]
    guard source.settings.discover else { return }
    let user = User.discovery(index)
    while true {
      let used = connections.values.filter { $0.users.contains(user) && !$0.isLeaving }
      guard used.count < source.settings.live,
        let endpoint = source.roster.next(besides: Set(used.map(\.endpoint)), now: now)
      else { return }
      let id = acquire(endpoint, user)
      connections[id]?.share?.subscribeNamespace(source.namespace)
    }
  }

  /// When an upstream has rested on which broadcasts could be discovered; nil when none is wanted.
  func discoveryDeadline(_ index: Int) -> Instant? {
    let source = sources[index]
    guard source.settings.discover else { return nil }
    let used = connections.values.filter { $0.users.contains(.discovery(index)) && !$0.isLeaving }
    guard used.count < source.settings.live else { return nil }
    return source.roster.earliest(besides: Set(used.map(\.endpoint)))
  }

  /// A namespace is there.
  func announced(_ namespace: TrackNamespace, on id: ConnectionID, now: Instant) {
    guard let users = connections[id]?.users, FullTrackName(namespace, "").isValid else { return }
    for index in sources.indices
    where users.contains(.discovery(index)) && namespace.hasPrefix(sources[index].namespace) {
      if let endpoint = connections[id]?.endpoint { sources[index].roster.succeeded(endpoint) }
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
      for (namespace, tellers) in sources[index].announced where tellers.contains(id) {
        let rest = tellers.subtracting([id])
        sources[index].announced[namespace] = rest.isEmpty ? nil : rest
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
      let unannounced = followed.values.filter {
        $0.source == index && sources[index].announced[$0.ingest.namespace] == nil
      }
      for entry in unannounced { retire(entry.ingest.namespace, source: index, now: now) }
    }
  }
}
