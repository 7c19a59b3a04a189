import FoundationEssentials
import LinuxIO
import Logging
import Packaging
import TestSupport
import Testing
import Wire

@testable import Egress

/// A file that is gone after the test.
final class ScratchFile {
  let path: String

  init(_ text: String? = nil) throws {
    path = "/tmp/moq-egress-\(UUID().uuidString)"
    if let text { try write(text) }
  }

  func write(_ text: String) throws { try Data(text.utf8).write(to: URL(filePath: path)) }

  func text() -> String {
    (try? Data(contentsOf: URL(filePath: path))).map { String(decoding: $0, as: UTF8.self) } ?? ""
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }
}

/// Who may ask, over real sockets.
@Suite struct AccessTests {
  private let state = Live.states[Live.index(parts: 2)]
  private static let key = "0123456789abcdef"
  private static let late: Int64 = 4_000_000_000

  private func token(_ prefix: String, expiry: Int64 = late, key: String = key) throws -> String {
    try #require(
      AccessToken.sign(prefix: prefix, expiry: expiry, keyID: "k", key: Bytes(utf8: key))
    )
  }

  /// Sends a snapshot and waits for it with a token that may see it.
  private func serve(_ server: TestServer, _ fields: String = "") throws -> TestClient {
    server.post(state)
    let client = try server.client()
    let token = try token("/")
    while try client.get("/~\(token)/live/index.m3u8", fields).status != 200 {}
    return client
  }

  @Test func `a token in the path opens everything under its prefix, and is in no answer`() throws {
    let keys = try ScratchFile("k:\(Self.key)\n")
    let server = try TestServer { $0.access.tokenKeys = keys.path }
    let client = try serve(server)
    let (first, second) = (try token("/live/"), try token("/", expiry: Self.late + 1))
    let names = ["index.m3u8", "manifest.mpd", "v/media.m3u8", "v/media.m3u8?_HLS_msn=1", ""]
    for name in names {
      let answers = try [first, second].map { try client.get("/~\($0)/live/\(name)") }
      #expect(answers.map(\.status) == [200, 200], "\(name)")
      #expect(answers[0].body == answers[1].body && answers[0].fields == answers[1].fields)
      #expect(!answers[0].text.contains(first) && !answers[0].text.contains("/~"))
      #expect(try client.get("/live/\(name)").status == 403)
    }
    // Relative URLs keep it.
    let media = try client.get("/~\(first)/live/v/media.m3u8").text
    let uris = media.split(separator: "\n").filter { !$0.hasPrefix("#") }
    #expect(!uris.isEmpty && uris.allSatisfy { !$0.hasPrefix("/") && !$0.contains("://") })
    #expect(try client.get("/~\(first)/live/v/\(uris[0])").status == 200)
    let redirect = try client.get("/~\(first)/live")
    #expect(redirect.status == 307 && redirect.fields["location"] == "live/")
  }

  @Test func `refusals say why, and no cache keeps them`() throws {
    let keys = try ScratchFile("k:\(Self.key)\n")
    let server = try TestServer { $0.access.tokenKeys = keys.path }
    let client = try serve(server)
    for (target, reason) in [
      ("/live/index.m3u8", "a token is needed"), ("/nothing", "a token is needed"),
      ("/~x/live/index.m3u8", "the token is not one"),
      (
        "/~\(try token("/", key: "another secret"))/live/index.m3u8",
        "the token's signature is wrong"
      ),
      ("/~\(try token("/", expiry: 1_000_000))/live/index.m3u8", "the token has expired"),
      ("/~\(try token("/other/"))/live/index.m3u8", "the token is for another path"),
      ("/live/index.m3u8?token=\(try token("/other/"))", "the token is for another path"),
    ] {
      let reply = try client.get(target)
      #expect(reply.status == 403 && reply.text == reason + "\n", "\(target): \(reply.text)")
      #expect(reply.fields["cache-control"] == "no-store")
      #expect(reply.fields["access-control-allow-origin"] == "*")
    }
    #expect(server.metrics.refusedTokens.value >= 7)
    #expect(try client.get("/live/index.m3u8?token=\(token("/live"))").status == 200)
    for path in ["/healthz", "/metrics", "/status.json", "/time"] {
      #expect(try client.get(path).status == 200, "\(path)")
    }
    // No token makes an operation of a broadcast's path, nor the other way round.
    #expect(try client.get("/~\(token("/"))/metrics").status == 404)
    client.send("OPTIONS /live/index.m3u8 HTTP/1.1\r\nHost: h\r\nOrigin: https://p\r\n\r\n")
    #expect(try client.reply().status == 204)
  }

  @Test func `keys are read again, and those that are gone sign no more`() throws {
    let keys = try ScratchFile("k:\(Self.key)\n")
    let server = try TestServer { $0.access.tokenKeys = keys.path }
    let client = try serve(server)
    var configuration = Configuration()
    configuration.access.tokenKeys = keys.path
    try keys.write("k:another secret here\n")
    server.inbox.post(.secrets(try AccessSecrets(configuration.access)))
    let old = try token("/")
    while try client.get("/~\(old)/live/index.m3u8").status == 200 {}
    let new = try token("/", key: "another secret here")
    #expect(try client.get("/~\(new)/live/index.m3u8").status == 200)
    try keys.write("broken")
    #expect(throws: ConfigurationError.self) { try AccessSecrets(configuration.access) }
  }

  @Test func `a cache may ask for its viewers, and be believed for a while`() throws {
    let keys = try ScratchFile("k:\(Self.key)\n")
    let secrets = try ScratchFile("first-secret-of-the-cdn\nsecond-secret-of-the-cdn\n")
    let server = try TestServer {
      $0.access.tokenKeys = keys.path
      $0.access.originSecrets = secrets.path
    }
    let shown = "X-Origin-Secret: second-secret-of-the-cdn\r\n"
    let client = try serve(server, shown)
    let good = try client.get("/authorize/~\(token("/live/"))/live/", shown)
    #expect(good.status == 204 && good.fields["cache-control"] == "public, max-age=300")
    let soon = Clock.utc.microseconds / 1_000_000 + 100
    let brief = try client.get("/authorize/~\(token("/live/", expiry: soon))/live/", shown)
    let age = Int((brief.fields["cache-control"] ?? "").dropFirst("public, max-age=".count)) ?? -1
    #expect((90...100).contains(age))
    for target in [
      "/authorize/live/", "/authorize/~\(try token("/other"))/live/", "/authorize/~/live/",
    ] {
      let bad = try client.get(target, shown)
      #expect(bad.status == 403 && bad.fields["cache-control"] == "no-store", "\(target)")
    }
    // Who has the secret needs no token; a wrong token is one even then.
    #expect(try client.get("/live/index.m3u8", shown).status == 200)
    #expect(try client.get("/~x/live/index.m3u8", shown).status == 403)
    for field in ["", "X-Origin-Secret: second-secret-of-the-cd\r\n", "X-Origin-Secret:\r\n"] {
      let reply = try client.get("/live/index.m3u8", field)
      #expect(reply.status == 403 && reply.text == "only the CDN may ask here\n")
      #expect(reply.fields["cache-control"] == "no-store" && reply.fields["vary"] == nil)
      #expect(try client.get("/metrics", field).status == 403)
      #expect(try client.get("/healthz", field).status == 200)
    }
  }

  @Test func `health is told to the CDN alone when that is wanted`() throws {
    let secrets = try ScratchFile("first-secret-of-the-cdn\n")
    let server = try TestServer {
      $0.access.originSecrets = secrets.path
      $0.access.originSecretField = "X-Cdn"
      $0.access.hasOpenHealth = false
    }
    let client = try server.client()
    #expect(try client.get("/healthz").status == 403)
    #expect(try client.get("/healthz", "x-cdn: first-secret-of-the-cdn\r\n").status == 200)
  }

  @Test func `trusted proxies tell what manifests call the clock`() throws {
    let fields = "X-Forwarded-Proto: https\r\nX-Forwarded-Host: live.example\r\n"
    for (trusted, base) in [
      ("127.0.0.0/8", "https://live.example"), ("10.0.0.0/8", "http://origin"),
    ] {
      let server = try TestServer { $0.access.proxies = (try? TrustedProxies(trusted)) ?? .init() }
      try server.serve(state)
      let answer = try server.client().get("/live/manifest.mpd", fields)
      #expect(answer.text.contains("value=\"\(base)/time\""))
      // Whoever is believed, caches must know.
      #expect(answer.fields["vary"]?.contains("X-Forwarded-Proto, X-Forwarded-Host") == true)
    }
    let named = try TestServer {
      $0.access.proxies = (try? TrustedProxies("127.0.0.0/8")) ?? .init()
      $0.server.publicURL = "https://live.example"
    }
    try named.serve(state)
    let answer = try named.client().get("/live/manifest.mpd", fields)
    #expect(answer.fields["vary"] == "Accept-Encoding")
  }

  @Test func `with a list of origins, answers are for theirs and vary`() throws {
    let policy = try CrossOrigin("https://player.example")
    let server = try TestServer { $0.access.crossOrigin = policy }
    try server.serve(state)
    let client = try server.client()
    let tag = try client.get("/live/index.m3u8").fields["etag"] ?? ""
    for path in ["/live/index.m3u8", "/live/v/media.m3u8", "/nothing", "/time"] {
      let good = try client.get(path, "Origin: https://player.example\r\n")
      #expect(good.fields["access-control-allow-origin"] == "https://player.example")
      for field in ["Origin: https://evil.example\r\n", "", "If-None-Match: \(tag)\r\n"] {
        client.send("GET \(path) HTTP/1.1\r\nHost: h\r\n\(field)\r\n")
        let other = try client.reply()
        #expect(other.fields["access-control-allow-origin"] == nil)
        #expect(other.fields["vary"]?.hasSuffix("Origin") == true, "\(path) \(field)")
      }
    }
    client.send("GARBAGE\r\n\r\n")
    let broken = try client.reply()
    #expect(broken.status == 400 && broken.fields["vary"] == "Origin")
    #expect(broken.fields["access-control-allow-origin"] == nil)
  }

  @Test func `who waits while a list of origins comes gets its own origin's fields`() throws {
    let server = try TestServer()
    try server.serve(state)
    let number = try #require(state.renditions[0].segments.last).number
    let held = "GET /live/v/media.m3u8?_HLS_msn=\(number) HTTP/1.1\r\nHost: h\r\n"
    let good = try server.client()
    good.send(held + "Origin: https://player.example\r\n\r\n")
    let other = try server.client()
    other.send(held + "Origin: https://evil.example\r\n\r\n")
    try server.waitForParked(2)
    var configuration = Configuration()
    configuration.access.crossOrigin = try CrossOrigin("https://player.example")
    server.inbox.post(.configuration(configuration))
    server.post(try #require(Live.states.last))
    let replies = try [good, other].map { try $0.reply() }
    #expect(replies.map(\.status) == [200, 200])
    #expect(
      replies.map { $0.fields["access-control-allow-origin"] } == ["https://player.example", nil]
    )
    #expect(replies.allSatisfy { $0.fields["vary"]?.hasSuffix("Origin") == true })
  }

  @Test func `the log has what was sent, held and broken off, and is opened anew`() throws {
    let file = try ScratchFile()
    let server = try TestServer {
      $0.access.log = file.path
      $0.access.logFormat = .json
      $0.access.proxies = (try? TrustedProxies("127.0.0.1")) ?? TrustedProxies()
    }
    try server.serve(state)
    let client = try server.client()
    let whole = try client.get("/live/v/media.m3u8", "X-Forwarded-For: 192.0.2.9\r\n")
    let number = try #require(state.renditions[0].segments.last).number
    client.send("GET /live/v/media.m3u8?_HLS_msn=\(number) HTTP/1.1\r\nHost: h\r\n\r\n")
    try server.waitForParked(1)
    let gone = try server.client()
    gone.send("GET /time HTTP/1.1\r\nHost: h\r\n\r\n")
    gone.send("GET /live/a/media.m3u8?_HLS_msn=\(number) HTTP/1.1\r\nHost: h\r\n\r\n")
    try server.waitForParked(2)
    _ = try server.client().get("/healthz")
    // What has come and was not read makes it a reset.
    gone.abandon()
    try server.until("the log tells who has gone") { file.text().contains("\"status\":499") }
    server.post(try #require(Live.states.last))
    let held = try client.reply()
    try server.until("the log tells what was held") {
      file.text().contains(
        "_HLS_msn=\(number)\",\"version\":\"HTTP/1.1\",\"status\":200,\"bytes\":\(held.body.count),"
      )
    }
    #expect(file.text().contains("\"client\":\"192.0.2.9\""))
    #expect(file.text().contains("\"status\":200,\"bytes\":\(whole.body.count),"))
    for line in file.text().split(separator: "\n") {
      #expect(throws: Never.self) {
        try JSONSerializationCheck.parse(String(line))
      }
    }
    server.stop()
    #expect(server.metrics.accessLinesDropped.value == 0)
  }

  @Test func `an address has so many connections and requests, a proxy any number`() throws {
    for (trusted, isLimited) in [("", true), ("127.0.0.1", false)] {
      let server = try TestServer {
        $0.access.proxies = (try? TrustedProxies(trusted)) ?? TrustedProxies()
        $0.access.connectionsPerAddress = 2
        $0.access.requestsPerSecond = 1
        $0.access.requestBurst = 4
      }
      let clients = try (0..<2).map { _ in try server.client() }
      let replies = try (0..<6).map { try clients[$0 % 2].get("/healthz") }
      #expect((replies.filter { $0.status == 429 }.count > 0) == isLimited)
      if isLimited {
        #expect(replies[5].fields["retry-after"] == "1")
        #expect(replies[5].fields["cache-control"] == "no-store")
        #expect(try !server.client().fill())
        #expect(server.metrics.connectionsRefusedByAddress.value == 1)
        clients[0].abandon()
        var isIn = false
        while !isIn {
          let client = try server.client()
          client.send("GET /healthz HTTP/1.1\r\nHost: h\r\n\r\n")
          isIn = (try? client.reply()) != nil
        }
      } else {
        #expect(try server.client().get("/healthz").status == 200)
      }
    }
  }
}

/// JSON that another parser reads.
enum JSONSerializationCheck {
  private struct Line: Decodable {
    let status: Int
    let held: Double
  }
  static func parse(_ text: String) throws {
    _ = try JSONDecoder().decode(Line.self, from: Data(text.utf8))
  }
}
