import LinuxIO
import Wire

/// Clients that all wait for the next part of one playlist, again and again.
final class ReleaseCourse {
  /// How long after its media a part came to those who waited for it.
  struct Round {
    let path: String
    /// Sorted.
    let latencies: [Interval]
  }

  private let options: Options
  private let path: String
  private let relay: Relay?
  private let links: [CountingLink]
  /// Asks for the playlist between two rounds.
  let lister: Link
  private var arrivals: [Instant] = []
  /// The relay's last media when the first answer of a round came.
  private var cause: Instant?
  /// When the last client had asked.
  private var asked: Instant
  private var skipped = 0
  private(set) var rounds = 0

  /// Begins as soon as the connection that asks for playlists stands.
  init(
    _ path: String,
    _ links: [CountingLink],
    _ relay: Relay?,
    _ options: Options,
    _ loop: EventLoop
  ) throws(SystemError) {
    self.path = path
    self.links = links
    self.relay = relay
    self.options = options
    asked = Clock.now
    lister = try Link(to: options.server, player: 0, .playlist, loop, now: asked)
  }

  var isDone: Bool { rounds >= options.rounds }

  /// Some have their answer and others not yet.
  var isReceiving: Bool { !arrivals.isEmpty && arrivals.count < links.count }

  /// Asks for the playlist, from which the next round begins.
  private func begin() throws(Complaint) {
    try lister.ask(path, "\(options.server)", now: Clock.now)
  }

  /// What has come for the connection that asks for playlists: all ask for what the playlist has next.
  func serveLister(_ loop: EventLoop, into buffer: inout [UInt8]) throws(Complaint) {
    if lister.isConnecting {
      try lister.connected(loop)
      return try begin()
    }
    guard let answer = try lister.read(into: &buffer) else { return }
    guard answer.status == 200 else { throw Complaint("\(path): status is not 200") }
    let next = try ListedPlaylist(answer.body).next
    let request = countedRequest(
      "\(path)?_HLS_msn=\(next.segment)&_HLS_part=\(next.part)",
      options.server
    )
    arrivals.removeAll(keepingCapacity: true)
    cause = nil
    for link in links { try link.ask(request) }
    asked = Clock.now
  }

  /// What has come for a client; the round when it was the last one's answer.
  ///
  /// Nothing is told of a part that came while requests were being sent.
  func serve(_ link: CountingLink, into buffer: inout [UInt8]) throws(Complaint) -> Round? {
    guard try link.read(into: &buffer) != nil else { return nil }
    if arrivals.isEmpty { cause = relay?.lastMedia }
    arrivals.append(Clock.now)
    guard arrivals.count == links.count, let first = arrivals.first else { return nil }
    try begin()
    guard first > asked + .milliseconds(20) else {
      skipped += 1
      guard skipped < 10 * options.rounds else { throw Complaint("requests take a part's time") }
      return nil
    }
    rounds += 1
    return Round(path: path, latencies: arrivals.map { $0 - (cause ?? first) })
  }
}
