import Packaging
import TestSupport
import Testing
import Wire

@testable import Egress
@testable import MoQ

/// A session that notes what is asked of it; the test answers.
final class ScriptedSource: SubscriptionSource {
  var waitingRequests = 0
  var canFetch = true
  /// Everything that was ever subscribed to, by the last part of its name.
  private(set) var asked: [String] = []
  private(set) var subscriptions: [SubscriptionID: FullTrackName] = [:]
  private(set) var fetches: [(id: FetchID, range: ClosedRange<Location>)] = []
  private(set) var prefixes: [TrackNamespace] = []
  fileprivate var asksForNamespaces: TrackNamespace?
  private var lastNumber: UInt64 = 0

  func subscribe(_ track: FullTrackName, options: SubscribeOptions) -> SubscriptionID {
    lastNumber += 1
    let id = SubscriptionID(number: lastNumber)
    asked.append(track.name.text)
    subscriptions[id] = track
    return id
  }

  func unsubscribe(_ id: SubscriptionID) { subscriptions[id] = nil }

  func fetch(
    _ id: SubscriptionID,
    range: ClosedRange<Location>,
    priority: UInt8?
  ) -> FetchID {
    lastNumber += 1
    fetches.append((FetchID(number: lastNumber), range))
    return FetchID(number: lastNumber)
  }

  func cancelFetch(_ id: FetchID) { fetches.removeAll { $0.id == id } }

  func subscribeNamespace(_ prefix: TrackNamespace, token: Token?) {
    if asksForNamespaces == prefix { Issue.record("\(prefix) is asked for twice") }
    asksForNamespaces = prefix
    prefixes.append(prefix)
  }

  func unsubscribeNamespace(_ prefix: TrackNamespace) { asksForNamespaces = nil }

  /// Who asks for a track now.
  func subscription(_ name: String) -> SubscriptionID? {
    subscriptions.filter { $0.value.name.text == name }.keys.max { $0.requestID < $1.requestID }
  }

  fileprivate func end(_ id: SubscriptionID) { subscriptions[id] = nil }
}

/// An ingest core whose upstreams do what the test says, with test media of `live/a` to send, and a clock
/// that the test moves.
final class ScriptedUpstreams {
  let core: IngestCore
  let draft: Draft
  let broadcast: LoopingBroadcast
  var utc = UTCTime(microseconds: 1_795_651_200_000_000)
  var now = Instant(nanoseconds: 1_000_000_000)
  /// The URLs of all connections that were ever opened, in order.
  private(set) var opened: [String] = []
  private(set) var open: [IngestCore.ConnectionID: String] = [:]
  private(set) var sources: [IngestCore.ConnectionID: ScriptedSource] = [:]
  private(set) var logs: [String] = []
  private(set) var snapshot: PresentationSnapshot?
  private(set) var retired: [BroadcastPath] = []
  /// Is called when a connection is opened; by default its session is ready at once.
  var onOpen: (ScriptedUpstreams, IngestCore.ConnectionID, String) -> Void = { upstreams, id, _ in
    upstreams.ready(id)
  }
  /// What becomes of the ids of objects on their way.
  var renumber: (Location) -> Location? = { $0 }
  private var catalogGroup: UInt64?
  /// How far each track was sent to an upstream.
  private var sent: [String: Int] = [:]

  static let path = BroadcastPath(fields: [Bytes(utf8: "live"), Bytes(utf8: "a")])

  init(
    _ urls: String...,
    draft: Draft = .draft18,
    packaging: PublishPackaging = .cmaf,
    namespace: String = "live/a",
    tracks: Int? = nil,
    broadcasts: Int? = nil,
    _ change: (inout Configuration.Upstream) -> Void = { _ in }
  ) throws {
    var configuration = Configuration()
    configuration.packaging.window = .seconds(12)
    if let tracks { configuration.moq.tracks = tracks }
    if let broadcasts { configuration.moq.broadcasts = broadcasts }
    var source = Configuration.Upstream()
    source.url = urls.joined(separator: " ")
    source.namespace = namespace
    source.insecure = true
    source.backfills = false
    change(&source)
    configuration.sources = [source]
    self.draft = draft
    core = try IngestCore(configuration)
    broadcast = try LoopingBroadcast(
      namespace: try #require(TrackNamespace(text: "live/a")),
      files: [
        ("video.mp4", try MediaFixture.bytes("Media/240p.mp4")),
        ("audio.mp4", try MediaFixture.bytes("Media/audio.mp4")),
      ],
      packaging: packaging
    )
    broadcast.advance(to: utc, now: now)
  }

  func start() {
    core.start(now: now)
    run()
  }

  func run() {
    while let output = core.poll() {
      switch output {
      case .open(let id, let endpoint):
        opened.append(endpoint.url)
        open[id] = endpoint.url
        onOpen(self, id, endpoint.url)
      case .close(let id):
        open[id] = nil
        sources[id] = nil
      case .log(let level, let text): if level != .debug { logs.append(text) }
      case .snapshot(_, let snapshot): self.snapshot = snapshot
      case .absent: break
      case .retired(let path): retired.append(path)
      }
    }
  }

  /// The session of a connection is ready.
  func ready(_ id: IngestCore.ConnectionID) {
    let source = ScriptedSource()
    sources[id] = source
    core.ready(id, source, draft: draft, over: .quic, now: now)
  }

  /// Lets time pass without media.
  func advance(_ interval: Interval) {
    let end = now + interval
    var turns = 0
    while now < end {
      turns += 1
      precondition(turns < 10_000, "something stays due: \(logs.suffix(20))")
      let next = min(max(core.deadline ?? end, now + .milliseconds(1)), end)
      utc = UTCTime(microseconds: utc.microseconds + (next - now).nanoseconds / 1000)
      now = next
      if let due = core.deadline, due <= now { core.handleTimeout(utc: utc, now: now) }
      run()
    }
  }

  // MARK: Upstreams

  /// The newest connection to a URL.
  func connection(_ url: String) throws -> IngestCore.ConnectionID {
    try #require(
      open.filter { $0.value == url }.keys.max { $0.number < $1.number },
      "no connection to \(url): \(logs.suffix(5))"
    )
  }

  func source(_ url: String) throws -> ScriptedSource { try #require(sources[connection(url)]) }

  func send(_ event: SubscriberEvent, _ url: String) throws {
    if case .namespacesRefused = event { try source(url).asksForNamespaces = nil }
    core.handle(event, on: try connection(url), utc: utc, now: now)
    run()
  }

  func lose(_ url: String) throws {
    core.lose(try connection(url), "lost", now: now)
    run()
  }

  /// Accepts the subscription to a track, as of the newest object that exists or of another.
  func accept(_ name: String, _ url: String, largest: Location?) throws {
    let id = try #require(try source(url).subscription(name), "\(name) is not asked for at \(url)")
    try send(.subscribed(id, largest: largest, trackProperties: Properties()), url)
  }

  func accept(_ name: String, _ url: String) throws {
    try accept(name, url, largest: track(name).largest.flatMap(renumber))
  }

  /// Accepts a track at an upstream that is some objects behind, and may not say which it has; what it has
  /// not yet is sent later.
  func accept(_ name: String, _ url: String, behind count: Int, saysLargest: Bool) throws {
    let objects = published(name).dropLast(count)
    sent["\(url) \(name)"] = objects.count
    try accept(name, url, largest: saysLargest ? objects.last?.location : nil)
  }

  func refuse(_ name: String, _ url: String, after retry: Interval? = nil) throws {
    let source = try source(url)
    let id = try #require(source.subscription(name), "\(name) is not asked for at \(url)")
    source.end(id)
    let failure = RequestFailure(
      meaning: .excessiveLoad,
      code: 9,
      reason: "not now",
      retryAfter: retry
    )
    try send(.subscriptionFailed(id, failure), url)
  }

  func end(_ name: String, _ url: String, _ status: PublishDoneStatus = .trackEnded) throws {
    let source = try source(url)
    let id = try #require(source.subscription(name), "\(name) is not asked for at \(url)")
    source.end(id)
    try send(.subscriptionEnded(id, SubscriptionEnd(status: status, code: nil, reason: "")), url)
  }

  /// Accepts the catalog's subscription, and sends the catalog.
  func sendCatalog(_ url: String) throws {
    try accept("catalog", url)
    let object = try #require(try track("catalog").groups.last?.objects.last)
    try send(.object(try #require(try source(url).subscription("catalog")), object), url)
  }

  /// Sends another version of the catalog.
  func sendCatalog(_ catalog: Catalog, _ url: String) throws {
    let id = try #require(try source(url).subscription("catalog"))
    catalogGroup = try catalogGroup.map { $0 + 1 } ?? #require(track("catalog").largest).group + 1
    let object = Object(group: catalogGroup ?? 0, id: 0, payload: catalog.encode())
    try send(.object(id, object), url)
  }

  /// Sends the catalog and accepts what it leads to.
  func join(_ url: String) throws {
    try sendCatalog(url)
    for name in ["video", "audio"] {
      try accept(name, url)
      sent["\(url) \(name)"] = published(name).count
    }
  }

  // MARK: Media

  func track(_ name: String) throws -> BroadcastTrack {
    try #require(broadcast.store[FullTrackName(broadcast.namespace, name)])
  }

  private var ever: [String: [Object]] = [:]

  /// Everything that was ever published of a track.
  func published(_ name: String) -> [Object] {
    let present = (try? track(name))?.groups.flatMap(\.objects) ?? []
    let last = ever[name]?.last?.location
    ever[name, default: []] += present.filter { object in last.map { object.location > $0 } ?? true
    }
    return ever[name] ?? []
  }

  /// Sends what a URL was not sent yet, as far as it is subscribed there.
  func pump(_ url: String, besides lost: (Object, String) -> Bool = { _, _ in false }) throws {
    for name in ["video", "audio"] {
      let objects = published(name)
      for object in objects.dropFirst(sent["\(url) \(name)"] ?? 0) {
        guard let id = try source(url).subscription(name), !lost(object, name),
          let location = renumber(object.location)
        else { continue }
        var sent = object
        (sent.group, sent.id) = (location.group, location.object)
        try send(.object(id, sent), url)
      }
      sent["\(url) \(name)"] = objects.count
    }
  }

  /// Lets time pass in which upstreams deliver what is published.
  func play(
    _ interval: Interval,
    _ urls: String...,
    besides lost: (Object, String) -> Bool = { _, _ in false }
  ) throws {
    let end = now + interval
    while now < end {
      advance(.milliseconds(20))
      broadcast.advance(to: utc, now: now)
      for name in ["video", "audio"] { _ = published(name) }
      for url in urls { try pump(url, besides: lost) }
    }
  }
}
