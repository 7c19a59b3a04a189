import Testing
import Wire

@testable import Conformance

/// The session of HLS with answers that a test writes.
@Suite struct SessionTests {
  private static func target(_ fetch: Fetch) -> String { fetch.request.url.target }

  /// A tracker that has the sample, with what it wants after that.
  private static func tracker(_ ledger: inout Ledger) -> RenditionTracker {
    var tracker = RenditionTracker(url: Samples.url, name: "variant", isProbed: true)
    tracker.start(now: Instant(nanoseconds: 0))
    tracker.wanted = []
    tracker.receive(
      .plain,
      known: MediaPlaylist(),
      isChain: true,
      Samples.exchange(body: Samples.text),
      into: &ledger
    )
    return tracker
  }

  @Test func `a multivariant playlist leads to every media playlist, once each`() throws {
    var ledger = Ledger()
    let entry = Samples.webURL("http://origin.example/live/index.m3u8")
    var session = HLSSession(entry)
    let first = try #require(session.takeFetches().first)
    let text =
      Samples.multivariantText + "#EXT-X-STREAM-INF:BANDWIDTH=1,CODECS=\"a\"\nvideo/media.m3u8\n"
    session.receive(
      Samples.exchange(body: text, url: entry),
      of: first.identifier,
      into: &ledger
    )
    let targets = session.takeFetches().map(Self.target)
    #expect(targets == ["/live/video/media.m3u8", "/live/audio/media.m3u8"])
  }

  @Test func `the entry's redirections are followed, some times`() throws {
    var ledger = Ledger()
    var session = HLSSession(Samples.url)
    var targets: [String] = []
    while let fetch = session.takeFetches().first, targets.count < 20 {
      targets.append(Self.target(fetch))
      let answer = Samples.exchange(302, [("Location", "\(targets.count).m3u8")])
      session.receive(answer, of: fetch.identifier, into: &ledger)
    }
    #expect(targets.count == 6)
    #expect(targets.last == "/live/video/5.m3u8")
    #expect(session.failure != nil)
  }

  @Test func `what is no playlist ends the session`() throws {
    var ledger = Ledger()
    for exchange in [Samples.exchange(404), Samples.exchange(body: "<html>")] {
      var session = HLSSession(Samples.url)
      let first = try #require(session.takeFetches().first)
      session.receive(exchange, of: first.identifier, into: &ledger)
      #expect(session.failure != nil)
    }
  }

  @Test func `a playlist leads to its init, new segments, parts and hint, and a blocking reload`() {
    var ledger = Ledger()
    var tracker = Self.tracker(&ledger)
    let media = tracker.wanted.map { $0.request.url.path.split(separator: "/").last ?? "" }
    #expect(
      media == [
        "init.mp4", "101.m4s", "329.m4s", "558.m4s", "559.m4s", "559.0.m4s", "559.1.m4s",
        "559.2.m4s", "559.3.m4s", "560.0.m4s", "560.1.m4s", "560.2.m4s",
      ]
    )
    tracker.wanted = []
    tracker.handleTimeout(now: Instant(nanoseconds: 1_000_000_000))
    #expect(
      tracker.wanted.map(\.request.url.query) == [
        "_HLS_msn=560&_HLS_part=2", "_HLS_msn=560&_HLS_part=2&_HLS_skip=YES",
      ]
    )
  }

  /// The answer to the hint, then a playlist that lists the hinted part.
  static func hint(_ answer: Exchange, _ ledger: inout Ledger) {
    var tracker = tracker(&ledger)
    for (purpose, _) in tracker.wanted {
      if case .hint = purpose { tracker.receiveMedia(purpose, answer, into: &ledger) }
    }
    let known = tracker.playlist ?? MediaPlaylist()
    let text = PlaylistRuleTests.replace(
      PlaylistRuleTests.replace(Samples.text, "560.2.m4s", "560.3.m4s"),
      "#EXT-X-PRELOAD",
      "#EXT-X-PART:DURATION=0.50000,URI=\"560.2.m4s\"\n#EXT-X-PRELOAD"
    )
    tracker.receive(
      .blocking(Position(number: 560, part: 2)),
      known: known,
      isChain: true,
      Samples.exchange(body: text, after: 500),
      into: &ledger
    )
  }

  private static func hinted(_ answer: Exchange) -> [String] { failures { hint(answer, &$0) } }

  @Test func `a hinted part is held and comes whole`() {
    #expect(Self.hinted(Samples.exchange(body: "x", after: 500)) == [])
    #expect(Self.hinted(Samples.exchange(404)) == ["HLS-056"])
    #expect(Self.hinted(Samples.exchange(500)) == ["HLS-056"])
    // Refused like a reload, once it was held as long.
    #expect(Self.hinted(Samples.exchange(503)) == ["HLS-056"])
    #expect(Self.hinted(Samples.exchange(503, after: 6000)) == [])
    #expect(Self.hinted(Samples.exchange(200)) == ["HLS-056"])
  }

  @Test func `a server that answers without news is not asked in a tight circle`() {
    var ledger = Ledger()
    var tracker = Self.tracker(&ledger)
    var now = Instant(nanoseconds: 1_000_000_000)
    var reloads = 0
    while now < Instant(nanoseconds: 11_000_000_000) {
      guard let due = tracker.deadline else { break }
      now = max(now, due)
      tracker.wanted = []
      tracker.handleTimeout(now: now)
      reloads += 1
      var exchange = Samples.exchange(body: Samples.text)
      exchange.ended = now
      tracker.receive(
        .blocking(Position(number: 560, part: 2)),
        known: tracker.playlist ?? MediaPlaylist(),
        isChain: true,
        exchange,
        into: &ledger
      )
    }
    #expect(reloads <= 21)
    #expect(ledger.failed.contains("HLS-061"))
  }

  @Test func `a playlist that is gone is given up`() {
    var ledger = Ledger()
    var tracker = Self.tracker(&ledger)
    for _ in 0..<RenditionTracker.maximumFailures {
      tracker.receive(
        .plain,
        known: MediaPlaylist(),
        isChain: true,
        Samples.exchange(404),
        into: &ledger
      )
    }
    #expect(tracker.isGivenUp)
    #expect(tracker.deadline == nil)
    #expect(ledger.failed.contains("HLS-005"))
  }
}
