package import Wire

/// Turns the bytes after a SUBGROUP_HEADER into objects, as they arrive.
///
/// A payload is copied once, into storage of its own.
package struct SubgroupDecoder {
  /// The header of the stream.
  package let header: SubgroupHeader
  private let draft: Draft
  private let limits: ObjectLimits
  private let priority: UInt8
  private var input: StreamInput
  private var phase = Phase.identity
  private var previousID: UInt64?
  private var subgroup: UInt64?
  private var properties = Properties()

  private enum Phase {
    case identity
    case properties(id: UInt64, length: UInt64)
    case length(id: UInt64)
    case payload(id: UInt64, length: UInt64)
  }

  /// Starts after a header; `defaultPriority` is the track's, for headers that have none.
  package init(
    header: SubgroupHeader,
    draft: Draft,
    defaultPriority: UInt8 = 128,
    limits: ObjectLimits = ObjectLimits()
  ) {
    self.init(
      header: header,
      draft: draft,
      defaultPriority: defaultPriority,
      limits: limits,
      input: StreamInput()
    )
  }

  init(
    header: SubgroupHeader,
    draft: Draft,
    defaultPriority: UInt8,
    limits: ObjectLimits,
    input: StreamInput
  ) {
    self.header = header
    self.draft = draft
    self.limits = limits
    self.input = input
    priority = header.priority ?? defaultPriority
    switch header.subgroup {
    case .zero: subgroup = 0
    case .explicit(let id): subgroup = id
    case .firstObject: subgroup = nil
    }
  }

  /// Where the payload is gathered that is not complete.
  var room: StreamRoom? { input.room }
  /// What is held for an object that is not complete.
  package var bufferedBytes: Int { input.bufferedBytes }
  /// The subgroup's id; nil until the first object has said it.
  package var subgroupID: UInt64? { subgroup }

  /// Whether the stream may end here: between two objects.
  package var isBetweenObjects: Bool {
    if case .identity = phase { input.isEmpty } else { false }
  }

  /// Takes the next bytes of the stream.
  package mutating func receive(_ bytes: Bytes) { input.append(bytes) }

  /// The next object; nil when more bytes are needed.
  package mutating func next() throws(DataStreamError) -> Object? {
    while true {
      switch phase {
      case .identity:
        guard let (id, length) = try readIdentity() else { return nil }
        phase = length.map { .properties(id: id, length: $0) } ?? .length(id: id)
      case .properties(let id, let length):
        guard
          let block = try input.takeProperties(
            length,
            limit: limits.propertyBytes,
            draft: draft
          )
        else { return nil }
        properties = block
        phase = .length(id: id)
      case .length(let id):
        guard let (length, status) = try readLength() else { return nil }
        if length == 0 { return try complete(id, status: status, payload: []) }
        phase = .payload(id: id, length: length)
      case .payload(let id, let length):
        guard let payload = try input.takePayload(length, limit: limits.payloadBytes) else {
          return nil
        }
        return try complete(id, status: .normal, payload: payload)
      }
    }
  }

  /// Reads the id, and the length of the properties where there are some.
  private mutating func readIdentity() throws(DataStreamError) -> (UInt64, UInt64?)? {
    let previous = previousID
    let hasProperties = header.hasProperties
    return try input.parseData(draft: draft) { (reader) throws(CodingError) in
      var id = try reader.integer()
      if let previous {
        let (sum, overflow) = previous.addingReportingOverflow(id)
        let (next, overflowToo) = sum.addingReportingOverflow(1)
        guard !overflow, !overflowToo else {
          throw .protocolViolation("object id after \(previous) overflows")
        }
        id = next
      }
      return (id, hasProperties ? try reader.integer() : nil)
    }
  }

  private mutating func readLength() throws(DataStreamError) -> (UInt64, ObjectStatus)? {
    try input.parseData(draft: draft) { (reader) throws(CodingError) in
      let length = try reader.integer()
      return (length, length == 0 ? try reader.objectStatus() : .normal)
    }
  }

  private mutating func complete(
    _ id: UInt64,
    status: ObjectStatus,
    payload: Bytes
  ) throws(DataStreamError) -> Object {
    if status != .normal, !properties.isEmpty, status == .doesNotExist || draft != .draft14 {
      throw .violation(.protocolViolation, "status \(status.rawValue) with properties")
    }
    let subgroup = subgroup ?? id
    self.subgroup = subgroup
    previousID = id
    phase = .identity
    defer { properties = Properties() }
    return Object(
      group: header.group,
      id: id,
      subgroup: subgroup,
      priority: priority,
      properties: properties,
      status: status,
      payload: payload
    )
  }
}

extension DraftReader {
  mutating func objectStatus() throws(CodingError) -> ObjectStatus {
    let value = try integer()
    guard let status = ObjectStatus(rawValue: value),
      status != .doesNotExist || profile.doesNotExistStatus
    else { throw .protocolViolation("object status \(value)") }
    return status
  }
}
