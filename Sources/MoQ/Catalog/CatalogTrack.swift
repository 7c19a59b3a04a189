package import Wire

/// How a track's objects hold media.
///
/// MSF §"packaging".
package enum CatalogPackaging: Hashable, Sendable {
  case cmaf, loc, locmaf, legacy, mediaTimeline, eventTimeline
  case other(String)

  package init(_ text: String) {
    switch text {
    case "cmaf", "chunk-per-object": self = .cmaf
    case "loc": self = .loc
    case "locmaf": self = .locmaf
    case "legacy": self = .legacy
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
  package var target: Int64?
  package var min: Int64?
  package var max: Int64?

  package init(target: Int64? = nil, min: Int64? = nil, max: Int64? = nil) {
    self.target = target
    self.min = min
    self.max = max
  }
}

/// Where and when the n-th entry of a regular track is: start plus n times delta.
package struct CatalogTemplate: Hashable, Sendable {
  package var startMediaMilliseconds: Int64
  package var deltaMediaMilliseconds: Int64
  package var start: Location
  package var delta: Location
  package var startWallMilliseconds: Int64
  package var deltaWallMilliseconds: Int64
}

/// An accessibility feature of a track.
package struct CatalogAccessibility: Hashable, Sendable {
  package var scheme: String
  package var value: String
}

/// One track as a catalog describes it; fields that are absent are nil.
///
/// MSF §"Track Object".
package struct CatalogTrack: Hashable, Sendable {
  package var name: String
  /// As written; `fullTrackNames(in:)` says what it may mean.
  ///
  /// Absent is the catalog's.
  package var namespace: String?
  package var packaging: CatalogPackaging
  package var eventType: String?
  package var isLive = true
  package var targetLatencyMilliseconds: Int64?
  package var buffers: CatalogBuffers?
  /// As written, or what MIME type and codec suggest.
  package var role: String?
  package var label: String?
  package var renderGroup: Int64?
  package var altGroup: Int64?
  package var initialization: CatalogInitialization?
  package var depends: [String] = []
  package var template: CatalogTemplate?
  package var temporalID: Int64?
  package var spatialID: Int64?
  package var codec: String?
  package var mimeType: String?
  /// Frames per 1,000 seconds.
  package var framerateThousandths: Int64?
  package var timescale: Int64?
  /// Bits per second at most.
  package var bitrate: Int64?
  /// Bits per second on average.
  package var averageBitrate: Int64?
  package var maxGOPDurationMilliseconds: Int64?
  package var maxGroupDurationMilliseconds: Int64?
  package var width: Int64?
  package var height: Int64?
  package var displayWidth: Int64?
  package var displayHeight: Int64?
  package var sampleRate: Int64?
  package var channelConfiguration: String?
  package var language: String?
  package var trackDurationMilliseconds: Int64?
  package var connectionURI: String?
  package var token: String?
  package var encryptionScheme: String?
  package var cipherSuite: String?
  package var keyID: String?
  package var trackBaseKey: String?
  package var authInfo: JSONValue?
  package var accessibility: [CatalogAccessibility] = []
  package var contentProtectionReferences: [String] = []
  package var maxGroupSAPStartingType: Int64?
  package var maxObjectSAPStartingType: Int64?
  package var locmafVersion: String?
  package var jitterMilliseconds: Int64?

  /// What the catalog said, for later updates to build on.
  var members: [String: JSONValue] = [:]

  package init(name: String, packaging: CatalogPackaging) {
    self.name = name
    self.packaging = packaging
  }

  /// The names that the track may have on the wire, most likely first; never empty.
  ///
  /// A catalog's namespace is one text while a namespace is a tuple, and no rule joins them.
  package func fullTrackNames(in own: TrackNamespace) -> [FullTrackName] {
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
