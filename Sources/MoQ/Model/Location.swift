/// Where an object is in its track: group first, then object.
package struct Location: Hashable, Comparable, Sendable {
  /// The group id.
  package var group: UInt64
  /// The object id inside the group.
  package var object: UInt64

  /// Names an object of a group.
  package init(group: UInt64, object: UInt64) {
    self.group = group
    self.object = object
  }

  package static func < (left: Location, right: Location) -> Bool {
    (left.group, left.object) < (right.group, right.object)
  }

  /// The first location of a track.
  package static let zero = Location(group: 0, object: 0)
  /// The last location that any draft can say.
  static let last = Location(group: .max, object: .max)

  /// The location after this one, in the next group where object ids end; nil after the last.
  package var successor: Location? {
    if object < .max { return Location(group: group, object: object + 1) }
    return group < .max ? Location(group: group + 1, object: 0) : nil
  }

  /// The location before this one, in the group before where object ids begin; nil before the first.
  package var predecessor: Location? {
    if object > 0 { return Location(group: group, object: object - 1) }
    return group > 0 ? Location(group: group - 1, object: .max) : nil
  }
}

extension Location: CustomStringConvertible {
  /// `group/object`.
  package var description: String { "\(group)/\(object)" }
}
