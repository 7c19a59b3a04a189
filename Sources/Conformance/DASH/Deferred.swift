internal import Wire

/// An MPD that does not list what should be there by now: DASH-020, unless the source was silent.
struct StaleListing: Equatable, Sendable {
  let subject: String
  /// When the segment after the last listed might have been asked for, by the server's clock.
  let due: UTCTime
  let requested: UTCTime
  let slack: Interval

  static func text(_ age: Interval) -> String {
    "the segment after the last listed was due \(age.milliseconds) ms ago"
  }
}

/// A listed segment whose end moved after it was due: DASH-021, unless the source was silent.
struct CutShort: Equatable, Sendable {
  let subject: String
  let seen: String
  /// When it should have been whole, and when the end was known to be another.
  let due: UTCTime
  let by: UTCTime
}

/// How the delivery of a segment looked.
struct DeliveryFinding: Equatable, Sendable {
  let requirement: String
  let faults: [String]
  /// What was seen where there are no faults.
  let seen: String
  /// Whether nothing is wrong but times, of which a busy machine may let one in twenty be late.
  var isTimed = false

  var text: String { faults.isEmpty ? seen : faults.joined(separator: "; ") }
}

/// What is judged at the end, when it is known whether the source was silent.
struct DeferredFailure: Sendable {
  /// Failures that are kept; further ones are judged at once.
  static let maximumKept = 2048

  enum Fault: Sendable {
    /// Something came late, otherwise or not at all between two instants.
    case seen(String)
    /// The same, of times alone.
    case late(String)
    /// Something was not listed since one instant, when it was looked for at the other.
    case listing(slack: Interval)
  }

  let requirement: String
  let subject: String
  let fault: Fault
  let begin: Instant
  let end: Instant
  /// The check's time at which it was seen.
  let time: Interval

  /// Writes it down, unless an outage explains it.
  func judge(without outages: Outages, _ ledger: inout Ledger) {
    let present = ledger.time
    defer { ledger.time = present }
    ledger.time = time
    switch fault {
    case .seen(let seen), .late(let seen):
      if !outages.touch(begin, end) { ledger.record(requirement, .fail, subject, seen) }
    case .listing(let slack):
      let age = outages.without(begin, end)
      if age > slack { ledger.record(requirement, .fail, subject, StaleListing.text(age)) }
    }
  }
}

extension DASHSession {
  /// Remembers MPDs that list too little until it is known why.
  mutating func postpone(_ listings: [StaleListing], _ ledger: inout Ledger) {
    for listing in listings {
      postpone(
        DeferredFailure(
          requirement: "DASH-020",
          subject: listing.subject,
          fault: .listing(slack: listing.slack),
          begin: instant(of: listing.due),
          end: instant(of: listing.requested),
          time: ledger.time
        ),
        &ledger
      )
    }
  }

  /// Remembers segments that became shorter than they were listed until it is known why.
  mutating func postpone(_ cuts: [CutShort], _ ledger: inout Ledger) {
    for cut in cuts {
      postpone(
        DeferredFailure(
          requirement: "DASH-021",
          subject: cut.subject,
          fault: .seen(cut.seen),
          begin: instant(of: cut.due),
          end: instant(of: cut.by),
          time: ledger.time
        ),
        &ledger
      )
    }
  }

  /// Writes down how a segment came; what a silent source explains is judged at the end.
  mutating func judge(
    _ finding: DeliveryFinding,
    of exchange: Exchange,
    subject: String,
    _ ledger: inout Ledger
  ) {
    // Nothing explains a server error, or a request that is never answered.
    let isExplicable = [200, 404, 410, 503].contains(exchange.response?.status)
    deliveries[finding.requirement, default: 0] += 1
    guard !finding.faults.isEmpty, isExplicable else {
      ledger.expect(finding.requirement, finding.faults.isEmpty, subject, finding.text)
      return
    }
    postpone(
      DeferredFailure(
        requirement: finding.requirement,
        subject: subject,
        fault: finding.isTimed ? .late(finding.text) : .seen(finding.text),
        begin: exchange.begun,
        end: exchange.ended,
        time: ledger.time
      ),
      &ledger
    )
  }

  private mutating func postpone(_ failure: DeferredFailure, _ ledger: inout Ledger) {
    if deferred.count < DeferredFailure.maximumKept {
      deferred.append(failure)
    } else {
      failure.judge(without: Outages(), &ledger)
    }
  }

  /// Judges what was late: by share, like the times of playlists.
  func judgeDeferred(without outages: Outages, _ ledger: inout Ledger) {
    var late: [String: [DeferredFailure]] = [:]
    for failure in deferred {
      if case .late = failure.fault, !outages.touch(failure.begin, failure.end) {
        late[failure.requirement, default: []].append(failure)
      } else {
        failure.judge(without: outages, &ledger)
      }
    }
    for (requirement, failures) in late {
      let isRare = failures.count < 2 || failures.count * 20 <= deliveries[requirement] ?? 0
      guard !isRare else { continue }
      for failure in failures { failure.judge(without: outages, &ledger) }
    }
  }

  // MARK: Activity

  /// Notes what an MPD lists that the one before didn't.
  mutating func noteActivity(
    in observation: ManifestObservation,
    after previous: ManifestObservation?
  ) {
    guard let previous else {
      note(Activity(time: instant(of: observation.requested), isMarked: false))
      return
    }
    let isMarked = observation.manifest.periods.last?.id != previous.manifest.periods.last?.id
    guard isMarked || Self.listedEnd(observation) > Self.listedEnd(previous) else { return }
    // The server may say when it changed; else it did so before it was seen.
    let published = observation.manifest.publishTime ?? observation.received
    let time = min(max(published, previous.requested), observation.received)
    note(Activity(time: instant(of: time), isMarked: isMarked))
  }

  /// Notes the bytes of a segment as they came.
  mutating func noteActivity(of exchange: Exchange) {
    guard let response = exchange.response, response.status == 200 else { return }
    for arrival in response.arrivals { note(Activity(time: arrival.time, isMarked: false)) }
  }

  private mutating func note(_ activity: Activity) {
    if let last = activities.last, !activity.isMarked, activity.time >= last.time,
      activity.time - last.time < .milliseconds(50)
    {
      return
    }
    if activities.count >= EdgeHistory.maximumEntries { activities.removeFirst() }
    activities.append(activity)
  }

  /// The end of what the last Period lists, since the availability start.
  private static func listedEnd(_ observation: ManifestObservation) -> Interval {
    guard let period = observation.manifest.periods.last else { return .zero }
    let ends = period.sets.flatMap(\.representations).compactMap { member in
      member.template.listed(until: nil).last.map { member.template.periodTime(ofEnd: $0) }
    }
    return period.start + (ends.max() ?? .zero)
  }

  /// How long a silence has to last to be an outage; nil while there is no MPD.
  var outageLimits: OutageLimits? {
    guard let latest else { return nil }
    let longest = DASHRules.longestSegment(latest.manifest) ?? .seconds(2)
    let update = min(latest.manifest.minimumUpdatePeriod ?? .zero, .seconds(10))
    let limit =
      Interval(nanoseconds: longest.nanoseconds / 2 * 3) + update + .milliseconds(250)
    return OutageLimits(marked: limit, unmarked: limit)
  }
}
