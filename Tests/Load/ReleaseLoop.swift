import LinuxIO
import Wire

/// Clients that wait for parts of one playlist or several, and how long after its media they get each.
///
/// Prints for each part how many were waiting, and the milliseconds from the last datagram of media that
/// the relay handed on (without one: from the first client's answer) to the receipt of the last byte by
/// the first client, half, 99 % and all; in the end the same of all answers together.
final class ReleaseLoop {
  private let options: Options
  private let loop: EventLoop
  private var relays: [Relay] = []
  private var nearEnds: [EventToken: Relay] = [:]
  private var farEnds: [EventToken: Relay] = [:]
  private var courses: [ReleaseCourse] = []
  private var listers: [EventToken: ReleaseCourse] = [:]
  private var links: [EventToken: (link: CountingLink, course: ReleaseCourse)] = [:]
  private var buffer = [UInt8](repeating: 0, count: 1 << 18)
  private var latencies: [Interval] = []

  private static let patience = Interval.seconds(30)

  init(_ options: Options) throws {
    self.options = options
    loop = try EventLoop()
    for (index, ends) in options.relays.enumerated() {
      let relay = try Relay(ends, delay: .milliseconds(Int64(index) * options.spread))
      relays.append(relay)
      nearEnds[try loop.add(relay.near.descriptor)] = relay
      farEnds[try loop.add(relay.far.descriptor)] = relay
    }
  }

  func run() throws {
    for path in options.paths { try awaitPlaylist(path) }
    let connections = try connect(options.clients, to: options.server, loop) { self.serveRelay($0) }
    var shares = [[CountingLink]](repeating: [], count: options.paths.count)
    for (index, link) in connections.values.enumerated() {
      shares[index % shares.count].append(link)
    }
    for (index, path) in options.paths.enumerated() {
      let relay = relays.isEmpty ? nil : relays[index % relays.count]
      let course = try ReleaseCourse(path, shares[index], relay, options, loop)
      courses.append(course)
      listers[course.lister.token] = course
      for link in shares[index] { links[link.token] = (link, course) }
    }
    try follow()
    reportPercentiles(latencies.sorted(), "\"answers\": \"all\"")
  }

  /// Until every course has had its rounds.
  private func follow() throws {
    var deadline = Clock.now + Self.patience
    var failure: Complaint?
    while !courses.allSatisfy(\.isDone) {
      guard Clock.now < deadline else { throw Complaint("no part in 30 s") }
      try turn(until: deadline) { token in
        do throws(Complaint) {
          guard !serveRelay(token), let round = try take(token) else { return }
          latencies += round.latencies
          reportPercentiles(round.latencies, "\"path\": \"\(round.path)\"")
          deadline = Clock.now + Self.patience
        } catch {
          failure = error
        }
      }
      if let failure { throw failure }
    }
  }

  private func take(_ token: EventToken) throws(Complaint) -> ReleaseCourse.Round? {
    if let (link, course) = links[token] { return try course.serve(link, into: &buffer) }
    try listers[token]?.serveLister(loop, into: &buffer)
    return nil
  }

  // MARK: Relays

  /// One turn of the loop, which ends early when a relay has something to hand on.
  private func turn(until deadline: Instant, _ body: (EventToken) -> Void) throws {
    // Viewers have machines of their own: here each answer would pay for waking this one.
    let isReceiving = courses.contains(where: \.isReceiving)
    let due = isReceiving ? Clock.now : relays.compactMap(\.nextDue).min() ?? deadline
    try loop.wait(until: min(due, deadline)) { token, _ in body(token) }
    // What a socket refuses is lost, as datagrams may be.
    for relay in relays where relay.nextDue != nil { try? relay.handOn() }
  }

  private func serveRelay(_ token: EventToken) -> Bool {
    if let relay = nearEnds[token] {
      try? relay.moveUp()
    } else if let relay = farEnds[token] {
      try? relay.moveDown()
    } else {
      return false
    }
    return true
  }

  /// Waits until there is something to play.
  private func awaitPlaylist(_ path: String) throws {
    let deadline = Clock.now + Self.patience
    while (try? fetch(path, from: options.server)) == nil {
      guard Clock.now < deadline else { throw Complaint("\(path): no playlist in 30 s") }
      let pause = Clock.now + .milliseconds(100)
      while Clock.now < pause { try turn(until: pause) { token in _ = serveRelay(token) } }
    }
  }
}
