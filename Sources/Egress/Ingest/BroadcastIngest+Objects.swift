internal import MoQ
internal import Packaging
internal import Wire

/// From objects to the presentation.
extension BroadcastIngest {
  func subscribed(
    _ id: SubscriptionID,
    _ largest: Location?,
    _ properties: Properties,
    _ leg: LegID,
    now: Instant
  ) {
    guard let role = legs[leg]?.role(id) else { return }
    legs[leg]?.noteAnswer(id, now: now)
    reported.remove("missed \(name(role))")
    log(.debug, "subscribed to \(name(role)), largest \(largest.map { "\($0)" } ?? "none")")
    guard case .media(let index) = role else { return }
    legs[leg]?.largest[index] = largest
    open(index, properties, leg, now: now)
    if let newest = tracks[index].newest, legs[leg]?.isAlone == true {
      guard largest.map({ $0 < newest }) ?? true else { return }
      // Ids that go back on the only session are a new broadcast's, or this upstream is a little behind the
      // one before. Its media tells, where times are known; that it has none yet tells nothing.
      if tracks[index].times.isEmpty || largest.map(tracks[index].times.reaches) == false {
        restart(leg)
      } else {
        legs[leg]?.doubts[index] = 0
      }
    } else if presentation == nil {
      beginBackfill(index, leg, now: now)
    }
  }

  /// Finds out by its time what an object is whose id may be a new broadcast's.
  private func settleDoubt(_ object: Object, _ index: Int, _ leg: LegID, now: Instant) {
    guard let count = legs[leg]?.doubts[index] else { return }
    if let newest = tracks[index].newest, object.location <= newest {
      guard let time = tracks[index].intake?.time(of: object, now: now) else {
        legs[leg]?.doubts[index] = count + 1
        if count == Self.doubtLimit { restart(leg) }
        return
      }
      if !tracks[index].times.fit(object.location, time) { return restart(leg) }
    }
    legs[leg]?.doubts[index] = nil
  }

  /// Of so many objects some has a time that can be read.
  private static let doubtLimit = 16

  /// Forgets ids, once a session: what follows comes from a restarted publisher.
  private func restart(_ leg: LegID) {
    guard legs[leg]?.hasRestarted == false else { return }
    legs[leg]?.hasRestarted = true
    legs[leg]?.doubts = [:]
    restart()
  }

  private func restart() {
    presentation?.restart()
    for index in tracks.indices {
      tracks[index].newest = nil
      tracks[index].repairing = nil
      tracks[index].intake?.restart()
      tracks[index].seen = Self.nothingSeen
      tracks[index].times = KnownTimes()
    }
  }

  func streamEnded(
    _ id: SubscriptionID,
    _ group: UInt64,
    _ subgroup: UInt64?,
    _ end: GroupStreamEnd,
    _ leg: LegID,
    utc: UTCTime,
    now: Instant
  ) {
    guard case .media(let index)? = legs[leg]?.role(id) else { return }
    if case .refused(let reason) = end { malformed(index, "group \(group): \(reason)") }
    let told = legs[leg]?.ends[index]?.streamEnded(group: group, subgroup: subgroup, end)
    guard let told else { return }
    endGroup(told.group, at: told.end, index, now: now)
    drain(index, utc: utc, now: now)
  }

  private func endGroup(_ group: UInt64, at end: UInt64, _ index: Int, now: Instant) {
    if tracks[index].early != nil {
      tracks[index].early?.endGroup(group, at: end)
    } else {
      tracks[index].intake?.endGroup(group, at: end, now: now)
    }
  }

  func take(
    _ object: Object,
    of id: SubscriptionID,
    _ leg: LegID,
    utc: UTCTime,
    now: Instant
  ) {
    guard let role = legs[leg]?.role(id) else { return }
    switch role {
    case .catalog: takeCatalog(object, leg, now: now)
    case .header(let track): takeHeader(object, id, of: track, leg, now: now)
    case .media(let index): takeMedia(object, index, leg, utc: utc, now: now)
    }
  }

  private func takeMedia(
    _ object: Object,
    _ index: Int,
    _ leg: LegID,
    utc: UTCTime,
    now: Instant
  ) {
    let value = legs[leg]
    value?.hasMedia = true
    let told = value?.ends[index]?.note(object)
    if object.status == .normal {
      if value?.doubts.isEmpty == false { settleDoubt(object, index, leg, now: now) }
      guard tracks[index].seen.insert(object.location) else {
        tracks[index].status.duplicate += 1
        return
      }
      tracks[index].status.objects += 1
      tracks[index].status.bytes += object.payload.count
      status.lastObject = now
      if tracks[index].newest.map({ object.location > $0 }) ?? true {
        if tracks[index].newest?.group != object.group { tracks[index].status.groups += 1 }
        tracks[index].newest = object.location
        if tracks[index].times.wantsTime(now: now) {
          let time = tracks[index].intake?.time(of: object, now: now)
          tracks[index].times.note(object.location, time, now: now)
        }
      } else if let wanted = tracks[index].repairing,
        wanted.contains(ObjectPosition(group: object.group, object: object.id))
      {
        tracks[index].status.repaired += 1
      }
      if case .objectProperty(let type)? = tracks[index].catalog.initialization,
        tracks[index].catalog.packaging == .cmaf, let header = object.properties.bytes(type),
        tracks[index].intake?.isBeforeHeader(object.group) != true
      {
        plan(index, header: header, from: object.group, now: now)
      }
      if tracks[index].early != nil {
        tracks[index].early?.add(object)
      } else {
        tracks[index].intake?.take(object, now: now)
      }
    }
    if let told { endGroup(told.group, at: told.end, index, now: now) }
    drain(index, utc: utc, now: now)
    if tracks[index].intake?.looksRestarted(now: now) == true { restart() }
  }

  private func malformed(_ index: Int, _ reason: String) {
    tracks[index].status.malformed += 1
    let name = tracks[index].catalog.name
    // Once a track: a broken encoder breaks every object.
    report(
      "malformed \(name)",
      .error,
      "track \(name), \(reason); such objects are dropped and counted from now on"
    )
  }

  /// Hands on what a track's intake has made.
  func drain(_ index: Int, utc: UTCTime, now: Instant) {
    while let output = tracks[index].intake?.poll() {
      switch output {
      case .header(let header):
        plan(index, header: header, now: now)
      case .malformed(let position, let reason):
        malformed(index, "object \(position.group)/\(position.object): \(reason)")
      case .warning(let text):
        log(.warning, "track \(tracks[index].catalog.name): \(text)")
      case .absent(let range):
        if let track = tracks[index].index { presentation?.giveUpWaiting(for: range, on: track) }
      case .media(let object):
        if let presentation, let track = tracks[index].index {
          presentation.receive(object, on: track, utc: utc, now: now)
        } else if presentation == nil {
          early.add(object, track: index)
        }
      case .groupEnd(let group, let end):
        if let presentation, let track = tracks[index].index {
          presentation.endGroup(group, at: end, on: track, utc: utc, now: now)
        } else if presentation == nil {
          early.endGroup(group, at: end, track: index)
        }
      }
    }
  }
}
