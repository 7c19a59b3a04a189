import Packaging
import TestSupport
import Testing
import Wire

@testable import Egress
@testable import MoQ

/// An ingest core whose upstreams are publishers in memory, with a clock that the test moves.
final class IngestHarness {
  /// What answers at a URL.
  final class Relay {
    let store: BroadcastStore
    var isUp = true
    /// How many of a thousand pieces of subscriptions' streams break their stream off.
    var breaksPerThousand = 0
    /// Whether the rest of such a stream just does not come.
    var breaksSilently = false
    /// Whether it pushes all its tracks to whoever connects.
    var pushes = false
    /// Whether it announces the namespaces that it has.
    var tellsNamespaces = true
    /// Whether FETCH streams break off.
    var breaksFetches = false
    /// How many requests a connection may have open on streams of their own.
    var requestCredit = 1000
    /// How late what is fetched arrives; the end of its stream is later by another 100 ms.
    var fetchDelay = Interval.zero
    /// What a connection's streams of media carry in a second, in turn; nil for all at once.
    var bytesPerSecond: Int?
    init(_ store: BroadcastStore) { self.store = store }
  }

  private struct Link {
    let relay: Relay
    let subscriber: SubscriberSession
    let publisher: PublisherSession
    let client: MoQFakeTransport
    let server: MoQFakeTransport
  }

  let core: IngestCore
  let draft: Draft
  var relays: [String: Relay] = [:]
  var broadcasts: [LoopingBroadcast] = []
  /// 2026-11-26T00:00:00Z, a whole number of loops and groups of the fixtures.
  var utc = UTCTime(microseconds: 1_795_651_200_000_000)
  var now = Instant(nanoseconds: 1_000_000_000)
  private var links: [IngestCore.ConnectionID: Link] = [:]
  private var urls: [IngestCore.ConnectionID: String] = [:]
  private var random = SeededGenerator(seed: 7)
  private var broken: [IngestCore.ConnectionID: Set<UInt64>] = [:]
  private var slowLinks: [IngestCore.ConnectionID: SlowLink] = [:]
  private var delayed: [IngestCore.ConnectionID: [(due: Instant, event: TransportEvent)]] = [:]
  private var kinds: [IngestCore.ConnectionID: [UInt64: UInt8]] = [:]
  private(set) var snapshots: [BroadcastPath: PresentationSnapshot] = [:]
  private(set) var absent: [BroadcastPath] = []
  private(set) var retired: [BroadcastPath] = []
  private(set) var logs: [String] = []

  init(
    draft: Draft = .draft18,
    tap: IngestCore.Tap? = nil,
    sources: [Configuration.Upstream],
    _ change: (inout Configuration) -> Void = { _ in }
  ) throws {
    var configuration = Configuration()
    configuration.sources = sources
    configuration.packaging.window = .seconds(12)
    change(&configuration)
    self.draft = draft
    core = try IngestCore(configuration, tap: tap)
  }

  /// A source that costs nothing to set up.
  static func source(
    _ urls: String...,
    namespace: String,
    _ change: (inout Configuration.Upstream) -> Void = { _ in }
  ) -> Configuration.Upstream {
    var source = Configuration.Upstream()
    source.url = urls.joined(separator: " ")
    source.namespace = namespace
    source.insecure = true
    change(&source)
    return source
  }

  /// Test media under a namespace, published into a store.
  @discardableResult
  func publish(
    _ namespace: String,
    packaging: PublishPackaging = .cmaf,
    names: (video: String, audio: String) = ("video", "audio"),
    into store: BroadcastStore = BroadcastStore()
  ) throws -> LoopingBroadcast {
    let broadcast = try LoopingBroadcast(
      namespace: try #require(TrackNamespace(text: namespace)),
      files: [
        ("\(names.video).mp4", try MediaFixture.bytes("Media/240p.mp4")),
        ("\(names.audio).mp4", try MediaFixture.bytes("Media/audio.mp4")),
      ],
      packaging: packaging,
      store: store
    )
    broadcast.advance(to: utc, now: now)
    broadcasts.append(broadcast)
    return broadcast
  }

  func path(_ text: String) -> BroadcastPath {
    BroadcastPath(fields: text.split(separator: "/").map { Bytes(utf8: String($0)) })
  }

  var openURLs: [String] { urls.values.sorted() }
  var sessionCount: Int { links.count }
  /// How many tracks each connection is sent.
  var subscriptionCounts: [Int] {
    links.values.map { $0.publisher.subscriptions.values.filter(\.isAccepted).count }
  }

  func start() {
    core.start(now: now)
    run()
  }

  /// Lets time pass in steps in which at most one frame is published.
  func advance(_ interval: Interval, step: Interval = .milliseconds(20)) {
    let end = now + interval
    while now < end {
      let pause = min(step, end - now)
      now = now + pause
      utc = UTCTime(microseconds: utc.microseconds + pause.nanoseconds / 1000)
      for broadcast in broadcasts { broadcast.advance(to: utc, now: now) }
      for (id, link) in links {
        link.subscriber.handleTimeout(now: now)
        link.publisher.handleTimeout(now: now)
        if let rate = link.relay.bytesPerSecond {
          slowLinks[id, default: SlowLink()].credit += Int(Double(rate) * pause.seconds)
        }
      }
      if let due = core.deadline, due <= now { core.handleTimeout(utc: utc, now: now) }
      run()
      // A loop whose core is always due would never sleep.
      if let due = core.deadline, due <= now { Issue.record("something stays due at \(due)") }
    }
  }

  /// Lets a relay ask those who are connected to go elsewhere.
  func goAway(_ url: String, to uri: String) {
    for (id, opened) in urls where opened == url {
      links[id]?.publisher.goAway(uri: uri, timeout: .seconds(2))
    }
    run()
  }

  /// Breaks every connection to a URL, and lets none be made until it is up again.
  func kill(_ url: String) {
    relays[url]?.isUp = false
    for (id, opened) in urls where opened == url { core.lose(id, "the relay is down", now: now) }
    run()
  }

  /// Moves everything that waits, until all sides are quiet.
  func run() {
    var isBusy = true
    var turns = 0
    while isBusy {
      turns += 1
      precondition(turns < 10_000, "something goes on for ever: \(logs.suffix(20))")
      isBusy = takeOutputs()
      for (id, link) in links where links[id] != nil {
        link.publisher.pump(now: now)
        isBusy = deliver(id, link) || isBusy
      }
    }
  }

  private func takeOutputs() -> Bool {
    var isBusy = false
    while let output = core.poll() {
      isBusy = true
      switch output {
      case .open(let id, let endpoint): open(id, endpoint.url)
      case .close(let id):
        links[id]?.subscriber.close()
        links[id] = nil
        urls[id] = nil
      case .log(_, let text): logs.append(text)
      case .snapshot(let path, let snapshot): snapshots[path] = snapshot
      case .absent(let path): absent.append(path)
      case .retired(let path):
        retired.append(path)
        snapshots[path] = nil
      }
    }
    return isBusy
  }

  private func open(_ id: IngestCore.ConnectionID, _ url: String) {
    guard let relay = relays[url], relay.isUp else {
      core.lose(id, "nothing listens", now: now)
      return
    }
    let (client, server) = MoQFakeTransport.pair()
    client.bidirectionalCredit = relay.requestCredit
    client.returnsCredit = true
    let subscriber = SubscriberSession(draft: draft, transport: client, role: .client)
    subscriber.acceptsPublish = { [unowned core] in core.options(forPushed: $0, on: id) }
    let publisher = PublisherSession(
      draft: draft,
      transport: server,
      role: .server,
      store: relay.store
    )
    links[id] = Link(
      relay: relay,
      subscriber: subscriber,
      publisher: publisher,
      client: client,
      server: server
    )
    urls[id] = url
    subscriber.start(now: now)
    publisher.start(now: now)
  }

  private func deliver(_ id: IngestCore.ConnectionID, _ link: Link) -> Bool {
    var isBusy = false
    while let next = delayed[id]?.firstIndex(where: { $0.due <= now }) {
      isBusy = true
      if let event = delayed[id]?.remove(at: next).event { link.subscriber.handle(event, now: now) }
    }
    if link.relay.bytesPerSecond != nil {
      link.client.inbox = slowLinks[id, default: SlowLink()].pass(link.client.inbox)
    }
    while let event = link.client.takeEvent() {
      isBusy = true
      if let event = travelled(event, id, link.relay) { link.subscriber.handle(event, now: now) }
    }
    while let event = link.server.takeEvent() {
      link.publisher.handle(event, now: now)
      isBusy = true
    }
    while let event = link.publisher.poll() {
      guard case .ready = event, link.relay.pushes else { continue }
      for name in link.relay.store.names { link.publisher.publish(name) }
    }
    core.handOver(utc: utc, now: now)
    while links[id] != nil, let event = link.subscriber.poll() {
      isBusy = true
      if case .namespaceAnnounced = event, !link.relay.tellsNamespaces { continue }
      if case .ready = event {
        core.ready(id, link.subscriber, draft: draft, over: .quic, now: now)
      } else if case .closed(let error) = event {
        core.lose(id, error.reason, now: now)
      } else {
        core.handle(event, on: id, utc: utc, now: now)
      }
    }
    return isBusy
  }

  /// What arrives of an event: streams of media may break off.
  private func travelled(
    _ event: TransportEvent,
    _ id: IngestCore.ConnectionID,
    _ relay: Relay
  ) -> TransportEvent? {
    guard case .streamData(let stream, let bytes, let isEnd) = event, stream & 3 == 3 else {
      return event
    }
    guard let kind = kinds[id]?[stream] ?? (bytes.isEmpty ? nil : bytes[0]) else { return event }
    kinds[id, default: [:]][stream] = kind
    if kind == 0x05, relay.fetchDelay > .zero {
      let due = now + relay.fetchDelay
      delayed[id, default: []].append((due, .streamData(stream, bytes, isFinal: false)))
      if isEnd {
        let end = TransportEvent.streamData(stream, [], isFinal: true)
        delayed[id]?.append((due + .milliseconds(100), end))
      }
      return nil
    }
    // Nothing more comes of it, its end neither: QUIC ends no stream of which bytes are missing.
    guard broken[id]?.contains(stream) != true else { return nil }
    guard !bytes.isEmpty else { return event }
    let isFetch = kind == 0x05
    let isSubgroup = kind & 0x90 == 0x10
    let breaks =
      isFetch
      ? relay.breaksFetches
      : isSubgroup && Int.random(in: 0..<1000, using: &random) < relay.breaksPerThousand
    guard breaks else { return event }
    broken[id, default: []].insert(stream)
    return relay.breaksSilently ? nil : .streamReset(stream, code: 0)
  }
}
