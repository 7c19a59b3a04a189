internal import Wire

/// Rules on answers: what was asked for when, and what came when.
extension DASHRules {
  /// How late an answer may begin, and how late its last byte may come, at least: the clocks of
  /// `UTCTiming` need not agree better.
  static let lateness = clockTolerance
  /// A segment that doesn't exist is refused within this time.
  static let refusalTime = Interval.seconds(1)
  /// Seconds for which such a refusal may be kept.
  static let refusalAge = 2

  /// DASH-027.
  static func judge(
    manifestResponse response: Response,
    acceptsCompression: Bool,
    subject: String,
    _ ledger: inout Ledger
  ) {
    var faults: [String] = []
    if response.mediaType != "application/dash+xml" {
      faults.append("Content-Type \(response.header("Content-Type") ?? "absent")")
    }
    if response.header("Access-Control-Allow-Origin") == nil { faults.append("no CORS") }
    let coding = response.header("Content-Encoding")
    if acceptsCompression, coding?.lowercased() != "gzip" {
      faults.append("no gzip though it was accepted")
    }
    ledger.expect(
      "DASH-027",
      faults.isEmpty,
      subject,
      faults.isEmpty ? "application/dash+xml" : faults.joined(separator: "; ")
    )
  }

  /// DASH-008: the clock that the MPD names answers with the right time.
  static func judge(clock exchange: Exchange, subject: String, _ ledger: inout Ledger) {
    guard let response = exchange.response, response.status == 200 else {
      ledger.record("DASH-008", .fail, subject, exchange.summary)
      return
    }
    var faults: [String] = []
    if let time = clockTime(response) {
      let begun = exchange.begunUTC
      let ended = exchange.utc(at: response.endTime)
      let early = begun.since(time)
      let late = time.since(ended)
      if clockTolerance < early || clockTolerance < late {
        faults.append("\(time.since(begun).milliseconds) ms from the clock here")
      }
    } else {
      faults.append("not a time: \(response.body.prefix(40).text)")
    }
    let control = response.list("Cache-Control")
    if !control.contains("no-store"), !control.contains("no-cache"), !control.contains("max-age=0")
    {
      faults.append("Cache-Control \(response.header("Cache-Control") ?? "absent")")
    }
    if response.header("Access-Control-Allow-Origin") == nil { faults.append("no CORS") }
    ledger.expect(
      "DASH-008",
      faults.isEmpty,
      subject,
      faults.isEmpty ? "the right time" : faults.joined(separator: "; ")
    )
  }

  /// The time that an answer of a clock tells; nil when it tells none.
  static func clockTime(_ response: Response) -> UTCTime? {
    DateTimeText.read(trimmed(response.body.prefix(64).text.prefix { !$0.isNewline }))
  }

  /// DASH-005: a segment within the window answers.
  static func judge(listed exchange: Exchange, subject: String, _ ledger: inout Ledger) {
    ledger.expect("DASH-005", exchange.isAnswered, subject, exchange.summary)
  }

  /// DASH-014: a segment that was asked for at its availability time answers whole.
  static func judge(
    available exchange: Exchange,
    since availability: UTCTime,
    duration: Interval,
    lateness: Interval = lateness
  ) -> DeliveryFinding {
    guard exchange.isAnswered, let response = exchange.response else {
      return DeliveryFinding(requirement: "DASH-014", faults: [exchange.summary], seen: "")
    }
    let due = max(availability, exchange.begunUTC)
    let first = exchange.utc(at: response.firstByteTime).since(due)
    let last = exchange.utc(at: response.endTime).since(due)
    let allowed = max(.seconds(1), Interval(nanoseconds: duration.nanoseconds / 2))
    let seen =
      "first byte \(first.milliseconds) ms, last byte \(last.milliseconds) ms after the request"
    return DeliveryFinding(
      requirement: "DASH-014",
      faults: first <= lateness && last <= allowed ? [] : [seen],
      seen: seen,
      isTimed: true
    )
  }

  /// DASH-015 and DASH-028: a segment that was asked for while it grows arrives as it is made.
  ///
  /// `piece` is what has to be there before the segment may be asked for: the availability time offset
  /// promises no more often.
  static func judge(
    early exchange: Exchange,
    since earliest: UTCTime,
    until availability: UTCTime,
    piece: Interval,
    lateness: Interval = lateness,
    subject: String,
    _ ledger: inout Ledger
  ) -> DeliveryFinding {
    guard exchange.isAnswered, let response = exchange.response else {
      return DeliveryFinding(requirement: "DASH-015", faults: [exchange.summary], seen: "")
    }
    var faults: [String] = []
    let begun = max(earliest, exchange.begunUTC)
    let first = exchange.utc(at: response.firstByteTime).since(begun)
    let end = exchange.utc(at: response.endTime)
    if lateness < first { faults.append("the first byte came after \(first.milliseconds) ms") }
    if lateness < end.since(availability) {
      faults.append("the last byte came \(end.since(availability).milliseconds) ms too late")
    }
    let span = end.since(begun)
    let chunkEnds = MediaSegment.chunkEnds(in: response.body)
    if lateness < span {
      if response.framing != .chunked { faults.append("not chunked though it grew") }
      var silence = Interval.zero
      for (arrival, next) in zip(response.arrivals, response.arrivals.dropFirst()) {
        silence = max(silence, next.time - arrival.time)
      }
      let promised = Interval(nanoseconds: piece.nanoseconds / 2 * 3)
      if max(lateness, promised) < silence {
        faults.append("nothing came for \(silence.milliseconds) ms")
      }
      judgeBursts(response, chunkEnds, subject, &ledger)
    }
    return DeliveryFinding(
      requirement: "DASH-015",
      faults: faults,
      seen: "first byte after \(first.milliseconds) ms, \(chunkEnds.count) chunks over "
        + "\(span.milliseconds) ms",
      isTimed: lateness >= span || response.framing == .chunked
    )
  }

  /// Bytes that come within this time are one burst: the kernel may hand them out in pieces.
  private static let burstGap = Interval.milliseconds(10)

  /// DASH-028.
  private static func judgeBursts(
    _ response: Response,
    _ chunkEnds: [Int],
    _ subject: String,
    _ ledger: inout Ledger
  ) {
    let ends = Set(chunkEnds)
    var strays: [Int] = []
    var bursts = 0
    for (index, arrival) in response.arrivals.enumerated() {
      let next = index + 1 < response.arrivals.count ? response.arrivals[index + 1] : nil
      if let next, next.time - arrival.time < burstGap { continue }
      bursts += 1
      if !ends.contains(arrival.bodyBytes) { strays.append(arrival.bodyBytes) }
    }
    ledger.expect(
      "DASH-028",
      strays.isEmpty,
      subject,
      strays.isEmpty
        ? "\(bursts) bursts end with chunks" : "bursts end inside chunks at \(strays.prefix(4))"
    )
  }

  /// DASH-022: a segment far ahead is refused at once.
  static func judge(tooEarly exchange: Exchange, subject: String, _ ledger: inout Ledger) {
    guard let response = exchange.response else {
      ledger.record("DASH-022", .fail, subject, exchange.summary)
      return
    }
    var faults: [String] = []
    if response.status != 404 { faults.append("status \(response.status)") }
    if refusalTime < exchange.duration {
      faults.append("after \(exchange.duration.milliseconds) ms")
    }
    let control = response.list("Cache-Control")
    let ages = control.compactMap { directive in
      directive.hasPrefix("max-age=") || directive.hasPrefix("s-maxage=")
        ? Int(directive.drop { $0 != "=" }.dropFirst()) : nil
    }
    let isKeptBriefly =
      control.contains("no-store") || !ages.isEmpty && ages.allSatisfy { $0 <= refusalAge }
    if !isKeptBriefly {
      faults.append("Cache-Control \(response.header("Cache-Control") ?? "absent")")
    }
    ledger.expect(
      "DASH-022",
      faults.isEmpty,
      subject,
      faults.isEmpty
        ? "404 after \(exchange.duration.milliseconds) ms" : faults.joined(separator: "; ")
    )
  }
}

extension Exchange {
  /// Whether a 200 came whole.
  var isAnswered: Bool { response.map { $0.status == 200 && $0.isWhole } ?? false }

  /// The UTC of this machine at an instant of the exchange.
  func utc(at instant: Instant) -> UTCTime { begunUTC.moved(by: instant - begun) }
}
