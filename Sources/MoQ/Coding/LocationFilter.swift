import Wire

/// Which objects of a track a request asks for; `largest` is the newest object at the publisher.
///
/// MOQT §"Subscription Filter" (14…18), §"Location Filter" (20 and later).
package enum LocationFilter: Hashable, Sendable {
  /// Everything; in an update it removes the filter.
  case none
  /// From the object after the largest.
  case nextObject
  /// From `groups` before the group after the largest; 0 is the next group.
  case relative(groups: UInt64)
  /// From a location on.
  case start(Location)
  /// From a location to the end of a group, which is not before it.
  case groups(start: Location, endGroup: UInt64)
  /// From a location to a location, both included.
  case range(start: Location, end: Location)

  /// The filter that starts with the next group.
  package static let nextGroup = LocationFilter.relative(groups: 0)

  /// Whether a draft has a spelling for this filter.
  package func isExpressible(in draft: Draft) -> Bool {
    switch self {
    case .none, .nextObject, .start: true
    case .relative(let groups): groups == 0 || draft >= .draft20
    case .groups(let start, let endGroup): start.group <= endGroup
    case .range(let start, let end): start.group <= end.group && draft >= .draft20
    }
  }
}

extension DraftReader {
  /// Reads the value of the filter parameter, with its length where it has one.
  mutating func filterParameter() throws(CodingError) -> LocationFilter {
    guard profile.filter != .typed else { return try typedFilter() }
    let value = try lengthPrefixed(
      limit: KeyValuePairs.maximumValueBytes,
      "filter",
      code: .keyValueFormattingError
    )
    var inner = DraftReader(value, draft: draft)
    do throws(CodingError) {
      let filter =
        profile.filter == .lengthAndCount ? try inner.countedFilter() : try inner.filterFields()
      guard inner.isAtEnd else {
        throw CodingError.protocolViolation("\(inner.remaining) bytes after the filter")
      }
      return filter
    } catch { throw error.inWhole("filter") }
  }

  /// Reads a type and its fields as drafts 14 to 18 have them.
  mutating func filterFields() throws(CodingError) -> LocationFilter {
    switch try integer() {
    case 1: return .nextGroup
    case 2: return .nextObject
    case 3: return .start(try location())
    case 4:
      let start = try location()
      let end = try integer()
      if profile.filter == .lengthAndDeltaEnd {
        return .groups(start: start, endGroup: try endGroup(start, delta: end))
      }
      guard end >= start.group else {
        throw .protocolViolation("filter ends with group \(end) before group \(start.group)")
      }
      return .groups(start: start, endGroup: end)
    case let type: throw .protocolViolation("filter type \(type)")
    }
  }

  /// Reads as many fields as there are; their number says what they mean (draft 20).
  private mutating func countedFilter() throws(CodingError) -> LocationFilter {
    var fields: [UInt64] = []
    while !isAtEnd, fields.count < 4 { fields.append(try integer()) }
    switch fields.count {
    case 0: return .none
    case 1: return .relative(groups: fields[0])
    case 2 where fields == [0, 0]: return .nextObject
    default:
      let start = Location(group: fields[0], object: fields[1])
      if fields.count == 2 { return .start(start) }
      let end = try endGroup(start, delta: fields[2])
      if fields.count == 3 { return .groups(start: start, endGroup: end) }
      return .range(start: start, end: Location(group: end, object: fields[3]))
    }
  }

  /// Reads a type and its fields (draft 22).
  private mutating func typedFilter() throws(CodingError) -> LocationFilter {
    switch try integer() {
    case 0: return .none
    case 1: return .relative(groups: try integer())
    case 2: return .start(try location())
    case 3:
      let start = try location()
      return .groups(start: start, endGroup: try endGroup(start, delta: try integer()))
    case 4:
      let start = try location()
      let end = try endGroup(start, delta: try integer())
      return .range(start: start, end: Location(group: end, object: try integer()))
    case 5: return .nextObject
    case let type: throw .protocolViolation("filter type \(type)")
    }
  }

  private func endGroup(_ start: Location, delta: UInt64) throws(CodingError) -> UInt64 {
    let (end, overflow) = start.group.addingReportingOverflow(delta)
    guard !overflow else { throw .protocolViolation("filter's end group overflows") }
    return end
  }
}

extension DraftWriter {
  mutating func filterParameter(_ filter: LocationFilter) {
    precondition(filter.isExpressible(in: draft), "\(draft) has no spelling for \(filter)")
    switch profile.filter {
    case .typed: typedFilter(filter)
    case .lengthAndCount: lengthPrefixed { $0.countedFilter(filter) }
    case .fields, .lengthAndAbsoluteEnd, .lengthAndDeltaEnd:
      lengthPrefixed { $0.filterFields(filter) }
    }
  }

  mutating func filterFields(_ filter: LocationFilter) {
    switch filter {
    case .none:
      integer(3)
      location(.zero)
    case .nextObject: integer(2)
    case .relative: integer(1)
    case .start(let start):
      integer(3)
      location(start)
    case .groups(let start, let endGroup):
      integer(4)
      location(start)
      integer(profile.filter == .lengthAndDeltaEnd ? endGroup - start.group : endGroup)
    case .range: preconditionFailure("no spelling before draft 20")
    }
  }

  private mutating func countedFilter(_ filter: LocationFilter) {
    switch filter {
    case .none: break
    case .nextObject: location(.zero)
    case .relative(let groups): integer(groups)
    // Two zeroes would mean the next object; no filter says the same as a start at 0/0.
    case .start(.zero): break
    case .start(let start): location(start)
    case .groups(let start, let endGroup):
      location(start)
      integer(endGroup - start.group)
    case .range(let start, let end):
      location(start)
      integer(end.group - start.group)
      integer(end.object)
    }
  }

  private mutating func typedFilter(_ filter: LocationFilter) {
    switch filter {
    case .none: integer(0)
    case .relative(let groups):
      integer(1)
      integer(groups)
    case .start(let start):
      integer(2)
      location(start)
    case .groups(let start, let endGroup):
      integer(3)
      location(start)
      integer(endGroup - start.group)
    case .range(let start, let end):
      integer(4)
      location(start)
      integer(end.group - start.group)
      integer(end.object)
    case .nextObject: integer(5)
    }
  }
}
