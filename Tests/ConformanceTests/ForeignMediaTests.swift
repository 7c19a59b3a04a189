import TestSupport
import Testing
import Wire

@testable import Conformance

/// A low-latency MPD with its media that ffmpeg made, see Fixtures/DASH/make.sh.
@Suite struct ForeignMediaTests {
  @Test func `ffmpeg's MPD and media are judged as they are`() throws {
    var ledger = Ledger()
    let published = try #require(DateTimeText.read("2026-11-26T06:29:10.005Z"))
    let observation = try #require(
      ManifestObservation(
        try MediaFixture.bytes("DASH/live.mpd"),
        url: FakeOrigin.url,
        requested: published,
        received: published.moved(by: .milliseconds(100)),
        &ledger
      )
    )
    DASHRules.judge(observation, &ledger)
    for (index, period) in observation.manifest.representations.enumerated() {
      let representation = period.representation
      let bytes = try MediaFixture.bytes("DASH/init-stream\(index).m4s")
      let header = try #require(CMAFRules.judge(header: bytes, subject: "i", &ledger))
      DASHRules.judge(header: header, of: representation, subject: "i", &ledger)
      let track = try #require(header.tracks.first)
      let listed = observation.listed(representation, in: period.period, until: published)
      #expect(listed.map(\.number) == [2, 3, 4, 5])
      var chain = TrackChain()
      chain.take(header, subject: "i", &ledger)
      for (order, segment) in listed.filter({ (3...4).contains($0.number) }).enumerated() {
        let url = representation.url(
          representation.template.media,
          manifest: observation.url,
          segment: segment
        )
        let name = try #require(url?.path.split(separator: "/").last)
        let media = try #require(
          CMAFRules.judge(
            segment: try MediaFixture.bytes("DASH/\(name)"),
            of: track,
            SegmentExpectation(),
            subject: String(name),
            &ledger
          )
        )
        chain.take(media, isContinuous: order > 0, subject: String(name), &ledger)
        #expect(media.chunks.count > 1)
      }
    }
    let seen = ledger.failed.flatMap { number in
      ledger.verdict(number).findings.map { (number, $0.seen) }
    }
    // prft tells presentation times, which an edit list of the audio moves; the template has a clock
    // of its own.
    #expect(ledger.failed == ["CMAF-013", "DASH-007", "DASH-011"], "\(seen)")
  }
}
