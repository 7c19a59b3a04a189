import LinuxIO
import Wire

/// Clients that all wait for the same part, and how long after its media they get it.
///
/// Prints for each part how many were waiting, and the milliseconds from the last datagram of media that
/// the relay handed on (without one: from the first client's answer) to the receipt of the last byte by
/// the first client, half, 99 % and all.
final class ReleaseLoop {
  private let options: Options
  private let loop: EventLoop
  private let relay: Relay?
  private var relayTokens: (near: EventToken, far: EventToken)?
  private var buffer = [UInt8](repeating: 0, count: 1 << 18)
  private var links: [EventToken: CountingLink] = [:]
  private var arrivals: [Instant] = []
  /// The relay's last media when the first answer of a round came.
  private var cause: Instant?

  init(_ options: Options) throws {
    self.options = options
    loop = try EventLoop()
    relay = try options.relay.map { try Relay($0) }
    if let relay {
      relayTokens = (try loop.add(relay.near.descriptor), try loop.add(relay.far.descriptor))
    }
  }

  func run() throws {
    try awaitPlaylist()
    links = try connect(options.clients, to: options.server, loop) { self.serveRelay($0) }
    var skipped = 0
    var round = 0
    while round < options.rounds {
      let list = try currentPlaylist()
      let next = list.next
      let request = countedRequest(
        "\(options.path)?_HLS_msn=\(next.segment)&_HLS_part=\(next.part)",
        options.server
      )
      arrivals = []
      cause = nil
      let asked = Clock.now
      for link in links.values { try link.ask(request) }
      let sent = Clock.now
      try turn { self.arrivals.count == self.links.count }
      guard let first = arrivals.min(), let last = arrivals.max() else { continue }
      // A part that came while requests were being sent tells nothing.
      guard first > sent + .milliseconds(20) else {
        skipped += 1
        guard skipped < 10 * options.rounds else { throw Complaint("requests take a part's time") }
        continue
      }
      round += 1
      report(since: cause ?? first, asked: asked, first: first, last: last)
    }
  }

  private func report(since start: Instant, asked: Instant, first: Instant, last: Instant) {
    let sorted = arrivals.sorted()
    func milliseconds(_ instant: Instant) -> String {
      let microseconds = (instant - start).nanoseconds / 1000
      let rest = String(microseconds % 1000)
      return "\(microseconds / 1000).\(String(repeating: "0", count: 3 - rest.utf8.count))\(rest)"
    }
    StandardOutput().write(
      "{\"waiting\": \(sorted.count), \"first\": \(milliseconds(first)), "
        + "\"p50\": \(milliseconds(sorted[sorted.count / 2])), "
        + "\"p99\": \(milliseconds(sorted[sorted.count * 99 / 100])), "
        + "\"last\": \(milliseconds(last))}\n"
    )
  }

  // MARK: Turns

  /// Runs the loop until something holds.
  private func turn(until isDone: () -> Bool) throws {
    let deadline = Clock.now + .seconds(30)
    var failure: Complaint?
    while !isDone() {
      guard Clock.now < deadline else { throw Complaint("no answers in 30 s") }
      try loop.wait(until: deadline) { token, _ in
        do throws(Complaint) {
          if serveRelay(token) { return }
          if let link = links[token] { try serve(link) }
        } catch {
          failure = error
        }
      }
      if let failure { throw failure }
    }
  }

  private func serve(_ link: CountingLink) throws(Complaint) {
    switch link.socket.read(into: &buffer) {
    case .wouldBlock: return
    case .closed: throw Complaint("closed by the server")
    case .bytes(let count):
      guard try link.counter.take(buffer[..<count]) != nil else { return }
      if arrivals.isEmpty { cause = relay?.lastMedia }
      arrivals.append(Clock.now)
    }
  }

  private func serveRelay(_ token: EventToken) -> Bool {
    guard let relay, let relayTokens else { return false }
    // What a socket refuses is lost, as datagrams may be.
    if token == relayTokens.near {
      try? relay.moveUp()
    } else if token == relayTokens.far {
      try? relay.moveDown()
    } else {
      return false
    }
    return true
  }

  // MARK: Playlists

  private func awaitPlaylist() throws {
    let deadline = Clock.now + .seconds(30)
    while (try? currentPlaylist()) == nil {
      guard Clock.now < deadline else { throw Complaint("no playlist in 30 s") }
      let pause = Clock.now + .milliseconds(100)
      while Clock.now < pause { try loop.wait(until: pause) { token, _ in _ = serveRelay(token) } }
    }
  }

  /// The playlist as it is, on a connection of its own.
  private func currentPlaylist() throws -> ListedPlaylist {
    let link = try Link(to: options.server, player: 0, .playlist, loop, now: Clock.now)
    defer { loop.remove(link.socket.descriptor, link.token) }
    let deadline = Clock.now + .seconds(10)
    var outcome: Result<HTTPAnswer, Complaint>?
    while outcome == nil {
      guard Clock.now < deadline else { throw Complaint("\(options.path): no answer in 10 s") }
      try loop.wait(until: deadline) { token, _ in
        guard token == link.token else {
          _ = serveRelay(token)
          return
        }
        do throws(Complaint) {
          if link.isConnecting {
            try link.connected(loop)
            try link.ask(options.path, "\(options.server)", now: Clock.now)
          } else if let answer = try link.read(into: &buffer) {
            outcome = .success(answer)
          }
        } catch {
          outcome = .failure(error)
        }
      }
    }
    guard let answer = try outcome?.get(), answer.status == 200 else {
      throw Complaint("\(options.path): status is not 200")
    }
    return try ListedPlaylist(answer.body)
  }
}
