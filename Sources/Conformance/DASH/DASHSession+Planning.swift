internal import Wire

/// What to fetch next, and when.
extension DASHSession {
  /// The bounds of the time between two fetches of the MPD.
  private static let shortestUpdate = Interval.milliseconds(500)
  private static let longestUpdate = Interval.seconds(10)

  /// Plans what an MPD brings: its successor, its patch, its clock and its media.
  mutating func plan(
    after observation: ManifestObservation,
    _ previous: ManifestObservation?,
    now: Instant,
    _ ledger: inout Ledger
  ) {
    let manifest = observation.manifest
    if let location = manifest.locations.first.flatMap({ url.resolve($0) }) { url = location }
    if manifest.isDynamic {
      plans.append(Plan(due: nextUpdate(observation, now: now), url: url, purpose: .manifest))
    } else if previous?.manifest.isDynamic ?? false {
      dropUnlisted(observation)
    }
    if !hasAskedClock, let clock = manifest.clocks.last, ClockScheme(clock.scheme) == .iso,
      let address = WebURL(clock.value)
    {
      hasAskedClock = true
      plans.append(Plan(due: now, url: address, purpose: .clock))
    }
    if let previous, previous.bytes != observation.bytes,
      let patch = previous.manifest.patchLocations.first.flatMap({ previous.url.resolve($0) })
    {
      plans.append(
        Plan(due: now, url: patch, purpose: .patch(base: previous, current: observation))
      )
    }
    noteAbsentFeatures(manifest, observation.subject, &ledger)
    growsByClock =
      manifest.isDynamic
      && manifest.representations.contains {
        $0.representation.template.isPresent && $0.representation.template.timeline == nil
      }
    planProbes(observation, now: now)
    extend(observation, now: now)
  }

  /// After the update period, or as soon as a segment should be listed that isn't yet: what is seen
  /// first when it is whole tells nothing about its growth.
  private func nextUpdate(_ observation: ManifestObservation, now: Instant) -> Instant {
    let manifest = observation.manifest
    let period = manifest.minimumUpdatePeriod ?? .zero
    let wait =
      period < Self.shortestUpdate ? Interval.seconds(1) : min(period, Self.longestUpdate)
    guard let last = manifest.periods.last,
      let due = last.sets.flatMap(\.representations).compactMap({
        DASHRules.nextDue($0, in: last, observation)
      }).min()
    else { return now + wait }
    return max(
      now + Self.shortestUpdate,
      min(now + wait, instant(of: due) + settings.guardInterval)
    )
  }

  private func noteAbsentFeatures(
    _ manifest: Manifest,
    _ subject: String,
    _ ledger: inout Ledger
  ) {
    if manifest.patchLocations.isEmpty {
      ledger.record("DASH-026", .notApplicable, subject, "no PatchLocation")
    }
    if !manifest.isLowLatency {
      for number in [15, 28] {
        ledger.record("DASH-0\(number)", .notApplicable, subject, "no segments are offered early")
      }
    }
    if !manifest.isDynamic {
      for number in [5, 14, 22] {
        let id = number < 10 ? "DASH-00\(number)" : "DASH-0\(number)"
        ledger.record(id, .notApplicable, subject, "the MPD is static")
      }
    }
  }

  /// Gives up what an MPD that ended no longer lists.
  private mutating func dropUnlisted(_ observation: ManifestObservation) {
    plans = plans.filter { plan in
      switch plan.purpose {
      case .segment(let errand): find(errand, in: observation) != nil
      case .missing: false
      default: true
      }
    }
  }

  /// Plans the segments that are new in an MPD, and those that time alone brings.
  mutating func extend(_ observation: ManifestObservation, now: Instant) {
    let time = utc(at: now).moved(by: clockOffset)
    for (period, set, representation) in observation.manifest.representations {
      guard let id = representation.id, representation.template.isPresent else { continue }
      if tracks[id] == nil {
        guard tracks.count < settings.representations else { continue }
        tracks[id] = WatchedTrack(name: id)
      }
      tracks[id]?.bandwidth = representation.bandwidth
      planHeader(representation, id, observation, now: now)
      let template = representation.template
      let ahead = TrackTime(ticks: template.duration ?? 0, timescale: template.timescale).interval
      let listed = observation.listed(
        representation,
        in: period,
        until: time.moved(by: min(ahead, .seconds(60)))
      )
      if tracks[id]?.lastPlanned == nil {
        join(listed, representation, set, period, observation, time, now)
      } else {
        let last = tracks[id]?.lastPlanned
        for segment in listed where isNew(segment, in: period, after: last) {
          planNext(segment, representation, set, period, observation, time, now)
        }
      }
    }
  }

  private func isNew(
    _ segment: SegmentTemplate.Listed,
    in period: Manifest.Period,
    after last: (period: Interval, segment: SegmentTemplate.Listed)?
  ) -> Bool {
    guard let last else { return true }
    return last.period < period.start
      || last.period == period.start && last.segment.start < segment.start
  }

  private mutating func planHeader(
    _ representation: Manifest.Representation,
    _ id: String,
    _ observation: ManifestObservation,
    now: Instant
  ) {
    guard
      let address = representation.url(
        representation.template.initialization,
        manifest: observation.url
      ),
      tracks[id]?.requestedHeaders.contains(address) == false,
      plans.count < settings.requestsWaiting
    else { return }
    tracks[id]?.requestedHeaders.insert(address)
    plans.append(Plan(due: now, url: address, purpose: .header(track: id, url: address)))
  }

  /// Begins with the newest whole segment, and looks at the oldest and the middle of the window.
  private mutating func join(
    _ listed: [SegmentTemplate.Listed],
    _ representation: Manifest.Representation,
    _ set: Manifest.AdaptationSet,
    _ period: Manifest.Period,
    _ observation: ManifestObservation,
    _ time: UTCTime,
    _ now: Instant
  ) {
    // A Period that isn't the last is looked at when the last has nothing.
    guard
      observation.manifest.periods.last?.start == period.start || !observation.manifest.isDynamic
    else { return }
    guard observation.manifest.isDynamic else {
      for segment in listed.prefix(8) {
        planNext(segment, representation, set, period, observation, time, now)
      }
      return
    }
    let whole = listed.filter {
      observation.availability(of: $0, in: period, representation.template).map { $0 <= time }
        ?? false
    }
    for segment in pastOnes(whole, representation, period, observation, time) {
      add(segment, .past, order: nil, isContinuous: false, representation, period, observation, now)
    }
    let start = whole.last?.start ?? listed.first?.start ?? 0
    for segment in listed where segment.start >= start {
      planNext(segment, representation, set, period, observation, time, now)
    }
  }

  private mutating func planNext(
    _ segment: SegmentTemplate.Listed,
    _ representation: Manifest.Representation,
    _ set: Manifest.AdaptationSet,
    _ period: Manifest.Period,
    _ observation: ManifestObservation,
    _ time: UTCTime,
    _ now: Instant
  ) {
    guard let id = representation.id, let track = tracks[id], plans.count < settings.requestsWaiting
    else { return }
    var isContinuous = false
    if let last = track.lastPlanned {
      isContinuous =
        last.period == period.start
        ? last.segment.end == segment.start : set.continuations.contains(where: \.isContinuous)
    }
    let available = observation.availability(of: segment, in: period, representation.template)
    var moment = SegmentErrand.Moment.past
    // What has just become whole is judged like what becomes so.
    let recent = time.moved(by: .seconds(-1))
    if let available, observation.manifest.isDynamic, time <= available {
      // Most are followed as they grow; every fourth shows what plain players get.
      let isFollowed = representation.template.isOfferedEarly && track.plannedCount % 4 != 3
      moment = isFollowed ? .early : .available
    } else if let available, observation.manifest.isDynamic, recent <= available {
      moment = .available
    }
    add(
      segment,
      moment,
      order: track.plannedCount,
      isContinuous: isContinuous,
      representation,
      period,
      observation,
      now
    )
    tracks[id]?.plannedCount += 1
    tracks[id]?.lastPlanned = (period.start, segment)
  }

  mutating func add(
    _ segment: SegmentTemplate.Listed,
    _ moment: SegmentErrand.Moment,
    order: Int?,
    isContinuous: Bool,
    _ representation: Manifest.Representation,
    _ period: Manifest.Period,
    _ observation: ManifestObservation,
    _ now: Instant
  ) {
    let template = representation.template
    guard let id = representation.id,
      let address = representation.url(template.media, manifest: observation.url, segment: segment)
        ?? wholeSegmentURL(representation, segment, observation)
    else { return }
    let errand = SegmentErrand(
      track: id,
      periodID: period.id,
      periodStart: period.start,
      segment: segment,
      moment: moment,
      order: order,
      isContinuous: isContinuous,
      url: address
    )
    var due = now
    var timeout = Interval.seconds(10)
    if moment != .past,
      let available = observation.availability(of: segment, in: period, template)
    {
      let early = moment == .early ? template.availabilityTimeOffset : .zero
      due = max(
        now,
        instant(of: available) - early + settings.guardInterval
      )
      timeout = timeout + min(early, .seconds(60))
    }
    plans.append(Plan(due: due, url: address, purpose: .segment(errand), timeout: timeout))
    planSubsegments(errand, representation, observation, due: due, timeout)
  }

  /// Where a segment of sub-segments lies as a whole: its first part, for which `$SubNumber$` is 0.
  private func wholeSegmentURL(
    _ representation: Manifest.Representation,
    _ segment: SegmentTemplate.Listed,
    _ observation: ManifestObservation
  ) -> WebURL? {
    representation.url(
      representation.template.media,
      manifest: observation.url,
      segment: segment,
      subnumber: 0
    )
  }

  /// Sub-segments asked for of one segment.
  private static let maximumSubsegments: Int64 = 64

  private mutating func planSubsegments(
    _ errand: SegmentErrand,
    _ representation: Manifest.Representation,
    _ observation: ManifestObservation,
    due: Instant,
    _ timeout: Interval
  ) {
    guard let count = errand.segment.subsegments, (1...Self.maximumSubsegments).contains(count),
      representation.template.media?.contains("$SubNumber") ?? false
    else { return }
    for index in 0..<count {
      guard
        let address = representation.url(
          representation.template.media,
          manifest: observation.url,
          segment: errand.segment,
          subnumber: index
        )
      else { return }
      plans.append(
        Plan(
          due: due,
          url: address,
          purpose: .subsegments(errand, count: Int(count), index: Int(index)),
          timeout: timeout
        )
      )
    }
  }

  /// The segment of an errand as an MPD lists it, with where it is; nil when it is not there.
  func find(
    _ errand: SegmentErrand,
    in observation: ManifestObservation
  ) -> (
    period: Manifest.Period, set: Manifest.AdaptationSet, representation: Manifest.Representation,
    segment: SegmentTemplate.Listed
  )? {
    for (period, set, representation) in observation.manifest.representations
    where period.id == errand.periodID && representation.id == errand.track {
      guard representation.template.timeline != nil else {
        // A Period that was open when the segment was planned may have ended before it.
        let start = representation.template.periodTime(errand.segment.start)
        guard period.duration.map({ start < $0 }) ?? true else { continue }
        return (period, set, representation, errand.segment)
      }
      let listed = observation.listed(representation, in: period, until: observation.received)
      if let segment = listed.last(where: { $0.start == errand.segment.start }) {
        return (period, set, representation, segment)
      }
    }
    return nil
  }
}
