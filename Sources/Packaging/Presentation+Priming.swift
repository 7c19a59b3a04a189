internal import CMAF
internal import Wire

// How packaging begins: constants of the presentation follow from the first group.
extension Presentation {
  /// Waits for one whole group of the lead and something of every other track: constants of the
  /// presentation follow from them.
  ///
  /// Silent tracks are waited for only so long.
  func beginIfReady(now: Instant, utc: UTCTime) {
    if primingDeadline == nil, tracks.contains(where: { !$0.primed.isEmpty }) {
      primingDeadline = now + policy.primingPatience
    }
    let isMeasured =
      tracks[lead].firstGroupLength != nil
      || isPrimingLate && tracks[lead].approximateGroupLength != nil
    guard isMeasured, isPrimingLate || tracks.allSatisfy({ !$0.primed.isEmpty || $0.life != .live })
    else { return }
    if isPrimingLate { primingDeadline = now }
    begin(now: now, utc: utc)
  }

  /// Acts on the deadline: silent tracks are not waited for any longer.
  ///
  /// The lead's first group is, five times as long, because the length of segments can't be changed
  /// later.
  func endPriming(now: Instant, utc: UTCTime) {
    if tracks[lead].firstPrimedChunk == nil,
      let other = followers.first(where: { tracks[$0].firstPrimedChunk != nil })
    {
      lead = other
    }
    if tracks[lead].firstPrimedChunk != nil,
      isPrimingLate || tracks[lead].approximateGroupLength != nil
    {
      begin(now: now, utc: utc)
    } else {
      isPrimingLate = true
      primingDeadline = now + policy.primingPatience * 4
    }
  }

  func begin(now: Instant, utc: UTCTime?) {
    let track = tracks[lead]
    guard let first = track.firstPrimedChunk else { return }
    let scale = first.timescale
    let isVideo = track.description.info.kind == .video
    var measured = track.approximateGroupLength ?? first.chunk.duration
    isSteady = !isVideo || track.isSteady
    if !isSteady { measured = lengthOfUnsteadyGroups(measured, scale) }
    let group = MediaTime(
      ticks: max(1, lengthOfGroups(measured, promised: first.description.groupLength, scale)),
      timescale: scale
    )
    let target = MediaTime(
      ticks: policy.segmentTarget.nanoseconds / 1000,
      timescale: 1_000_000
    )
    // A twentieth short of the target reaches it, or jitter would double the length of segments.
    let targetTicks = max(1, target.rounded(toScale: scale))
    let enoughTicks = max(1, targetTicks - targetTicks / 20)
    let slot =
      isVideo
      ? MediaTime(
        ticks: group.ticks * max(1, (enoughTicks + group.ticks - 1) / group.ticks),
        timescale: scale
      ) : MediaTime(ticks: targetTicks, timescale: scale)
    groupLength = group

    var partMilliseconds = Int(policy.partTarget.nanoseconds / 1_000_000)
    for track in tracks {
      guard let longest = track.longestPrimedChunk else { continue }
      partMilliseconds = max(
        partMilliseconds,
        Int(clamping: ceilingMilliseconds(longest))
      )
    }
    partMilliseconds = fittingPartMilliseconds(atMost: partMilliseconds)
    partTarget = MediaTime(ticks: Int64(partMilliseconds), timescale: 1000)
    // A sibling with a clock of its own must not move the broadcast's.
    let zero = WallClock.zero(of: track.primedChunks)
    constants = PresentationSnapshot.Constants(
      targetDuration: targetSeconds(slot),
      partTargetMilliseconds: partMilliseconds,
      segmentLength: slot,
      window: policy.window,
      publishDelayMilliseconds: policy.publishDelay > .seconds(0)
        ? Int(policy.publishDelay.nanoseconds / 1_000_000)
        : WallClock.delayMilliseconds(of: tracks.flatMap(\.primedChunks), zero: zero),
      zero: zero
    )
    for index in tracks.indices { tracks[index].startWriting(partTarget: partTarget) }

    beginRun(
      Epoch(name: WallClock.name(zero), zero: zero),
      shiftSeconds: 0,
      at: track.groupStart ?? first.start,
      slot: slot
    )
    runOfGeneration = [first.generation: 0]
    outputs.append(
      .notice(
        .started(
          lead: track.description.info.name,
          segment: slot,
          partMilliseconds: partMilliseconds,
          epoch: runs[0].clock.epoch.name
        )
      )
    )
    // The lead first: the others need its boundaries.
    for index in [lead] + tracks.indices.filter({ $0 != lead }) {
      for event in tracks[index].takePrimed() { put(event, index) }
    }
    advance(now: now)
  }

  /// The whole seconds that no segment exceeds when rounded (rfc8216bis §"EXT-X-TARGETDURATION").
  ///
  /// Segments may be a little longer than their slot, and those of sound are whole chunks.
  private func targetSeconds(_ slot: MediaTime) -> Int {
    let sounds = tracks.filter { $0.description.info.kind == .audio }
      .compactMap(\.longestPrimedChunk)
    let longest = sounds.filter { $0.ticks > 0 }.map { chunk in
      let span = max(1, slot.rounded(toScale: chunk.timescale))
      let ticks = Int128((span + chunk.ticks - 1) / chunk.ticks) * Int128(chunk.ticks)
      return Int64(clamping: ticks * 1000 / Int128(chunk.timescale))
    }
    let milliseconds = max(slot.rounded(toScale: 1000) + 50, longest.max() ?? 0)
    return max(1, Int(clamping: (milliseconds + 500) / 1000))
  }

  /// What rounds to the target duration, just so.
  func longestSegment(_ slot: MediaTime) -> MediaTime {
    let seconds = constants?.targetDuration ?? targetSeconds(slot)
    return MediaTime(ticks: Int64(seconds) * 1000 + 499, timescale: 1000)
  }

  /// The longest part target up to a limit that the chunks of every track fill to 85 % at least,
  /// rfc8216bis §"EXT-X-PART"; where none does, the one that they fill best.
  func fittingPartMilliseconds(atMost limit: Int) -> Int {
    let chunks = tracks.compactMap(\.longestPrimedChunk).filter { $0.ticks > 0 }
    let least = chunks.map { Int(clamping: ceilingMilliseconds($0)) }.max() ?? limit
    /// How much of a target parts of whole chunks fill, in thousandths.
    func fill(_ target: Int) -> Int {
      chunks.map { chunk in
        let whole = Int128(target) * Int128(chunk.timescale) / (Int128(chunk.ticks) * 1000)
        let filled = whole * Int128(chunk.ticks) * 1_000_000 / Int128(chunk.timescale)
        return Int(clamping: filled / Int128(max(target, 1)))
      }.min() ?? 1000
    }
    var candidates: Set<Int> = [limit]
    for chunk in chunks {
      for count in 1...64 {
        let (ticks, overflow) = chunk.ticks.multipliedReportingOverflow(by: Int64(count))
        let target = Int(
          clamping: ceilingMilliseconds(MediaTime(ticks: ticks, timescale: chunk.timescale))
        )
        guard !overflow, target <= limit else { break }
        if target >= least { candidates.insert(target) }
      }
    }
    let sorted = candidates.sorted(by: >)
    // A hundredth above the rule: parts and target are rounded to milliseconds.
    return sorted.first { fill($0) >= 860 } ?? sorted.max { fill($0) < fill($1) } ?? limit
  }

  /// The measured length, unless the catalog promises clearly longer groups: then they vary.
  func lengthOfGroups(_ measured: Int64, promised: MediaTime?, _ scale: UInt32) -> Int64 {
    let measured = min(measured, MediaChunk.durationLimitSeconds * Int64(scale))
    guard let promised = promised?.rounded(toScale: scale), promised > measured + measured / 50
    else { return measured }
    return promised
  }

  /// A whole number of half seconds where a group is about as long: pictures of cameras come when they
  /// come, key frames by a clock, and no two bridges see the same first group.
  func lengthOfUnsteadyGroups(_ measured: Int64, _ scale: UInt32) -> Int64 {
    let half = max(1, Int64(scale) / 2)
    let whole = (min(measured, .max - half) + half / 2) / half * half
    return whole > 0 && abs(whole - measured) <= Int64(scale) / 10 ? whole : measured
  }

  func ceilingMilliseconds(_ time: MediaTime) -> Int64 {
    let scale = Int128(time.timescale)
    return Int64(clamping: (Int128(time.ticks) * 1000 + scale - 1) / scale)
  }
}
