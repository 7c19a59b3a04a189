import Logging
import Testing
import Wire

@testable import Egress

/// The whole service, whose relay is not there.
@Suite struct ServiceTests {
  private func configuration(threads: Int) -> Configuration {
    var configuration = Configuration()
    configuration.server.listen = .loopback(port: 0)
    configuration.server.threads = threads
    // Nobody listens on the discard port.
    configuration.upstream.url = "moqt://127.0.0.1:9/"
    configuration.upstream.namespace = "live"
    configuration.upstream.insecure = true
    return configuration
  }

  private let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

  @Test(arguments: [1, 3])
  func `it serves as soon as it is made, without a relay, and stops`(_ threads: Int) throws {
    let service = try Service(configuration(threads: threads), logger: logger)
    #expect(service.address.port != 0)
    for _ in 0..<6 {
      let client = try TestClient(service.address)
      #expect(try client.get("/healthz").status == 200)
      #expect(try client.get("/readyz").status == 503)
      let missing = try client.get("/live/index.m3u8")
      #expect(missing.status == 404)
      #expect(missing.fields["cache-control"] == "public, max-age=1")
      #expect(try client.get("/metrics").fields["cache-control"] == "no-store")
      #expect(try client.get("/status.json").fields["content-type"] == "application/json")
    }
    service.stop()
    #expect(throws: (any Error).self) { _ = try TestClient(service.address).get("/healthz") }
  }

  @Test func `a port in use is an error and not a hang`() throws {
    let service = try Service(configuration(threads: 1), logger: logger)
    defer { service.stop() }
    var second = configuration(threads: 1)
    second.server.listen = service.address
    #expect(throws: (any Error).self) { _ = try Service(second, logger: logger) }
  }
}
