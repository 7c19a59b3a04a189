import LinuxIO
import Manifests
import Packaging
import TLS
import TestSupport
import Testing
import Wire

@testable import Egress

/// A serve loop behind TLS.
@Suite struct SecureServeTests {
  private let state = Live.states[Live.index(parts: 2)]
  private let later = Live.states[Live.states.count - 1]

  private static func credentials(_ names: String...) throws -> ServerCredentials {
    ServerCredentials(
      certificates: try names.map { name in
        ServerCredentials.Certificate(
          origin: name,
          chain: try MediaFixture.bytes("TLS/\(name).pem"),
          key: try MediaFixture.bytes("TLS/\(name).key")
        )
      }
    )
  }

  private let trust = ServerTrust.authorities(file: MediaFixture.path("TLS/first.pem"))

  @Test func `media, manifests and held reloads are what they are without TLS`() throws {
    let server = try TestServer(credentials: Self.credentials("first"))
    defer { server.stop() }
    let client = try TestClient(server.address, trust: trust)
    server.post(state)
    while try client.get("/live/index.m3u8").status != 200 {}
    let video = state.renditions[0]
    let segment = video.segments[2]
    let name = MediaPath.segment(segment.epoch, start: segment.start)
    let reply = try client.get("/live/v/\(name)")
    #expect(reply.body == segment.pieces.flatMap(\.array))
    // The clock's URL has the scheme that the request came by.
    let manifest = try client.get("/live/manifest.mpd").text
    #expect(manifest.contains("value=\"https://"))
    #expect(server.metrics.tlsHandshakes.value == 1)
  }

  @Test func `new certificates are for new connections, and drop none`() throws {
    let server = try TestServer(credentials: Self.credentials("first"))
    defer { server.stop() }
    let old = try TestClient(server.address, trust: trust)
    server.post(state)
    while try old.get("/live/index.m3u8").status != 200 {}
    let newest = state.renditions[0].segments.last?.number ?? 0
    old.send("GET /live/v/media.m3u8?_HLS_msn=\(newest) HTTP/1.1\r\nHost: h\r\n\r\n")
    while server.metrics.parked.value == 0 {
      _ = try TestClient(server.address, trust: trust).get("/healthz")
    }
    server.inbox.post(.credentials(try Self.credentials("second")))
    // Whom the old authority vouches for is no longer there.
    let other = ServerTrust.authorities(file: MediaFixture.path("TLS/first.pem"))
    #expect(throws: (any Error).self) {
      while true { _ = try TestClient(server.address, trust: other).get("/healthz") }
    }
    server.post(later)
    #expect(try old.head().status == 200)
  }

  @Test func `who does not shake hands is cut, as is who speaks no TLS`() throws {
    let server = try TestServer(credentials: Self.credentials("first")) {
      $0.server.headTimeout = .seconds(1)
    }
    defer { server.stop() }
    let silent = try TestClient(server.address)
    let plain = try TestClient(server.address)
    plain.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n")
    while try plain.fill() {}
    #expect(plain.isClosed)
    while try silent.fill() {}
    #expect(silent.isClosed && silent.buffer.isEmpty)
    #expect(server.metrics.tlsFailures.value == 1)
  }
}
