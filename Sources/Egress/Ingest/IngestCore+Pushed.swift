internal import MoQ
internal import Wire

/// Tracks that a publisher pushes unasked.
extension IngestCore {
  /// How a pushed track is subscribed to; nil when it is of no broadcast that is followed on the
  /// connection, or would be once it is there.
  func options(forPushed track: FullTrackName, on id: ConnectionID) -> SubscribeOptions? {
    guard connections[id]?.isLeaving == false else { return nil }
    let isFollowed = followed[Self.path(track.namespace)]?.legs.values.contains(id) == true
    guard isFollowed || discoverer(of: track.namespace, on: id) != nil else { return nil }
    // What it is, only a catalog says.
    return SubscribeOptions(priority: 64, start: .currentGroup)
  }

  /// The source that follows broadcasts of such a namespace as they appear on a connection.
  private func discoverer(of namespace: TrackNamespace, on id: ConnectionID) -> Int? {
    sources.indices.first { index in
      !sources[index].settings.isOnDemand && namespace.hasPrefix(sources[index].namespace)
        && connections[id]?.users.contains(.discovery(index)) == true
    }
  }

  /// A publisher has opened a subscription.
  func pushed(
    _ subscription: SubscriptionID,
    _ track: FullTrackName,
    on id: ConnectionID,
    now: Instant
  ) {
    guard let connection = connections[id], let share = connection.share else { return }
    log(.debug, "\(share.url) pushes \(track)")
    if let (leg, present) = share.subscription(to: track) {
      // An answered subscription goes on, and the pushed one is one too many.
      if followed[leg.broadcast]?.ingest.replace(present, by: subscription, leg) == true {
        share.replace(present, by: subscription)
      } else {
        share.refuse(subscription)
      }
      return
    }
    share.keep(subscription, track)
    guard let index = discoverer(of: track.namespace, on: id) else { return }
    connection.tellsSources.insert(index)
    let path = Self.path(track.namespace)
    if let entry = followed[path] {
      entry.retireAt = nil
      fillLegs(path, now: now)
      settle(path, now: now)
    } else {
      log(.info, "broadcast \(track.namespace.joined()) has appeared")
      follow(track.namespace, source: index, now: now)
    }
  }

  /// Hands broadcasts what came on pushed tracks before they were wanted.
  func handOver(utc: UTCTime, now: Instant) {
    for (id, connection) in connections {
      while let event = connection.share?.takeKept() { handle(event, on: id, utc: utc, now: now) }
    }
  }
}
