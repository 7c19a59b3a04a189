internal import CMAF
internal import MoQ
internal import Packaging
internal import Wire

/// The past on joining, and what was lost on the way.
extension BroadcastIngest {
  /// Whether the window can still be filled from the start.
  var wantsBackfill: Bool { source.backfills && presentation == nil }

  /// Whether nothing of the past is waited for any more.
  func isBackfilled(now: Instant) -> Bool {
    guard let backfillDeadline, backfillDeadline > now else { return true }
    return !legs.values.contains { leg in
      leg.errands.values.contains { errand in
        switch errand {
        case .probe, .backfill: true
        case .repair: false
        }
      }
    }
  }

  /// Reads what waited for the past.
  func endBackfill(utc: UTCTime, now: Instant) {
    for index in tracks.indices {
      guard let early = tracks[index].early, let intake = tracks[index].intake else { continue }
      tracks[index].early = nil
      early.hand(to: intake, now: now)
      drain(index, utc: utc, now: now)
    }
  }

  /// How long a track's groups last, by those that are here; nil when they don't tell.
  private func groupSeconds(_ index: Int, now: Instant) -> Double? {
    guard let objects = tracks[index].early, let intake = tracks[index].intake?.copy else {
      return early.groupSeconds(track: index)
    }
    // Read on a copy: what is older than these must be read first.
    objects.hand(to: intake, now: now)
    var measured = EarlyMedia(byteLimit: configuration.packaging.windowBytes)
    while let output = intake.poll() {
      switch output {
      case .header(let header):
        guard let plan = try? TrackPlan(tracks[index].catalog, header: header) else { return nil }
        intake.configure(plan)
      case .media(let object): measured.add(object, track: index)
      default: break
      }
    }
    return measured.groupSeconds(track: index)
  }

  /// Asks for what the window holds before the newest group of a track.
  func beginBackfill(_ index: Int, _ leg: LegID, now: Instant) {
    guard wantsBackfill, let largest = legs[leg]?.largest[index], largest.group > 0 else { return }
    backfillDeadline = backfillDeadline ?? now + Self.backfillInterval
    let promised =
      tracks[index].catalog.maxGOPDurationMilliseconds
      ?? tracks[index].catalog.maxGroupDurationMilliseconds
    if let promised, promised > 0 {
      backfill(index, leg, before: largest.group, groupSeconds: Double(promised) / 1000)
    } else {
      // One group tells how long they are.
      fetch(groups: largest.group - 1...largest.group - 1, .probe(track: index), index, leg)
    }
  }

  private func backfill(_ index: Int, _ leg: LegID, before group: UInt64, groupSeconds: Double) {
    guard groupSeconds > 0, group > 0 else { return }
    let wanted = (configuration.packaging.window.seconds / groupSeconds).rounded(.up)
    let count = UInt64(min(max(wanted, 1), Self.backfillGroupLimit))
    let first = group - min(count, group)
    fetch(groups: first...group - 1, .backfill(track: index), index, leg)
  }

  private func fetch(
    groups: ClosedRange<UInt64>,
    _ errand: BroadcastLeg.Errand,
    _ index: Int,
    _ leg: LegID
  ) {
    guard let value = legs[leg], let subscription = value.subscription(of: index) else { return }
    let first = Location(group: groups.lowerBound, object: 0)
    let last = Location(group: groups.upperBound, object: .max)
    // Behind everything that is live.
    let id = value.share.fetch(first...last, of: subscription, priority: 200, for: leg)
    legs[leg]?.errands[id] = errand
  }

  func fetched(
    _ id: FetchID,
    _ outcome: FetchOutcome,
    _ leg: LegID,
    utc: UTCTime,
    now: Instant
  ) {
    guard let errand = legs[leg]?.errands.removeValue(forKey: id) else { return }
    switch errand {
    case .probe(let index):
      log(.debug, "probe of track \(tracks[index].catalog.name): \(outcome)")
      guard let largest = legs[leg]?.largest[index], largest.group > 1,
        let seconds = groupSeconds(index, now: now)
      else { return }
      backfill(index, leg, before: largest.group - 1, groupSeconds: seconds)
    case .backfill(let index):
      log(.debug, "back-fill of track \(tracks[index].catalog.name): \(outcome)")
    case .repair(let index, let wanted):
      log(.debug, "repair of track \(tracks[index].catalog.name): \(outcome)")
      // What one does not have, or does not give, another may.
      if tracks[index].repairing == wanted, hole(of: index)?.range.overlaps(wanted) == true,
        let deadline = tracks[index].repairDeadline, now < deadline, askForRepair(index, wanted)
      {
        return
      }
      // Nobody has it, or nobody gives it: waiting on is of no use. Another repair may be under way.
      giveUpWaiting(for: wanted, index, utc: utc, now: now)
    }
  }

  // MARK: Repair

  /// Takes the word of a publisher that objects don't exist.
  func absent(
    _ id: SubscriptionID,
    _ range: ClosedRange<Location>,
    _ leg: LegID,
    utc: UTCTime,
    now: Instant
  ) {
    guard case .media(let index)? = legs[leg]?.role(id) else { return }
    if range.upperBound.object == .max, range.lowerBound.group == range.upperBound.group {
      tracks[index].intake?.endGroup(
        range.lowerBound.group,
        at: range.lowerBound.object,
        now: now
      )
    }
    let first = ObjectPosition(group: range.lowerBound.group, object: range.lowerBound.object)
    let last = ObjectPosition(group: range.upperBound.group, object: range.upperBound.object)
    giveUpWaiting(for: first...last, index, utc: utc, now: now)
  }

  private func giveUpWaiting(
    for range: ClosedRange<ObjectPosition>,
    _ index: Int,
    utc: UTCTime,
    now: Instant
  ) {
    tracks[index].intake?.giveUpWaiting(for: range, now: now)
    if let track = tracks[index].index { presentation?.giveUpWaiting(for: range, on: track) }
    drain(index, utc: utc, now: now)
  }

  private func hole(of index: Int) -> (range: ClosedRange<ObjectPosition>, since: Instant)? {
    guard let track = tracks[index].index else { return nil }
    return tracks[index].intake?.hole ?? presentation?.hole(of: track)
  }

  /// Objects that are missing for long enough to be asked for, with the time from which on.
  private func missing(_ index: Int) -> (range: ClosedRange<ObjectPosition>, due: Instant)? {
    guard let hole = hole(of: index),
      tracks[index].repairing?.contains(hole.range.lowerBound) != true
    else { return nil }
    let isComing = legs.values.contains { leg in
      leg.ends[index]?.isComing(hole.range.lowerBound) == true
    }
    let delay = isComing ? max(source.repairDelay, Self.streamPatience) : source.repairDelay
    return (hole.range, hole.since + delay)
  }

  var repairDeadline: Instant? { tracks.indices.compactMap { missing($0)?.due }.min() }

  /// Fetches what is missing for too long, wherever it can be had.
  func repair(now: Instant) {
    for index in tracks.indices {
      guard let (range, due) = missing(index), due <= now else { continue }
      tracks[index].repairing = range
      tracks[index].repairers = []
      guard askForRepair(index, range) else { continue }
      tracks[index].status.repairs += 1
      // The answer ends the wait, whatever it is.
      let until = now + configuration.packaging.holePatience
      tracks[index].repairDeadline = until
      tracks[index].intake?.awaitRepair(until: until)
      if let track = tracks[index].index { presentation?.awaitRepair(of: track, until: until) }
    }
  }

  /// Asks the next session for missing objects, those first that give the past; false when all were asked.
  private func askForRepair(_ index: Int, _ range: ClosedRange<ObjectPosition>) -> Bool {
    let left = legs.filter { leg, value in
      value.subscription(of: index) != nil && !tracks[index].repairers.contains(leg)
    }
    func order(_ leg: (key: LegID, value: BroadcastLeg)) -> (Int, Int) {
      (leg.value.share.canFetch ? 0 : 1, leg.key.number)
    }
    guard let (leg, value) = left.min(by: { order($0) < order($1) }),
      let subscription = value.subscription(of: index)
    else { return false }
    tracks[index].repairers.insert(leg)
    let wanted =
      Location(
        group: range.lowerBound.group,
        object: range.lowerBound.object
      )...Location(
        group: range.upperBound.group,
        object: range.upperBound.object
      )
    let id = value.share.fetch(wanted, of: subscription, priority: 16, for: leg)
    value.errands[id] = .repair(track: index, range)
    return true
  }

  private static let backfillGroupLimit = 8192.0
  /// How long nothing comes of a stream that has not ended until it is not waited for any more: a link that is
  /// full has no room for what it carries twice, and would stay full.
  private static let streamPatience = Interval.seconds(1)
}
