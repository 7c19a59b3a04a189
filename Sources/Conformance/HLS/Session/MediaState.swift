internal import Wire

/// What is known of a rendition's media: what was fetched, what it held, and what still waits for
/// something to be compared with.
struct MediaState: Sendable {
  /// Bodies of parts and segments that are kept for comparison, in bytes; more are let go unjudged.
  static let maximumKeptBytes = 128 << 20
  /// Segments whose facts are kept.
  static let maximumFacts = 512
  /// Segments that wait for their init, their parts or their place.
  static let maximumWaiting = 8

  struct Initialization: Sendable {
    var hash: Bytes
    var validator: String?
    /// nil when it can't be read.
    var header: InitHeader?
  }

  /// A segment as it was listed when its fetch was planned.
  struct Planned: Sendable {
    var entry: SegmentEntry
    var date: UTCTime?
    var map: Resource?
    /// Those that are no gaps, in order; empty when not all are looked at.
    var parts: [Resource] = []
    var url: WebURL?
    var subject: String
    var body: Bytes?
  }

  struct Delivered: Sendable {
    var firstByte: Instant
    var end: Instant
  }

  /// What has been asked for, so that nothing is asked for twice.
  var asked: Set<Resource> = []
  var running = 0
  var inits: [Resource: Initialization] = [:]
  var planned: [Int: Planned] = [:]
  var partBodies: [Resource: Bytes] = [:]
  var keptBytes = 0
  /// The first segment whose parts are looked at.
  var firstPartNumber = Int.max
  /// Hinted parts by resource: when they came, why they did not, and when they were listed.
  var delivered: [Resource: Delivered] = [:]
  var refused: [Resource: String] = [:]
  var listed: [Resource: (time: Instant, duration: Int64)] = [:]

  /// Facts by media sequence number.
  var facts: [Int: SegmentFacts] = [:]
  var chain = TrackChain()
  /// Of media with several tracks, those of the others by track ID.
  var otherChains: [UInt32: TrackChain] = [:]
  /// The last segment of which the others were taken.
  var otherEnd: SegmentEntry?
  /// Segments that were read and wait for the one before them.
  var unchained: [Int: (facts: SegmentFacts, media: MediaSegment, subject: String)] = [:]
  /// The last segment of the chain.
  var chained: SegmentFacts?
  /// Neighbours without a discontinuity, in order.
  var run: [SegmentFacts] = []
  var peak: Int?
  var codecs: Set<String> = []
  var track: HeaderTrack?
  /// Where an example of each kind of media is, for the rules of HTTP.
  var examples: [ResourceKind: WebURL] = [:]
  /// For comparing with DASH; at most `maximumFacts`.
  var fetched: [FetchedSegment] = []
  /// How many resources were looked at again, or looked for after they left the playlist.
  var samplings = 0

  /// Keeps a body for comparison, unless there is too much.
  mutating func keep(_ body: Bytes, of resource: Resource) {
    guard keptBytes + body.count <= Self.maximumKeptBytes, partBodies[resource] == nil else {
      return
    }
    partBodies[resource] = body
    keptBytes += body.count
  }

  mutating func drop(_ resource: Resource) {
    if let body = partBodies.removeValue(forKey: resource) { keptBytes -= body.count }
  }

  /// Lets go of what concerns segments long gone.
  mutating func prune(before number: Int) {
    for (key, segment) in planned where key < number {
      for part in segment.parts { drop(part) }
      planned[key] = nil
    }
    if facts.count > Self.maximumFacts {
      let oldest = facts.keys.sorted().prefix(facts.count - Self.maximumFacts)
      for key in oldest { facts[key] = nil }
    }
    if delivered.count > Self.maximumFacts { delivered = [:] }
    if refused.count > Self.maximumFacts { refused = [:] }
    if listed.count > Self.maximumFacts { listed = [:] }
    if asked.count > 64 * Self.maximumFacts { asked = [] }
    if inits.count > Self.maximumFacts { inits = [:] }
  }

  /// Takes a segment that was read and judges it beside its neighbours, in order.
  mutating func link(
    _ facts: SegmentFacts,
    _ media: MediaSegment,
    targetDuration: Int,
    subject: String,
    into ledger: inout Ledger
  ) {
    self.facts[facts.number] = facts
    MediaTimeRules.judge(facts, subject: subject, into: &ledger)
    if let chained, facts.number <= chained.number { return }
    unchained[facts.number] = (facts, media, subject)
    while let number = unchained.keys.min() {
      let isNext = number == chained.map { $0.number + 1 }
      guard isNext || unchained.count > Self.maximumWaiting || chained == nil,
        let next = unchained.removeValue(forKey: number)
      else { return }
      let isMarked = chained.map { $0.discontinuity != next.facts.discontinuity } ?? false
      chain.take(
        next.media,
        isContinuous: isNext && !isMarked,
        subject: next.subject,
        &ledger
      )
      if isNext, let chained {
        MediaTimeRules.judge(next.facts, after: chained, subject: next.subject, into: &ledger)
      }
      if !isNext || isMarked {
        finishRun(subject: subject, targetDuration, into: &ledger)
      }
      run.append(next.facts)
      if run.count >= Self.maximumFacts {
        finishRun(subject: subject, targetDuration, into: &ledger)
      }
      chained = next.facts
    }
  }

  private mutating func finishRun(
    subject: String,
    _ targetDuration: Int,
    into ledger: inout Ledger
  ) {
    MediaTimeRules.judgeDrift(run, subject: subject, into: &ledger)
    if let rate = MediaTimeRules.peakRate(run, targetDuration: targetDuration) {
      peak = max(peak ?? 0, rate)
    }
    run = []
  }

  /// Judges what remains at the end of a check.
  mutating func finish(subject: String, targetDuration: Int, into ledger: inout Ledger) {
    for number in unchained.keys.sorted() {
      guard let next = unchained.removeValue(forKey: number) else { continue }
      let isNext = number == chained.map { $0.number + 1 }
      if isNext, let chained {
        MediaTimeRules.judge(next.facts, after: chained, subject: next.subject, into: &ledger)
        if chained.discontinuity == next.facts.discontinuity { run.append(next.facts) }
      }
      self.chained = next.facts
    }
    finishRun(subject: subject, targetDuration, into: &ledger)
  }
}
