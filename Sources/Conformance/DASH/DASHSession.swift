package import Wire
internal import XML

/// Plays an MPD as a strict client would, and judges what it gets: DASH-* and CMAF-*.
///
/// It does no IO. Its driver asks for ``orders(now:)``, begins each request at once and side by side
/// (segments that grow take as long as they last), hands every exchange back to ``take(_:for:_:)``,
/// waits no longer than ``deadline``, and ends with ``settleAll(_:)`` and
/// ``finish(outages:_:)``:
///
///     while clock.now < end, !session.isOver {
///       for order in session.orders(now: clock.now) { numbers[client.begin(order.request)] = order.identifier }
///       for (number, exchange) in client.wait(until: min(end, session.deadline ?? end)) {
///         session.take(exchange, for: numbers[number], &ledger)
///       }
///     }
///     session.settleAll(&ledger)
///     session.finish(outages: outages, &ledger)
package struct DASHSession: Sendable {
  /// What bounds a session.
  package struct Settings: Sendable {
    /// Requests that run at once; further ones wait.
    package var requestsAtOnce = 48
    /// Requests that wait at once; further segments are passed over.
    package var requestsWaiting = 512
    /// Representations that are played; further ones are only read about.
    package var representations = 32
    /// How often the window's oldest segment and one that doesn't exist yet are asked for.
    package var probeInterval = Interval.seconds(8)
    /// What is added to a time from the MPD before a request, for clocks that differ.
    package var guardInterval = Interval.milliseconds(40)
    /// How late an answer may begin or end.
    package var lateness = DASHRules.lateness

    package init() {}
  }

  /// A request to make now.
  package struct Order: Sendable {
    /// What an answer is given back under.
    package let identifier: Int
    package let request: Request
    package let resource: Resource
  }

  /// What a request is for, by which other rules may judge its answer.
  package enum Resource: Sendable, Hashable {
    case manifest
    case patch
    case clock
    case initSegment
    case media
    /// Media that must not exist yet.
    case missing
  }

  /// What a request is for, with what is needed to judge its answer.
  enum Purpose: Sendable {
    case manifest
    case compressedManifest
    /// From one MPD towards the other.
    case patch(base: ManifestObservation, current: ManifestObservation)
    case clock
    case header(track: String, url: WebURL)
    case segment(SegmentErrand)
    case subsegments(SegmentErrand, count: Int, index: Int)
    case missing
    /// Media that should be listed and isn't.
    case unlisted
  }

  /// A request that is due at a time.
  struct Plan: Sendable {
    var due: Instant
    let url: WebURL
    let purpose: Purpose
    var timeout = Interval.seconds(10)
  }

  let settings: Settings
  let schema: @Sendable (Bytes) -> [String]?
  /// One instant on both clocks.
  private let origin: (instant: Instant, utc: UTCTime)
  /// How far the server's clock is ahead of the one here, by its UTCTiming.
  var clockOffset = Interval.zero
  var url: WebURL
  var plans: [Plan] = []
  private var running: [Int: Plan] = [:]
  private var lastIdentifier = 0
  var latest: ManifestObservation?
  /// Whether time alone brings segments, since not all are listed.
  var growsByClock = false
  var tracks: [String: WatchedTrack] = [:]
  /// Answers to the parts of one segment, by its URL.
  var subsegments: [WebURL: [Int: Exchange]] = [:]
  var hasAskedClock = false
  var nextProbe: Instant?
  var isLookingForUnlisted = false
  /// When something new was seen, for finding outages.
  var activities: [Activity] = []
  /// What was late, until it is known whether the source was silent.
  var deferred: [DeferredFailure] = []
  /// How many segments were judged by how they came, by requirement.
  var deliveries: [String: Int] = [:]
  private var failuresInARow = 0
  private var redirects = 0
  private var hasFailed = false
  /// Whole segments in the order in which they were judged, at most
  /// `WatchedTrack.maximumPlaces`.
  private(set) var fetched: [FetchedSegment] = []

  /// A session that begins with the MPD at `url` at once.
  ///
  /// `utc` is the time of day at `now`; `schema` gives what a schema finds wrong with an MPD, and nil
  /// when there is none.
  package init(
    _ url: WebURL,
    settings: Settings = Settings(),
    now: Instant,
    utc: UTCTime,
    schema: @escaping @Sendable (Bytes) -> [String]? = { _ in nil }
  ) {
    self.url = url
    self.settings = settings
    self.schema = schema
    origin = (now, utc)
    plans = [
      Plan(due: now, url: url, purpose: .manifest),
      Plan(due: now, url: url, purpose: .compressedManifest),
    ]
  }

  /// Whether nothing more will come: the presentation ended and was fetched, or it can't be read.
  package var isOver: Bool { plans.isEmpty && running.isEmpty || hasFailed }

  /// When to ask for orders again; nil when only answers bring new ones.
  package var deadline: Instant? {
    running.count < settings.requestsAtOnce ? plans.map(\.due).min() : nil
  }

  /// The requests that are due, each to be begun at once.
  package mutating func orders(now: Instant) -> [Order] {
    if let latest, growsByClock { extend(latest, now: now) }
    plans.sort { $0.due < $1.due }
    var orders: [Order] = []
    while let plan = plans.first, plan.due <= now, running.count < settings.requestsAtOnce {
      plans.removeFirst()
      lastIdentifier += 1
      running[lastIdentifier] = plan
      orders.append(
        Order(
          identifier: lastIdentifier,
          request: Self.request(plan),
          resource: Self.resource(plan.purpose)
        )
      )
    }
    return orders
  }

  private static func request(_ plan: Plan) -> Request {
    // Some servers add their CORS fields only where an origin asks.
    var headers = [HeaderField("Origin", "https://player.example")]
    if case .compressedManifest = plan.purpose {
      headers.append(HeaderField("Accept-Encoding", "gzip"))
    }
    var request = Request(plan.url, headers: headers)
    request.timeout = plan.timeout
    return request
  }

  private static func resource(_ purpose: Purpose) -> Resource {
    switch purpose {
    case .manifest, .compressedManifest: .manifest
    case .patch: .patch
    case .clock: .clock
    case .header: .initSegment
    case .segment, .subsegments, .unlisted: .media
    case .missing: .missing
    }
  }

  /// Takes what came of an order; an identifier that isn't open is passed over.
  package mutating func take(
    _ exchange: Exchange,
    for identifier: Int,
    _ ledger: inout Ledger
  ) {
    guard let plan = running.removeValue(forKey: identifier) else { return }
    let subject = plan.url.description
    switch plan.purpose {
    case .manifest: take(manifest: exchange, &ledger)
    case .compressedManifest:
      if let response = exchange.response, response.status == 200 {
        DASHRules.judge(
          manifestResponse: response,
          acceptsCompression: true,
          subject: subject,
          &ledger
        )
      }
    case .patch(let base, let current):
      guard let response = exchange.response, response.status == 200 else {
        ledger.record("DASH-026", .fail, subject, exchange.summary)
        return
      }
      DASHRules.judge(patch: response, for: base, current: current, subject: subject, &ledger)
    case .clock: take(clock: exchange, subject, &ledger)
    case .header(let track, let url): take(header: exchange, of: track, url, &ledger)
    case .segment(let errand): take(SegmentAnswer(errand: errand, exchange: exchange), &ledger)
    case .subsegments(let errand, let count, let index):
      subsegments[errand.url, default: [:]][index] = exchange
      if subsegments[errand.url]?.count == count { settle(&ledger) }
    case .missing: DASHRules.judge(tooEarly: exchange, subject: subject, &ledger)
    case .unlisted:
      isLookingForUnlisted = false
      noteActivity(of: exchange)
    }
  }

  private mutating func take(manifest exchange: Exchange, _ ledger: inout Ledger) {
    let subject = url.description
    let now = exchange.ended
    guard let response = exchange.response, response.status == 200 else {
      take(failedManifest: exchange, &ledger)
      return
    }
    redirects = 0
    DASHRules.judge(
      manifestResponse: response,
      acceptsCompression: false,
      subject: subject,
      &ledger
    )
    guard
      let observation = ManifestObservation(
        response.body,
        url: url,
        requested: exchange.begunUTC.moved(by: clockOffset),
        received: exchange.utc(at: response.endTime).moved(by: clockOffset),
        &ledger
      )
    else {
      retryManifest(now)
      return
    }
    failuresInARow = 0
    DASHRules.judge(observation, schemaFaults: schema(observation.bytes), &ledger)
    let stale = DASHRules.judgeFreshness(observation, &ledger)
    postpone(stale, &ledger)
    if !stale.isEmpty { planUnlisted(observation, now: now) }
    let previous = latest
    noteActivity(in: observation, after: previous)
    if let previous {
      postpone(DASHRules.judge(update: observation, after: previous, &ledger), &ledger)
    }
    latest = observation
    plan(after: observation, previous, now: now, &ledger)
    settle(&ledger)
  }

  private mutating func take(failedManifest exchange: Exchange, _ ledger: inout Ledger) {
    if let response = exchange.response, (300..<400).contains(response.status), redirects < 5,
      let next = response.header("Location").flatMap({ url.resolve($0) })
    {
      redirects += 1
      url = next
      plans.append(Plan(due: exchange.ended, url: next, purpose: .manifest))
      return
    }
    ledger.record("DASH-001", .fail, url.description, "no MPD: \(exchange.summary)")
    retryManifest(exchange.ended)
  }

  private mutating func retryManifest(_ now: Instant) {
    failuresInARow += 1
    // A server that restarts is back within some seconds.
    guard failuresInARow < 10, latest != nil else {
      hasFailed = true
      return
    }
    plans.append(Plan(due: now + .seconds(1), url: url, purpose: .manifest))
  }

  private mutating func take(
    clock exchange: Exchange,
    _ subject: String,
    _ ledger: inout Ledger
  ) {
    DASHRules.judge(clock: exchange, subject: subject, &ledger)
    // Availability is told by the server's clock, and that one may be wrong.
    guard let response = exchange.response, response.status == 200,
      let time = DASHRules.clockTime(response)
    else { return }
    let middle = exchange.begunUTC.moved(
      by: Interval(nanoseconds: (response.endTime - exchange.begun).nanoseconds / 2)
    )
    clockOffset = time.since(middle)
  }

  /// Keeps a segment for comparison with others.
  mutating func remember(_ segment: FetchedSegment) {
    if fetched.count < WatchedTrack.maximumPlaces { fetched.append(segment) }
  }

  /// The UTC here at an instant.
  func utc(at instant: Instant) -> UTCTime { origin.utc.moved(by: instant - origin.instant) }

  /// The instant of a UTC of the server's.
  func instant(of time: UTCTime) -> Instant {
    origin.instant + time.since(origin.utc.moved(by: clockOffset))
  }

  /// What the server calls `time`, by the clock here.
  func local(_ time: UTCTime) -> UTCTime {
    time.moved(by: Interval(nanoseconds: -clockOffset.nanoseconds))
  }
}
