import FoundationEssentials
import Logging
import TLS
import TestSupport
import Testing
import Wire

@testable import Egress

/// The configuration's layers, keys and limits.
@Suite struct ConfigurationTests {
  private func configured(_ yaml: String) throws(ConfigurationError) -> Configuration {
    var configuration = Configuration()
    try ConfigurationFile.apply(yaml, name: "f.yml", to: &configuration)
    return configuration
  }

  private func message(_ body: () throws -> Void) -> String {
    do {
      try body()
      return "no error"
    } catch let error as ConfigurationError {
      return error.description
    } catch {
      return "\(error)"
    }
  }

  /// `Config/moq-egress.yml` beside this package's sources.
  private func shippedFile(_ file: String = #filePath) throws -> String {
    var components = file.split(separator: "/", omittingEmptySubsequences: false)
    components.removeLast(3)
    let path = components.joined(separator: "/") + "/Config/moq-egress.yml"
    return String(decoding: try Data(contentsOf: URL(filePath: path)), as: UTF8.self)
  }

  @Test func `the shipped file is what check-config --defaults prints`() throws {
    #expect(try shippedFile() == ConfigurationFile.render(Configuration()))
  }

  @Test func `the shipped file reads back to the defaults and names every key`() throws {
    let text = try shippedFile()
    #expect(try configured(text) == Configuration())
    for key in ConfigurationKey.all {
      let name = key.path.split(separator: ".").last ?? ""
      #expect(text.contains("\(name): "), "\(key.path)")
    }
    #expect(text.split(separator: "\n").allSatisfy { $0.count <= 100 })
  }

  @Test func `a configuration of other values survives rendering and reading`() throws {
    var changed = Configuration()
    for key in ConfigurationKey.all {
      let value =
        switch key.path {
        case "server.socket-mode": "640"
        case "server.public-url": "https://cdn.example:8443"
        case "upstream.namespace-separator": "#"
        case "access.origin-secret-field": "X-Other"
        case "access.cross-origin": "https://a.example https://*.b.example:8443"
        case "access.trusted-proxies": "10.0.0.0/8 ::1 unix:"
        case "access.proxy-fields": "forwarded"
        case "access.log-format": "json"
        case "server.listen", "server.listen-tls", "server.listen-admin":
          "[::1]:9999 127.0.0.1:80 unix:/run/moq-egress.sock"
        case "server.certificates": "chain.pem:key.pem b.pem:b.key"
        case "upstream.draft": "16"
        case "upstream.transport": "quic"
        case "upstream.fingerprint": String(repeating: "0", count: 64)
        case "upstream.url": "moqt://a\\b\"c:1/\u{1}\t#: x"
        case "log-level": "trace"
        case _ where key.unit == "true or false": "true"
        case _ where Double(key.get(changed)) != nil:
          [key.get(changed) + ".5", "17", "600", "2", "50", "1024", "65536"].first { value in
            var trial = changed
            do {
              try key.set(&trial, value)
              return trial != changed
            } catch {
              return false
            }
          } ?? key.get(changed)
        default: "yes: no"
        }
      try key.set(&changed, value)
    }
    let read = try configured(ConfigurationFile.render(changed))
    #expect(read == changed)
    #expect(changed != Configuration())
  }

  @Test func `an unknown key is refused with its line and the nearest valid one`() {
    #expect(
      message { _ = try configured("server:\n  listn: 1.2.3.4:5\n") }
        == "f.yml:2: unknown key server.listn; did you mean server.listen?"
    )
    #expect(
      message { _ = try configured("bananas: 1\n") } == "f.yml:1: unknown key bananas"
    )
    #expect(ConfigurationKey.nearest(to: "packaging.part-targt") == "packaging.part-target")
    #expect(ConfigurationKey.nearest(to: "loglevel") == "log-level")
    #expect(ConfigurationKey.nearest(to: "completely-different-thing") == nil)
  }

  @Test func `wrong shapes are refused with their line`() {
    #expect(
      message { _ = try configured("server: 5\n") }
        == "f.yml:1: server is a section, not a value"
    )
    #expect(
      message { _ = try configured("log-level: [a]\n") }
        == "f.yml:1: log-level must be a single value"
    )
    #expect(message { _ = try configured("- a\n") }.hasSuffix("must be a mapping of keys"))
    #expect(message { _ = try configured("a: [\n") }.hasPrefix("f.yml: not YAML"))
    #expect(message { _ = try configured("") } == "no error")
    #expect(message { _ = try configured("server:\n") } == "no error")
  }

  @Test func `a flag wins over the environment, that over the file, the file over defaults`() throws
  {
    var configuration = try configured("server:\n  threads: 1\n  fields: 9\n  pipelined: 3\n")
    let warnings = try ConfigurationFile.apply(
      environment: [
        "MOQ_EGRESS_SERVER_THREADS": "2", "MOQ_EGRESS_SERVER_FIELDS": "10", "HOME": "/",
      ],
      to: &configuration
    )
    try ConfigurationFile.apply(flags: [("server.threads", "3")], to: &configuration)
    #expect(warnings.isEmpty)
    #expect(configuration.server.threads == 3)
    #expect(configuration.server.fields == 10)
    #expect(configuration.server.pipelined == 3)
    #expect(configuration.server.connections == Configuration().server.connections)
  }

  @Test func `a variable that no key has is warned of, one of a wrong value is refused`() throws {
    var configuration = Configuration()
    let warnings = try ConfigurationFile.apply(
      environment: [
        "MOQ_EGRESS_SERVER_FEILDS": "9", "MOQ_EGRESS_PORT_80_TCP": "tcp://10.0.0.1:80",
      ],
      to: &configuration
    )
    #expect(
      warnings == [
        "environment: MOQ_EGRESS_PORT_80_TCP is ignored: no key is called so",
        "environment: MOQ_EGRESS_SERVER_FEILDS is ignored: no key is called so; "
          + "did you mean MOQ_EGRESS_SERVER_FIELDS?",
      ]
    )
    #expect(configuration == Configuration())
    #expect(
      message {
        _ = try ConfigurationFile.apply(
          environment: ["MOQ_EGRESS_SERVER_FIELDS": "x"],
          to: &configuration
        )
      }
        == "environment: MOQ_EGRESS_SERVER_FIELDS: 'x' is not a whole number from 8 to 256"
    )
  }

  @Test(arguments: [
    ("server.threads", "0", "256", "-1", "257"),
    ("server.connections", "16", "1000000", "15", "1000001"),
    ("server.parked", "16", "1000000", "15", "1000001"),
    ("server.head-bytes", "512", "65536", "511", "65537"),
    ("server.target-bytes", "256", "16384", "255", "16385"),
    ("server.fields", "8", "256", "7", "257"),
    ("server.pipelined", "1", "256", "0", "257"),
    ("server.head-timeout", "1", "120", "0.9", "120.1"),
    ("server.idle-timeout", "1", "3600", "0.9", "3600.1"),
    ("server.drain-timeout", "1", "600", "0.9", "600.1"),
    ("server.drain-bytes", "1", "1048576", "0", "1048577"),
    ("packaging.part-target", "0.1", "5", "0.09", "5.1"),
    ("packaging.segment-target", "1", "30", "0.9", "31"),
    ("packaging.window", "6", "14400", "5.9", "14401"),
    ("packaging.gap-limit", "0", "100", "-1", "101"),
  ])
  func `a value may be at its limits and not past them`(
    _ path: String,
    _ least: String,
    _ most: String,
    _ below: String,
    _ above: String
  ) throws {
    let key = try #require(ConfigurationKey.named(path))
    for value in [least, most] {
      var configuration = Configuration()
      try key.set(&configuration, value)
      #expect(key.get(configuration) == value)
    }
    for value in [below, above, "", "nan", "inf", "1e400", "1x", "٣"] {
      var configuration = Configuration()
      #expect(throws: ConfigurationError.self, "\(value)") { try key.set(&configuration, value) }
      #expect(configuration == Configuration())
    }
  }

  @Test func `what is set and of no use is warned of`() throws {
    #expect(Configuration().warnings.isEmpty)
    let text = """
      server:
        socket-mode: 660
        certificates: a.pem:a.key
        client-authorities: ca.pem
      quic:
        keep-alive: 10
      """
    var configuration = Configuration()
    try ConfigurationFile.apply(text, name: "f", to: &configuration)
    let keys = configuration.warnings.compactMap { $0.split(separator: " ").first }
    #expect(
      keys == [
        "server.certificates", "server.client-authorities", "server.socket-mode", "quic.keep-alive",
      ]
    )
    configuration.server.secureListen = [.unix(path: "/run/a")]
    configuration.quic.keepAlive = .seconds(9)
    #expect(configuration.warnings.isEmpty)
  }

  @Test func `certificates that are over, or soon will be, are complained of`() throws {
    var server = Configuration.Server()
    server.certificates = ["first", "second"].map {
      MediaFixture.path("TLS/\($0).pem") + ":" + MediaFixture.path("TLS/\($0).key")
    }
    let credentials = try #require(try ServerCredentials(server))
    let end: Int64 = 4_949_285_514
    func levels(_ seconds: Int64) -> [Logger.Level] {
      credentials.complaints(at: UTCTime(microseconds: (end + seconds) * 1_000_000)).map(\.level)
    }
    #expect(levels(-4 * 86_400).isEmpty)
    #expect(levels(-2 * 86_400) == [.warning, .warning])
    #expect(levels(86_400) == [.error, .error])
    let text = credentials.complaints(at: UTCTime(microseconds: (end + 1) * 1_000_000))[0].text
    #expect(text.hasPrefix("certificate \(server.certificates[0]) ended at 2126-11-02T09:31:54"))
  }

  @Test func `every key has its own variable, and no two look alike`() {
    let variables = Set(ConfigurationKey.all.map(\.variable))
    #expect(variables.count == ConfigurationKey.all.count)
    #expect(variables.contains("MOQ_EGRESS_PACKAGING_PART_TARGET"))
  }

  @Test func `upstream URLs are read and wrong ones explained`() throws {
    let plain = try UpstreamURL("moqt://relay.example")
    #expect((plain.host, plain.port, plain.path) == ("relay.example", 443, "/"))
    #expect(plain.transport == .auto)
    let web = try UpstreamURL("https://relay.example:4433/a?b")
    #expect(
      (web.authority, web.path, web.transport) == ("relay.example:4433", "/a?b", .webTransport)
    )
    #expect(try UpstreamURL("moqt://r", transport: .quic).transport == .quic)
    #expect(try UpstreamURL("moqt://r", transport: .webTransport).transport == .webTransport)
    #expect(throws: ConfigurationError.self) {
      _ = try UpstreamURL("https://r", transport: .quic)
    }
    let full = try UpstreamURL("MOQT://relay.example:4433/live/a?token=1#x")
    #expect((full.host, full.port, full.path) == ("relay.example", 4433, "/live/a?token=1"))
    #expect(try UpstreamURL("moqt://r?x=1").path == "/?x=1")
    let six = try UpstreamURL("moqt://[::1]:9/")
    #expect((six.host, six.port, six.authority) == ("::1", 9, "[::1]:9"))
    for wrong in [
      "", "relay", "relay:443", "http://relay/", "https://", "moqt://", "moqt://:1", "moqt://r:",
      "moqt://r:0",
      "moqt://r:65536", "moqt://r:-1", "moqt://r:+1", "moqt://[::1", "moqt://[zz]:1",
      "moqt://[::1]x",
    ] {
      #expect(throws: ConfigurationError.self, "\(wrong)") { _ = try UpstreamURL(wrong) }
    }
  }

  @Test func `trust is what the keys say, in the order of their strength`() {
    var configuration = Configuration()
    #expect(configuration.upstream.trust == .systemRoots)
    configuration.upstream.caFile = "ca.pem"
    #expect(configuration.upstream.trust == .certificateAuthorities(file: "ca.pem"))
    configuration.upstream.fingerprint = "00:" + String(repeating: "11", count: 31)
    #expect(
      configuration.upstream.trust == .fingerprint(Bytes([0] + [UInt8](repeating: 0x11, count: 31)))
    )
    configuration.upstream.insecure = true
    #expect(configuration.upstream.trust == .nothing)
  }
}
