package import Wire

/// What a unidirectional stream says first.
///
/// MOQT §"Data Streams".
package enum StreamHeader: Hashable, Sendable {
  case subgroup(SubgroupHeader)
  /// Objects of a FETCH, or the fill of a subscription (20 and later).
  case fetch(requestID: UInt64)
  /// The peer's control stream; its type is not consumed, for it is that of the SETUP message.
  case control
  /// Bytes to be thrown away (18 and later).
  case padding

  static let fetchType: UInt64 = 0x05
  static let paddingStreamType: UInt64 = 0x132b_3e28
}

/// How a subgroup stream names its subgroup.
package enum SubgroupIdentity: Hashable, Sendable {
  /// The id is 0 and not written.
  case zero
  /// The id is that of the first object and not written.
  case firstObject
  /// The id is written.
  case explicit(UInt64)
}

/// SUBGROUP_HEADER.
///
/// MOQT §"Subgroup Header".
package struct SubgroupHeader: Hashable, Sendable {
  /// What data streams and datagrams call the track.
  package var trackAlias: UInt64
  /// The group's id.
  package var group: UInt64
  /// How the subgroup is named.
  package var subgroup: SubgroupIdentity
  /// Nil inherits the track's priority (16 and later).
  package var priority: UInt8?
  /// Every object has a properties block.
  package var hasProperties: Bool
  /// The last object before FIN is the last of the group.
  package var endsGroup: Bool
  /// The first object here is the first of the subgroup (18 and later).
  package var startsSubgroup: Bool

  /// Joins the parts.
  package init(
    trackAlias: UInt64,
    group: UInt64,
    subgroup: SubgroupIdentity = .zero,
    priority: UInt8? = 128,
    hasProperties: Bool = false,
    endsGroup: Bool = false,
    startsSubgroup: Bool = false
  ) {
    self.trackAlias = trackAlias
    self.group = group
    self.subgroup = subgroup
    self.priority = priority
    self.hasProperties = hasProperties
    self.endsGroup = endsGroup
    self.startsSubgroup = startsSubgroup
  }

  fileprivate enum Bit {
    static let properties: UInt64 = 0x01
    static let identity: UInt64 = 0x06
    static let endOfGroup: UInt64 = 0x08
    static let subgroup: UInt64 = 0x10
    static let defaultPriority: UInt64 = 0x20
    static let firstObject: UInt64 = 0x40
  }
}

extension StreamHeader {
  /// Reads the beginning of a unidirectional stream.
  package static func decode(_ reader: inout DraftReader) throws(CodingError) -> StreamHeader {
    let start = reader
    let type = try reader.integer()
    switch type {
    case fetchType: return .fetch(requestID: try reader.integer())
    case ControlDecoder.setupType where reader.profile.topology == .streamPerRequest:
      reader = start
      return .control
    case paddingStreamType where reader.profile.padding: return .padding
    default: return .subgroup(try reader.subgroupHeader(type))
    }
  }

  /// Writes the beginning of a unidirectional stream.
  package func encode(for draft: Draft) -> Bytes {
    var writer = DraftWriter(draft: draft)
    switch self {
    case .subgroup(let header): writer.subgroupHeader(header)
    case .fetch(let requestID):
      writer.integer(Self.fetchType)
      writer.integer(requestID)
    case .control: break
    case .padding: writer.integer(Self.paddingStreamType)
    }
    return writer.bytes
  }
}

extension DraftReader {
  fileprivate mutating func subgroupHeader(
    _ type: UInt64
  ) throws(CodingError) -> SubgroupHeader {
    typealias Bit = SubgroupHeader.Bit
    let mode = (type & Bit.identity) >> 1
    guard type & Bit.subgroup != 0, type & ~(profile.subgroupMask | Bit.subgroup) == 0, mode != 3
    else { throw .protocolViolation("unknown stream type 0x\(String(type, radix: 16))") }
    let alias = try integer()
    let group = try integer()
    let subgroup: SubgroupIdentity =
      switch mode {
      case 0: .zero
      case 1: .firstObject
      default: .explicit(try integer())
      }
    return SubgroupHeader(
      trackAlias: alias,
      group: group,
      subgroup: subgroup,
      priority: type & Bit.defaultPriority == 0 ? try byte() : nil,
      hasProperties: type & Bit.properties != 0,
      endsGroup: type & Bit.endOfGroup != 0,
      startsSubgroup: type & Bit.firstObject != 0
    )
  }
}

extension DraftWriter {
  fileprivate mutating func subgroupHeader(_ header: SubgroupHeader) {
    typealias Bit = SubgroupHeader.Bit
    var type = Bit.subgroup
    if header.hasProperties { type |= Bit.properties }
    if header.endsGroup { type |= Bit.endOfGroup }
    if header.startsSubgroup, profile.subgroupMask & Bit.firstObject != 0 {
      type |= Bit.firstObject
    }
    // Without inheritance the default is written out.
    let priority = header.priority ?? (profile.defaultPriority ? nil : 128)
    if priority == nil { type |= Bit.defaultPriority }
    switch header.subgroup {
    case .zero: break
    case .firstObject: type |= 1 << 1
    case .explicit: type |= 2 << 1
    }
    integer(type)
    integer(header.trackAlias)
    integer(header.group)
    if case .explicit(let id) = header.subgroup { integer(id) }
    if let priority { byte(priority) }
  }
}
