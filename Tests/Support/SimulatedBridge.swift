internal import CMAF
package import Packaging
package import Wire

/// Feeds broadcasts to a presentation as a network would, and keeps what it publishes.
package struct SimulatedBridge {
  package let presentation: Presentation
  package private(set) var snapshots: [PresentationSnapshot] = []
  /// When each snapshot was published, in microseconds after the broadcast's zero.
  package private(set) var times: [Int64] = []
  private var clock: Int64 = 0
  package private(set) var notices: [Presentation.Notice] = []
  private let zero: UTCTime

  package init(_ broadcast: RecordedBroadcast, policy: PackagingPolicy = PackagingPolicy()) {
    presentation = Presentation(tracks: broadcast.tracks, policy: policy)
    zero = broadcast.zero
  }

  package var last: PresentationSnapshot? { snapshots.last }

  /// Delivers a broadcast's entries, or some of them, each later by `latency` and up to `jitter`
  /// microseconds, in the order in which they arrive; time passes in between.
  package mutating func run(
    _ broadcast: RecordedBroadcast,
    _ entries: [RecordedBroadcast.Entry]? = nil,
    latency: Int64 = 20_000,
    jitter: Int64 = 0,
    seed: UInt64 = 1
  ) {
    var random = SeededGenerator(seed: seed)
    var arrivals = (entries ?? broadcast.entries).map { entry in
      (
        at: entry.sentAt + latency
          + (jitter > 0 ? Int64.random(in: 0...jitter, using: &random) : 0),
        entry: entry
      )
    }
    if jitter > 0 { arrivals.sort { $0.at < $1.at } }
    for (at, entry) in arrivals {
      let now = Instant(nanoseconds: at * 1000)
      let utc = UTCTime(microseconds: zero.microseconds + at)
      while let deadline = presentation.deadline, deadline < now {
        wait(until: deadline)
      }
      clock = at
      presentation.receive(
        broadcast.object(entry, arrival: now),
        on: entry.track,
        utc: utc,
        now: now
      )
      if entry.endsGroup {
        presentation.endGroup(
          entry.position.group,
          at: entry.position.object + 1,
          on: entry.track,
          utc: utc,
          now: now
        )
      }
      drain()
    }
  }

  /// Lets the presentation's own deadlines pass.
  package mutating func wait(until instant: Instant) {
    clock = instant.nanoseconds / 1000
    presentation.handleTimeout(
      utc: UTCTime(microseconds: zero.microseconds + instant.nanoseconds / 1000),
      now: instant
    )
    drain()
  }

  /// Takes tracks for gone from the catalog, now.
  package mutating func retire(_ tracks: [Int]) {
    presentation.retire(tracks, now: Instant(nanoseconds: clock * 1000))
    drain()
  }

  /// Ends the broadcast.
  package mutating func finish(atMicroseconds time: Int64) {
    presentation.finish(now: Instant(nanoseconds: time * 1000))
    drain()
  }

  /// Takes what the presentation has published, for those who feed it themselves.
  package mutating func drain() {
    while let output = presentation.poll() {
      switch output {
      case .published(let snapshot):
        snapshots.append(snapshot)
        times.append(clock)
      case .notice(let notice): notices.append(notice)
      }
    }
  }
}
