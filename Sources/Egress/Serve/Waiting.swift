internal import HTTP
internal import LinuxIO
internal import Wire

/// Requests that wait for one rendition.
struct Waiting {
  /// Who asks, and until when an answer is worth waiting for.
  struct Member {
    let client: EventToken
    let request: RequestID
    let deadline: Instant
  }

  /// Requests in the same words for the same, of which nothing is answered yet.
  ///
  /// They are decided on together: thousands of viewers ask in a handful of ways.
  struct Parked {
    let head: RequestHead
    let want: Want
    /// Who has waited longest is first.
    fileprivate(set) var members: [Member]
  }

  /// A segment that is sent as it grows.
  struct Growing {
    let client: EventToken
    let request: RequestID
    var growth: Growth
    var deadline: Instant
  }

  /// What they wait for.
  struct Key: Hashable {
    let broadcast: BroadcastPath
    /// Nil for what waits until the broadcast begins.
    let rendition: String?
  }

  /// In the order in which the first of each came.
  private(set) var parked: [Parked] = []
  var growing: [Growing] = []
  /// Where the newest of a head are in `parked`, which keeps the head alive.
  private var places: [ObjectIdentifier: Int] = [:]

  var isEmpty: Bool { parked.isEmpty && growing.isEmpty }

  mutating func park(_ head: RequestHead, for want: Want, _ member: Member) {
    if let place = places[ObjectIdentifier(head)], parked[place].want == want {
      parked[place].members.append(member)
    } else {
      places[ObjectIdentifier(head)] = parked.count
      parked.append(Parked(head: head, want: want, members: [member]))
    }
  }

  /// Takes the requests that have an answer, with it; the others wait on.
  mutating func takeParked<Answer>(
    _ answer: (Parked) -> Answer?
  ) -> [(parked: Parked, answer: Answer)] {
    var taken: [(parked: Parked, answer: Answer)] = []
    var rest: [Parked] = []
    for entry in parked {
      if let answer = answer(entry) { taken.append((entry, answer)) } else { rest.append(entry) }
    }
    if !taken.isEmpty { keep(rest) }
    return taken
  }

  /// Takes the requests that have waited too long.
  mutating func takeExpired(now: Instant) -> [Parked] {
    // Those behind the first are due later, or wait a little longer when less patience is asked for.
    guard parked.contains(where: { ($0.members.first?.deadline ?? now) <= now }) else { return [] }
    var expired: [Parked] = []
    for index in parked.indices {
      let members = parked[index].members
      let due = members.prefix { $0.deadline <= now }
      guard !due.isEmpty else { continue }
      expired.append(
        Parked(head: parked[index].head, want: parked[index].want, members: Array(due))
      )
      parked[index].members = Array(members[due.endIndex...])
    }
    keep(parked.filter { !$0.members.isEmpty })
    return expired
  }

  /// Takes all that are parked.
  mutating func takeAllParked() -> [Parked] {
    defer { keep([]) }
    return parked
  }

  /// Forgets requests of clients that have gone, and says how many they were.
  mutating func forget(where hasGone: (EventToken) -> Bool) -> Int {
    var count = 0
    for index in parked.indices {
      let before = parked[index].members.count
      parked[index].members.removeAll { hasGone($0.client) }
      count += before - parked[index].members.count
    }
    if count > 0 { keep(parked.filter { !$0.members.isEmpty }) }
    return count
  }

  private mutating func keep(_ rest: [Parked]) {
    parked = rest
    places = [:]
    for (place, entry) in rest.enumerated() { places[ObjectIdentifier(entry.head)] = place }
  }
}
