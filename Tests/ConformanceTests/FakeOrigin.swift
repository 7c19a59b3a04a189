import Wire

@testable import Conformance

/// A low-latency origin of two video renditions and one of audio, in segments of a second and chunks
/// of a fifth of one, right unless a test bends it.
///
/// Media time 0 is the availability start time. A second Period begins at `periodSwitch`.
struct FakeOrigin: Sendable {
  /// What a server sends, and when.
  struct Answer: Sendable {
    var status = 200
    var headers: [HeaderField] = []
    var body = Bytes()
    /// How much of the body is there at a time; empty sends it whole after a millisecond.
    var arrivals: [(bytes: Int, time: UTCTime)] = []
  }

  static let zero = UTCTime(microseconds: 1_795_000_000_000_000)
  static let url: WebURL = {
    guard let url = WebURL("http://origin.example/live/manifest.mpd") else {
      preconditionFailure("the text is a URL")
    }
    return url
  }()
  static let videoNames = ["v1", "v2"]

  var periodSwitch = 24
  var hasPatch = false
  /// The second after which the MPD is static; nil while it is live.
  var end: Int?
  /// Whether segments are only there when they are whole.
  var isPlain = false
  /// Whether segments are numbered, without a timeline.
  var isNumbered = false
  /// Bends the MPD's text; the time is in seconds since media time 0.
  var bendManifest: @Sendable (String, Double) -> String = { text, _ in text }
  /// Bends the chunks of a segment by its track and number.
  var bendMedia: @Sendable ([FakeMedia.Chunk], String, Int) -> [FakeMedia.Chunk] = { chunks, _, _ in
    chunks
  }
  /// Bends an answer to a path.
  var bendAnswer: @Sendable (inout Answer, String, UTCTime) -> Void = { _, _, _ in }

  // MARK: MPD

  /// The number of the newest segment that is listed at a time.
  func newest(_ seconds: Double) -> Int {
    let edge = min(seconds, end.map { Double($0) } ?? seconds)
    return Int((isPlain ? edge : edge + 0.8).rounded(.down)) - 1
  }

  func manifest(at time: UTCTime) -> String {
    let seconds = time.since(Self.zero).seconds
    return bendManifest(rightManifest(seconds), seconds)
  }

  static func date(_ seconds: Double) -> String {
    let microseconds = zero.microseconds + Int64((seconds * 1e6).rounded())
    let (days, rest) = (microseconds / 1_000_000).quotientAndRemainder(dividingBy: 86_400)
    // 2026-11-18 is the day of `zero`, 20775 days after 1970-01-01; tests stay within it.
    precondition(days == 20_775, "tests stay on one day")
    func two(_ value: Int64) -> String { value < 10 ? "0\(value)" : "\(value)" }
    let milliseconds = microseconds / 1000 % 1000 + 1000
    return "2026-11-18T\(two(rest / 3600)):\(two(rest / 60 % 60)):\(two(rest % 60))."
      + "\(milliseconds)".dropFirst() + "Z"
  }

  func publishSeconds(_ seconds: Double) -> Double {
    if let end, seconds >= Double(end) { return Double(end) }
    return Double(newest(seconds)) + (isPlain ? 1 : 0.2)
  }

  /// The Periods that have something listed, by index.
  private func periods(_ seconds: Double) -> [Int] {
    let first = max(0, newest(seconds) - 13)
    return [0, 1].filter { $0 == 0 ? first < periodSwitch : newest(seconds) >= periodSwitch }
  }

  private func rightManifest(_ seconds: Double) -> String {
    let isEnded = end.map { seconds >= Double($0) } ?? false
    let publish = Self.date(publishSeconds(seconds))
    let lowLatency = isPlain ? "" : ",http://www.dashif.org/guidelines/low-latency-live-v5"
    var text = """
      <?xml version="1.0" encoding="UTF-8"?>
      <MPD xmlns="urn:mpeg:dash:schema:mpd:2011" id="m" \
      profiles="urn:mpeg:dash:profile:isoff-live:2011,urn:mpeg:dash:profile:cmaf:2019\(lowLatency)" \
      minBufferTime="PT1S" maxSegmentDuration="PT1S"
      """
    if isEnded {
      text += " type=\"static\" mediaPresentationDuration=\"PT\(end ?? 0)S\">\n"
    } else {
      text += """
         type="dynamic" availabilityStartTime="\(Self.date(0))" publishTime="\(publish)" \
        minimumUpdatePeriod="PT1S" timeShiftBufferDepth="PT10S" suggestedPresentationDelay="PT3S">

        """
      if hasPatch { text += patchLocation(publish) + "\n" }
      if !isPlain {
        text += """
          <ServiceDescription id="0"><Latency target="1000" max="4000" min="600"/>\
          <PlaybackRate max="1.04" min="0.96"/></ServiceDescription>

          """
      }
    }
    for period in periods(seconds) { text += periodText(period, seconds) + "\n" }
    if !isEnded { text += Self.clock + "\n" }
    return text + "</MPD>\n"
  }

  static let clock =
    "<UTCTiming schemeIdUri=\"urn:mpeg:dash:utc:http-iso:2014\" "
    + "value=\"http://origin.example/time\"/>"

  private func patchLocation(_ publish: String) -> String {
    "<PatchLocation ttl=\"10\">patch.mpp?from=\(publish)</PatchLocation>"
  }

  private func periodText(_ period: Int, _ seconds: Double) -> String {
    let start = period == 0 ? 0 : periodSwitch
    return "<Period id=\"p\(period)\" start=\"PT\(start)S\">\n"
      + setText(0, "video", Self.videoNames, FakeMedia.video, period, seconds)
      + setText(1, "audio", ["a"], FakeMedia.audio, period, seconds) + "</Period>"
  }

  private func setText(
    _ id: Int,
    _ kind: String,
    _ names: [String],
    _ media: FakeMedia,
    _ period: Int,
    _ seconds: Double
  ) -> String {
    let newest = newest(seconds)
    let first = max(period == 0 ? 0 : periodSwitch, newest - 13)
    let last = period == 0 ? min(newest, periodSwitch - 1) : newest
    let offset = (period == 0 ? 0 : periodSwitch) * Int(media.timescale)
    let isEnded = end.map { seconds >= Double($0) } ?? false
    var text = """
      <AdaptationSet id="\(id)" contentType="\(kind)" mimeType="\(kind)/mp4" \
      segmentAlignment="true" startWithSAP="1">

      """
    if period == 1 {
      text += """
        <SupplementalProperty schemeIdUri="urn:mpeg:dash:period-continuity:2015" value="p0"/>

        """
    }
    if !isPlain, !isEnded {
      text += """
        <ProducerReferenceTime id="\(id)" type="encoder" wallClockTime="\(Self.date(Double(offset / Int(media.timescale))))" \
        presentationTime="\(offset)">\(Self.clock)</ProducerReferenceTime>
        <Resync type="0" dT="\(media.timescale / 5)"/>

        """
    }
    for name in names {
      let codecs = kind == "video" ? "avc1.42C01E" : "mp4a.40.2"
      let early =
        isPlain || isEnded
        ? "" : " availabilityTimeOffset=\"0.8\" availabilityTimeComplete=\"false\""
      text += """
        <Representation id="\(name)" bandwidth="200000" codecs="\(codecs)">
        <SegmentTemplate timescale="\(media.timescale)" presentationTimeOffset="\(offset)"\(early) \
        initialization="\(name)/init.mp4" 
        """
      if isNumbered {
        text += """
          media="\(name)/$Number%05d$.m4s" startNumber="\(period == 0 ? 0 : periodSwitch)" \
          duration="\(media.timescale)"/>
          </Representation>

          """
      } else {
        text += """
          media="\(name)/$Time$.m4s"><SegmentTimeline>\
          <S t="\(first * Int(media.timescale))" d="\(media.timescale)" r="\(last - first)"/>\
          </SegmentTimeline></SegmentTemplate>
          </Representation>

          """
      }
    }
    return text + "</AdaptationSet>\n"
  }

  /// The patch from the MPD of one time to that of another.
  private func patch(from base: Double, to seconds: Double) -> String {
    let publish = Self.date(publishSeconds(seconds))
    var text = """
      <?xml version="1.0" encoding="UTF-8"?>
      <Patch xmlns="urn:mpeg:dash:schema:mpd-patch:2020" mpdId="m" \
      originalPublishTime="\(Self.date(base))" publishTime="\(publish)">
      <replace sel="/MPD/@publishTime">\(publish)</replace>
      <replace sel="/MPD/PatchLocation[1]">\(patchLocation(publish))</replace>

      """
    let before = periods(base)
    for period in periods(seconds) {
      if before.contains(period) {
        text += "<replace sel=\"/MPD/Period[@id='p\(period)']\">\(periodText(period, seconds))"
        text += "</replace>\n"
      } else {
        text += "<add sel=\"/MPD/Period[@id='p\(period - 1)']\" pos=\"after\">"
        text += periodText(period, seconds) + "</add>\n"
      }
    }
    return text + "</Patch>\n"
  }

  // MARK: Answers

  func answer(_ request: Request, at time: UTCTime) -> Answer {
    var answer = rightAnswer(request, at: time)
    answer.headers.append(HeaderField("Access-Control-Allow-Origin", "*"))
    bendAnswer(&answer, request.url.path, time)
    return answer
  }

  private func rightAnswer(_ request: Request, at time: UTCTime) -> Answer {
    let seconds = time.since(Self.zero).seconds
    let path = request.url.path.split(separator: "/").map { String($0) }
    switch path.last {
    case "time":
      return Answer(
        headers: [HeaderField("Cache-Control", "no-store")],
        body: Bytes(utf8: Self.date(seconds))
      )
    case "manifest.mpd":
      let isZipped = request.headers.contains(HeaderField("Accept-Encoding", "gzip"))
      return Answer(
        headers: [HeaderField("Content-Type", "application/dash+xml")]
          + (isZipped ? [HeaderField("Content-Encoding", "gzip")] : []),
        body: Bytes(utf8: manifest(at: time))
      )
    case "patch.mpp":
      let date = request.url.query?.split(separator: "=").last.flatMap {
        DateTimeText.read(String($0))
      }
      let base = date?.since(Self.zero).seconds ?? 0
      return Answer(
        headers: [HeaderField("Content-Type", "application/dash-patch+xml")],
        body: Bytes(utf8: patch(from: base, to: seconds))
      )
    default: return media(path, at: time)
    }
  }

  private func media(_ path: [String], at time: UTCTime) -> Answer {
    let missing = Answer(status: 404, headers: [HeaderField("Cache-Control", "max-age=1")])
    guard path.count == 3 else { return missing }
    let track = path[1] == "a" ? FakeMedia.audio : FakeMedia.video
    if path[2] == "init.mp4" { return Answer(body: track.header) }
    guard let value = Int(path[2].prefix { $0 != "." }) else { return missing }
    let number = isNumbered ? value : value / Int(track.timescale)
    guard (0..<1000).contains(number) else { return missing }
    let begin = Self.zero.moved(by: .seconds(Int64(number)))
    // What comes next is held, what comes later is refused.
    guard time.since(begin) > .seconds(-1), time.since(begin) < .seconds(20),
      number < end ?? .max, !isPlain || time.since(begin) >= .seconds(1)
    else { return missing }
    let chunks = bendMedia(rightChunks(track, number), path[1], number)
    let pieces = chunks.map { FakeMedia.write($0) }
    var answer = Answer(body: Bytes(pieces.flatMap { $0 }))
    guard time.since(begin) < .seconds(1) else { return answer }
    var sent = 0
    for (index, piece) in pieces.enumerated() {
      sent += piece.count
      let made = begin.moved(by: .milliseconds(Int64(index + 1) * 200))
      answer.arrivals.append((sent, max(made, time).moved(by: .milliseconds(1))))
    }
    return answer
  }

  func rightChunks(_ track: FakeMedia, _ number: Int) -> [FakeMedia.Chunk] {
    var chunks = track.chunks(number)
    chunks[0].producerTime = (
      chunks[0].decodeTime, Self.zero.moved(by: .seconds(Int64(number)))
    )
    return chunks
  }

  /// What a client sees that asks at an instant.
  func exchange(_ request: Request, at instant: Instant, _ time: UTCTime) -> Exchange {
    let answer = answer(request, at: time)
    func local(_ other: UTCTime) -> Instant { instant + other.since(time) }
    var response = Response(status: answer.status)
    response.headers = answer.headers
    response.body = answer.body
    response.headTime = instant + .milliseconds(1)
    response.arrivals =
      answer.arrivals.isEmpty
      ? [Response.Arrival(bodyBytes: answer.body.count, time: instant + .milliseconds(1))]
      : answer.arrivals.map { Response.Arrival(bodyBytes: $0.bytes, time: local($0.time)) }
    response.framing = answer.arrivals.isEmpty ? .length(answer.body.count) : .chunked
    response.endTime = response.arrivals.last?.time ?? instant
    var exchange = Exchange(request: request, begun: instant, begunUTC: time)
    exchange.ended = response.endTime
    exchange.responses = [response]
    return exchange
  }
}

/// Plays an origin on a clock of its own, and gives back what was found.
func play(
  _ origin: FakeOrigin,
  from first: Double = 20.05,
  seconds: Int64 = 9
) -> (ledger: Ledger, session: DASHSession) {
  let start = FakeOrigin.zero.moved(by: Interval(seconds: first))
  let begin = Instant(nanoseconds: 1_000_000_000)
  var now = begin
  var ledger = Ledger()
  var session = DASHSession(FakeOrigin.url, now: now, utc: start)
  var open: [(identifier: Int, exchange: Exchange)] = []
  let end = now + .seconds(seconds)
  var turns = 0
  while now < end, !session.isOver, turns < 100_000 {
    turns += 1
    for order in session.orders(now: now) {
      let time = start.moved(by: now - begin)
      open.append((order.identifier, origin.exchange(order.request, at: now, time)))
    }
    let next = open.map(\.exchange.ended).min() ?? end
    now = max(now, min(end, next, session.deadline ?? end))
    ledger.time = now - begin
    for (identifier, exchange) in open where exchange.ended <= now {
      session.take(exchange, for: identifier, &ledger)
    }
    open.removeAll { $0.exchange.ended <= now }
  }
  session.settleAll(&ledger)
  var outages = Outages()
  if let limits = session.outageLimits, session.latest?.manifest.isDynamic == true {
    outages = Outages(session.activities, limits: limits, until: now)
  }
  session.finish(outages: outages, &ledger)
  return (ledger, session)
}
