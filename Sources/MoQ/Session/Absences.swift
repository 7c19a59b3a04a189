import Wire

extension Object {
  /// What this object says does not exist: by its status, and by properties that tell of gaps before
  /// it.
  ///
  /// MOQT §"Object Status", §"Prior Group ID Gap", §"Prior Object ID Gap". A gap that reaches before
  /// the first group or object says nothing.
  var absences: [ClosedRange<Location>] {
    var result: [ClosedRange<Location>] = []
    if !properties.isEmpty {
      if let count = properties.integer(Properties.Kind.priorGroupIDGap), count > 0, count <= group
      {
        result.append(
          Location(group: group - count, object: 0)...Location(group: group - 1, object: .max)
        )
      }
      if let count = properties.integer(Properties.Kind.priorObjectIDGap), count > 0, count <= id {
        result.append(
          Location(group: group, object: id - count)...Location(group: group, object: id - 1)
        )
      }
    }
    switch status {
    case .normal: break
    case .doesNotExist: result.append(location...location)
    case .endOfGroup: result.append(location...Location(group: group, object: .max))
    case .endOfTrack: result.append(location...Location.last)
    }
    return result
  }
}
