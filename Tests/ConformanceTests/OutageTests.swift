import Testing
import Wire

@testable import Conformance

/// A source that is silent, and servers that only look like it.
@Suite struct OutageTests {
  private static func instant(_ seconds: Double) -> Instant {
    Instant(nanoseconds: 0) + Interval(seconds: seconds)
  }

  private static let limits = OutageLimits(marked: .seconds(1), unmarked: .seconds(3))

  private static func outages(
    _ times: [Double],
    marked: Set<Double> = [],
    until end: Double
  ) -> Outages {
    Outages(
      times.map { Activity(time: instant($0), isMarked: marked.contains($0)) },
      limits: limits,
      until: instant(end)
    )
  }

  @Test func `a silence is an outage when it is marked, or long and alone`() {
    #expect(Self.outages([0, 0.5, 1, 1.5], until: 2) == Outages())
    #expect(Self.outages([0, 2.5, 3], until: 4) == Outages())
    let marked = Self.outages([0, 2, 3], marked: [2], until: 4)
    #expect(marked.all == [Outage(begin: Self.instant(0), end: Self.instant(2), ending: .marked)])
    let long = Self.outages([0, 4, 5], until: 6)
    #expect(long.all == [Outage(begin: Self.instant(0), end: Self.instant(4), ending: .unmarked)])
    let open = Self.outages([0, 1], until: 9)
    #expect(open.all == [Outage(begin: Self.instant(1), end: Self.instant(9), ending: .open)])
    #expect(
      open.notes(since: Self.instant(0)) == [
        "source was silent from 1.0 s to 9.0 s, and has not come back: what needs media is not held"
          + " against the server for that time"
      ]
    )
  }

  @Test func `media in bursts is no row of outages`() {
    let bursts = Self.outages([0, 4, 8, 12], until: 12)
    #expect(bursts.all == [])
    #expect(bursts.disbelieved == 3)
    #expect(bursts.notes(since: Self.instant(0)).count == 1)
    #expect(Self.outages([0, 4, 8, 12], marked: [4, 8, 12], until: 12).all.count == 3)
  }

  @Test func `an outage is taken off what it overlaps, and no more`() {
    let outages = Self.outages([0, 4, 10, 11], marked: [10], until: 12)
    #expect(outages.all.count == 2)
    #expect(outages.without(Self.instant(3), Self.instant(12)) == .seconds(2))
    #expect(outages.without(Self.instant(10.5), Self.instant(12)) == .milliseconds(1500))
    #expect(outages.touch(Self.instant(9), Self.instant(12)))
    #expect(!outages.touch(Self.instant(10), Self.instant(12)))
  }

  // MARK: HLS

  /// A playlist with so many parts of half a second after 100 whole segments of two; a gap of one
  /// segment stands before part `gap`, a whole number of segments.
  static func playlist(parts: Int, gap: Int?, other: String) -> String {
    var text = """
      #EXTM3U
      #EXT-X-VERSION:9
      #EXT-X-TARGETDURATION:2
      #EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,PART-HOLD-BACK=1.75,HOLD-BACK=6.0
      #EXT-X-PART-INF:PART-TARGET=0.5
      #EXT-X-MEDIA-SEQUENCE:0
      #EXT-X-DISCONTINUITY-SEQUENCE:0
      #EXT-X-MAP:URI="init.mp4"
      #EXT-X-PROGRAM-DATE-TIME:2026-11-26T05:00:00.000Z

      """
    for number in 0..<100 { text += "#EXTINF:2.00000,\n\(number).m4s\n" }
    for part in 0..<parts {
      if part == gap { text += "#EXT-X-GAP\n#EXTINF:2.00000,\ngap.m4s\n" }
      text += "#EXT-X-PART:DURATION=0.50000,URI=\"p\(part).m4s\""
      text += part % 4 == 0 ? ",INDEPENDENT=YES\n" : "\n"
      if part % 4 == 3 { text += "#EXTINF:2.00000,\ns\(part).m4s\n" }
    }
    let segments = 100 + parts / 4 + (gap.map { $0 < parts ? 1 : 0 } ?? 0)
    let report = parts % 4 == 0 ? (segments - 1, 3) : (segments, parts % 4 - 1)
    return text + """
      #EXT-X-PRELOAD-HINT:TYPE=PART,URI="p\(parts).m4s"
      #EXT-X-RENDITION-REPORT:URI="../\(other)/media.m3u8",LAST-MSN=\(report.0),LAST-PART=\(report.1)

      """
  }

  /// What of the rules on times fails when parts come at these times, in seconds, in video and audio,
  /// each before a gap where `gaps` says so.
  private static func watch(
    _ video: [Double],
    _ audio: [Double],
    gap: Int? = nil,
    until end: Double
  ) -> (failed: Set<String>, notes: [String]) {
    var ledger = Ledger()
    var session = HLSSession(Samples.webURL("http://origin.example/live/index.m3u8"))
    for (name, times, other) in [("video", video, "audio"), ("audio", audio, "video")] {
      let url = Samples.webURL("http://origin.example/live/\(name)/media.m3u8")
      var tracker = RenditionTracker(url: url, name: name, isProbed: false)
      for (index, time) in times.enumerated() {
        let text = playlist(parts: index + 1, gap: gap, other: other)
        tracker.receive(
          .plain,
          known: tracker.playlist ?? MediaPlaylist(),
          isChain: true,
          Samples.exchange(body: text, after: Int64(time * 1000), url: url),
          into: &ledger
        )
        tracker.wanted = []
      }
      session.trackers.append(tracker)
    }
    guard let limits = session.outageLimits else { return ([], []) }
    let outages = Outages(session.activities, limits: limits, until: instant(end))
    session.finish(now: instant(end), outages: outages, into: &ledger)
    return (
      Set(ledger.failed).intersection(["HLS-018", "HLS-053", "HLS-060", "HLS-076"]),
      outages.notes(since: instant(0))
    )
  }

  private static func steady(_ from: Double, _ count: Int) -> [Double] {
    (0..<count).map { from + Double($0) / 2 }
  }

  @Test func `playlists that grow steadily fail nothing`() {
    let times = Self.steady(0, 40)
    let (failed, notes) = Self.watch(times, times.map { $0 + 0.04 }, until: 20)
    #expect(failed == [])
    #expect(notes == [])
  }

  @Test func `a source that is silent once is not the server's fault, marked or not`() {
    let times = Self.steady(0, 16) + Self.steady(13.5, 16)
    for gap in [nil, 16] {
      let (failed, notes) = Self.watch(times, times.map { $0 + 0.04 }, gap: gap, until: 21.5)
      #expect(failed == [])
      #expect(notes.count == 1)
      #expect(notes.first?.hasPrefix("source was silent from 7.5 s to 13.5 s, then") == true)
    }
  }

  @Test func `a source that does not come back is told`() {
    let times = Self.steady(0, 16)
    let (failed, notes) = Self.watch(times, times, until: 30)
    #expect(failed == [])
    #expect(notes.count == 1)
  }

  @Test func `a rendition that is silent alone fails`() {
    let steady = Self.steady(0, 40)
    let silent = Self.steady(0, 16) + Self.steady(13.5, 16)
    let (failed, notes) = Self.watch(steady, silent, until: 21.5)
    #expect(failed == ["HLS-053", "HLS-060", "HLS-076"])
    #expect(notes == [])
    let ended = Self.watch(steady, Self.steady(0, 16), until: 20)
    #expect(ended.failed == ["HLS-018", "HLS-060", "HLS-076"])
  }

  @Test func `silences again and again fail`() {
    let times =
      Self.steady(0, 8) + Self.steady(10, 8) + Self.steady(20, 8) + Self.steady(30, 8)
    let (failed, notes) = Self.watch(times, times, until: 34)
    #expect(failed.isSuperset(of: ["HLS-018", "HLS-053"]))
    #expect(notes.count == 1)
  }

  @Test func `a rendition that comes back later than the source fails`() {
    let video = Self.steady(0, 16) + Self.steady(13.5, 32)
    let audio = Self.steady(0, 16) + Self.steady(21.5, 16)
    let (failed, notes) = Self.watch(video, audio, gap: 16, until: 29.5)
    #expect(failed.isSuperset(of: ["HLS-053", "HLS-076"]))
    #expect(notes.count == 1)
  }

  // MARK: DASH

  /// An origin whose media is silent between two times; `tracks` names those that are.
  private static func silent(
    _ begin: Double,
    _ end: Double,
    tracks: Set<String> = ["v1", "v2", "a"],
    listedAgain: Double? = nil
  ) -> FakeOrigin {
    var origin = FakeOrigin()
    origin.periodSwitch = 1000
    let right = origin
    let isWhole = tracks.count == 3
    origin.bendManifest = { text, seconds in
      guard isWhole, begin < seconds, seconds < listedAgain ?? end else { return text }
      return right.manifest(at: FakeOrigin.zero.moved(by: Interval(seconds: begin)))
    }
    origin.bendAnswer = { answer, path, time in
      let parts = path.split(separator: "/").map { String($0) }
      guard parts.count == 3, tracks.contains(parts[1]),
        let value = Int(parts[2].prefix { $0 != "." }), answer.status == 200
      else { return }
      let number = Double(value) / (parts[1] == "a" ? 48_000 : 90_000)
      let now = time.since(FakeOrigin.zero).seconds
      if begin < now, now < end, number + 0.2 > begin {
        answer = FakeOrigin.Answer(
          status: 404,
          headers: [HeaderField("Cache-Control", "max-age=1")] + answer.headers
        )
        return
      }
      answer.arrivals = answer.arrivals.map { arrival in
        let at = arrival.time.since(FakeOrigin.zero).seconds
        let back = FakeOrigin.zero.moved(by: Interval(seconds: end + 0.001))
        return (arrival.bytes, begin < at && at < end ? back : arrival.time)
      }
    }
    return origin
  }

  @Test func `an MPD and segments that wait for the source fail nothing`() {
    let (ledger, session) = play(Self.silent(23.1, 28.1), seconds: 14)
    #expect(ledger.failed == [], "\(ledger.failed.map { ($0, ledger.verdict($0).findings) })")
    #expect(!session.deferred.isEmpty)
  }

  @Test func `one rendition that waits alone fails`() {
    let (ledger, _) = play(Self.silent(23.1, 28.1, tracks: ["v2"]), seconds: 14)
    #expect(ledger.failed.contains("DASH-015"))
  }

  @Test func `one late segment of many is the machine's, more are not`() {
    func failed(_ numbers: Set<Int>) -> [String] {
      var origin = FakeOrigin()
      origin.bendAnswer = { answer, path, _ in
        let parts = path.split(separator: "/").map { String($0) }
        guard parts.count == 3, parts[1] == "v1", let value = Int(parts[2].prefix { $0 != "." }),
          numbers.contains(value / 90_000), let last = answer.arrivals.popLast()
        else { return }
        answer.arrivals.append((last.bytes, last.time.moved(by: .milliseconds(700))))
      }
      return play(origin).ledger.failed
    }
    #expect(failed([25]) == [])
    #expect(failed([24, 25, 26]).contains("DASH-015"))
  }

  @Test func `an MPD that stays behind after the source is back fails`() {
    let (ledger, _) = play(Self.silent(23.1, 26.5, listedAgain: 31.5), seconds: 14)
    #expect(ledger.failed.contains("DASH-020"))
  }

  @Test func `a server error is none of the source's`() {
    var origin = Self.silent(23.1, 28.1)
    let bend = origin.bendAnswer
    origin.bendAnswer = { answer, path, time in
      bend(&answer, path, time)
      let last = answer.arrivals.last?.time.since(FakeOrigin.zero).seconds ?? 0
      if path.contains("/v1/"), last > 28 { answer = FakeOrigin.Answer(status: 500) }
    }
    let (ledger, _) = play(origin, seconds: 14)
    #expect(ledger.failed.contains("DASH-015"))
  }
}
