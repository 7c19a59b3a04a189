import Wire

/// One subscriber's place in a track.
struct OutgoingSubscription {
  let requestID: UInt64
  let track: BroadcastTrack
  let alias: UInt64
  /// The newest object when the subscription began; a joining FETCH ends there.
  let largest: Location?
  /// The first location to send.
  var start: Location
  /// The last location to send.
  var end: Location
  /// How long after the next group began the rest of a group may take.
  var lateness: Interval
  /// Whether objects are wanted now.
  var forward: Bool
  /// What goes first where not all can go at once.
  var precedence: Precedence
  /// False until a PUBLISH of ours is accepted.
  var isAccepted = true
  /// Whether we opened it with PUBLISH.
  var isPush = false
  var streams: [UInt64: OutgoingGroup] = [:]
  /// Groups of the store that are sent or given up.
  var closedGroups: Set<UInt64> = []
  /// Data streams opened so far, for PUBLISH_DONE.
  var streamCount: UInt64 = 0

  /// Whether nothing can follow.
  var isExhausted: Bool {
    guard streams.isEmpty else { return false }
    if let last = track.groups.last, last.id > end.group { return true }
    guard track.isEnded else { return false }
    return track.groups.allSatisfy { closedGroups.contains($0.id) || $0.id < start.group }
  }
}

/// One group's stream to one subscriber.
struct OutgoingGroup {
  let stream: UInt64
  var encoder: SubgroupEncoder
  /// Into the group's objects.
  var nextIndex: Int
}

/// A group whose stream is queued to its end.
struct DrainingGroup {
  let requestID: UInt64
  let stream: UInt64
  let track: FullTrackName
  let group: UInt64
  /// When it is given up.
  let until: Instant
}

extension LocationFilter {
  /// The range of locations that a filter selects when `largest` is the newest object; nil when
  /// nothing can be in it.
  func resolve(largest: Location?) -> ClosedRange<Location>? {
    let next = largest.map { Location(group: $0.group, object: $0.object &+ 1) } ?? .zero
    let nextGroup = largest.map { $0.group &+ 1 } ?? 0
    let range: (start: Location, end: Location) =
      switch self {
      case .none: (.zero, .last)
      case .nextObject: (next, .last)
      case .relative(let groups):
        (Location(group: nextGroup - min(groups, nextGroup), object: 0), .last)
      case .start(let start): (start, .last)
      case .groups(let start, let endGroup):
        (start, Location(group: endGroup, object: .max))
      case .range(let start, let end): (start, end)
      }
    return range.start <= range.end ? range.start...range.end : nil
  }
}
