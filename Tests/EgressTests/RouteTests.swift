import Manifests
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
    #expect(route("/a/b/manifest.mpd") == .manifest(broadcast: live, of: .segment))
    #expect(route("/a/b/number.mpd") == .manifest(broadcast: live, of: .number))
    #expect(
      route("/a/b/v/17/number/90.m4s")
        == .numberedSegment(broadcast: live, rendition: "v", epoch: "17", number: 90)
    )
    #expect(route("/a/b/segments.mpd") == .manifest(broadcast: live, of: .wholeSegment))
    #expect(route("/a/b/sequences.mpd") == .manifest(broadcast: live, of: .part))
    #expect(route("/a/b/v/media.m3u8") == .mediaPlaylist(broadcast: live, rendition: "v", .media))
    #expect(
      route("/a/b/v/iframes.m3u8") == .mediaPlaylist(broadcast: live, rendition: "v", .iFrames)
    )
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
    #expect(
      route("/a/b/v/17/segment/90000/4.m4s")
        == .partOfSegment(broadcast: live, rendition: "v", epoch: "17", start: 90_000, index: 4)
    )
    #expect(route("/a/b/v/17/segment/90000/-1.m4s") == nil)
    #expect(route("/a/b/v/17/segment/90000/04.m4s") == nil)
    #expect(route("/a/b/v/17/segment/x/4.m4s") == nil)
    #expect(route("/v/17/segment/90000/4.m4s") == nil)
    #expect(route("/a/b/") == .preview(broadcast: live))
    #expect(route("/a/b") == .previewWithoutSlash(broadcast: live))
    #expect(
      route("/a/b/preview/0123/page.js") == .previewAsset(version: "0123", name: "page.js")
    )
  }

  @Test func `the preview takes no name from broadcasts and renditions`() {
    func path(_ fields: String...) -> BroadcastPath {
      BroadcastPath(fields: fields.map { Bytes(utf8: $0) })
    }
    // Broadcasts and renditions of its own names are served, whatever lies below them.
    #expect(
      route("/a/preview/0123/page.js/")
        == .preview(broadcast: path("a", "preview", "0123", "page.js"))
    )
    #expect(route("/a/preview/0/index.m3u8") == .multivariant(broadcast: path("a", "preview", "0")))
    #expect(
      route("/a/b/preview/media.m3u8")
        == .mediaPlaylist(broadcast: live, rendition: "preview", .media)
    )
    #expect(
      route("/a/b/preview/0123.mp4")
        == .initSegment(broadcast: live, rendition: "preview", name: "0123")
    )
    #expect(
      route("/a/b/preview/17/part/5.m4s")
        == .part(broadcast: live, rendition: "preview", epoch: "17", start: 5)
    )
    #expect(route("/healthz/") == .preview(broadcast: path("healthz")))
    #expect(
      route("/preview/0/page.js")
        == .previewWithoutSlash(broadcast: path("preview", "0", "page.js"))
    )
    // An empty last field is a field, the slash after it the page's.
    #expect(route("/a//") == .preview(broadcast: path("a", "")))
  }

  @Test(arguments: [
    "/", "/v/media.m3u8", "/v/x.mp4", "/a/b/v/17/segment/.m4s", "/a/b/v/17/segment/1.5.m4s",
    "/a/b/v/17/segment/01.m4s",
    "/a/b/v/17/segment/+1.m4s", "/a/b/v/17/segment/-0.m4s", "/a/b/v/17/chunk/1.m4s",
    "/a/b/v/17/segment/99999999999999999999.m4s", "/segment/1.m4s", "/a/17/part/1.m4s",
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
