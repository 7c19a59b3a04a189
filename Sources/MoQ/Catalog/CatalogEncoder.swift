import FoundationEssentials
package import Wire

extension Catalog {
  /// The catalog as MSF draft-01 writes it: initialization in `initDataList`, each once.
  ///
  /// Keys are sorted, so equal catalogs are equal bytes.
  package func encode() -> Bytes {
    var lists: [JSONValue] = []
    var ids: [Bytes: String] = [:]
    for track in tracks {
      guard case .data(let bytes)? = track.initialization, ids[bytes] == nil else { continue }
      let id = "init\(ids.count)"
      ids[bytes] = id
      lists.append(
        .object([
          "id": .string(id), "type": .string("inline"), "data": .string(encodeBase64(bytes)),
        ])
      )
    }
    var root: [String: JSONValue] = [
      "version": .string("draft-01"), "tracks": .array(tracks.map { $0.encoded(ids) }),
    ]
    root["generatedAt"] = generatedAtMilliseconds.map { .integer($0) }
    if isComplete { root["isComplete"] = .boolean(true) }
    if !lists.isEmpty { root["initDataList"] = .array(lists) }
    return JSONValue.object(root).encoded()
  }
}

extension JSONValue {
  /// The value as compact text with sorted keys.
  func encoded() -> Bytes {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    guard let data = try? encoder.encode(self) else {
      preconditionFailure("texts and finite numbers are always JSON")
    }
    return Bytes(Array(data))
  }
}

extension CatalogTrack {
  fileprivate func encoded(_ initializations: [Bytes: String]) -> JSONValue {
    var members: [String: JSONValue] = [
      "name": .string(name), "packaging": .string(packaging.text), "isLive": .boolean(isLive),
    ]
    func set(_ key: String, _ value: Int64?) { members[key] = value.map { .integer($0) } }
    func set(_ key: String, _ value: String?) { members[key] = value.map { .string($0) } }
    set("namespace", namespace)
    set("eventType", eventType)
    set("role", role)
    set("label", label)
    set("lang", language)
    set("codec", codec)
    set("mimeType", mimeType)
    set("channelConfig", channelConfiguration)
    set("targetLatency", targetLatencyMilliseconds)
    set("renderGroup", renderGroup)
    set("altGroup", altGroup)
    set("timescale", timescale)
    set("bitrate", bitrate)
    set("avgBitrate", averageBitrate)
    set("maxGopDuration", maxGOPDurationMilliseconds)
    set("maxGroupDuration", maxGroupDurationMilliseconds)
    set("width", width)
    set("height", height)
    set("displayWidth", displayWidth)
    set("displayHeight", displayHeight)
    set("samplerate", sampleRate)
    set("trackDuration", trackDurationMilliseconds)
    set("maxGrpSapStartingType", maxGroupSAPStartingType)
    set("maxObjSapStartingType", maxObjectSAPStartingType)
    set("locmafVersion", locmafVersion)
    if !depends.isEmpty { members["depends"] = .array(depends.map { .string($0) }) }
    if let framerate = framerateThousandths {
      members["framerate"] =
        framerate.isMultiple(of: 1000)
        ? .integer(framerate / 1000) : .fraction(Double(framerate) / 1000)
    }
    switch initialization {
    case .data(let bytes)?: set("initRef", initializations[bytes])
    case .track(let name)?: set("initTrack", name)
    case .trackProperty?, .objectProperty?, nil: break
    }
    return .object(members)
  }
}
