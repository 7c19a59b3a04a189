package import Wire

/// What an object says about its track besides its payload.
package enum ObjectStatus: UInt64, Sendable {
  /// An object with a payload, which may be empty.
  case normal = 0
  /// The object does not exist and never will; draft 14 only.
  case doesNotExist = 1
  /// No object of this group has this id or a larger one.
  case endOfGroup = 3
  /// No object of this track has this location or a larger one.
  case endOfTrack = 4
}

/// One object as it was published, whatever carried it.
///
/// MOQT §"Objects".
package struct Object: Hashable, Sendable {
  /// The group id.
  package var group: UInt64
  /// The object id, unique in the group over all its subgroups.
  package var id: UInt64
  /// The subgroup id; nil for an object that came as a datagram.
  package var subgroup: UInt64?
  /// The publisher's priority, smaller is sooner.
  package var priority: UInt8
  /// What the publisher attached (called extensions before draft 17).
  package var properties: Properties
  /// Whether this is media or a mark.
  package var status: ObjectStatus
  /// The media bytes; empty unless `status` is normal.
  package var payload: Bytes

  /// Makes an object.
  package init(
    group: UInt64,
    id: UInt64,
    subgroup: UInt64? = 0,
    priority: UInt8 = 128,
    properties: Properties = Properties(),
    status: ObjectStatus = .normal,
    payload: Bytes = []
  ) {
    self.group = group
    self.id = id
    self.subgroup = subgroup
    self.priority = priority
    self.properties = properties
    self.status = status
    self.payload = payload
  }

  /// Group and object id together.
  package var location: Location { Location(group: group, object: id) }
}
