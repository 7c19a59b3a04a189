internal import MoQ
internal import Wire

/// Subscriptions that are refused, not answered or over: what is asked for again, and what ends a broadcast.
extension BroadcastIngest {
  func refused(
    _ id: SubscriptionID,
    _ failure: RequestFailure,
    _ leg: LegID,
    now: Instant
  ) {
    guard let value = legs[leg], let role = value.forget(id) else { return }
    let reason =
      "\(failure.meaning)" + (failure.reason.isEmpty ? "" : ", \"\(failure.reason)\"")
      + (failure.code.map { " (code \($0))" } ?? "")
    if role == .catalog {
      if let uri = failure.redirect?.uri, !uri.isEmpty { return redirect(leg, to: uri) }
      if value.catalog.catalog == nil {
        noteWish(failure.retryAfter, role, leg)
        return refuseCatalog(leg, reason, now: now)
      }
    }
    miss(role, "was refused: \(reason)", after: failure.retryAfter, leg, now: now)
  }

  func ended(_ id: SubscriptionID, _ end: SubscriptionEnd, _ leg: LegID, now: Instant) {
    guard let value = legs[leg], let role = value.forget(id) else { return }
    let reason = "\(end.status)" + (end.reason.isEmpty ? "" : ", \"\(end.reason)\"")
    switch role {
    case .catalog:
      report("the catalog ended: \(reason)", .info, "the catalog ended: \(reason)")
      if end.status == .trackEnded { value.catalog.end() }
      // What it says next must be known; before it said anything its deadline tells.
      guard value.catalog.catalog != nil else { return }
      if end.status != .trackEnded || status.phase == .ended { askLater(role, leg, now: now) }
    case .header: break
    case .media(let index):
      log(.info, "track \(tracks[index].catalog.name) ended: \(reason)")
      guard end.status == .trackEnded || tracks[index].absentSince != nil else {
        return fail(leg, "track \(tracks[index].catalog.name) ended: \(reason)")
      }
      value.endedTracks.insert(index)
      // An upstream may have lost it by itself.
      value.endDeadline = value.endDeadline ?? now + Self.endInterval
      endIfOver(index, now: now)
    }
  }

  /// Ends a track that has ended on a session and is followed on no other, and the broadcast with its last one.
  private func endIfOver(_ index: Int, now: Instant) {
    guard !isFollowed(index), legs.values.contains(where: { $0.endedTracks.contains(index) }) else {
      return
    }
    tracks[index].isEnded = true
    if tracks.indices.allSatisfy(isOver) { finish(now: now) }
  }

  /// Whether a track is subscribed to on any session.
  private func isFollowed(_ index: Int) -> Bool {
    legs.values.contains { $0.subscription(of: index) != nil }
  }

  /// Whether nothing of a track is to be waited for: it has ended, or was never to be had.
  private func isOver(_ index: Int) -> Bool {
    if tracks[index].isEnded || tracks[index].forgetAt != nil { return true }
    let header = BroadcastLeg.Role.header(track: tracks[index].catalog.name)
    return tracks[index].newest == nil && !isFollowed(index)
      && !legs.values.contains { $0.roles.values.contains(header) }
  }

  // MARK: Asking again

  /// Keeps in mind how long a publisher wants to be left alone.
  private func noteWish(_ wish: Interval?, _ role: BroadcastLeg.Role, _ leg: LegID) {
    let backoff = Backoff(first: source.reconnectFirst, most: source.reconnectMost)
    var retry = legs[leg]?.retries[role] ?? BroadcastLeg.Retry(backoff: backoff)
    if let since = retry.acceptedAt, now - since >= Self.lastingInterval { retry.backoff = backoff }
    retry.acceptedAt = nil
    retry.wish = max(retry.wish, wish ?? .zero)
    legs[leg]?.retries[role] = retry
  }

  /// After the end of a broadcast its catalog is looked for again: another may begin under the name.
  func lookForAnother(now: Instant) {
    for (leg, value) in legs
    where value.catalog.catalog != nil && value.catalogSubscription == nil
      && value.retries[.catalog]?.due == nil
    {
      askLater(.catalog, leg, now: now)
    }
  }

  private func askLater(_ role: BroadcastLeg.Role, _ leg: LegID, now: Instant) {
    noteWish(nil, role, leg)
    guard var retry = legs[leg]?.retries[role] else { return }
    let pause = max(retry.backoff.next(using: &random), min(retry.wish, Backoff.longestWish))
    retry.due = now + pause
    retry.wish = .zero
    legs[leg]?.retries[role] = retry
  }

  /// A track is not to be had now: under another name perhaps, or later.
  private func miss(
    _ role: BroadcastLeg.Role,
    _ what: String,
    after wish: Interval?,
    _ leg: LegID,
    now: Instant
  ) {
    // Of what is over nothing is looked for, but the catalog may tell of something new.
    guard let value = legs[leg], role == .catalog || status.phase != .ended else { return }
    noteWish(wish, role, leg)
    if case .media(let index) = role {
      value.names[index] = Array(value.names[index]?.dropFirst() ?? [])
      if value.names[index]?.isEmpty == false { return subscribe(index, leg) }
    }
    if case .media(let index) = role {
      endIfOver(index, now: now)
      if status.phase == .ended { return }
    }
    if role != .catalog, !value.hasTracks {
      // Without any of its tracks the broadcast is not there, whatever its catalog says.
      let pause = value.retries.values.map(\.wish).max() ?? .zero
      return fail(leg, "no track is to be had: \(name(role)) \(what)", after: pause)
    }
    report(
      "missed \(name(role))",
      status.phase == .ended ? .info : .error,
      "\(name(role)) \(what); it is asked for again"
    )
    askLater(role, leg, now: now)
  }

  /// Asks again for what was not to be had before.
  private func retry(_ role: BroadcastLeg.Role, _ leg: LegID, now: Instant) {
    guard let value = legs[leg] else { return }
    value.retries[role]?.due = nil
    guard role == .catalog || status.phase != .ended else { return }
    switch role {
    case .catalog:
      guard value.catalogSubscription == nil, let name = value.catalog.names.first else { return }
      value.catalog.renew()
      let id = value.share.subscribe(
        name,
        options: SubscribeOptions(priority: 0, start: .currentGroup),
        for: leg
      )
      value.note(id, .catalog, until: now + source.answerTimeout)
    case .header(let name):
      guard let index = index(of: name), tracks[index].absentSince == nil else { return }
      if !tracks[index].isReadable {
        prepare(index, leg, now: now)
      } else if value.subscription(of: index) == nil {
        subscribe(index, leg)
      }
    case .media(let index):
      guard tracks[index].absentSince == nil, tracks[index].forgetAt == nil else { return }
      if value.subscription(of: index) == nil { subscribe(index, leg) }
    }
  }

  /// Acts on what has waited for long enough on a session.
  func handleTimeout(of leg: LegID, now: Instant) {
    guard let value = legs[leg] else { return }
    let silence = "no answer within \(source.answerTimeout.seconds) s"
    if let deadline = value.catalog.deadline, deadline <= now {
      refuseCatalog(leg, silence, now: now)
    }
    for (id, deadline) in value.unanswered where deadline <= now {
      guard let role = value.role(id) else { continue }
      value.share.unsubscribe(id)
      _ = value.forget(id)
      if role == .catalog, value.catalog.catalog == nil {
        refuseCatalog(leg, silence, now: now)
      } else {
        miss(role, "is not to be had: \(silence)", after: nil, leg, now: now)
      }
    }
    for (role, retry) in value.retries {
      guard let due = retry.due, due <= now else { continue }
      self.retry(role, leg, now: now)
    }
    if let deadline = value.endDeadline, deadline <= now {
      let isOver = status.phase == .ended
      let lost = isOver ? [] : value.endedTracks.sorted().filter { !tracks[$0].isEnded }
      // What the catalog has no more is looked at again: it may come back before it is given up.
      value.endDeadline = lost.isEmpty ? nil : now + Self.endInterval
      if let index = lost.first(where: { tracks[$0].absentSince == nil }) {
        // It is as good as any that has failed, until it is found to have the track again.
        fail(leg, "track \(tracks[index].catalog.name) ended here, but not elsewhere")
      }
    }
  }

  /// How long a subscription lasts whose end is no refusal.
  private static let lastingInterval = Interval.seconds(1)
  /// How long the end of a track may take to be told by every upstream.
  private static let endInterval = Interval.seconds(2)
}
