internal import Wire

/// What is asked for out of order: the window's past, and what can't exist yet.
extension DASHSession {
  /// The oldest segment that is surely within the window, and the one in the middle.
  func pastOnes(
    _ whole: [SegmentTemplate.Listed],
    _ representation: Manifest.Representation,
    _ period: Manifest.Period,
    _ observation: ManifestObservation,
    _ time: UTCTime
  ) -> [SegmentTemplate.Listed] {
    guard let window = observation.manifest.timeShiftBufferDepth else { return [] }
    let edge = time.moved(by: Interval(nanoseconds: -window.nanoseconds)).moved(by: .seconds(2))
    let inside = whole.dropLast().filter { segment in
      let length = TrackTime(
        ticks: segment.duration,
        timescale: representation.template.timescale
      ).interval
      let end = observation.availability(of: segment, in: period, representation.template)
      return end.map { edge <= $0.moved(by: Interval(nanoseconds: -length.nanoseconds)) } ?? false
    }
    guard let oldest = inside.first else { return [] }
    let middle = inside[inside.startIndex + inside.count / 2]
    return middle == oldest ? [oldest] : [oldest, middle]
  }

  /// From time to time: the oldest of the window again, and a segment that can't exist yet.
  mutating func planProbes(_ observation: ManifestObservation, now: Instant) {
    guard observation.manifest.isDynamic, nextProbe.map({ $0 <= now }) ?? true,
      let period = observation.manifest.periods.last
    else { return }
    let isFirst = nextProbe == nil
    nextProbe = now + settings.probeInterval
    let time = utc(at: now).moved(by: clockOffset)
    for set in period.sets {
      guard let member = set.representations.first else { continue }
      let listed = observation.listed(member, in: period, until: time)
      planMissing(listed, member, period, observation, time, now)
      guard !isFirst else { continue }
      let whole = listed.filter {
        observation.availability(of: $0, in: period, member.template).map { $0 <= time } ?? false
      }
      if let oldest = pastOnes(whole, member, period, observation, time).first {
        add(oldest, .past, order: nil, isContinuous: false, member, period, observation, now)
      }
    }
  }

  private mutating func planMissing(
    _ listed: [SegmentTemplate.Listed],
    _ representation: Manifest.Representation,
    _ period: Manifest.Period,
    _ observation: ManifestObservation,
    _ time: UTCTime,
    _ now: Instant
  ) {
    let template = representation.template
    guard let last = listed.last, last.duration > 0 else { return }
    let length = TrackTime(ticks: last.duration, timescale: template.timescale).interval
    // The end of the MPD's list may lie behind the clock; what is asked for must not.
    var far = last
    for step in 1...64 as ClosedRange<Int64> {
      let (offset, overflow) = last.duration.multipliedReportingOverflow(by: step)
      let (start, overflows) = last.start.addingReportingOverflow(offset)
      guard !overflow, !overflows else { return }
      far = SegmentTemplate.Listed(
        number: last.number &+ step,
        start: start,
        duration: last.duration,
        subsegments: nil
      )
      guard step > 2, let available = observation.availability(of: far, in: period, template)
      else { continue }
      let ahead = available.since(time)
      if length * 2 + template.availabilityTimeOffset < ahead { break }
    }
    guard
      let available = observation.availability(of: far, in: period, template),
      length + template.availabilityTimeOffset < available.since(time),
      let address = representation.url(
        template.media,
        manifest: observation.url,
        segment: far,
        subnumber: 0
      )
    else { return }
    plans.append(Plan(due: now, url: address, purpose: .missing))
  }

  /// Asks for the segments that should be listed and aren't: what answers shows that the source lives.
  mutating func planUnlisted(_ observation: ManifestObservation, now: Instant) {
    guard !isLookingForUnlisted, let period = observation.manifest.periods.last else { return }
    for set in period.sets {
      guard let member = set.representations.first,
        let last = member.template.listed(until: nil).last
      else { continue }
      let next = SegmentTemplate.Listed(
        number: last.number &+ 1,
        start: last.end,
        duration: last.duration,
        subsegments: nil
      )
      guard
        let address = member.url(
          member.template.media,
          manifest: observation.url,
          segment: next,
          subnumber: 0
        )
      else { continue }
      isLookingForUnlisted = true
      plans.append(Plan(due: now, url: address, purpose: .unlisted))
    }
  }
}
