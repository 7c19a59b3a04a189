package import Wire

/// What a broadcast consists of, as its catalog track says.
///
/// MSF/CMSF of any draft, catalogformat-01 and hang, told apart by shape and never by version number.
package struct Catalog: Hashable, Sendable {
  /// As written; a number becomes its digits.
  package var version: String?
  /// Milliseconds since 1970.
  package var generatedAtMilliseconds: Int64?
  /// All tracks are finished and none will be added.
  package var isComplete = false
  /// The tracks in the order of the catalog.
  package var tracks: [CatalogTrack]

  /// Initialization by its id, for tracks that later updates add.
  var initializations: [String: CatalogInitialization] = [:]
  /// What every track has unless it says otherwise (catalogformat-01).
  var commonMembers: [String: JSONValue] = [:]
  /// Tracks are described by the shape of catalogformat-01.
  var isCommonFormat = false
  /// The text that it was read from, for patches of it; nil once a delta has changed what it said.
  var document: JSONValue?
  /// Whether it is hang's, where all that follows in a group is a merge patch.
  package var isHang = false

  /// Joins the parts.
  package init(tracks: [CatalogTrack] = [], generatedAtMilliseconds: Int64? = nil) {
    self.tracks = tracks
    self.generatedAtMilliseconds = generatedAtMilliseconds
  }
}

/// What one object of a catalog track holds.
package enum CatalogUpdate: Hashable, Sendable {
  /// A whole catalog, and what of it had to be left out.
  case independent(Catalog, [CatalogProblem])
  /// Changes to the catalog before it.
  case delta(CatalogDelta)
  /// Changes to the text of the catalog before it.
  case patch(JSONPatch)
}

/// Changes to a catalog, in the order in which they apply.
package struct CatalogDelta: Hashable, Sendable {
  /// One change with the members that it gives.
  package enum Operation: Hashable, Sendable {
    case add([String: JSONValue])
    case remove(name: String, namespace: String?)
    case clone(parent: String, [String: JSONValue])
    case update(name: String, [String: JSONValue])
  }

  /// The changes, first to last.
  package var operations: [Operation]
  /// Milliseconds since 1970.
  package var generatedAtMilliseconds: Int64?
}

extension CatalogUpdate {
  /// Reads one object of a catalog track.
  ///
  /// `previous` is the catalog as of the object before it in the same group; nil for the first.
  package static func decode(
    _ bytes: Bytes,
    continuing previous: Catalog? = nil,
    limits: CatalogLimits = CatalogLimits()
  ) throws(CatalogError) -> CatalogUpdate {
    guard bytes.count <= limits.bytes else {
      throw .tooLarge(bytes: bytes.count, limit: limits.bytes)
    }
    if bytes.count >= 2, bytes[0] == 0x1f, bytes[1] == 0x8b { throw .compressed }
    guard let root = JSONValue(parsing: bytes) else { throw .notJSON(start: bytes.prefix(16)) }
    if let patch = try JSONPatch(root, limits: limits.patch) { return .patch(patch) }
    if previous?.isHang == true { return .patch(.merge(root)) }
    if let delta = try CatalogDelta(root, limits: limits) { return .delta(delta) }
    let (catalog, problems) = try Catalog.read(root, limits: limits)
    return .independent(catalog, problems)
  }
}

extension Catalog {
  /// This catalog with its text changed; on an error the catalog keeps until the next whole one.
  package func applying(
    _ patch: JSONPatch,
    limits: CatalogLimits = CatalogLimits()
  ) throws(CatalogError) -> (Catalog, [CatalogProblem]) {
    guard let document else { throw .otherFormat("a patch of a catalog that a delta has changed") }
    return try Self.read(try patch.applied(to: document, limits: limits.patch), limits: limits)
  }

  fileprivate static func read(
    _ root: JSONValue,
    limits: CatalogLimits
  ) throws(CatalogError) -> (Catalog, [CatalogProblem]) {
    guard case .object(var members) = root else { throw .otherFormat(root.summary) }
    var catalog = Catalog()
    catalog.document = root
    if let tracks = HangCatalog.tracks(root) {
      members = ["tracks": .array(tracks.map { .object($0) })]
      catalog.isHang = true
    } else if root["tracks"] == nil, root["catalogs"] != nil {
      throw .otherFormat("a catalog of catalogs")
    }
    let problems = try catalog.read(members, limits: limits)
    return (catalog, problems)
  }

  fileprivate mutating func read(
    _ members: [String: JSONValue],
    limits: CatalogLimits
  ) throws(CatalogError) -> [CatalogProblem] {
    var fields = CatalogFields(members, index: 0)
    version = fields.text("version")
    generatedAtMilliseconds = fields.integer("generatedAt")
    isComplete = fields.boolean("isComplete") ?? false
    guard let list = members["tracks"]?.elements else {
      // Only a finished broadcast may be without tracks.
      guard isComplete, members["tracks"] == nil else {
        throw .field("tracks", value: members["tracks"]?.summary ?? "missing")
      }
      return []
    }
    guard list.count <= limits.tracks else {
      throw .tooManyTracks(count: list.count, limit: limits.tracks)
    }
    if case .object(let common)? = fields.value("commonTrackFields") { commonMembers = common }
    isCommonFormat =
      !commonMembers.isEmpty || members["streamingFormat"] != nil
      || list.contains { $0["selectionParams"] != nil }
    readInitializations(fields.value("initDataList")?.elements ?? [])
    var problems: [CatalogProblem] = []
    for (index, element) in list.enumerated() {
      guard case .object(let track) = element else {
        problems.append(
          CatalogProblem(
            track: "#\(index)",
            field: "tracks",
            value: element.summary,
            isTrackSkipped: true
          )
        )
        continue
      }
      if let track = read(track: track, index: index, &problems) { tracks.append(track) }
    }
    return problems
  }

  private mutating func readInitializations(_ list: [JSONValue]) {
    for element in list {
      guard case .string(let id)? = element["id"], case .string(let data)? = element["data"]
      else { continue }
      let type = if case .string(let type)? = element["type"] { type } else { "inline" }
      switch type {
      case "inline": initializations[id] = decodeBase64(data).map { .data($0) }
      case "track-property": initializations[id] = propertyType(data).map { .trackProperty($0) }
      case "object-property":
        initializations[id] = propertyType(data).map { .objectProperty($0) }
      default: break
      }
    }
  }

  /// A property type in hexadecimal, with or without `0x`.
  private func propertyType(_ text: String) -> UInt64? {
    UInt64(text.hasPrefix("0x") ? text.dropFirst(2) : text[...], radix: 16)
  }

  /// Reads one track; nil, with the reason among the problems, when it cannot be used.
  func read(
    track own: [String: JSONValue],
    index: Int,
    _ problems: inout [CatalogProblem]
  ) -> CatalogTrack? {
    var members = commonMembers.merging(own) { _, own in own }
    if case .object(let selection)? = members["selectionParams"] {
      members.merge(selection) { own, _ in own }
      members["selectionParams"] = nil
    }
    var fields = CatalogFields(members, index: index)
    defer { problems += fields.problems }
    guard let name = fields.text("name"), !name.isEmpty else {
      fields.report("name", members["name"], skipping: true)
      return nil
    }
    guard !isVariable(name) else {
      fields.report("name", .string(name), skipping: true)
      return nil
    }
    var packaging = fields.text("packaging")
    if packaging == nil, isCommonFormat { packaging = "cmaf" }
    guard let packaging else {
      fields.report("packaging", members["packaging"], skipping: true)
      return nil
    }
    var track = CatalogTrack(name: name, packaging: CatalogPackaging(packaging))
    track.members = members
    track.namespace = fields.text("namespace")
    if let namespace = track.namespace, isVariable(namespace) {
      fields.report("namespace", .string(namespace), skipping: true)
      return nil
    }
    track.readFields(&fields)
    track.initialization = initialization(&fields)
    return track
  }

  /// Whether a text has a `%variable%`, which only the URL's fragment could fill.
  private func isVariable(_ text: String) -> Bool {
    text.split(separator: "%", omittingEmptySubsequences: false).count > 2
  }

  private func initialization(_ fields: inout CatalogFields) -> CatalogInitialization? {
    if let reference = fields.text("initRef") {
      if let found = initializations[reference] { return found }
      fields.report("initRef", .string(reference))
    }
    if let data = fields.text("initData") {
      if let bytes = decodeBase64(data) { return .data(bytes) }
      fields.report("initData", .string(data))
    }
    return fields.text("initTrack").map { .track($0) }
  }
}

extension CatalogTrack {
  fileprivate mutating func readFields(_ fields: inout CatalogFields) {
    eventType = fields.text("eventType") ?? fields.text("eventTimelineType")
    isLive = fields.boolean("isLive") ?? true
    targetLatencyMilliseconds = fields.integer("targetLatency")
    buffers = fields.buffers()
    label = fields.text("label")
    renderGroup = fields.integer("renderGroup")
    altGroup = fields.integer("altGroup")
    depends = fields.texts("depends")
    template = fields.template()
    temporalID = fields.integer("temporalId")
    spatialID = fields.integer("spatialId")
    codec = fields.text("codec")
    mimeType = fields.text("mimeType")
    role = fields.text("role") ?? Self.role(mimeType: mimeType, codec: codec)
    framerateThousandths = fields.thousandths("framerate")
    timescale = fields.integer("timescale")
    bitrate = fields.integer("bitrate")
    averageBitrate = fields.integer("avgBitrate")
    maxGOPDurationMilliseconds = fields.integer("maxGopDuration")
    maxGroupDurationMilliseconds = fields.integer("maxGroupDuration")
    width = fields.integer("width")
    height = fields.integer("height")
    displayWidth = fields.integer("displayWidth")
    displayHeight = fields.integer("displayHeight")
    sampleRate = fields.integer("samplerate") ?? fields.integer("sampleRate")
    channelConfiguration = fields.text("channelConfig")
    language = fields.text("lang")
    trackDurationMilliseconds = fields.integer("trackDuration")
    connectionURI = fields.text("connectionUri")
    token = fields.text("token")
    encryptionScheme = fields.text("encryptionScheme")
    cipherSuite = fields.text("cipherSuite")
    keyID = fields.text("keyId")
    trackBaseKey = fields.text("trackBaseKey")
    authInfo = fields.value("authInfo")
    accessibility = fields.accessibility()
    contentProtectionReferences = fields.texts("contentProtectionRefIDs")
    maxGroupSAPStartingType = fields.integer("maxGrpSapStartingType")
    maxObjectSAPStartingType = fields.integer("maxObjSapStartingType")
    locmafVersion = fields.text("locmafVersion")
    jitterMilliseconds = fields.integer("jitter")
    broadcast = fields.text("broadcast")
    zeroMicroseconds = fields.integer(HangCatalog.zeroMember)
  }
}
