internal import LinuxIO
internal import Logging
internal import MoQ
internal import Packaging
internal import QUIC
internal import Wire

/// What other threads tell the ingest loop.
enum IngestMessage: Sendable {
  case stop
}

/// The one loop that talks to the upstream: socket, QUIC, MoQ, packaging, and snapshots to the
/// serve loops.
///
/// Serving never makes it wait.
final class IngestLoop {
  private let configuration: Configuration
  private let url: UpstreamURL
  private let ingest: BroadcastIngest
  private let serving: [Mailbox<ServeMessage>]
  private let observer: Mailbox<IngestStatus>?
  private let mailbox: Mailbox<IngestMessage>
  private let logger: Logger
  private let loop: EventLoop
  private let mailboxToken: EventToken
  private let credentials: ClientCredentials
  private var link: UpstreamLink?
  private var linkToken: EventToken?
  private var backoff: Backoff
  private var random = SystemRandomNumberGenerator()
  private var reconnectAt: Instant?
  private var nextAddress = 0
  private var statusAt: Instant
  private var now: Instant
  private var isStopping = false
  private var lastComplaint = ""
  private var lastPhase: IngestStatus.Phase?

  /// Statuses are posted this often, and whenever the phase changes.
  private static let statusInterval = Interval.milliseconds(500)

  /// Throws where the configuration can't work: a URL, a namespace or credentials.
  init(
    configuration: Configuration,
    serving: [Mailbox<ServeMessage>],
    observer: Mailbox<IngestStatus>?,
    mailbox: Mailbox<IngestMessage>,
    logger: Logger
  ) throws {
    self.configuration = configuration
    self.serving = serving
    self.observer = observer
    self.mailbox = mailbox
    self.logger = logger
    url = try UpstreamURL(configuration.upstream)
    let namespace = try Self.namespace(configuration)
    ingest = BroadcastIngest(configuration: configuration, namespace: namespace)
    credentials = try Self.credentials(configuration.trust)
    loop = try EventLoop()
    mailboxToken = try loop.add(mailbox.descriptor)
    backoff = Backoff(
      first: configuration.upstream.reconnectFirst,
      most: configuration.upstream.reconnectMost
    )
    now = Clock.now
    statusAt = now
  }

  /// The track namespace of a configuration.
  static func namespace(_ configuration: Configuration) throws(ConfigurationError) -> TrackNamespace
  {
    let separator = configuration.upstream.namespaceSeparator
    guard separator.count == 1, let character = separator.first,
      let namespace = TrackNamespace(
        text: configuration.upstream.namespace,
        separator: character
      ),
      FullTrackName(namespace, "catalog.json").isValid
    else {
      throw ConfigurationError(
        "namespace '\(configuration.upstream.namespace)' is not 1 to 32 fields separated by "
          + "'\(separator)', none empty"
      )
    }
    return namespace
  }

  static func credentials(_ trust: Configuration.Trust) throws(QUICError) -> ClientCredentials {
    switch trust {
    case .systemRoots: try ClientCredentials(.systemRoots)
    case .certificateAuthorities(let file): try ClientCredentials(.caFile(file))
    case .fingerprint(let pin): try ClientCredentials(.fingerprints([pin]))
    case .nothing: try ClientCredentials(.insecure)
    }
  }

  func run() {
    if configuration.upstream.insecure {
      logger.warning("certificates of the upstream are not checked: insecure was asked for")
    }
    connect()
    while !isStopping {
      do {
        try loop.wait(until: deadline) { token, _ in
          now = Clock.now
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
    link?.close(now: now)
  }

  private var deadline: Instant? {
    [reconnectAt, link?.deadline, ingest.deadline, statusAt].compactMap { $0 }.min()
  }

  private func handle(_ token: EventToken) {
    if token == mailboxToken {
      for message in mailbox.drain() {
        switch message {
        case .stop: isStopping = true
        }
      }
    } else if token == linkToken {
      link?.receive(now: now)
      settle()
    }
  }

  // MARK: Connecting

  private func connect() {
    reconnectAt = nil
    ingest.setPhase(.connecting)
    do {
      let addresses = try Resolver.addresses(of: url.host, port: url.port)
      let remote = addresses[nextAddress % addresses.count]
      nextAddress += 1
      let link = try UpstreamLink(
        url,
        at: remote,
        configuration: configuration,
        credentials: credentials,
        now: now
      )
      linkToken = try loop.add(link.descriptor)
      self.link = link
      logger.debug(
        "connecting",
        metadata: ["upstream": "\(url.authority)", "address": "\(remote)"]
      )
    } catch {
      lose("\(error)")
    }
  }

  /// Gives the connection up and plans the next one.
  private func lose(_ reason: String) {
    ingest.sessionEnded(reason)
    if let link, let linkToken { loop.remove(link.descriptor, linkToken) }
    link = nil
    linkToken = nil
    let pause = backoff.next(using: &random)
    reconnectAt = now + pause
    let complaint = "\(configuration.upstream.url): \(reason)"
    // The same failure again and again is worth one line, and one more when it changes.
    let metadata: Logger.Metadata = ["retry-seconds": "\((pause.seconds * 100).rounded() / 100)"]
    if complaint == lastComplaint {
      logger.debug("upstream \(complaint)", metadata: metadata)
    } else {
      logger.error("upstream \(complaint)", metadata: metadata)
    }
    lastComplaint = complaint
    postStatus()
  }

  // MARK: The connection

  private func handleTimeouts() {
    if let at = reconnectAt, at <= now { connect() }
    link?.handleTimeouts(now: now)
    if let deadline = ingest.deadline, deadline <= now {
      ingest.handleTimeout(utc: Clock.utc, now: now)
    }
    if statusAt <= now { postStatus() }
  }

  /// Carries events upwards and effects downwards until nothing moves any more.
  private func settle() {
    let utc = Clock.utc
    var failure: String?
    while failure == nil, let event = link?.poll(now: now) {
      switch event {
      case .failed(let reason): failure = reason
      case .session(.ready(let draft)):
        logger.log(
          level: lastComplaint.isEmpty ? .info : .debug,
          "session with \(url.authority)",
          metadata: [
            "draft": "\(draft.rawValue)", "transport": "\(link?.transport?.rawValue ?? "")",
          ]
        )
        if let session = link?.session { ingest.begin(session, draft: draft, now: now) }
      case .session(let event): ingest.handle(event, utc: utc, now: now)
      }
    }
    while let output = ingest.poll() {
      switch output {
      case .log(let level, let text):
        logger.log(level: Logger.Level(rawValue: level.rawValue) ?? .info, "\(text)")
      case .snapshot(let snapshot):
        // Media arrives: only now has connecting been worth it.
        backoff.succeeded()
        lastComplaint = ""
        for mailbox in serving { mailbox.postNewest(.snapshot(ingest.path, snapshot, Clock.utc)) }
      case .giveUp(let reason): failure = failure ?? reason
      }
    }
    if ingest.status.phase != lastPhase { postStatus() }
    link?.flush(now: now)
    if let failure {
      link?.close(now: now)
      lose(failure)
    }
  }

  private func postStatus() {
    statusAt = now + Self.statusInterval
    var status = ingest.currentStatus()
    status.transport = link?.transport
    lastPhase = status.phase
    for mailbox in serving { mailbox.postNewest(.status(status)) }
    observer?.post(status) { waiting, status in
      waiting = [status]
      return true
    }
  }
}
