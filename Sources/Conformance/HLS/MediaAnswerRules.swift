internal import Digest
internal import Wire

/// What answers to fetches of inits, segments and parts show, beside what lists them.
enum MediaAnswerRules {
  /// How soon the first byte of what is listed must come: as soon as a refusal, for which requirements
  /// name a time.
  static let atOnce = Interval.seconds(1)

  /// Judges the answer for something that is listed and no gap; returns the response when it is
  /// whole.
  static func judgeListed(
    _ exchange: Exchange,
    _ resource: Resource,
    _ requirement: String,
    into ledger: inout Ledger
  ) -> Response? {
    let subject = resource.description
    let status = exchange.response?.status
    if status == 404 || status == 410 {
      ledger.record("HLS-030", .fail, subject, "listed, no gap: \(exchange.summary)")
    } else {
      ledger.record("HLS-030", .pass, subject, exchange.summary)
    }
    let wanted = resource.start == nil ? 200 : 206
    let isThere = status == wanted && exchange.response?.isWhole == true
    let isQuick = exchange.response.map { $0.firstByteTime - exchange.begun <= atOnce } ?? false
    ledger.expect(requirement, isThere && isQuick, subject, exchange.summary)
    return isThere ? exchange.response : nil
  }

  /// Judges a later answer for something that was there; `hash` and `validator` are those of the
  /// first answer, nil when there was none.
  static func judgeAgain(
    _ exchange: Exchange,
    _ resource: Resource,
    _ requirement: String,
    hash: Bytes?,
    validator: String?,
    into ledger: inout Ledger
  ) {
    let subject = resource.description
    guard let response = exchange.response, response.status == 200 || response.status == 206 else {
      ledger.record(requirement, .fail, subject, "asked again: \(exchange.summary)")
      return
    }
    var changes: [String] = []
    if let hash, hash != SHA256.digest(response.body) { changes.append("its bytes") }
    if let validator, let other = response.header("ETag"), other != validator {
      changes.append("its ETag")
    }
    ledger.expect(
      requirement,
      changes.isEmpty,
      subject,
      changes.isEmpty ? "still there" : "changed: \(changes.joined(separator: ", "))"
    )
  }

  /// Judges whether parts add up to their segment, byte for byte.
  static func judgeParts(
    _ parts: [Bytes],
    segment: Bytes,
    _ subject: String,
    into ledger: inout Ledger
  ) {
    let sum = parts.reduce(0) { $0 + $1.count }
    var position = 0
    var isSame = sum == segment.count
    for part in parts where isSame {
      isSame = segment[position..<position + part.count] == part
      position += part.count
    }
    ledger.expect(
      "HLS-050",
      isSame,
      subject,
      "\(parts.count) parts of \(sum) bytes, segment of \(segment.count)\(isSame ? "" : ", differs")"
    )
  }

  /// Judges whether a part that says so holds an independent frame.
  static func judgeIndependence(
    _ part: PartEntry,
    _ media: MediaSegment,
    subject: String,
    into ledger: inout Ledger
  ) {
    guard part.isIndependent else { return }
    let holds = media.chunks.contains { $0.samples.contains(where: \.isSync) }
    ledger.expect(
      "HLS-048",
      holds,
      subject,
      "INDEPENDENT=YES \(holds ? "with" : "without") a sync sample"
    )
  }

  /// What a segment's media says for comparison; nil without a decode time.
  static func facts(
    _ segment: MediaSegment,
    of track: HeaderTrack,
    entry: SegmentEntry,
    date: UTCTime?,
    bytes: Int,
    initHash: Bytes
  ) -> SegmentFacts? {
    guard let start = segment.start, let earliest = segment.earliestPresentation else { return nil }
    let presentation = earliest.subtractingReportingOverflow(track.editOffset)
    guard !presentation.overflow else { return nil }
    return SegmentFacts(
      number: entry.number,
      discontinuity: entry.discontinuity,
      timescale: track.timescale,
      start: start,
      presentation: presentation.partialValue,
      duration: segment.duration,
      frame: Int64(segment.chunks.flatMap(\.samples).map(\.duration).max() ?? 0),
      startsIndependent: segment.startsWithSync ?? false,
      bytes: bytes,
      initHash: initHash,
      listedDuration: entry.duration ?? 0,
      date: date
    )
  }
}
