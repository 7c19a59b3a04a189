import HTTP
import Manifests
import Packaging
import TestSupport
import Testing
import Wire

@testable import Egress

/// Blocking reloads and plain playlists, through the URL.
@Suite struct PlaylistResponseTests {
  let origin = Origin()

  @Test func `HLS-002 DASH-027 playlists and manifests have their media types`() {
    for path in ["index.m3u8", "v/media.m3u8", "a/media.m3u8"] {
      let reply = origin.request(path)
      #expect(reply.status == 200)
      #expect(reply.fields["content-type"] == "application/vnd.apple.mpegurl")
    }
    #expect(origin.request("manifest.mpd").fields["content-type"] == "application/dash+xml")
  }

  @Test func `HLS-061 a reload waits for exactly the part or segment that it names`() {
    #expect(
      origin.request("v/media.m3u8?_HLS_msn=\(origin.newest)&_HLS_part=2").want
        == .reload(.media, .part(origin.newest, 2), skips: false)
    )
    #expect(
      origin.request("v/media.m3u8?_HLS_msn=\(origin.newest)").want
        == .reload(.media, .segment(origin.newest), skips: false)
    )
    #expect(
      origin.request("v/media.m3u8?_HLS_msn=\(origin.newest + 1)&_HLS_part=0&_HLS_skip=YES").want
        == .reload(.media, .part(origin.newest + 1, 0), skips: true)
    )
  }

  @Test func `a reload of pictures waits for the segment, whatever part it names`() throws {
    let path = "v/iframes.m3u8"
    let want = Want.reload(.iFrames, .segment(origin.newest), skips: false)
    #expect(origin.request("\(path)?_HLS_msn=\(origin.newest)").want == want)
    #expect(origin.request("\(path)?_HLS_msn=\(origin.newest)&_HLS_part=0").want == want)
    let now = origin.request("\(path)?_HLS_msn=\(origin.newest - 1)")
    #expect(try StrictPlaylist(now.body).segments.last?.number == Int(origin.newest - 1))
    #expect(now.body == origin.request(path).body)
    #expect(now.maxAge == 6 * origin.targetDuration)
    #expect(origin.request("\(path)?_HLS_msn=\(origin.newest + 2)").status == 400)
    let broadcast = RecordedBroadcast.scripted([.video("v"), .audio("a")], seconds: 30)
    var bridge = SimulatedBridge(broadcast)
    bridge.run(broadcast)
    let later = bridge.snapshots.lazy.compactMap { Origin($0).again(want, path) }
    let reply = try #require(later.first)
    let playlist = try StrictPlaylist(reply.body)
    #expect(playlist.hasIFramesOnly)
    #expect(playlist.segments.last?.number == Int(origin.newest))
    #expect(origin.request("a/iframes.m3u8").status == 404)
  }

  @Test func `HLS-061 HLS-078 the held answer is that of the part, the same however late`() throws {
    let broadcast = RecordedBroadcast.scripted([.video("v"), .audio("a")], seconds: 24)
    let query = "v/media.m3u8?_HLS_msn=\(origin.newest)&_HLS_part=2"
    let want = try #require(origin.request(query).want)
    var bridge = SimulatedBridge(broadcast)
    bridge.run(broadcast)
    var bodies: Set<Bytes> = []
    var waited = 0
    for snapshot in bridge.snapshots {
      guard let reply = Origin(snapshot).again(want, query) else {
        waited += 1
        continue
      }
      #expect(reply.status == 200)
      bodies.insert(reply.body)
      #expect(reply.maxAge == 6 * origin.targetDuration, "HTTP-016")
    }
    #expect(waited > 30)
    // Later states list fewer old segments, and so are no answers to compare: the first two are.
    let first = try #require(bodies.first)
    let playlist = try StrictPlaylist(first)
    #expect(playlist.edge.number == Int(origin.newest))
    #expect(playlist.edge.part == 2)
    #expect(bodies.count == 1)
  }

  @Test func `HLS-063 what is there already is answered at once with the current playlist`() {
    let current = origin.request("v/media.m3u8").body
    for query in [
      "_HLS_msn=0", "_HLS_msn=0&_HLS_part=0", "_HLS_msn=\(origin.newest - 1)",
      "_HLS_msn=\(origin.newest)&_HLS_part=1",
    ] {
      let reply = origin.request("v/media.m3u8?" + query)
      #expect(reply.status == 200)
      #expect(reply.body == current)
      #expect(reply.maxAge == 6 * origin.targetDuration)
    }
  }

  @Test func `HLS-065 HLS-066 what is too far ahead is refused at once, the rest is not`() {
    for (query, isRefused) in [
      ("_HLS_msn=\(origin.newest + 1)", false), ("_HLS_msn=\(origin.newest + 2)", true),
      ("_HLS_msn=\(origin.newest + 1000)", true),
      ("_HLS_msn=\(origin.newest)&_HLS_part=7", false),
      ("_HLS_msn=\(origin.newest)&_HLS_part=8", true),
      ("_HLS_msn=\(origin.newest + 1)&_HLS_part=5", false),
      ("_HLS_msn=\(origin.newest + 1)&_HLS_part=6", true),
    ] {
      let reply = origin.request("v/media.m3u8?" + query)
      #expect(reply.status == (isRefused ? 400 : 0), "\(query)")
      #expect((reply.want == nil) == isRefused)
      if isRefused { #expect(reply.maxAge == 1, "HTTP-018") }
    }
  }

  @Test func `HLS-067 a part without a segment is refused`() {
    #expect(origin.request("v/media.m3u8?_HLS_part=1").status == 400)
  }

  @Test(arguments: [
    "abc", "-1", "1.5", "", "123456789012345678901234567890", "+1", "%201", "0x10", "1e3",
    "9223372036854775808",
  ])
  func `HLS-068 malformed numbers are refused`(_ value: String) {
    #expect(origin.request("v/media.m3u8?_HLS_msn=\(value)").status == 400)
    #expect(
      origin.request("v/media.m3u8?_HLS_msn=\(origin.newest)&_HLS_part=\(value)").status == 400
    )
    #expect(
      origin.request("v/media.m3u8?_HLS_msn=1&_HLS_msn=\(value)").status == 400
    )
  }

  @Test func `HLS-069 a request without directives gets the whole playlist at once`() throws {
    let reply = origin.request("v/media.m3u8")
    #expect(reply.status == 200)
    #expect(try StrictPlaylist(reply.body).edge.number == Int(origin.newest))
    #expect(reply.maxAge == 1, "HTTP-015: half of two seconds")
  }

  @Test func `HLS-070 HTTP-024 order and unknown parameters change nothing, letter case does`() {
    let want = Want.reload(.media, .part(origin.newest, 2), skips: true)
    for query in [
      "_HLS_msn=\(origin.newest)&_HLS_part=2&_HLS_skip=YES",
      "_HLS_skip=YES&_HLS_part=2&_HLS_msn=\(origin.newest)",
      "CMCD=bl%3D100%2Csid%3D%22x%22&_HLS_part=2&token=a/b&_HLS_msn=\(origin.newest)&_HLS_skip=v2",
    ] {
      #expect(origin.request("v/media.m3u8?" + query).want == want, "\(query)")
    }
    let current = origin.request("v/media.m3u8").body
    #expect(origin.request("v/media.m3u8?_hls_msn=\(origin.newest + 9)").body == current)
    #expect(
      origin.request("v/media.m3u8", ["CMCD-Session: sid=\"x\"", "CMCD-Request: bl=1"]).body
        == current
    )
  }

  @Test func `HLS-071 a reload held too long is refused with 503 that lives for a second`() {
    let refusal = Want.reload(.media, .segment(origin.newest), skips: false).refusal
    #expect(refusal.status == .unavailable)
    let text = refusal.head.blocks.map(\.text).joined()
    #expect(text.contains("Cache-Control: public, max-age=1\r\n"))
    #expect(text.contains("Retry-After: 1\r\n"))
    #expect(LowLatency(origin.snapshot.constants).holdMilliseconds == 6000)
  }

  @Test func `HLS-056 media held too long is 503 like a reload, never 404`() {
    let wants: [Want] = [
      .part(epoch: "1", start: 2), .segment(epoch: "1", start: 2),
      .partOfSegment(epoch: "1", start: 2, index: 3), .numberedSegment(epoch: "1", number: 2),
    ]
    for want in wants {
      #expect(want.refusal.status == .unavailable)
      let text = want.refusal.head.blocks.map(\.text).joined()
      #expect(text.contains("Cache-Control: public, max-age=1\r\n"))
    }
  }

  @Test func `HLS-072 after the end directives mean nothing`() throws {
    let ended = Origin(Origin.ended)
    let whole = ended.request("v/media.m3u8").body
    #expect(try StrictPlaylist(whole).hasEnded)
    for query in [
      "_HLS_msn=\(ended.newest + 1)", "_HLS_msn=\(ended.newest + 50)&_HLS_part=1", "_HLS_part=1",
      "_HLS_skip=YES", "_HLS_msn=abc",
    ] {
      let reply = ended.request("v/media.m3u8?" + query)
      #expect(reply.status == 200, "\(query)")
      #expect(reply.body == whole)
      // Another broadcast may begin under the name.
      #expect(reply.maxAge == max(1, ended.targetDuration / 2))
    }
    // What was held when the end came is released.
    #expect(
      ended.again(.reload(.media, .segment(ended.newest + 1), skips: true), "v/media.m3u8")?.body
        == whole
    )
  }

  @Test func `HLS-073 a delta is given where it is asked for, with and without blocking`() throws {
    let broadcast = RecordedBroadcast.scripted([.video("v")], seconds: 40)
    var bridge = SimulatedBridge(broadcast)
    bridge.run(broadcast)
    let origin = Origin(try #require(bridge.last))
    for value in ["YES", "v2"] {
      let reply = origin.request("v/media.m3u8?_HLS_skip=\(value)")
      #expect(try StrictPlaylist(reply.body).skipped > 5)
      #expect(reply.maxAge == 1)
      let held = origin.request("v/media.m3u8?_HLS_msn=1&_HLS_skip=\(value)")
      #expect(try StrictPlaylist(held.body).skipped > 5)
    }
    for value in ["no", "yes", ""] {
      #expect(
        try StrictPlaylist(origin.request("v/media.m3u8?_HLS_skip=\(value)").body).skipped == 0
      )
    }
  }

  @Test func `HLS-080 playlists and manifests are compressed for those who take it`() {
    for path in ["index.m3u8", "v/media.m3u8", "manifest.mpd"] {
      let plain = origin.request(path)
      #expect(plain.fields["content-encoding"] == nil)
      #expect(plain.fields["vary"] == "Accept-Encoding")
      let packed = origin.request(path, ["Accept-Encoding: br, gzip;q=0.8"])
      #expect(packed.fields["content-encoding"] == "gzip")
      #expect(packed.fields["vary"] == "Accept-Encoding")
      #expect(packed.body.prefix(2) == [0x1F, 0x8B])
      #expect(packed.body.count < plain.body.count)
      #expect(packed.fields["etag"] != plain.fields["etag"], "HTTP-006")
      #expect(packed.fields["content-length"] == String(packed.body.count), "HTTP-020")
      for refused in ["identity", "gzip;q=0", "br", "gzip;q=0.1, identity"] {
        #expect(origin.request(path, ["Accept-Encoding: \(refused)"]).body == plain.body)
      }
    }
  }

  @Test func `HTTP-005 a condition that holds gets 304 with what a cache needs, in both codings`() {
    for path in ["index.m3u8", "v/media.m3u8", "manifest.mpd"] {
      for coding in [[], ["Accept-Encoding: gzip"]] {
        let full = origin.request(path, coding)
        let tag = full.fields["etag"] ?? ""
        for condition in [tag, "\"other\", \(tag)", "W/\(tag)", "*"] {
          let reply = origin.request(path, coding + ["If-None-Match: \(condition)"])
          #expect(reply.status == 304, "\(path) \(condition)")
          #expect(reply.body.isEmpty)
          for name in ["etag", "cache-control", "vary"] {
            #expect(reply.fields[name] == full.fields[name], "\(name)")
          }
          #expect(reply.fields["content-length"] == nil)
          #expect(reply.fields["content-encoding"] == nil)
          #expect(reply.fields["access-control-allow-origin"] == "*")
        }
        #expect(origin.request(path, coding + ["If-None-Match: \"x\""]).status == 200)
      }
    }
    // The tag of one coding says nothing about the other.
    let packed = origin.request("index.m3u8", ["Accept-Encoding: gzip"]).fields["etag"] ?? ""
    #expect(origin.request("index.m3u8", ["If-None-Match: \(packed)"]).status == 200)
  }

  @Test func `HTTP-003 HEAD has the fields of GET and no body`() {
    for path in ["index.m3u8", "v/media.m3u8", "manifest.mpd"] {
      for coding in [[], ["Accept-Encoding: gzip"]] {
        let full = origin.request(path, coding)
        let head = origin.request(path, method: "HEAD", coding)
        #expect(head.status == 200)
        #expect(head.fields == full.fields)
        #expect(head.body.isEmpty)
      }
    }
    #expect(
      origin.request("v/media.m3u8?_HLS_msn=\(origin.newest)", method: "HEAD").want != nil
    )
  }

  @Test func `HTTP-014 HTTP-015 every playlist has a short explicit lifetime`() {
    #expect(origin.request("index.m3u8").maxAge == 2)
    #expect(
      origin.request("index.m3u8").fields["cdn-cache-control"]
        == "max-age=2, stale-while-revalidate=2, stale-if-error=600"
    )
    #expect(origin.request("v/media.m3u8").fields["cdn-cache-control"] == nil)
    #expect(origin.request("v/media.m3u8").maxAge == 1)
    #expect(origin.request("manifest.mpd").maxAge == 1)
    for reply in ["index.m3u8", "v/media.m3u8", "manifest.mpd"].map({ origin.request($0) }) {
      #expect(reply.cacheControl.hasPrefix("public"))
      #expect(reply.fields["set-cookie"] == nil)
    }
  }

  @Test func `HTTP-009 HTTP-018 an unknown rendition is 404 for at most a target duration`() {
    for path in ["x/media.m3u8", "x/0.mp4", "x/1/segment/0.m4s", "x/1/part/0.m4s", "v/0.mp4"] {
      let reply = origin.request(path)
      #expect(reply.status == 404)
      #expect((1...origin.targetDuration).contains(reply.maxAge ?? 0), "\(path)")
      #expect(reply.fields["access-control-allow-origin"] == "*", "HTTP-007")
    }
  }

  @Test func `a Range on a playlist, which some players send, never ends in 416`() {
    let whole = origin.request("v/media.m3u8").body
    let all = origin.request("v/media.m3u8", ["Range: bytes=0-"])
    #expect(all.status == 206)
    #expect(all.body == whole)
    #expect(all.fields["content-range"] == "bytes 0-\(whole.count - 1)/\(whole.count)")
    let past = origin.request("v/media.m3u8", ["Range: bytes=999999-"])
    #expect((past.status, past.body) == (200, whole))
  }
}
