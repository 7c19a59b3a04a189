import Wire

/// Which objects of a track were delivered, for the newest groups.
package struct DeliveredObjects {
  private var groups: [UInt64: IntervalSet] = [:]
  /// Groups below this one are no longer remembered.
  private var floor: UInt64 = 0
  private let maximumGroups: Int
  private let maximumRuns: Int

  /// Remembers nothing yet.
  package init(maximumGroups: Int, maximumRuns: Int) {
    self.maximumGroups = maximumGroups
    self.maximumRuns = maximumRuns
  }

  /// Notes an object; false when it was noted before.
  package mutating func insert(_ location: Location) -> Bool {
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
