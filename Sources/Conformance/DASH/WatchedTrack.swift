internal import Wire

/// What a session knows about one Representation, over all its Periods.
struct WatchedTrack: Sendable {
  /// Segments remembered for comparisons.
  static let maximumPlaces = 2000

  let name: String
  var chain = TrackChain()
  /// The tracks of init segments that were read, by URL.
  var headers: [WebURL: HeaderTrack] = [:]
  /// Further tracks of those that hold several, by URL.
  var otherHeaders: [WebURL: [HeaderTrack]] = [:]
  /// Init segments that were asked for.
  var requestedHeaders: Set<WebURL> = []
  /// The Period's start and the decode time of the last segment that was planned; nil before the first.
  var lastPlanned: (period: Interval, segment: SegmentTemplate.Listed)?
  /// How many were planned to be judged in order.
  var plannedCount = 0
  /// How many of them were judged.
  var settledCount = 0
  /// Answers that wait for earlier ones, or for an MPD that is newer than they are.
  var answers: [Int: SegmentAnswer] = [:]
  /// Whether the chain is broken before the next segment.
  var isBroken = true
  var places: [SegmentPlace] = []
  var measured: [(duration: Interval, bytes: Int)] = []
  var bandwidth: Int64?
  /// The longest sample, for what may be a frame apart.
  var longestSample = Interval.zero

  init(name: String) { self.name = name }
}

/// A segment that a session means to fetch.
struct SegmentErrand: Sendable {
  /// When a segment is asked for, which decides how its answer is judged.
  enum Moment: Sendable, Hashable {
    /// It has been there for a while.
    case past
    /// Just when it is whole.
    case available
    /// As soon as it may be asked for.
    case early
  }

  let track: String
  let periodID: String?
  let periodStart: Interval
  var segment: SegmentTemplate.Listed
  var moment: Moment
  /// Its place in the order of its track; nil for one that is fetched out of order.
  let order: Int?
  /// Whether it begins where the one of the order before ended.
  let isContinuous: Bool
  let url: WebURL
}

/// What came of an errand.
struct SegmentAnswer: Sendable {
  let errand: SegmentErrand
  let exchange: Exchange
}
