import Wire

/// What the peer asked to be told of: namespaces, and tracks to be pushed.
extension PublisherSession {
  /// What the peer wants to hear about a prefix, and what it was told.
  struct Interest {
    let prefix: TrackNamespace
    var wantsNamespaces: Bool
    var wantsTracks: Bool
    var told: Set<TrackNamespace> = []
    var offered: Set<FullTrackName> = []
  }

  func subscribeNamespace(_ request: SubscribeNamespace) {
    // Only draft 16 has options: 0 tracks, 1 namespaces, 2 both. Who takes both is told the
    // namespaces alone, for pushed tracks would collide with the subscriptions that follow.
    let wantsTracks = request.options == 0
    add(
      Interest(prefix: request.prefix, wantsNamespaces: !wantsTracks, wantsTracks: wantsTracks),
      request.requestID
    )
  }

  func subscribeTracks(_ request: SubscribeNamespace) {
    add(
      Interest(prefix: request.prefix, wantsNamespaces: false, wantsTracks: true),
      request.requestID
    )
  }

  private func add(_ interest: Interest, _ requestID: UInt64) {
    guard interests.count < core.limits.namespaces else {
      return core.refuse(requestID, .subscribeNamespace, .excessiveLoad, "too many")
    }
    let overlaps = interests.values.contains { other in
      // Namespaces and tracks are apart from draft 18 on.
      (draft < .draft18 || other.wantsTracks == interest.wantsTracks)
        && (other.prefix.hasPrefix(interest.prefix) || interest.prefix.hasPrefix(other.prefix))
    }
    guard !overlaps else {
      return core.refuse(requestID, .subscribeNamespace, .prefixOverlap, "overlaps another one")
    }
    core.accept(requestID, .subscribeNamespace)
    interests[requestID] = interest
    toldVersion = -1
  }

  /// Tells the peer of namespaces and tracks under its prefixes that appeared or went.
  func tellNamespaces() {
    guard toldVersion != store.version else { return }
    toldVersion = store.version
    let namespaces = store.namespaces
    for requestID in interests.keys.sorted() {
      guard let interest = interests[requestID] else { continue }
      if interest.wantsNamespaces { tell(namespaces, interest, requestID) }
      if interest.wantsTracks { offer(interest, requestID) }
    }
  }

  private func tell(
    _ namespaces: Set<TrackNamespace>,
    _ interest: Interest,
    _ requestID: UInt64
  ) {
    let wanted = namespaces.filter { $0.hasPrefix(interest.prefix) }
    for namespace in wanted.subtracting(interest.told).sorted(by: isBefore) {
      if draft == .draft14 {
        if !announcements.values.contains(namespace) { announce(namespace) }
      } else {
        core.send(.namespace(suffix: namespace.dropping(interest.prefix)), for: requestID)
      }
    }
    for namespace in interest.told.subtracting(wanted).sorted(by: isBefore) {
      if draft == .draft14 {
        withdraw(namespace)
      } else {
        core.send(.namespaceDone(suffix: namespace.dropping(interest.prefix)), for: requestID)
      }
    }
    interests[requestID]?.told = wanted
  }

  /// Pushes each track once; those that the peer subscribes to already it knows.
  private func offer(_ interest: Interest, _ requestID: UInt64) {
    let wanted = store.names.filter { $0.namespace.hasPrefix(interest.prefix) }
    for name in wanted.subtracting(interest.offered).sorted(by: isBefore)
    where !subscriptions.values.contains(where: { $0.track.name == name }) { publish(name) }
    interests[requestID]?.offered = wanted
  }
}

/// Any fixed order, so that the same store tells the same tale.
private func isBefore<Name: CustomStringConvertible>(_ left: Name, _ right: Name) -> Bool {
  left.description < right.description
}

extension TrackNamespace {
  /// The fields after a prefix.
  func dropping(_ prefix: TrackNamespace) -> TrackNamespace {
    TrackNamespace(Array(fields.dropFirst(prefix.fields.count)))
  }
}
