import Foundation
import LinuxIO
import Logging
import TLS
import TestSupport
import Testing
import Wire

@testable import Egress

/// The whole service, whose relay is not there.
@Suite struct ServiceTests {
  private func configuration(threads: Int) -> Configuration {
    var configuration = Configuration()
    configuration.server.listen = [.loopback(port: 0)]
    configuration.server.threads = threads
    // Nobody listens on the discard port.
    configuration.upstream.url = "moqt://127.0.0.1:9/"
    configuration.upstream.namespace = "live"
    configuration.upstream.insecure = true
    return configuration
  }

  private func address(_ service: Service, _ index: Int = 0) throws -> SocketAddress {
    let url = service.urls[index]
    let text = url.split(separator: "/", omittingEmptySubsequences: true)[1]
    return try #require(SocketAddress(String(text)))
  }

  @Test func `it listens on several addresses, encrypted and not`() throws {
    var configuration = configuration(threads: 2)
    configuration.server.listen.append(try #require(ListenAddress("[::1]:0")))
    configuration.server.secureListen = [.loopback(port: 0)]
    func pair(_ name: String) -> String {
      MediaFixture.path("TLS/\(name).pem") + ":" + MediaFixture.path("TLS/\(name).key")
    }
    #expect(throws: ConfigurationError.self) { _ = try Service(configuration, logger: logger) }
    configuration.server.certificates = [pair("first") + "x"]
    #expect(throws: ConfigurationError.self) { _ = try Service(configuration, logger: logger) }
    configuration.server.certificates = [pair("first"), pair("second")]
    let service = try Service(configuration, logger: logger)
    defer { service.stop() }
    #expect(service.urls.count == 3)
    #expect(service.urls[1].hasPrefix("http://[::1]:"))
    #expect(service.urls[2].hasPrefix("https://127.0.0.1:"))
    for _ in 0..<4 {
      #expect(try TestClient(address(service)).get("/healthz").status == 200)
      #expect(try TestClient(address(service, 1)).get("/healthz").status == 200)
      let trust = ServerTrust.authorities(file: MediaFixture.path("TLS/first.pem"))
      let secure = try TestClient(address(service, 2), trust: trust)
      #expect(try secure.get("/healthz").status == 200)
    }
    configuration.server.listen = []
    configuration.server.secureListen = []
    #expect(throws: ConfigurationError.self) { _ = try Service(configuration, logger: logger) }
  }

  /// What curl is told at a path: status and content.
  private func curl(_ path: String, _ url: String, _ more: [String] = []) throws -> String {
    let process = Process()
    process.executableURL = URL(filePath: "/usr/bin/curl")
    process.arguments =
      ["-s", "--max-time", "10", "--unix-socket", path, "-w", "%{http_code}"] + more + [url]
    let output = Pipe()
    process.standardOutput = output
    try process.run()
    process.waitUntilExit()
    return String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
  }

  @Test func `it listens at paths, encrypted and not, from several loops, and takes them away`()
    throws
  {
    // The program ignores it too.
    _ = signal(SIGPIPE, SIG_IGN)
    let paths = try (0..<3).map { _ in try ScratchFile() }
    var configuration = configuration(threads: 3)
    configuration.server.listen = [.unix(path: paths[0].path)]
    configuration.server.secureListen = [.unix(path: paths[1].path)]
    configuration.server.adminListen = [.unix(path: paths[2].path)]
    configuration.server.certificates = [
      MediaFixture.path("TLS/first.pem") + ":" + MediaFixture.path("TLS/first.key")
    ]
    configuration.server.socketMode = 0o620
    let service = try Service(configuration, logger: logger)
    #expect(service.urls == paths.map { "unix:\($0.path)" })
    for _ in 0..<6 {
      #expect(try curl(paths[0].path, "http://h/healthz") == "ok\n200")
      #expect(try curl(paths[1].path, "https://h/healthz", ["-k"]) == "ok\n200")
      #expect(try curl(paths[2].path, "http://h/metrics").hasSuffix("200"))
      #expect(try curl(paths[0].path, "http://h/metrics").hasSuffix("404"))
    }
    let attributes = try FileManager.default.attributesOfItem(atPath: paths[0].path)
    #expect(attributes[.posixPermissions] as? Int == 0o620)
    // Somebody listens there.
    #expect(throws: SystemError.self) { _ = try Service(configuration, logger: logger) }
    #expect(try curl(paths[0].path, "http://h/healthz") == "ok\n200")
    service.stop()
    for path in paths { #expect(!FileManager.default.fileExists(atPath: path.path)) }
    try paths[0].write("a file")
    #expect(throws: SystemError.self) { _ = try Service(configuration, logger: logger) }
    #expect(paths[0].text() == "a file")
  }

  @Test func `operations are where operators are, and nothing else is`() throws {
    var configuration = configuration(threads: 2)
    configuration.server.adminListen = [.loopback(port: 0)]
    let service = try Service(configuration, logger: logger)
    defer { service.stop() }
    let (viewers, operators) = (
      try TestClient(address(service)), try TestClient(address(service, 1))
    )
    for path in ["/metrics", "/status.json"] {
      #expect(try viewers.get(path).status == 404)
      #expect(try operators.get(path).status == 200)
    }
    #expect(try viewers.get("/healthz").status == 200)
    #expect(try operators.get("/healthz").status == 200)
    #expect(try operators.get("/live/index.m3u8").text == "nothing is served here\n")
    configuration.server.listen = []
    #expect(throws: ConfigurationError.self) { _ = try Service(configuration, logger: logger) }
  }

  private let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

  @Test(arguments: [1, 3])
  func `it serves as soon as it is made, without a relay, and stops`(_ threads: Int) throws {
    let service = try Service(configuration(threads: threads), logger: logger)
    let address = try address(service)
    for _ in 0..<6 {
      let client = try TestClient(address)
      #expect(try client.get("/healthz").status == 200)
      #expect(try client.get("/readyz").status == 503)
      let missing = try client.get("/live/index.m3u8")
      #expect(missing.status == 404)
      #expect(missing.fields["cache-control"] == "public, max-age=1")
      #expect(try client.get("/metrics").fields["cache-control"] == "no-store")
      #expect(try client.get("/status.json").fields["content-type"] == "application/json")
    }
    service.stop()
    #expect(throws: (any Error).self) { _ = try TestClient(address).get("/healthz") }
  }

  @Test func `a port in use is an error and not a hang`() throws {
    let service = try Service(configuration(threads: 1), logger: logger)
    defer { service.stop() }
    var second = configuration(threads: 1)
    second.server.listen = [.port(try address(service))]
    #expect(throws: (any Error).self) { _ = try Service(second, logger: logger) }
  }
}
