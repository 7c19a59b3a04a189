import Wire

/// The catalog of hang (`catalog.json`), said in the words of MSF.
///
/// hang §"Catalog": `video` and `audio` have `renditions` by track name; older publishers wrote a list of
/// tracks with a `config` each, or one.
enum HangCatalog {
  /// The members of each track as MSF would have them; nil when the document is no hang catalog.
  static func tracks(_ root: JSONValue) -> [[String: JSONValue]]? {
    guard root["tracks"] == nil, root["video"] != nil || root["audio"] != nil else { return nil }
    return renditions(root["video"], role: "video") + renditions(root["audio"], role: "audio")
  }

  private static func renditions(_ media: JSONValue?, role: String) -> [[String: JSONValue]] {
    guard let media else { return [] }
    var found: [(name: String, config: JSONValue)] = []
    if case .object(let renditions)? = media["renditions"] {
      // The order of keys is lost in parsing; by name it is the same for everybody.
      found = renditions.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
    } else {
      for entry in media.elements ?? [media] {
        guard case .string(let name)? = entry["track"]?["name"], let config = entry["config"]
        else { continue }
        found.append((name, config))
      }
    }
    return found.map { track($0.name, $0.config, role: role, isAlone: found.count == 1) }
  }

  private static func track(
    _ name: String,
    _ config: JSONValue,
    role: String,
    isAlone: Bool
  ) -> [String: JSONValue] {
    var members: [String: JSONValue] = ["name": .string(name), "role": .string(role)]
    let kind = if case .string(let kind)? = config["container"]?["kind"] { kind } else { "legacy" }
    // Its LOC is not MSF's: a block of properties precedes each frame.
    members["packaging"] = .string(kind == "loc" ? CatalogPackaging.hangLOC.text : kind)
    members["initData"] = config["container"]?["init"]
    if members["initData"] == nil, case .string(let digits)? = config["description"],
      let bytes = Bytes(hex: digits)
    {
      members["initData"] = .string(encodeBase64(bytes))
    }
    let names = [
      "codec": "codec", "codedWidth": "width", "codedHeight": "height", "bitrate": "bitrate",
      "framerate": "framerate", "sampleRate": "samplerate", "numberOfChannels": "channelConfig",
      "jitter": "jitter", "broadcast": "broadcast",
    ]
    for (hang, msf) in names { members[msf] = config[hang] }
    if role == "video", !isAlone { members["altGroup"] = .integer(1) }
    return members
  }
}
