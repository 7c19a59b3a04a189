import Wire

extension CatalogDelta {
  /// Reads the changes of any MSF draft; nil when the document is no delta.
  init?(_ root: JSONValue, limits: CatalogLimits) throws(CatalogError) {
    operations = []
    if case .integer(let time)? = root["generatedAt"] { generatedAtMilliseconds = time }
    if let list = root["deltaUpdate"]?.elements {
      for entry in list {
        guard case .string(let operation)? = entry["op"] else {
          throw .field("deltaUpdate", value: "an entry without op")
        }
        try append(operation, entry["tracks"], limits)
      }
      return
    }
    // MSF-00 and WARP: three lists. The order of their keys is lost in parsing; the draft's own
    // idiom is to name the new track first and then to drop the old one.
    let lists = [("add", "addTracks"), ("clone", "cloneTracks"), ("remove", "removeTracks")]
    guard root["deltaUpdate"] == .boolean(true) || lists.contains(where: { root[$0.1] != nil })
    else { return nil }
    for (operation, key) in lists {
      if let tracks = root[key] { try append(operation, tracks, limits) }
    }
  }

  private mutating func append(
    _ operation: String,
    _ tracks: JSONValue?,
    _ limits: CatalogLimits
  ) throws(CatalogError) {
    guard let elements = tracks?.elements else {
      throw .field("tracks of \(operation)", value: tracks?.summary ?? "missing")
    }
    guard operations.count + elements.count <= limits.tracks * 2 else {
      throw .tooManyTracks(count: operations.count + elements.count, limit: limits.tracks * 2)
    }
    for element in elements {
      guard case .object(var members) = element else {
        throw .field("tracks of \(operation)", value: element.summary)
      }
      let name = if case .string(let name)? = members["name"] { name } else { nil as String? }
      let parent =
        if case .string(let name)? = members["parentName"] { name } else { nil as String? }
      members["parentName"] = nil
      members["parentNamespace"] = nil
      switch operation {
      case "add": operations.append(.add(members))
      case "remove":
        guard let name else { throw .field("name of a removed track", value: "missing") }
        let namespace =
          if case .string(let text)? = members["namespace"] { text } else { nil as String? }
        operations.append(.remove(name: name, namespace: namespace))
      case "clone":
        guard let parent else { throw .field("parentName of a clone", value: "missing") }
        operations.append(.clone(parent: parent, members))
      case "update":
        // The draft's text keys updates by parentName, its example by name.
        guard let target = parent ?? name else {
          throw .field("name of an updated track", value: "missing")
        }
        operations.append(.update(name: target, members))
      default: throw .field("op", value: "\"\(operation.prefix(60))\"")
      }
    }
  }
}

extension Catalog {
  /// This catalog with changes applied; on an error nothing is changed and the catalog keeps until
  /// the next whole one.
  package func applying(
    _ delta: CatalogDelta,
    limits: CatalogLimits = CatalogLimits()
  ) throws(CatalogError) -> (Catalog, [CatalogProblem]) {
    var result = self
    var problems: [CatalogProblem] = []
    for operation in delta.operations {
      try result.apply(operation, &problems)
      guard result.tracks.count <= limits.tracks else {
        throw .tooManyTracks(count: result.tracks.count, limit: limits.tracks)
      }
    }
    result.document = nil
    if let time = delta.generatedAtMilliseconds { result.generatedAtMilliseconds = time }
    return (result, problems)
  }

  private mutating func apply(
    _ operation: CatalogDelta.Operation,
    _ problems: inout [CatalogProblem]
  ) throws(CatalogError) {
    switch operation {
    case .add(let members): try add(members, &problems)
    case .remove(let name, let namespace):
      guard
        let index = tracks.firstIndex(where: {
          $0.name == name && (namespace == nil || $0.namespace == namespace)
        })
      else { throw .unknownTrack(operation: "remove", name: name) }
      tracks.remove(at: index)
    case .clone(let parent, let overrides):
      guard let origin = tracks.first(where: { $0.name == parent }) else {
        throw .unknownTrack(operation: "clone", name: parent)
      }
      try add(origin.members.merging(overrides) { _, new in new }, &problems)
    case .update(let name, let overrides):
      guard let index = tracks.firstIndex(where: { $0.name == name }) else {
        throw .unknownTrack(operation: "update", name: name)
      }
      let members = tracks[index].members.merging(overrides) { _, new in new }
      if let track = read(track: members, index: index, &problems) { tracks[index] = track }
    }
  }

  private mutating func add(
    _ members: [String: JSONValue],
    _ problems: inout [CatalogProblem]
  ) throws(CatalogError) {
    guard let track = read(track: members, index: tracks.count, &problems) else { return }
    guard !tracks.contains(where: { $0.name == track.name && $0.namespace == track.namespace })
    else { throw .duplicateTrack(name: track.name) }
    tracks.append(track)
  }
}
