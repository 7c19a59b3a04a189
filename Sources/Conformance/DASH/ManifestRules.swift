internal import Wire

/// The requirements on DASH; pure functions of MPDs, answers and their times.
///
/// Every rule writes what it saw into a ledger under a URL or a Representation's name.
enum DASHRules {
  /// How far a clock may be from the one here.
  static let clockTolerance = Interval.milliseconds(500)

  /// Judges one MPD by itself: DASH-001 to 009, 011, 012, 016 to 019, 025, 030 and 031, as far as an
  /// MPD alone shows them.
  ///
  /// `schemaFaults` is what a schema found; without one validity stays open.
  static func judge(
    _ observation: ManifestObservation,
    schemaFaults: [String]? = nil,
    _ ledger: inout Ledger
  ) {
    let subject = observation.subject
    // Public schemas are of the 5th edition, which does not have it.
    let isKnown = { (fault: String) in
      observation.manifest.isOfSequences && fault.contains("SegmentSequenceProperties")
    }
    let faults =
      (schemaFaults ?? []).filter { !isKnown($0) } + ManifestShape.faults(in: observation.root)
      + observation.faults
    ledger.record(
      "DASH-001",
      !faults.isEmpty ? .fail : schemaFaults == nil ? .notSeen : .pass,
      subject,
      !faults.isEmpty
        ? faults.joined(separator: "; ")
        : schemaFaults == nil
          ? "well-formed; there was no schema to validate with"
          : "\(observation.bytes.count) bytes, valid"
    )
    judgePresentation(observation, &ledger)
    judgeIdentifiers(observation.manifest, subject, &ledger)
    for (period, set, representation) in observation.manifest.representations {
      let name = "\(subject) \(period.id ?? "-")/\(representation.id ?? "-")"
      judgeTemplate(representation, set, name, &ledger)
      judgeTimeline(representation.template, name, &ledger)
    }
    judgeAlignment(observation.manifest, subject, &ledger)
    judgeSimplePlayers(observation.manifest, subject, &ledger)
    judgeLowLatency(observation.manifest, subject, &ledger)
  }

  /// DASH-002 to 008: the attributes of the MPD itself.
  private static func judgePresentation(
    _ observation: ManifestObservation,
    _ ledger: inout Ledger
  ) {
    let manifest = observation.manifest
    let subject = observation.subject
    ledger.expect(
      "DASH-006",
      manifest.minBufferTime != nil && longestSegment(manifest) <= manifest.maxSegmentDuration,
      subject,
      "minBufferTime \(text(manifest.minBufferTime)), maxSegmentDuration "
        + "\(text(manifest.maxSegmentDuration)), longest segment \(text(longestSegment(manifest)))"
    )
    guard manifest.isDynamic else {
      for number in [2, 3, 4, 5, 7, 8] {
        ledger.record("DASH-00\(number)", .notApplicable, subject, "the MPD is static")
      }
      return
    }
    let isLive =
      manifest.isOfSequences || manifest.profiles.contains("urn:mpeg:dash:profile:isoff-live:2011")
    ledger.expect(
      "DASH-002",
      manifest.availabilityStart != nil && isLive,
      subject,
      "dynamic, profiles \(manifest.profiles.joined(separator: ","))"
        + (manifest.availabilityStart == nil ? ", no availabilityStartTime" : "")
    )
    let ahead = manifest.publishTime.map { $0.since(observation.received) }
    ledger.expect(
      "DASH-003",
      ahead.map { $0 <= clockTolerance } ?? false,
      subject,
      ahead.map { "publishTime \($0.milliseconds) ms after the fetch" } ?? "no publishTime"
    )
    judgeUpdatePeriod(manifest, subject, &ledger)
    judgeWindow(manifest, subject, &ledger)
    judgeClocks(manifest, subject, &ledger)
  }

  /// DASH-004.
  private static func judgeUpdatePeriod(
    _ manifest: Manifest,
    _ subject: String,
    _ ledger: inout Ledger
  ) {
    guard let period = manifest.minimumUpdatePeriod else {
      ledger.record("DASH-004", .fail, subject, "no minimumUpdatePeriod")
      return
    }
    let hasTimeline = manifest.representations.contains {
      $0.representation.template.timeline != nil
    }
    // A segment more or less a frame: nominal and real durations differ.
    let limit = longestSegment(manifest).map { $0 + .milliseconds(100) }
    ledger.expect(
      "DASH-004",
      .zero < period && (!hasTimeline || limit.map { period <= $0 } ?? true),
      subject,
      "minimumUpdatePeriod \(text(period)), longest segment \(text(longestSegment(manifest)))"
    )
  }

  /// DASH-005 as far as it is written, and DASH-007.
  private static func judgeWindow(
    _ manifest: Manifest,
    _ subject: String,
    _ ledger: inout Ledger
  ) {
    let window = manifest.timeShiftBufferDepth
    if window == nil { ledger.record("DASH-005", .fail, subject, "no timeShiftBufferDepth") }
    let longest = longestSegment(manifest) ?? .zero
    let delay = manifest.suggestedPresentationDelay
    let isFit = delay.map { longest * 2 <= $0 + clockTolerance && $0 < window ?? $0 + $0 }
    ledger.expect(
      "DASH-007",
      isFit ?? false,
      subject,
      "suggestedPresentationDelay \(text(delay)), segments of \(text(longest)), window "
        + text(window)
    )
  }

  /// DASH-008 as far as it is written.
  private static func judgeClocks(
    _ manifest: Manifest,
    _ subject: String,
    _ ledger: inout Ledger
  ) {
    guard let last = manifest.clocks.last else {
      ledger.record("DASH-008", .fail, subject, "no UTCTiming")
      return
    }
    guard let scheme = ClockScheme(last.scheme) else {
      ledger.record("DASH-008", .fail, subject, "the last UTCTiming is \(last.scheme)")
      return
    }
    if scheme != .direct, WebURL(last.value) == nil {
      ledger.record("DASH-008", .fail, subject, "UTCTiming has no absolute URL: \(last.value)")
    }
  }

  /// DASH-009, as far as one MPD shows it.
  private static func judgeIdentifiers(
    _ manifest: Manifest,
    _ subject: String,
    _ ledger: inout Ledger
  ) {
    var faults: [String] = []
    for period in manifest.periods {
      let name = "Period \(period.id ?? "-")"
      if manifest.isDynamic, period.id == nil { faults.append("a Period without id") }
      if manifest.isDynamic, period.explicitStart == nil { faults.append("\(name) has no start") }
      if period.sets.contains(where: { $0.id == nil }) {
        faults.append("\(name) has an AdaptationSet without id")
      }
      let sets = period.sets.compactMap(\.id)
      if Set(sets).count != sets.count { faults.append("\(name) has two sets of one id") }
      let members = period.sets.flatMap(\.representations)
      let ids = members.compactMap(\.id)
      if Set(ids).count != members.count {
        faults.append("\(name) has Representations without an id of their own")
      }
      for member in members
      where member.mimeType == nil || member.codecs == nil || member.bandwidth ?? 0 == 0 {
        faults.append("Representation \(member.id ?? "-") lacks mimeType, codecs or bandwidth")
      }
    }
    let ids = manifest.periods.compactMap(\.id)
    if Set(ids).count != ids.count { faults.append("two Periods of one id") }
    ledger.expect(
      "DASH-009",
      faults.isEmpty,
      subject,
      faults.isEmpty
        ? "\(manifest.periods.count) Periods, \(manifest.representations.count) Representations"
        : faults.joined(separator: "; ")
    )
  }

  /// The longest segment that is listed or nominal; nil when there is none.
  static func longestSegment(_ manifest: Manifest) -> Interval? {
    manifest.representations.compactMap { _, _, representation in
      let template = representation.template
      let ticks = template.timeline?.map(\.duration).max() ?? template.duration
      return ticks.map { TrackTime(ticks: $0, timescale: template.timescale).interval }
    }.max()
  }

  /// An interval in seconds for findings.
  static func text(_ interval: Interval?) -> String {
    interval.map { "\($0.seconds) s" } ?? "-"
  }
}

/// Compares where an absent bound bounds nothing.
private func <= (value: Interval?, bound: Interval?) -> Bool {
  guard let value, let bound else { return true }
  return !(bound < value)
}

/// The schemes of `UTCTiming` that all known players can follow.
///
/// ISO/IEC 23009-1 §5.8.4.11.
enum ClockScheme: Sendable, Hashable {
  case iso
  case direct

  /// nil for schemes that some players can't follow.
  init?(_ scheme: String) {
    switch scheme {
    case "urn:mpeg:dash:utc:http-iso:2014", "urn:mpeg:dash:utc:http-xsdate:2014": self = .iso
    case "urn:mpeg:dash:utc:direct:2014": self = .direct
    default: return nil
    }
  }
}
