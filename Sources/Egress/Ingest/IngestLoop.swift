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

/// The one loop that talks to the upstream: socket, QUIC, MoQ, packaging, and snapshots to the serve
/// loops. Serving never makes it wait.
final class IngestLoop {
  /// A connection that is being made or in use.
  private struct Link {
    let socket: UDPSocket
    let token: EventToken
    let connection: Connection
    let transport: QUICTransport
    var session: SubscriberSession?
    var lastHeard: Instant
    /// When the kernel first said that nobody listens at the peer's port, nothing heard since.
    var refusedSince: Instant?
  }

  private let configuration: Configuration
  private let url: UpstreamURL
  private let ingest: BroadcastIngest
  private let serving: [Mailbox<ServeMessage>]
  private let mailbox: Mailbox<IngestMessage>
  private let logger: Logger
  private let loop: EventLoop
  private let mailboxToken: EventToken
  private let credentials: ClientCredentials
  private var link: Link?
  private var backoff: Backoff
  private var random = SystemRandomNumberGenerator()
  private var reconnectAt: Instant?
  private var nextAddress = 0
  private var statusAt: Instant
  private var batch = DatagramBatch()
  private var now: Instant
  private var isStopping = false
  private var lastComplaint = ""

  /// Statuses are posted this often, and whenever the phase changes.
  private static let statusInterval = Interval.milliseconds(500)
  /// A dead peer's port answers with ICMP; after this much silence that is believed.
  private static let refusalPatience = Interval.milliseconds(1500)

  /// Throws where the configuration can't work: a URL, a namespace or credentials.
  init(
    configuration: Configuration, serving: [Mailbox<ServeMessage>], mailbox: Mailbox<IngestMessage>,
    logger: Logger
  ) throws {
    self.configuration = configuration
    self.serving = serving
    self.mailbox = mailbox
    self.logger = logger
    url = try UpstreamURL(configuration.upstream.url)
    let namespace = try Self.namespace(configuration)
    ingest = BroadcastIngest(configuration: configuration, namespace: namespace)
    credentials = try Self.credentials(configuration.trust)
    loop = try EventLoop()
    mailboxToken = try loop.add(mailbox.descriptor)
    backoff = Backoff(
      first: configuration.upstream.reconnectFirst, most: configuration.upstream.reconnectMost)
    now = Clock.now
    statusAt = now
  }

  /// The track namespace of a configuration.
  static func namespace(_ configuration: Configuration) throws(ConfigurationError) -> TrackNamespace {
    let separator = configuration.upstream.namespaceSeparator
    guard separator.count == 1, let character = separator.first,
      let namespace = TrackNamespace(
        text: configuration.upstream.namespace, separator: character),
      FullTrackName(namespace, "catalog.json").isValid
    else {
      throw ConfigurationError(
        "namespace '\(configuration.upstream.namespace)' is not 1 to 32 fields separated by "
          + "'\(separator)', none empty")
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
    link?.session?.close()
    link?.transport.close(code: 0, reason: "")
    flush()
  }

  private var deadline: Instant? {
    [
      reconnectAt, link?.connection.deadline, link?.session?.deadline, ingest.deadline, statusAt,
      link?.refusedSince.map { $0 + Self.refusalPatience },
    ].compactMap { $0 }.min()
  }

  private func handle(_ token: EventToken) {
    if token == mailboxToken {
      for message in mailbox.drain() {
        switch message {
        case .stop: isStopping = true
        }
      }
    } else if token == link?.token {
      receive()
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
      let any = SocketAddress(
        address: Bytes([UInt8](repeating: 0, count: remote.isIPv6 ? 16 : 4)), port: 0)
      let socket = try UDPSocket(local: any, remote: remote)
      var settings = QUICConfiguration()
      settings.idleTimeout = configuration.quic.idleTimeout
      settings.handshakeTimeout = configuration.quic.handshakeTimeout
      settings.keepAlive = configuration.quic.keepAlive
      settings.streamWindowBytes = configuration.quic.streamWindowBytes
      settings.connectionWindowBytes = configuration.quic.connectionWindowBytes
      settings.maxRemoteUnidirectionalStreams = configuration.quic.uniStreams
      let connection = try Connection.connect(
        configuration: settings, credentials: credentials, alpn: offer, serverName: url.host,
        local: try socket.localAddress(), remote: remote, now: now)
      let token = try loop.add(socket.descriptor)
      link = Link(
        socket: socket, token: token, connection: connection,
        transport: QUICTransport(connection, now: now), session: nil, lastHeard: now,
        refusedSince: nil)
      logger.debug("connecting", metadata: ["upstream": "\(url.authority)", "address": "\(remote)"])
      flush()
    } catch {
      lose("\(error)")
    }
  }

  private var offer: [String] {
    let drafts = Draft.offerOrder.filter { draft in
      configuration.upstream.draft == 0
        ? [.draft18, .draft16, .draft14].contains(draft)
        : draft.rawValue == configuration.upstream.draft
    }
    return drafts.map(\.alpn)
  }

  /// Gives the connection up and plans the next one.
  private func lose(_ reason: String) {
    ingest.sessionEnded(reason)
    if let link { loop.remove(link.socket.descriptor, link.token) }
    link = nil
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

  private func receive() {
    guard var link else { return }
    link.transport.now = now
    do {
      let received = try link.socket.receive { bytes, source, ecn in
        link.connection.receive(bytes, from: source, ecn: ecn, now: now)
      }
      if received.datagramCount > 0 {
        link.lastHeard = now
        link.refusedSince = nil
      } else if received.wasRefused {
        link.connection.noteRefused(now: now)
        if link.connection.isEstablished { link.refusedSince = link.refusedSince ?? now }
      }
      self.link = link
    } catch {
      lose("\(error)")
    }
  }

  private func handleTimeouts() {
    if let at = reconnectAt, at <= now { connect() }
    if let link {
      link.transport.now = now
      if let deadline = link.connection.deadline, deadline <= now {
        link.connection.handleTimeout(now: now)
      }
      if let session = link.session, let deadline = session.deadline, deadline <= now {
        session.handleTimeout(now: now)
      }
      if let since = link.refusedSince, now - since >= Self.refusalPatience {
        lose("the peer's port has closed")
      }
    }
    if let deadline = ingest.deadline, deadline <= now {
      ingest.handleTimeout(utc: Clock.utc, now: now)
    }
    if statusAt <= now { postStatus() }
  }

  /// Carries events upwards and effects downwards until nothing moves any more.
  private func settle() {
    let utc = Clock.utc
    var failure: String?
    if let link {
      link.transport.now = now
      while failure == nil, let event = link.connection.poll() {
        switch event {
        case .connected(let alpn): failure = begin(alpn: alpn)
        case .closed(let error): failure = explain(error)
        default:
          if let event = TransportEvent(event) { self.link?.session?.handle(event, now: now) }
        }
        takeEvents(utc: utc, &failure)
      }
      takeEvents(utc: utc, &failure)
    }
    while let output = ingest.poll() {
      switch output {
      case .log(let level, let text):
        logger.log(level: Logger.Level(rawValue: level.rawValue) ?? .info, "\(text)")
      case .snapshot(let snapshot):
        for mailbox in serving {
          mailbox.postNewest(.snapshot(ingest.path, snapshot, Clock.utc))
        }
        if !wasLive {
          wasLive = true
          postStatus()
        }
      case .giveUp(let reason): failure = failure ?? reason
      }
    }
    flush()
    if let failure {
      link?.session?.close()
      flush()
      lose(failure)
    }
  }

  private var wasLive = false

  private func takeEvents(utc: UTCTime, _ failure: inout String?) {
    while let session = link?.session, let event = session.poll() {
      switch event {
      case .ready(let draft):
        backoff.succeeded()
        lastComplaint = ""
        logger.info(
          "session with \(url.authority)", metadata: ["draft": "\(draft.rawValue)"])
        ingest.begin(session, draft: draft, now: now)
      case .closed(let error):
        failure = failure ?? "session ended: \(error.reason) (code \(error.code.rawValue))"
      default:
        ingest.handle(event, utc: utc, now: now)
      }
    }
  }

  /// Starts a session for the protocol agreed on; the reason when that is impossible.
  private func begin(alpn: String) -> String? {
    guard let link, let draft = Draft(alpn: alpn) else {
      return "the relay chose the unknown protocol \(alpn)"
    }
    var limits = SessionLimits()
    limits.objectBytes = configuration.moq.objectBytes
    limits.controlMessageBytes = configuration.moq.controlMessageBytes
    let session = SubscriberSession(
      draft: draft, transport: link.transport,
      options: SessionOptions(
        path: url.path, authority: url.authority, implementation: Service.implementation),
      limits: limits)
    self.link?.session = session
    session.start(now: now)
    return nil
  }

  private func explain(_ error: QUICError) -> String {
    switch error {
    case .unreachable:
      "nothing listens at \(url.authority) (UDP); is the relay up, and is the port right?"
    case .handshakeTimeout:
      "no answer from \(url.authority) within \(configuration.quic.handshakeTimeout.seconds) s; "
        + "is UDP to it open?"
    case .certificateRefused(let reason):
      "its certificate is not trusted (\(reason)); name its authority with --ca or pin it with "
        + "--fingerprint"
    case .noCommonProtocol:
      "it speaks none of the drafts offered (\(offer.joined(separator: ", ")))"
    default: "\(error)"
    }
  }

  private func flush() {
    guard let link else { return }
    var hasMore = true
    while hasMore {
      hasMore = link.connection.writeDatagrams(into: &batch, now: now)
      guard !batch.isEmpty else { return }
      // What a full socket does not take is lost, and sent again like any loss.
      _ = try? link.socket.send(batch)
      batch.removeAll()
    }
  }

  private func postStatus() {
    statusAt = now + Self.statusInterval
    let status = ingest.currentStatus()
    for mailbox in serving { mailbox.postNewest(.status(status)) }
  }
}
