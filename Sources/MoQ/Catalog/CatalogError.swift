package import Wire

/// Why a whole catalog, or a whole update of one, cannot be used.
package enum CatalogError: Error, Hashable, Sendable {
  /// More bytes than the limit.
  case tooLarge(bytes: Int, limit: Int)
  /// GZIP, which is to be inflated before.
  case compressed
  case notJSON(start: Bytes)
  /// JSON, but no catalog of a kind that is understood.
  case otherFormat(String)
  case tooManyTracks(count: Int, limit: Int)
  /// A field of the catalog itself is missing or of the wrong kind.
  case field(String, value: String)
  /// An update names a track that is not there.
  case unknownTrack(operation: String, name: String)
  /// An update adds a track that is there.
  case duplicateTrack(name: String)
}

extension CatalogError: CustomStringConvertible {
  package var description: String {
    switch self {
    case .tooLarge(let bytes, let limit):
      "catalog of \(bytes) bytes, at most \(limit) allowed"
    case .compressed: "catalog is GZIP-compressed (begins with 1f 8b)"
    case .notJSON(let start): "catalog is not JSON; it begins with \(start)"
    case .otherFormat(let what): "no MSF catalog: \(what)"
    case .tooManyTracks(let count, let limit):
      "catalog of \(count) tracks, at most \(limit) allowed"
    case .field(let name, let value): "catalog field \(name) is \(value)"
    case .unknownTrack(let operation, let name):
      "catalog update wants to \(operation) track \"\(name)\", which is not there"
    case .duplicateTrack(let name): "catalog update adds track \"\(name)\", which is there"
    }
  }
}

/// What is wrong with one track of a catalog.
package struct CatalogProblem: Hashable, Sendable, CustomStringConvertible {
  /// The track's name, or its place in the list where it has none.
  package var track: String
  /// The member's name in the catalog.
  package var field: String
  /// What the field says, shortened; "missing" when it is absent.
  package var value: String
  /// Whether the track was left out for it; otherwise only the field was.
  package var isTrackSkipped: Bool

  /// Joins the parts.
  package init(track: String, field: String, value: String, isTrackSkipped: Bool) {
    self.track = track
    self.field = field
    self.value = value
    self.isTrackSkipped = isTrackSkipped
  }

  package var description: String {
    "track \(track): field \(field) is \(value)\(isTrackSkipped ? "; track skipped" : "")"
  }
}

/// Bounds on a catalog.
package struct CatalogLimits: Sendable {
  /// The most bytes of text.
  package var bytes = 1 << 20
  /// The most tracks, updates applied.
  package var tracks = 256
  /// Of patches of its text.
  package var patch = JSONPatch.Limits()

  /// The defaults.
  package init() {}
}
