internal import LinuxIO
internal import MoQ
internal import QUIC
internal import WebTransport
internal import Wire

/// A QUIC connection up to where a MoQ session can begin, on either side: the handshake's choice
/// between raw QUIC and WebTransport, the draft, and what the session runs on.
///
/// Its owner moves the connection's datagrams and events, and polls this after each turn.
final class SessionConnection {
  /// Which side this is; a client knows where it goes.
  enum Side {
    case client(UpstreamURL)
    case server
  }

  enum Event {
    /// A MoQ session can begin.
    case ready(Draft, TransportKind, any StreamTransport)
    case transport(TransportEvent)
    /// The peer asks to come to an end soon.
    case draining
    /// No session is possible any more.
    case ended(End)
    /// The connection is gone.
    case closed
  }

  /// Why there is no session any more.
  enum End: Error, CustomStringConvertible {
    case connection(QUICError)
    case webTransport(WebTransportEnd)
    /// The handshake agreed on what was not offered.
    case unknownProtocol(String)
    /// There was no WebTransport session in time.
    case notEstablished

    var description: String {
      switch self {
      case .connection(let error): "\(error)"
      case .webTransport(let end): "\(end)"
      case .unknownProtocol(let name): "the relay chose the unknown protocol \(name)"
      case .notEstablished: "no WebTransport session in time"
      }
    }
  }

  let connection: Connection
  private(set) var kind: TransportKind?
  private let side: Side
  private let offer: ProtocolOffer
  private let carrier: QUICTransport
  private var webTransport: WebTransportSession?
  private var events: [Event] = []
  private var hasEnded = false
  /// When a session must be there, and once it is over, when the connection is closed.
  private(set) var deadline: Instant?

  /// A WebTransport session may take so long after the handshake.
  private static let patience = Interval.seconds(10)
  /// So long the last words of a WebTransport session have to arrive before the connection ends.
  private static let linger = Interval.milliseconds(300)
  /// Where an origin's sessions are.
  private static let path = "/"

  init(_ connection: Connection, side: Side, offer: ProtocolOffer, now: Instant) {
    self.connection = connection
    self.side = side
    self.offer = offer
    carrier = QUICTransport(connection, now: now)
  }

  /// Begins connecting from a new socket; throws what the system or QUIC refuses.
  static func connect(
    to url: UpstreamURL,
    at remote: SocketAddress,
    offer: ProtocolOffer,
    settings: QUICConfiguration,
    credentials: ClientCredentials,
    now: Instant
  ) throws -> (UDPSocket, SessionConnection) {
    let any = SocketAddress(
      address: Bytes([UInt8](repeating: 0, count: remote.isIPv6 ? 16 : 4)),
      port: 0
    )
    let socket = try UDPSocket(local: any, remote: remote)
    let connection = try Connection.connect(
      configuration: settings,
      credentials: credentials,
      alpn: offer.alpn,
      serverName: url.host,
      local: try socket.localAddress(),
      remote: remote,
      now: now
    )
    return (socket, SessionConnection(connection, side: .client(url), offer: offer, now: now))
  }

  /// The loop's time, for commands of a session that come without one.
  var now: Instant {
    get { carrier.now }
    set { carrier.now = newValue }
  }

  /// Takes an event of the connection.
  func handle(_ event: QUICEvent) {
    switch event {
    case .connected(let alpn): begin(alpn)
    case .closed(let error):
      deadline = nil
      collect()
      end(.connection(error))
      events.append(.closed)
    default:
      guard let event = TransportEvent(event) else { return }
      if let webTransport {
        webTransport.handle(event)
        collect()
      } else {
        events.append(.transport(event))
      }
    }
  }

  /// Does what has become due.
  func handleTimeout() {
    guard let deadline, deadline <= now else { return }
    self.deadline = nil
    if !hasEnded { end(.notEstablished) }
    close()
  }

  /// The next event; nil when there is none for now.
  func poll() -> Event? {
    collect()
    return events.isEmpty ? nil : events.removeFirst()
  }

  /// Tells the peer that the end is near, where the transport can say so.
  func drain() { webTransport?.drain() }

  /// Closes the connection, the session having been closed before.
  func close() {
    let code = webTransport == nil ? 0 : HTTP3Code.noError.rawValue
    connection.close(code: code, reason: "", now: now)
  }

  private func begin(_ alpn: String) {
    guard alpn == ProtocolOffer.http3 else {
      guard let draft = Draft(alpn: alpn), offer.drafts.contains(draft) else {
        end(.unknownProtocol(alpn))
        return
      }
      kind = .quic
      events.append(.ready(draft, .quic, carrier))
      return
    }
    kind = .webTransport
    let role: WebTransportSession.Role =
      switch side {
      case .client(let url):
        .client(
          ConnectRequest(
            authority: url.authority,
            path: url.path,
            protocols: offer.subprotocols,
            allowsNoProtocol: offer.allowsNoSubprotocol
          )
        )
      case .server:
        .server(
          ConnectPolicy(
            path: SessionConnection.path,
            protocols: offer.subprotocols,
            allowsNoProtocol: offer.allowsNoSubprotocol
          )
        )
      }
    deadline = now + SessionConnection.patience
    let session = WebTransportSession(role, carrier: carrier)
    webTransport = session
    session.start()
    collect()
  }

  /// Takes over what the WebTransport session reports.
  private func collect() {
    guard let webTransport else { return }
    while let event = webTransport.poll() {
      switch event {
      case .established(let chosen):
        deadline = nil
        events.append(.ready(chosen.flatMap(Draft.init) ?? .draft14, .webTransport, webTransport))
      case .stream(let event):
        events.append(.transport(event))
      case .draining: events.append(.draining)
      case .ended(let reason):
        deadline = now + SessionConnection.linger
        end(.webTransport(reason))
      }
    }
  }

  private func end(_ end: End) {
    guard !hasEnded else { return }
    hasEnded = true
    events.append(.ended(end))
  }
}

extension SessionOptions {
  /// What a client's SETUP says: where it goes only if the transport has not said so.
  init(towards url: UpstreamURL, over kind: TransportKind) {
    self.init(
      path: kind == .quic ? url.path : nil,
      authority: kind == .quic ? url.authority : nil,
      implementation: Service.implementation
    )
  }
}
