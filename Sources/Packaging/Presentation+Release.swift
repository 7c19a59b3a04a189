internal import CMAF
internal import Wire

// How changes become visible: in the order of media time over all renditions.
extension Presentation {
  func advance(now: Instant) {
    guard constants != nil else { return }
    replaceSilentLead(now: now)
    for index in tracks.indices where tracks[index].life == .live {
      if !awaitsLead(index) {
        tracks[index].rejoin(tracks[lead].generation, patience: policy.stallPatience, now: now)
      }
      let info = tracks[index].beginning.info
      let cut = tracks[index].writer?.cutSegments ?? 0
      tracks[index].writer?.advance(
        runs: runs,
        run: { self.runOfGeneration[$0] },
        newestGeneration: runOfGeneration.keys.max() ?? .min,
        isLead: index == lead,
        groupLength: info.kind == .video ? groupLength : nil
      )
      if cut == 0, tracks[index].writer?.cutSegments ?? 0 > 0 {
        outputs.append(.notice(.cut(info.name)))
      }
    }
    let hasChanged = release(now: now)
    if replacementDeadline.map({ _ in retireReplaced(now: now) }) ?? false || hasChanged {
      publish()
    }
  }

  /// How far siblings may lag behind a change, so that none waits for the frame that another rendition
  /// is about to deliver.
  var slack: MediaTime { MediaTime(ticks: partTarget.ticks, timescale: 4000) }

  @discardableResult
  func release(now: Instant) -> Bool {
    guard decideStart(now: now), let startNumber else { return false }
    var hasChanged = false
    while let next = nextUpdate() {
      guard !isBlocked(next.update, except: next.index, now: now) else { break }
      guard let update = tracks[next.index].writer?.takeUpdate() else { break }
      guard update.number >= startNumber else { continue }
      decideHeaders(update, of: next.index)
      let change = headers.marked(update.change)
      notePeriod(change, update, of: next.index)
      tracks[next.index].window.apply(change)
      if tracks[next.index].shownFrom == .max, replacementDeadline == nil { show(next.index) }
      hasChanged = true
    }
    guard hasChanged else { return false }
    // A segment stays downloadable for its own length and that of the playlist after it left; a
    // playlist lists six segments at least, however short the window.
    let length = Interval(seconds: constants?.segmentLength.seconds ?? 0)
    let retention = max(policy.window, length * 6) * 2 + length * 2
    for index in tracks.indices {
      tracks[index].window.prune(retention: retention, byteLimit: policy.windowBytes)
    }
    prunePeriods()
    return true
  }

  /// Decides, with the first update of a segment in any rendition, whether it is a discontinuity because
  /// one of them changes its header there.
  ///
  /// All have to tell the same, and the first is published when the others have come nearly as far:
  /// what changes no later is known on every bridge.
  func decideHeaders(_ update: RenditionWriter.Update, of index: Int) {
    guard update.number > headers.decided ?? .min else { return }
    let lag = slack.rounded(toScale: update.time.timescale)
    let known = MediaTime(ticks: update.time.ticks - lag, timescale: update.time.timescale)
    let isFirst = headers.decided == nil
    var isChange = false
    for (other, track) in tracks.enumerated() {
      isChange =
        track.writer?.newHeaders.contains { change in
          change.number == update.number && (other == index || change.start < known)
        } ?? false || isChange
      track.writer?.forgetHeaders(through: update.number)
    }
    let isMarked = runs[update.run].timeline.boundary(update.number)?.isDiscontinuity ?? false
    headers.decide(update.number, isDiscontinuity: isChange && !isMarked && !isFirst)
  }

  /// Begins a period at the first media after a discontinuity or a gap in any rendition, or under another
  /// header.
  func notePeriod(
    _ change: RenditionWriter.Change,
    _ update: RenditionWriter.Update,
    of index: Int
  ) {
    switch change {
    case .part(let segment, let part):
      let before = tracks[index].window.segments.last
      if let before, before.number < segment.number, before.initSegment != segment.initSegment {
        periodBreak = max(periodBreak ?? .min, segment.number)
      }
      // Where a Period has begun since, it has been answered.
      let isDue = periodBreak.map { $0 > periods.last?.number ?? .min && segment.number >= $0 }
      let isBreak =
        segment.isDiscontinuity || periods.isEmpty || isDue ?? false
        || segment.number >= changeOfTracks ?? .max
      guard isBreak, segment.number > periods.last?.number ?? .min, !part.isGap else { return }
      beginPeriod(segment.number, update.run)
    case .closed(let segment, _, let isGap):
      if isGap { periodBreak = max(periodBreak ?? .min, segment.number + 1) }
    case .gap(let segment):
      periodBreak = max(periodBreak ?? .min, segment.number + 1)
    case .clear:
      arePeriodsOutdated = true
      periodBreak = max(periodBreak ?? .min, update.number)
    }
  }

  func beginPeriod(_ number: Int64, _ run: Int) {
    guard let boundary = runs[run].timeline.boundary(number) else { return }
    let clock = runs[run].clock
    let scale = boundary.start.timescale
    // The first Period of all begins with media time itself.
    let isFirst = periods.isEmpty && !arePeriodsOutdated
    if arePeriodsOutdated { periods = [] }
    arePeriodsOutdated = false
    periods.append(
      PresentationSnapshot.PeriodStart(
        number: number,
        epoch: clock.epoch,
        start: MediaTime(
          ticks: isFirst ? 0 : clock.served(boundary.start.ticks, timescale: scale),
          timescale: scale
        ),
        extraDelay: runs[run].extraDelay
      )
    )
    periodBreak = nil
    if number >= changeOfTracks ?? .max { changeOfTracks = nil }
  }

  /// Forgets periods of which no rendition that goes on holds a segment any more.
  func prunePeriods() {
    let live = tracks.filter { $0.life == .live }
    let oldest = live.compactMap { $0.window.segments.first?.number }.min() ?? .min
    while periods.count > 1, periods[1].number <= oldest { periods.removeFirst() }
  }

  /// The first segment that all renditions have from its beginning.
  func decideStart(now: Instant) -> Bool {
    if startNumber != nil { return true }
    let firsts = tracks.filter { $0.life == .live }.map { $0.writer?.firstNumber }
    if primingDeadline.map({ now >= $0 }) ?? false { isStartLate = true }
    guard isEnded || isStartLate || firsts.allSatisfy({ $0 != nil }) else { return false }
    guard let number = firsts.compactMap({ $0 }).max() else { return false }
    startNumber = number
    return true
  }

  func nextUpdate() -> (index: Int, update: RenditionWriter.Update)? {
    var best: (index: Int, update: RenditionWriter.Update)?
    for index in tracks.indices {
      guard let update = tracks[index].writer?.updates.first else { continue }
      guard let current = best else {
        best = (index, update)
        continue
      }
      if update.isBefore(current.update) { best = (index, update) }
    }
    return best
  }

  func isBlocked(
    _ update: RenditionWriter.Update,
    except index: Int,
    now: Instant
  ) -> Bool {
    guard !isEnded else { return false }
    let lag = slack.rounded(toScale: update.time.timescale)
    let time = MediaTime(ticks: update.time.ticks - lag, timescale: update.time.timescale)
    var blocked = false
    // Others wait for its siblings now, and for it nobody.
    tracks[index].blockedUntil = nil
    for sibling in tracks.indices where sibling != index && tracks[sibling].life == .live {
      guard !(tracks[sibling].writer?.isPast(time, run: update.run) ?? true) else {
        tracks[sibling].blockedUntil = nil
        if tracks[sibling].isStalled {
          tracks[sibling].isStalled = false
          outputs.append(.notice(.resumed(tracks[sibling].description.info.name)))
        }
        continue
      }
      guard !tracks[sibling].isStalled else { continue }
      let until = tracks[sibling].blockedUntil ?? now + policy.stallPatience
      tracks[sibling].blockedUntil = until
      if now >= until {
        tracks[sibling].isStalled = true
        tracks[sibling].blockedUntil = nil
        outputs.append(.notice(.stalled(tracks[sibling].description.info.name)))
      } else {
        blocked = true
      }
    }
    return blocked
  }

  func publish() {
    guard let constants else { return }
    outputs.append(
      .published(
        PresentationSnapshot(
          constants: constants,
          renditions: inOrder.map(\.snapshot),
          periods: periods,
          isEnded: isEnded
        )
      )
    )
  }
}
