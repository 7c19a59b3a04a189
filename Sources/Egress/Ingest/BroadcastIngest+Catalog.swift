internal import MoQ
internal import Packaging
internal import Remux
internal import Wire

/// From the catalog to subscriptions.
extension BroadcastIngest {
  func askForCatalog(_ leg: LegID, now: Instant) {
    guard let share = legs[leg]?.share else { return }
    guard let name = legs[leg]?.catalog.names.first else {
      legs[leg]?.catalog.deadline = nil
      fail(
        leg,
        "no catalog for namespace \(namespace.joined()) at \(share.url): "
          + "\(legs[leg]?.catalog.lastRefusal ?? ""); is it published, and is the name right "
          + "(probe lists what is there)?",
        after: legs[leg]?.retries[.catalog]?.wish ?? .zero
      )
      return
    }
    legs[leg]?.catalogNamespace = name.namespace
    legs[leg]?.catalog.deadline = now + source.answerTimeout
    let id = share.subscribe(
      name,
      options: SubscribeOptions(priority: 0, start: .currentGroup),
      for: leg
    )
    legs[leg]?.note(id, .catalog, until: now + source.answerTimeout)
  }

  /// Gives the present name of the catalog up and tries the next.
  func refuseCatalog(_ leg: LegID, _ reason: String, now: Instant) {
    guard let value = legs[leg] else { return }
    if let id = value.catalogSubscription {
      value.share.unsubscribe(id)
      _ = legs[leg]?.forget(id)
    }
    let name = value.catalog.names.first.map { "\($0)" } ?? "it"
    legs[leg]?.catalog.refuse("the relay refused \(name): \(reason)")
    askForCatalog(leg, now: now)
  }

  func takeCatalog(_ object: Object, _ leg: LegID, now: Instant) {
    guard let result = legs[leg]?.catalog.take(object) else { return }
    switch result {
    case .nothing: break
    case .changed(let catalog, let problems):
      for problem in problems {
        report(
          problem.description,
          problem.isTrackSkipped ? .error : .warning,
          "catalog: \(problem.description)"
        )
      }
      apply(catalog, leg, now: now)
    case .unreadable(let reason):
      log(.error, reason)
      // The last good catalog stays until the next whole one.
      if legs[leg]?.catalog.catalog == nil { fail(leg, "the catalog makes no sense: \(reason)") }
    }
  }

  /// Subscribes to what is new in the catalog.
  func apply(_ catalog: Catalog, _ leg: LegID, now: Instant) {
    if catalog.isComplete {
      completeDeadline = completeDeadline ?? now + Self.completeInterval
    }
    if status.phase == .ended, !catalog.isComplete, !catalog.tracks.isEmpty {
      // A new broadcast under the name of one that has ended.
      presentation = nil
      early = EarlyMedia(byteLimit: configuration.packaging.windowBytes)
      tracks = []
      for value in legs.values { value.forgetTracks() }
      status.phase = .waitingForCatalog
    }
    noteAbsence(now: now)
    for wanted in catalog.tracks {
      guard let index = track(for: wanted, now: now) else { continue }
      let known = tracks[index].catalog
      let hasChanged = known.initialization != wanted.initialization
      tracks[index].catalog = wanted
      // One that was missing when packaging began has a plan and no place yet.
      let isLeftOut = presentation != nil && tracks[index].index == nil
      if known != wanted || isLeftOut, !hasChanged,
        let header = tracks[index].plan?.description.initSegment.bytes
      {
        // What else a catalog says of a track goes with its media from here on.
        plan(index, header: header, now: now)
      }
      if legs[leg]?.names[index] == nil, let namespace = legs[leg]?.catalogNamespace {
        legs[leg]?.names[index] = wanted.fullTrackNames(in: namespace)
      }
      if hasChanged || !tracks[index].isReadable {
        prepare(index, leg, now: now)
      } else if legs[leg]?.subscription(of: index) == nil {
        subscribe(index, leg)
      }
    }
    // On another session than the one that made the plans, too.
    if presentation == nil, settleDeadline == nil, tracks.contains(where: { $0.plan != nil }) {
      settleDeadline = now + Self.settleInterval
    }
    if tracks.isEmpty, !catalog.isComplete {
      report("nothing", .error, "the catalog has no track that can be served")
    }
  }

  /// The index of a catalog's track, which may be new; nil when it is not wanted.
  private func track(for wanted: CatalogTrack, now: Instant) -> Int? {
    if let index = index(of: wanted.name) { return index }
    let limit = configuration.moq.tracks
    guard tracks.count(where: { $0.absentSince == nil && $0.forgetAt == nil }) < limit else {
      report(
        "tracks",
        .error,
        "the catalog has more than moq.tracks = \(limit) tracks: \(wanted.name) and others are left out"
      )
      return nil
    }
    guard isWanted(wanted) else { return nil }
    makeRoom(for: limit, now: now)
    trackCount += 1
    let track = Track(catalog: wanted, place: trackCount, seen: Self.nothingSeen)
    track.status.name = wanted.name
    tracks.append(track)
    return tracks.count - 1
  }

  private func isWanted(_ track: CatalogTrack) -> Bool {
    guard MediaIntake.takes(track.packaging) else {
      report(
        "packaging \(track.name)",
        .warning,
        "track \(track.name) is left out: packaging \(track.packaging.text) is not served"
      )
      return false
    }
    guard track.encryptionScheme == nil else {
      report(
        "encryption \(track.name)",
        .warning,
        "track \(track.name) is left out: its objects are encrypted"
      )
      return false
    }
    return true
  }

  /// Gets what a track's objects need to be read, and subscribes.
  func prepare(_ index: Int, _ leg: LegID, now: Instant) {
    let track = tracks[index].catalog
    if track.packaging == .cmaf {
      switch track.initialization {
      case .data(let header): plan(index, header: header, now: now)
      case .track(let name): return subscribeHeader(name, of: track.name, leg)
      case .trackProperty, .objectProperty: break
      case nil:
        report(
          "header \(track.name)",
          .warning,
          "track \(track.name) is left out: the catalog has no header for it"
        )
      }
    }
    if tracks[index].isReadable, legs[leg]?.subscription(of: index) == nil {
      subscribe(index, leg)
    }
  }

  private func subscribeHeader(_ name: String, of track: String, _ leg: LegID) {
    let role = BroadcastLeg.Role.header(track: track)
    guard let value = legs[leg], value.retries[role]?.due == nil,
      !value.roles.values.contains(role)
    else { return }
    let id = value.share.subscribe(
      FullTrackName(value.catalogNamespace, name),
      options: SubscribeOptions(priority: 1, start: .currentGroup),
      for: leg
    )
    value.note(id, role, until: now + source.answerTimeout)
  }

  /// Takes a header that was published as a track of its own.
  func takeHeader(
    _ object: Object,
    _ id: SubscriptionID,
    of name: String,
    _ leg: LegID,
    now: Instant
  ) {
    guard !object.payload.isEmpty,
      let index = index(of: name)
    else { return }
    _ = legs[leg]?.forget(id)
    legs[leg]?.share.unsubscribe(id)
    plan(index, header: object.payload, now: now)
    if tracks[index].plan != nil, legs[leg]?.subscription(of: index) == nil {
      subscribe(index, leg)
    }
  }

  /// Makes ready to read a track's objects, once its subscription says the last that is needed.
  func open(_ index: Int, _ properties: Properties, _ leg: LegID, now: Instant) {
    let track = tracks[index].catalog
    if track.packaging == .cmaf {
      guard case .trackProperty(let type)? = track.initialization,
        let header = properties.bytes(type)
      else { return }
      plan(index, header: header, now: now)
    } else if tracks[index].intake == nil, let draft = legs[leg]?.share.draft,
      let source = RemuxSource(track, properties: properties, draft: draft)
    {
      tracks[index].intake = MediaIntake(source, patience: configuration.packaging.holePatience)
      if wantsBackfill {
        tracks[index].early = EarlyObjects(
          byteLimit: configuration.packaging.windowBytes,
          isTimedByProperties: [.loc, .hangLOC, .mediaInterop].contains(track.packaging)
        )
      }
    }
  }

  /// Learns how a track is packaged, from a group on where that is known.
  func plan(_ index: Int, header: Bytes, from group: UInt64? = nil, now: Instant) {
    let plan: TrackPlan
    do throws(TrackPlan.Refusal) {
      plan = try TrackPlan(tracks[index].catalog, header: header)
    } catch {
      let name = tracks[index].catalog.name
      report("plan \(name)", .error, "track \(name) is left out: \(error.reason)")
      return
    }
    let known = tracks[index].plan?.description
    if let known, known.info.kind != plan.description.info.kind {
      return refuse(plan.description.info.kind, of: index, which: known.info.kind)
    }
    if tracks[index].catalog.packaging == .cmaf, tracks[index].intake == nil {
      tracks[index].intake = MediaIntake(plan)
    }
    if known != plan.description {
      tracks[index].plan = plan
      tracks[index].intake?.configure(plan, from: group)
      tracks[index].status.kind = plan.description.info.kind.rawValue
      tracks[index].status.codec = plan.description.info.codec
    }
    if let presentation, tracks[index].index == nil {
      tracks[index].index = presentation.addTrack(plan.description, rank: tracks[index].place)
    }
    if presentation == nil, settleDeadline == nil { settleDeadline = now + Self.settleInterval }
  }

  /// Gives up a track whose header makes it another kind: the playlists of sound can't go on with
  /// pictures, nor those with sound.
  private func refuse(_ kind: MediaKind, of index: Int, which known: MediaKind) {
    tracks[index].intake = nil
    let name = tracks[index].catalog.name
    report(
      "kind \(name)",
      .error,
      "track \(name) is left out from now on: it was \(known) and its header says \(kind)"
    )
  }

  /// Whether every track that is subscribed has shown what it is, or had its time.
  func arePlanned(now: Instant) -> Bool {
    let isWaiting = tracks.indices.contains { index in
      tracks[index].plan == nil && tracks[index].absentSince == nil
        && legs.values.contains { $0.subscription(of: index) != nil }
    }
    guard isWaiting else { return true }
    let deadline = planDeadline ?? now + configuration.packaging.primingPatience
    planDeadline = deadline
    return deadline <= now
  }

  func subscribe(_ index: Int, _ leg: LegID) {
    guard let value = legs[leg], value.retries[.media(index)]?.due == nil else { return }
    if value.names[index]?.isEmpty != false {
      value.names[index] = tracks[index].catalog.fullTrackNames(in: value.catalogNamespace)
    }
    guard let name = value.names[index]?.first else { return }
    let isAudio = tracks[index].isAudio
    // A late audio frame is missed more than a late picture.
    let id = value.share.subscribe(
      name,
      options: SubscribeOptions(
        priority: isAudio ? 32 : 64,
        start: wantsBackfill ? .currentGroup : .nextGroup
      ),
      for: leg
    )
    value.note(id, .media(index), until: now + source.answerTimeout)
    value.ends[index] = GroupEnds(isVideo: !isAudio)
    value.endedTracks.remove(index)
    tracks[index].isEnded = false
    if status.phase == .waitingForCatalog { status.phase = .waitingForMedia }
  }

  func makePresentation(utc: UTCTime, now: Instant) {
    settleDeadline = nil
    backfillDeadline = nil
    planDeadline = nil
    // Video first, as manifests want it; otherwise as in the catalog.
    let planned = tracks.indices.filter { tracks[$0].plan != nil }
    let present = planned.filter { tracks[$0].absentSince == nil }
    let order = (present.isEmpty ? planned : present).sorted { left, right in
      (tracks[left].isAudio ? 1 : 0, left) < (tracks[right].isAudio ? 1 : 0, right)
    }
    let descriptions = order.compactMap { tracks[$0].plan?.description }
    guard !descriptions.isEmpty else { return }
    for (position, index) in order.enumerated() { tracks[index].index = position }
    let made = Presentation(tracks: descriptions, policy: configuration.packaging)
    presentation = made
    let waiting = early
    early = EarlyMedia(byteLimit: configuration.packaging.windowBytes)
    for handed in waiting.inOrder() {
      guard let track = tracks[handed.track].index else { continue }
      // The past came just now, but was made earlier.
      let then = UTCTime(microseconds: utc.microseconds - handed.age.nanoseconds / 1000)
      switch handed.content {
      case .object(let object): made.receive(object, on: track, utc: then, now: now)
      case .groupEnd(let group, let end):
        made.endGroup(group, at: end, on: track, utc: then, now: now)
      }
    }
  }

  static let nothingSeen = DeliveredObjects(maximumGroups: 1024, maximumRuns: 1024)
}

extension BroadcastIngest.Track {
  /// Whether its objects can be read, or will show how.
  var isReadable: Bool {
    guard catalog.packaging == .cmaf else { return true }
    switch catalog.initialization {
    case .trackProperty, .objectProperty: return true
    case .data, .track, nil: return plan != nil
    }
  }

  var isAudio: Bool { (plan?.description.info.kind.rawValue ?? catalog.role) == "audio" }
}
