import HTTP
import LinuxIO
import TestSupport
import Testing
import Wire

@testable import Egress

/// A request's head, as its parser reads it.
func requestHead(_ text: String) throws -> RequestHead {
  var connection = ServerConnection(ServerConfiguration(), now: Instant(nanoseconds: 0))
  connection.receive(Bytes(utf8: text + "\r\n"), now: Instant(nanoseconds: 0))
  let date = HTTPDate(UTCTime(microseconds: 0))
  let request = connection.poll(now: Instant(nanoseconds: 0), date: date)
  return try #require(request?.1)
}

/// Who asks, as far as proxies are to be believed.
@Suite struct ViewerTests {
  private func viewer(
    _ fields: String,
    peer: String = "10.0.0.1",
    trusts: String = "10.0.0.0/8 2001:db8::/32",
    _ kind: Viewer.Fields = .xForwarded
  ) throws -> String {
    let head = try requestHead("GET / HTTP/1.1\r\nHost: h\r\n" + fields)
    let peer = try #require(SocketAddress.parseIPv4(peer) ?? SocketAddress.parseIPv6(peer))
    let viewer = try Viewer(head, peer: peer, TrustedProxies(trusts), kind)
    let address = viewer.address.map { SocketAddress(address: $0, port: 0).host } ?? "-"
    return [address, viewer.scheme ?? "-", viewer.host ?? "-"].joined(separator: " ")
  }

  @Test func `who is not trusted is believed nothing`() throws {
    let fields =
      "X-Forwarded-For: 1.2.3.4\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Host: evil\r\n"
    #expect(try viewer(fields, peer: "9.9.9.9") == "9.9.9.9 - -")
    #expect(try viewer(fields, trusts: "") == "10.0.0.1 - -")
  }

  @Test(arguments: [
    ("1.2.3.4", "1.2.3.4"), ("6.6.6.6, 1.2.3.4", "1.2.3.4"), ("1.2.3.4, 10.1.1.1", "1.2.3.4"),
    ("6.6.6.6,1.2.3.4 ,10.1.1.1,2001:db8::5", "1.2.3.4"), ("10.2.2.2, 10.1.1.1", "10.2.2.2"),
    ("1.2.3.4, unknown", "10.0.0.1"), ("1.2.3.4, unknown, 10.1.1.1", "10.1.1.1"),
    ("1.2.3.4:5555", "1.2.3.4"), ("[2a00::1]:443", "2a00::1"), ("2a00::1", "2a00::1"),
    ("::ffff:1.2.3.4", "1.2.3.4"), ("", "10.0.0.1"), (",,", "10.0.0.1"),
    ("1.2.3.4, 10.0.0.256", "10.0.0.1"), ("6.6.6.6, [2a00::1]", "2a00::1"),
    // What a viewer ends its own part with takes no comma with it.
    ("\u{600}, 1.2.3.4", "1.2.3.4"), ("[6.6.6.6]\u{600}, 1.2.3.4", "1.2.3.4"),
    ("6.6.6.6:\u{600}, 1.2.3.4", "1.2.3.4"),
    ("1.2.3.4:x", "10.0.0.1"), ("1.2.3.4:", "10.0.0.1"), ("[1.2.3.4]x", "10.0.0.1"),
    ("[2a00::1]443", "10.0.0.1"), ("1.2.3.4:_", "1.2.3.4"), ("1.2.3.4:_a-B.9", "1.2.3.4"),
  ]) func `the last that is no proxy has asked`(_ list: String, _ address: String) throws {
    #expect(try viewer("X-Forwarded-For: \(list)\r\n").hasPrefix(address + " "))
  }

  @Test func `lines of a repeated field are one list`() throws {
    let fields = "X-Forwarded-For: 6.6.6.6\r\nX-Forwarded-For: 1.2.3.4\r\n"
    #expect(try viewer(fields) == "1.2.3.4 - -")
  }

  @Test func `scheme and host are believed when they can be`() throws {
    #expect(
      try viewer("X-Forwarded-Proto: HTTPS\r\nX-Forwarded-Host: cdn.example:8443\r\n")
        == "10.0.0.1 https cdn.example:8443"
    )
    #expect(
      try viewer("X-Forwarded-Proto: gopher\r\nX-Forwarded-Host: a b\r\n") == "10.0.0.1 - -"
    )
  }

  @Test(arguments: [
    ("for=1.2.3.4;proto=https;host=a.example", "1.2.3.4 https a.example"),
    ("For=\"[2a00::1]:4711\";Host=\"a.example:8443\"", "2a00::1 - a.example:8443"),
    (
      "for=6.6.6.6;host=evil, for=1.2.3.4;host=a.example;proto=https, for=10.1.1.1;proto=http",
      "1.2.3.4 https a.example"
    ),
    ("for=_hidden;proto=https", "10.0.0.1 https -"), ("for=unknown, for=10.3.3.3", "10.3.3.3 - -"),
    ("for=\"6.6.6.6, for=1.2.3.4", "1.2.3.4 - -"),
    ("for=\"6.6.6.6, for=\"[2a00::1]\"", "2a00::1 - -"), ("nonsense", "10.0.0.1 - -"),
    ("for=\"1.2.3\\.4\"", "1.2.3.4 - -"),
    ("for=6.6.6.6;host=evil;x=\u{600}, for=1.2.3.4", "1.2.3.4 - -"),
    ("for=\"1.2.3.4:_port\"", "1.2.3.4 - -"),
  ]) func `RFC 7239 is read, quotes and all`(_ field: String, _ expected: String) throws {
    #expect(try viewer("Forwarded: \(field)\r\n", .forwarded) == expected)
    // What proxies don't write, viewers may.
    #expect(try viewer("Forwarded: \(field)\r\n") == "10.0.0.1 - -")
  }

  @Test func `ranges hold what begins alike`() throws {
    func holds(_ range: String, _ address: String) -> Bool {
      let bytes = SocketAddress.parseIPv4(address) ?? SocketAddress.parseIPv6(address)
      return AddressRange(range)?.contains(bytes ?? []) ?? false
    }
    #expect(holds("192.0.2.0/24", "192.0.2.255") && !holds("192.0.2.0/24", "192.0.3.0"))
    #expect(holds("10.32.0.0/11", "10.63.255.255") && !holds("10.32.0.0/11", "10.64.0.0"))
    #expect(holds("0.0.0.0/0", "1.2.3.4") && !holds("0.0.0.0/0", "::1"))
    #expect(
      holds("2001:db8::/33", "2001:db8:7fff::1") && !holds("2001:db8::/33", "2001:db8:8000::")
    )
    #expect(holds("1.2.3.4", "1.2.3.4") && !holds("1.2.3.4", "1.2.3.5"))
    for wrong in ["1.2.3.4/33", "1.2.3.4/8", "::/129", "a/8", "1.2.3.0/", "1.2.3.0/+8", "/8"] {
      #expect(AddressRange(wrong) == nil, "\(wrong)")
    }
    #expect(try TrustedProxies("10.0.0.0/8 unix: ::1").description == "10.0.0.0/8 ::1 unix:")
  }

  @Test func `20,000 random fields trap nothing`() throws {
    var generator = SeededGenerator(seed: 3)
    let pieces = [
      "for=", "\"", "\\", ",", ";", "[", "]", "::1", "1.2.3.4", "10.0.0.1", ":", "proto=https", "ä",
      "host=h", " ",
    ]
    for _ in 0..<5000 {
      let text = (0..<Int.random(in: 0...12, using: &generator)).map { _ in
        pieces.randomElement(using: &generator) ?? ""
      }.joined()
      _ = try viewer("Forwarded: \(text)\r\n", .forwarded)
      _ = try viewer("X-Forwarded-For: \(text)\r\nX-Forwarded-Host: \(text)\r\n")
    }
  }
}

/// Whose pages may read answers.
@Suite struct CrossOriginTests {
  @Test func `origins of a list are told from others`() throws {
    let policy = try CrossOrigin(
      "https://player.example https://*.cdn.example:8443 http://[::1]:80"
    )
    for origin in [
      "https://player.example", "https://a.cdn.example:8443", "https://a.b.cdn.example:8443",
      "http://[::1]:80",
    ] { #expect(policy.allows(origin), "\(origin)") }
    for origin in [
      "http://player.example", "https://player.example:444", "https://cdn.example:8443",
      "https://.cdn.example", "https://evilcdn.example:8443", "https://evil/.cdn.example:8443",
      "https://player.example.evil", "null", "", "https://a@.cdn.example:8443", "*",
    ] { #expect(!policy.allows(origin), "\(origin)") }
    #expect(
      policy.fields(for: Bytes(utf8: "https://player.example")).text
        == "Access-Control-Allow-Origin: https://player.example\r\n"
        + "Access-Control-Expose-Headers: Age, Date, ETag, Content-Length, Content-Range\r\n"
        + "Vary: Origin\r\n"
    )
    #expect(policy.fields(for: nil).text == "Vary: Origin\r\n")
    for wrong in [
      "", "player.example", "ftp://a", "https://", "https://*", "https://a/", "https://*.",
      "* https://a", "https://A",
    ] { #expect(throws: ConfigurationError.self, "\(wrong)") { try CrossOrigin(wrong) } }
  }
}

/// What one address may cost.
@Suite struct ClientLimitsTests {
  private func limits(_ change: (inout Configuration.Access) -> Void) -> ClientLimits {
    var access = Configuration.Access()
    change(&access)
    return ClientLimits(access)
  }

  @Test func `connections of an address are counted down too, IPv6 by its first half`() {
    let limits = limits { $0.connectionsPerAddress = 2 }
    let first: Bytes = [1, 2, 3, 4]
    #expect(limits.open(first) && limits.open(first) && !limits.open(first))
    #expect(limits.open([1, 2, 3, 5]))
    limits.close(first)
    #expect(limits.open(first) && !limits.open(first))
    let half = [UInt8](repeating: 7, count: 8)
    #expect(limits.open(Bytes(half + [UInt8](repeating: 0, count: 8))))
    #expect(limits.open(Bytes(half + [UInt8](repeating: 1, count: 8))))
    #expect(!limits.open(Bytes(half + [UInt8](repeating: 2, count: 8))))
  }

  @Test func `a burst passes, then requests at their rate`() {
    let limits = limits {
      $0.requestsPerSecond = 10
      $0.requestBurst = 3
    }
    var now = Instant(nanoseconds: 5_000_000_000)
    #expect(
      (0..<5).map { _ in limits.take([1, 2, 3, 4], now: now) } == [true, true, true, false, false]
    )
    #expect(limits.take([1, 2, 3, 5], now: now))
    now = now + .milliseconds(100)
    #expect(limits.take([1, 2, 3, 4], now: now) && !limits.take([1, 2, 3, 4], now: now))
    now = now + .seconds(60)
    #expect((0..<4).map { _ in limits.take([1, 2, 3, 4], now: now) } == [true, true, true, false])
  }

  @Test func `more addresses than are remembered are let through`() {
    let limits = limits {
      $0.requestsPerSecond = 1
      $0.requestBurst = 1
    }
    let now = Instant(nanoseconds: 1)
    for index in 0..<UInt32(ClientLimits.addressLimit) {
      var writer = ByteWriter()
      writer.write(index)
      #expect(limits.take(writer.bytes, now: now))
    }
    #expect(limits.take([255, 0, 0, 0], now: now) && limits.take([255, 0, 0, 0], now: now))
    #expect(!limits.take([0, 0, 0, 0], now: now))
    // Those that may ask again are forgotten.
    let later = now + .seconds(2)
    #expect(limits.take([255, 0, 0, 0], now: later) && !limits.take([255, 0, 0, 0], now: later))
  }
}

/// Lines of the access log.
@Suite struct AccessRecordTests {
  private func line(_ request: String, _ format: Configuration.Access.LogFormat) throws -> String {
    var writer = ByteWriter()
    AccessRecord(
      head: try requestHead(request),
      address: [192, 0, 2, 7],
      utc: UTCTime(microseconds: 1_764_110_511_123_000),
      status: 200,
      bytes: 1234,
      duration: .milliseconds(1502),
      held: .milliseconds(1490)
    ).render(format, into: &writer)
    return writer.bytes.text
  }

  private let request =
    "GET /~k.1.Lw.secret/live/a%20b/media.m3u8?_HLS_msn=7&token=secret&x=%22%0A HTTP/1.1\r\n"
    + "Host: h\r\nUser-Agent: say \"hi\\\r\nReferer: https://p/~k.1.Lw.secret/live/?a=1&token=secret&b=2\r\n"

  @Test func `the combined format, with seconds and without tokens`() throws {
    #expect(
      try line(request, .combined)
        == "192.0.2.7 - - [25/Nov/2025:22:41:51 +0000] "
        + "\"GET /~/live/a%20b/media.m3u8?_HLS_msn=7&token=-&x=%22%0A HTTP/1.1\" 200 1234 "
        + "\"https://p/~/live/?a=1&token=&b=2\" \"say .hi.\" 1.502 1.490\n"
    )
  }

  @Test func `JSON, without tokens`() throws {
    #expect(
      try line(request, .json)
        == "{\"time\":\"2025-11-25T22:41:51.123Z\",\"client\":\"192.0.2.7\",\"method\":\"GET\","
        + "\"target\":\"/~/live/a%20b/media.m3u8?_HLS_msn=7&token=-&x=%22%0A\","
        + "\"version\":\"HTTP/1.1\",\"status\":200,\"bytes\":1234,\"seconds\":1.502,\"held\":1.490,"
        + "\"host\":\"h\",\"referer\":\"https://p/~/live/?a=1&token=&b=2\","
        + "\"userAgent\":\"say .hi.\"}\n"
    )
  }
}
