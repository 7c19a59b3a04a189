import CMAF
import Manifests
import Packaging
import TestSupport
import Testing
import Wire
import XML

@testable import Egress

/// Segments by number, through the URL.
@Suite struct NumberedSegmentTests {
  let origin = Origin()

  private var segments: SegmentList { origin.video.segments }

  private func url(_ number: Int64) -> String { "v/\(origin.epoch)/number/\(number).m4s" }

  @Test func `a number names what a time names`() {
    for segment in segments.dropLast() {
      let reply = origin.request(url(segment.number))
      let named = origin.request("v/" + MediaPath.segment(segment.epoch, start: segment.start))
      #expect(reply.status == 200)
      #expect(reply.body == named.body)
      #expect(reply.fields == named.fields)
    }
    let growing = origin.request(url(origin.newest))
    #expect(growing.status == 200)
    #expect(growing.growth?.start == segments[segments.count - 1].start)
  }

  @Test func `the next number is waited for, no other`() throws {
    let next = origin.newest + 1
    let want = try #require(origin.request(url(next)).want)
    #expect(want == .numberedSegment(epoch: origin.epoch, number: next))
    #expect(origin.again(want, url(next)) == nil)
    let broadcast = RecordedBroadcast.scripted([.video("v"), .audio("a")], seconds: 26)
    var bridge = SimulatedBridge(broadcast)
    bridge.run(broadcast)
    let later = bridge.snapshots.drop { ($0.renditions[0].segments.last?.number ?? 0) < next }
    let reply = try #require(later.lazy.compactMap { Origin($0).again(want, url(next)) }.first)
    #expect(reply.status == 200)
    let ahead = origin.request(url(next + 1))
    #expect(ahead.status == 404)
    #expect(ahead.maxAge == 1)
    let past = origin.request(url(segments[0].number - 1))
    #expect(past.status == 404)
    #expect(past.maxAge == origin.targetDuration)
    #expect(origin.request("v/other/number/\(next).m4s").status == 404)
    #expect(origin.request(url(.max)).status == 404)
    #expect(origin.request(url(.min)).status == 404)
    #expect(Origin(Origin.ended).request(url(.max)).status == 404)
  }

  @Test func `the MPD by number names what is answered`() throws {
    let document = try XMLDocument(origin.request("number.mpd").body)
    let names = ["m": "urn:mpeg:dash:schema:mpd:2011"]
    let template = "//m:Representation[@id='v']/m:SegmentTemplate/@"
    let media = try #require(document.strings(template + "media", namespaces: names)?.first)
    #expect(media == "v/\(origin.epoch)/number/$Number$.m4s")
    let name = media.replacing("$Number$", with: "\(segments[1].number)")
    #expect(origin.request(name).status == 200)
  }

  @Test func `numbers that do not tell times are refused`() {
    // A publisher whose groups are longer than told: numbers run ahead of the time.
    var constants = origin.snapshot.constants
    constants.segmentLength.ticks *= 3
    let strange = Origin(
      PresentationSnapshot(
        constants: constants,
        renditions: origin.snapshot.renditions,
        periods: origin.snapshot.periods,
        isEnded: false
      )
    )
    #expect(strange.request("number.mpd").status == 404)
    #expect(strange.request("manifest.mpd").status == 200)
  }
}
