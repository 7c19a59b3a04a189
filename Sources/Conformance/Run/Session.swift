internal import Wire
internal import XML

/// What plays one URL: the core of HLS or that of DASH, which are changed in place.
struct Session: Sendable {
  let entry: WebURL
  private var hls: HLSSession?
  private var dash: DASHSession?
  /// What the fetches of DASH that run are for.
  private var kinds: [Int: ResourceKind] = [:]

  init(playlist url: WebURL, delay: Interval) {
    entry = url
    hls = HLSSession(url, delay: delay)
  }

  /// `schema` is the path of one that MPDs are validated with.
  init(manifest url: WebURL, delay: Interval, schema: String?, now: Instant, utc: UTCTime) {
    entry = url
    var settings = DASHSession.Settings()
    settings.lateness = max(settings.lateness, delay * 2)
    dash = DASHSession(url, settings: settings, now: now, utc: utc) { bytes in
      // Loaded anew each time, which takes few milliseconds: it belongs to one thread.
      guard let schema, let loaded = try? XMLSchema(path: schema) else { return nil }
      return loaded.validate(bytes).map(\.description)
    }
  }

  var isDASH: Bool { dash != nil }

  /// Why nothing can be checked; nil while something can.
  var failure: String? {
    if let dash { return dash.isOver && dash.latest == nil ? "there is no MPD at \(entry)" : nil }
    return hls?.failure
  }

  /// Whether a media playlist or an MPD has come.
  var hasManifest: Bool { dash.map { $0.latest != nil } ?? (hls?.targetDuration != nil) }

  var deadline: Instant? { dash?.deadline ?? hls?.deadline }

  /// Examples of what the server has; nil while there is no segment.
  var targets: HTTPTargets? {
    guard let dash else { return hls?.targets }
    return dash.fetched.last.map { segment in
      HTTPTargets(
        entry: entry,
        segment: segment.url,
        initSegment: nil,
        targetDuration: dash.longestSegmentSeconds
      )
    }
  }

  /// The last MPD that came.
  var manifest: ManifestObservation? { dash?.latest }

  /// The presentation times at which video begins anew in the playlists.
  var discontinuities: [TrackTime] { hls?.discontinuities ?? [] }

  /// The whole segments that were fetched, for comparing HLS with DASH.
  var fetched: [FetchedSegment] { dash?.fetched ?? hls?.fetched ?? [] }

  mutating func takeFetches(now: Instant) -> [Fetch] {
    hls?.handleTimeout(now: now)
    let orders = dash?.orders(now: now) ?? []
    for order in orders { kinds[order.identifier] = Self.kind(order.resource) }
    return (hls?.takeFetches() ?? [])
      + orders.map { Fetch(identifier: $0.identifier, request: $0.request) }
  }

  private static func kind(_ resource: DASHSession.Resource) -> ResourceKind? {
    switch resource {
    case .manifest, .patch: .manifest
    // Time must not be cached at all, and is judged by rules of DASH.
    case .clock: nil
    case .initSegment: .initSegment
    case .media: .segment
    case .missing: .refused
    }
  }

  mutating func receive(_ exchange: Exchange, of identifier: Int, into ledger: inout Ledger) {
    hls?.receive(exchange, of: identifier, into: &ledger)
    guard let session = dash else { return }
    if let kind = kinds.removeValue(forKey: identifier) {
      HTTPRules.judge(
        Observation(kind: kind, exchange: exchange),
        targetDuration: session.latest == nil ? nil : session.longestSegmentSeconds,
        updatePeriod: session.updatePeriodSeconds,
        into: &ledger
      )
    }
    dash?.take(exchange, for: identifier, &ledger)
  }

  /// What media came when.
  var activities: [Activity] { dash?.activities ?? hls?.activities ?? [] }

  /// How long a silence has to last to be an outage; nil while nothing is known.
  var outageLimits: OutageLimits? { dash?.outageLimits ?? hls?.outageLimits }

  /// Whether the presentation is over, so that nothing more is to come.
  var isEnded: Bool {
    dash?.latest.map { !$0.manifest.isDynamic } ?? hls?.isEnded ?? false
  }

  /// Judges what waited for something newer that will not come.
  mutating func settle(into ledger: inout Ledger) { dash?.settleAll(&ledger) }

  /// Judges what takes the whole check to see; comes after `settle`.
  mutating func finish(now: Instant, outages: Outages, into ledger: inout Ledger) {
    hls?.finish(now: now, outages: outages, into: &ledger)
    dash?.finish(outages: outages, &ledger)
  }
}

extension Session {
  /// What a decoder has to show: some media of each rendition, and the whole as a plain player gets it.
  var decoderTasks: [DecoderTask] {
    let media = dash?.decodable ?? hls?.decodable ?? []
    let pieces = media.prefix(Decoders.maximumRenditions).map { rendition in
      DecoderTask(
        decoding: rendition.segments,
        after: rendition.initSegment,
        of: rendition.name
      )
    }
    // What was led elsewhere is opened where it began.
    guard dash?.isOfSequences != true else { return pieces }
    return pieces + [DecoderTask(isDASH ? "DASH-030" : "HLS-082", playing: entry)]
  }

  /// The times in which nothing new came in any session, which are of one presentation.
  ///
  /// Playlists tell soonest what is new, so that their measure of silence counts where there are some.
  static func outages(_ sessions: [Session], until end: Instant) -> Outages {
    let finest = sessions.first { !$0.isDASH && $0.outageLimits != nil }
    guard let limits = (finest ?? sessions.first { $0.outageLimits != nil })?.outageLimits else {
      return Outages()
    }
    let activities = sessions.flatMap(\.activities)
    let last = activities.map(\.time).max()
    let isOver = sessions.contains(where: \.isEnded)
    return Outages(activities, limits: limits, until: isOver ? last ?? end : end)
  }
}

extension DASHSession {
  /// The duration of the longest segment that came, in seconds rounded up; at least 1.
  var longestSegmentSeconds: Int {
    let longest = fetched.map(\.duration.interval).max() ?? .seconds(1)
    // An hour is more than any segment, and keeps sums small.
    return Int(max(1, min((longest.milliseconds + 999) / 1000, 3600)))
  }

  /// How often the MPD says it changes, in whole seconds; nil when it doesn't.
  var updatePeriodSeconds: Int? {
    latest?.manifest.minimumUpdatePeriod.map { Int(max(0, min($0.milliseconds / 1000, 86_400))) }
  }
}

extension DASHSession {
  /// Whether plain players are not meant.
  var isOfSequences: Bool { latest?.manifest.isOfSequences ?? false }
}

/// Media of one rendition that can be decoded.
struct DecodableMedia: Sendable, Equatable {
  /// Segments of a rendition that are decoded.
  static let maximumSegments = 2

  let name: String
  let initSegment: WebURL
  let segments: [WebURL]
}

extension HLSSession {
  /// The newest segments of each rendition that are whole resources and not encrypted.
  var decodable: [DecodableMedia] {
    trackers.compactMap { tracker in
      guard let playlist = tracker.playlist, let map = playlist.wholeSegments.last?.map,
        map.byteRange == nil, let initSegment = tracker.url.resolve(map.uri)
      else { return nil }
      let whole = playlist.wholeSegments.suffix(DecodableMedia.maximumSegments)
      let segments = whole.filter {
        $0.map == map && !$0.isGap && $0.key == nil && $0.byteRange == nil
      }
      let urls = segments.compactMap { tracker.url.resolve($0.uri) }
      guard !urls.isEmpty else { return nil }
      return DecodableMedia(name: tracker.subject, initSegment: initSegment, segments: urls)
    }
  }
}

extension DASHSession {
  /// The newest whole segments of each Representation of the last Period.
  var decodable: [DecodableMedia] {
    guard let latest, let period = latest.manifest.periods.last else { return [] }
    return period.sets.flatMap(\.representations).compactMap { member in
      let template = member.template
      guard let initSegment = member.url(template.initialization, manifest: latest.url) else {
        return nil
      }
      let whole = latest.listed(member, in: period, until: latest.received).filter { segment in
        guard latest.manifest.isDynamic else { return true }
        return latest.availability(of: segment, in: period, template)
          .map { $0 <= latest.requested } ?? false
      }
      let urls = whole.suffix(DecodableMedia.maximumSegments).compactMap {
        member.url(template.media, manifest: latest.url, segment: $0)
      }
      guard !urls.isEmpty else { return nil }
      return DecodableMedia(
        name: "\(latest.subject) \(member.id ?? "-")",
        initSegment: initSegment,
        segments: urls
      )
    }
  }
}
