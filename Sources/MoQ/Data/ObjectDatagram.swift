package import Wire

/// One object in one datagram.
///
/// MOQT §"Object Datagram".
package struct ObjectDatagram: Hashable, Sendable {
  /// What data streams and datagrams call the track.
  package var trackAlias: UInt64
  /// The object; its subgroup is nil.
  ///
  /// The priority counts only when it is not inherited.
  package var object: Object
  /// The priority is the track's and not written (16 and later).
  package var inheritsPriority: Bool
  /// No object of the group follows this one.
  package var endsGroup: Bool

  /// Joins the parts.
  package init(
    trackAlias: UInt64,
    object: Object,
    inheritsPriority: Bool = false,
    endsGroup: Bool = false
  ) {
    self.trackAlias = trackAlias
    self.object = object
    self.inheritsPriority = inheritsPriority
    self.endsGroup = endsGroup
  }

  private enum Bit {
    static let properties: UInt64 = 0x01
    static let endOfGroup: UInt64 = 0x02
    static let objectIsZero: UInt64 = 0x04
    static let defaultPriority: UInt64 = 0x08
    static let status: UInt64 = 0x20
  }

  private static let paddingType: UInt64 = 0x132b_3e29

  /// Reads a datagram; nil when it is padding.
  package static func decode(
    _ bytes: Bytes,
    draft: Draft,
    defaultPriority: UInt8 = 128
  ) throws(CodingError) -> ObjectDatagram? {
    var reader = DraftReader(bytes, draft: draft)
    let type = try reader.integer()
    if type == paddingType, reader.profile.padding { return nil }
    var allowed = Bit.properties | Bit.endOfGroup | Bit.objectIsZero | Bit.status
    if reader.profile.defaultPriority { allowed |= Bit.defaultPriority }
    let isStatus = type & Bit.status != 0
    // A status has no end-of-group bit, and draft 14 writes the id before a status.
    let forbidden =
      !isStatus ? 0 : draft == .draft14 ? Bit.endOfGroup | Bit.objectIsZero : Bit.endOfGroup
    guard type & ~allowed == 0, type & forbidden == 0 else {
      throw .protocolViolation("datagram type 0x\(String(type, radix: 16))")
    }
    let alias = try reader.integer()
    let group = try reader.integer()
    let id = type & Bit.objectIsZero == 0 ? try reader.integer() : 0
    let inherits = type & Bit.defaultPriority != 0
    var object = Object(
      group: group,
      id: id,
      subgroup: nil,
      priority: inherits ? defaultPriority : try reader.byte()
    )
    if type & Bit.properties != 0 { object.properties = try reader.datagramProperties() }
    if isStatus {
      object.status = try reader.objectStatus()
      guard reader.isAtEnd else {
        throw .protocolViolation("\(reader.remaining) bytes after a datagram's status")
      }
    } else {
      object.payload = reader.rest()
    }
    return ObjectDatagram(
      trackAlias: alias,
      object: object,
      inheritsPriority: inherits,
      endsGroup: type & Bit.endOfGroup != 0
    )
  }

  /// Writes the datagram.
  package func encode(for draft: Draft) -> Bytes {
    let profile = draft.profile
    let isStatus = object.status != .normal
    let inherits = inheritsPriority && profile.defaultPriority
    let omitsID = object.id == 0 && !(isStatus && draft == .draft14)
    var type: UInt64 = 0
    if !object.properties.isEmpty { type |= Bit.properties }
    if endsGroup, !isStatus { type |= Bit.endOfGroup }
    if omitsID { type |= Bit.objectIsZero }
    if inherits { type |= Bit.defaultPriority }
    if isStatus { type |= Bit.status }
    var writer = DraftWriter(draft: draft)
    writer.integer(type)
    writer.integer(trackAlias)
    writer.integer(object.group)
    if !omitsID { writer.integer(object.id) }
    if !inherits { writer.byte(object.priority) }
    if !object.properties.isEmpty {
      writer.lengthPrefixed { $0.keyValuePairs(object.properties.pairs) }
    }
    if isStatus { writer.integer(object.status.rawValue) } else { writer.raw(object.payload) }
    return writer.bytes
  }
}

extension DraftReader {
  fileprivate mutating func datagramProperties() throws(CodingError) -> Properties {
    let block = try lengthPrefixed(limit: 0xffff, "datagram properties")
    guard !block.isEmpty || draft != .draft14 else {
      throw .protocolViolation("datagram with a properties block of no bytes")
    }
    var inner = DraftReader(block, draft: draft)
    do throws(CodingError) { return try inner.propertiesToEnd() } catch {
      throw error.inWhole("properties", .keyValueFormattingError)
    }
  }
}
