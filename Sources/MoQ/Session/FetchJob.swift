import Wire

/// A range of the past that is asked for with one request, or with several one after another.
struct FetchJob {
  let id: FetchID
  let track: FullTrackName
  /// The subscription that its objects belong to; nil when they are for the owner alone.
  let subscription: UInt64?
  /// Whether it is the beginning of its subscription.
  let isJoin: Bool
  let priority: UInt8
  let token: Token?
  let range: ClosedRange<Location>
  /// The request under way; nil before the first.
  var attempt: FetchAttempt?
  /// The groups to be asked for one at a time, the next one last.
  var waiting: [ClosedRange<Location>] = []
  /// Whether groups are asked for one at a time.
  var isSplit = false
  private(set) var outcome = FetchOutcome()

  init(
    id: FetchID,
    track: FullTrackName,
    subscription: UInt64?,
    isJoin: Bool = false,
    priority: UInt8,
    token: Token?,
    range: ClosedRange<Location>
  ) {
    self.id = id
    self.track = track
    self.subscription = subscription
    self.isJoin = isJoin
    self.priority = priority
    self.token = token
    self.range = range
  }

  /// Adds what a request brought.
  mutating func add(_ attempt: FetchAttempt, _ end: FetchOutcome.End, maximumRanges: Int) {
    outcome.objects += attempt.objects
    outcome.absent += attempt.absent.prefix(maximumRanges - outcome.absent.count)
    outcome.unknown += attempt.unknown.prefix(maximumRanges - outcome.unknown.count)
    if end != .complete { outcome.end = end }
  }

  /// Says of ranges that they are not asked for, or not any more.
  mutating func leaveOut(_ ranges: [ClosedRange<Location>], maximumRanges: Int) {
    outcome.unknown += ranges.prefix(maximumRanges - outcome.unknown.count)
  }

  /// Ends it for a reason of its own.
  mutating func end(_ end: FetchOutcome.End) { outcome.end = end }

  /// Cuts a range into its newest groups, the newest last, and what is left of it.
  static func split(
    _ range: ClosedRange<Location>,
    maximumGroups: Int
  ) -> (groups: [ClosedRange<Location>], rest: ClosedRange<Location>?) {
    var groups: [ClosedRange<Location>] = []
    var end = range.upperBound
    while groups.count < maximumGroups {
      let start = max(range.lowerBound, Location(group: end.group, object: 0))
      groups.append(start...end)
      guard let before = start.predecessor, before >= range.lowerBound else {
        return (groups.reversed(), nil)
      }
      end = before
    }
    return (groups.reversed(), range.lowerBound...end)
  }
}

/// How a range of the past is asked for.
enum FetchForm: Hashable {
  case standalone
  /// From so many groups before the newest object of a subscription.
  case joining(UInt64, groups: UInt64)
  /// With the SUBSCRIBE itself; there is no FETCH_OK.
  case fill(UInt64)

  var isFill: Bool { if case .fill = self { true } else { false } }
}

/// One request for a range, with the account of what its stream says of every location in it.
struct FetchAttempt {
  let requestID: UInt64
  let form: FetchForm
  let range: ClosedRange<Location>
  /// When to give up waiting for its stream, for more of it, or for FETCH_OK after it.
  var deadline: Instant
  var stream: UInt64?
  var isStreamOver = false
  private(set) var isAccepted = false
  private(set) var objects: UInt64 = 0
  private(set) var absent: [ClosedRange<Location>] = []
  private(set) var unknown: [ClosedRange<Location>] = []
  /// The last location that FETCH_OK says the stream covers.
  private var coveredEnd: Location?
  /// The first location that is not accounted for; nil after the last one.
  private var next: Location?
  /// False once objects came out of order, when what was skipped says nothing any more.
  private var isOrdered = true
  private let maximumRanges: Int

  init(
    requestID: UInt64,
    form: FetchForm,
    range: ClosedRange<Location>,
    deadline: Instant,
    maximumRanges: Int
  ) {
    self.requestID = requestID
    self.form = form
    self.range = range
    self.deadline = deadline
    self.maximumRanges = maximumRanges
    next = range.lowerBound
  }

  var isFill: Bool { form.isFill }
  var spansGroups: Bool { range.lowerBound.group != range.upperBound.group }

  /// Whether nothing that could still come would add to it.
  var isOver: Bool {
    guard isStreamOver, !isAccepted else { return isStreamOver }
    if isFill { return true }
    return next.map { $0 > range.upperBound } ?? true
  }

  /// Counts an object; returns what was skipped before it, which does not exist.
  mutating func note(_ object: Object) -> ClosedRange<Location>? {
    objects += 1
    let location = object.location
    guard let expected = next, location >= expected, location <= range.upperBound else {
      isOrdered = false
      return nil
    }
    next = location.successor
    guard isOrdered, location > expected, let before = location.predecessor else { return nil }
    return noteAbsent(expected...before)
  }

  /// Counts a marker; returns what does not exist by it.
  mutating func note(_ gap: FetchGap, through end: Location) -> ClosedRange<Location>? {
    guard isOrdered, let expected = next, end >= expected else {
      isOrdered = false
      return nil
    }
    let end = min(Self.widened(end), range.upperBound)
    guard expected <= end else { return nil }
    next = end.successor
    if gap == .doesNotExist { return noteAbsent(expected...end) }
    noteUnknown(expected...end)
    return nil
  }

  /// Takes the end of FETCH_OK as the draft writes it; `largest` is the newest object known.
  mutating func accept(end: Location, isInclusive: Bool, largest: Location?) {
    isAccepted = true
    if isInclusive {
      coveredEnd = Self.widened(end)
      // The whole of a group that is over was asked for: what is named is its last object.
      if end.group == range.upperBound.group, range.upperBound.object == .max,
        let largest, largest.group > end.group
      {
        coveredEnd = range.upperBound
      }
    } else {
      coveredEnd =
        end.object == 0 ? Location(group: end.group, object: .max) : end.predecessor
    }
  }

  /// Accounts for the rest when nothing follows; returns what of it does not exist.
  ///
  /// Some relays answer a join with nothing although there is something: then emptiness is not to be
  /// trusted.
  mutating func finish(isComplete: Bool, isEmptyTrusted: Bool) -> ClosedRange<Location>? {
    defer { next = nil }
    guard let first = next, first <= range.upperBound else { return nil }
    guard isComplete, isOrdered, isEmptyTrusted || objects > 0,
      let end = coveredEnd.map({ min($0, range.upperBound) }), end >= first
    else {
      noteUnknown(first...range.upperBound)
      return nil
    }
    if let after = end.successor, after <= range.upperBound {
      noteUnknown(after...range.upperBound)
    }
    return noteAbsent(first...end)
  }

  /// Takes the publisher's word that there is nothing in the range.
  mutating func finishEmpty() -> ClosedRange<Location>? {
    next = nil
    return noteAbsent(range)
  }

  private mutating func noteAbsent(
    _ range: ClosedRange<Location>
  ) -> ClosedRange<Location>? {
    if absent.count < maximumRanges { absent.append(range) }
    return range
  }

  private mutating func noteUnknown(_ range: ClosedRange<Location>) {
    if unknown.count < maximumRanges { unknown.append(range) }
  }

  /// The largest integer that every draft can write stands for the end of the group.
  private static func widened(_ location: Location) -> Location {
    location.object < ByteWriter.maximumVarint
      ? location : Location(group: location.group, object: .max)
  }
}
