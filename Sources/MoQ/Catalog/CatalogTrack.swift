package import Wire

/// How a track's objects hold media.
///
/// MSF §"packaging".
package enum CatalogPackaging: Hashable, Sendable {
  case cmaf, loc, locmaf, legacy, mediaTimeline, eventTimeline
  /// hang's LOC: a block of properties before each frame.
  case hangLOC
  /// draft-cenzano-moq-media-interop; only in catalogs that are written by hand.
  case mediaInterop
  case other(String)

  /// Reads the word of a catalog; an unknown one is kept.
  package init(_ text: String) {
    switch text {
    case "cmaf", "chunk-per-object": self = .cmaf
    case "loc": self = .loc
    case "locmaf": self = .locmaf
    case "legacy": self = .legacy
    case "hang-loc": self = .hangLOC
    case "moq-mi": self = .mediaInterop
    case "mediatimeline": self = .mediaTimeline
    case "eventtimeline": self = .eventTimeline
    default: self = .other(text)
    }
  }

  /// The word in a catalog.
  package var text: String {
    switch self {
    case .cmaf: "cmaf"
    case .loc: "loc"
    case .locmaf: "locmaf"
    case .legacy: "legacy"
    case .hangLOC: "hang-loc"
    case .mediaInterop: "moq-mi"
    case .mediaTimeline: "mediatimeline"
    case .eventTimeline: "eventtimeline"
    case .other(let text): text
    }
  }
}

/// Where a track's initialization comes from.
package enum CatalogInitialization: Hashable, Sendable {
  /// The bytes themselves: a CMAF header, or a bare decoder configuration.
  case data(Bytes)
  /// A property of the track.
  case trackProperty(UInt64)
  /// A property of each group's first object.
  case objectProperty(UInt64)
  /// Another track (catalogformat-01).
  case track(String)
}

/// How much a player should buffer, in milliseconds.
package struct CatalogBuffers: Hashable, Sendable {
  /// What a player should hold.
  package var target: Int64?
  /// The least it should hold.
  package var min: Int64?
  /// The most it should hold.
  package var max: Int64?

  /// Joins the parts.
  package init(target: Int64? = nil, min: Int64? = nil, max: Int64? = nil) {
    self.target = target
    self.min = min
    self.max = max
  }
}

/// Where and when the n-th entry of a regular track is: start plus n times delta.
package struct CatalogTemplate: Hashable, Sendable {
  /// Media time of entry 0.
  package var startMediaMilliseconds: Int64
  /// Media time between entries.
  package var deltaMediaMilliseconds: Int64
  /// Location of entry 0.
  package var start: Location
  /// Groups and objects between entries.
  package var delta: Location
  /// Wall-clock time of entry 0, since 1970.
  package var startWallMilliseconds: Int64
  /// Wall-clock time between entries.
  package var deltaWallMilliseconds: Int64
}

/// An accessibility feature of a track.
package struct CatalogAccessibility: Hashable, Sendable {
  /// The URI of the scheme.
  package var scheme: String
  /// What the scheme says of the track.
  package var value: String
}

/// One track as a catalog describes it; fields that are absent are nil.
///
/// MSF §"Track Object".
package struct CatalogTrack: Hashable, Sendable {
  /// The track's name, unique in its namespace.
  package var name: String
  /// As written; `fullTrackNames(in:)` says what it may mean.
  ///
  /// Absent is the catalog's.
  package var namespace: String?
  /// How the objects hold media.
  package var packaging: CatalogPackaging
  /// What the events are; only for event timelines.
  package var eventType: String?
  /// Whether objects may still be added.
  package var isLive = true
  /// How far behind live to play.
  package var targetLatencyMilliseconds: Int64?
  /// How much to buffer, where the catalog says that instead.
  package var buffers: CatalogBuffers?
  /// As written, or what MIME type and codec suggest.
  package var role: String?
  /// A name for people.
  package var label: String?
  /// Tracks of one number are shown together.
  package var renderGroup: Int64?
  /// Tracks of one number are alternatives of one content, aligned in time.
  package var altGroup: Int64?
  /// What a decoder needs before the first object.
  package var initialization: CatalogInitialization?
  /// The names of the tracks this one needs, or describes.
  package var depends: [String] = []
  /// Where entries are, for a track that is regular.
  package var template: CatalogTemplate?
  /// The temporal layer, 0 the base.
  package var temporalID: Int64?
  /// The spatial layer, 0 the base.
  package var spatialID: Int64?
  /// The RFC 6381 or WebCodecs string.
  package var codec: String?
  /// The type of the objects.
  package var mimeType: String?
  /// Frames per 1,000 seconds.
  package var framerateThousandths: Int64?
  /// Ticks per second of media times.
  package var timescale: Int64?
  /// Bits per second at most.
  package var bitrate: Int64?
  /// Bits per second on average.
  package var averageBitrate: Int64?
  /// The longest a group of pictures lasts.
  package var maxGOPDurationMilliseconds: Int64?
  /// The longest a group lasts.
  package var maxGroupDurationMilliseconds: Int64?
  /// Coded pixels across, at most.
  package var width: Int64?
  /// Coded pixels down, at most.
  package var height: Int64?
  /// Pixels across as meant to be seen.
  package var displayWidth: Int64?
  /// Pixels down as meant to be seen.
  package var displayHeight: Int64?
  /// Audio samples per second.
  package var sampleRate: Int64?
  /// The number of channels, or a richer form.
  package var channelConfiguration: String?
  /// A BCP 47 tag.
  package var language: String?
  /// How long the finished track is.
  package var trackDurationMilliseconds: Int64?
  /// Where to publish to, for tracks that the subscriber publishes.
  package var connectionURI: String?
  /// An authorization token for publishing.
  package var token: String?
  /// How objects are encrypted; absent when they are not.
  package var encryptionScheme: String?
  /// The cipher of the encryption scheme.
  package var cipherSuite: String?
  /// Which key encrypts.
  package var keyID: String?
  /// What the track's key derives from.
  package var trackBaseKey: String?
  /// What authorization asks for, by kind.
  package var authInfo: JSONValue?
  /// What helps those who see or hear less.
  package var accessibility: [CatalogAccessibility] = []
  /// Ids among the catalog's content protections.
  package var contentProtectionReferences: [String] = []
  /// The largest SAP type that begins a group.
  package var maxGroupSAPStartingType: Int64?
  /// The largest SAP type that begins an object.
  package var maxObjectSAPStartingType: Int64?
  /// The version of the LOCMAF form.
  package var locmafVersion: String?
  /// The longest an object may be late.
  package var jitterMilliseconds: Int64?

  /// UTC of media time 0, in microseconds since 1970 (hang's timeline).
  package var zeroMicroseconds: Int64?
  /// The relative path of the broadcast that has the track; absent when it is the catalog's (hang).
  package var broadcast: String?

  /// What the catalog said, for later updates to build on.
  var members: [String: JSONValue] = [:]

  /// Joins the parts.
  package init(name: String, packaging: CatalogPackaging) {
    self.name = name
    self.packaging = packaging
  }

  /// The names that the track may have on the wire, most likely first; empty only when its broadcast
  /// is none.
  ///
  /// A catalog's namespace is one text while a namespace is a tuple, and no rule joins them.
  package func fullTrackNames(in own: TrackNamespace) -> [FullTrackName] {
    if let broadcast {
      return resolve(broadcast, from: own).map { [FullTrackName($0, name)] } ?? []
    }
    guard let namespace else { return [FullTrackName(own, name)] }
    if namespace == own.joined() || namespace == own.description {
      return [FullTrackName(own, name)]
    }
    let single = TrackNamespace([Bytes(utf8: namespace)])
    guard let split = TrackNamespace(text: namespace), split != single else {
      return [FullTrackName(single, name)]
    }
    return [FullTrackName(single, name), FullTrackName(split, name)]
  }

  /// The namespace that a relative path leads to, fields for segments; nil when it leaves the root.
  private func resolve(_ path: String, from own: TrackNamespace) -> TrackNamespace? {
    var fields = Array(own.fields.dropLast())
    for segment in path.split(separator: "/") where segment != "." {
      if segment != ".." {
        fields.append(Bytes(utf8: String(segment)))
      } else if fields.popLast() == nil {
        return nil
      }
    }
    let found = TrackNamespace(fields)
    return FullTrackName(found, name).isValid ? found : nil
  }

  /// What kind of media a codec or MIME type is; nil when it is neither's.
  static func role(mimeType: String?, codec: String?) -> String? {
    if let mimeType {
      if mimeType.hasPrefix("video/") { return "video" }
      if mimeType.hasPrefix("audio/") { return "audio" }
    }
    guard let codec else { return nil }
    let video = ["avc", "hvc", "hev", "av01", "vp09", "vp8", "dvh"]
    let audio = ["mp4a", "opus", "Opus", "flac", "fLaC", "ac-3", "ec-3", "pcm", "mp3"]
    if video.contains(where: codec.hasPrefix) { return "video" }
    if audio.contains(where: codec.hasPrefix) { return "audio" }
    return codec.hasPrefix("wvtt") || codec.hasPrefix("stpp") ? "subtitle" : nil
  }
}
