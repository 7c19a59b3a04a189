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
  let configuration: Configuration
  let mailbox: Mailbox<ServeMessage>
  let ingest: Mailbox<IngestMessage>
  let metrics: Metrics
  let logger: Logger
  let loop: EventLoop
  let listeners: [ServeListener]
  /// Those that connections are taken from: none while there is no room, and after the end.
  var listening: [EventToken: ServeListener] = [:]
  /// What encrypted sessions begin with; replaced when certificates are.
  var tls: ServerContext?
  let mailboxToken: EventToken
  let http: ServerConfiguration
  let preview = PreviewFiles()

  var clients: [EventToken: Client] = [:]
  var broadcasts: [BroadcastPath: BroadcastView] = [:]
  var ingestReport = IngestReport()
  var onDemand: OnDemand
  var waiting: [Waiting.Key: Waiting] = [:]
  var parkedCount = 0
  var isStopping = false
  var now: Instant
  var date: HTTPDate
  var dateSecond: Int64
  var nextSweep: Instant
  var buffer = [UInt8](repeating: 0, count: 16_384)

  /// What HTTP/1.1 is called by ALPN, RFC 7301 §6.
  static let httpName = "http/1.1"

  /// Takes over listeners that are bound already; the loop belongs to the thread that calls `run`.
  init(
    configuration: Configuration,
    listeners: [ServeListener],
    tls: ServerContext?,
    mailbox: Mailbox<ServeMessage>,
    ingest: Mailbox<IngestMessage>,
    metrics: Metrics,
    logger: Logger
  ) throws(SystemError) {
    self.configuration = configuration
    self.listeners = listeners
    self.tls = tls
    self.mailbox = mailbox
    self.ingest = ingest
    onDemand = OnDemand(configuration)
    self.metrics = metrics
    self.logger = logger
    loop = try EventLoop()
    mailboxToken = try loop.add(mailbox.descriptor)
    var limits = HTTPLimits()
    limits.headBytes = configuration.server.headBytes
    limits.targetBytes = configuration.server.targetBytes
    limits.fields = configuration.server.fields
    limits.pipelinedRequests = configuration.server.pipelined
    limits.requestHeadTimeout = configuration.server.headTimeout
    limits.idleTimeout = configuration.server.idleTimeout
    http = ServerConfiguration(limits: limits, errorFields: Response.errorFields)
    now = Clock.now
    let utc = Clock.utc
    dateSecond = utc.microseconds / 1_000_000
    date = HTTPDate(utc)
    nextSweep = now + Self.sweepInterval
    for listener in listeners { listening[try loop.add(listener.socket.descriptor)] = listener }
  }

  /// Deadlines are looked at this often: all are seconds long.
  static let sweepInterval = Interval.milliseconds(500)

  /// Runs until a stop message has been handled.
  func run() {
    while !isStopping || !clients.isEmpty {
      do {
        try loop.wait(until: nextSweep) { token, readiness in
          tick()
          handle(token, readiness)
        }
      } catch {
        logger.critical("event loop failed: \(error)")
        return
      }
      tick()
      if now >= nextSweep { sweep() }
    }
  }

  func tick() {
    now = Clock.now
    let utc = Clock.utc
    guard utc.microseconds / 1_000_000 != dateSecond else { return }
    dateSecond = utc.microseconds / 1_000_000
    date = HTTPDate(utc)
  }

  func handle(_ token: EventToken, _ readiness: Readiness) {
    if let listener = listening[token] {
      accept(listener)
    } else if token == mailboxToken {
      for message in mailbox.drain() { take(message) }
    } else if let client = clients[token] {
      serve(client, readiness)
    }
  }

  // MARK: Messages

  func take(_ message: ServeMessage) {
    switch message {
    case .snapshot(let path, let snapshot, let time):
      broadcasts[path] = BroadcastView(snapshot, arrival: time, after: broadcasts[path])
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
    case .absent(let path):
      settleArrivals(path)
    case .retired(let path):
      let names = broadcasts.removeValue(forKey: path)?.snapshot.renditions.map(\.info.name) ?? []
      for name in names { wake(Waiting.Key(broadcast: path, rendition: name)) }
    case .stop:
      stop()
    }
  }

  func report() -> StatusReport {
    StatusReport(
      metrics: metrics,
      ingest: ingestReport,
      utc: Clock.utc
    )
  }

  // MARK: Time

  func sweep() {
    nextSweep = now + Self.sweepInterval
    if listening.isEmpty, !isStopping {
      for listener in listeners {
        if let token = try? loop.add(listener.socket.descriptor) { listening[token] = listener }
      }
    }
    onDemand.sweep(now: now)
    for (key, entry) in waiting { expire(entry, key) }
    for client in clients.values { check(client) }
  }

  /// Stops accepting, answers what waits with 503, and lets what is being written finish.
  func stop() {
    guard !isStopping else { return }
    isStopping = true
    pauseListening()
    for entry in waiting.values {
      for parked in entry.parked {
        unpark()
        guard let client = clients[parked.client] else { continue }
        respond(
          .unavailable("the server is stopping"),
          to: parked.request,
          client
        )
        flush(client)
      }
      for growing in entry.growing {
        guard let client = clients[growing.client] else { continue }
        client.connection.abort(growing.request)
        flush(client)
      }
    }
    waiting = [:]
    for client in clients.values where !client.hasOutput { close(client) }
    // What is still being written has the drain timeout; idle connections were closed above.
    for client in clients.values { client.drainStart = client.drainStart ?? now }
  }
}
