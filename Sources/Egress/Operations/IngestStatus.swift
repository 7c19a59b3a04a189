internal import Wire

/// What ingest tells about itself; immutable, posted to serve loops about once a second.
struct IngestStatus: Sendable {
  enum Phase: String, Sendable {
    case connecting
    case waitingForCatalog = "waiting for catalog"
    case waitingForMedia = "waiting for media"
    case live
    case ended
    case reconnecting
  }

  struct Track: Sendable {
    var name = ""
    var kind = ""
    var codec = ""
    var groups = 0
    var objects = 0
    var bytes = 0
    var malformed = 0
    var late = 0
    var duplicate = 0
    var holes = 0
    var heldBytes = 0
    var isStalled = false
    /// UTC of the end of the newest published media.
    var edge: UTCTime?
  }

  var broadcast = ""
  var phase = Phase.connecting
  var upstream = ""
  var draft: Int?
  /// What the session runs on; nil while there is none.
  var transport: TransportKind?
  var sessions = 0
  var lastError = ""
  var tracks: [Track] = []
  /// When an object last came; nil when none did.
  var lastObject: Instant?
}
