import LinuxIO
import Wire

/// How long each answer takes to connections that ask for the same once a second, one after the other.
///
/// Prints a line when all stand, and after the run percentiles; what comes in the first second, after
/// which all have asked once, is not in them. The first answer that is not what it is to be ends the run.
func measureAsking(_ options: Options) throws {
  let loop = try EventLoop()
  let links = try connect(options.clients, to: options.server, loop)
  let order = Array(links.values)
  let request = countedRequest(options.path, options.server)
  var buffer = [UInt8](repeating: 0, count: 1 << 18)
  var askedAt: [EventToken: Instant] = [:]
  var latencies: [Interval] = []
  var failure: Complaint?
  let output = StandardOutput()
  output.write("{\"connected\": \(order.count)}\n")
  let start = Clock.now
  let counted = start + .seconds(1)
  let end = counted + .seconds(options.seconds)
  var turn = 0
  func due(_ turn: Int) -> Instant {
    start + Interval(nanoseconds: Int64(turn) * 1_000_000_000 / Int64(order.count))
  }
  while Clock.now < end || !askedAt.isEmpty {
    let now = Clock.now
    guard now < end + .seconds(10) else { throw Complaint("\(askedAt.count) have no answer") }
    while due(turn) <= now, now < end {
      let link = order[turn % order.count]
      turn += 1
      // Who waits still does not ask again.
      guard askedAt[link.token] == nil else { continue }
      askedAt[link.token] = Clock.now
      try link.ask(request)
    }
    try loop.wait(until: now < end ? due(turn) : end + .seconds(10)) { token, _ in
      guard let link = links[token] else { return }
      do throws(Complaint) {
        guard try link.read(into: &buffer) != nil else { return }
        guard let asked = askedAt.removeValue(forKey: token) else {
          throw Complaint("an answer that nobody waits for")
        }
        if asked >= counted { latencies.append(Clock.now - asked) }
      } catch {
        failure = error
      }
    }
    if let failure { throw failure }
  }
  reportPercentiles(latencies.sorted(), "\"asking\": \(order.count)")
}
