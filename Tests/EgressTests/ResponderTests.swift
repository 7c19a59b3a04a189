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
        == .reload(.part(origin.newest, 2), skips: false)
    )
    #expect(
      origin.request("v/media.m3u8?_HLS_msn=\(origin.newest)").want
        == .reload(.segment(origin.newest), skips: false)
    )
    #expect(
      origin.request("v/media.m3u8?_HLS_msn=\(origin.newest + 1)&_HLS_part=0&_HLS_skip=YES").want
        == .reload(.part(origin.newest + 1, 0), skips: true)
    )
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
    let want = Want.reload(.part(origin.newest, 2), skips: true)
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

  @Test func `HLS-071 a reload held too long is refused with 503 that is not stored`() {
    let refusal = Want.reload(.segment(origin.newest), skips: false).refusal
    #expect(refusal.status == .unavailable)
    let text = refusal.head.blocks.map(\.text).joined()
    #expect(text.contains("Cache-Control: no-store\r\n"))
    #expect(text.contains("Retry-After: 1\r\n"))
    #expect(LowLatency(origin.snapshot.constants).holdMilliseconds == 6000)
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
      #expect(reply.maxAge ?? 0 >= 60)
    }
    // What was held when the end came is released.
    #expect(
      ended.again(.reload(.segment(ended.newest + 1), skips: true), "v/media.m3u8")?.body == whole
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

/// Segments, parts and init segments, through the URL.
@Suite struct MediaResponseTests {
  let origin = Origin()

  private var complete: Segment { origin.video.segments[2] }
  private var open: Segment { origin.video.segments[origin.video.segments.count - 1] }
  private func url(_ segment: Segment) -> String {
    "v/" + MediaPath.segment(segment.epoch, start: segment.start)
  }
  private func url(_ part: Part) -> String {
    "v/" + MediaPath.part(origin.video.segments[0].epoch, start: part.start)
  }

  @Test func `HTTP-004 ranges of complete media, also suffix and open ones`() {
    let whole = Bytes(complete.pieces.flatMap(\.array))
    let length = whole.count
    #expect(origin.request(url(complete)).body == whole)
    for (range, expected) in [
      ("bytes=0-9", 0..<10), ("bytes=5-", 5..<length), ("bytes=-7", length - 7..<length),
      ("bytes=0-999999", 0..<length), ("bytes=\(length - 1)-\(length - 1)", length - 1..<length),
    ] {
      let reply = origin.request(url(complete), ["Range: \(range)"])
      #expect(reply.status == 206, "\(range)")
      #expect(reply.body == whole[expected])
      #expect(
        reply.fields["content-range"]
          == "bytes \(expected.lowerBound)-\(expected.upperBound - 1)/\(length)"
      )
      #expect(reply.fields["content-length"] == String(expected.count))
      #expect(reply.maxAge ?? 0 >= 60, "a 206 without it is not stored by Varnish")
    }
    let refused = origin.request(url(complete), ["Range: bytes=\(length)-"])
    #expect(refused.status == 416)
    #expect(refused.fields["content-range"] == "bytes */\(length)")
    #expect(refused.maxAge == 1)
    #expect(refused.body.isEmpty)
  }

  @Test func `HTTP-005 HTTP-021 media has a strong tag of its own that never changes`() {
    let urls = [url(complete), url(complete.parts[1]), "v/\(complete.initSegment.name).mp4"]
    let tags = urls.map { origin.request($0).fields["etag"] ?? "" }
    #expect(tags.allSatisfy { $0.hasPrefix("\"") && $0.count > 3 })
    #expect(Set(tags).count == 3)
    for (url, tag) in zip(urls, tags) {
      let reply = origin.request(url, ["If-None-Match: \(tag)"])
      #expect(reply.status == 304)
      #expect(reply.fields["etag"] == tag)
      #expect(reply.cacheControl == origin.request(url).cacheControl)
      #expect(origin.request(url, ["If-Range: \(tag)", "Range: bytes=0-0"]).status == 206)
      #expect(origin.request(url, ["If-Range: \"x\"", "Range: bytes=0-0"]).status == 200)
    }
  }

  @Test func `HTTP-006 media is never compressed`() {
    let reply = origin.request(url(complete), ["Accept-Encoding: gzip"])
    #expect(reply.fields["content-encoding"] == nil)
    #expect(reply.fields["vary"] == nil)
    #expect(reply.body == Bytes(complete.pieces.flatMap(\.array)))
  }

  @Test func `HTTP-017 HTTP-025 media is immutable and has its type`() {
    for (path, type) in [
      (url(complete), "video/mp4"), (url(complete.parts[0]), "video/mp4"),
      ("v/\(complete.initSegment.name).mp4", "video/mp4"),
      ("a/\(origin.snapshot.renditions[1].segments[0].initSegment.name).mp4", "audio/mp4"),
    ] {
      let reply = origin.request(path)
      #expect(reply.status == 200)
      #expect(reply.fields["content-type"] == type)
      #expect(reply.cacheControl.hasSuffix("immutable"))
      // The window and three target durations, above six of these.
      #expect(reply.maxAge == 66)
    }
  }

  @Test func `HLS-056 HLS-057 a hinted part is held and given whole`() throws {
    let hint = try #require(try StrictPlaylist(origin.request("v/media.m3u8").body).hint)
    let want = try #require(origin.request("v/" + hint).want)
    #expect(want == .part(epoch: origin.epoch, start: open.end))
    #expect(origin.again(want, "v/" + hint) == nil)
    let broadcast = RecordedBroadcast.scripted([.video("v"), .audio("a")], seconds: 24)
    var bridge = SimulatedBridge(broadcast)
    bridge.run(broadcast)
    let later = bridge.snapshots.drop { $0.renditions[0].segments.last?.end != open.end }
    let reply = try #require(later.lazy.compactMap { Origin($0).again(want, "v/" + hint) }.first)
    #expect(reply.status == 200)
    #expect(reply.fields["content-length"] == String(reply.body.count))
    // Twelve frames of 64 bytes or so: the whole part.
    let part = try #require(
      bridge.last?.renditions[0].segments.flatMap(\.parts).first { $0.start == open.end }
    )
    #expect(reply.body == Bytes(part.pieces.flatMap(\.array)))
    let ranged = later.lazy.compactMap {
      Origin($0).again(want, "v/" + hint, ["Range: bytes=2-5"])
    }.first
    #expect(ranged?.status == 206)
    #expect(ranged?.body == reply.body[2..<6])
  }

  @Test func `HLS-058 the hint and the reload that lists it are released by the same state`() throws
  {
    let reload = Want.reload(.part(open.number, open.parts.count), skips: false)
    let part = Want.part(epoch: origin.epoch, start: open.end)
    let broadcast = RecordedBroadcast.scripted([.video("v"), .audio("a")], seconds: 24)
    var bridge = SimulatedBridge(broadcast)
    bridge.run(broadcast)
    let later = bridge.snapshots.drop { $0.renditions[0].segments.last?.end != open.end }
    func first(_ want: Want, _ tail: String) -> Int? {
      later.firstIndex { Origin($0).again(want, tail) != nil }
    }
    #expect(first(reload, "v/media.m3u8") == first(part, "v/1/part/0.m4s"))
    #expect(first(part, "v/1/part/0.m4s") != nil)
  }

  @Test func `HLS-055 a hint that turned out wrong is 404`() {
    let stale = Want.part(epoch: "gone", start: open.end)
    #expect(origin.again(stale, "v/gone/part/0.m4s")?.status == 404)
    let inside = open.start + 1
    #expect(origin.request("v/\(origin.epoch)/part/\(inside).m4s").status == 404)
  }

  @Test func `DASH-015 HTTP-020 a growing segment is sent as it comes, in chunks`() {
    let reply = origin.request(url(open))
    #expect(reply.status == 200)
    #expect(reply.fields["transfer-encoding"] == "chunked")
    #expect(reply.fields["content-length"] == nil)
    #expect(reply.fields["etag"] == "\"s\(origin.epoch)-\(open.start)\"")
    #expect(reply.body == Bytes(open.pieces.flatMap(\.array)))
    #expect(reply.growth == Growth(epoch: origin.epoch, start: open.start, sentParts: 2))
    #expect(reply.cacheControl == origin.request(url(complete)).cacheControl)
  }

  @Test func `HTTP-003 HEAD of a growing segment has the fields of GET`() {
    let full = origin.request(url(open))
    let head = origin.request(url(open), method: "HEAD")
    #expect(head.fields == full.fields)
    #expect(head.status == 200)
  }

  @Test func `HTTP-004 HTTP-005 a growing segment ignores ranges and honours conditions`() {
    let ranged = origin.request(url(open), ["Range: bytes=0-"])
    #expect(ranged.status == 200)
    #expect(ranged.growth != nil)
    #expect(ranged.fields["content-range"] == nil)
    for condition in ["\"s\(origin.epoch)-\(open.start)\"", "*"] {
      let reply = origin.request(url(open), ["If-None-Match: \(condition)"])
      #expect(reply.status == 304)
      #expect(reply.growth == nil)
      #expect(reply.fields["etag"] == "\"s\(origin.epoch)-\(open.start)\"")
    }
  }

  @Test func `HTTP-021 a growing segment for HTTP 1.0 ends with the connection`() {
    let reply = origin.request(url(open), version: "1.0")
    #expect(reply.fields["transfer-encoding"] == nil)
    #expect(reply.fields["content-length"] == nil)
    #expect(reply.fields["connection"] == "close")
    #expect(reply.growth != nil)
  }

  @Test func `DASH-015 what comes of a growing segment follows, and its end is told`() throws {
    let broadcast = RecordedBroadcast.scripted([.video("v"), .audio("a")], seconds: 24)
    var bridge = SimulatedBridge(broadcast)
    bridge.run(broadcast)
    var growth = Growth(epoch: origin.epoch, start: open.start, sentParts: 2)
    var bytes: [UInt8] = []
    var steps = 0
    for snapshot in bridge.snapshots {
      guard let segment = snapshot.renditions[0].segment(growth.epoch, growth.start),
        segment.parts.count >= growth.sentParts
      else { continue }
      let news = try #require(Origin(snapshot).responder.growth(growth, in: "v"))
      bytes += news.pieces.flatMap(\.array)
      if news.sent > growth.sentParts { steps += 1 }
      growth.sentParts = news.sent
      if news.isWhole { break }
    }
    let whole = try #require(bridge.last?.renditions[0].segment(growth.epoch, growth.start))
    #expect(Bytes(bytes) == Bytes(whole.parts.dropFirst(2).flatMap(\.pieces).flatMap(\.array)))
    #expect(steps == 3)
  }

  @Test func `DASH-022 the next segment is held, the one after it is 404 for a second`() {
    let length: Int64 = 180_000
    let next = origin.request("v/\(origin.epoch)/segment/\(open.start + length).m4s")
    #expect(next.want == .segment(epoch: origin.epoch, start: open.start + length))
    for ahead in [2, 3, 100] {
      let reply = origin.request(
        "v/\(origin.epoch)/segment/\(open.start + Int64(ahead) * length).m4s"
      )
      #expect(reply.status == 404, "\(ahead)")
      #expect((1...2).contains(reply.maxAge ?? 0))
    }
    #expect(origin.request("v/other/segment/\(open.start + length).m4s").status == 404)
  }

  @Test func `HLS-030 a segment with a hole is not served, and one being sent is broken off`() {
    let broadcast = RecordedBroadcast.scripted([.video("v"), .audio("a")], seconds: 16)
    // Some audio of the segment from 8 s on is lost.
    let kept = broadcast.entries.filter {
      !($0.track == 1 && (9_000_000..<9_300_000).contains($0.sentAt))
    }
    var bridge = SimulatedBridge(broadcast)
    bridge.run(broadcast, kept)
    let holed = bridge.snapshots[bridge.snapshots.count - 1].renditions[1].segments
      .first { $0.isGap }
    #expect(holed?.byteCount ?? 0 > 0)
    guard let holed else { return }
    let path = "a/" + MediaPath.segment(holed.epoch, start: holed.start)
    let reply = Origin(bridge.snapshots[bridge.snapshots.count - 1]).request(path)
    #expect(reply.status == 404)
    #expect((1...2).contains(reply.maxAge ?? 0), "another bridge may have it")
    var statuses: [Int] = []
    var wasBroken = false
    for snapshot in bridge.snapshots {
      guard let segment = snapshot.renditions[1].segment(holed.epoch.name, holed.start) else {
        continue
      }
      let origin = Origin(snapshot)
      let status = origin.request(path).status
      if statuses.last != status { statuses.append(status) }
      let growth = Growth(epoch: holed.epoch.name, start: holed.start, sentParts: 1)
      if segment.parts.contains(where: { $0.isGap }) {
        wasBroken = origin.responder.growth(growth, in: "a") == nil
      }
    }
    #expect(statuses == [200, 404])
    #expect(wasBroken)
    // Its parts before and after the hole are fine.
    let part = holed.parts[0]
    #expect(
      Origin(bridge.snapshots[bridge.snapshots.count - 1])
        .request("a/" + MediaPath.part(holed.epoch, start: part.start)).status == 200
    )
  }

  @Test func `HTTP-018 media that has left is 404 for at most a target duration`() {
    let reply = origin.request("v/\(origin.epoch)/segment/-180000.m4s")
    #expect(reply.status == 404)
    #expect((1...origin.targetDuration).contains(reply.maxAge ?? 0))
  }

  @Test func `media of an ended broadcast is served and nothing is held`() {
    let ended = Origin(Origin.ended)
    for rendition in ended.snapshot.renditions {
      for segment in rendition.segments {
        let reply = ended.request(
          "\(rendition.info.name)/" + MediaPath.segment(segment.epoch, start: segment.start)
        )
        #expect(reply.status == 200)
        #expect(reply.fields["content-length"] == String(segment.byteCount))
      }
      let end = rendition.segments.last?.end ?? 0
      #expect(
        ended.request("\(rendition.info.name)/\(ended.epoch)/part/\(end).m4s").status == 404
      )
    }
  }
}
