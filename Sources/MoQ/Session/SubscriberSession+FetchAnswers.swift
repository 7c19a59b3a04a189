import Wire

/// What comes of asking for the past, and what to do about it.
extension SubscriberSession {
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
  func release(_ attempt: FetchAttempt, isCancelled: Bool) {
    fetchOfRequest[attempt.requestID] = nil
    if let stream = attempt.stream, let data = streams.removeValue(forKey: stream) {
      partial -= data.partial
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
