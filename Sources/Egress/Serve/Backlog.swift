internal import HTTP
internal import LinuxIO
internal import Wire

/// What a turn of a loop leaves to its end, and to the turns after it.
///
/// Thousands of answers to what waited and answers of much media would keep small ones waiting that are
/// asked for meanwhile.
struct Backlog {
  /// Requests that waited and have their answer.
  struct Release {
    let response: Response
    /// What all of them have asked.
    let head: RequestHead
    let members: [Waiting.Member]
    /// The first that has not been given it.
    var next = 0
  }

  /// The time that answers to those who waited may take in one turn; a little is done in any case.
  static let releasePatience = Interval(nanoseconds: 250_000)
  /// The time that all else may take; one of it is done in any case, and may take longer.
  static let patience = Interval(nanoseconds: 50_000)
  /// Answers given between two looks at the clock.
  static let releasesPerLook = 16
  /// More output than this waits until a turn's other answers are written.
  static let muchBytes = 32_768
  /// Requests of one client that are answered before others have their turn.
  static let requestsPerVisit = 4

  /// What keeps others waiting for as long as it takes, so that there is little of it in a turn.
  enum Work {
    /// Connections wait at a listener.
    case arrival(ServeListener)
    /// A client of whom there is much to read or to write.
    case postponed(EventToken)
    /// A client whose deadline has passed.
    case late(EventToken)
  }

  private var releases: ArraySlice<Release> = []
  /// Clients that wait for their turn to be written to, or to be read from again.
  private var postponed: ArraySlice<EventToken> = []
  /// Clients whose deadline has passed.
  private var late: ArraySlice<EventToken> = []
  /// Listeners at which connections wait; only within a turn.
  var arrivals: ArraySlice<ServeListener> = []
  /// Which kind of work came last.
  private var kind = 0

  var isEmpty: Bool { releases.isEmpty && postponed.isEmpty && late.isEmpty && arrivals.isEmpty }

  mutating func append(_ release: Release) { releases.append(release) }

  mutating func append(_ token: EventToken) { postponed.append(token) }

  mutating func append(late token: EventToken) { late.append(token) }

  /// The next that are to be given their answer.
  mutating func nextReleased() -> (release: Release, members: ArraySlice<Waiting.Member>)? {
    guard let first = releases.first else { return nil }
    let end = min(first.next + Self.releasesPerLook, first.members.count)
    if end == first.members.count {
      _ = releases.popFirst()
      if releases.isEmpty { releases = [] }
    } else {
      releases[releases.startIndex].next = end
    }
    return (first, first.members[first.next..<end])
  }

  /// What is next of all that is not an answer to who waited, each kind in its turn.
  mutating func next() -> Work? {
    for _ in 0..<3 {
      kind = (kind + 1) % 3
      switch kind {
      case 0: if let listener = arrivals.popFirst() { return .arrival(listener) }
      case 1:
        defer { if postponed.isEmpty { postponed = [] } }
        if let token = postponed.popFirst() { return .postponed(token) }
      default:
        defer { if late.isEmpty { late = [] } }
        if let token = late.popFirst() { return .late(token) }
      }
    }
    return nil
  }
}
