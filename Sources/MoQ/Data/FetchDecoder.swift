package import Wire

/// What a FETCH stream holds.
package enum FetchItem: Hashable, Sendable {
  case object(Object)
  /// Nothing between the item before and this location, which is included, will come.
  case gap(through: Location, FetchGap)
}

/// Why a range of a FETCH response has no objects.
///
/// MOQT §"Fetch Header".
package enum FetchGap: UInt64, Sendable {
  case doesNotExist = 0x8c
  case unknown = 0x10c
  case timedOut = 0x20c
}

/// Turns the bytes after a FETCH_HEADER into objects, as they arrive.
package struct FetchDecoder {
  private let draft: Draft
  private let limits: ObjectLimits
  private let isDescending: Bool
  private var input: StreamInput
  private var prior = FetchPrior()
  private var phase = Phase.identity

  private enum Phase {
    case identity
    case properties(Object, length: UInt64)
    case length(Object)
    case payload(Object, length: UInt64)
  }

  private enum Head {
    case object(Object, propertyLength: UInt64?)
    case gap(Location, FetchGap)
  }

  /// Starts after a header; the group order is that of the request.
  package init(
    draft: Draft,
    isDescending: Bool = false,
    limits: ObjectLimits = ObjectLimits()
  ) {
    self.init(draft: draft, isDescending: isDescending, limits: limits, input: StreamInput())
  }

  init(draft: Draft, isDescending: Bool, limits: ObjectLimits, input: StreamInput) {
    self.draft = draft
    self.isDescending = isDescending
    self.limits = limits
    self.input = input
  }

  /// What is held for an object that is not complete.
  package var bufferedBytes: Int { input.bufferedBytes }

  /// Whether the stream may end here: between two objects.
  package var isBetweenObjects: Bool {
    if case .identity = phase { input.isEmpty } else { false }
  }

  /// Takes the next bytes of the stream.
  package mutating func receive(_ bytes: Bytes) { input.append(bytes) }

  /// The next object or gap; nil when more bytes are needed.
  package mutating func next() throws(DataStreamError) -> FetchItem? {
    while true {
      switch phase {
      case .identity:
        guard let head = try readHead() else { return nil }
        switch head {
        case .gap(let location, let gap):
          prior.location = location
          return .gap(through: location, gap)
        case .object(let object, let length):
          phase = length.map { .properties(object, length: $0) } ?? .length(object)
        }
      case .properties(var object, let length):
        guard
          let block = try input.takeProperties(
            length,
            limit: limits.propertyBytes,
            draft: draft
          )
        else { return nil }
        object.properties = block
        phase = .length(object)
      case .length(var object):
        guard let (length, status) = try readLength() else { return nil }
        if length == 0 {
          object.status = status
          return complete(object)
        }
        phase = .payload(object, length: length)
      case .payload(var object, let length):
        guard let payload = try input.takePayload(length, limit: limits.payloadBytes) else {
          return nil
        }
        object.payload = payload
        return complete(object)
      }
    }
  }

  private mutating func complete(_ object: Object) -> FetchItem {
    prior.follow(object)
    phase = .identity
    return .object(object)
  }

  private mutating func readLength() throws(DataStreamError) -> (UInt64, ObjectStatus)? {
    let hasStatus = draft == .draft14
    return try input.parseData(draft: draft) { (reader) throws(CodingError) in
      let length = try reader.integer()
      return (length, length == 0 && hasStatus ? try reader.objectStatus() : .normal)
    }
  }

  private mutating func readHead() throws(DataStreamError) -> Head? {
    let prior = prior
    let isDescending = isDescending
    return try input.parseData(draft: draft) { (reader) throws(CodingError) -> Head in
      guard reader.profile.fetchObject != .absolute else {
        let location = Location(group: try reader.integer(), object: 0)
        let subgroup = try reader.integer()
        let object = Object(
          group: location.group,
          id: try reader.integer(),
          subgroup: subgroup,
          priority: try reader.byte()
        )
        return .object(object, propertyLength: try reader.integer())
      }
      let flags = try reader.integer()
      guard flags < 0x80 else {
        guard let gap = FetchGap(rawValue: flags),
          gap != .timedOut || reader.profile.timedOutMarker
        else { throw .protocolViolation("fetch flags 0x\(String(flags, radix: 16))") }
        return .gap(try reader.location(), gap)
      }
      let object = try reader.fetchObject(flags, prior: prior, isDescending: isDescending)
      let hasProperties = flags & FetchFlag.properties != 0
      return .object(object, propertyLength: hasProperties ? try reader.integer() : nil)
    }
  }
}

/// What the fields of a FETCH object refer back to.
struct FetchPrior {
  /// Of the last object or marker.
  var location: Location?
  /// Of the last object that had one.
  var subgroup: UInt64?
  var priority: UInt8?

  mutating func follow(_ object: Object) {
    location = object.location
    if let id = object.subgroup { subgroup = id }
    priority = object.priority
  }
}

/// Bits of the flags before a FETCH object, from draft 16 on.
enum FetchFlag {
  static let subgroupMode: UInt64 = 0x03
  static let objectID: UInt64 = 0x04
  static let groupID: UInt64 = 0x08
  static let priority: UInt64 = 0x10
  static let properties: UInt64 = 0x20
  static let datagram: UInt64 = 0x40
}

extension DraftReader {
  /// Reads what the flags announce, up to the priority.
  fileprivate mutating func fetchObject(
    _ flags: UInt64,
    prior: FetchPrior,
    isDescending: Bool
  ) throws(CodingError) -> Object {
    let group = try fetchGroup(flags, prior: prior, isDescending: isDescending)
    let subgroup: UInt64?
    if flags & FetchFlag.datagram != 0 {
      subgroup = nil
    } else {
      switch flags & FetchFlag.subgroupMode {
      case 0: subgroup = 0
      case 3: subgroup = try integer()
      case let mode:
        guard let priorSubgroup = prior.subgroup else {
          throw .protocolViolation("fetch object refers to a subgroup before it")
        }
        let (next, overflow) = priorSubgroup.addingReportingOverflow(mode - 1)
        guard !overflow else { throw .protocolViolation("fetch subgroup id overflows") }
        subgroup = next
      }
    }
    let id = try fetchObjectID(flags, prior: prior)
    let priority: UInt8
    if flags & FetchFlag.priority != 0 {
      priority = try byte()
    } else if let priorPriority = prior.priority {
      priority = priorPriority
    } else {
      throw .protocolViolation("fetch object refers to a priority before it")
    }
    return Object(group: group, id: id, subgroup: subgroup, priority: priority)
  }

  private mutating func fetchGroup(
    _ flags: UInt64,
    prior: FetchPrior,
    isDescending: Bool
  ) throws(CodingError) -> UInt64 {
    guard flags & FetchFlag.groupID != 0 else {
      guard let location = prior.location else {
        throw .protocolViolation("first fetch object without a group id")
      }
      return location.group
    }
    let field = try integer()
    guard profile.fetchObject == .flagsAndDelta, let location = prior.location else {
      return field
    }
    let (step, overflow) = field.addingReportingOverflow(1)
    let (group, overflowToo) =
      isDescending
      ? location.group.subtractingReportingOverflow(step)
      : location.group.addingReportingOverflow(step)
    guard !overflow, !overflowToo else { throw .protocolViolation("fetch group id overflows") }
    return group
  }

  private mutating func fetchObjectID(
    _ flags: UInt64,
    prior: FetchPrior
  ) throws(CodingError) -> UInt64 {
    guard flags & FetchFlag.objectID != 0 else {
      guard let location = prior.location else {
        throw .protocolViolation("first fetch object without an object id")
      }
      let (id, overflow) = location.object.addingReportingOverflow(1)
      guard !overflow else { throw .protocolViolation("fetch object id overflows") }
      return id
    }
    let field = try integer()
    guard profile.fetchObject == .flagsAndDelta, flags & FetchFlag.groupID == 0,
      let location = prior.location
    else { return field }
    // Unlike on subgroup streams, the difference is not to the id after the one before.
    let (id, overflow) = location.object.addingReportingOverflow(field)
    guard !overflow else { throw .protocolViolation("fetch object id overflows") }
    return id
  }
}
