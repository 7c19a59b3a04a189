internal import Wire

/// What ingest tells about itself; immutable, posted to serve loops twice a second.
struct IngestReport: Sendable {
  /// A connection to an upstream.
  struct Upstream: Equatable, Sendable {
    var url = ""
    var isConnected = false
    var draft: Int?
    var transport: TransportKind?
    /// Broadcasts that use it.
    var broadcasts = 0
  }

  /// By name.
  var broadcasts: [IngestStatus] = []
  var upstreams: [Upstream] = []
  /// What is neither served nor over and not left to demand, some of it, and why.
  var unready = ["nothing is known yet"]
  var isReady: Bool { unready.isEmpty }
}

/// What ingest tells about one broadcast.
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
    /// FETCHes for missing objects.
    var repairs = 0
    /// Missing objects that a FETCH brought.
    var repaired = 0
    /// Lost frames of sound that others stand in for.
    var concealed = 0
    /// Segments that were too large to be held whole.
    var cutSegments = 0
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
  /// Sessions that deliver it now.
  var legs = 0
  var lastError = ""
  var tracks: [Track] = []
  /// When an object last came; nil when none did.
  var lastObject: Instant?
}
