import Wire

/// One subscription as its session sees it; a reference, as every object is looked up in it.
final class Subscription {
  enum Phase {
    case requested
    case live(alias: UInt64)
  }

  let id: SubscriptionID
  let track: FullTrackName
  let options: SubscribeOptions
  /// Whether the publisher opened it.
  var isPush = false
  var phase = Phase.requested
  /// Whether the SUBSCRIBE asked for a fill whose range is not known yet.
  var awaitsFill = false
  /// The newest object that is known to exist.
  var largest: Location?
  /// The priority of objects that inherit it.
  var defaultPriority: UInt8 = 128
  var delivered: DeliveredObjects
  /// Data streams that began, FETCH not counted.
  var streamsSeen: UInt64 = 0
  /// Whether its alias served another subscription too, whose streams look the same.
  var sharesAlias = false
  var openStreams: Set<UInt64> = []
  /// What PUBLISH_DONE said, until its streams are here.
  var end: SubscriptionEnd?
  var endDeadline: Instant?

  /// Whether we asked for it and the publisher has not said yet.
  var isUnanswered: Bool { if case .requested = phase { !isPush } else { false } }

  var alias: UInt64? { if case .live(let alias) = phase { alias } else { nil } }

  /// Whether all streams that PUBLISH_DONE counted are over.
  var isDrained: Bool {
    guard let end, openStreams.isEmpty, !sharesAlias, let count = end.streamCount else {
      return false
    }
    return streamsSeen >= count
  }

  /// Notes an object; false when it came before.
  func note(_ object: Object) -> Bool {
    guard delivered.insert(object.location) else { return false }
    if object.status == .normal { largest = max(largest ?? .zero, object.location) }
    return true
  }

  init(
    id: SubscriptionID,
    track: FullTrackName,
    options: SubscribeOptions,
    limits: SessionLimits
  ) {
    self.id = id
    self.track = track
    self.options = options
    delivered = DeliveredObjects(
      maximumGroups: limits.deduplicatedGroups,
      maximumRuns: limits.deduplicatedRuns
    )
  }
}
