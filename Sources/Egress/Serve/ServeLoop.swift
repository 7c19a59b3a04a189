internal import HTTP
internal import LinuxIO
internal import Logging
internal import Packaging
internal import TLS
internal import Wire

/// One share-nothing loop: listeners, their connections, and the requests that wait on them.
///
/// Media arrives by mailbox. Between two turns of the loop nothing changes, so a request that finds
/// its media missing can be parked without a race: what satisfies it comes by the same mailbox.
final class ServeLoop {
  private(set) var configuration: Configuration {
    didSet { hasOriginList = configuration.access.crossOrigin.hasList }
  }
  /// Whether answers depend on whose page asks; looked at with each.
  private(set) var hasOriginList: Bool
  let inbox: ServeInbox
  let ingest: Mailbox<IngestMessage>
  private let closer: SocketCloser
  let metrics: Metrics
  let logger: Logger
  let loop: EventLoop
  let listeners: [ServeListener]
  /// Those that connections are taken from: none while there is no room, and after the end.
  var listening: [EventToken: ServeListener] = [:]
  /// What encrypted sessions begin with; replaced when certificates are.
  var tls: ServerContext?
  /// Who may ask; its secrets are replaced when their files are.
  var gate: Gate
  let limits: ClientLimits
  /// Nil when nobody wants one.
  let log: AccessLog?
  /// Lines of this turn, and how many.
  var logLines = ByteWriter()
  var logLineCount = 0
  private(set) var http: ServerConfiguration
  private let pulse: Pulse
  let preview = PreviewFiles()
  private(set) var knownHeads = KnownHeads()
  var routes = KnownRoutes()
  var hotMedia: HotMedia

  var clients = ClientTable()
  var broadcasts = BroadcastTable()
  /// New views, which settle when who waited for them has been answered.
  private var fresh: [BroadcastView] = []
  /// Sockets of clients that are closed, with all that those have not read.
  var discarded: [TCPSocket] = []
  var ingestReport = IngestReport()
  var onDemand: OnDemand
  var waiting: [Waiting.Key: Waiting] = [:]
  var parkedCount = 0
  /// Requests in `waiting` and `backlog` whose clients have gone, about.
  var abandonedCount = 0
  var backlog = Backlog()
  /// Not ready any more, though everything is served.
  var isDraining = false
  var isStopping = false
  /// When what is still being sent is broken off; nil before a stop.
  var stopDeadline: Instant?
  var now: Instant
  /// When it is worth a line again that no connection can be accepted.
  var nextExhaustionReport = Instant(nanoseconds: .min)
  var date: HTTPDate
  var dateSecond: Int64
  private var rounds: Rounds
  var buffer = [UInt8](repeating: 0, count: 16_384)

  /// What HTTP/1.1 is called by ALPN, RFC 7301 §6.
  static let httpName = "http/1.1"

  /// Takes over listeners that are bound already; the loop belongs to the thread that calls `run`.
  init(
    configuration: Configuration,
    listeners: [ServeListener],
    tls: ServerContext?,
    secrets: AccessSecrets,
    limits: ClientLimits,
    log: AccessLog?,
    inbox: ServeInbox,
    ingest: Mailbox<IngestMessage>,
    closer: SocketCloser,
    metrics: Metrics,
    logger: Logger,
    pulse: Pulse = Pulse()
  ) throws(SystemError) {
    self.configuration = configuration
    hasOriginList = configuration.access.crossOrigin.hasList
    self.listeners = listeners
    self.tls = tls
    self.limits = limits
    self.log = log
    gate = Gate(
      secrets: secrets,
      hasOpenHealth: configuration.access.hasOpenHealth,
      hasOperators: !configuration.server.adminListen.isEmpty
    )
    self.inbox = inbox
    self.ingest = ingest
    self.closer = closer
    onDemand = OnDemand(configuration)
    hotMedia = HotMedia(keepsCopies: listeners.contains { $0.side == .viewers && !$0.isSecure })
    self.metrics = metrics
    self.logger = logger
    self.pulse = pulse
    loop = try EventLoop()
    _ = try inbox.watch(in: loop)
    http = ServerConfiguration(configuration)
    now = Clock.now
    let utc = Clock.utc
    dateSecond = utc.microseconds / 1_000_000
    date = HTTPDate(utc)
    rounds = Rounds(now: now)
    for listener in listeners { listening[try loop.add(listener.socket.descriptor)] = listener }
  }

  /// Runs until a stop message has been handled.
  func run() {
    while !isStopping || !clients.isEmpty {
      do {
        var hasBegun = false
        var visited: [ServeListener] = []
        try loop.wait(until: backlog.isEmpty ? rounds.next : now) { token, readiness in
          // What was ready together happens at one time.
          if !hasBegun { beginTurn(isAwaited: true) }
          hasBegun = true
          if let client = clients[token] {
            serve(client, readiness)
          } else if let listener = listening[token] {
            visited.append(listener)
          }
        }
        if !hasBegun { beginTurn(isAwaited: false) }
        // Those that are there come first.
        backlog.arrivals = visited[...]
      } catch {
        logger.critical("event loop failed: \(error)")
        return
      }
      tick()
      if let slice = rounds.begin(now: now, clients: clients.count) { sweep(slice) }
      workOff()
      if !fresh.isEmpty {
        for view in fresh { view.settle() }
        fresh = []
      }
      if !discarded.isEmpty {
        closer.close(discarded)
        discarded = []
      }
      handOverLog()
    }
  }

  /// Looks at the clock and takes the news, for which somebody waits or not.
  private func beginTurn(isAwaited: Bool) {
    let before = now
    tick()
    if isAwaited { HotCode.serving.fetch(afterRestOf: now - before) }
    for message in inbox.drain() { take(message) }
  }

  func tick() {
    now = Clock.now
    let utc = Clock.utc
    guard utc.microseconds / 1_000_000 != dateSecond else { return }
    dateSecond = utc.microseconds / 1_000_000
    date = HTTPDate(utc)
  }

  // MARK: Messages

  func take(_ message: ServeMessage) {
    switch message {
    case .snapshot(let path, let snapshot, let time):
      let view = BroadcastView(snapshot, arrival: time, after: broadcasts[path])
      broadcasts[path] = view
      fresh.append(view)
      settleArrivals(path)
      for rendition in snapshot.renditions {
        wake(Waiting.Key(broadcast: path, rendition: rendition.info.name))
      }
    case .status(let report):
      ingestReport = report
    case .credentials(let credentials):
      // Tried by who sent them; sessions that there are keep what they began with.
      do throws(TLSError) {
        tls = try ServerContext(credentials, protocol: Self.httpName)
      } catch {
        logger.error("certificates are not replaced: \(error)")
      }
    case .secrets(let secrets):
      gate.secrets = secrets
    case .absent(let path):
      settleArrivals(path)
    case .retired(let path):
      hotMedia.removeAll()
      let names = broadcasts[path]?.snapshot.renditions.map(\.info.name) ?? []
      broadcasts[path] = nil
      for name in names { wake(Waiting.Key(broadcast: path, rendition: name)) }
    case .configuration(let configuration):
      // Connections that are open keep the limits of heads they began with.
      self.configuration = configuration
      http = ServerConfiguration(configuration)
      // What was read before may be more than the new limits allow.
      knownHeads = KnownHeads()
      gate.hasOpenHealth = configuration.access.hasOpenHealth
    case .drain:
      isDraining = true
    case .stop:
      stop()
    case .end:
      stop()
      end()
    }
  }

  func report() -> StatusReport {
    StatusReport(
      metrics: metrics,
      ingest: ingestReport,
      certificates: tls?.terms ?? [],
      utc: Clock.utc
    )
  }

  // MARK: Time

  private func sweep(_ slice: Rounds.Slice) {
    if slice.index == 0 { beginRound() }
    for client in clients.slice(slice) where !client.isLate && isOverdue(client) {
      client.isLate = true
      backlog.append(late: client.token)
    }
  }

  private func beginRound() {
    pulse.beat(now)
    if let stopDeadline, now >= stopDeadline { end() }
    if listening.isEmpty, !isStopping {
      for listener in listeners {
        if let token = try? loop.add(listener.socket.descriptor) { listening[token] = listener }
      }
    }
    onDemand.sweep(now: now)
    expireParked()
  }
}

extension ServerConfiguration {
  /// The limits of a configuration.
  init(_ configuration: Configuration) {
    let server = configuration.server
    var limits = HTTPLimits()
    limits.headBytes = server.headBytes
    limits.targetBytes = server.targetBytes
    limits.fields = server.fields
    limits.pipelinedRequests = server.pipelined
    limits.requestHeadTimeout = server.headTimeout
    limits.idleTimeout = server.idleTimeout
    self.init(limits: limits, errorFields: Response.errorFields(configuration.access.crossOrigin))
  }
}
