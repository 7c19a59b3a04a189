internal import CMAF
package import Wire

/// Puts the objects of one track in decode order, whatever streams they came on and in what order.
///
/// An object follows its predecessor when its ids say so (the next object of the group, the first of
/// the next group after a known end) or when its media does (it starts at the tick at which the last
/// one ended): ids alone can't tell a hole from a publisher that numbers sparsely. What follows by
/// neither waits for `patience`, and then counts as the end of a hole.
package struct TrackOrder {
  /// How an object continues what was emitted before it.
  package enum Continuity: Equatable, Sendable {
    /// The first object of the track or after a restart.
    case first
    /// It starts exactly where the last one ended.
    case seamless
    /// Nothing is missing by its ids, but its time is not where the last one ended.
    case jump
    /// Objects before it are missing.
    case afterLoss
  }

  package enum Output: Equatable, Sendable {
    case object(MediaObject, Continuity)
    /// Every object of the group has come; `isDecodable` unless the last of them was dropped, as one before it
    /// is missing.
    case groupEnded(isDecodable: Bool)
  }

  /// What became of objects that were not emitted.
  package struct Statistics: Equatable, Sendable {
    package var late = 0
    package var duplicate = 0
    package var holes = 0
    /// Their times are none that a broadcast can have.
    package var implausible = 0
  }

  private let startsIndependent: Bool
  private let patience: Interval
  private let byteLimit: Int

  private var waiting: [MediaObject] = []
  private var waitingBytes = 0
  private var last: ObjectPosition?
  private var lastArrival: Instant?
  private var expectedStart: Int64?
  /// What the last object was parsed under, whose ticks `expectedStart` counts.
  private var description: TrackDescription?
  /// For a group that is not over: the first object id that does not exist.
  private var groupEnds: [UInt64: UInt64] = [:]
  private var announcedEnd: UInt64?
  /// Set while objects of the rest of a group can't be decoded because one is missing.
  private var skipsToIndependent = false
  private var lateSince: Instant?
  private var givenUp = GivenUpPlaces()
  /// Until when the hole that is next is waited for, whatever the patience.
  private var repairedUntil: Instant?
  package private(set) var statistics = Statistics()

  /// `startsIndependent`: the track's first object, and the first after a hole, must start with a sync
  /// sample (video).
  package init(startsIndependent: Bool, patience: Interval, byteLimit: Int) {
    self.startsIndependent = startsIndependent
    self.patience = patience
    self.byteLimit = byteLimit
  }

  /// Counts an object whose times are refused.
  package mutating func refuse() { statistics.implausible += 1 }

  /// Takes an object in any order.
  package mutating func insert(_ object: MediaObject) {
    if let last, object.position <= last {
      statistics.late += 1
      if lateSince == nil { lateSince = object.arrival }
      return
    }
    lateSince = nil
    var index = waiting.count
    while index > 0, waiting[index - 1].position > object.position { index -= 1 }
    guard index == 0 || waiting[index - 1].position != object.position else {
      statistics.duplicate += 1
      return
    }
    waiting.insert(object, at: index)
    waitingBytes += object.byteCount
  }

  /// Takes the knowledge that a group holds no object with an id of `end` or above.
  package mutating func endGroup(_ group: UInt64, at end: UInt64) {
    guard last.map({ group >= $0.group }) ?? true else { return }
    groupEnds[group] = end
    // A peer that names ends of groups it never sends must not grow this table.
    while groupEnds.count > 64, let oldest = groupEnds.keys.min() { groupEnds[oldest] = nil }
  }

  /// Forgets ids, so that the next object is the first of a new run.
  ///
  /// What waits is dropped.
  package mutating func restart() {
    waiting = []
    waitingBytes = 0
    last = nil
    lastArrival = nil
    expectedStart = nil
    description = nil
    groupEnds = [:]
    announcedEnd = nil
    skipsToIndependent = false
    lateSince = nil
    givenUp = GivenUpPlaces()
    repairedUntil = nil
  }

  /// Objects that what waits has to wait for, by their ids, and since when nothing of them has come; nil when
  /// there are none.
  package var hole: (range: ClosedRange<ObjectPosition>, since: Instant)? {
    guard let start = next, let first = waiting.first, !skipsToIndependent,
      !isExpected(first)
    else { return nil }
    let end =
      first.position.object > 0
      ? ObjectPosition(group: first.position.group, object: first.position.object - 1)
      : ObjectPosition(group: first.position.group - 1, object: .max)
    guard start <= end else { return nil }
    return (start...end, waitsSince(first))
  }

  /// The place after the last object; nil before there is one, and when no place is left.
  private var next: ObjectPosition? {
    guard let last else { return nil }
    if announcedEnd == last.group, last.group < .max {
      return ObjectPosition(group: last.group + 1, object: 0)
    }
    return last.object < .max
      ? ObjectPosition(group: last.group, object: last.object + 1) : nil
  }

  /// Waits for the hole that is next until a time at least: what is missing was asked for.
  package mutating func awaitRepair(until: Instant) { repairedUntil = until }

  /// Stops waiting for the objects of a range: they don't exist, or can't be had.
  package mutating func giveUpWaiting(for range: ClosedRange<ObjectPosition>) {
    if let next { givenUp.forget(before: next.place) }
    givenUp.insert(from: range.lowerBound.place, through: range.upperBound.place)
  }

  /// Whether a publisher seems to have restarted its ids below the last ones: for a while only late
  /// objects have come.
  package func looksRestarted(now: Instant) -> Bool {
    lateSince.map { waiting.isEmpty && now - $0 > patience * 2 } ?? false
  }

  /// When waiting for a missing object ends, if one is missing.
  package var deadline: Instant? { waiting.first.map { patienceEnd($0) } }

  /// The end of one group may come after the beginning of the next, and is not missing while it comes.
  private func waitsSince(_ candidate: MediaObject) -> Instant {
    max(candidate.arrival, lastArrival ?? candidate.arrival)
  }

  private func patienceEnd(_ candidate: MediaObject) -> Instant {
    let end = waitsSince(candidate) + patience
    return repairedUntil.map { max($0, end) } ?? end
  }

  /// The next object in order, or the end of a group; nil when one has to be waited for.
  package mutating func poll(now: Instant) -> Output? {
    if let last, announcedEnd != last.group, let end = groupEnds[last.group],
      end == 0 || last.object >= end - 1
    {
      announcedEnd = last.group
      groupEnds = groupEnds.filter { $0.key > last.group }
      return .groupEnded(isDecodable: !skipsToIndependent)
    }
    if last == nil, startsIndependent { dropUndecodableStart(now: now) }
    while let candidate = waiting.first {
      guard let continuity = continuity(of: candidate, now: now) else { return nil }
      waiting.removeFirst()
      waitingBytes -= candidate.byteCount
      repairedUntil = nil
      let isLoss = continuity == .afterLoss
      if isLoss, !skipsToIndependent { statistics.holes += 1 }
      if startsIndependent, isLoss || skipsToIndependent, !candidate.isIndependent {
        // Undecodable without what is missing. Its ids still count, its media does not.
        skipsToIndependent = true
        (last, lastArrival) = (candidate.position, candidate.arrival)
        continue
      }
      let wasSkipping = skipsToIndependent
      skipsToIndependent = false
      (last, lastArrival) = (candidate.position, candidate.arrival)
      expectedStart = candidate.end
      description = candidate.description
      return .object(candidate, wasSkipping ? .afterLoss : continuity)
    }
    return nil
  }

  /// Drops what waits before the first sync sample; without one, what waits for too long: its sync
  /// sample may come later on another stream.
  private mutating func dropUndecodableStart(now: Instant) {
    let start =
      waiting.firstIndex { $0.isIndependent }
      ?? waiting.firstIndex { now - $0.arrival < patience } ?? waiting.count
    waitingBytes -= waiting[..<start].reduce(0) { $0 + $1.byteCount }
    waiting.removeFirst(start)
    while waitingBytes > byteLimit, let first = waiting.first, !first.isIndependent {
      waitingBytes -= first.byteCount
      waiting.removeFirst()
    }
  }

  /// Whether it starts where the last one ended.
  private func isExpected(_ candidate: MediaObject) -> Bool {
    var expected = expectedStart
    if let ticks = expected, let old = description, let new = candidate.description, old !== new,
      old.info.timescale != new.info.timescale
    {
      expected = MediaTime(ticks: ticks, timescale: old.info.timescale)
        .rounded(toScale: new.info.timescale)
    }
    return candidate.chunks[0].continues(from: expected)
  }

  /// Whether a place lies more than a group before the last one.
  func isFarPast(_ position: ObjectPosition) -> Bool {
    last.map { position.group < $0.group && $0.group - position.group > 1 } ?? false
  }

  private func continuity(of candidate: MediaObject, now: Instant) -> Continuity? {
    guard let last else { return !startsIndependent || candidate.isIndependent ? .first : nil }
    if skipsToIndependent { return .afterLoss }
    if isExpected(candidate) { return .seamless }
    let position = candidate.position
    let isNextObject =
      position.group == last.group && position.object > 0 && position.object - 1 == last.object
    let isNextGroup =
      last.group < .max && position.group == last.group + 1 && position.object == 0
      && announcedEnd == last.group
    if isNextObject || isNextGroup { return .jump }
    let isOverdue = now >= patienceEnd(candidate) || waitingBytes > byteLimit
    // Objects of later groups can come before those of earlier ones: all that lies between counts.
    let isGivenUp = next.map { givenUp.covers(from: $0.place, to: position.place) } ?? false
    return isOverdue || isGivenUp ? .afterLoss : nil
  }
}

extension ObjectPosition {
  fileprivate var place: GivenUpPlaces.Place { (group, object) }
}
