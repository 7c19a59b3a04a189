internal import LinuxIO
internal import MoQ
internal import QUIC
internal import Wire

/// One attempt at, and then the life of, a connection to the upstream: a socket, QUIC on it,
/// perhaps WebTransport, and a MoQ session on that.
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
  private let offer: ProtocolOffer
  private let socket: UDPSocket
  private let link: SessionConnection
  private(set) var session: SubscriberSession?
  /// Which tracks the publisher may push, and how they are subscribed to.
  private let acceptsPublish: ((FullTrackName) -> SubscribeOptions?)?
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
    acceptsPublish: ((FullTrackName) -> SubscribeOptions?)? = nil,
    now: Instant
  ) throws {
    self.acceptsPublish = acceptsPublish
    self.url = url
    self.configuration = configuration
    offer = ProtocolOffer(
      drafts: SpokenDrafts.offered(configuration.upstream.draft),
      choice: url.transport
    )
    var settings = QUICConfiguration()
    settings.idleTimeout = configuration.quic.idleTimeout
    settings.handshakeTimeout = configuration.quic.handshakeTimeout
    settings.keepAlive = configuration.quic.keepAlive
    settings.streamWindowBytes = configuration.quic.streamWindowBytes
    settings.connectionWindowBytes = configuration.quic.connectionWindowBytes
    settings.maxRemoteUnidirectionalStreams = configuration.quic.uniStreams
    (socket, link) = try SessionConnection.connect(
      to: url,
      at: remote,
      offer: offer,
      settings: settings,
      credentials: credentials,
      now: now
    )
    flush(now: now)
  }

  var descriptor: CInt { socket.descriptor }

  /// What the session runs on; nil before the handshake is complete.
  var transport: TransportKind? { link.kind }

  private var connection: Connection { link.connection }

  var deadline: Instant? {
    [
      connection.deadline, link.deadline, session?.deadline,
      refusedSince.map { $0 + Self.refusalPatience },
    ]
    .compactMap { $0 }.min()
  }

  /// Takes what has arrived at the socket.
  func receive(now: Instant) {
    link.now = now
    do {
      let received = try socket.receive { datagrams, size, source, ecn in
        connection.receive(datagrams, ofSize: size, from: source, ecn: ecn, now: now)
        // At once, while it is in the processor's caches, and so that what follows can be written where it
        // is to be.
        carry(now: now)
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
    link.now = now
    if let due = connection.deadline, due <= now { connection.handleTimeout(now: now) }
    link.handleTimeout()
    if let session, let due = session.deadline, due <= now { session.handleTimeout(now: now) }
    if let since = refusedSince, now - since >= Self.refusalPatience {
      failure = failure ?? "the port of \(url.authority) has closed"
    }
  }

  /// The next event; nil when there is none for now.
  func poll(now: Instant) -> Event? {
    link.now = now
    guard !hasFailed else { return nil }
    carry(now: now)
    if let event = session?.poll() {
      guard case .closed(let error) = event else { return .session(event) }
      failure = failure ?? "session ended: \(error.reason) (code \(error.code.rawValue))"
    }
    guard let failure else { return nil }
    hasFailed = true
    return .failed(failure)
  }

  /// Hands what the connection reports to the session.
  private func carry(now: Instant) {
    while failure == nil {
      if let event = link.poll() {
        handle(event, now: now)
      } else if let event = connection.poll() {
        link.handle(event)
      } else {
        return
      }
    }
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
    link.now = now
    session?.close()
    // The last words of a session must be gone before its connection is.
    flush(now: now)
    link.close()
    flush(now: now)
  }

  private func handle(_ event: SessionConnection.Event, now: Instant) {
    switch event {
    case .ready(let draft, let kind, let transport):
      begin(draft, over: kind, transport, now: now)
    case .transport(let event): session?.handle(event, now: now)
    case .ended(.connection(let error)): failure = failure ?? explain(error)
    case .ended(let end): failure = failure ?? "\(end)"
    // A relay that goes away says so again in MoQ, with where to.
    case .draining, .closed: break
    }
  }

  private func begin(
    _ draft: Draft,
    over kind: TransportKind,
    _ transport: any StreamTransport,
    now: Instant
  ) {
    var limits = SessionLimits()
    limits.objectBytes = configuration.moq.objectBytes
    limits.controlMessageBytes = configuration.moq.controlMessageBytes
    var options = SessionOptions(towards: url, over: kind)
    options.token = configuration.upstream.authorization
    options.requestToken = options.token
    let session = SubscriberSession(
      draft: draft,
      transport: transport,
      options: options,
      limits: limits
    )
    session.acceptsPublish = acceptsPublish
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
      "it speaks none of the drafts offered (\(offer.alpn.joined(separator: ", ")))"
    default: "\(error)"
    }
  }
}
