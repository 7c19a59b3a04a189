import QUIC
import Wire

/// Makes links, with certificates that are valid whenever the tests run.
enum Fixture {
  // GnuTLS compares with the machine's clock, so the certificate is valid from 1970 to 2100.
  static func certificate(names: [String] = ["localhost"]) throws -> SelfSignedCertificate {
    try SelfSignedCertificate(
      names: names,
      notBefore: UTCTime(microseconds: 0),
      lifetime: Interval(nanoseconds: 4_102_444_800_000_000_000)
    )
  }

  static func link(
    clientConfiguration: QUICConfiguration = QUICConfiguration(),
    serverConfiguration: QUICConfiguration = QUICConfiguration(),
    limits: ServerEndpoint.Limits = ServerEndpoint.Limits(),
    certificate: SelfSignedCertificate? = nil,
    trust: TrustPolicy = .insecure,
    clientProtocols: [String] = ["moqt-18"],
    serverProtocols: [String] = ["moqt-18"],
    serverName: String = "localhost",
    isIPv6: Bool = false,
    seed: UInt64 = 1
  ) throws -> SimulatedLink {
    let loopback: Bytes = isIPv6 ? Bytes([UInt8](repeating: 0, count: 15) + [1]) : [127, 0, 0, 1]
    let clientAddress = SocketAddress(address: loopback, port: 50_000)
    let serverAddress = SocketAddress(address: loopback, port: 4433)
    let certificate = try certificate ?? Self.certificate()
    let server = try ServerEndpoint(
      configuration: serverConfiguration,
      limits: limits,
      credentials: ServerCredentials(certificate),
      alpn: serverProtocols,
      local: serverAddress
    )
    let client = try Connection.connect(
      configuration: clientConfiguration,
      credentials: ClientCredentials(trust),
      alpn: clientProtocols,
      serverName: serverName,
      local: clientAddress,
      remote: serverAddress,
      now: Instant(nanoseconds: 1_000_000_000)
    )
    return SimulatedLink(
      client: client,
      server: server,
      clientAddress: clientAddress,
      serverAddress: serverAddress,
      seed: seed
    )
  }

  /// A link on which both sides have finished the handshake.
  static func connected(
    clientConfiguration: QUICConfiguration = QUICConfiguration(),
    serverConfiguration: QUICConfiguration = QUICConfiguration(),
    seed: UInt64 = 1
  ) throws -> (link: SimulatedLink, server: Connection) {
    let link = try link(
      clientConfiguration: clientConfiguration,
      serverConfiguration: serverConfiguration,
      seed: seed
    )
    guard
      link.run(
        for: .milliseconds(2000),
        until: { link.client.isEstablished && link.serverConnection != nil }
      ),
      let server = link.serverConnection
    else { throw QUICError.handshakeTimeout }
    return (link, server)
  }

  /// Bytes that differ from place to place.
  static func pattern(_ count: Int, seed: UInt64 = 7) -> [UInt8] {
    var random = SeededGenerator(state: seed)
    var bytes: [UInt8] = []
    bytes.reserveCapacity(count + 8)
    while bytes.count < count {
      let word = random.next()
      for shift in 0..<8 { bytes.append(UInt8(truncatingIfNeeded: word >> (UInt64(shift) * 8))) }
    }
    bytes.removeLast(bytes.count - count)
    return bytes
  }
}
