import Wire

/// Puts the objects of a track in the order of their ids, with patience for those that are missing.
struct ObjectOrder {
  enum Output {
    /// The next object; after a hole something before it is missing.
    case object(RemuxObject, isAfterHole: Bool)
    /// Nothing more of the group is waited for; `isWhole` when its last object is known to have come.
    case groupEnded(UInt64, isWhole: Bool)
  }

  private let limits: RemuxLimits
  /// In the order of ids.
  private var waiting: [RemuxObject] = []
  private var waitingBytes = 0
  private var last: (group: UInt64, object: UInt64, arrival: Instant)?
  private var isLastGroupEnded = false
  /// For a group that is not over: the first id that no object has.
  private var ends: [UInt64: UInt64] = [:]
  private var lateSince: Instant?
  private var givenUp = GivenUpPlaces()
  /// Until when the hole that is next is waited for, whatever the patience.
  private var repairedUntil: Instant?

  init(limits: RemuxLimits) { self.limits = limits }

  /// Takes an object in any order; says why it is not wanted.
  mutating func insert(_ object: RemuxObject) -> RemuxDrop? {
    if let last, (object.group, object.object) <= (last.group, last.object) {
      if (object.group, object.object) == (last.group, last.object) { return .duplicate }
      if lateSince == nil { lateSince = object.arrival }
      return .late
    }
    lateSince = nil
    var index = waiting.count
    while index > 0,
      (waiting[index - 1].group, waiting[index - 1].object) > (object.group, object.object)
    {
      index -= 1
    }
    if index > 0, waiting[index - 1].group == object.group,
      waiting[index - 1].object == object.object
    {
      return .duplicate
    }
    waiting.insert(object, at: index)
    waitingBytes += object.byteCount
    return nil
  }

  /// Takes the knowledge that a group holds no object with an id of `end` or above.
  mutating func endGroup(_ group: UInt64, at end: UInt64) {
    guard last.map({ group >= $0.group }) ?? true else { return }
    ends[group] = end
    // A peer that names ends of groups it never sends must not grow this table.
    while ends.count > 64, let oldest = ends.keys.min() { ends[oldest] = nil }
  }

  /// Whether a publisher seems to have begun its ids anew below the last ones.
  func looksRestarted(now: Instant) -> Bool {
    lateSince.map { waiting.isEmpty && now - $0 > limits.patience * 2 } ?? false
  }

  /// The objects that are missing in front of what waits, and since when nothing of them has come; nil when
  /// none are by their ids.
  var hole: RemuxHole? {
    guard let last, let first = waiting.first, last.object < .max,
      !isGivenUp(first)
    else { return nil }
    if first.group == last.group {
      guard let before = first.objectBefore, before > last.object else { return nil }
      return RemuxHole(
        first: (last.group, last.object + 1),
        last: (first.group, before),
        since: waitsSince(first)
      )
    }
    let lastEnd = isLastGroupEnded ? 0 : ends[last.group]
    if let lastEnd, last.object + 1 < lastEnd {
      return RemuxHole(
        first: (last.group, last.object + 1),
        last: (last.group, lastEnd - 1),
        since: waitsSince(first)
      )
    }
    let start: GivenUpPlaces.Place
    if lastEnd != nil {
      guard last.group < .max else { return nil }
      start = (last.group + 1, 0)
    } else {
      start = (last.group, last.object + 1)
    }
    // Where times go on nothing waits here, so that ids which leave groups out are no hole.
    let end: GivenUpPlaces.Place
    if let before = first.objectBefore {
      end = (first.group, before)
    } else if let before = first.groupBefore {
      end = (before, .max)
    } else {
      return nil
    }
    return start <= end ? RemuxHole(first: start, last: end, since: waitsSince(first)) : nil
  }

  /// Waits for the hole that is next until a time at least: what is missing was asked for.
  mutating func awaitRepair(until: Instant) { repairedUntil = until }

  /// Stops waiting for the objects of a range, both ends included.
  mutating func giveUpWaiting(
    for range: (first: GivenUpPlaces.Place, last: GivenUpPlaces.Place)
  ) {
    if let last { givenUp.forget(before: (last.group, last.object)) }
    givenUp.insert(from: range.first, through: range.last)
  }

  /// Whether all that is missing before an object is given up.
  private func isGivenUp(_ candidate: RemuxObject) -> Bool {
    let place = (candidate.group, candidate.object)
    guard let last else { return givenUp.covers(from: (candidate.group, 0), to: place) }
    if isLastGroupEnded {
      return last.group == .max || givenUp.covers(from: (last.group + 1, 0), to: place)
    }
    guard last.object < .max else { return true }
    let end = ends[last.group].map { (last.group, $0) } ?? place
    return givenUp.covers(from: (last.group, last.object + 1), to: end < place ? end : place)
  }

  /// When waiting for a missing object ends, if one is missing.
  var deadline: Instant? { waiting.first.map { patienceEnd($0) } }

  /// The next in order; nil when something has to be waited for.
  ///
  /// `continues` says whether an object's time is where the last one's ended.
  mutating func next(now: Instant, continues: (RemuxObject) -> Bool) -> Output? {
    guard let last else { return start(now: now) }
    if !isLastGroupEnded, let end = ends[last.group], end == 0 || last.object >= end - 1 {
      return endLastGroup(isWhole: true)
    }
    guard let candidate = waiting.first else { return nil }
    let isOverdue = isOverdue(candidate, now: now)
    if candidate.group == last.group {
      let isNext = candidate.objectBefore == last.object
      guard isNext || isOverdue else { return nil }
      return take(isAfterHole: !isNext)
    }
    let isNext = candidate.object == candidate.objectGap && candidate.groupBefore == last.group
    let follows = isNext || candidate.object == 0 && continues(candidate)
    if !isLastGroupEnded {
      // The end may yet come, or more of the group: time says that nothing is missing.
      let isWhole = candidate.object == 0 && continues(candidate)
      return isWhole || isOverdue ? endLastGroup(isWhole: isWhole) : nil
    }
    guard follows || isOverdue else { return nil }
    return take(isAfterHole: !follows)
  }

  /// A track begins with the first object of a group, or after patience with what there is.
  private mutating func start(now: Instant) -> Output? {
    guard let first = waiting.first else { return nil }
    guard let index = waiting.firstIndex(where: { $0.object == $0.objectGap }) else {
      return isOverdue(first, now: now) ? take(isAfterHole: true) : nil
    }
    for object in waiting[..<index] { waitingBytes -= object.byteCount }
    waiting.removeFirst(index)
    return take(isAfterHole: false)
  }

  private mutating func take(isAfterHole: Bool) -> Output {
    let object = waiting.removeFirst()
    waitingBytes -= object.byteCount
    if last?.group != object.group {
      isLastGroupEnded = false
      ends = ends.filter { $0.key >= object.group }
    }
    last = (object.group, object.object, object.arrival)
    repairedUntil = nil
    return .object(object, isAfterHole: isAfterHole)
  }

  private mutating func endLastGroup(isWhole: Bool) -> Output? {
    guard let last else { return nil }
    isLastGroupEnded = true
    return .groupEnded(last.group, isWhole: isWhole)
  }

  private func isOverdue(_ candidate: RemuxObject, now: Instant) -> Bool {
    now >= patienceEnd(candidate) || waitingBytes > limits.waitingBytes
      || waiting.count > limits.waitingObjects || isGivenUp(candidate)
  }

  /// The end of one group may come after the beginning of the next, and is not missing while it comes.
  private func waitsSince(_ candidate: RemuxObject) -> Instant {
    max(candidate.arrival, last?.arrival ?? candidate.arrival)
  }

  private func patienceEnd(_ candidate: RemuxObject) -> Instant {
    let end = waitsSince(candidate) + limits.patience
    return repairedUntil.map { max($0, end) } ?? end
  }
}

extension RemuxObject {
  /// PRIOR_OBJECT_ID_GAP and PRIOR_GROUP_ID_GAP: how many ids before this one no object has.
  ///
  /// draft-ietf-moq-transport §"Object Properties".
  fileprivate var objectGap: UInt64 { min(properties.integer(0x3E) ?? 0, object) }
  private var groupGap: UInt64 { min(properties.integer(0x3C) ?? 0, group) }

  /// The id of the object before this one in its group; nil for the first.
  fileprivate var objectBefore: UInt64? { object > objectGap ? object - objectGap - 1 : nil }
  /// The id of the group before this one's; nil for the first.
  fileprivate var groupBefore: UInt64? { group > groupGap ? group - groupGap - 1 : nil }
}
