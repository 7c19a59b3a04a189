import TestSupport
import Testing
import Wire

@testable import Conformance

/// Wrong input of every kind: it may fail every rule, it may not trap.
@Suite struct HostileInputTests {
  /// Words that hurt where a number, a date or a name is expected.
  static let words = [
    "9007199254740992", "18446744073709551615", "-1", "1e9", "0.0000000001", "999999.9999999", "",
    "\"", ",", "=", "\n", "\r\n", "#EXT-X-SKIP:SKIPPED-SEGMENTS=9007199254740992\n",
    "#EXT-X-DISCONTINUITY\n", "#EXT-X-ENDLIST\n", "#EXT-X-GAP\n", "9999-12-31T23:59:59.999Z",
    "0000-01-01T00:00:00.000Z", "\u{0}", "é", "#EXT-X-MEDIA-SEQUENCE:9007199254740992\n",
    "#EXT-X-TARGETDURATION:9007199254740992\n", "BYTERANGE=\"9007199254740992@9007199254740992\"",
    "#EXT-X-BYTERANGE:9007199254740992@9007199254740992\n",
    "#EXT-X-PRELOAD-HINT:TYPE=PART,URI=\"x\",BYTERANGE-START=9007199254740992\n",
  ]

  static func mutate(_ bytes: [UInt8], _ generator: inout SeededGenerator) -> [UInt8] {
    var bytes = bytes
    for _ in 0..<Int.random(in: 1...6, using: &generator) {
      let at = Int.random(in: 0..<max(1, bytes.count), using: &generator)
      guard at < bytes.count else { break }
      switch Int.random(in: 0..<5, using: &generator) {
      case 0: bytes[at] = .random(in: 0...255, using: &generator)
      case 1: bytes.remove(at: at)
      case 2:
        let end = min(bytes.count, at + Int.random(in: 1...60, using: &generator))
        bytes.removeSubrange(at..<end)
      case 3:
        let end = min(bytes.count, at + Int.random(in: 1...200, using: &generator))
        bytes.insert(contentsOf: Array(bytes[at..<end]), at: at)
      default:
        let word = words[Int.random(in: 0..<words.count, using: &generator)]
        let end = min(bytes.count, at + Int.random(in: 0...8, using: &generator))
        bytes.replaceSubrange(at..<end, with: Array(word.utf8))
      }
    }
    return bytes
  }

  /// The head and tail of the sample, short enough for many rounds.
  static let seed: [UInt8] = {
    let lines = Samples.text.split(separator: "\n")
    let short =
      lines.prefix(30).joined(separator: "\n") + "\n" + lines.suffix(22).joined(separator: "\n")
    return Array((short + "\n").utf8)
  }()

  @Test(arguments: [1, 2, 3, 4] as [UInt64])
  func `mutated playlists go through the readers and all the rules`(_ seed: UInt64) {
    var generator = SeededGenerator(seed: seed)
    var segments = 0
    let good = MediaPlaylistReader(PlaylistText(Bytes(Self.seed))).playlist
    for _ in 0..<250 {
      var tracker = RenditionTracker(url: Samples.url, name: "v", isProbed: true)
      var ledger = Ledger()
      tracker.start(now: Instant(nanoseconds: 0))
      for step in 0..<3 {
        let text = String(decoding: Self.mutate(Self.seed, &generator), as: UTF8.self)
        let exchange = Samples.exchange(200, [], body: text, after: Int64(step) * 1000 + 10)
        let known = tracker.playlist ?? MediaPlaylist()
        tracker.receive(.plain, known: known, isChain: true, exchange, into: &ledger)
        tracker.handleTimeout(now: Instant(nanoseconds: Int64(step) * 3_000_000_000))
        segments += tracker.playlist?.segments.count ?? 0
        let multivariant = MultivariantPlaylist(PlaylistText(Bytes(utf8: text)))
        #expect(multivariant.variants.count <= MultivariantPlaylist.maximumEntries)
        if let playlist = tracker.playlist {
          let view = RenditionView(url: Samples.url, playlist: playlist)
          let other = RenditionView(url: Samples.otherURL, playlist: good)
          PresentationRules.judge([view, other], into: &ledger)
        }
        tracker.wanted = []
      }
      tracker.finish(
        others: [Samples.otherURL: tracker.history],
        largestPartTarget: 500_000,
        outages: Outages(),
        now: Instant(nanoseconds: 9_000_000_000),
        into: &ledger
      )
    }
    // Most mutations leave something to read.
    #expect(segments > 2000)
  }

  @Test(arguments: [1, 2, 3, 4] as [UInt64])
  func `mutated responses go through the parser`(_ seed: UInt64) {
    var generator = SeededGenerator(seed: seed)
    var finished = 0
    for _ in 0..<2000 {
      let bytes = Bytes(Self.mutate(Array(ResponseParserTests.whole.utf8), &generator))
      var parser = ResponseParserTests.parser()
      let split = Int.random(in: 0...bytes.count, using: &generator)
      do {
        try parser.receive(bytes.prefix(split), now: Instant(nanoseconds: 0))
        try parser.receive(bytes.suffix(from: split), now: Instant(nanoseconds: 1))
        _ = parser.receiveEnd(now: Instant(nanoseconds: 2))
        if parser.isFinished { finished += 1 }
      } catch {
        continue
      }
    }
    #expect(finished > 100)
  }
}
