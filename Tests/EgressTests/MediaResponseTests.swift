import HTTP
import Manifests
import Packaging
import TestSupport
import Testing
import Wire

@testable import Egress

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

  @Test func `HTTP-005 media tells when it was made, by which it can be asked for again`() {
    let part = complete.parts[1]
    let partEnd = complete.epoch.time(
      ofTick: part.start + part.duration,
      timescale: complete.timescale
    )
    for (url, made) in [(url(complete), complete.endTime), (url(part), partEnd)] {
      let date = HTTPDate(made).text
      #expect(origin.request(url).fields["last-modified"] == date)
      let same = origin.request(url, ["If-Modified-Since: \(date)"])
      #expect(same.status == 304)
      #expect(same.fields["last-modified"] == date)
      let other =
        "If-Modified-Since: \(HTTPDate(UTCTime(microseconds: made.microseconds + 2_000_000)).text)"
      #expect(origin.request(url, [other]).status == 200)
      // The tag counts where there is one.
      #expect(
        origin.request(url, ["If-Modified-Since: \(date)", "If-None-Match: \"x\""]).status == 200
      )
    }
    #expect(origin.request("v/\(complete.initSegment.name).mp4").fields["last-modified"] == nil)
    // A publisher whose clock is ahead of ours.
    var early = origin
    early.arrival = UTCTime(microseconds: complete.endTime.microseconds - 1)
    #expect(early.request(url(complete)).fields["last-modified"] == nil)
    #expect(early.request(url(part)).fields["last-modified"] != nil)
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
    let reload = Want.reload(.media, .part(open.number, open.parts.count), skips: false)
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

  @Test func `a part that is asked for too early is waited for, as it will be hinted`() throws {
    let scale: Int64 = 90_000
    for ahead in [0, 43_200, 2 * Int64(origin.targetDuration) * scale] {
      let start = open.end + ahead
      let want = origin.request("v/\(origin.epoch)/part/\(start).m4s").want
      #expect(want == .part(epoch: origin.epoch, start: start), "\(ahead)")
    }
    let far = open.end + 2 * Int64(origin.targetDuration) * scale + 1
    for start in [far, .max] {
      #expect(origin.request("v/\(origin.epoch)/part/\(start).m4s").status == 404)
    }
    #expect(origin.request("v/other/part/\(open.end).m4s").status == 404)
    #expect(Origin(Origin.ended).request("v/\(origin.epoch)/part/\(open.end).m4s").status == 404)

    // The one is answered when it comes, the other when nothing begins there.
    let broadcast = RecordedBroadcast.scripted([.video("v"), .audio("a")], seconds: 26)
    var bridge = SimulatedBridge(broadcast)
    bridge.run(broadcast)
    let later = bridge.snapshots.filter { ($0.renditions[0].segments.last?.end ?? 0) > open.end }
    let parts = later.compactMap { $0.renditions[0].segments.last?.parts.last }
    let second = try #require(parts.first { $0.start > open.end })
    for (start, status) in [(second.start, 200), (second.start + 1, 404)] {
      let want = Want.part(epoch: origin.epoch, start: start)
      let path = "v/\(origin.epoch)/part/\(start).m4s"
      #expect(origin.again(want, path) == nil)
      let answers = later.lazy.compactMap { Origin($0).again(want, path) }
      #expect(answers.first?.status == status)
    }
  }

  @Test func `DASH-015 HTTP-020 a growing segment is sent as it comes, in chunks`() {
    let reply = origin.request(url(open))
    #expect(reply.status == 200)
    #expect(reply.fields["transfer-encoding"] == "chunked")
    #expect(reply.fields["content-length"] == nil)
    #expect(reply.fields["etag"] == "\"s\(origin.epoch)-\(open.start)\"")
    #expect(reply.body == Bytes(open.pieces.flatMap(\.array)))
    #expect(
      reply.growth
        == Growth(epoch: origin.epoch, start: open.start, sentParts: 2, isConcealed: false)
    )
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
    var growth = Growth(epoch: origin.epoch, start: open.start, sentParts: 2, isConcealed: false)
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
      let growth = Growth(
        epoch: holed.epoch.name,
        start: holed.start,
        sentParts: 1,
        isConcealed: false
      )
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

  /// The growing segment with a copy in its second part, as far as `count` parts.
  private func concealed(parts count: Int) -> Origin {
    let parts = open.parts.prefix(count).enumerated().map { index, part in
      Part(
        start: part.start,
        duration: part.duration,
        independentByteCount: part.independentByteCount,
        isGap: false,
        isConcealed: index == 1,
        pieces: part.pieces
      )
    }
    let segment = Segment(
      number: open.number,
      epoch: open.epoch,
      initSegment: open.initSegment,
      timescale: open.timescale,
      start: open.start,
      isDiscontinuity: false,
      discontinuitySequence: open.discontinuitySequence,
      parts: parts
    )
    let rendition = RenditionSnapshot(
      info: origin.video.info,
      segments: Array(origin.video.segments.dropLast()) + [segment]
    )
    return Origin(
      PresentationSnapshot(
        constants: origin.snapshot.constants,
        renditions: [rendition],
        periods: origin.snapshot.periods,
        isEnded: false
      )
    )
  }

  @Test func `a growing segment with a copy of lost media says so, or is broken off before it`() {
    let (before, after) = (concealed(parts: 1), concealed(parts: 2))
    let tag = "s\(origin.epoch)-\(open.start)"
    let untold = before.request(url(open))
    #expect(untold.fields["etag"] == "\"\(tag)\"")
    #expect(untold.cacheControl == origin.request(url(complete)).cacheControl)
    let told = after.request(url(open))
    #expect(told.status == 200)
    #expect(told.fields["etag"] == "\"\(tag)-concealed\"")
    #expect(told.maxAge == origin.targetDuration, "another bridge may have it")
    #expect(after.request(url(open), ["If-None-Match: \"\(tag)\""]).status == 200)
    #expect(after.request(url(open), ["If-None-Match: \"\(tag)-concealed\""]).status == 304)
    for (reply, goesOn) in [(untold, false), (told, true)] {
      guard var growth = reply.growth else {
        Issue.record("it does not grow")
        continue
      }
      growth.sentParts = 1
      #expect((after.responder.growth(growth, in: "v") != nil) == goesOn)
    }
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
