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
    let members: [Waiting.Member]
    /// The first that has not been given it.
    var next = 0
  }

  /// The time that each kind may take in one turn; a little is done in any case.
  static let patience = Interval(nanoseconds: 250_000)
  /// Answers given between two looks at the clock.
  static let releasesPerLook = 16
  /// More output than this waits until a turn's other answers are written.
  static let muchBytes = 32_768
  /// Requests of one client that are answered before others have their turn.
  static let requestsPerVisit = 4

  private var releases: ArraySlice<Release> = []
  /// Clients that wait for their turn to be written to, or to be read from again.
  private var postponed: ArraySlice<EventToken> = []

  var isEmpty: Bool { releases.isEmpty && postponed.isEmpty }

  mutating func append(_ release: Release) { releases.append(release) }

  mutating func append(_ token: EventToken) { postponed.append(token) }

  /// The next that are to be given their answer.
  mutating func nextReleased() -> (response: Response, members: ArraySlice<Waiting.Member>)? {
    guard let first = releases.first else { return nil }
    let end = min(first.next + Self.releasesPerLook, first.members.count)
    if end == first.members.count {
      _ = releases.popFirst()
      if releases.isEmpty { releases = [] }
    } else {
      releases[releases.startIndex].next = end
    }
    return (first.response, first.members[first.next..<end])
  }

  /// The client whose turn it is.
  mutating func nextPostponed() -> EventToken? {
    defer { if postponed.isEmpty { postponed = [] } }
    return postponed.popFirst()
  }

  /// How many wait for their turn now.
  var postponedCount: Int { postponed.count }
}
