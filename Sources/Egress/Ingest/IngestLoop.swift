internal import LinuxIO
internal import Logging
internal import MoQ
internal import QUIC
internal import Wire

/// What other threads tell the ingest loop.
enum IngestMessage: Sendable {
  /// Somebody asks for a broadcast that is served on demand.
  case wanted(BroadcastPath)
  /// A host's addresses, or why there are none.
  case resolved(IngestCore.ConnectionID, Result<[SocketAddress], Resolver.Failure>)
  case stop
}

/// The one loop that talks to upstreams: sockets, QUIC, MoQ, packaging, and snapshots to the serve
/// loops.
///
/// Serving never makes it wait, and neither does looking up names.
final class IngestLoop {
  private struct Link {
    let link: UpstreamLink
    let token: EventToken
  }

  private let configuration: Configuration
  private let core: IngestCore
  private let serving: [ServeInbox]
  private let observer: Mailbox<IngestReport>?
  private let mailbox: Mailbox<IngestMessage>
  private let logger: Logger
  private let pulse: Pulse
  private let loop: EventLoop
  private let mailboxToken: EventToken
  private let credentials: [Configuration.Trust: ClientCredentials]
  private var endpoints: [IngestCore.ConnectionID: Endpoint] = [:]
  private var links: [IngestCore.ConnectionID: Link] = [:]
  private var tokens: [EventToken: IngestCore.ConnectionID] = [:]
  /// Which of a host's addresses is next.
  private var attempts: [Endpoint: Int] = [:]
  private var statusAt: Instant
  private var now: Instant
  private var isStopping = false
  /// Something happened that a status should tell of at once.
  private var hasNews = false
  private var lastReport: IngestReport?

  /// Statuses are posted this often, and whenever a phase changes.
  private static let statusInterval = Interval.milliseconds(500)
  /// Of how many endpoints it is known which address is next.
  private static let attemptLimit = 256

  /// Throws where the configuration can't work: a URL, a namespace or credentials.
  init(
    configuration: Configuration,
    serving: [ServeInbox],
    observer: Mailbox<IngestReport>?,
    mailbox: Mailbox<IngestMessage>,
    logger: Logger,
    pulse: Pulse = Pulse(),
    tap: IngestCore.Tap? = nil
  ) throws {
    try ConfigurationFile.validate(configuration)
    self.configuration = configuration
    self.serving = serving
    self.observer = observer
    self.mailbox = mailbox
    self.logger = logger
    self.pulse = pulse
    core = try IngestCore(configuration, tap: tap)
    var credentials: [Configuration.Trust: ClientCredentials] = [:]
    for trust in Set(configuration.effectiveSources.map(\.trust)) {
      credentials[trust] = try ClientCredentials(trust)
    }
    self.credentials = credentials
    loop = try EventLoop()
    mailboxToken = try loop.add(mailbox)
    now = Clock.now
    statusAt = now
  }

  func run() {
    if configuration.effectiveSources.contains(where: \.insecure) {
      logger.warning("certificates of upstreams are not checked: insecure was asked for")
    }
    core.start(now: now)
    settle()
    while !isStopping {
      do {
        try loop.wait(until: deadline) { token, _ in
          let before = now
          now = Clock.now
          HotCode.ingest.fetch(afterRestOf: now - before)
          handle(token)
        }
      } catch {
        logger.critical("event loop failed: \(error)")
        return
      }
      now = Clock.now
      handleTimeouts()
      settle()
    }
    for link in links.values { link.link.close(now: now) }
  }

  private var deadline: Instant? {
    var earliest = statusAt
    for link in links.values {
      if let due = link.link.deadline { earliest = min(earliest, due) }
    }
    return core.deadline.map { min($0, earliest) } ?? earliest
  }

  private func handle(_ token: EventToken) {
    if token == mailboxToken {
      for message in mailbox.drain() {
        switch message {
        case .stop: isStopping = true
        case .wanted(let path): core.want(path, now: now)
        case .resolved(let id, .success(let addresses)): connect(id, among: addresses)
        case .resolved(let id, .failure(let failure)):
          core.lose(id, failure.description, now: now)
        }
      }
    } else if let id = tokens[token] {
      links[id]?.link.receive(now: now)
    }
    settle()
  }

  private func handleTimeouts() {
    for link in links.values {
      guard let due = link.link.deadline, due <= now else { continue }
      link.link.handleTimeouts(now: now)
    }
    if let due = core.deadline, due <= now { core.handleTimeout(utc: Clock.utc, now: now) }
    if statusAt <= now { postStatus() }
  }

  // MARK: Connections

  private func open(_ id: IngestCore.ConnectionID, _ endpoint: Endpoint) {
    endpoints[id] = endpoint
    let url: UpstreamURL
    do throws(ConfigurationError) {
      url = try UpstreamURL(endpoint.url, transport: endpoint.settings.transport)
    } catch {
      // Relays can name any URI to move to.
      return core.lose(id, error.description, now: now)
    }
    if let literal = SocketAddress.parseIPv4(url.host) ?? SocketAddress.parseIPv6(url.host) {
      return connect(id, among: [SocketAddress(address: literal, port: url.port)])
    }
    let mailbox = mailbox
    do {
      // A name server that does not answer must not stop other broadcasts.
      let lookUp: @Sendable () -> Void = {
        do throws(Resolver.Failure) {
          let addresses = try Resolver.addresses(of: url.host, port: url.port)
          mailbox.post(.resolved(id, .success(addresses)))
        } catch {
          mailbox.post(.resolved(id, .failure(error)))
        }
      }
      try LoopThread(name: "resolve", lookUp).detach()
    } catch {
      core.lose(id, "\(error)", now: now)
    }
  }

  private func connect(_ id: IngestCore.ConnectionID, among addresses: [SocketAddress]) {
    guard let endpoint = endpoints[id], let credentials = credentials[endpoint.settings.trust]
    else { return }
    // Relays can name any number of others; where to begin again does not matter much.
    if attempts.count > Self.attemptLimit { attempts = [:] }
    let attempt = attempts[endpoint] ?? 0
    attempts[endpoint] = attempt &+ 1
    var settings = configuration
    settings.upstream = endpoint.settings
    do {
      let remote = addresses[attempt % addresses.count]
      let link = try UpstreamLink(
        try UpstreamURL(endpoint.url, transport: endpoint.settings.transport),
        at: remote,
        configuration: settings,
        credentials: credentials,
        acceptsPublish: { [unowned core] in core.options(forPushed: $0, on: id) },
        now: now
      )
      let token = try loop.add(link.descriptor)
      links[id] = Link(link: link, token: token)
      tokens[token] = id
      logger.debug("connecting", metadata: ["upstream": "\(endpoint.url)", "address": "\(remote)"])
    } catch {
      core.lose(id, "\(error)", now: now)
    }
  }

  private func close(_ id: IngestCore.ConnectionID) {
    endpoints[id] = nil
    guard let link = links.removeValue(forKey: id) else { return }
    tokens[link.token] = nil
    link.link.close(now: now)
    loop.remove(link.link.descriptor, link.token)
  }

  // MARK: Events and effects

  /// Carries events upwards and effects downwards until nothing moves any more.
  private func settle() {
    let utc = Clock.utc
    for (id, link) in links {
      while let event = link.link.poll(now: now) {
        switch event {
        case .failed(let reason): core.lose(id, reason, now: now)
        case .session(.ready(let draft)):
          logger.info(
            "session with \(endpoints[id]?.url ?? "")",
            metadata: [
              "draft": "\(draft.rawValue)", "transport": "\(link.link.transport?.rawValue ?? "")",
            ]
          )
          if let session = link.link.session, let transport = link.link.transport {
            core.ready(id, session, draft: draft, over: transport, now: now)
          }
        case .session(let event): core.handle(event, on: id, utc: utc, now: now)
        }
        // Who waits for what has come need not wait for what else is there.
        carryOut(utc)
      }
    }
    core.handOver(utc: utc, now: now)
    carryOut(utc)
    for link in links.values { link.link.flush(now: now) }
    if hasNews || core.hasNewPhase() { postStatus() }
    hasNews = false
  }

  /// Does what the core wants.
  private func carryOut(_ utc: UTCTime) {
    while let output = core.poll() {
      switch output {
      case .open(let id, let endpoint): open(id, endpoint)
      case .close(let id): close(id)
      case .log(let level, let text):
        logger.log(level: Logger.Level(rawValue: level.rawValue) ?? .info, "\(text)")
      case .snapshot(let path, let snapshot):
        for inbox in serving { inbox.post(.snapshot(path, snapshot, utc)) }
      case .absent(let path):
        for inbox in serving { inbox.post(.absent(path)) }
        hasNews = true
      case .retired(let path):
        for inbox in serving { inbox.post(.retired(path)) }
        hasNews = true
      }
    }
  }

  private func postStatus() {
    statusAt = now + Self.statusInterval
    pulse.beat(now)
    let report = core.report()
    for inbox in serving { inbox.post(.status(report)) }
    observer?.post(report) { waiting, report in
      waiting = [report]
      return true
    }
  }
}

extension ClientCredentials {
  convenience init(_ trust: Configuration.Trust) throws(QUICError) {
    let policy: TrustPolicy =
      switch trust {
      case .systemRoots: .systemRoots
      case .certificateAuthorities(let file): .caFile(file)
      case .fingerprint(let pin): .fingerprints([pin])
      case .nothing: .insecure
      }
    try self.init(policy)
  }
}
