import LinuxIO
import Wire

/// How many answers a server gives to connections that ask again at once.
///
/// Prints answers, bytes received and seconds.
func measureRate(_ options: Options) throws {
  let loop = try EventLoop()
  var connections = try connect(options.clients, to: options.server, loop)
  let request = countedRequest(options.path, options.server)
  var buffer = [UInt8](repeating: 0, count: 1 << 18)
  var answers = 0
  // A server closes a connection in good order that has had its share.
  let share = 1000
  var bytes = 0
  var failure: Complaint?
  let start = Clock.now
  let end = start + .seconds(options.seconds)
  for connection in connections.values { try connection.ask(request) }
  var now = start
  while now < end {
    try loop.wait(until: end) { token, _ in
      guard let connection = connections[token] else { return }
      do {
        if connection.isConnecting {
          try connection.connected(loop)
          return try connection.ask(request)
        }
        switch connection.socket.read(into: &buffer) {
        case .wouldBlock: return
        case .closed:
          guard connection.answers >= share, connection.counter.isBetweenAnswers else {
            throw Complaint("closed by the server after \(connection.answers) answers")
          }
          loop.remove(connection.socket.descriptor, token)
          connections[token] = nil
          let next = try CountingLink(to: options.server, loop)
          connections[next.token] = next
        case .bytes(let count):
          bytes += count
          guard try connection.counter.take(buffer[..<count]) != nil else { return }
          answers += 1
          connection.answers += 1
          try connection.ask(request)
        }
      } catch {
        failure = Complaint("\(error)")
      }
    }
    if let failure { throw failure }
    now = Clock.now
  }
  StandardOutput().write(
    "{\"answers\": \(answers), \"bytes\": \(bytes), \"seconds\": \((now - start).seconds)}\n"
  )
}

/// Keeps connections that have had one answer, or wait for it, until the process is ended.
///
/// Prints a line when all do.
func hold(_ options: Options) throws {
  let loop = try EventLoop()
  let connections = try connect(options.clients, to: options.server, loop)
  let request = countedRequest(options.path, options.server)
  var buffer = [UInt8](repeating: 0, count: 1 << 18)
  var failure: Complaint?
  for connection in connections.values {
    try connection.ask(request)
    var isAnswered = options.isWaiting
    while !isAnswered {
      try loop.wait(until: nil) { token, _ in
        guard let other = connections[token] else { return }
        do throws(Complaint) {
          if try other.read(into: &buffer) != nil { isAnswered = true }
        } catch {
          failure = error
        }
      }
      if let failure { throw failure }
    }
  }
  // Those that wait tell nothing when they are read: the server has a moment.
  let settled = Clock.now + .milliseconds(500)
  while options.isWaiting, Clock.now < settled { try loop.wait(until: settled) { _, _ in } }
  StandardOutput().write("{\"held\": \(connections.count)}\n")
  while true { try loop.wait(until: nil) { _, _ in } }
}
