internal import LinuxIO
internal import Logging
internal import MoQ
internal import QUIC
internal import Wire

/// What other threads tell the publishing loop.
enum PublishMessage: Sendable {
  case stop
}

/// Runs looping broadcasts: as an origin that subscribers dial, or as a client of a relay.
final class PublishLoop {
  /// Where subscribers come from.
  enum Role {
    case origin(ServerEndpoint)
    case relay(UpstreamURL, ClientCredentials)
  }

  private struct Peer {
    let link: SessionConnection
    var session: PublisherSession?
  }

  /// At least one; all in one store.
  private let broadcasts: [LoopingBroadcast]
  private let offer: ProtocolOffer
  private let role: Role
  private let logger: Logger
  private let mailbox: Mailbox<PublishMessage>
  private let loop: EventLoop
  private let mailboxToken: EventToken
  private var socket: UDPSocket?
  private var socketToken: EventToken?
  private var peers: [UInt64: Peer] = [:]
  private var reconnectAt: Instant?
  private var backoff = Backoff(first: .milliseconds(250), most: .seconds(8))
  private var random = SystemRandomNumberGenerator()
  private var batch = DatagramBatch()
  private var now: Instant
  private var isStopping = false

  /// The bound address of an origin.
  let address: SocketAddress?

  /// Takes a socket that is bound already for an origin, nil for a relay's client.
  init(
    broadcasts: [LoopingBroadcast],
    offer: ProtocolOffer,
    role: Role,
    socket: UDPSocket?,
    mailbox: Mailbox<PublishMessage>,
    logger: Logger
  ) throws {
    self.broadcasts = broadcasts
    self.offer = offer
    self.role = role
    self.logger = logger
    self.mailbox = mailbox
    loop = try EventLoop()
    mailboxToken = try loop.add(mailbox)
    now = Clock.now
    self.socket = socket
    address = try socket?.localAddress()
    if let socket { socketToken = try loop.add(socket.descriptor) }
  }

  func run() {
    for broadcast in broadcasts { broadcast.advance(to: Clock.utc, now: now) }
    if case .relay = role { connect() }
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
      tick()
    }
    // The ends of tracks go out before the session's does, and that before the connection's.
    for peer in peers.values {
      peer.link.now = now
      peer.link.drain()
    }
    for broadcast in broadcasts { broadcast.end(now: now) }
    for peer in peers.values { peer.session?.pump(now: now) }
    flush()
    for peer in peers.values { peer.session?.close() }
    flush()
    for peer in peers.values { peer.link.close() }
    flush()
  }

  private var deadline: Instant? {
    var due = nextDue.map { due in
      now + .microseconds(max(0, due.microseconds - Clock.utc.microseconds))
    }
    func consider(_ candidate: Instant?) {
      guard let candidate else { return }
      due = due.map { min($0, candidate) } ?? candidate
    }
    for peer in peers.values {
      consider(peer.session?.deadline)
      consider(peer.link.deadline)
    }
    if case .origin(let endpoint) = role { consider(endpoint.deadline) }
    consider(relay?.connection.deadline)
    consider(reconnectAt)
    return due
  }

  private var nextDue: UTCTime? { broadcasts.compactMap(\.nextDue).min() }

  private func handle(_ token: EventToken) {
    if token == mailboxToken {
      for message in mailbox.drain() {
        switch message {
        case .stop: isStopping = true
        }
      }
    } else if token == socketToken {
      receive()
      settle()
    }
  }

  private func tick() {
    if let at = reconnectAt, at <= now { connect() }
    switch role {
    case .origin(let endpoint):
      if let due = endpoint.deadline, due <= now { endpoint.handleTimeout(now: now) }
    case .relay:
      if let connection = relay?.connection, let due = connection.deadline, due <= now {
        connection.handleTimeout(now: now)
      }
    }
    for peer in peers.values {
      peer.link.now = now
      peer.link.handleTimeout()
      if let due = peer.session?.deadline, due <= now { peer.session?.handleTimeout(now: now) }
    }
    let utc = Clock.utc
    if let due = nextDue, due <= utc {
      for broadcast in broadcasts { broadcast.advance(to: utc, now: now) }
      for peer in peers.values { peer.session?.pump(now: now) }
    }
    settle()
  }

  private func receive() {
    guard let socket else { return }
    do {
      let received = try socket.receive { datagrams, size, source, ecn in
        switch role {
        case .origin(let endpoint):
          endpoint.receive(datagrams, ofSize: size, from: source, ecn: ecn, now: now)
        case .relay:
          relay?.connection.receive(datagrams, ofSize: size, from: source, ecn: ecn, now: now)
        }
      }
      if received.wasRefused { relay?.connection.noteRefused(now: now) }
    } catch {
      logger.error("\(error)")
    }
  }

  private func settle() {
    switch role {
    case .origin(let endpoint):
      while let (key, connection, event) = endpoint.poll() {
        let link =
          peers[key]?.link
          ?? SessionConnection(connection, side: .server, offer: offer, now: now)
        if peers[key] == nil { peers[key] = Peer(link: link) }
        link.now = now
        link.handle(event)
        takeEvents(of: link, key)
      }
    case .relay:
      while let relay, let event = relay.connection.poll() {
        relay.now = now
        relay.handle(event)
        takeEvents(of: relay, PublishLoop.relayKey)
      }
    }
    for (key, peer) in peers {
      takeEvents(of: peer.link, key)
      if let session = peer.session { takeEvents(of: session, key) }
    }
    flush()
  }

  private func takeEvents(of link: SessionConnection, _ key: UInt64) {
    while peers[key]?.link === link, let event = link.poll() {
      switch event {
      case .ready(let draft, let kind, let transport): begin(draft, over: kind, transport, key)
      case .transport(let event): peers[key]?.session?.handle(event, now: now)
      case .draining: logger.debug("the peer asks for an end")
      case .ended(let end):
        // What the session still has to say tells why.
        if let session = peers[key]?.session { takeEvents(of: session, key) }
        peers[key]?.session = nil
        switch role {
        case .origin: logger.debug("subscriber gone: \(end)")
        case .relay: lose("\(end)")
        }
      case .closed: peers[key] = nil
      }
    }
  }

  private func begin(
    _ draft: Draft,
    over kind: TransportKind,
    _ transport: any StreamTransport,
    _ key: UInt64
  ) {
    var options = SessionOptions(implementation: Service.implementation)
    var side = SessionRole.server
    if case .relay(let url, _) = role {
      options = SessionOptions(towards: url, over: kind)
      side = .client
    }
    let session = PublisherSession(
      draft: draft,
      transport: transport,
      role: side,
      store: broadcasts[0].store,
      options: options
    )
    peers[key]?.session = session
    session.start(now: now)
  }

  private func takeEvents(of session: PublisherSession, _ key: UInt64) {
    while let event = session.poll() {
      switch event {
      case .ready(let draft):
        backoff.succeeded()
        let kind = peers[key]?.link.kind?.rawValue ?? ""
        logger.info("session", metadata: ["draft": "\(draft.rawValue)", "transport": "\(kind)"])
        if case .relay = role {
          for broadcast in broadcasts { session.announce(broadcast.namespace) }
        }
      case .subscribed(let track): logger.debug("subscribed: \(track)")
      case .unsubscribed(let track): logger.debug("unsubscribed: \(track)")
      case .unknownTrack(let track): logger.info("asked for unknown track \(track)")
      case .namespaceAccepted(let namespace):
        logger.info("the relay takes \(namespace.joined())")
      case .namespaceRefused(let namespace, let failure):
        logger.error(
          "the relay refuses \(namespace.joined()): \(failure.meaning) \(failure.reason)"
        )
      case .publishRefused(let track, let failure):
        logger.error("the relay refuses \(track): \(failure.meaning) \(failure.reason)")
      case .groupDropped(let track, let group):
        logger.warning("group \(group) of \(track) was given up: the peer is too slow")
      case .goAway(let uri): logger.warning("the relay goes away \(uri)")
      case .closed(let error):
        logger.info("session ended: \(error.reason) (code \(error.code.rawValue))")
        peers[key]?.session = nil
      }
    }
  }

  private func flush() {
    repeat { writeDatagrams() } while pumpWhereRoom()
  }

  /// Hands on what waited for room; false when nothing did.
  private func pumpWhereRoom() -> Bool {
    var hasPumped = false
    for peer in peers.values {
      guard let session = peer.session, session.canPump else { continue }
      session.pump(now: now)
      hasPumped = true
    }
    return hasPumped
  }

  private func writeDatagrams() {
    guard let socket else { return }
    var hasMore = true
    while hasMore {
      switch role {
      case .origin(let endpoint): hasMore = endpoint.writeDatagrams(into: &batch, now: now)
      case .relay: hasMore = relay?.connection.writeDatagrams(into: &batch, now: now) ?? false
      }
      guard !batch.isEmpty else { return }
      // What a full socket does not take is lost, and sent again like any loss.
      _ = try? socket.send(batch)
      batch.removeAll()
    }
  }

  // MARK: Towards a relay

  private static let relayKey: UInt64 = 0

  private var relay: SessionConnection? {
    if case .relay = role { peers[PublishLoop.relayKey]?.link } else { nil }
  }

  private func connect() {
    reconnectAt = nil
    guard case .relay(let url, let credentials) = role else { return }
    do {
      let addresses = try Resolver.addresses(of: url.host, port: url.port)
      let (socket, link) = try SessionConnection.connect(
        to: url,
        at: addresses[0],
        offer: offer,
        settings: QUICConfiguration(),
        credentials: credentials,
        now: now
      )
      peers[PublishLoop.relayKey] = Peer(link: link)
      socketToken = try loop.add(socket.descriptor)
      self.socket = socket
      flush()
    } catch {
      lose("\(error)")
    }
  }

  private func lose(_ reason: String) {
    relay?.close()
    flush()
    if let socket, let socketToken { loop.remove(socket.descriptor, socketToken) }
    socket = nil
    socketToken = nil
    peers = [:]
    let pause = backoff.next(using: &random)
    reconnectAt = now + pause
    logger.error("relay: \(reason)", metadata: ["retry-seconds": "\(pause.seconds)"])
  }
}
