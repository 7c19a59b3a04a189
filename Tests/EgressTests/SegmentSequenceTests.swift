import Manifests
import Packaging
import TestSupport
import Testing
import Wire
import XML

@testable import Egress

/// Segments as sequences of parts: DASH-031, through the URL.
@Suite struct SegmentSequenceTests {
  let origin = Origin()

  private var complete: Segment { origin.video.segments[2] }
  private var open: Segment { origin.video.segments[origin.video.segments.count - 1] }

  private func url(_ segment: Segment, _ index: Int) -> String {
    "v/\(origin.epoch)/segment/\(segment.start)/\(index).m4s"
  }

  @Test func `DASH-031 the parts of a sequence are those of HLS, and together the segment`() {
    var joined: [UInt8] = []
    for (index, part) in complete.parts.enumerated() {
      let reply = origin.request(url(complete, index))
      let named = origin.request("v/" + MediaPath.part(complete.epoch, start: part.start))
      #expect(reply.status == 200)
      #expect(reply.body == named.body)
      #expect(reply.fields == named.fields)
      joined += reply.body.array
    }
    let whole = origin.request("v/" + MediaPath.segment(complete.epoch, start: complete.start))
    #expect(Bytes(joined) == whole.body)
    let past = origin.request(url(complete, complete.parts.count))
    #expect(past.status == 404)
    #expect(past.maxAge == origin.targetDuration)
  }

  @Test func `a part that is to come is held, one far ahead is not`() throws {
    let want = try #require(origin.request(url(open, 2)).want)
    #expect(want == .partOfSegment(epoch: origin.epoch, start: open.start, index: 2))
    #expect(origin.again(want, url(open, 2)) == nil)
    #expect(origin.request(url(open, 8)).want != nil)
    let far = origin.request(url(open, 9))
    #expect(far.status == 404)
    #expect(far.maxAge == 1)
    // The next segment begins where this one is going to end.
    let next = "v/\(origin.epoch)/segment/\(open.start + (complete.duration ?? 0))/0.m4s"
    #expect(origin.request(next).want != nil)
    #expect(origin.request("v/\(origin.epoch)/segment/\(open.start + 1)/0.m4s").want == nil)
  }

  @Test func `what is held comes whole, and ends with its segment`() throws {
    let broadcast = RecordedBroadcast.scripted([.video("v"), .audio("a")], seconds: 24)
    var bridge = SimulatedBridge(broadcast)
    bridge.run(broadcast)
    let later = bridge.snapshots.drop { $0.renditions[0].segments.last?.end != open.end }
    let want = try #require(origin.request(url(open, 4)).want)
    let reply = try #require(later.lazy.compactMap { Origin($0).again(want, url(open, 4)) }.first)
    #expect(reply.status == 200)
    let segment = try #require(
      bridge.last?.renditions[0].segments.first { $0.start == open.start }
    )
    #expect(segment.parts.count == 5)
    #expect(reply.body == Bytes(segment.parts[4].pieces.flatMap(\.array)))
    // A segment has five parts here: who waits for a sixth hears so when it is over.
    let sixth = try #require(origin.request(url(open, 5)).want)
    let answers = later.lazy.compactMap { Origin($0).again(sixth, url(open, 5)) }
    #expect(answers.first?.status == 404)
  }

  @Test func `the MPD of sequences names what is answered`() throws {
    let document = try XMLDocument(origin.request("sequences.mpd").body)
    let names = ["m": "urn:mpeg:dash:schema:mpd:2011"]
    func strings(_ path: String) -> [String] { document.strings(path, namespaces: names) ?? [] }
    let template = "//m:Representation[@id='v']/m:SegmentTemplate"
    let media = try #require(strings(template + "/@media").first)
    #expect(media == "v/\(origin.epoch)/segment/$Time$/$SubNumber$.m4s")
    let (starts, durations) = (strings(template + "//m:S/@t"), strings(template + "//m:S/@d"))
    let counts = strings(template + "//m:S/@k")
    // All are alike, the growing one too.
    #expect(starts == ["\(origin.video.segments[0].start)"])
    #expect(durations == ["\(complete.duration ?? 0)"])
    #expect(counts == ["5"])
    let name = media.replacing("$Time$", with: starts[0])
    #expect(origin.request(name.replacing("$SubNumber$", with: "4")).status == 200)
    #expect(origin.request(name.replacing("$SubNumber$", with: "5")).status == 404)
  }
}
