internal import Wire

/// What two copies of one media playlist show, the second asked for after the first had come.
enum HistoryRules {
  static func judge(
    _ next: MediaPlaylist,
    after previous: MediaPlaylist,
    subject: String,
    into ledger: inout Ledger
  ) {
    ledger.expect(
      "HLS-011",
      next.targetDuration == previous.targetDuration,
      subject,
      "target duration \(previous.targetDuration ?? 0), then \(next.targetDuration ?? 0)"
    )
    if let before = previous.partTarget {
      ledger.expect(
        "HLS-040",
        next.partTarget == before,
        subject,
        "PART-TARGET \(before) µs, then \(next.partTarget ?? 0)"
      )
    }
    judgeSequence(next, previous, subject, &ledger)
    judgeSegments(next, previous, subject, &ledger)
    for (id, range) in previous.dateRanges {
      guard let now = next.dateRanges[id] else { continue }
      let changed = range.names.first { now[$0] != range[$0] }
      ledger.expect(
        "HLS-031",
        changed == nil,
        subject,
        "date range \(id): \(changed ?? "as it was")"
      )
    }
  }

  private static func judgeSequence(
    _ next: MediaPlaylist,
    _ previous: MediaPlaylist,
    _ subject: String,
    _ ledger: inout Ledger
  ) {
    let before = previous.mediaSequence ?? 0
    let after = next.mediaSequence ?? 0
    ledger.expect("HLS-014", after >= before, subject, "media sequence \(before), then \(after)")
    if let edge = previous.edge, let later = next.edge {
      ledger.expect("HLS-014", reached(edge, by: next), subject, "edge \(edge), then \(later)")
      if previous.isEnded {
        ledger.expect(
          "HLS-016",
          later <= edge && next.isEnded,
          subject,
          "ended at \(edge), then \(later)"
        )
      }
    }
    guard after > before else { return }
    ledger.expect(
      "HLS-016",
      next.type == nil || next.isEnded,
      subject,
      "slides with playlist type \(next.type ?? "absent")"
    )
    // Judged where segments went: a stream that begins has few.
    let least = Int64(next.targetDuration ?? 0) * 3_000_000
    ledger.expect(
      "HLS-017",
      next.windowDuration >= least && next.wholeSegments.count >= 6 || next.isEnded,
      subject,
      "\(next.wholeSegments.count) segments of \(Double(next.windowDuration) / 1e6) s remain"
    )
    let offersDelta = next.serverControl?.canSkipUntil != nil
    ledger.expect(
      "HLS-081",
      next.windowDuration >= seekWindow && offersDelta || next.isEnded,
      subject,
      "a window of \(Double(next.windowDuration) / 1e6) s,"
        + " deltas \(offersDelta ? "" : "not ")offered"
    )
  }

  /// The shortest window for seeking back, in microseconds; Apple 8.12.
  private static let seekWindow: Int64 = 900_000_000

  /// Whether a playlist still lists a position, or has passed it.
  ///
  /// Parts of a segment may have gone from it once it is whole.
  private static func reached(_ position: Position, by playlist: MediaPlaylist) -> Bool {
    guard let last = playlist.segments.last else { return false }
    if position.number < last.number { return true }
    return position.number == last.number
      && (last.duration != nil || (position.part ?? .max) < last.parts.count)
  }

  private static func judgeSegments(
    _ next: MediaPlaylist,
    _ previous: MediaPlaylist,
    _ subject: String,
    _ ledger: inout Ledger
  ) {
    let later = Dictionary(
      next.segments.map { ($0.number, $0) },
      uniquingKeysWith: { first, _ in first }
    )
    for segment in previous.segments {
      guard let now = later[segment.number] else { continue }
      if segment.duration != nil, segment.uri != now.uri,
        next.wholeSegments.contains(where: { $0.uri == segment.uri })
      {
        ledger.record("HLS-014", .fail, subject, "\(segment.uri) changed its number")
        continue
      }
      ledger.expect(
        "HLS-028",
        segment.discontinuity == now.discontinuity,
        subject,
        "discontinuity sequence \(segment.discontinuity) of segment \(segment.number),"
          + " then \(now.discontinuity)"
      )
      let change = difference(now, segment)
      ledger.expect(
        "HLS-019",
        change == nil,
        subject,
        "segment \(segment.number): \(change ?? "as it was")"
      )
    }
  }

  /// What of a segment changed, or nil.
  static func difference(_ now: SegmentEntry, _ before: SegmentEntry) -> String? {
    if before.duration != nil {
      if before.uri != now.uri { return "its URI was \(before.uri), is \(now.uri)" }
      if before.duration != now.duration { return "its duration changed" }
      if before.byteRange != now.byteRange { return "its byte range changed" }
      if before.isGap != now.isGap { return "it is a gap once and once not" }
    }
    if before.map != now.map { return "its map changed" }
    if before.key != now.key { return "its key changed" }
    if let date = before.date, let other = now.date, date != other { return "its date changed" }
    if !before.parts.isEmpty, !now.parts.isEmpty {
      guard now.parts.starts(with: before.parts) else { return "its parts changed" }
      if before.duration != nil, now.parts.count != before.parts.count {
        return "it was whole and got more parts"
      }
    }
    return nil
  }
}
