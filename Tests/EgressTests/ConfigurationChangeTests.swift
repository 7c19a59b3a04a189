import Packaging
import Testing
import Wire

@testable import Egress

/// What a running service takes of a configuration that is read again.
@Suite struct ConfigurationChangeTests {
  @Test func `the same configuration changes nothing`() {
    let change = ConfigurationChange(from: Configuration(), to: Configuration())
    #expect(change.live.isEmpty && change.atRestart.isEmpty)
    #expect(change.result == Configuration())
  }

  @Test func `limits, timeouts, certificates and the log change at once`() {
    var wanted = Configuration()
    wanted.server.connections = 17
    wanted.server.idleTimeout = .seconds(3)
    wanted.server.certificates = ["a:b"]
    wanted.logLevel = .debug
    let change = ConfigurationChange(from: Configuration(), to: wanted)
    #expect(
      change.live == [
        "server.certificates", "server.connections", "server.idle-timeout", "log-level",
      ]
    )
    #expect(change.atRestart.isEmpty)
    #expect(change.result == wanted)
  }

  @Test func `addresses, threads, packaging and sources wait for a restart`() {
    var wanted = Configuration()
    wanted.server.listen = []
    wanted.server.threads = 7
    wanted.packaging.window = .seconds(7)
    wanted.upstream.url = "moqt://b/"
    wanted.sources = [Configuration.Upstream()]
    let change = ConfigurationChange(from: Configuration(), to: wanted)
    #expect(change.live.isEmpty)
    #expect(
      change.atRestart == [
        "upstream.url", "packaging.window", "server.listen", "server.threads", "sources",
      ]
    )
    #expect(change.result == Configuration())
  }

  /// A key that is said to be live must be taken over, and no other.
  @Test(arguments: ConfigurationKey.all.map(\.path))
  func `every key is taken over or left as it is, as it says`(_ path: String) throws {
    let key = try #require(ConfigurationKey.named(path))
    let values = [
      "20", "2", "0.3", "5000", "70000", "true", "false", "trace", "a:b", "[::1]:9", "quic",
      "moqt://b/", "https://a.example", "10.0.0.0/8", "forwarded", "x-forwarded", "json", "common",
      String(repeating: "0", count: 64),
    ]
    for value in values {
      var wanted = Configuration()
      guard (try? key.set(&wanted, value)) != nil, wanted != Configuration() else { continue }
      let change = ConfigurationChange(from: Configuration(), to: wanted)
      #expect(change.result == (key.isLive ? wanted : Configuration()))
      #expect((key.isLive ? change.live : change.atRestart) == [path])
      return
    }
    Issue.record("no value changes \(path)")
  }
}
