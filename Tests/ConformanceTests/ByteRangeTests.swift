import Testing
import Wire

@testable import Conformance

/// Playlists of others whose segments are ranges of one file.
@Suite struct ByteRangeTests {
  private static let header = FakeMedia.video.header
  private static let segments = (0..<4).map { FakeMedia.bytes(FakeMedia.video.chunks($0)) }

  /// Every second range says where it begins.
  private static let text: String = {
    var text = """
      #EXTM3U
      #EXT-X-VERSION:7
      #EXT-X-TARGETDURATION:1
      #EXT-X-MEDIA-SEQUENCE:0
      #EXT-X-INDEPENDENT-SEGMENTS
      #EXT-X-MAP:URI="all.mp4",BYTERANGE="\(header.count)@0"
      #EXT-X-PROGRAM-DATE-TIME:2026-11-26T05:00:00.000Z

      """
    var offset = header.count
    for (number, segment) in segments.enumerated() {
      text += "#EXTINF:1.00000,\n#EXT-X-BYTERANGE:\(segment.count)"
      text += number % 2 == 0 ? "@\(offset)\nall.mp4\n" : "\nall.mp4\n"
      offset += segment.count
    }
    return text
  }()

  private static let file = Bytes(header.array + segments.flatMap(\.array))

  /// What a tracker of the playlist asks for, and what fails when the answers are bent.
  private static func play(
    _ bend: (inout Exchange) -> Void = { _ in }
  ) -> (ranges: [String], ledger: Ledger, facts: Int) {
    var ledger = Ledger()
    var tracker = RenditionTracker(url: Samples.url, name: "variant", isProbed: true)
    tracker.receive(
      .plain,
      known: MediaPlaylist(),
      isChain: true,
      Samples.exchange(body: text),
      into: &ledger
    )
    var ranges: [String] = []
    for (purpose, request) in tracker.wanted {
      guard let range = request.headers.first(where: { $0.name == "Range" })?.value else {
        continue
      }
      ranges.append(range)
      let ends = range.dropFirst("bytes=".count).split(separator: "-").compactMap { Int($0) }
      guard ends.count == 2, ends[1] < file.count else { continue }
      var exchange = Samples.exchange(206)
      exchange.responses[0].body = file[ends[0]..<ends[1] + 1]
      exchange.responses[0].framing = .length(exchange.responses[0].body.count)
      bend(&exchange)
      tracker.receiveMedia(purpose, exchange, into: &ledger)
    }
    return (ranges, ledger, tracker.media.facts.count)
  }

  @Test func `each range is asked for, where it continues the one before too`() {
    let played = Self.play()
    var offset = Self.header.count
    var expected = ["bytes=0-\(offset - 1)"]
    for (number, segment) in Self.segments.enumerated() {
      // At first the oldest is left out: it may just be going.
      if number > 0 { expected.append("bytes=\(offset)-\(offset + segment.count - 1)") }
      offset += segment.count
    }
    #expect(played.ranges == expected)
    #expect(played.facts == 3)
    for number in ["HLS-020", "HLS-023", "CMAF-003", "CMAF-004", "CMAF-017"] {
      let verdict = played.ledger.verdict(number)
      #expect(verdict.outcome == .pass, "\(number) \(verdict.findings)")
    }
  }

  @Test func `a whole file for a range fails`() {
    let played = Self.play { exchange in
      exchange.responses[0].status = 200
      exchange.responses[0].body = Self.file
    }
    #expect(played.ledger.failed.contains("HLS-020"))
  }
}
