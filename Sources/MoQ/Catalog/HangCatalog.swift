import FoundationEssentials
package import Wire

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
      found = renditions.filter { $0.value != .null }.sorted { $0.key < $1.key }
        .map { ($0.key, $0.value) }
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
    members[zeroMember] = config["timeline"].flatMap { zero($0) }.map { .integer($0) }
    if role == "video", !isAlone { members["altGroup"] = .integer(1) }
    return members
  }
}

extension HangCatalog {
  /// What MSF has no member for: UTC of media time 0, in microseconds since 1970.
  static let zeroMember = "hang:zeroMicroseconds"

  /// UTC of media time 0 by a timeline: in units of its scale since 2020-01-01; nil when it does not say,
  /// or says what no clock shows.
  private static func zero(_ timeline: JSONValue) -> Int64? {
    guard case .integer(let wall)? = timeline["wall"] else { return nil }
    let scale =
      if case .integer(let scale)? = timeline["timescale"] { scale } else { 1000 as Int64 }
    guard scale > 0 else { return nil }
    let microseconds = Int128(wall) * 1_000_000 / Int128(scale)
    return Int64(exactly: microseconds + 1_577_836_800_000_000)
  }
}

extension Catalog {
  /// The catalog as hang writes it; tracks of other packagings than its own are left out.
  ///
  /// Keys are sorted, so equal catalogs are equal bytes.
  package func encodeForHang() -> Bytes {
    var media: [String: [String: JSONValue]] = ["video": [:], "audio": [:]]
    for track in tracks {
      guard let role = track.role, media[role] != nil, let config = track.encodedForHang() else {
        continue
      }
      media[role]?[track.name] = config
    }
    let root = media.filter { !$0.value.isEmpty }.mapValues { renditions in
      JSONValue.object(["renditions": .object(renditions)])
    }
    return JSONValue.object(root).encoded()
  }
}

extension CatalogTrack {
  fileprivate func encodedForHang() -> JSONValue? {
    var members: [String: JSONValue] = [:]
    func set(_ key: String, _ value: Int64?) { members[key] = value.map { .integer($0) } }
    members["codec"] = codec.map { .string($0) }
    set("codedWidth", width)
    set("codedHeight", height)
    set("sampleRate", sampleRate)
    set("numberOfChannels", channelConfiguration.flatMap { Int64($0) })
    set("bitrate", bitrate)
    members["framerate"] = framerateThousandths.map { .fraction(Double($0) / 1000) }
    let bytes: Bytes? = if case .data(let bytes)? = initialization { bytes } else { nil }
    switch packaging {
    case .cmaf:
      guard let bytes else { return nil }
      members["container"] = .object([
        "kind": .string("cmaf"), "init": .string(encodeBase64(bytes)),
      ])
    case .legacy, .hangLOC:
      members["description"] = bytes.map { .string(hex($0.slice)) }
      members["container"] = .object(["kind": .string(packaging == .legacy ? "legacy" : "loc")])
    default: return nil
    }
    return .object(members)
  }
}
