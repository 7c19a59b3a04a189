import TLS
import TestSupport
import Testing
import Wire

/// The server's side of TLS, with our client or with crafted bytes as the peer.
@Suite struct ServerSessionTests {
  static func certificate(_ name: String, key: String? = nil) throws
    -> ServerCredentials.Certificate
  {
    ServerCredentials.Certificate(
      origin: name,
      chain: try MediaFixture.bytes("TLS/\(name).pem"),
      key: try MediaFixture.bytes("TLS/\(key ?? name).key")
    )
  }

  @Test func `the ends of certificates are known`() throws {
    let terms = try context().terms
    #expect(terms.map(\.origin) == ["first", "second"])
    // Both are of 100 years, made at once: notAfter=Nov  2 09:31:54 2126 GMT.
    #expect(terms[0].end == UTCTime(microseconds: 4_949_285_514_000_000))
  }

  private func context(authorities: Bytes? = nil) throws -> ServerContext {
    try ServerContext(
      ServerCredentials(
        certificates: [Self.certificate("first"), Self.certificate("second")],
        clientAuthorities: authorities
      ),
      protocol: "http/1.1"
    )
  }

  private func client(
    _ name: String,
    trusting authority: String? = nil,
    protocols: [String] = ["http/1.1"]
  ) throws -> ClientSession {
    try ClientSession(
      serverName: name,
      protocols: protocols,
      trust: authority.map { .authorities(file: MediaFixture.path("TLS/\($0).pem")) } ?? .anybody
    )
  }

  /// Carries bytes both ways until nobody has any; what the two have read.
  private func carry(_ client: ClientSession, _ server: ServerSession) throws -> (Bytes, Bytes) {
    var (read, heard): ([UInt8], [UInt8]) = ([], [])
    while true {
      let there = client.takeOutput()
      if !there.isEmpty { heard += try server.receive(there).array }
      let back = server.takeOutput()
      if !back.isEmpty { read += try client.receive(back).array }
      if there.isEmpty, back.isEmpty { return (Bytes(read), Bytes(heard)) }
    }
  }

  @Test func `both sides agree and carry text, until one ends`() throws {
    let server = try ServerSession(context())
    let client = try client("first.example", trusting: "first")
    try client.send(Bytes(utf8: "GET"))
    let (_, heard) = try carry(client, server)
    #expect(server.isEstablished && client.isEstablished && !server.isResumed)
    #expect(heard == Bytes(utf8: "GET"))
    #expect(client.negotiatedProtocol == "http/1.1")
    // More than a record, and byte by byte on the way.
    let long = Bytes((0..<40_000).map { UInt8(truncatingIfNeeded: $0) })
    try server.send(long)
    var read: [UInt8] = []
    for byte in server.takeOutput().slice { read += try client.receive([byte]).array }
    #expect(Bytes(read) == long)
    client.close()
    _ = try carry(client, server)
    #expect(server.isClosedByPeer)
  }

  @Test(arguments: [
    ("first.example", "first"), ("second.example", "second"), ("www.second.example", "second"),
    ("nobody.example", "first"),
  ])
  func `the certificate is that of the name, else the first`(_ name: String, _ shown: String) throws
  {
    let server = try ServerSession(context())
    let isFor = name.hasSuffix("\(shown).example")
    let client = try client(name, trusting: shown)
    if isFor {
      _ = try carry(client, server)
      #expect(client.isEstablished)
    } else {
      #expect(throws: TLSError.self) { try carry(client, server) }
    }
  }

  @Test func `clients that speak only other protocols are refused, those that name none are not`()
    throws
  {
    let server = try ServerSession(context())
    let other = try client("first.example", protocols: ["h2"])
    #expect(throws: TLSError.self) { try server.receive(other.takeOutput()) }
    // A fatal alert: no application protocol, RFC 7301 §3.2.
    #expect(server.takeOutput().array.suffix(2) == [2, 120])
    let silent = try client("first.example", protocols: [])
    let again = try ServerSession(context())
    _ = try carry(silent, again)
    #expect(again.isEstablished)
  }

  @Test func `TLS 1 and what is no TLS get an alert`() throws {
    let server = try ServerSession(context())
    // A hello of TLS 1.1 with one cipher, RFC 4346 §7.4.1.2.
    let body: [UInt8] =
      [3, 2] + [UInt8](repeating: 7, count: 32) + [0, 0, 2, 0xC0, 0x13, 1, 0]
    let hello: [UInt8] =
      [0x16, 3, 1, 0, UInt8(body.count + 4), 1, 0, 0, UInt8(body.count)] + body
    #expect(throws: TLSError.self) { try server.receive(Bytes(hello)) }
    // Protocol version, RFC 8446 §6.
    #expect(server.takeOutput().array.suffix(2) == [2, 70])
    let plain = try ServerSession(context())
    #expect(throws: TLSError.self) {
      try plain.receive(Bytes(utf8: "GET / HTTP/1.1\r\nHost: h\r\n\r\n"))
    }
    #expect(!plain.isEstablished)
  }

  @Test func `a client without the certificate that is asked for is refused`() throws {
    let server = try ServerSession(
      context(authorities: MediaFixture.bytes("TLS/second.pem"))
    )
    let client = try client("first.example")
    #expect(throws: TLSError.self) { try carry(client, server) }
    #expect(!server.isEstablished)
  }

  @Test func `credentials that can't be used are refused, saying which`() throws {
    func refusal(_ credentials: ServerCredentials) -> String {
      do throws(TLSError) {
        _ = try ServerContext(credentials, protocol: "http/1.1")
        return ""
      } catch { return error.description }
    }
    let wrong = try Self.certificate("first", key: "second")
    #expect(
      refusal(ServerCredentials(certificates: [wrong])).contains("first: key values mismatch")
    )
    // No password is asked for.
    let locked = try Self.certificate("first", key: "encrypted")
    #expect(refusal(ServerCredentials(certificates: [locked])).contains("first: "))
    var broken = try Self.certificate("second")
    broken.chain = Bytes(broken.chain.array.dropLast(200))
    #expect(refusal(ServerCredentials(certificates: [broken])).contains("second: "))
    broken = try Self.certificate("second")
    broken.chain = Bytes(broken.chain.array + broken.chain.array.dropLast(200))
    #expect(refusal(ServerCredentials(certificates: [broken])).contains("second: "))
    let credentials = ServerCredentials(
      certificates: [try Self.certificate("first")],
      clientAuthorities: Bytes(utf8: "nothing")
    )
    #expect(refusal(credentials).contains("authorities of clients"))
  }

  @Test func `wrong bytes end a session and nothing else`() throws {
    var random = SeededGenerator(seed: 11)
    let context = try context()
    for _ in 0..<400 {
      let server = try ServerSession(context)
      let client = try client("second.example")
      var isOver = false
      for _ in 0..<6 where !isOver {
        var flight = client.takeOutput().array
        for _ in 0..<Int.random(in: 0...3, using: &random) where !flight.isEmpty {
          flight[Int.random(in: 0..<flight.count, using: &random)] = UInt8.random(
            in: .min ... .max,
            using: &random
          )
        }
        do {
          _ = try server.receive(Bytes(flight))
          _ = try client.receive(server.takeOutput())
        } catch {
          isOver = true
        }
      }
      #expect(server.takeOutput().count < 20_000)
    }
  }
}
