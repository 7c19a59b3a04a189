internal import HTTP
internal import LinuxIO
package import Logging
internal import Synchronization
package import Wire

/// The address that listeners share.
private final class BoundAddress: Sendable {
  private let address: Mutex<SocketAddress>

  init(_ address: SocketAddress) { self.address = Mutex(address) }

  var value: SocketAddress {
    get { address.withLock { $0 } }
    set { address.withLock { $0 = newValue } }
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
  /// Where HTTP is served, with the port that the kernel picked.
  package let address: SocketAddress

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
    let metrics = metrics
    let observer = try Mailbox<IngestReport>()
    self.observer = observer
    var mailboxes: [Mailbox<ServeMessage>] = []
    for _ in 0..<threadCount { mailboxes.append(try Mailbox<ServeMessage>()) }
    self.mailboxes = mailboxes
    let serving = mailboxes
    let ingestMailbox = try Mailbox<IngestMessage>()
    self.ingestMailbox = ingestMailbox
    // Each loop listens on its own socket; the first picks the port that the others share.
    let bound = BoundAddress(configuration.server.listen)
    do {
      for (index, mailbox) in mailboxes.enumerated() {
        threads.append(
          try LoopThread(
            name: "serve-\(index)",
            making: {
              let listener = try TCPListener(bound.value, isShared: threadCount > 1)
              bound.value = listener.address
              let loop = try ServeLoop(
                configuration: configuration,
                listener: listener,
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
    address = bound.value
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
