internal import Wire

/// One media playlist while it is watched: what is known of it, and what is to be fetched next.
///
/// Performs no IO: it appends to `wanted`, and is told what came of it.
struct RenditionTracker: Sendable {
  /// Media fetches that wait or run at once.
  static let maximumMediaFetches = 48
  /// Reloads in a row that may fail before the rendition is given up.
  static let maximumFailures = 12
  /// The pause before a reload after a failed or useless one.
  static let pause = Interval.milliseconds(500)

  let url: WebURL
  /// The multivariant playlist's words for it, for reports.
  let name: String
  /// Whether this one tries all the directives; others only play.
  let isProbed: Bool

  var playlist: MediaPlaylist?
  var wanted: [(purpose: FetchPurpose, request: Request)] = []
  /// When the next reload of the chain is due; nil while one is under way or none is.
  var reloadTime: Instant?
  var reloads = 0
  var failures = 0
  var isGivenUp = false
  /// What an answer at once may take here.
  var atOnce = Interval.milliseconds(500)
  var hasLatency = false

  var probes: [Probe] = []
  var compressed: (accepting: Response?, refusing: Response?) = (nil, nil)
  var crowd: [Exchange] = []
  var crowdSize = 0
  /// The delta and the whole of one position, as they come.
  var pair: (position: Position, merged: MediaPlaylist?, full: MediaPlaylist?)?

  var history = EdgeHistory()
  var tallies = TimingTallies()
  var clock = ClockRecord()
  var lastPartTime: Instant?
  var lastSegmentTime: Instant?
  var lastChange: Instant?
  /// Reports about other playlists, with when they came.
  var reports: [(url: WebURL, position: Position, time: Instant)] = []

  var media = MediaState()

  init(url: WebURL, name: String, isProbed: Bool) {
    self.url = url
    self.name = name
    self.isProbed = isProbed
  }

  var subject: String { url.description }

  /// Begins with a reload without directives.
  mutating func start(now: Instant) {
    want(.reload(.plain, known: MediaPlaylist(), isChain: true), query: nil)
  }

  /// Asks for the playlist with a query.
  mutating func want(
    _ purpose: FetchPurpose,
    query: String?,
    timeout: Interval = .seconds(10),
    acceptsGzip: Bool = true,
    isAlone: Bool = false
  ) {
    let joined = [url.query, query].compactMap { $0 }.joined(separator: "&")
    var request = Request(url.with(query: joined.isEmpty ? nil : joined))
    request.headers = [HeaderField("Origin", HTTPRules.origin)]
    if acceptsGzip { request.headers.append(HeaderField("Accept-Encoding", "gzip")) }
    request.timeout = timeout
    request.bodyLimit = PlaylistText.maximumBytes
    request.isAlone = isAlone
    wanted.append((purpose, request))
  }

  /// Asks for media.
  mutating func want(_ purpose: FetchPurpose, _ resource: Resource, timeout: Interval) {
    var request = Request(resource.url)
    request.headers = [HeaderField("Origin", HTTPRules.origin)] + resource.headers
    request.timeout = timeout
    wanted.append((purpose, request))
  }

  /// How long a reload may be held at most, with some time for the refusal to come.
  var patience: Interval {
    .seconds(Int64(min(playlist?.targetDuration ?? 4, 40)) * 3 + 5)
  }

  /// When `handleTimeout` is to be called; nil when nothing is due.
  var deadline: Instant? { isGivenUp ? nil : reloadTime }

  /// Sends the reload that is due.
  mutating func handleTimeout(now: Instant) {
    guard let due = reloadTime, due <= now, !isGivenUp else { return }
    reloadTime = nil
    sendReload()
  }

  /// Takes a playlist that came: judges it, and looks for what is new in it.
  mutating func accept(
    _ next: MediaPlaylist,
    complaints: [Complaint],
    exchange: Exchange,
    into ledger: inout Ledger
  ) {
    let time = exchange.response?.endTime ?? exchange.ended
    SnapshotRules.judge(next, complaints: complaints, subject: subject, into: &ledger)
    let previous = playlist
    if let previous {
      HistoryRules.judge(next, after: previous, subject: subject, into: &ledger)
      measure(next, after: previous, time: time)
    }
    playlist = next
    if previous?.edge != next.edge || lastChange == nil { lastChange = time }
    history.note(next, time: time)
    noteReports(next, time: time)
    if !next.isEnded, previous?.edge != next.edge, let date = next.edgeDate {
      let utc = exchange.begunUTC.advanced(by: (time - exchange.begun).nanoseconds / 1000)
      clock.add(edge: date, seenAt: utc)
    }
    planMedia(next, after: previous, now: time, into: &ledger)
  }

  /// Notes what came when.
  private mutating func measure(
    _ next: MediaPlaylist,
    after previous: MediaPlaylist,
    time: Instant
  ) {
    guard let edge = previous.edge, let later = next.edge, later != edge else { return }
    let known = previous.segments.last?.number ?? 0
    let isExplained = next.segments.contains { $0.number > known && $0.startsDiscontinuity }
    let isBlocking = next.serverControl?.canBlockReload == true
    if next.hasParts, isBlocking, let target = next.partTarget {
      if let last = lastPartTime, !isExplained {
        tallies.partIntervals.add(time - last, limit: Tolerance.partInterval(target))
      }
      lastPartTime = time
    }
    if let target = next.targetDuration,
      (next.wholeSegments.last?.number ?? 0) > (previous.wholeSegments.last?.number ?? 0)
    {
      if let last = lastSegmentTime, !isExplained {
        // Polls see a segment up to half a target duration late.
        let slack = isBlocking ? Interval.zero : .milliseconds(Int64(target) * 500)
        tallies.segmentIntervals.add(
          time - last,
          limit: Tolerance.segmentInterval(target) + slack
        )
      }
      lastSegmentTime = time
    }
    judgeHint(next, after: previous)
  }

  /// Compares the hint of the copy before with the part that came.
  private mutating func judgeHint(_ next: MediaPlaylist, after previous: MediaPlaylist) {
    guard let hint = previous.hints.first(where: { $0.type == "PART" }),
      let position = previous.next, next.hasParts
    else { return }
    let part =
      next.segments.first { $0.number == position.number }
      .flatMap { segment in
        (position.part ?? 0) < segment.parts.count ? segment.parts[position.part ?? 0] : nil
      }
      // The segment may have ended with the part before.
      ?? next.segments.first { $0.number == position.number + 1 }?.parts.first
    guard let part else { return }
    tallies.hints.add(isWrong: url.resolve(part.uri) != url.resolve(hint.uri), .zero)
  }

  private mutating func noteReports(_ playlist: MediaPlaylist, time: Instant) {
    for report in playlist.reports.prefix(MultivariantPlaylist.maximumEntries) {
      guard let other = url.resolve(report.uri), let number = report.lastNumber else { continue }
      if reports.count >= EdgeHistory.maximumEntries { reports.removeFirst() }
      reports.append((other, Position(number: number, part: report.lastPart), time))
    }
  }

  /// Judges what takes the whole check to see; `others` are the other playlists' histories by URL.
  mutating func finish(
    others: [WebURL: EdgeHistory],
    largestPartTarget: Int64,
    now: Instant,
    into ledger: inout Ledger
  ) {
    for report in reports where report.time + .seconds(1) < now {
      others[report.url]?.judge(
        reported: report.position,
        at: report.time,
        slack: Tolerance.release,
        into: &tallies.reports
      )
    }
    if playlist?.hasParts == true, playlist?.isEnded == false {
      for other in others.values {
        history.judgeSteps(
          of: other,
          partTarget: largestPartTarget,
          slack: Tolerance.release,
          until: now - .seconds(1),
          into: &tallies.steps
        )
      }
    }
    tallies.judge(subject: subject, into: &ledger)
    clock.judge(subject: subject, into: &ledger)
    media.finish(
      subject: subject,
      targetDuration: playlist?.targetDuration ?? 1,
      into: &ledger
    )
  }
}
