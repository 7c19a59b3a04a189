import TLS
import Testing
import Wire

/// The client's side of TLS as far as it shows without a server.
@Suite struct ClientSessionTests {
  @Test func `the first flight is a client hello with the server's name and the offer`() throws {
    let session = try ClientSession(
      serverName: "origin.example",
      protocols: ["h2", "http/1.1"],
      trust: .anybody
    )
    let flight = session.takeOutput()
    // A handshake record with a client hello, RFC 8446 §5.1 and §4.
    #expect(flight[0] == 0x16)
    #expect(flight[5] == 1)
    #expect(flight.slice.firstRange(of: Array("origin.example".utf8)) != nil)
    #expect(flight.slice.firstRange(of: Array("\u{2}h2\u{8}http/1.1".utf8)) != nil)
    #expect(session.takeOutput().isEmpty)
    #expect(!session.isEstablished)
  }

  @Test func `an address is not sent as a name`() throws {
    let session = try ClientSession(serverName: "127.0.0.1", protocols: [], trust: .anybody)
    #expect(session.takeOutput().slice.firstRange(of: Array("127.0.0.1".utf8)) == nil)
  }

  @Test func `bytes that are no TLS end the session`() throws {
    let session = try ClientSession(serverName: "h", protocols: [], trust: .anybody)
    #expect(throws: TLSError.self) {
      _ = try session.receive(Bytes(utf8: "HTTP/1.1 400 Bad Request\r\n\r\n"))
    }
  }

  @Test func `authorities that can't be read are refused`() {
    #expect(throws: TLSError.self) {
      _ = try ClientSession(
        serverName: "h",
        protocols: [],
        trust: .authorities(file: "no-such-file.pem")
      )
    }
  }
}
