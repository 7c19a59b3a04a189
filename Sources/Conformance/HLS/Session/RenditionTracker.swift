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
  var hasEnded = false
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
  /// From one part to the next, and from one segment to the next; HLS-053 and HLS-018.
  var partWaits: [Wait] = []
  var segmentWaits: [Wait] = []
  /// Reports about other playlists.
  var reports: [NotedReport] = []

  var media = MediaState()

  /// How far answers that belong together may be apart here.
  let delay: Interval

  init(url: WebURL, name: String, isProbed: Bool, delay: Interval = Tolerance.release) {
    self.url = url
    self.name = name
    self.isProbed = isProbed
    self.delay = delay
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

  /// How long a request is held at least before it may be given up, with some tolerance for clocks.
  var holdTime: Interval {
    .milliseconds(Int64(min(playlist?.targetDuration ?? 1, 40)) * 3000 - 100)
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
    let isBlocking = next.serverControl?.canBlockReload == true
    if next.hasParts, isBlocking, let target = next.partTarget {
      if let last = lastPartTime, partWaits.count < Wait.maximumKept {
        partWaits.append(Wait(begin: last, end: time, limit: partLimit(target)))
      }
      lastPartTime = time
    }
    if (next.wholeSegments.last?.number ?? 0) > (previous.wholeSegments.last?.number ?? 0) {
      if let last = lastSegmentTime, segmentWaits.count < Wait.maximumKept {
        segmentWaits.append(Wait(begin: last, end: time, limit: segmentLimit(next)))
      }
      lastSegmentTime = time
    }
    judgeHint(next, after: previous)
  }

  private func partLimit(_ target: Int64) -> Interval {
    Tolerance.partInterval(target, delay: delay)
  }

  /// The longest time from one segment to the next, as seen from here.
  private func segmentLimit(_ playlist: MediaPlaylist) -> Interval {
    let target = playlist.targetDuration ?? 1
    let limit = Tolerance.segmentInterval(target, delay: delay)
    // Polls see a segment up to half a target duration late.
    return playlist.serverControl?.canBlockReload == true
      ? limit : limit + .milliseconds(Int64(target) * 500)
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
      reports.append(
        NotedReport(
          url: other,
          position: Position(number: number, part: report.lastPart),
          edge: playlist.edge,
          edgeDate: playlist.edgeDate,
          time: time
        )
      )
    }
  }

  /// How long a silence of all renditions has to last to be one of the source; nil while nothing
  /// says how often media comes.
  var outageLimits: OutageLimits? {
    guard let playlist, playlist.targetDuration != nil else { return nil }
    let long = segmentLimit(playlist)
    let short = playlist.hasParts ? playlist.partTarget.map(partLimit) : nil
    return OutageLimits(marked: min(short ?? long, long), unmarked: long)
  }

  /// Judges what takes the whole check to see; `others` are the other playlists' histories by URL.
  mutating func finish(
    others: [WebURL: EdgeHistory],
    largestPartTarget: Int64,
    outages: Outages,
    now: Instant,
    into ledger: inout Ledger
  ) {
    judgeReports(others, largestPartTarget, now: now)
    if playlist?.hasParts == true, playlist?.isEnded == false {
      for other in others.values {
        history.judgeSteps(
          of: other,
          partTarget: largestPartTarget,
          slack: delay,
          until: now - .seconds(1),
          into: &tallies.steps
        )
      }
    }
    if let playlist, !playlist.isEnded, let last = lastSegmentTime,
      now - last > segmentLimit(playlist)
    {
      // What has not come by now is late already.
      segmentWaits.append(Wait(begin: last, end: now, limit: segmentLimit(playlist)))
    }
    tallies.partIntervals.add(partWaits, without: outages)
    tallies.segmentIntervals.add(segmentWaits, without: outages)
    tallies.judge(subject: subject, into: &ledger)
    clock.judge(subject: subject, into: &ledger)
    media.finish(
      subject: subject,
      targetDuration: playlist?.targetDuration ?? 1,
      into: &ledger
    )
  }

  /// Counts the reports that are not as fresh as the playlist that they stand in.
  ///
  /// Each is held against what was known when that state of the playlist was first seen. A playlist that
  /// falls behind is no excuse: its reports have to be right when they are read.
  private mutating func judgeReports(
    _ others: [WebURL: EdgeHistory],
    _ partTarget: Int64,
    now: Instant
  ) {
    var first: [WebURL: NotedReport] = [:]
    for report in reports where report.time + .seconds(1) < now {
      guard let other = others[report.url] else { continue }
      let before = first[report.url].flatMap { $0.edge == report.edge ? $0 : nil }
      let isBehind = other.isBeyond(
        report.edgeDate,
        by: partTarget,
        at: report.time - delay
      )
      if before == nil { first[report.url] = report }
      if let before, !isBehind, before.position == report.position { continue }
      other.judge(
        reported: report.position,
        at: report.time,
        slack: delay,
        into: &tallies.reports
      )
    }
  }
}

/// What a playlist told about another one.
struct NotedReport: Equatable, Sendable {
  let url: WebURL
  let position: Position
  /// Where the playlist itself ended, and when that is; nil without dates.
  let edge: Position?
  let edgeDate: UTCTime?
  let time: Instant
}
