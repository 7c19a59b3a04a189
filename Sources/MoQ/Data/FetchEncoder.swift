package import Wire

/// Writes the objects of a FETCH stream: groups ascending or descending, the objects of a group ascending.
package struct FetchEncoder {
  private let requestID: UInt64
  private let draft: Draft
  private let groupOrder: GroupOrder
  private var prior = FetchPrior()

  /// Starts the stream of a request; the group order is what the request asks for.
  package init(requestID: UInt64, draft: Draft, groupOrder: GroupOrder = .ascending) {
    self.requestID = requestID
    self.draft = draft
    self.groupOrder = groupOrder
  }

  /// The bytes that open the stream.
  package var headerBytes: Bytes { StreamHeader.fetch(requestID: requestID).encode(for: draft) }

  /// An object or a gap with everything that belongs to it.
  ///
  /// Traps when the order is another one, or when draft 14 is to say a gap.
  package mutating func encode(_ item: FetchItem) -> Bytes {
    var writer = DraftWriter(draft: draft)
    switch item {
    case .gap(let location, let gap):
      precondition(draft != .draft14, "draft 14 has no markers")
      writer.integer(gap.rawValue)
      writer.location(location)
      prior.location = location
    case .object(let object):
      switch draft.profile.fetchObject {
      case .absolute: writeAbsolute(object, &writer)
      case .flagsAndAbsolute: writeEveryField(object, &writer)
      case .flagsAndDelta: writeDifferences(object, &writer)
      }
      writer.integer(UInt64(object.payload.count))
      if draft == .draft14, object.payload.isEmpty { writer.integer(object.status.rawValue) }
      writer.raw(object.payload)
      prior.follow(object)
    }
    return writer.bytes
  }

  private func writeAbsolute(_ object: Object, _ writer: inout DraftWriter) {
    writer.integer(object.group)
    writer.integer(object.subgroup ?? 0)
    writer.integer(object.id)
    writer.byte(object.priority)
    writer.lengthPrefixed { $0.keyValuePairs(object.properties.pairs) }
  }

  private func writeEveryField(_ object: Object, _ writer: inout DraftWriter) {
    var flags = FetchFlag.groupID | FetchFlag.objectID | FetchFlag.priority
    flags |= object.subgroup == nil ? FetchFlag.datagram : FetchFlag.subgroupMode
    if !object.properties.isEmpty { flags |= FetchFlag.properties }
    writer.integer(flags)
    writer.integer(object.group)
    if let subgroup = object.subgroup { writer.integer(subgroup) }
    writer.integer(object.id)
    writer.byte(object.priority)
    writeProperties(object, &writer)
  }

  private func writeDifferences(_ object: Object, _ writer: inout DraftWriter) {
    var flags: UInt64 = 0
    var subgroup: UInt64?
    switch object.subgroup {
    case nil: flags |= FetchFlag.datagram
    case 0: break
    case let id? where prior.subgroup == id: flags |= 1
    case let id? where prior.subgroup == id - 1: flags |= 2
    case let id?:
      flags |= 3
      subgroup = id
    }
    var group: UInt64?
    var id: UInt64?
    if let location = prior.location, location.group == object.group {
      precondition(object.id > location.object, "objects of a FETCH ascend")
      if object.id != location.object + 1 { id = object.id - location.object }
    } else {
      if let location = prior.location {
        let (from, to) =
          groupOrder == .ascending
          ? (location.group, object.group) : (object.group, location.group)
        precondition(from < to, "groups of a FETCH go one way")
        group = to - from - 1
      } else {
        group = object.group
      }
      id = object.id
    }
    if group != nil { flags |= FetchFlag.groupID }
    if id != nil { flags |= FetchFlag.objectID }
    if prior.priority != object.priority { flags |= FetchFlag.priority }
    if !object.properties.isEmpty { flags |= FetchFlag.properties }
    writer.integer(flags)
    if let group { writer.integer(group) }
    if let subgroup { writer.integer(subgroup) }
    if let id { writer.integer(id) }
    if prior.priority != object.priority { writer.byte(object.priority) }
    writeProperties(object, &writer)
  }

  private func writeProperties(_ object: Object, _ writer: inout DraftWriter) {
    guard !object.properties.isEmpty else { return }
    writer.lengthPrefixed { $0.keyValuePairs(object.properties.pairs) }
  }
}
