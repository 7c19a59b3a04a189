internal import CMAF
internal import Wire

// How the lead rendition moves the timeline, and when media time begins anew.
extension Presentation {
  func beginRun(
    _ epoch: Epoch,
    shiftSeconds: Int64,
    extraDelay: Int64 = 0,
    at start: MediaTime,
    slot: MediaTime
  ) {
    let group = groupLength ?? slot
    let clock = RunClock(epoch: epoch, shiftSeconds: shiftSeconds)
    // The grid counts on the publisher's own clock, before any shift.
    let zero = UTCTime(microseconds: epoch.zero.microseconds + shiftSeconds * 1_000_000)
    let grid = SlotGrid(
      slotLength: slot,
      groupLength: group,
      groupStart: start,
      zero: zero
    )
    let last = runs.last?.timeline.next
    if !runs.isEmpty { runs[runs.endIndex - 1].timeline.finish() }
    runs.append(
      Run(
        clock: clock,
        extraDelay: extraDelay,
        timeline: Timeline(
          grid: grid,
          groupLength: group,
          isSteady: isSteady,
          gapLimit: policy.gapLimit,
          longest: longestSegment(slot),
          previousNumber: last?.previousNumber,
          discontinuitySequence: last?.discontinuitySequence ?? 0
        )
      )
    )
  }

  /// Moves the timeline on by a chunk of the lead rendition.
  func lead(_ intake: PackagedTrack.Intake) {
    let chunk = intake.chunk
    let isVideo = tracks[lead].description.info.kind == .video
    if runOfGeneration[intake.generation] == nil {
      runOfGeneration[intake.generation] = run(for: intake)
      runOfGeneration = runOfGeneration.filter { $0.key > intake.generation - 8 }
      forgetRuns()
    }
    guard let index = runOfGeneration[intake.generation], index == runs.endIndex - 1 else { return }
    let isJump = intake.continuity == .jump && !intake.continues(from: leadEnd)
    let isIndependent = chunk.isIndependent || !isVideo
    let isNewHeader = leadDescription.map { !$0.hasHeader(of: intake.description) } ?? false
    runs[index].timeline.advance(
      start: intake.start,
      end: intake.end,
      isIndependent: isIndependent,
      isDiscontinuity: isJump,
      isNewHeader: isNewHeader,
      isLoss: intake.continuity == .afterLoss
    )
    // What comes under a header before a sync sample is of no use.
    if isIndependent || leadDescription == nil { leadDescription = intake.description }
    leadEnd = intake.end
    if !isVideo { closeLeadSegment() }
  }

  /// Forgets runs that nothing belongs to any more which is still to be released.
  private func forgetRuns() {
    let needed = runOfGeneration.values + tracks.compactMap { $0.writer?.oldestRun }
    // Who is silent for long need not be told of everything since.
    let missed = tracks.compactMap { $0.writer?.lastRun }.map {
      max($0, runs.endIndex - Self.runLimit)
    }
    let oldest = (needed + missed).min() ?? runs.startIndex
    if oldest > runs.startIndex { runs.removeFirst(oldest - runs.startIndex) }
  }

  /// How many runs are kept for renditions that have nothing of them.
  private static let runLimit = 32

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
    guard let slot = constants?.segmentLength else { return }
    let bound = slot.seconds + Double(policy.stallPatience.nanoseconds) / 1e9
    guard
      let other = followers.first(where: { tracks[$0].writer?.queuedSeconds ?? 0 > bound })
    else {
      waitsForLeadSince = nil
      return
    }
    let since = waitsForLeadSince ?? now
    waitsForLeadSince = since
    guard now - since > policy.stallPatience else { return }
    replaceLead(by: other)
  }

  /// Gives the lead back to video that delivers again: the slots are made for its groups, and what begins anew may
  /// begin in the middle of one.
  func returnLead() {
    guard constants != nil, tracks[lead].description.info.kind != .video,
      let video = followers.first(where: { index in
        tracks[index].description.info.kind == .video && tracks[index].life == .live
          && !tracks[index].isStalled && tracks[index].writer?.serving != nil
      })
    else { return }
    lead = video
    waitsForLeadSince = nil
    leadDescription = tracks[video].writer?.serving
    outputs.append(.notice(.newLead(tracks[video].description.info.name)))
  }

  /// Lets another rendition set the boundaries from where the lead has left off.
  func replaceLead(by other: Int) {
    let generation = tracks[lead].generation
    lead = other
    waitsForLeadSince = nil
    outputs.append(.notice(.newLead(tracks[other].description.info.name)))
    guard let index = runs.indices.last else { return }
    leadEnd = runs[index].timeline.coverage
    leadDescription = tracks[other].writer?.serving
    var continuity = TrackOrder.Continuity.afterLoss
    for queued in tracks[other].writer?.queue ?? []
    where queued.generation > generation || leadEnd.map({ queued.start >= $0 }) ?? true {
      lead(
        PackagedTrack.Intake(
          chunk: queued.chunk,
          description: queued.description,
          generation: queued.generation,
          continuity: continuity,
          tolerance: queued.tolerance,
          jitter: queued.tolerance,
          middle: queued.middle,
          utc: lastUTC
        )
      )
      continuity = .seamless
    }
  }

  func closeLeadSegment() {
    guard let end = leadEnd, !runs.isEmpty else { return }
    _ = runs[runs.endIndex - 1].timeline.closesSegment(at: end)
  }

  /// The run that a new generation of the lead belongs to: the current one when media goes on where it
  /// stopped, otherwise a new one, on the same clock when time only jumped ahead.
  func run(for intake: PackagedTrack.Intake) -> Int {
    guard let current = runs.last, let leadEnd, let slot = constants?.segmentLength else {
      return 0
    }
    let start = intake.chunk.start
    let scale = intake.timescale
    if intake.continues(from: leadEnd) { return runs.endIndex - 1 }
    let end = leadEnd.rounded(toScale: scale)
    let zero = WallClock.zero(of: [intake])
    // The last frame of what came before may be said to last longer than it did.
    if start >= end - intake.jitter, isOnClock(of: current, zero) {
      beginRun(
        current.clock.epoch,
        shiftSeconds: current.clock.shiftSeconds,
        extraDelay: current.extraDelay,
        at: intake.start,
        slot: slot
      )
    } else {
      var shift: Int64 = 0
      let servedEnd = current.clock.served(end, timescale: scale)
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
            of: intake,
            zero: zero,
            beyond: constants?.publishDelayMilliseconds ?? 0
          )
        ),
        at: intake.start,
        slot: slot
      )
    }
    outputs.append(
      .notice(
        .newRun(epoch: runs[runs.endIndex - 1].clock.epoch.name, isDiscontinuity: true)
      )
    )
    return runs.endIndex - 1
  }

  /// Whether an estimate of the publisher's clock is that of a run, to two seconds: an estimate from
  /// arrival is a whole second, and a burst may come late.
  private func isOnClock(of run: Run, _ zero: UTCTime) -> Bool {
    let told = run.clock.epoch.zero.microseconds + run.clock.shiftSeconds * 1_000_000
    return abs(zero.microseconds - told) <= 2_000_000
  }

  /// Whether a chunk of the lead is the first of a publisher that started anew: its header is another,
  /// and its clock too.
  func isRestart(_ intake: PackagedTrack.Intake) -> Bool {
    guard let leadDescription, !leadDescription.hasHeader(of: intake.description),
      let current = runs.last, intake.generation == tracks[lead].generation,
      runOfGeneration[intake.generation] != nil, !intake.continues(from: leadEnd)
    else { return false }
    return !isOnClock(of: current, WallClock.zero(of: [intake]))
  }
}

extension PackagedTrack.Intake {
  /// Whether it goes on where the lead's media ended, which may have counted in other ticks.
  func continues(from end: MediaTime?) -> Bool {
    chunk.continues(from: end?.rounded(toScale: timescale))
  }
}
