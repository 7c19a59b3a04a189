internal import Wire

/// Rules on how segments are named and listed.
extension DASHRules {
  /// Segments compared of two timelines.
  private static let comparedSegments = 2000

  /// DASH-011, DASH-016 and DASH-031, as far as an MPD shows them.
  static func judgeTemplate(
    _ representation: Manifest.Representation,
    _ set: Manifest.AdaptationSet,
    _ subject: String,
    _ ledger: inout Ledger
  ) {
    let template = representation.template
    guard template.isPresent else {
      ledger.record("DASH-011", .notApplicable, subject, "no SegmentTemplate")
      return
    }
    var faults: [String] = []
    if template.explicitTimescale == nil { faults.append("no timescale") }
    if template.initialization == nil { faults.append("no initialization") }
    let media = template.media ?? ""
    if !media.contains("$Time") && !media.contains("$Number") {
      faults.append("media \(media) with neither $Time$ nor $Number$")
    }
    let example = SegmentTemplate.fill(
      media,
      representation: representation,
      number: 1,
      time: 1,
      subnumber: 0
    )
    if example == nil { faults.append("media \(media) has unknown placeholders") }
    ledger.expect(
      "DASH-011",
      faults.isEmpty,
      subject,
      faults.isEmpty ? "\(media), timescale \(template.timescale)" : faults.joined(separator: "; ")
    )
    judgeOffers(template, subject, &ledger)
    let sequences = template.timeline?.contains { $0.subsegments != nil } ?? false
    if !sequences {
      ledger.record("DASH-031", .notApplicable, subject, "no segment sequences")
    } else if !media.contains("$SubNumber") {
      ledger.record("DASH-031", .fail, subject, "S@k, but media \(media) has no $SubNumber$")
    }
  }

  /// DASH-016.
  private static func judgeOffers(
    _ template: SegmentTemplate,
    _ subject: String,
    _ ledger: inout Ledger
  ) {
    let offers = template.offers.filter { $0.offset.map { .zero < $0 } ?? false }
    guard !offers.isEmpty, template.availabilityTimeOffset < DurationText.maximum else {
      ledger.record("DASH-016", .notApplicable, subject, "no segments are offered early")
      return
    }
    var faults: [String] = []
    if offers.count > 1 {
      faults.append("offsets in \(offers.map(\.element).joined(separator: " and "))")
    }
    if offers.contains(where: { $0.element != "SegmentTemplate" }) {
      faults.append("an offset in BaseURL")
    }
    let complete = offers.last?.complete
    if complete != "false" { faults.append("availabilityTimeComplete is \(complete ?? "absent")") }
    let ticks = template.timeline?.map(\.duration).max() ?? template.duration
    if let ticks {
      let length = TrackTime(ticks: ticks, timescale: template.timescale).interval
      if !(template.availabilityTimeOffset < length) {
        faults.append("an offset of \(text(template.availabilityTimeOffset)) in \(text(length))")
      }
    }
    ledger.expect(
      "DASH-016",
      faults.isEmpty,
      subject,
      faults.isEmpty
        ? "\(text(template.availabilityTimeOffset)) early" : faults.joined(separator: "; ")
    )
  }

  /// DASH-012.
  static func judgeTimeline(
    _ template: SegmentTemplate,
    _ subject: String,
    _ ledger: inout Ledger
  ) {
    guard let runs = template.timeline else {
      ledger.record("DASH-012", .notApplicable, subject, "no SegmentTimeline")
      return
    }
    var faults: [String] = []
    var next: Int64?
    for (index, run) in runs.enumerated() {
      let isLast = index == runs.count - 1
      if run.duration <= 0 { faults.append("S@d \(run.duration)") }
      if run.repeats < 0 {
        if run.repeats < -1 || !isLast { faults.append("S@r \(run.repeats) in S \(index)") }
        if run.duration < Int64(template.timescale) {
          faults.append("S@r \(run.repeats) with segments below a second")
        }
      }
      if let start = run.start, let expected = next, start != expected {
        faults.append("S@t \(start) where \(expected) would follow")
      }
      if index == 0, run.start == nil, template.presentationTimeOffset != 0 {
        faults.append("the first S has no t")
      }
      let (length, overflow) = run.duration.multipliedReportingOverflow(
        by: max(0, run.repeats) + 1
      )
      let (end, overflows) = (run.start ?? next ?? 0).addingReportingOverflow(length)
      if overflow || overflows { faults.append("S \(index) goes past 2^63") }
      next = run.repeats < 0 || overflow || overflows ? nil : end
      if faults.count > ManifestShape.maximumFaults { break }
    }
    if runs.isEmpty { faults.append("no S") }
    ledger.expect(
      "DASH-012",
      faults.isEmpty,
      subject,
      faults.isEmpty ? "\(runs.count) S" : faults.joined(separator: "; ")
    )
  }

  /// DASH-025 as far as an MPD shows it: the Representations of a set list the same times.
  static func judgeAlignment(
    _ manifest: Manifest,
    _ subject: String,
    _ ledger: inout Ledger
  ) {
    for period in manifest.periods {
      for set in period.sets {
        let name = "\(subject) \(period.id ?? "-")/set \(set.id ?? "-")"
        var faults: [String] = []
        if set.segmentAlignment != "true" {
          faults.append("segmentAlignment is \(set.segmentAlignment ?? "absent")")
        }
        // Of a sequence only the first segment need begin with one.
        if set.startWithSAP != "1", !(manifest.isOfSequences && set.startWithSAP == nil) {
          faults.append("startWithSAP is \(set.startWithSAP ?? "absent")")
        }
        if let first = set.representations.first {
          for other in set.representations.dropFirst()
          where !areAligned(first.template, other.template) {
            faults.append("\(other.id ?? "-") has other times than \(first.id ?? "-")")
          }
        }
        ledger.expect(
          "DASH-025",
          faults.isEmpty,
          name,
          faults.isEmpty
            ? "\(set.representations.count) aligned" : faults.joined(separator: "; ")
        )
      }
    }
  }

  /// Whether the segments that both list, matched from the newest back, are the same times.
  private static func areAligned(_ left: SegmentTemplate, _ right: SegmentTemplate) -> Bool {
    guard left != right else { return true }
    guard left.timeline != nil, right.timeline != nil else {
      let durations = [left, right].map {
        TrackTime(ticks: $0.duration ?? 0, timescale: $0.timescale)
      }
      return (left.timeline == nil) == (right.timeline == nil)
        && durations[0].isSame(as: durations[1])
    }
    func times(_ template: SegmentTemplate) -> [(TrackTime, TrackTime)] {
      template.listed(until: nil).suffix(comparedSegments).map { segment in
        let start = segment.start.subtractingReportingOverflow(template.presentationTimeOffset)
        return (
          TrackTime(ticks: start.partialValue, timescale: template.timescale),
          TrackTime(ticks: segment.duration, timescale: template.timescale)
        )
      }
    }
    let others = times(right)
    let ours = times(left)
    guard let first = ours.first, let last = others.last else {
      return ours.isEmpty == others.isEmpty
    }
    // One may list a segment more at either end.
    guard let offset = others.firstIndex(where: { $0.0.isSame(as: first.0) }) else {
      guard let start = others.first,
        let inverse = ours.firstIndex(where: { $0.0.isSame(as: start.0) })
      else { return last.0.nanoseconds < first.0.nanoseconds }
      return matches(ours[inverse...], others[...])
    }
    return matches(ours[...], others[offset...])
  }

  private static func matches(
    _ left: ArraySlice<(TrackTime, TrackTime)>,
    _ right: ArraySlice<(TrackTime, TrackTime)>
  ) -> Bool {
    zip(left, right).allSatisfy { $0.0.isSame(as: $1.0) && $0.1.isSame(as: $1.1) }
  }

  /// DASH-030 as far as it shows without a player: what makes ffmpeg 5.1 fail.
  static func judgeSimplePlayers(
    _ manifest: Manifest,
    _ subject: String,
    _ ledger: inout Ledger
  ) {
    guard !manifest.isOfSequences else {
      ledger.record("DASH-030", .notApplicable, subject, "its profile is for other players")
      return
    }
    var faults: [String] = []
    let counts = Set(manifest.periods.map { $0.sets.flatMap(\.representations).count })
    if counts.count > 1 { faults.append("Periods have \(counts.sorted()) Representations") }
    if manifest.periods.last?.sets.flatMap(\.representations).isEmpty ?? true {
      faults.append("the last Period is empty")
    }
    if manifest.representations.contains(where: {
      $0.representation.template.media?.contains("$SubNumber") ?? false
    }) {
      faults.append("$SubNumber$ hangs ffmpeg")
    }
    // That it plays takes a player.
    guard !faults.isEmpty else { return }
    ledger.record("DASH-030", .fail, subject, faults.joined(separator: "; "))
  }
}
