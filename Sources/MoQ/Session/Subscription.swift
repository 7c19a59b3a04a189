import Wire

/// One subscription as its session sees it.
struct Subscription {
  enum Phase {
    case requested
    case live(alias: UInt64)
  }

  let id: SubscriptionID
  let track: FullTrackName
  let options: SubscribeOptions
  var phase = Phase.requested
  /// The priority of objects that inherit it.
  var defaultPriority: UInt8 = 128
  var delivered: DeliveredObjects
  /// Data streams that began, fill and joining FETCH not counted.
  var streamsSeen: UInt64 = 0
  var openStreams: Set<UInt64> = []
  /// What PUBLISH_DONE said, until its streams are here.
  var end: SubscriptionEnd?
  var endDeadline: Instant?
  /// The join with the past, while it goes on.
  var join: Join?

  struct Join {
    /// The request whose id the stream carries: a FETCH, or the SUBSCRIBE itself for a fill.
    var requestID: UInt64
    var objects: UInt64 = 0
    var stream: UInt64?
    /// When to give up waiting for the stream.
    var deadline: Instant
  }

  var alias: UInt64? { if case .live(let alias) = phase { alias } else { nil } }

  /// Whether all streams that PUBLISH_DONE counted are over.
  var isDrained: Bool {
    guard let end, openStreams.isEmpty, join == nil, let count = end.streamCount else {
      return false
    }
    return streamsSeen >= count
  }
}

/// Which objects of a track were delivered, for the newest groups.
struct DeliveredObjects {
  private var groups: [UInt64: IntervalSet] = [:]
  /// Groups below this one are no longer remembered.
  private var floor: UInt64 = 0
  private let maximumGroups: Int
  private let maximumRuns: Int

  init(maximumGroups: Int, maximumRuns: Int) {
    self.maximumGroups = maximumGroups
    self.maximumRuns = maximumRuns
  }

  /// Notes an object; false when it was noted before.
  mutating func insert(_ location: Location) -> Bool {
    guard location.group >= floor else { return true }
    guard groups[location.group, default: IntervalSet()].insert(location.object) else {
      return false
    }
    if let runs = groups[location.group]?.runs.count, runs > maximumRuns {
      // Ids with so many holes are not worth remembering.
      groups[location.group] = IntervalSet()
    }
    if groups.count > maximumGroups, let oldest = groups.keys.min() {
      groups[oldest] = nil
      floor = max(floor, oldest == .max ? oldest : oldest + 1)
    }
    return true
  }
}
