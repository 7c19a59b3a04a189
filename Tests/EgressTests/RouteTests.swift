import Testing
import Wire

@testable import Egress

/// What URLs name.
@Suite struct RouteTests {
  private func route(_ path: String) -> Route? {
    Route(
      path.split(separator: "/", omittingEmptySubsequences: false).dropFirst().map {
        Bytes(utf8: String($0))
      }
    )
  }

  private let live = BroadcastPath(fields: [Bytes(utf8: "a"), Bytes(utf8: "b")])

  @Test func `every kind of URL is told apart`() {
    #expect(route("/healthz") == .health)
    #expect(route("/readyz") == .readiness)
    #expect(route("/metrics") == .metrics)
    #expect(route("/status.json") == .status)
    #expect(route("/time") == .time)
    #expect(route("/a/b/index.m3u8") == .multivariant(broadcast: live))
    #expect(route("/a/b/manifest.mpd") == .manifest(broadcast: live))
    #expect(route("/a/b/v/media.m3u8") == .mediaPlaylist(broadcast: live, rendition: "v"))
    #expect(
      route("/a/b/v/0123.mp4") == .initSegment(broadcast: live, rendition: "v", name: "0123")
    )
    #expect(
      route("/a/b/v/17/segment/90000.m4s")
        == .segment(broadcast: live, rendition: "v", epoch: "17", start: 90_000)
    )
    #expect(
      route("/a/b/v/17-3/part/-5.m4s")
        == .part(broadcast: live, rendition: "v", epoch: "17-3", start: -5)
    )
  }

  @Test(arguments: [
    "/", "/a", "/index.m3u8", "/manifest.mpd", "/v/media.m3u8", "/a/b", "/a/b/", "/a/b/index.M3U8",
    "/v/x.mp4", "/a/b/v/17/segment/.m4s", "/a/b/v/17/segment/1.5.m4s", "/a/b/v/17/segment/01.m4s",
    "/a/b/v/17/segment/+1.m4s", "/a/b/v/17/segment/-0.m4s", "/a/b/v/17/chunk/1.m4s",
    "/a/b/v/17/segment/99999999999999999999.m4s", "/segment/1.m4s", "/a/17/part/1.m4s", "/healthz/",
  ])
  func `HTTP-009 a path that names nothing is nothing`(_ path: String) {
    #expect(route(path) == nil)
  }

  @Test func `fields of a namespace may hold any bytes`() {
    let field = Bytes([0xFF, 0x2F, 0x00])
    #expect(
      Route([field, Bytes(utf8: "index.m3u8")])
        == .multivariant(broadcast: BroadcastPath(fields: [field]))
    )
  }
}
