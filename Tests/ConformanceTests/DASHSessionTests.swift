import Testing
import Wire

@testable import Conformance

/// An origin that is not right, and what must fail when it is played.
struct OriginMutation: Sendable, CustomTestStringConvertible {
  let number: String
  let name: String
  /// Other numbers that the same mutation can't help failing.
  var others: Set<String>
  let bend: @Sendable (inout FakeOrigin) -> Void

  var testDescription: String { "\(number) \(name)" }

  init(
    _ number: String,
    _ name: String,
    others: Set<String> = [],
    _ bend: @escaping @Sendable (inout FakeOrigin) -> Void
  ) {
    self.number = number
    self.name = name
    self.others = others
    self.bend = bend
  }

  /// Bends the answers to media of a track.
  private static func media(
    _ track: String,
    _ bend: @escaping @Sendable (inout FakeOrigin.Answer, UTCTime) -> Void
  ) -> @Sendable (inout FakeOrigin) -> Void {
    { origin in
      origin.bendAnswer = { answer, path, time in
        if path.hasSuffix(".m4s"), path.contains("/\(track)/") { bend(&answer, time) }
      }
    }
  }

  static let all: [OriginMutation] = [
    .init("DASH-001", "no MPD") { origin in
      origin.bendAnswer = { answer, path, _ in if path.hasSuffix(".mpd") { answer.status = 404 } }
    },
    .init("DASH-005", "the past is gone") { origin in
      origin.bendAnswer = { answer, path, time in
        guard path.contains("/v1/"),
          let value = Int(path.split(separator: "/")[2].prefix { $0 != "." })
        else { return }
        if Double(value) / 90_000 < time.since(FakeOrigin.zero).seconds - 5 { answer.status = 404 }
      }
    },
    .init("DASH-008", "kept by caches") { origin in
      origin.bendAnswer = { answer, path, _ in
        if path == "/time" { answer.headers[0] = HeaderField("Cache-Control", "max-age=60") }
      }
    },
    .init("DASH-008", "a clock that is wrong", others: ["DASH-014", "DASH-022"]) { origin in
      origin.isPlain = true
      origin.bendAnswer = { answer, path, time in
        let wrong = FakeOrigin.date(time.since(FakeOrigin.zero).seconds + 1.5)
        if path == "/time" { answer.body = Bytes(utf8: wrong) }
      }
    },
    .init("DASH-010", "another level") { origin in
      origin.bendManifest = { text, _ in text.replacing("avc1.42C01E", with: "avc1.42C01F") }
    },
    .init("DASH-011", "no init segment") { origin in
      origin.bendAnswer = { answer, path, _ in
        if path == "/live/v2/init.mp4" { answer.status = 404 }
      }
    },
    .init("DASH-013", "media a frame early", others: ["CMAF-013"]) { origin in
      origin.bendMedia = { chunks, track, _ in
        guard track == "a" else { return chunks }
        return chunks.map { chunk in
          var chunk = chunk
          chunk.decodeTime -= 960
          return chunk
        }
      }
    },
    .init("DASH-013", "another duration", others: ["CMAF-005", "CMAF-017"]) { origin in
      origin.bendMedia = { chunks, track, number in
        guard track == "a", number == 22 else { return chunks }
        var chunks = chunks
        chunks[4].samples[9].duration = 961
        return chunks
      }
    },
    .init("DASH-014", "not there when whole") { origin in
      origin.isPlain = true
      origin.bendAnswer = { answer, path, time in
        guard path.contains("/v1/"),
          let value = Int(path.split(separator: "/")[2].prefix { $0 != "." })
        else { return }
        if Double(value) / 90_000 + 1.5 > time.since(FakeOrigin.zero).seconds {
          answer.status = 404
          answer.headers = [HeaderField("Cache-Control", "max-age=1")]
        }
      }
    },
    .init(
      "DASH-015",
      "not early",
      others: ["DASH-014"],
      media("v1") { answer, _ in
        guard !answer.arrivals.isEmpty else { return }
        answer.status = 404
      }
    ),
    .init(
      "DASH-015",
      "held until it is whole",
      media("v1") { answer, _ in
        guard let last = answer.arrivals.last else { return }
        answer.arrivals = [last]
      }
    ),
    .init(
      "DASH-015",
      "late",
      others: ["DASH-014"],
      media("v1") { answer, _ in
        answer.arrivals = answer.arrivals.map { ($0.bytes, $0.time.moved(by: .milliseconds(1200))) }
      }
    ),
    .init("DASH-018", "prft of another clock", others: ["CMAF-013"]) { origin in
      origin.bendMedia = { chunks, _, _ in
        var chunks = chunks
        chunks[0].producerTime?.clock.microseconds += 3_000_000
        return chunks
      }
    },
    .init("DASH-020", "an MPD that stops") { origin in
      origin.bendManifest = { text, seconds in
        var stopped = FakeOrigin()
        stopped.periodSwitch = 1000
        guard seconds > 23 else { return text }
        return stopped.manifest(at: FakeOrigin.zero.moved(by: .milliseconds(22_900)))
      }
    },
    .init("DASH-021", "another template", others: ["DASH-015", "DASH-005", "DASH-014"]) { origin in
      origin.bendManifest = { text, seconds in
        seconds > 22 ? text.replacing("v2/$Time$", with: "v9/$Time$") : text
      }
      origin.bendAnswer = { answer, path, _ in if path.contains("/v9/") { answer.status = 404 } }
    },
    .init("DASH-022", "kept for long") { origin in
      origin.bendAnswer = { answer, _, _ in
        if answer.status == 404 { answer.headers[0] = HeaderField("Cache-Control", "max-age=60") }
      }
    },
    .init("DASH-022", "answered") { origin in
      origin.bendAnswer = { answer, path, _ in if path.hasSuffix("m4s") { answer.status = 200 } }
    },
    .init("DASH-024", "a Period too early", others: ["DASH-009", "DASH-020", "DASH-014"]) {
      origin in
      origin.bendManifest = { text, _ in
        text.replacing("start=\"PT24S\"", with: "start=\"PT23S\"")
      }
    },
    .init("DASH-025", "a segment without sync", others: ["CMAF-007", "CMAF-008"]) { origin in
      origin.bendMedia = { chunks, track, number in
        var chunks = chunks
        if track == "v1", number == 22 { chunks[0].samples[0].isSync = false }
        return chunks
      }
    },
    .init("DASH-026", "a patch for another MPD") { origin in
      origin.hasPatch = true
      origin.bendAnswer = { answer, path, _ in
        guard path.hasSuffix(".mpp") else { return }
        answer.body = Bytes(utf8: answer.body.text.replacing("mpdId=\"m\"", with: "mpdId=\"n\""))
      }
    },
    .init("DASH-026", "a patch that leaves something out") { origin in
      origin.hasPatch = true
      origin.bendAnswer = { answer, path, _ in
        guard path.hasSuffix(".mpp") else { return }
        answer.body = Bytes(utf8: answer.body.text.replacing("d=\"48000\"", with: "d=\"48001\""))
      }
    },
    .init("DASH-027", "another media type") { origin in
      origin.bendAnswer = { answer, path, _ in
        if path.hasSuffix(".mpd") { answer.headers[0] = HeaderField("Content-Type", "text/xml") }
      }
    },
    .init("DASH-027", "no compression") { origin in
      origin.bendAnswer = { answer, path, _ in
        answer.headers.removeAll { $0.name == "Content-Encoding" }
      }
    },
    .init(
      "DASH-028",
      "bursts inside chunks",
      media("v1") { answer, _ in
        answer.arrivals = answer.arrivals.map { arrival in
          (arrival.bytes == answer.body.count ? arrival.bytes : arrival.bytes - 9, arrival.time)
        }
      }
    ),
    .init("DASH-029", "more than declared") { origin in
      origin.bendManifest = { text, _ in
        text.replacing("bandwidth=\"200000\"", with: "bandwidth=\"3000\"")
      }
    },
    .init("CMAF-011", "renditions out of step", others: ["DASH-013", "CMAF-005", "CMAF-017"]) {
      origin in
      origin.bendMedia = { chunks, track, number in
        var chunks = chunks
        if track == "v2", number == 23 { chunks[4].samples[4].duration += 90 }
        return chunks
      }
    },
  ]
}

@Suite struct DASHSessionTests {
  @Test(arguments: [false, true])
  func `an origin that is right fails nothing`(_ hasPatch: Bool) {
    var origin = FakeOrigin()
    origin.hasPatch = hasPatch
    let (ledger, session) = play(origin)
    #expect(ledger.failed == [], "\(ledger.failed.map { ($0, ledger.verdict($0).findings) })")
    // What takes another session, a schema or a decoder.
    var elsewhere: Set = ["DASH-001", "DASH-023", "DASH-030", "DASH-031"]
    if !hasPatch { elsewhere.insert("DASH-026") }
    for requirement in Catalog.dash where !elsewhere.contains(requirement.id) {
      #expect(ledger.verdict(requirement.id).outcome == .pass, "\(requirement.id)")
    }
    for requirement in Catalog.cmaf where !["CMAF-014", "CMAF-015"].contains(requirement.id) {
      #expect(ledger.verdict(requirement.id).outcome == .pass, "\(requirement.id)")
    }
    // Some of the past, then every segment of nine seconds, in each rendition.
    #expect(session.tracks.keys.sorted() == ["a", "v1", "v2"])
    for track in session.tracks.values {
      #expect(track.places.map(\.start.nanoseconds) == (19...28).map { $0 * 1_000_000_000 })
    }
    #expect(session.fetched.count == 30)
  }

  @Test(arguments: [false, true])
  func `an origin without low latency fails nothing`(_ isNumbered: Bool) {
    var origin = FakeOrigin()
    origin.isPlain = true
    origin.isNumbered = isNumbered
    let (ledger, session) = play(origin)
    #expect(ledger.failed == [], "\(ledger.failed.map { ($0, ledger.verdict($0).findings) })")
    for number in ["DASH-015", "DASH-016", "DASH-017", "DASH-018", "DASH-028"] {
      #expect(ledger.verdict(number).outcome == .notApplicable, "\(number)")
    }
    #expect(ledger.verdict("DASH-014").outcome == .pass)
    #expect((session.tracks["v1"]?.places.count ?? 0) >= 8)
  }

  @Test func `a presentation that ends is played to its end`() {
    var origin = FakeOrigin()
    origin.end = 26
    let (ledger, session) = play(origin, seconds: 60)
    #expect(session.isOver)
    #expect(ledger.failed == [], "\(ledger.failed.map { ($0, ledger.verdict($0).findings) })")
    #expect(session.tracks["a"]?.places.last?.start.nanoseconds == 25_000_000_000)
  }

  @Test(arguments: OriginMutation.all)
  func `an origin that is wrong fails its requirement`(_ mutation: OriginMutation) {
    var origin = FakeOrigin()
    mutation.bend(&origin)
    let (ledger, _) = play(origin)
    let seen = Comment(rawValue: "\(ledger.failed.map { ($0, ledger.verdict($0).findings) })")
    #expect(ledger.failed.contains(mutation.number), seen)
    #expect(Set(ledger.failed).subtracting(mutation.others) == [mutation.number], seen)
  }

  @Test func `HLS and DASH name the same segments`() {
    let url = FakeOrigin.url
    func segment(
      _ start: Int64,
      _ name: String,
      _ digest: UInt8,
      of rendition: String = "v"
    ) -> FetchedSegment {
      FetchedSegment(
        url: url.resolve(name) ?? url,
        rendition: rendition,
        kind: .video,
        start: TrackTime(ticks: start, timescale: 1000),
        duration: TrackTime(ticks: 1000, timescale: 1000),
        digest: [digest]
      )
    }
    var hls = [segment(0, "a", 1), segment(1000, "b", 2)]
    func failed(_ dash: FetchedSegment...) -> [String] {
      var ledger = Ledger()
      DASHRules.judgeSharing(dash: dash, hls: hls, &ledger)
      return ledger.failed
    }
    #expect(failed(segment(1000, "b", 9)) == [])
    #expect(failed(segment(1000, "other", 2)) == [])
    #expect(failed(segment(5000, "other", 9)) == [])
    #expect(failed(segment(1000, "other", 9)) == ["DASH-023"])
    #expect(failed(segment(1500, "b", 2)) == ["DASH-023"])
    #expect(failed(segment(0, "a", 1), segment(1000, "other", 9)) == ["DASH-023"])
    // HLS has not fetched the second of two renditions at 1000.
    hls.append(segment(0, "c", 3, of: "w"))
    let shared = segment(0, "c", 3, of: "w")
    #expect(failed(shared, segment(1000, "d", 4, of: "w")) == [])
    #expect(failed(shared, segment(1500, "d", 4, of: "w")) == ["DASH-023"])
    // The first is judged nevertheless, and so is one that nothing is known of.
    #expect(failed(segment(0, "a", 1), segment(1000, "other", 9)) == ["DASH-023"])
    #expect(failed(segment(1000, "d", 4, of: "w")) == ["DASH-023"])
    hls.append(segment(1000, "d", 4, of: "w"))
    #expect(failed(shared, segment(1000, "d", 9, of: "w")) == [])
    #expect(failed(shared, segment(1000, "other", 9, of: "w")) == ["DASH-023"])
  }

  @Test func `a discontinuity of HLS inside a Period fails DASH-024`() throws {
    var ledger = Ledger()
    let text = FakeOrigin().manifest(at: FakeOrigin.zero.moved(by: .milliseconds(30_250)))
    let observation = try #require(ManifestRulesTests.observe(text, at: 30.25, &ledger))
    func failed(_ seconds: Int64) -> [String] {
      var ledger = Ledger()
      DASHRules.judgePeriods(
        observation.manifest,
        discontinuities: [TrackTime(ticks: seconds * 1000, timescale: 1000)],
        subject: "m",
        &ledger
      )
      return ledger.failed
    }
    #expect(failed(24) == [])
    #expect(failed(25) == ["DASH-024"])
  }

  @Test func `sub-segments add up to their segment`() {
    func failed(_ parts: [Bytes], _ status: Int = 200) -> [String] {
      var ledger = Ledger()
      let now = Instant(nanoseconds: 0)
      let exchanges = parts.map { part in
        var response = Response(status: status)
        response.body = part
        var exchange = Exchange(
          request: Request(FakeOrigin.url),
          begun: now,
          begunUTC: FakeOrigin.zero
        )
        exchange.responses = [response]
        return exchange
      }
      DASHRules.judge(subsegments: exchanges, of: [1, 2, 3], subject: "s", &ledger)
      return ledger.failed
    }
    #expect(failed([[1], [2, 3]]) == [])
    #expect(failed([[1], [3, 2]]) == ["DASH-031"])
    #expect(failed([[1], [2, 3]], 404) == ["DASH-031"])
  }

  @Test func `every requirement has a mutation`() {
    let numbers =
      ManifestMutation.all.map(\.number) + UpdateMutation.all.map(\.number)
      + OriginMutation.all.map(\.number) + ["DASH-023", "DASH-031"]
    #expect(Set(Catalog.dash.map(\.id)).subtracting(numbers) == [])
  }
}
