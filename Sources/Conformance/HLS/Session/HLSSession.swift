internal import Wire

/// Plays all media playlists of a presentation at once and judges what it sees.
///
/// Performs no IO: fetches come out of `takeFetches`, exchanges go into `receive`, and `handleTimeout`
/// is called at `deadline`.
struct HLSSession: Sendable {
  /// Media playlists that are watched; the rest is left out.
  static let maximumRenditions = 32
  /// Redirections of the entry that are followed.
  private static let maximumRedirects = 5

  private(set) var entry: WebURL
  private let delay: Interval
  private var redirects = 0
  private(set) var multivariant: MultivariantPlaylist?
  var trackers: [RenditionTracker] = []
  private var purposes: [Int: (tracker: Int?, purpose: FetchPurpose)] = [:]
  private var outbox: [Fetch] = []
  private var lastIdentifier = 0
  private var handshake: Request?
  /// Why nothing can be checked; nil while something can.
  private(set) var failure: String?

  /// A session that begins with a multivariant or media playlist.
  init(_ url: WebURL, delay: Interval = Tolerance.release) {
    entry = url
    self.delay = delay
    askForEntry()
    if url.isSecure {
      var handshake = Request(url)
      handshake.protocols = ["h2"]
      handshake.isHandshakeOnly = true
      handshake.isAlone = true
      add(.handshake, handshake, nil)
    }
  }

  private mutating func askForEntry() {
    var request = Request(entry)
    request.headers = [
      HeaderField("Origin", HTTPRules.origin), HeaderField("Accept-Encoding", "gzip"),
    ]
    request.bodyLimit = PlaylistText.maximumBytes
    add(.entry, request, nil)
  }

  /// The target duration of the presentation in seconds; nil while it is not known.
  var targetDuration: Int? {
    trackers.lazy.compactMap { $0.playlist?.targetDuration }.first
  }

  /// Examples of what the server has; nil while there is no segment.
  var targets: HTTPTargets? {
    guard let targetDuration,
      let media = trackers.first(where: { !$0.media.facts.isEmpty || !$0.media.examples.isEmpty })?
        .media, let segment = media.examples[.segment]
    else { return nil }
    return HTTPTargets(
      entry: entry,
      segment: segment,
      initSegment: media.examples[.initSegment],
      targetDuration: targetDuration
    )
  }

  /// The whole segments that were fetched, newest last for each rendition.
  var fetched: [FetchedSegment] { trackers.flatMap(\.media.fetched) }

  var deadline: Instant? { trackers.compactMap(\.deadline).min() }

  mutating func handleTimeout(now: Instant) {
    for index in trackers.indices { trackers[index].handleTimeout(now: now) }
    collect()
  }

  /// What is to be fetched now.
  mutating func takeFetches() -> [Fetch] {
    defer { outbox = [] }
    return outbox
  }

  private mutating func add(_ purpose: FetchPurpose, _ request: Request, _ tracker: Int?) {
    lastIdentifier += 1
    purposes[lastIdentifier] = (tracker, purpose)
    outbox.append(Fetch(identifier: lastIdentifier, request: request))
  }

  private mutating func collect() {
    for index in trackers.indices {
      let wanted = trackers[index].wanted
      trackers[index].wanted = []
      for (purpose, request) in wanted { add(purpose, request, index) }
    }
  }

  /// Takes what came of a fetch.
  mutating func receive(
    _ exchange: Exchange,
    of identifier: Int,
    into ledger: inout Ledger
  ) {
    guard let (index, purpose) = purposes.removeValue(forKey: identifier) else { return }
    if let kind = Self.kind(of: purpose, multivariant: multivariant != nil) {
      HTTPRules.judge(
        Observation(kind: kind, exchange: exchange),
        targetDuration: targetDuration,
        into: &ledger
      )
    }
    guard let index else {
      if case .handshake = purpose {
        let version = exchange.negotiatedProtocol ?? "none"
        ledger.expect("HLS-079", version == "h2", entry.description, "ALPN h2: \(version)")
      } else {
        receiveEntry(exchange, into: &ledger)
      }
      collect()
      return
    }
    switch purpose {
    case .reload(let reload, let known, let isChain):
      trackers[index].receive(reload, known: known, isChain: isChain, exchange, into: &ledger)
      if isChain, index == 0 { comparePlaylists(into: &ledger) }
    case .twin(let position): trackers[index].receiveTwin(position, exchange, into: &ledger)
    case .crowd: trackers[index].receiveCrowd(exchange, into: &ledger)
    case .compression(let accepting):
      trackers[index].receiveCompression(accepting: accepting, exchange, into: &ledger)
    default: trackers[index].receiveMedia(purpose, exchange, into: &ledger)
    }
    collect()
  }

  private static func kind(of purpose: FetchPurpose, multivariant: Bool) -> ResourceKind? {
    switch purpose {
    case .entry: .multivariant
    case .reload(let reload, _, _):
      switch reload {
      case .plain, .skip, .otherCase: .playlist
      case .tooFarSegment, .tooFarPart, .partAlone, .malformed: .refused
      // After the end directives are ignored, so that the answer is as cacheable as any.
      case .afterEnd: nil
      default: .blockingPlaylist
      }
    case .twin, .crowd: .blockingPlaylist
    case .compression: .playlist
    case .initSegment: .initSegment
    case .segment: .segment
    case .part, .hint: .part
    case .again: .segment
    case .handshake: nil
    }
  }

  private mutating func receiveEntry(_ exchange: Exchange, into ledger: inout Ledger) {
    if let response = exchange.response, (300...399).contains(response.status),
      redirects < Self.maximumRedirects,
      let next = response.header("Location").flatMap({ entry.resolve($0) })
    {
      redirects += 1
      entry = next
      askForEntry()
      return
    }
    guard let response = exchange.response, response.status == 200,
      let bytes = response.decodedBody
    else {
      failure = "\(entry): \(exchange.summary)"
      return
    }
    if !entry.isSecure {
      ledger.record("HLS-079", .notApplicable, entry.description, "no TLS")
    }
    let text = PlaylistText(bytes)
    switch text.kind {
    case .unknown: failure = "\(entry) is no playlist"
    case .media:
      trackers = [
        RenditionTracker(url: entry, name: "media playlist", isProbed: true, delay: delay)
      ]
    case .multivariant:
      let playlist = MultivariantPlaylist(text)
      MultivariantRules.judge(
        playlist,
        complaints: text.complaints,
        subject: entry.description,
        into: &ledger
      )
      multivariant = playlist
      addRenditions(of: playlist, into: &ledger)
    }
    for index in trackers.indices { trackers[index].start(now: exchange.ended) }
  }

  private mutating func addRenditions(
    of playlist: MultivariantPlaylist,
    into ledger: inout Ledger
  ) {
    let variants = playlist.variants.map { (uri: $0.uri, name: "variant") }
    let media = playlist.renditions.compactMap { rendition in
      rendition["URI"].map { (uri: $0, name: rendition["TYPE"] ?? "") }
    }
    var known: Set<WebURL> = []
    var probed: Set<String> = []
    for (uri, name) in variants + media where trackers.count < Self.maximumRenditions {
      guard let url = entry.resolve(uri) else {
        ledger.record("HLS-005", .fail, entry.description, "\(uri) is no URL to fetch")
        continue
      }
      guard known.insert(url).inserted else { continue }
      let isFirst = probed.insert(name).inserted
      trackers.append(RenditionTracker(url: url, name: name, isProbed: isFirst, delay: delay))
    }
    if trackers.isEmpty { failure = "\(entry) leads to no media playlist" }
  }
}
