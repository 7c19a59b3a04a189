internal import Wire

/// What every answer of a server shows by its head and framing.
enum HTTPRules {
  /// The origin that requests name, to see what is answered to it.
  static let origin = "https://player.example"
  /// How far Date may be off, in seconds.
  private static let clockSlack: Int64 = 2

  /// Judges one exchange.
  ///
  /// `targetDuration` is that of the presentation in seconds, nil while it is not known;
  /// `updatePeriod` is how often an MPD says it changes.
  static func judge(
    _ observation: Observation,
    targetDuration: Int?,
    updatePeriod: Int? = nil,
    into ledger: inout Ledger
  ) {
    let exchange = observation.exchange
    let subject = exchange.request.url.description
    if case .malformed = exchange.failure {
      ledger.record("HTTP-020", .fail, subject, exchange.summary)
    }
    if exchange.failure == .closed, let partial = exchange.partial, partial.status == 200 {
      ledger.record("HTTP-020", .fail, subject, "a body of \(partial.body.count) bytes is cut off")
    }
    if exchange.reuses > 0, exchange.failure == nil {
      ledger.record("HTTP-001", .pass, subject, "request \(exchange.reuses + 1) of a connection")
    }
    for response in exchange.responses {
      judgeHead(response, exchange, subject, &ledger)
      judgeCaching(response, observation.kind, targetDuration, updatePeriod, subject, &ledger)
      judgeType(response, observation.kind, exchange.request.url, &ledger)
    }
  }

  private static func judgeHead(
    _ response: Response,
    _ exchange: Exchange,
    _ subject: String,
    _ ledger: inout Ledger
  ) {
    let asked = "\(exchange.request.method) \(response.status)"
    let framed = response.framing != .close
    ledger.expect("HTTP-020", framed, subject, "\(asked), framed by \(response.framing)")
    if exchange.request.headers.contains(where: { $0.name == "Origin" }) {
      let allowed = response.header("Access-Control-Allow-Origin")
      let exposed = response.list("Access-Control-Expose-Headers")
      let isExposed = exposed.contains("*") || exposed.contains("age") && exposed.contains("date")
      ledger.expect(
        "HTTP-007",
        (allowed == "*" || allowed == origin) && isExposed,
        subject,
        "\(asked): allows \(allowed ?? "nobody"), exposes \(exposed.joined(separator: " "))"
      )
    }
    let received = exchange.begunUTC.advanced(
      by: (response.headTime - exchange.begun).nanoseconds / 1000
    )
    // Between us and the origin caches may stand, which must add an age.
    let isRelayed = response.header("Via") != nil || response.header("X-Cache") != nil
    let age = response.header("Age")
    guard let text = response.header("Date"), let date = HTTPDateText.read(text) else {
      ledger.record("HTTP-019", .fail, subject, "\(asked): Date is absent or no date")
      return
    }
    if isRelayed {
      ledger.record("HTTP-019", .notApplicable, subject, "through a cache")
      return
    }
    let error = (received.microseconds - date.microseconds) / 1_000_000
    ledger.expect(
      "HTTP-019",
      abs(error) <= clockSlack && age == nil,
      subject,
      "\(asked): Date is \(error) s off, Age \(age ?? "absent")"
    )
  }

  private static func judgeCaching(
    _ response: Response,
    _ kind: ResourceKind,
    _ targetDuration: Int?,
    _ updatePeriod: Int?,
    _ subject: String,
    _ ledger: inout Ledger
  ) {
    let lifetime = CacheLifetime(response)
    let seen = "\(response.status): Cache-Control \(response.header("Cache-Control") ?? "absent")"
    let isJudged = [200, 206, 304, 400, 404, 410, 503].contains(response.status)
    guard isJudged else { return }
    ledger.expect("HTTP-014", lifetime != .unsaid && lifetime != .open, subject, seen)
    guard lifetime != .unsaid, let target = targetDuration else { return }
    if response.status >= 400 {
      ledger.expect("HTTP-018", lifetime.isAtMost(target), subject, seen)
      return
    }
    switch kind {
    case .playlist where hasEnded(response), .blockingPlaylist where hasEnded(response):
      // It does not change any more, and may be kept for as long as anybody likes.
      break
    case .playlist:
      ledger.expect("HTTP-015", lifetime.isAtMost(max(1, target / 2)), subject, seen)
    case .blockingPlaylist:
      let holds = lifetime.isAtLeast(1) && lifetime.isAtMost(6 * target)
      ledger.expect("HTTP-016", holds, subject, seen)
    case .initSegment, .segment, .part:
      ledger.expect("HTTP-017", lifetime.isAtLeast(6 * target), subject, seen)
    case .manifest:
      guard let updatePeriod else { return }
      ledger.expect("HTTP-015", lifetime.isAtMost(max(1, updatePeriod)), subject, seen)
    case .multivariant, .refused: break
    }
  }

  private static func hasEnded(_ response: Response) -> Bool {
    response.decodedBody?.text.contains("#EXT-X-ENDLIST") ?? false
  }

  private static func judgeType(
    _ response: Response,
    _ kind: ResourceKind,
    _ url: WebURL,
    _ ledger: inout Ledger
  ) {
    let subject = url.description
    let type = response.mediaType ?? "absent"
    let isThere = response.status == 200 || response.status == 206
    switch kind {
    case .multivariant, .playlist, .blockingPlaylist:
      guard isThere else { return }
      let isKnown = ["application/vnd.apple.mpegurl", "audio/mpegurl"].contains(type)
      ledger.expect(
        "HLS-002",
        isKnown && url.path.hasSuffix(".m3u8"),
        subject,
        "Content-Type \(type)"
      )
    case .initSegment, .segment, .part:
      ledger.expect(
        "HTTP-023",
        !(300...399).contains(response.status) || response.status == 304,
        subject,
        "status \(response.status)"
      )
      guard isThere else { return }
      ledger.expect("HTTP-025", mediaTypes.contains(type), subject, "Content-Type \(type)")
      let codings = response.list("Content-Encoding")
      ledger.expect("HTTP-006", codings.isEmpty, subject, "media with codings \(codings)")
    case .manifest, .refused: break
    }
  }

  private static let mediaTypes: Set = [
    "video/mp4", "audio/mp4", "video/iso.segment", "application/mp4", "text/vtt", "video/mp2t",
    "audio/aac",
  ]

  /// Judges the validators of a playlist with and without compression.
  static func judgeCodings(
    _ accepting: Response,
    _ refusing: Response,
    subject: String,
    into ledger: inout Ledger
  ) {
    guard let first = accepting.header("ETag"), let second = refusing.header("ETag"),
      accepting.header("Content-Encoding") != nil
    else { return }
    let isWeak = first.hasPrefix("W/") && second.hasPrefix("W/")
    ledger.expect("HTTP-006", first != second || isWeak, subject, "ETags \(first) and \(second)")
  }
}

/// Dates as HTTP writes them, RFC 9110 §5.6.7.
enum HTTPDateText {
  private static let months = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
  ]

  /// Reads "Thu, 26 Nov 2026 05:12:02 GMT"; nil for any other text.
  static func read(_ text: String) -> UTCTime? {
    let words = text.split(separator: " ")
    guard words.count == 6, words[5] == "GMT", words[0].hasSuffix(","), words[1].count == 2,
      words[3].count == 4, let month = months.firstIndex(of: String(words[2]))
    else { return nil }
    let number = month < 9 ? "0\(month + 1)" : "\(month + 1)"
    return DateTimeText.read("\(words[3])-\(number)-\(words[1])T\(words[4])Z")
  }
}
