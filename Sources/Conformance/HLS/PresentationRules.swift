internal import Wire

/// One rendition as it is known at some time, for comparing it with others.
struct RenditionView: Sendable {
  var url: WebURL
  var playlist: MediaPlaylist
  /// By media sequence number.
  var facts: [Int: SegmentFacts] = [:]
  var isVideo = true
}

/// What the media playlists of one presentation show together.
enum PresentationRules {
  static func judge(_ views: [RenditionView], into ledger: inout Ledger) {
    guard let first = views.first else { return }
    guard views.count > 1 else {
      for requirement in ["HLS-013", "HLS-026", "HLS-029", "HLS-032", "HLS-060", "HLS-076"] {
        ledger.record(requirement, .notApplicable, first.url.description, "one media playlist")
      }
      if first.playlist.isLowLatency {
        ledger.record("HLS-059", .notApplicable, first.url.description, "one media playlist")
      }
      return
    }
    let largest = views.compactMap(\.playlist.partTarget).max() ?? 0
    for view in views {
      let subject = view.url.description
      judgeHeader(view.playlist, first.playlist, largest, subject, &ledger)
      if view.playlist.isLowLatency, !view.playlist.isEnded {
        judgeReports(view, views, subject, &ledger)
      }
    }
    for view in views.dropFirst() {
      judgeDiscontinuities(view, first, &ledger)
      judgeMedia(view, first, &ledger)
    }
  }

  private static func judgeHeader(
    _ playlist: MediaPlaylist,
    _ first: MediaPlaylist,
    _ largestPartTarget: Int64,
    _ subject: String,
    _ ledger: inout Ledger
  ) {
    let target = playlist.targetDuration ?? 0
    let other = first.targetDuration ?? 0
    ledger.expect("HLS-013", target == other, subject, "target durations \(target) and \(other)")
    if playlist.isLowLatency {
      ledger.expect(
        "HLS-041",
        playlist.serverControl == first.serverControl,
        subject,
        "server control \(playlist.serverControl == first.serverControl ? "alike" : "differs")"
      )
      if let holdBack = playlist.serverControl?.partHoldBack {
        ledger.expect(
          "HLS-042",
          holdBack >= 2 * largestPartTarget,
          subject,
          "PART-HOLD-BACK \(holdBack) µs, largest PART-TARGET \(largestPartTarget) µs"
        )
      }
    }
    if !playlist.dateRanges.isEmpty, !first.dateRanges.isEmpty {
      let isSame = Set(playlist.dateRanges.keys) == Set(first.dateRanges.keys)
      ledger.expect("HLS-031", isSame, subject, "date ranges \(isSame ? "alike" : "differ")")
    }
  }

  private static func judgeReports(
    _ view: RenditionView,
    _ views: [RenditionView],
    _ subject: String,
    _ ledger: inout Ledger
  ) {
    let reported = view.playlist.reports.map { view.url.resolve($0.uri) }
    for other in views where other.url != view.url {
      let matches = reported.indices.filter { reported[$0] == other.url }
      guard matches.count == 1 else {
        ledger.record("HLS-059", .fail, subject, "\(matches.count) reports of \(other.url)")
        continue
      }
      let report = view.playlist.reports[matches[0]]
      let isRelative = WebURL(report.uri) == nil
      let isComplete =
        report.lastNumber != nil && (report.lastPart != nil || !other.playlist.hasParts)
      ledger.expect(
        "HLS-059",
        isRelative && isComplete,
        subject,
        "report \(report.uri): LAST-MSN \(report.lastNumber ?? -1), LAST-PART \(report.lastPart ?? -1)"
      )
    }
  }

  /// Compares discontinuity sequence numbers in the middle of segments, in wall-clock time.
  private static func judgeDiscontinuities(
    _ view: RenditionView,
    _ first: RenditionView,
    _ ledger: inout Ledger
  ) {
    let spans = spans(first.playlist)
    var index = 0
    for span in self.spans(view.playlist) {
      let middle = span.start + (span.end - span.start) / 2
      while index < spans.count, spans[index].end <= middle { index += 1 }
      guard index < spans.count, spans[index].start <= middle else { continue }
      let other = spans[index]
      ledger.expect(
        "HLS-029",
        other.discontinuity == span.discontinuity,
        view.url.description,
        "discontinuity sequence \(span.discontinuity) in segment \(span.number),"
          + " \(other.discontinuity) in segment \(other.number) of \(first.url.path)"
      )
    }
  }

  private struct Span {
    let number: Int
    let start: Int64
    let end: Int64
    let discontinuity: Int
  }

  private static func spans(_ playlist: MediaPlaylist) -> [Span] {
    zip(playlist.segments, playlist.dates).compactMap { segment, date in
      guard let date, let duration = segment.duration else { return nil }
      return Span(
        number: segment.number,
        start: date.microseconds,
        end: date.advanced(by: duration).microseconds,
        discontinuity: segment.discontinuity
      )
    }
  }

  private static func judgeMedia(
    _ view: RenditionView,
    _ first: RenditionView,
    _ ledger: inout Ledger
  ) {
    let subject = view.url.description
    var byDiscontinuity: [Int: Int64] = [:]
    for facts in first.facts.values {
      if let offset = facts.offset { byDiscontinuity[facts.discontinuity] = offset }
    }
    for (number, facts) in view.facts {
      if let offset = facts.offset, let other = byDiscontinuity[facts.discontinuity] {
        let difference = offset.subtractingReportingOverflow(other).partialValue
        ledger.expect(
          "HLS-026",
          difference.magnitude <= 10_000,
          subject,
          "date of media time \(difference) µs off that of \(first.url.path)"
        )
      }
      guard let other = first.facts[number] else { continue }
      let distance = abs(facts.microseconds(facts.start) - other.microseconds(other.start))
      let isMixed = view.isVideo != first.isVideo
      let frame = max(facts.microseconds(facts.frame), other.microseconds(other.frame))
      ledger.expect(
        "HLS-032",
        distance <= (isMixed ? frame + 1000 : 1000),
        subject,
        "segment \(number) begins \(distance) µs off that of \(first.url.path)"
      )
    }
  }
}
