internal import HTTP
internal import LinuxIO
package import Logging
internal import Synchronization
internal import TLS
package import Wire

/// The running service: an ingest loop and serve loops, each on a thread of its own.
package final class Service {
  /// What sessions say of us.
  static let implementation = "moq-egress"
  package static let version = "0.5.0"

  private let inboxes: [ServeInbox]
  private let ingestMailbox: Mailbox<IngestMessage>
  private let observer: Mailbox<IngestReport>
  private let metrics = Metrics()
  /// The ingest loop's is the last one.
  private var threads: [LoopThread] = []
  private var pulses: [Pulse] = []
  private let serving: LoopCount
  private let logger: Logger
  private let threshold: LogThreshold?
  private var configuration: Configuration
  private let log: AccessLog?
  private let closer: SocketCloser
  /// Where players are served, in the order of the configuration, with the ports that the kernel picked.
  package let urls: [String]

  /// Binds and starts; connections are accepted when this returns.
  ///
  /// A `threshold` of the log follows the configuration when that is read again. Throws what can be known
  /// to fail: a port in use, a bad URL, unreadable credentials.
  package init(
    _ configuration: Configuration,
    logger: Logger,
    threshold: LogThreshold? = nil
  ) throws {
    self.logger = logger
    self.threshold = threshold
    self.configuration = configuration
    let threadCount = configuration.server.threadCount
    serving = LoopCount(threadCount)
    ProcessUsage.shareHeap()
    Self.checkDescriptors(configuration.server, logger)
    guard configuration.server.endpoints.contains(where: { $0.side == .viewers }) else {
      throw ConfigurationError("neither server.listen nor server.listen-tls has an address")
    }
    for warning in configuration.warnings { logger.warning("\(warning)") }
    let credentials = try ServerCredentials(configuration.server)
    Self.report(credentials, logger)
    let secrets = try AccessSecrets(configuration.access)
    let limits = ClientLimits(configuration.access)
    let metrics = metrics
    let log = try Self.log(configuration.access, metrics, logger)
    self.log = log
    let closer = try SocketCloser()
    self.closer = closer
    let observer = try Mailbox<IngestReport>()
    self.observer = observer
    var inboxes: [ServeInbox] = []
    for _ in 0..<threadCount { inboxes.append(try ServeInbox()) }
    self.inboxes = inboxes
    let receivers = inboxes
    let ingestMailbox = try Mailbox<IngestMessage>()
    self.ingestMailbox = ingestMailbox
    // Each loop listens on its own sockets.
    let bound = BoundAddresses(configuration.server)
    do {
      for (index, inbox) in inboxes.enumerated() {
        let (pulse, serving) = (Pulse(), serving)
        pulses.append(pulse)
        threads.append(
          try LoopThread(
            name: "serve-\(index)",
            making: {
              let loop = try ServeLoop(
                configuration: configuration,
                listeners: try bound.listen(isShared: threadCount > 1),
                tls: try credentials.map { try ServerContext($0, protocol: ServeLoop.httpName) },
                secrets: secrets,
                limits: limits,
                log: log,
                inbox: inbox,
                ingest: ingestMailbox,
                closer: closer,
                metrics: metrics,
                logger: logger,
                pulse: pulse
              )
              return {
                loop.run()
                serving.leave()
              }
            }
          )
        )
      }
      let pulse = Pulse()
      pulses.append(pulse)
      threads.append(
        try LoopThread(
          name: "ingest",
          making: {
            let loop = try IngestLoop(
              configuration: configuration,
              serving: receivers,
              observer: observer,
              mailbox: ingestMailbox,
              logger: logger,
              pulse: pulse
            )
            return { loop.run() }
          }
        )
      )
    } catch {
      for inbox in inboxes { inbox.post(.stop) }
      for thread in threads { thread.join() }
      closer.stop()
      log?.stop()
      throw error
    }
    urls = bound.urls
  }

  /// Opens the files that a configuration names, as a start would: certificates, keys, secrets.
  ///
  /// Throws what is wrong with them.
  package static func checkFiles(of configuration: Configuration) throws(ConfigurationError) {
    _ = try ServerCredentials(configuration.server)
    _ = try AccessSecrets(configuration.access)
  }

  /// Goes over to another configuration, as far as a running service can, and says what it can't.
  ///
  /// Certificates are read again, for new connections, and secrets; the access log is opened anew. What
  /// can't be used changes nothing.
  package func reload(_ wanted: Configuration) {
    let change = ConfigurationChange(from: configuration, to: wanted)
    do throws(ConfigurationError) {
      try ConfigurationFile.validate(wanted)
      let credentials = try ServerCredentials(change.result.server)
      let secrets = try AccessSecrets(change.result.access)
      if let credentials {
        for inbox in inboxes { inbox.post(.credentials(credentials)) }
        logger.info("certificates are read again")
        Self.report(credentials, logger)
      }
      for inbox in inboxes { inbox.post(.secrets(secrets)) }
    } catch {
      return reloadFailed("\(error)")
    }
    reopenLog()
    metrics.reloads.increment()
    configuration = change.result
    threshold?.set(configuration.logLevel)
    for inbox in inboxes { inbox.post(.configuration(configuration)) }
    let changed = change.live.isEmpty ? "nothing changed" : change.live.joined(separator: ", ")
    logger.info("the configuration is read again: \(changed)")
    for warning in configuration.warnings { logger.warning("\(warning)") }
    if !change.atRestart.isEmpty {
      logger.warning(
        "these keys change at the next start only: \(change.atRestart.joined(separator: ", "))"
      )
    }
    if change.live.contains("server.connections") {
      Self.checkDescriptors(configuration.server, logger)
    }
  }

  /// Says that another configuration can't be used; the access log is opened anew all the same, as it may
  /// have been moved away.
  package func reloadFailed(_ reason: String) {
    reopenLog()
    metrics.reloadsRefused.increment()
    logger.error("the configuration stays as it is: \(reason)")
  }

  /// Opens the access log anew.
  package func reopenLog() { log?.reopen() }

  private static func log(
    _ access: Configuration.Access,
    _ metrics: Metrics,
    _ logger: Logger
  ) throws -> AccessLog? {
    guard !access.log.isEmpty else { return nil }
    do {
      return try AccessLog(access.log, metrics: metrics, logger: logger)
    } catch {
      throw ConfigurationError("access.log: \(error)")
    }
  }

  private var lastReport: IngestReport?

  /// What happens right now, in one line for a person.
  package func summary() -> String {
    lastReport = observer.takeLast() ?? lastReport
    guard let report = lastReport, let status = report.broadcasts.first else { return "starting" }
    let edges = status.tracks.compactMap { track in
      track.edge.map { Double(Clock.utc.microseconds - $0.microseconds) / 1e6 }
    }
    var parts = [status.phase.rawValue]
    if let draft = status.draft { parts.append("draft \(draft)") }
    if let transport = status.transport { parts.append(transport.name) }
    if let oldest = edges.max() {
      parts.append(
        "\(edges.count) renditions, edge \((oldest * 10).rounded() / 10) s behind the clock"
      )
    }
    parts.append("\(metrics.connectionsOpen.value) connections")
    parts.append("\(metrics.parked.value) waiting")
    parts.append("\(metrics.bytesSent.value / 1000) kB sent")
    if !status.lastError.isEmpty, status.phase != .live { parts.append(status.lastError) }
    return parts.joined(separator: " | ")
  }

  /// Whether every loop has turned lately.
  package func isAlive(now: Instant) -> Bool {
    pulses.allSatisfy { now - $0.lastBeat < Self.longestTurn }
  }

  /// A loop that has not turned for so long hangs: each does so twice a second.
  private static let longestTurn = Interval.seconds(10)

  /// Says to who asks that the service is not ready any more; all is served as before.
  package func drain() {
    for inbox in inboxes { inbox.post(.drain) }
    logger.info("draining: readyz fails for \(configuration.server.drainDelay.seconds) s")
  }

  /// How long ``drain()`` should last.
  package var drainDelay: Interval { configuration.server.drainDelay }

  /// Takes no more connections and requests, and answers what waits; ``hasStopped`` tells when that is
  /// over.
  package func beginStop() {
    for inbox in inboxes { inbox.post(.stop) }
  }

  package var hasStopped: Bool { serving.isEmpty }

  /// Breaks off what is still being sent.
  package func endNow() {
    for inbox in inboxes { inbox.post(.end) }
  }

  /// Stops, closes the upstream, and waits for the threads.
  package func stop() {
    beginStop()
    // Segments that are being sent as they grow need media to the end.
    for thread in threads.dropLast() { thread.join() }
    ingestMailbox.post(.stop)
    threads.last?.join()
    threads = []
    closer.stop()
    log?.stop()
    logger.info("stopped")
  }

  private static func report(_ credentials: ServerCredentials?, _ logger: Logger) {
    for (level, text) in credentials?.complaints(at: Clock.utc) ?? [] {
      logger.log(level: level, "\(text)")
    }
  }

  /// Raises the limit of open files as far as it goes, and warns where that is not enough.
  private static func checkDescriptors(_ server: Configuration.Server, _ logger: Logger) {
    let limit = ProcessUsage.raiseDescriptorLimit()
    // Beside connections: listeners, wake-ups, upstreams, standard streams.
    let needed = (server.connections + KeptCopies.descriptors) * server.threadCount + 64
    guard limit < needed else { return }
    logger.warning(
      """
      the limit of open files is \(limit), but server.connections (\(server.connections)) on \
      \(server.threadCount) threads needs \(needed); raise it with LimitNOFILE or ulimit -n, or lower \
      server.connections to \(max(16, (limit - 64) / server.threadCount - KeptCopies.descriptors))
      """
    )
  }
}

/// How many loops still run.
private final class LoopCount: Sendable {
  private let count: Atomic<Int>

  init(_ count: Int) { self.count = Atomic(count) }

  func leave() { count.subtract(1, ordering: .relaxed) }

  var isEmpty: Bool { count.load(ordering: .relaxed) == 0 }
}

extension Configuration.Server {
  /// How many loops serve.
  var threadCount: Int { threads > 0 ? threads : max(1, ProcessUsage.cores - 1) }
}
