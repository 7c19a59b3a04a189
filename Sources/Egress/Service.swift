internal import HTTP
internal import LinuxIO
package import Logging
internal import Synchronization
internal import TLS
internal import Wire

/// The addresses that the loops share, in the order of the configuration.
private final class BoundAddresses: Sendable {
  private let endpoints: [(address: SocketAddress, isSecure: Bool)]
  private let addresses: Mutex<[SocketAddress]>

  init(_ server: Configuration.Server) {
    endpoints = server.endpoints
    addresses = Mutex(server.endpoints.map(\.address))
  }

  /// Listens on all of them; the first loop picks the ports that the others share.
  func listen(isShared: Bool) throws(SystemError) -> [ServeListener] {
    var listeners: [ServeListener] = []
    for (index, address) in addresses.withLock({ $0 }).enumerated() {
      let socket = try TCPListener(address, isShared: isShared)
      addresses.withLock { $0[index] = socket.address }
      listeners.append(ServeListener(socket: socket, isSecure: endpoints[index].isSecure))
    }
    return listeners
  }

  var urls: [String] {
    zip(endpoints, addresses.withLock { $0 }).map { endpoint, address in
      "\(endpoint.isSecure ? "https" : "http")://\(address)"
    }
  }
}

/// The running service: an ingest loop and serve loops, each on a thread of its own.
package final class Service {
  /// What sessions say of us.
  static let implementation = "moq-egress"

  private let mailboxes: [Mailbox<ServeMessage>]
  private let ingestMailbox: Mailbox<IngestMessage>
  private let observer: Mailbox<IngestReport>
  private let metrics = Metrics()
  private var threads: [LoopThread] = []
  private let logger: Logger
  private let server: Configuration.Server
  /// Where players are served, in the order of the configuration, with the ports that the kernel picked.
  package let urls: [String]

  /// Binds and starts; connections are accepted when this returns.
  ///
  /// Throws what can be known to fail: a port in use, a bad URL, unreadable credentials.
  package init(_ configuration: Configuration, logger: Logger) throws {
    self.logger = logger
    let limit = ProcessUsage.raiseDescriptorLimit()
    let threadCount =
      configuration.server.threads > 0
      ? configuration.server.threads : max(1, ProcessUsage.cores - 1)
    let wanted = configuration.server.connections * threadCount + 64
    if limit < wanted {
      logger.warning(
        """
        the limit of open files is \(limit), less than server.connections needs (\(wanted)); raise it \
        with ulimit -n or LimitNOFILE
        """
      )
    }
    guard !configuration.server.endpoints.isEmpty else {
      throw ConfigurationError("neither server.listen nor server.listen-tls has an address")
    }
    server = configuration.server
    let credentials = try ServerCredentials(configuration.server)
    let metrics = metrics
    let observer = try Mailbox<IngestReport>()
    self.observer = observer
    var mailboxes: [Mailbox<ServeMessage>] = []
    for _ in 0..<threadCount { mailboxes.append(try Mailbox<ServeMessage>()) }
    self.mailboxes = mailboxes
    let serving = mailboxes
    let ingestMailbox = try Mailbox<IngestMessage>()
    self.ingestMailbox = ingestMailbox
    // Each loop listens on its own sockets.
    let bound = BoundAddresses(configuration.server)
    do {
      for (index, mailbox) in mailboxes.enumerated() {
        threads.append(
          try LoopThread(
            name: "serve-\(index)",
            making: {
              let loop = try ServeLoop(
                configuration: configuration,
                listeners: try bound.listen(isShared: threadCount > 1),
                tls: try credentials.map { try ServerContext($0, protocol: ServeLoop.httpName) },
                mailbox: mailbox,
                ingest: ingestMailbox,
                metrics: metrics,
                logger: logger
              )
              return { loop.run() }
            }
          )
        )
      }
      threads.append(
        try LoopThread(
          name: "ingest",
          making: {
            let loop = try IngestLoop(
              configuration: configuration,
              serving: serving,
              observer: observer,
              mailbox: ingestMailbox,
              logger: logger
            )
            return { loop.run() }
          }
        )
      )
    } catch {
      for mailbox in mailboxes { mailbox.postNewest(.stop) }
      for thread in threads { thread.join() }
      throw error
    }
    urls = bound.urls
  }

  /// Reads certificates again, for new connections; those that can't be used change nothing.
  package func reload() {
    do throws(ConfigurationError) {
      guard let credentials = try ServerCredentials(server) else {
        return logger.info("there are no certificates to read again")
      }
      for mailbox in mailboxes { mailbox.post(.credentials(credentials)) }
      logger.info("certificates are read again")
    } catch {
      logger.error("certificates stay as they are: \(error)")
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

  /// Stops accepting, answers what waits, closes the upstream, and waits for the threads.
  package func stop() {
    ingestMailbox.post(.stop)
    for mailbox in mailboxes { mailbox.postNewest(.stop) }
    for thread in threads { thread.join() }
    threads = []
    logger.info("stopped")
  }
}
