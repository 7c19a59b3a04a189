package import Wire

/// How much of the past a track keeps for those who join, and for those who are slow.
package struct BroadcastLimits: Sendable {
  /// The most groups of a track.
  package var groups = 8
  /// The most bytes of a track.
  package var bytes = 64 << 20
  /// So many of the newest groups stay whatever they have.
  ///
  /// At any rate, who is slow has the time of a group for the rest of one that is complete, and who joins
  /// finds a whole one.
  package var leastGroups = 3

  /// The defaults.
  package init() {}
}

/// The tracks that a publisher serves; every `PublisherSession` reads from one store.
///
/// Not `Sendable`: it lives on the loop of its sessions, and they share its immutable bytes.
package final class BroadcastStore {
  private let limits: BroadcastLimits
  private var tracks: [FullTrackName: BroadcastTrack] = [:]
  /// Counts up whenever a track appears or goes.
  private(set) var version = 0

  /// Starts without tracks.
  package init(limits: BroadcastLimits = BroadcastLimits()) { self.limits = limits }

  /// Adds a track, or replaces the one of that name.
  ///
  /// `priority` is the publisher's, smaller is sooner. Objects may have properties only where
  /// `hasProperties` says so. Traps when no draft can carry the name.
  @discardableResult
  package func addTrack(
    _ name: FullTrackName,
    priority: UInt8 = 128,
    hasProperties: Bool = false,
    trackProperties: Properties = Properties()
  ) -> BroadcastTrack {
    precondition(name.isValid, "a full track name has 1…32 fields and at most 4,096 bytes")
    let track = BroadcastTrack(
      name: name,
      priority: priority,
      hasProperties: hasProperties,
      trackProperties: trackProperties,
      limits: limits
    )
    tracks[name] = track
    version += 1
    return track
  }

  /// Removes a track; those who read it keep what they hold.
  package func removeTrack(_ name: FullTrackName) {
    tracks.removeValue(forKey: name)?.end()
    version += 1
  }

  /// The track of a name; nil when there is none.
  package subscript(name: FullTrackName) -> BroadcastTrack? { tracks[name] }

  /// The namespaces that have tracks.
  package var namespaces: Set<TrackNamespace> { Set(tracks.keys.map(\.namespace)) }

  /// The names of all tracks.
  package var names: Set<FullTrackName> { Set(tracks.keys) }
}

/// One group as far as it is published: objects with ascending ids, all of subgroup 0.
package struct BroadcastGroup: Sendable {
  /// The group's id.
  package let id: UInt64
  /// The objects, ids ascending from 0.
  package fileprivate(set) var objects: [Object] = []
  /// No object follows.
  package fileprivate(set) var isComplete = false
  /// When it was begun.
  package let began: Instant
  fileprivate var bytes = 0
}

/// One track's newest groups, appended to by its producer and read by any number of sessions.
package final class BroadcastTrack {
  /// The track's name everywhere.
  package let name: FullTrackName
  /// The publisher's priority, smaller is sooner.
  package let priority: UInt8
  /// Whether objects may have properties.
  package let hasProperties: Bool
  /// The properties of the track.
  package let trackProperties: Properties
  /// The groups that are kept, oldest first.
  package private(set) var groups: [BroadcastGroup] = []
  /// No group follows.
  package private(set) var isEnded = false
  /// The newest object; nil while there is none.
  package private(set) var largest: Location?
  private let limits: BroadcastLimits
  private var bytes = 0

  fileprivate init(
    name: FullTrackName,
    priority: UInt8,
    hasProperties: Bool,
    trackProperties: Properties,
    limits: BroadcastLimits
  ) {
    self.name = name
    self.priority = priority
    self.hasProperties = hasProperties
    self.trackProperties = trackProperties
    self.limits = limits
  }

  /// Begins a group and completes the one before it; traps unless ids ascend.
  package func beginGroup(_ id: UInt64, now: Instant) {
    precondition(!isEnded, "the track has ended")
    precondition(groups.last.map { $0.id < id } ?? true, "group ids ascend")
    endGroup()
    groups.append(BroadcastGroup(id: id, began: now))
    trim()
  }

  /// Adds the next object to the newest group and says where it is.
  ///
  /// Traps when no group is open, or when there are properties on a track without.
  @discardableResult
  package func append(_ payload: Bytes, properties: Properties = Properties()) -> Location {
    precondition(groups.last?.isComplete == false, "a group is begun first")
    precondition(hasProperties || properties.isEmpty, "the track has no properties")
    let last = groups.count - 1
    let object = Object(
      group: groups[last].id,
      id: UInt64(groups[last].objects.count),
      subgroup: 0,
      priority: priority,
      properties: properties,
      payload: payload
    )
    groups[last].objects.append(object)
    let cost = payload.count + Self.objectOverhead
    groups[last].bytes += cost
    bytes += cost
    largest = object.location
    trim()
    return object.location
  }

  /// Completes the newest group; nothing happens when it is complete.
  package func endGroup() {
    guard !groups.isEmpty else { return }
    groups[groups.count - 1].isComplete = true
  }

  /// Completes the track.
  package func end() {
    endGroup()
    isEnded = true
  }

  /// What an object costs besides its payload, about.
  private static let objectOverhead = 128

  private func trim() {
    while groups.count > 1,
      groups.count > limits.groups || groups.count > limits.leastGroups && bytes > limits.bytes
    {
      bytes -= groups.removeFirst().bytes
    }
  }

  /// The objects of the groups that are kept, between two locations that are both included.
  func objects(from start: Location, through end: Location) -> [Object] {
    groups.lazy.filter { $0.id >= start.group && $0.id <= end.group }.flatMap { group in
      group.objects.filter { $0.location >= start && $0.location <= end }
    }
  }
}
