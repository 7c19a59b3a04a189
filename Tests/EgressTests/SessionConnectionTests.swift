import MoQ
import QUIC
import Testing
import WebTransport
import Wire

@testable import Egress

/// Both sides of a connection in memory, with a clock that the test moves.
private final class Rig {
  private static let clientAddress = SocketAddress(address: [127, 0, 0, 1], port: 50_000)
  private static let serverAddress = SocketAddress(address: [127, 0, 0, 1], port: 4433)

  var now = Instant(nanoseconds: 1_000_000_000)
  let client: SessionConnection
  private(set) var server: SessionConnection?
  private let endpoint: ServerEndpoint
  private let serverOffer: ProtocolOffer
  private var batch = DatagramBatch()
  /// Whether the client's side of HTTP/3 is there.
  private let clientIsMute: Bool
  var clientEvents: [SessionConnection.Event] = []
  var serverEvents: [SessionConnection.Event] = []
  private(set) var clientClose: QUICError?
  private(set) var serverClose: QUICError?

  init(
    _ url: String,
    client clientOffer: ProtocolOffer,
    server serverOffer: ProtocolOffer,
    clientIsMute: Bool = false
  ) throws {
    self.serverOffer = serverOffer
    self.clientIsMute = clientIsMute
    // GnuTLS compares with the machine's clock, so the certificate is valid from 1970 to 2100.
    let certificate = try SelfSignedCertificate(
      names: ["localhost"],
      notBefore: UTCTime(microseconds: 0),
      lifetime: Interval(nanoseconds: 4_102_444_800_000_000_000)
    )
    endpoint = try ServerEndpoint(
      configuration: QUICConfiguration(),
      credentials: ServerCredentials(certificate),
      alpn: serverOffer.alpn,
      local: Rig.serverAddress
    )
    let connection = try Connection.connect(
      configuration: QUICConfiguration(),
      credentials: ClientCredentials(.insecure),
      alpn: clientOffer.alpn,
      serverName: "localhost",
      local: Rig.clientAddress,
      remote: Rig.serverAddress,
      now: now
    )
    client = SessionConnection(
      connection,
      side: .client(try UpstreamURL(url)),
      offer: clientOffer,
      now: now
    )
  }

  /// Lets time pass, doing all that becomes due.
  func run(for duration: Interval = .milliseconds(200)) {
    let end = now + duration
    while true {
      while exchange() {}
      let next = [
        client.connection.deadline, client.deadline, endpoint.deadline, server?.deadline,
      ].compactMap { $0 }.min()
      guard let next, next <= end else { break }
      now = max(now, next)
      let connection = client.connection
      if let due = connection.deadline, due <= now { connection.handleTimeout(now: now) }
      if let due = endpoint.deadline, due <= now { endpoint.handleTimeout(now: now) }
      for side in [client, server].compactMap({ $0 }) {
        side.now = now
        side.handleTimeout()
      }
    }
    now = end
    client.now = now
    server?.now = now
  }

  /// Carries datagrams both ways and events upwards; false when nothing moved.
  private func exchange() -> Bool {
    var moved = false
    client.now = now
    batch.removeAll()
    _ = client.connection.writeDatagrams(into: &batch, now: now)
    batch.forEachDatagram { _, span in
      moved = true
      endpoint.receive(span, from: Rig.clientAddress, now: now)
    }
    while let (_, connection, event) = endpoint.poll() {
      let side =
        server ?? SessionConnection(connection, side: .server, offer: serverOffer, now: now)
      server = side
      side.now = now
      if case .closed(let error) = event { serverClose = error }
      side.handle(event)
    }
    batch.removeAll()
    _ = endpoint.writeDatagrams(into: &batch, now: now)
    batch.forEachDatagram { _, span in
      moved = true
      client.connection.receive(span, from: Rig.serverAddress, now: now)
    }
    while let event = client.connection.poll() {
      if case .closed(let error) = event { clientClose = error }
      if !clientIsMute { client.handle(event) }
    }
    while let event = client.poll() { clientEvents.append(event) }
    while let event = server?.poll() { serverEvents.append(event) }
    return moved
  }
}

/// From a handshake to where a MoQ session can begin, and its end.
@Suite struct SessionConnectionTests {
  private func offer(
    _ drafts: [Draft] = [.draft18, .draft14],
    _ choice: TransportChoice = .auto
  ) -> ProtocolOffer {
    ProtocolOffer(drafts: drafts, choice: choice)
  }

  /// What a side was told that a session can begin with.
  private func ready(
    _ events: [SessionConnection.Event]
  ) -> (Draft, TransportKind, any StreamTransport)? {
    for case .ready(let draft, let kind, let transport) in events {
      return (draft, kind, transport)
    }
    return nil
  }

  @Test func `raw QUIC is offered before HTTP/3, each draft in its order`() {
    #expect(offer([.draft18, .draft14]).alpn == ["moqt-18", "moq-00", "h3"])
    #expect(offer([.draft18], .quic).alpn == ["moqt-18"])
    #expect(offer([.draft18], .webTransport).alpn == ["h3"])
    #expect(offer([.draft18, .draft14]).subprotocols == ["moqt-18"])
    #expect(!offer([.draft18]).allowsNoSubprotocol)
  }

  @Test(arguments: Draft.allCases, [TransportChoice.quic, .webTransport])
  func `every draft comes to a session on both transports`(
    _ draft: Draft,
    _ choice: TransportChoice
  ) throws {
    let rig = try Rig(
      "moqt://localhost:4433/",
      client: offer([draft], choice),
      server: offer(Draft.offerOrder)
    )
    rig.run()
    let kind: TransportKind = choice == .quic ? .quic : .webTransport
    for (events, side) in [(rig.clientEvents, rig.client), (rig.serverEvents, rig.server)] {
      let (agreed, on, _) = try #require(ready(events))
      #expect(agreed == draft)
      #expect(on == kind)
      #expect(side?.kind == kind)
    }
  }

  @Test func `the draft that both speak is taken, whatever else is offered`() throws {
    for choice in [TransportChoice.quic, .webTransport] {
      let rig = try Rig(
        "moqt://localhost:4433/",
        client: offer([.draft22, .draft20, .draft16], choice),
        server: offer([.draft18, .draft16])
      )
      rig.run()
      #expect(ready(rig.clientEvents)?.0 == .draft16)
    }
  }

  @Test func `an origin of draft 14 alone is reached by a client that offers others as well`()
    throws
  {
    let rig = try Rig(
      "https://localhost:4433/",
      client: offer([.draft18, .draft14], .webTransport),
      server: offer([.draft14])
    )
    rig.run()
    #expect(ready(rig.clientEvents)?.0 == .draft14)
    #expect(ready(rig.serverEvents)?.0 == .draft14)
  }

  @Test func `SETUP says where it goes on raw QUIC only`() throws {
    let url = try UpstreamURL("moqt://localhost:4433/app?x=1")
    let quic = SessionOptions(towards: url, over: .quic)
    #expect((quic.path, quic.authority) == ("/app?x=1", "localhost:4433"))
    let web = SessionOptions(towards: url, over: .webTransport)
    #expect((web.path, web.authority) == (nil, nil))
  }

  @Test func `streams, datagrams and codes of a session arrive on the other side`() throws {
    let rig = try Rig(
      "https://localhost:4433/",
      client: offer(),
      server: offer([.draft18], .webTransport)
    )
    rig.run()
    let (_, _, transport) = try #require(ready(rig.clientEvents))
    rig.serverEvents = []
    let stream = try #require(transport.openStream(bidirectional: true))
    transport.send([1, 2, 3], on: stream, isFinal: false)
    #expect(transport.sendDatagram([9]))
    rig.run()
    transport.reset(stream, code: 5)
    rig.run()
    let told = rig.serverEvents.map { event in
      switch event {
      case .transport(.streamData(_, let bytes, _)): "data \(bytes)"
      case .transport(.datagram(let bytes)): "datagram \(bytes)"
      case .transport(.streamReset(_, let code)): "reset \(code)"
      default: "other"
      }
    }
    #expect(told.sorted() == ["data 010203", "datagram 09", "reset 5"])
  }

  @Test func `the end of a session is told with its code, and ends the connection soon after`()
    throws
  {
    let rig = try Rig(
      "https://localhost:4433/",
      client: offer([.draft18], .webTransport),
      server: offer()
    )
    rig.run()
    let (_, _, transport) = try #require(ready(rig.clientEvents))
    transport.close(code: 3, reason: "no")
    rig.run(for: .milliseconds(100))
    guard
      case .ended(.webTransport(.closedByPeer(code: 3, reason: "no")))? = rig.serverEvents.last
    else {
      Issue.record("the server was told \(rig.serverEvents.last.map { "\($0)" } ?? "nothing")")
      return
    }
    #expect(rig.clientClose == nil && rig.serverClose == nil)
    rig.run(for: .seconds(1))
    guard case .closed? = rig.serverEvents.last, case .closed? = rig.clientEvents.last else {
      Issue.record("the connection is still there")
      return
    }
    let codes = [rig.clientClose, rig.serverClose].map { error -> UInt64 in
      switch error {
      case .closedLocally(let code, _)?, .closedByPeer(let code, _)?: code
      default: 0
      }
    }
    #expect(codes == [0x100, 0x100])
  }

  @Test func `a client that never asks for a session is let go`() throws {
    let rig = try Rig(
      "https://localhost:4433/",
      client: offer(),
      server: offer([.draft18], .webTransport),
      clientIsMute: true
    )
    rig.run(for: .milliseconds(9900))
    #expect(rig.serverEvents.isEmpty)
    rig.run(for: .milliseconds(300))
    guard case .ended(.notEstablished)? = rig.serverEvents.first else {
      Issue.record("the server still waits")
      return
    }
    #expect(rig.clientClose == .closedByPeer(code: 0x100, reason: ""))
  }
}
