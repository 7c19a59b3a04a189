internal import Wire

/// Rules from one MPD to the next of the same presentation.
extension DASHRules {
  /// How far a Period may start from the end of the one before: frames of audio and video differ.
  static let periodTolerance = Interval.milliseconds(100)

  /// Judges an MPD against the one fetched before it: DASH-002, 003, 009, 021 and 024.
  ///
  /// Ends that were planned, were due and then came earlier are given back, each with when it was
  /// due: what grew when the source fell silent ends there.
  @discardableResult
  static func judge(
    update next: ManifestObservation,
    after previous: ManifestObservation,
    _ ledger: inout Ledger
  ) -> [CutShort] {
    let subject = next.subject
    if next.manifest.isDynamic {
      ledger.expect(
        "DASH-002",
        next.manifest.availabilityStart == previous.manifest.availabilityStart,
        subject,
        "availabilityStartTime compared with the MPD before"
      )
      judgePublishTime(next, previous, &ledger)
    }
    judgeStability(next.manifest, previous.manifest, subject, &ledger)
    var faults: [String] = []
    var cut: [CutShort] = []
    comparePeriods(next, previous, &faults, &cut)
    ledger.expect(
      "DASH-021",
      faults.isEmpty,
      subject,
      faults.isEmpty
        ? "an update that changes nothing listed"
        : faults.prefix(ManifestShape.maximumFaults).joined(separator: "; ")
    )
    judgeNewPeriods(next.manifest, after: previous.manifest, subject, &ledger)
    return cut
  }

  private static func judgePublishTime(
    _ next: ManifestObservation,
    _ previous: ManifestObservation,
    _ ledger: inout Ledger
  ) {
    guard let time = next.manifest.publishTime, let before = previous.manifest.publishTime else {
      return
    }
    let isSame = next.bytes == previous.bytes
    let isRight = isSame ? time >= before : time > before
    ledger.expect(
      "DASH-003",
      isRight,
      next.subject,
      "publishTime moved by \(time.since(before).milliseconds) ms in "
        + (isSame ? "an equal MPD" : "an MPD that changed")
    )
  }

  /// DASH-009: what has the same id is the same.
  private static func judgeStability(
    _ next: Manifest,
    _ previous: Manifest,
    _ subject: String,
    _ ledger: inout Ledger
  ) {
    var faults: [String] = []
    for period in next.periods {
      guard let before = previous.periods.first(where: { $0.id == period.id }) else { continue }
      let name = "Period \(period.id ?? "-")"
      // A presentation that ended is written anew, from its own beginning.
      if next.isDynamic, period.start != before.start {
        faults.append("\(name) starts at \(text(period.start)), before at \(text(before.start))")
      }
      if period.sets.map(\.id) != before.sets.map(\.id) {
        faults.append("\(name) has sets \(period.sets.map { $0.id ?? "-" })")
      }
    }
    ledger.expect(
      "DASH-009",
      faults.isEmpty,
      subject,
      faults.isEmpty ? "ids as before" : faults.joined(separator: "; ")
    )
  }

  private static func comparePeriods(
    _ next: ManifestObservation,
    _ previous: ManifestObservation,
    _ faults: inout [String],
    _ cut: inout [CutShort]
  ) {
    let ids = next.manifest.periods.map(\.id)
    let before = previous.manifest.periods.map(\.id)
    // Old ones go from the front, new ones come at the end.
    let common = before.drop { !ids.contains($0) }
    if !common.isEmpty, Array(ids.prefix(common.count)) != Array(common) {
      faults.append("Periods \(ids.map { $0 ?? "-" }) after \(before.map { $0 ?? "-" })")
    }
    for (index, period) in next.manifest.periods.enumerated() {
      guard let earlier = previous.manifest.periods.first(where: { $0.id == period.id }) else {
        continue
      }
      // What is to come may be dropped when a Period or the presentation ends.
      let isLast = next.manifest.isDynamic && index == next.manifest.periods.count - 1
      let members = period.sets.flatMap(\.representations)
      let earlierMembers = earlier.sets.flatMap(\.representations)
      if members.map(\.id) != earlierMembers.map(\.id) {
        faults.append("Period \(period.id ?? "-") changed its Representations")
      }
      for member in members {
        guard let before = earlierMembers.first(where: { $0.id == member.id }) else { continue }
        compare(member, before, in: period, earlier, isLast, next, previous, &faults, &cut)
      }
    }
  }

  private static func compare(
    _ member: Manifest.Representation,
    _ before: Manifest.Representation,
    in period: Manifest.Period,
    _ earlier: Manifest.Period,
    _ isLast: Bool,
    _ next: ManifestObservation,
    _ previous: ManifestObservation,
    _ faults: inout [String],
    _ cut: inout [CutShort]
  ) {
    let name = member.id ?? "-"
    let (new, old) = (member.template, before.template)
    if new.timescale != old.timescale { faults.append("\(name) changed its timescale") }
    // A presentation that ended may begin at its first segment.
    if next.manifest.isDynamic, new.presentationTimeOffset != old.presentationTimeOffset {
      faults.append("\(name) changed its presentationTimeOffset")
    }
    if new.media != old.media { faults.append("\(name) changed its media template") }
    if new.initialization != old.initialization { faults.append("\(name) changed its init") }
    if new.duration != old.duration { faults.append("\(name) changed its segment duration") }
    guard new.timeline != nil, old.timeline != nil else { return }
    let listed = next.listed(member, in: period, until: next.received)
    let oldListed = previous.listed(before, in: earlier, until: previous.received)
    let byStart = Dictionary(listed.map { ($0.start, $0) }, uniquingKeysWith: { first, _ in first })
    let oldStarts = Set(oldListed.map(\.start))
    guard let first = listed.first, let oldLast = oldListed.last else { return }
    for segment in oldListed where segment.start >= first.start {
      guard let same = byStart[segment.start] else {
        // A segment to come that has not come when the Period ended.
        let isGrowing = isGrowing(segment, in: earlier, old, previous)
        if isLast || !isGrowing { faults.append("\(name) lost its segment at \(segment.start)") }
        continue
      }
      // The end of a segment that grows is a plan; when it is whole, it stays.
      if same.duration != segment.duration, !isGrowing(segment, in: earlier, old, previous) {
        let text =
          "\(name) changed d of \(segment.start) from \(segment.duration) to \(same.duration)"
        if segment == oldLast, same.duration < segment.duration,
          let due = previous.availability(of: segment, in: earlier, old)
        {
          cut.append(CutShort(subject: next.subject, seen: text, due: due, by: next.received))
        } else {
          faults.append(text)
        }
      }
      if same.number != segment.number, new.media?.contains("$Number") ?? false {
        faults.append("\(name) renumbered its segment at \(segment.start)")
      }
    }
    if listed.contains(where: { $0.start < oldLast.start && !oldStarts.contains($0.start) }) {
      faults.append("\(name) lists a segment that comes before listed ones")
    }
  }

  /// Whether a segment was not whole yet when its MPD was fetched.
  private static func isGrowing(
    _ segment: SegmentTemplate.Listed,
    in period: Manifest.Period,
    _ template: SegmentTemplate,
    _ observation: ManifestObservation
  ) -> Bool {
    guard observation.manifest.isDynamic,
      let available = observation.availability(of: segment, in: period, template)
    else { return false }
    return observation.requested.moved(by: Interval(nanoseconds: -clockTolerance.nanoseconds))
      <= available
  }

  /// DASH-024: a Period that is new continues the one before it.
  private static func judgeNewPeriods(
    _ next: Manifest,
    after previous: Manifest,
    _ subject: String,
    _ ledger: inout Ledger
  ) {
    let known = Set(previous.periods.map(\.id))
    for (before, period) in zip(next.periods, next.periods.dropFirst())
    where !known.contains(period.id) {
      judge(period: period, after: before, subject, &ledger)
    }
    if next.periods.count == 1 {
      ledger.record("DASH-024", .notApplicable, subject, "one Period")
    }
  }

  /// DASH-024 for two Periods, of which the later has not lost segments yet.
  static func judge(
    period: Manifest.Period,
    after before: Manifest.Period,
    _ subject: String,
    _ ledger: inout Ledger
  ) {
    var faults: [String] = []
    let ends = before.sets.flatMap(\.representations).compactMap { member in
      member.template.listed(until: nil).last.map {
        before.start + member.template.periodTime(ofEnd: $0)
      }
    }
    if let end = ends.max(), period.start + periodTolerance < end {
      faults.append("starts at \(text(period.start)), inside the one before to \(text(end))")
    }
    if period.id == before.id { faults.append("the id of the one before") }
    let members = period.sets.flatMap(\.representations)
    let earlier = before.sets.flatMap(\.representations)
    if members.map(\.id) != earlier.map(\.id) || period.sets.map(\.id) != before.sets.map(\.id) {
      faults.append("other sets or Representations")
    }
    let offsets = members.compactMap { member in
      member.template.listed(until: nil).first.map { member.template.periodTime($0.start) }
    }
    if !offsets.isEmpty,
      !offsets.contains(.zero) || offsets.contains(where: { periodTolerance < $0 })
    {
      faults.append("presentationTimeOffset is not the first S@t")
    }
    for set in period.sets {
      guard let same = before.sets.first(where: { $0.id == set.id }),
        set.representations.map(\.template.initialization)
          == same.representations.map(\.template.initialization)
      else { continue }
      if !set.continuations.contains(where: { $0.periodID == before.id ?? "" }) {
        faults.append("set \(set.id ?? "-") does not say that its init goes on")
      }
    }
    ledger.expect(
      "DASH-024",
      faults.isEmpty,
      "\(subject) Period \(period.id ?? "-")",
      faults.isEmpty ? "continues \(before.id ?? "-")" : faults.joined(separator: "; ")
    )
  }

  /// DASH-020: an MPD lists what is available when it is fetched.
  ///
  /// What is late is given back, since the source may have been silent.
  static func judgeFreshness(
    _ observation: ManifestObservation,
    _ ledger: inout Ledger
  ) -> [StaleListing] {
    let manifest = observation.manifest
    guard manifest.isDynamic, let period = manifest.periods.last, period.explicitDuration == nil
    else {
      ledger.record("DASH-020", .notApplicable, observation.subject, "no Period that grows")
      return []
    }
    let slack = (manifest.minimumUpdatePeriod ?? .zero) + clockTolerance
    var stale: [StaleListing] = []
    for member in period.sets.flatMap(\.representations) {
      guard let due = nextDue(member, in: period, observation) else { continue }
      let age = observation.requested.since(due)
      let subject = "\(observation.subject) \(member.id ?? "-")"
      if age <= slack {
        ledger.record("DASH-020", .pass, subject, StaleListing.text(age))
      } else {
        stale.append(
          StaleListing(subject: subject, due: due, requested: observation.requested, slack: slack)
        )
      }
    }
    return stale
  }

  /// When the first segment that is not listed may be asked for; nil without a timeline.
  static func nextDue(
    _ member: Manifest.Representation,
    in period: Manifest.Period,
    _ observation: ManifestObservation
  ) -> UTCTime? {
    let template = member.template
    guard template.timeline != nil, let last = template.listed(until: nil).last,
      let available = observation.availability(of: last, in: period, template)
    else { return nil }
    let length = TrackTime(ticks: last.duration, timescale: template.timescale).interval
    let early = Interval(nanoseconds: -template.availabilityTimeOffset.nanoseconds)
    return available.moved(by: length).moved(by: early)
  }
}
