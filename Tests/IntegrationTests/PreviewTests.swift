import LinuxIO
import Packaging
import Preview
import TestSupport
import Testing
import Wire

@testable import Egress

/// The preview page, over sockets.
@Suite struct PreviewTests {
  private let state = Live.states[Live.index(parts: 2)]
  private let preview = PreviewPage()

  private func asset(_ name: String) -> String { "/live/preview/\(preview.version)/\(name)" }

  @Test func `the page is served where its broadcast is, and may load only from there`() throws {
    let server = try TestServer()
    try server.serve(state)
    let reply = try server.client().get("/live/")
    #expect(reply.status == 200)
    #expect(reply.body == preview.page.bytes.array)
    #expect(reply.fields["content-type"] == "text/html; charset=utf-8")
    #expect(reply.fields["cache-control"] == "public, max-age=10")
    #expect(reply.fields["vary"] == "Accept-Encoding")
    #expect(reply.fields["content-security-policy"] == PreviewPage.contentSecurityPolicy)
    #expect(reply.fields["x-content-type-options"] == "nosniff")
    #expect(reply.fields["referrer-policy"] == "no-referrer")
    #expect(reply.fields["access-control-allow-origin"] == "*", "HTTP-007")
  }

  @Test func `its files may be cached for ever, as their URLs name their content`() throws {
    let server = try TestServer()
    let client = try server.client()
    for file in preview.assets.values {
      let reply = try client.get(asset(file.name))
      #expect(reply.status == 200)
      #expect(reply.body == file.bytes.array)
      #expect(reply.fields["content-type"] == file.contentType)
      #expect(reply.fields["cache-control"] == "public, max-age=31536000, immutable")
      #expect(reply.fields["x-content-type-options"] == "nosniff")
      let tag = try #require(reply.fields["etag"])
      let again = try client.get(asset(file.name), "If-None-Match: \(tag)\r\n")
      #expect(again.status == 304, "HTTP-005")
      #expect(again.fields["content-security-policy"] == PreviewPage.contentSecurityPolicy)
    }
    let compressed = try client.get(asset("page.js"), "Accept-Encoding: gzip\r\n")
    #expect(compressed.fields["content-encoding"] == "gzip")
    #expect(compressed.body.count < preview.assets["page.js"]?.bytes.count ?? 0)
  }

  @Test func `HTTP-009 files of another version, and others, are not found, soon`() throws {
    let server = try TestServer()
    let client = try server.client()
    for path in [
      "/live/preview/0123456789abcdef/page.js", asset("index.html"), asset("else.js"),
      asset("page.js").replacing("/live", with: ""),
    ] {
      let reply = try client.get(path)
      #expect(reply.status == 404)
      #expect(reply.fields["cache-control"] == "public, max-age=1")
    }
  }

  @Test func `a broadcast without a slash leads to its page, one that is not there to nothing`()
    throws
  {
    let server = try TestServer()
    try server.serve(state)
    let client = try server.client()
    let reply = try client.get("/live")
    #expect(reply.status == 307)
    #expect(reply.fields["location"] == "live/")
    #expect(reply.fields["cache-control"] == "public, max-age=10")
    for path in ["/else", "/else/", "/live/v", "/live/v/", "/favicon.ico", "/"] {
      let reply = try client.get(path)
      #expect(reply.status == 404, "\(path)")
      #expect(reply.fields["cache-control"] == "public, max-age=1")
    }
  }

  @Test func `the way to the page is relative and escaped, whatever the name`() throws {
    let server = try TestServer()
    let fields = [Bytes(utf8: "a"), Bytes(utf8: "x:/../\"\r\n")]
    server.inbox.post(.snapshot(BroadcastPath(fields: fields), state, Clock.utc))
    let client = try server.client()
    let path = "/a/x:%2F..%2F%22%0d%0a"
    try server.until("the broadcast is served") { try client.get(path).status != 404 }
    #expect(try client.get(path).fields["location"] == "x%3A%2F..%2F%22%0D%0A/")
  }

  @Test func `the page of an on-demand broadcast makes it begin`() throws {
    let server = try TestServer { configuration in
      configuration.upstream.namespace = "live"
      configuration.upstream.isOnDemand = true
    }
    let client = try server.client()
    // Nobody is bothered by a way to the page.
    #expect(try client.get("/live").status == 307)
    #expect(server.ingest.drain().isEmpty)
    client.send("GET /live/ HTTP/1.1\r\nHost: h\r\n\r\n")
    try server.waitForParked(1)
    let wanted = server.ingest.drain().compactMap { message in
      if case .wanted(let path) = message { path } else { nil }
    }
    #expect(wanted == [TestServer.broadcast])
    server.post(state)
    #expect(try client.reply().body == preview.page.bytes.array)
  }
}
