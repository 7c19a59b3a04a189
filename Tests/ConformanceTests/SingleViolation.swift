import Wire

@testable import Conformance

/// A violation that no table of like ones has.
struct SingleViolation: Sendable {
  let number: String
  let judge: @Sendable (inout Ledger) -> Void

  init(_ number: String, _ judge: @escaping @Sendable (inout Ledger) -> Void) {
    self.number = number
    self.judge = judge
  }

  static let all = playlists + media + times + reloads + http + decoders

  private static let playlists: [SingleViolation] = [
    .init("HLS-010") {
      MultivariantRules.judgeIndependence(nil, media: [Samples.playlist], subject: "s", into: &$0)
    },
    .init("HLS-031") { ledger in
      var (before, after) = (Samples.playlist, Samples.later)
      before.dateRanges["a"] = AttributeList.read("ID=\"a\",CLASS=\"x\"", kinds: [:]) { _ in }
      after.dateRanges["a"] = AttributeList.read("ID=\"a\",CLASS=\"y\"", kinds: [:]) { _ in }
      HistoryRules.judge(after, after: before, subject: "s", into: &ledger)
    },
    .init("HLS-079") { ledger in
      var session = HLSSession(Samples.webURL("https://origin.example/index.m3u8"))
      for fetch in session.takeFetches() where fetch.request.isHandshakeOnly {
        session.receive(Samples.exchange(), of: fetch.identifier, into: &ledger)
      }
    },
  ]

  private static func again(_ number: String, _ exchange: Exchange, hash: Bytes? = nil) -> Self {
    .init(number) {
      let resource = Resource(url: Samples.url)
      MediaAnswerRules.judgeAgain(
        exchange,
        resource,
        number,
        hash: hash,
        validator: nil,
        into: &$0
      )
    }
  }

  private static let media: [SingleViolation] = [
    .init("HLS-009") {
      MediaTimeRules.judgeBandwidth(3_000_000, peak: 4_000_000, subject: "s", into: &$0)
    },
    .init("HLS-020") {
      let resource = Resource(url: Samples.url)
      let late = Samples.exchange(body: "x", after: 1100)
      _ = MediaAnswerRules.judgeListed(late, resource, "HLS-020", into: &$0)
    },
    again("HLS-021", Samples.exchange(body: "x"), hash: [1]),
    again("HLS-022", Samples.exchange(404)),
    .init("HLS-050") {
      MediaAnswerRules.judgeParts([[1], [2, 4]], segment: [1, 2, 3], "s", into: &$0)
    },
    again("HLS-052", Samples.exchange(404)),
    .init("HLS-056") { SessionTests.hint(Samples.exchange(404), &$0) },
    .init("DASH-023") { ledger in
      func segment(_ digest: UInt8, _ name: String) -> FetchedSegment {
        FetchedSegment(
          url: Samples.webURL("http://origin.example/\(name)"),
          rendition: "v",
          kind: .video,
          start: TrackTime(ticks: 0, timescale: 1000),
          duration: TrackTime(ticks: 1000, timescale: 1000),
          digest: [digest]
        )
      }
      DASHRules.judgeSharing(dash: [segment(1, "a")], hls: [segment(2, "b")], &ledger)
    },
    .init("DASH-031") {
      DASHRules.judge(subsegments: [Samples.exchange(404)], of: [1], subject: "s", &$0)
    },
  ]

  /// Times that are late more often than once in twenty.
  private static func late(
    _ number: String,
    _ path: any WritableKeyPath<TimingTallies, Tally> & Sendable
  ) -> Self {
    .init(number) {
      var tallies = TimingTallies()
      for _ in 0..<2 { tallies[keyPath: path].add(.seconds(1), limit: .milliseconds(150)) }
      tallies.judge(subject: "s", into: &$0)
    }
  }

  private static let times: [SingleViolation] = [
    late("HLS-018", \.segmentIntervals), late("HLS-053", \.partIntervals),
    late("HLS-055", \.hints), late("HLS-057", \.deliveries), late("HLS-058", \.releases),
    late("HLS-060", \.reports), late("HLS-062", \.reloads), late("HLS-076", \.steps),
    .init("HLS-027") { ledger in
      var record = ClockRecord()
      for second in 0..<60 as Range<Int64> {
        let edge = UTCTime(microseconds: second * 1_000_000)
        record.add(edge: edge, seenAt: edge.advanced(by: 70_000_000))
      }
      record.judge(subject: "s", into: &ledger)
    },
  ]

  private static let reloads: [SingleViolation] = [
    .init("HLS-074") {
      var full = Samples.playlist
      full.segments[300].uri = "other.m4s"
      DeltaRules.judge(merged: Samples.playlist, full: full, subject: "s", into: &$0)
    },
    .init("HLS-075") {
      var known = Samples.playlist
      known.serverControl?.canSkipDateRanges = true
      let reload = Reload(
        purpose: .skip("v2"),
        exchange: Samples.exchange(),
        playlist: ReloadRuleTests.delta,
        known: known
      )
      ReloadRules.judge(reload, subject: "s", into: &$0)
    },
    .init("HLS-078") {
      let crowd = [Samples.exchange(body: "a"), Samples.exchange(body: "b")]
      ReloadRules.judgeCrowd(crowd, subject: "s", into: &$0)
    },
    .init("HLS-080") {
      let bare = Response(status: 200)
      ReloadRules.judgeCompression(accepting: bare, refusing: bare, subject: "s", into: &$0)
    },
  ]

  private static let http: [SingleViolation] = [
    .init("HTTP-001") { HTTPRules.judgeClose(Samples.exchange(), into: &$0) },
    .init("HTTP-002") {
      var request = Request(Samples.url)
      request.pipeline = ["GET", "GET", "GET"]
      let utc = Samples.exchange().begunUTC
      let exchange = Exchange(request: request, begun: Instant(nanoseconds: 0), begunUTC: utc)
      HTTPRules.judgePipeline(exchange, into: &$0)
    },
    .init("HTTP-003") {
      let get = Samples.exchange(body: "abc")
      HTTPRules.judgeHead(get, Samples.exchange(405), isConstant: true, into: &$0)
    },
    .init("HTTP-004") {
      let whole = Bytes(utf8: "0123456789")
      HTTPRules.judgeRange(Samples.exchange(), first: 2, last: 4, of: whole, into: &$0)
    },
    .init("HTTP-005") {
      HTTPRules.judgeConditional(Samples.exchange(), Samples.exchange(), isMedia: true, into: &$0)
    },
    .init("HTTP-008") { HTTPRules.judgePreflight(Samples.exchange(204), into: &$0) },
    .init("HTTP-009") {
      HTTPRules.judgeUnknown(Samples.exchange(), targetDuration: 4, into: &$0)
    },
    .init("HTTP-010") { HTTPRules.judgeMethod(Samples.exchange(), into: &$0) },
    .init("HTTP-011") { HTTPRules.judgeMalformed(Samples.exchange(), "x", into: &$0) },
    .init("HTTP-012") { HTTPRules.judgeOversized(Samples.exchange(), "x", into: &$0) },
    .init("HTTP-013") { HTTPRules.judgeSlow(ReloadRuleTests.timedOut, into: &$0) },
    .init("HTTP-020") {
      var exchange = Samples.exchange()
      exchange.responses[0].framing = .close
      let observation = Observation(kind: .playlist, exchange: exchange)
      HTTPRules.judge(observation, targetDuration: 4, into: &$0)
    },
    .init("HTTP-021") {
      let chunked = Samples.exchange(200, [("Transfer-Encoding", "chunked")])
      HTTPRules.judgeOld(chunked, into: &$0)
    },
    .init("HTTP-022") { HTTPRules.judgeTraversal(Samples.exchange(), "/..", into: &$0) },
    .init("HTTP-024") {
      HTTPRules.judgeCMCD(Samples.exchange(body: "a"), Samples.exchange(body: "b"), into: &$0)
    },
  ]

  private static let decoders: [SingleViolation] = [
    .init("HLS-082") {
      let task = DecoderTask("HLS-082", playing: Samples.url)
      DecoderResult(exitCode: 1, output: "Invalid data").judge(task, into: &$0)
    },
    .init("DASH-030") {
      let task = DecoderTask("DASH-030", playing: FakeOrigin.url)
      DecoderResult(exitCode: 137, hasTimedOut: true).judge(task, into: &$0)
    },
    .init("CMAF-015") {
      let task = DecoderTask(decoding: [Samples.url], after: Samples.url, of: "v")
      DecoderResult(output: "error while decoding MB 3 4").judge(task, into: &$0)
    },
  ]
}
