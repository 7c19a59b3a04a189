import MoQ
import TestSupport
import Wire

@testable import WebTransport

/// Two sessions joined in memory.
final class SessionPair {
  static let request = ConnectRequest(
    authority: "relay.example:4443",
    path: "/app?token=1",
    protocols: ["moqt-18", "moqt-16"],
    allowsNoProtocol: false
  )
  static let policy = ConnectPolicy(
    path: "/app",
    protocols: ["moqt-16", "moqt-18"],
    allowsNoProtocol: false
  )

  let clientCarrier: MoQFakeTransport
  let serverCarrier: MoQFakeTransport
  let client: WebTransportSession
  let server: WebTransportSession
  private(set) var clientEvents: [WebTransportEvent] = []
  private(set) var serverEvents: [WebTransportEvent] = []

  init(
    _ request: ConnectRequest = SessionPair.request,
    _ policy: ConnectPolicy = SessionPair.policy,
    limits: WebTransportLimits = WebTransportLimits(),
    pieceBytes: Int? = nil
  ) {
    (clientCarrier, serverCarrier) = MoQFakeTransport.pair()
    clientCarrier.pieceBytes = pieceBytes
    serverCarrier.pieceBytes = pieceBytes
    client = WebTransportSession(.client(request), carrier: clientCarrier, limits: limits)
    server = WebTransportSession(.server(policy), carrier: serverCarrier, limits: limits)
  }

  func start() {
    client.start()
    server.start()
    run()
  }

  /// Moves everything that waits, until both sides are quiet.
  func run() {
    var isBusy = true
    while isBusy {
      isBusy = false
      while let event = clientCarrier.takeEvent() {
        client.handle(event)
        isBusy = true
      }
      while let event = serverCarrier.takeEvent() {
        server.handle(event)
        isBusy = true
      }
    }
    while let event = client.poll() { clientEvents.append(event) }
    while let event = server.poll() { serverEvents.append(event) }
  }

  func takeClientEvents() -> [WebTransportEvent] {
    defer { clientEvents = [] }
    return clientEvents
  }

  func takeServerEvents() -> [WebTransportEvent] {
    defer { serverEvents = [] }
    return serverEvents
  }
}

/// A session whose peer is played by the test.
final class ScriptedSession {
  /// Settings of a peer of the oldest generation: extended CONNECT, datagrams, one switch.
  static let settings: Bytes = [
    0x00, 0x04, 9, 0x08, 1, 0x33, 1, 0xab, 0x60, 0x37, 0x42, 1,
  ]

  let carrier: MoQFakeTransport
  let session: WebTransportSession

  init(_ role: WebTransportSession.Role, limits: WebTransportLimits = WebTransportLimits()) {
    let isClient = if case .client = role { true } else { false }
    carrier = MoQFakeTransport(role: isClient ? .client : .server)
    session = WebTransportSession(role, carrier: carrier, limits: limits)
    session.start()
  }

  static func client(limits: WebTransportLimits = WebTransportLimits()) -> ScriptedSession {
    ScriptedSession(.client(SessionPair.request), limits: limits)
  }

  static func server(limits: WebTransportLimits = WebTransportLimits()) -> ScriptedSession {
    ScriptedSession(.server(SessionPair.policy), limits: limits)
  }

  func receive(_ hexadecimal: String, on stream: UInt64, isFinal: Bool = false) {
    receive(Bytes(hex: hexadecimal.filter { $0 != " " }) ?? Bytes(), on: stream, isFinal: isFinal)
  }

  func receive(_ bytes: Bytes, on stream: UInt64, isFinal: Bool = false) {
    session.handle(.streamData(stream, bytes, isFinal: isFinal))
  }

  /// The settings of the peer, on its first unidirectional stream.
  func receiveSettings() {
    receive(ScriptedSession.settings, on: carrier.role == .client ? 3 : 2)
  }

  /// The frame of a field section.
  static func headers(_ fields: [(String, String)]) -> Bytes {
    var writer = ByteWriter()
    writer.writeElement(
      type: 0x01,
      FieldCoder().encode(fields.map { Field($0.0, $0.1) }, stream: 0)
    )
    return writer.bytes
  }

  /// Makes the session an open one.
  func establish() {
    receiveSettings()
    if carrier.role == .client {
      receive(
        ScriptedSession.headers([(":status", "200"), ("wt-protocol", "\"moqt-18\"")]),
        on: 0
      )
    } else {
      receive(ScriptedSession.headers(ScriptedSession.connect()), on: 0)
    }
    _ = events()
  }

  /// The fields of a request that a server takes, some of them changed or, by nil, left out.
  static func connect(_ changes: [String: String?] = [:]) -> [(String, String)] {
    let fields: [(String, String)] = [
      (":method", "CONNECT"), (":protocol", "webtransport"), (":scheme", "https"),
      (":authority", "relay.example"), (":path", "/app"),
      ("wt-available-protocols", "\"moqt-18\""),
    ]
    return fields.compactMap { name, value in
      guard let change = changes[name] else { return (name, value) }
      return change.map { (name, $0) }
    }
  }

  func events() -> [WebTransportEvent] {
    var result: [WebTransportEvent] = []
    while let event = session.poll() { result.append(event) }
    return result
  }

  /// The code with which the connection was closed.
  var closeCode: UInt64? { carrier.closed?.code }
}
