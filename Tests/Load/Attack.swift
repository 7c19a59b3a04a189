import Glibc
import LinuxIO
import Wire

/// Connections that do a server no good: heads that come a byte now and then, and requests whose answers
/// are never read.
///
/// One that is cut comes again within milliseconds, but not with others in a burst. All are moved by one
/// thread of the lowest priority: real attackers have processors of their own.
final class Attack {
  /// Each slow head goes on once in this time.
  private static let pause: Interval = .milliseconds(500)
  private static let turn: Interval = .milliseconds(1)
  /// Those that come again in one turn.
  private static let returnsPerTurn = 2
  /// Heads that go on in one turn; on a machine that is busy with other things some are left out.
  private static let headsPerTurn = 64
  /// What a deaf client asks for in one breath.
  private static let requestsAtOnce = 16

  private let server: SocketAddress
  /// What deaf clients say.
  private let requests: [Bytes]
  private let loop: EventLoop
  /// Slow ones first.
  private var links: [CountingLink?]
  private let slowCount: Int
  private var places: [EventToken: Int] = [:]
  private var gone: [Int] = []
  private var slowCuts = 0
  private var deafCuts = 0

  init(_ options: Options) throws {
    server = options.server
    requests = options.paths.map { path in
      let one = countedRequest(path, options.server).array
      return Bytes((0..<Self.requestsAtOnce).flatMap { _ in one })
    }
    loop = try EventLoop()
    slowCount = options.slow
    links = Array(repeating: nil, count: options.slow + options.deaf)
  }

  /// Prints a line when all stand, one when as many of each kind were cut, and when the process is asked
  /// to end one of how many were.
  func run() throws {
    let signals = try Signals()
    let output = StandardOutput()
    for place in links.indices {
      try begin(place)
      // A few at a time, so that no queue of the server's overflows.
      if place % 64 == 63 { try settle() }
    }
    try settle()
    output.write("{\"standing\": \(links.count)}\n")
    _ = nice(19)
    let start = Clock.now
    var next = start
    var said = 0
    var isCut = false
    while signals.next() == nil {
      next = max(next + Self.turn, Clock.now)
      while Clock.now < next { try look(until: next) }
      try comeAgain()
      let due = Int(Int64(slowCount) * (Clock.now - start).nanoseconds / Self.pause.nanoseconds)
      for turn in max(said, due - Self.headsPerTurn)..<due {
        // One that is cut is seen at the next look at all of them.
        _ = links[turn % slowCount]?.socket.write(Self.byte)
      }
      said = due
      if !isCut, slowCuts >= slowCount, deafCuts >= links.count - slowCount {
        isCut = true
        output.write("{\"cut\": \(links.count)}\n")
      }
    }
    // Those whose end has come but was not looked at.
    var seen = -1
    while seen < gone.count {
      seen = gone.count
      try look(until: Clock.now)
    }
    output.write("{\"slow\": \(slowCuts), \"deaf\": \(deafCuts)}\n")
  }

  private static let byte = Bytes(utf8: "G")

  private func begin(_ place: Int) throws(SystemError) {
    let link = try CountingLink(to: server, loop, takesLittle: place >= slowCount)
    links[place] = link
    places[link.token] = place
  }

  /// Waits until all that were begun stand.
  private func settle() throws {
    let deadline = Clock.now + .seconds(60)
    while links.contains(where: { $0?.isConnecting == true }) {
      guard Clock.now < deadline else { throw Complaint("connecting takes too long") }
      try look(until: deadline)
    }
  }

  private func look(until deadline: Instant) throws {
    var failure: Complaint?
    try loop.wait(until: deadline) { token, _ in
      guard let place = places[token], let link = links[place] else { return }
      guard link.isConnecting else {
        // All that a server says to them is that it has had enough.
        loop.remove(link.socket.descriptor, token)
        places[token] = nil
        if place < slowCount { slowCuts += 1 } else { deafCuts += 1 }
        return gone.append(place)
      }
      do throws(Complaint) {
        let isDeaf = place >= slowCount
        try link.connected(loop, isDeaf: isDeaf)
        if isDeaf { try link.ask(requests[place % requests.count]) }
      } catch {
        failure = error
      }
    }
    if let failure { throw failure }
  }

  private func comeAgain() throws(SystemError) {
    let back = gone.prefix(Self.returnsPerTurn)
    gone.removeFirst(back.count)
    for place in back {
      links[place] = nil
      try begin(place)
    }
  }
}
