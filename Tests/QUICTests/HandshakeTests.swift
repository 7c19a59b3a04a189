import QUIC
import Testing
import Wire

@Suite struct HandshakeTests {
  @Test(arguments: [false, true])
  func `both sides learn the protocol`(isIPv6: Bool) throws {
    let link = try Fixture.link(isIPv6: isIPv6)
    link.run(for: .milliseconds(500), until: { link.serverConnection != nil })
    #expect(link.clientEvents == [.connected(alpn: "moqt-18")])
    #expect(link.serverEvents == [.connected(alpn: "moqt-18")])
  }

  @Test func `the server's preference decides between common protocols`() throws {
    let link = try Fixture.link(
      clientProtocols: ["moqt-16", "moqt-18", "moq-00"],
      serverProtocols: ["moqt-22", "moqt-18", "moqt-16"]
    )
    link.run(for: .milliseconds(500), until: { link.serverConnection != nil })
    #expect(link.clientEvents == [.connected(alpn: "moqt-18")])
    #expect(link.serverEvents == [.connected(alpn: "moqt-18")])
  }

  @Test func `no protocol in common ends the handshake`() throws {
    let link = try Fixture.link(clientProtocols: ["moqt-18"], serverProtocols: ["h3"])
    link.run(for: .milliseconds(6000))
    #expect(link.clientEvents == [.closed(.noCommonProtocol)])
    #expect(link.serverEvents == [])
    #expect(link.client.isFinished)
    #expect(link.server.connectionCount == 0)
  }

  @Test func `a client that comes back from a Retry is let in`() throws {
    var limits = ServerEndpoint.Limits()
    limits.requiresRetry = true
    let link = try Fixture.link(limits: limits)
    link.run(for: .milliseconds(500), until: { link.serverConnection != nil })
    #expect(link.clientEvents == [.connected(alpn: "moqt-18")])
    #expect(link.serverEvents == [.connected(alpn: "moqt-18")])
  }

  @Test func `a token that comes back too late is refused`() throws {
    var limits = ServerEndpoint.Limits()
    limits.requiresRetry = true
    limits.retryTokenLifetime = .milliseconds(1)
    let link = try Fixture.link(limits: limits)
    link.run(for: .milliseconds(500), until: { !link.clientEvents.isEmpty })
    #expect(link.clientEvents == [.closed(.transport(code: 0xb, reason: "", byPeer: true))])
    #expect(link.server.connectionCount == 0)
  }

  @Test(arguments: 1...12 as ClosedRange<UInt64>)
  func `a fifth of all datagrams lost delays the handshake only`(seed: UInt64) throws {
    let link = try Fixture.link(seed: seed)
    link.lossPerMille = 200
    link.jitter = .milliseconds(8)
    link.run(for: .milliseconds(9000)) {
      link.client.isEstablished && link.serverConnection != nil
    }
    #expect(link.clientEvents.first == .connected(alpn: "moqt-18"))
    #expect(link.serverEvents.first == .connected(alpn: "moqt-18"))
  }

  @Test func `from so many open handshakes on a Retry is asked for`() throws {
    var limits = ServerEndpoint.Limits()
    limits.handshakesBeforeRetry = 0
    let link = try Fixture.link(limits: limits)
    // The answer to the first datagram makes no connection.
    link.run(for: .milliseconds(15), until: { link.datagramsToServer > 0 })
    #expect(link.server.connectionCount == 0)
    link.run(for: .milliseconds(500), until: { link.serverConnection != nil })
    #expect(link.clientEvents == [.connected(alpn: "moqt-18")])
  }

  @Test func `a full server refuses`() throws {
    var limits = ServerEndpoint.Limits()
    limits.maxConnections = 0
    let link = try Fixture.link(limits: limits)
    link.run(for: .milliseconds(500), until: { !link.clientEvents.isEmpty })
    #expect(link.clientEvents == [.closed(.transport(code: 2, reason: "", byPeer: true))])
    #expect(link.server.connectionCount == 0)
  }

  @Test func `silence ends in a timeout of the handshake`() throws {
    var configuration = QUICConfiguration()
    configuration.handshakeTimeout = .milliseconds(4000)
    let link = try Fixture.link(clientConfiguration: configuration)
    link.isCut = true
    let start = link.now
    link.run(for: .milliseconds(60_000), until: { !link.clientEvents.isEmpty })
    #expect(link.clientEvents == [.closed(.handshakeTimeout)])
    #expect(link.now - start >= .milliseconds(4000))
    #expect(link.now - start < .milliseconds(5000))
  }

  @Test func `a refused port ends the handshake at the third notice`() throws {
    let link = try Fixture.link()
    link.isCut = true
    link.run(for: .milliseconds(10))
    link.client.noteRefused(now: link.now)
    link.client.noteRefused(now: link.now)
    #expect(link.client.poll() == nil)
    link.client.noteRefused(now: link.now)
    #expect(link.client.poll() == .closed(.unreachable))
    #expect(link.client.isFinished)
  }

  @Test func `a refused port changes nothing once the server has answered`() throws {
    let (link, _) = try Fixture.connected()
    for _ in 0..<10 { link.client.noteRefused(now: link.now) }
    #expect(link.client.poll() == nil)
    #expect(link.client.isEstablished)
  }

  @Test func `an unknown version is answered with the known one`() throws {
    let link = try Fixture.link()
    var packet = [UInt8](repeating: 0, count: 1200)
    packet.replaceSubrange(0..<6, with: [0xc0, 0x5a, 0x5a, 0x5a, 0x5a, 8])
    packet[14] = 8
    let source = SocketAddress.loopback(port: 9)
    link.inject(packet, toServer: true, from: source)
    var batch = DatagramBatch()
    #expect(link.server.writeDatagrams(into: &batch, now: link.now) == false)
    #expect(batch.segments.map(\.destination) == [source])
    batch.withBytes { span in
      let bytes = Bytes(copying: span)
      #expect(bytes[1..<5] == [0, 0, 0, 0])
      #expect(bytes.suffix(from: bytes.count - 4) == [0, 0, 0, 1])
    }
  }

  @Test func `a server of other versions only ends the handshake`() throws {
    let link = try Fixture.link()
    var batch = DatagramBatch()
    _ = link.client.writeDatagrams(into: &batch, now: link.now)
    let initial = batch.withBytes { Bytes(copying: $0) }
    // A Version Negotiation packet, RFC 9000 §17.2.1, mirrors the connection ids.
    let destination = initial[6..<6 + Int(initial[5])]
    let sourceStart = 6 + destination.count
    let source = initial[sourceStart + 1..<sourceStart + 1 + Int(initial[sourceStart])]
    var packet: [UInt8] = [0x80, 0, 0, 0, 0]
    packet += [UInt8(source.count)] + source.array
    packet += [UInt8(destination.count)] + destination.array
    packet += [0x5a, 0x5a, 0x5a, 0x5a]
    link.inject(packet, toServer: false)
    #expect(link.client.poll() == .closed(.noCommonVersion))
  }

  @Test func `addresses of two families can't be connected`() throws {
    #expect(throws: QUICError.setup("127.0.0.1:1 and [::1]:2 are of different address families")) {
      try Connection.connect(
        configuration: QUICConfiguration(),
        credentials: ClientCredentials(.insecure),
        alpn: ["a"],
        serverName: "localhost",
        local: .loopback(port: 1),
        remote: SocketAddress("[::1]:2") ?? .loopback(port: 0),
        now: Instant(nanoseconds: 1)
      )
    }
  }

  @Test func `names of protocols are checked`() throws {
    #expect(throws: QUICError.setup("ALPN name of 0 bytes: 1 to 255 are allowed")) {
      try Fixture.link(clientProtocols: [""])
    }
    #expect(throws: QUICError.setup("0 ALPN names: 1 to 16 are allowed")) {
      try Fixture.link(clientProtocols: [])
    }
  }
}
