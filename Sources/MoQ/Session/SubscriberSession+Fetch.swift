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
    subscriptions[requestID]?.awaitsFill = false
    guard let largest else {
      // Nothing was published, so the live subscription has everything.
      events.append(.joinEnded(subscription.id, FetchOutcome()))
      return
    }
    let groups = min(backlog, largest.group)
    let form: FetchForm =
      if subscription.isPush {
        .standalone
      } else if subscription.awaitsFill {
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

  private func begin(_ job: FetchJob, _ form: FetchForm) {
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
    guard core.error == nil, !isGoingAway else {
      return RequestFailure(meaning: .goingAway, reason: "the session is ending")
    }
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
  private func split(_ id: FetchID) {
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
    let (groups, rest) = FetchJob.split(range, maximumGroups: limits.splitGroups)
    if let rest { fetches[id]?.leaveOut([rest], maximumRanges: limits.fetchRanges) }
    fetches[id]?.isSplit = true
    fetches[id]?.waiting = groups
    proceed(id)
  }

  private func proceed(_ id: FetchID) {
    guard let range = fetches[id]?.waiting.popLast() else {
      guard let job = fetches.removeValue(forKey: id) else { return }
      report(job)
      if let subscription = job.subscription { endIfDrained(subscription) }
      return
    }
    ask(id, range, .standalone)
  }

  private func report(_ job: FetchJob) {
    if !job.isJoin {
      events.append(.fetchFinished(job.id, job.outcome))
    } else if let requestID = job.subscription, let id = subscriptions[requestID]?.id {
      events.append(.joinEnded(id, job.outcome))
    }
  }

  // MARK: Answers

  func receive(_ ok: FetchOK, _ requestID: UInt64?) throws(CodingError) {
    try expectOurs(requestID)
    guard let requestID, let id = fetchOfRequest[requestID],
      let attempt = fetches[id]?.attempt
    else { return }
    guard !attempt.isFill else {
      throw .protocolViolation("FETCH_OK for request \(requestID), which is no FETCH")
    }
    guard !attempt.isAccepted else {
      throw .protocolViolation("second FETCH_OK for request \(requestID)")
    }
    let subscription = fetches[id]?.subscription
    fetches[id]?.attempt?.accept(
      end: ok.end,
      isInclusive: draft.profile.fetchEndInclusive,
      largest: subscription.flatMap { subscriptions[$0]?.largest }
    )
    hasFetched = hasFetched || attempt.form == .standalone
    if fetches[id]?.attempt?.isOver == true { endAttempt(id, .complete) }
  }

  /// Takes an object or a marker of a FETCH or a fill.
  func take(_ item: FetchItem, of id: FetchID) {
    guard let job = fetches[id] else { return }
    switch item {
    case .gap(let location, let gap):
      if let range = fetches[id]?.attempt?.note(gap, through: location) { report(range, of: job) }
    case .object(let object):
      if let range = fetches[id]?.attempt?.note(object) { report(range, of: job) }
      if let subscription = job.subscription {
        deliver(object, to: subscription)
      } else {
        events.append(.fetched(id, object))
      }
    }
  }

  private func report(_ range: ClosedRange<Location>, of job: FetchJob) {
    guard let requestID = job.subscription, let id = subscriptions[requestID]?.id else { return }
    events.append(.absent(id, range))
  }

  func fetchStreamEnded(_ id: FetchID, _ end: GroupStreamEnd) {
    fetches[id]?.attempt?.isStreamOver = true
    switch end {
    case .finished:
      if fetches[id]?.attempt?.isOver == true {
        endAttempt(id, .complete)
      } else {
        fetches[id]?.attempt?.deadline = now + limits.fetchInterval
      }
    case .reset(let code): endAttempt(id, .reset(code: code))
    case .refused(let reason): endAttempt(id, .refused(reason: reason))
    }
  }

  /// The peer's half of a FETCH's own stream is over.
  func fetchRequestEnded(_ id: FetchID, code: UInt64?) {
    guard let attempt = fetches[id]?.attempt else { return }
    if let code {
      endAttempt(id, .reset(code: code))
    } else if !attempt.isAccepted {
      endAttempt(
        id,
        .failed(RequestFailure(meaning: .unknown, reason: "request stream finished"))
      )
    }
  }

  /// Gives up requests whose time has come.
  func giveUpFetches() {
    for (id, job) in fetches {
      guard let attempt = job.attempt, attempt.deadline <= now else { continue }
      // After its stream only the FETCH_OK is missing.
      endAttempt(id, attempt.isStreamOver ? .complete : .unanswered)
    }
  }

  func endAttempt(_ id: FetchID, _ end: FetchOutcome.End) {
    guard var job = fetches[id], var attempt = job.attempt else { return }
    let wasSent = !core.isQueued(requestID: attempt.requestID)
    release(attempt, isCancelled: end == .unanswered || end.isRefusal)
    var end = end
    let absent: ClosedRange<Location>?
    if case .failed(let failure) = end, failure.meaning == .noObjects, !job.isJoin {
      absent = attempt.finishEmpty()
      end = .complete
      hasFetched = true
    } else {
      absent = attempt.finish(isComplete: end == .complete, isEmptyTrusted: !job.isJoin)
    }
    if let absent { report(absent, of: job) }
    if attempt.form == .standalone, !attempt.spansGroups, !hasFetched, wasSent, end.meansNoFetch {
      canFetch = false
    }
    job.attempt = nil
    fetches[id] = job
    let mayBeSplit = attempt.spansGroups || attempt.isFill
    if mayBeSplit, attempt.objects == 0, canFetch, end.mayBeOneGroupOnly {
      if case .failed(let failure) = end, failure.meaning == .notSupported { splitsFetches = true }
      return split(id)
    }
    job.add(attempt, end, maximumRanges: limits.fetchRanges)
    if !canFetch || isGoingAway {
      job.leaveOut(job.waiting, maximumRanges: limits.fetchRanges)
      job.waiting = []
    }
    fetches[id] = job
    proceed(id)
  }

  /// Lets go of a request and its stream, with a word to the publisher when it may be sending still.
  private func release(_ attempt: FetchAttempt, isCancelled: Bool) {
    fetchOfRequest[attempt.requestID] = nil
    if let stream = attempt.stream, let data = streams.removeValue(forKey: stream) {
      partialBytes -= data.bufferedBytes
      core.refuse(stream)
    }
    if attempt.isFill { return }
    guard isCancelled else {
      core.finish(requestID: attempt.requestID)
      core.forget(requestID: attempt.requestID)
      return
    }
    if core.withdraw(requestID: attempt.requestID) { return }
    if core.hasRequestStreams {
      core.cancel(requestID: attempt.requestID)
    } else {
      core.send(.fetchCancel(requestID: attempt.requestID), for: attempt.requestID)
    }
  }

  /// Ends everything that is fetched for a subscription, with a report or without.
  func cancelFetches(of requestID: UInt64, isReported: Bool) {
    let jobs = fetches.values.filter { $0.subscription == requestID }
    for var job in jobs.sorted(by: { $0.id.number < $1.id.number }) {
      fetches[job.id] = nil
      if var attempt = job.attempt {
        release(attempt, isCancelled: true)
        _ = attempt.finish(isComplete: false, isEmptyTrusted: false)
        job.add(attempt, .cancelled, maximumRanges: limits.fetchRanges)
      }
      job.leaveOut(job.waiting, maximumRanges: limits.fetchRanges)
      if isReported { report(job) }
    }
  }
}

extension FetchOutcome.End {
  /// Whether we broke off.
  fileprivate var isRefusal: Bool { if case .refused = self { true } else { false } }

  /// Whether a peer that serves no FETCH at all answers so.
  fileprivate var meansNoFetch: Bool {
    switch self {
    case .failed(let failure): failure.meaning == .notSupported || failure.meaning == .unknown
    case .unanswered: true
    default: false
    }
  }

  /// Whether a peer answers so to a range that it would serve in part: one that gives only one group
  /// at a time, or that no longer has the oldest.
  fileprivate var mayBeOneGroupOnly: Bool {
    guard case .failed(let failure) = self else { return meansNoFetch }
    switch failure.meaning {
    case .internalError, .unknownStatusInRange, .invalidRange: return true
    default: return meansNoFetch
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
