import Wire

/// The past: beginnings of subscriptions, and ranges that the owner asks for.
extension SubscriberSession {
  // MARK: Commands

  /// Asks for a range of a subscription's track; what comes is reported like its other objects, and
  /// at the end `.fetchFinished`.
  ///
  /// An object id of `.max` at the end of the range asks for the whole of its group. A priority of
  /// nil is that of the subscription.
  package func fetch(
    _ id: SubscriptionID,
    range: ClosedRange<Location>,
    priority: UInt8? = nil
  ) -> FetchID {
    let fetchID = takeFetchID()
    guard let subscription = subscriptions[id.requestID] else {
      let failure = RequestFailure(meaning: .doesNotExist, reason: "the subscription is over")
      events.append(
        .fetchFinished(fetchID, FetchOutcome(end: .failed(failure), unknown: [range]))
      )
      return fetchID
    }
    begin(
      FetchJob(
        id: fetchID,
        track: subscription.track,
        subscription: id.requestID,
        priority: priority ?? subscription.options.priority,
        token: subscription.options.token,
        range: range
      ),
      .standalone
    )
    return fetchID
  }

  /// Asks for a range of a track without a subscription; what comes is reported as `.fetched`, and at
  /// the end `.fetchFinished`.
  ///
  /// Traps when no draft can carry the name.
  package func fetch(
    _ track: FullTrackName,
    range: ClosedRange<Location>,
    priority: UInt8 = 128,
    token: Token? = nil
  ) -> FetchID {
    precondition(track.isValid, "a full track name has 1…32 fields and at most 4,096 bytes")
    let fetchID = takeFetchID()
    begin(
      FetchJob(
        id: fetchID,
        track: track,
        subscription: nil,
        priority: priority,
        token: token,
        range: range
      ),
      .standalone
    )
    return fetchID
  }

  /// Gives up a FETCH; nothing of it is reported any more.
  package func cancelFetch(_ id: FetchID) {
    guard let job = fetches.removeValue(forKey: id) else { return }
    if let attempt = job.attempt { release(attempt, isCancelled: true) }
    if let subscription = job.subscription { endIfDrained(subscription) }
  }

  func takeFetchID() -> FetchID {
    defer { nextFetch += 1 }
    return FetchID(number: nextFetch)
  }

  // MARK: Asking

  /// Begins the join of a subscription whose start wants some of the past.
  ///
  /// A joining FETCH waits for SUBSCRIBE_OK because draft-14 publishers refuse one that overtakes it.
  func join(_ requestID: UInt64, largest: Location?) {
    guard let subscription = subscriptions[requestID],
      let backlog = subscription.options.start.backlog
    else { return }
    let awaitsFill = subscription.awaitsFill
    subscription.awaitsFill = false
    guard let largest else {
      // Nothing was published, so the live subscription has everything.
      events.append(.joinEnded(subscription.id, FetchOutcome()))
      return
    }
    let groups = min(backlog, largest.group)
    let form: FetchForm =
      if subscription.isPush {
        .standalone
      } else if awaitsFill {
        .fill(requestID)
      } else {
        .joining(requestID, groups: min(backlog, draft.largestInteger))
      }
    begin(
      FetchJob(
        id: takeFetchID(),
        track: subscription.track,
        subscription: requestID,
        isJoin: true,
        priority: subscription.options.priority,
        token: subscription.options.token,
        range: Location(group: largest.group - groups, object: 0)...largest
      ),
      form
    )
  }

  func begin(_ job: FetchJob, _ form: FetchForm) {
    var job = job
    if let failure = obstacle(to: job, form) {
      job.end(.failed(failure))
      job.leaveOut([job.range], maximumRanges: limits.fetchRanges)
      report(job)
      return
    }
    fetches[job.id] = job
    let spansGroups = job.range.lowerBound.group != job.range.upperBound.group
    if splitsFetches, spansGroups, form == .standalone {
      split(job.id)
    } else {
      ask(job.id, job.range, form)
    }
  }

  /// Why a range cannot be asked for; nil when it can.
  private func obstacle(to job: FetchJob, _ form: FetchForm) -> RequestFailure? {
    if form.isFill { return nil }
    if let failure = requestObstacle { return failure }
    guard canFetch || form != .standalone else {
      return RequestFailure(meaning: .notSupported, reason: "the peer serves no FETCH")
    }
    guard fetches.count < limits.fetches else {
      return RequestFailure(meaning: .excessiveLoad, reason: "\(limits.fetches) at a time")
    }
    guard max(job.range.lowerBound.group, job.range.lowerBound.object) <= draft.largestInteger
    else { return RequestFailure(meaning: .invalidRange, reason: "the draft cannot say it") }
    return nil
  }

  private func ask(_ id: FetchID, _ range: ClosedRange<Location>, _ form: FetchForm) {
    guard let job = fetches[id] else { return }
    var parameters = Parameters()
    parameters.subscriberPriority = job.priority
    parameters.groupOrder = .ascending
    parameters.token = job.token ?? core.options.requestToken
    let requestID: UInt64
    switch form {
    case .fill(let subscription): requestID = subscription
    case .joining(let subscription, let groups):
      requestID = core.request {
        .fetch(
          Fetch(
            requestID: $0,
            range: .relativeJoining(requestID: subscription, groups: groups),
            parameters: parameters
          )
        )
      }
    case .standalone:
      requestID = core.request {
        .fetch(
          Fetch(requestID: $0, track: job.track, range: range, parameters, draft: draft)
        )
      }
    }
    fetchOfRequest[requestID] = id
    fetches[id]?.attempt = FetchAttempt(
      requestID: requestID,
      form: form,
      range: range,
      deadline: now + (form.isFill ? limits.fillInterval : limits.fetchInterval),
      maximumRanges: limits.fetchRanges
    )
  }

  /// Asks for one group at a time, the newest first.
  func split(_ id: FetchID) {
    guard let job = fetches[id] else { return }
    var range = job.range
    // What lies after the newest object is no past.
    if let subscription = job.subscription, let largest = subscriptions[subscription]?.largest,
      largest.group < range.upperBound.group, largest >= range.lowerBound
    {
      let future = Location(group: largest.group + 1, object: 0)...range.upperBound
      fetches[id]?.leaveOut([future], maximumRanges: limits.fetchRanges)
      range = range.lowerBound...Location(group: largest.group, object: .max)
    }
    if range.upperBound.group > draft.largestInteger {
      // No publisher of the draft can have such groups.
      let beyond = Location(group: draft.largestInteger + 1, object: 0)...range.upperBound
      fetches[id]?.leaveOut([beyond], maximumRanges: limits.fetchRanges)
      range = range.lowerBound...Location(group: draft.largestInteger, object: .max)
    }
    let (groups, rest) = FetchJob.split(range, maximumGroups: limits.splitGroups)
    if let rest { fetches[id]?.leaveOut([rest], maximumRanges: limits.fetchRanges) }
    fetches[id]?.isSplit = true
    fetches[id]?.waiting = groups
    proceed(id)
  }

  func proceed(_ id: FetchID) {
    guard let range = fetches[id]?.waiting.popLast() else {
      guard let job = fetches.removeValue(forKey: id) else { return }
      report(job)
      if let subscription = job.subscription { endIfDrained(subscription) }
      return
    }
    ask(id, range, .standalone)
  }

  func report(_ job: FetchJob) {
    if !job.isJoin {
      events.append(.fetchFinished(job.id, job.outcome))
    } else if let requestID = job.subscription, let id = subscriptions[requestID]?.id {
      events.append(.joinEnded(id, job.outcome))
    }
  }
}

extension Fetch {
  /// A FETCH of a range with both ends included, as the draft says it.
  init(
    requestID: UInt64,
    track: FullTrackName,
    range: ClosedRange<Location>,
    _ parameters: Parameters,
    draft: Draft
  ) {
    var end = range.upperBound
    end.group = min(end.group, draft.largestInteger)
    guard draft.profile.fetchHasType else {
      var parameters = parameters
      parameters.filter =
        end.object == .max
        ? .groups(start: range.lowerBound, endGroup: end.group)
        : .range(start: range.lowerBound, end: end)
      self.init(requestID: requestID, range: .filtered(track), parameters: parameters)
      return
    }
    // The end is the object after the last one; 0 is the whole group.
    end.object = end.object >= draft.largestInteger ? 0 : end.object + 1
    self.init(
      requestID: requestID,
      range: .standalone(track, start: range.lowerBound, end: end),
      parameters: parameters
    )
  }
}
