internal import LinuxIO
internal import MoQ
internal import QUIC
internal import Wire

/// One attempt at, and then the life of, a connection to the upstream: a socket, QUIC on it, and
/// a MoQ session on that.
///
/// The owner's loop watches `descriptor`.
final class UpstreamLink {
  enum Event {
    case session(SubscriberEvent)
    /// The link is over; the text says why and what may help.
    case failed(String)
  }

  private let url: UpstreamURL
  private let configuration: Configuration
  private let offer: [String]
  private let socket: UDPSocket
  private let connection: Connection
  private let transport: QUICTransport
  private(set) var session: SubscriberSession?
  private var batch = DatagramBatch()
  /// When the kernel first said that nobody listens at the peer's port, nothing heard since.
  private var refusedSince: Instant?
  private var failure: String?
  private var hasFailed = false

  /// A dead peer's port answers with ICMP; after this much silence that is believed.
  private static let refusalPatience = Interval.milliseconds(1500)

  /// Begins connecting to an address of the URL's host.
  init(
    _ url: UpstreamURL,
    at remote: SocketAddress,
    configuration: Configuration,
    credentials: ClientCredentials,
    now: Instant
  ) throws {
    self.url = url
    self.configuration = configuration
    offer = SpokenDrafts.offered(configuration.upstream.draft).map(\.alpn)
    let any = SocketAddress(
      address: Bytes([UInt8](repeating: 0, count: remote.isIPv6 ? 16 : 4)),
      port: 0
    )
    socket = try UDPSocket(local: any, remote: remote)
    var settings = QUICConfiguration()
    settings.idleTimeout = configuration.quic.idleTimeout
    settings.handshakeTimeout = configuration.quic.handshakeTimeout
    settings.keepAlive = configuration.quic.keepAlive
    settings.streamWindowBytes = configuration.quic.streamWindowBytes
    settings.connectionWindowBytes = configuration.quic.connectionWindowBytes
    settings.maxRemoteUnidirectionalStreams = configuration.quic.uniStreams
    connection = try Connection.connect(
      configuration: settings,
      credentials: credentials,
      alpn: offer,
      serverName: url.host,
      local: try socket.localAddress(),
      remote: remote,
      now: now
    )
    transport = QUICTransport(connection, now: now)
    flush(now: now)
  }

  var descriptor: CInt { socket.descriptor }

  var deadline: Instant? {
    [connection.deadline, session?.deadline, refusedSince.map { $0 + Self.refusalPatience }]
      .compactMap { $0 }.min()
  }

  /// Takes what has arrived at the socket.
  func receive(now: Instant) {
    transport.now = now
    do {
      let received = try socket.receive { bytes, source, ecn in
        connection.receive(bytes, from: source, ecn: ecn, now: now)
      }
      if received.datagramCount > 0 {
        refusedSince = nil
      } else if received.wasRefused {
        connection.noteRefused(now: now)
        if connection.isEstablished { refusedSince = refusedSince ?? now }
      }
    } catch {
      failure = failure ?? "\(error)"
    }
  }

  /// Does what has become due.
  func handleTimeouts(now: Instant) {
    transport.now = now
    if let due = connection.deadline, due <= now { connection.handleTimeout(now: now) }
    if let session, let due = session.deadline, due <= now { session.handleTimeout(now: now) }
    if let since = refusedSince, now - since >= Self.refusalPatience {
      failure = failure ?? "the port of \(url.authority) has closed"
    }
  }

  /// The next event; nil when there is none for now.
  func poll(now: Instant) -> Event? {
    transport.now = now
    while !hasFailed {
      if let event = session?.poll() {
        guard case .closed(let error) = event else {
          return .session(event)
        }
        failure = failure ?? "session ended: \(error.reason) (code \(error.code.rawValue))"
      }
      if let failure {
        hasFailed = true
        return .failed(failure)
      }
      guard let event = connection.poll() else { return nil }
      switch event {
      case .connected(let alpn): begin(alpn: alpn, now: now)
      case .closed(let error): failure = failure ?? explain(error)
      default:
        if let event = TransportEvent(event) { session?.handle(event, now: now) }
      }
    }
    return nil
  }

  /// Sends what is due.
  func flush(now: Instant) {
    var hasMore = true
    while hasMore {
      hasMore = connection.writeDatagrams(into: &batch, now: now)
      guard !batch.isEmpty else { return }
      // What a full socket does not take is lost, and sent again like any loss.
      _ = try? socket.send(batch)
      batch.removeAll()
    }
  }

  /// Ends session and connection in good order.
  func close(now: Instant) {
    transport.now = now
    session?.close()
    connection.close(code: 0, reason: "", now: now)
    flush(now: now)
  }

  private func begin(alpn: String, now: Instant) {
    guard let draft = Draft(alpn: alpn) else {
      failure = "the relay chose the unknown protocol \(alpn)"
      return
    }
    var limits = SessionLimits()
    limits.objectBytes = configuration.moq.objectBytes
    limits.controlMessageBytes = configuration.moq.controlMessageBytes
    let session = SubscriberSession(
      draft: draft,
      transport: transport,
      options: SessionOptions(
        path: url.path,
        authority: url.authority,
        implementation: Service.implementation
      ),
      limits: limits
    )
    self.session = session
    session.start(now: now)
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
}
