package import LinuxIO
package import TLS
package import Wire

/// A small HTTP/1.1 client for many requests at once, over TCP or TLS.
///
/// Not Sendable: it belongs to one thread, which waits in `wait`.
package final class Client {
  /// Connections that are open at once; further requests wait for one.
  package static let maximumConnections = 128
  /// Bytes taken from a socket at once.
  private static let readBytes = 65_536

  private let trust: ServerTrust
  private let loop: EventLoop
  /// By authority, those that did not answer left out.
  private var addresses: [String: [SocketAddress]] = [:]
  private var connections: [EventToken: Connection] = [:]
  private var waiting: [(identifier: Int, request: Request, begun: Instant, utc: UTCTime)] = []
  private var finished: [(identifier: Int, exchange: Exchange)] = []
  private var lastIdentifier = 0
  private var buffer = [UInt8](repeating: 0, count: Client.readBytes)

  package init(trust: ServerTrust) throws(SystemError) {
    self.trust = trust
    loop = try EventLoop()
  }

  /// Begins a request and returns the number under which `wait` will report it.
  package func begin(_ request: Request) -> Int {
    lastIdentifier += 1
    waiting.append((lastIdentifier, request, Clock.now, Clock.utc))
    startWaiting()
    return lastIdentifier
  }

  /// Gives a request up: its connection is closed, and it is reported as cancelled.
  package func cancel(_ identifier: Int) {
    if let index = waiting.firstIndex(where: { $0.identifier == identifier }) {
      let entry = waiting.remove(at: index)
      finishUnsent(entry, .cancelled)
    }
    guard
      let connection = connections.values.first(where: {
        $0.exchange != nil && $0.identifier == identifier
      })
    else { return }
    connection.fail(.cancelled)
    conclude(connection)
  }

  /// Waits until something ended or the deadline passes; reports what ended, in order.
  package func wait(until deadline: Instant) throws(SystemError) -> [(
    identifier: Int, exchange: Exchange
  )] {
    startWaiting()
    if finished.isEmpty {
      let end = min(deadline, nextTimeout ?? deadline)
      var ready: [(EventToken, Readiness)] = []
      try loop.wait(until: end) { ready.append(($0, $1)) }
      let now = Clock.now
      for (token, readiness) in ready {
        guard let connection = connections[token] else { continue }
        let isOver = connection.turn(readiness, buffer: &buffer, now: now)
        if isOver { conclude(connection) } else { watch(connection) }
      }
      expire(now)
    }
    defer { finished = [] }
    return finished
  }

  private var nextTimeout: Instant? {
    let running = connections.values.compactMap(\.exchange).map { $0.begun + $0.request.timeout }
    return (running + waiting.map { $0.begun + $0.request.timeout }).min()
  }

  private func expire(_ now: Instant) {
    for connection in connections.values {
      guard let exchange = connection.exchange, now >= exchange.begun + exchange.request.timeout
      else { continue }
      connection.fail(.timedOut)
      conclude(connection)
    }
    while let index = waiting.firstIndex(where: { now >= $0.begun + $0.request.timeout }) {
      finishUnsent(waiting.remove(at: index), .timedOut)
    }
  }

  private func startWaiting() {
    while let entry = waiting.first {
      let origin = Connection.Origin(
        isSecure: entry.request.url.isSecure,
        authority: entry.request.url.authority
      )
      let idle =
        entry.request.isAlone
        ? nil : connections.values.first { $0.exchange == nil && $0.origin == origin }
      if idle == nil, connections.count >= Self.maximumConnections { return }
      waiting.removeFirst()
      do throws(Exchange.Failure) {
        let connection: Connection
        if let idle { connection = idle } else { connection = try connect(entry.request) }
        var exchange = Exchange(
          request: entry.request,
          begun: entry.begun,
          begunUTC: entry.utc
        )
        exchange.ended = entry.begun
        connection.begin(exchange, identifier: entry.identifier)
        if connection.exchange?.failure != nil {
          conclude(connection)
        } else {
          connection.flush()
          watch(connection)
        }
      } catch {
        finishUnsent(entry, error)
      }
    }
  }

  private func connect(_ request: Request) throws(Exchange.Failure) -> Connection {
    let url = request.url
    if addresses[url.authority] == nil {
      do {
        addresses[url.authority] = try Resolver.addresses(of: url.host, port: url.port)
      } catch {
        throw .unreachable("\(error)")
      }
    }
    guard let address = addresses[url.authority]?.first else {
      throw .unreachable("\(url.host) has no address")
    }
    let connection = try Connection(
      to: url,
      address: address,
      protocols: request.protocols,
      trust: trust
    )
    do {
      let token = try loop.add(connection.socket.descriptor, writable: true)
      connection.token = token
      connections[token] = connection
    } catch {
      throw .unreachable("\(error)")
    }
    return connection
  }

  private func watch(_ connection: Connection) {
    guard let token = connection.token else { return }
    loop.modify(
      connection.socket.descriptor,
      token,
      readable: true,
      writable: connection.wantsToWrite
    )
  }

  /// Reports the exchange that is over and keeps the connection if it can serve another.
  private func conclude(_ connection: Connection) {
    if let exchange = connection.takeExchange(now: Clock.now) {
      if canRepeat(exchange) {
        let request = exchange.request
        waiting.append((connection.identifier, request, exchange.begun, exchange.begunUTC))
      } else {
        finished.append((connection.identifier, exchange))
      }
    }
    guard connection.isSpent else {
      watch(connection)
      return
    }
    guard let token = connection.token else { return }
    loop.remove(connection.socket.descriptor, token)
    connections[token] = nil
    connection.token = nil
  }

  /// Whether a request is to be sent again elsewhere: the server closed an idle connection just when
  /// it was used, RFC 9112 §9.3.1, or there is another address to try.
  private func canRepeat(_ exchange: Exchange) -> Bool {
    switch exchange.failure {
    case .closed:
      return exchange.reuses > 0 && exchange.responses.isEmpty && exchange.partial == nil
    case .unreachable:
      let authority = exchange.request.url.authority
      guard let known = addresses[authority], known.count > 1 else { return false }
      addresses[authority] = Array(known.dropFirst())
      return true
    default: return false
    }
  }

  private func finishUnsent(
    _ entry: (identifier: Int, request: Request, begun: Instant, utc: UTCTime),
    _ failure: Exchange.Failure
  ) {
    var exchange = Exchange(request: entry.request, begun: entry.begun, begunUTC: entry.utc)
    exchange.failure = failure
    exchange.ended = Clock.now
    finished.append((entry.identifier, exchange))
  }
}
