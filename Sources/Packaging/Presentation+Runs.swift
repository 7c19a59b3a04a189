internal import CMAF
internal import Wire

// How the lead rendition moves the timeline, and when media time begins anew.
extension Presentation {
  func beginRun(
    _ epoch: Epoch,
    shiftSeconds: Int64,
    extraDelay: Int64 = 0,
    at start: Int64,
    slot: MediaTime
  ) {
    let scale = tracks[lead].description.info.timescale
    let group = groupLength ?? slot
    let clock = RunClock(epoch: epoch, shiftSeconds: shiftSeconds)
    // The grid counts on the publisher's own clock, before any shift.
    let zero = UTCTime(microseconds: epoch.zero.microseconds + shiftSeconds * 1_000_000)
    let grid = SlotGrid(
      slotLength: slot,
      groupLength: group,
      groupStart: MediaTime(ticks: start, timescale: scale),
      zero: zero
    )
    let last = runs.last?.timeline.next
    if !runs.isEmpty { runs[runs.count - 1].timeline.finish() }
    runs.append(
      Run(
        clock: clock,
        extraDelay: extraDelay,
        timeline: Timeline(
          grid: grid,
          groupLength: group,
          isSteady: isSteady,
          gapLimit: policy.gapLimit,
          previousNumber: last?.previousNumber,
          discontinuitySequence: last?.discontinuitySequence ?? 0
        )
      )
    )
  }

  /// Moves the timeline on by a chunk of the lead rendition.
  func lead(_ intake: PackagedTrack.Intake) {
    let chunk = intake.chunk
    let scale = tracks[lead].description.info.timescale
    if runOfGeneration[intake.generation] == nil {
      runOfGeneration[intake.generation] = run(for: intake)
      runOfGeneration = runOfGeneration.filter { $0.key > intake.generation - 8 }
    }
    guard let index = runOfGeneration[intake.generation], index == runs.count - 1 else { return }
    let isJump = intake.continuity == .jump && !chunk.continues(from: leadEnd)
    runs[index].timeline.advance(
      start: MediaTime(ticks: chunk.start, timescale: scale),
      end: MediaTime(ticks: chunk.end, timescale: scale),
      isIndependent: chunk.isIndependent || tracks[lead].description.info.kind != .video,
      isDiscontinuity: isJump,
      isLoss: intake.continuity == .afterLoss
    )
    leadEnd = chunk.end
    if tracks[lead].description.info.kind != .video { closeLeadSegment() }
  }

  /// Tracks other than the lead, video first.
  var followers: [Int] {
    tracks.indices.filter { $0 != lead }.sorted { left, right in
      let rank = { (index: Int) in self.tracks[index].description.info.kind == .video ? 0 : 1 }
      return (rank(left), left) < (rank(right), right)
    }
  }

  /// Lets another rendition set the boundaries when the lead has gone silent while others go on: when
  /// more media waits for it than a lead of one object per group would ever let wait.
  ///
  /// The media is counted, not its span: what an outage left behind is old, not much.
  func replaceSilentLead(now: Instant) {
    guard let index = runs.indices.last, let slot = constants?.segmentLength else { return }
    let bound = slot.seconds + Double(policy.stallPatience.nanoseconds) / 1e9
    guard
      let other = followers.first(where: { tracks[$0].writer?.queuedDuration.seconds ?? 0 > bound })
    else {
      waitsForLeadSince = nil
      return
    }
    let since = waitsForLeadSince ?? now
    waitsForLeadSince = since
    guard now - since > policy.stallPatience else { return }
    let scale = tracks[other].description.info.timescale
    lead = other
    waitsForLeadSince = nil
    leadEnd = runs[index].timeline.coverage?.rounded(toScale: scale)
    outputs.append(.notice(.newLead(tracks[other].description.info.name)))
    var continuity = TrackOrder.Continuity.afterLoss
    for queued in tracks[other].writer?.queue ?? []
    where queued.chunk.start >= leadEnd ?? .min {
      lead(
        PackagedTrack.Intake(
          chunk: queued.chunk,
          generation: queued.generation,
          continuity: continuity,
          tolerance: queued.tolerance,
          middle: queued.middle,
          utc: lastUTC
        )
      )
      continuity = .seamless
    }
  }

  func closeLeadSegment() {
    guard let end = leadEnd, !runs.isEmpty else { return }
    let scale = tracks[lead].description.info.timescale
    _ = runs[runs.count - 1].timeline.closesSegment(
      at: MediaTime(ticks: end, timescale: scale)
    )
  }

  /// The run that a new generation of the lead belongs to: the current one when media goes on where it
  /// stopped, otherwise a new one, on the same clock when time only jumped ahead.
  func run(for intake: PackagedTrack.Intake) -> Int {
    guard let current = runs.last, let leadEnd, let slot = constants?.segmentLength else {
      return 0
    }
    let start = intake.chunk.start
    let scale = tracks[lead].description.info.timescale
    let needsNewRun = tracks.contains { $0.needsNewRun }
    for index in tracks.indices { tracks[index].needsNewRun = false }
    if intake.chunk.continues(from: leadEnd), !needsNewRun { return runs.count - 1 }
    let publisherZero = UTCTime(
      microseconds: current.clock.epoch.zero.microseconds + current.clock.shiftSeconds * 1_000_000
    )
    let zero = WallClock.zero(of: [(intake, scale)])
    // Two seconds: the estimate from arrival is a whole second, and a burst may come late.
    let isSameClock =
      start >= leadEnd && abs(zero.microseconds - publisherZero.microseconds) <= 2_000_000
    if isSameClock {
      beginRun(
        current.clock.epoch,
        shiftSeconds: current.clock.shiftSeconds,
        extraDelay: current.extraDelay,
        at: start,
        slot: slot
      )
    } else {
      var shift: Int64 = 0
      let servedEnd = current.clock.served(leadEnd, timescale: scale)
      if start < servedEnd {
        // Served time keeps following UTC as it did in the run before.
        shift = (zero.microseconds - current.clock.epoch.zero.microseconds) / 1_000_000
        let missing = servedEnd - (start + shift * Int64(scale))
        if missing > 0 { shift += missing / Int64(scale) + 1 }
      }
      var name = WallClock.name(zero) + (shift == 0 ? "" : "-\(shift)")
      if name == current.clock.epoch.name { name += "b" }
      beginRun(
        Epoch(
          name: name,
          zero: UTCTime(microseconds: zero.microseconds - shift * 1_000_000)
        ),
        shiftSeconds: shift,
        // Never less than before: Periods may not overlap.
        extraDelay: max(
          current.extraDelay,
          WallClock.extraDelay(
            of: (intake, scale),
            zero: zero,
            beyond: constants?.publishDelayMilliseconds ?? 0
          )
        ),
        at: start,
        slot: slot
      )
    }
    outputs.append(
      .notice(
        .newRun(epoch: runs[runs.count - 1].clock.epoch.name, isDiscontinuity: true)
      )
    )
    return runs.count - 1
  }
}
