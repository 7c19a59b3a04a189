import LinuxIO
import Wire

/// One keep-alive connection, with one request at a time.
final class CountingLink {
  let socket: TCPSocket
  let token: EventToken
  var isConnecting = true
  var counter = AnswerCounter()
  var answers = 0

  init(
    to server: SocketAddress,
    _ loop: EventLoop,
    takesLittle: Bool = false
  ) throws(SystemError) {
    socket = try TCPSocket(connectingTo: server, takesLittle: takesLittle)
    token = try loop.add(socket.descriptor, writable: true)
  }

  /// The connection stands: nothing more is to be written until a request is.
  ///
  /// One that is deaf is told of its end all the same.
  func connected(_ loop: EventLoop, isDeaf: Bool = false) throws(Complaint) {
    if let failure = socket.connectionFailure() { throw Complaint("\(failure)") }
    isConnecting = false
    loop.modify(socket.descriptor, token, readable: !isDeaf, writable: false)
  }

  /// Reads what has come; the status of the answer that is whole with it, nil while none is.
  func read(into buffer: inout [UInt8]) throws(Complaint) -> Int? {
    switch socket.read(into: &buffer) {
    case .wouldBlock: return nil
    case .closed: throw Complaint("closed by the server")
    case .bytes(let count): return try counter.take(buffer[..<count])
    }
  }

  /// Sends a request; the kernel always has room for one.
  func ask(_ request: Bytes) throws(Complaint) {
    guard case .bytes(request.count) = socket.write([request]) else {
      throw Complaint("the socket does not take a request")
    }
  }
}

/// A request as all connections send it.
func countedRequest(_ path: String, _ server: SocketAddress) -> Bytes {
  Bytes(utf8: "GET \(path) HTTP/1.1\r\nHost: \(server)\r\nUser-Agent: moq-egress-load\r\n\r\n")
}

/// Connects many, a few at a time so that no queue of the server's overflows.
///
/// `others` takes the loop's events that are not about them.
func connect(
  _ count: Int,
  to server: SocketAddress,
  _ loop: EventLoop,
  others: (EventToken) -> Bool = { _ in false }
) throws -> [EventToken: CountingLink] {
  var connections: [EventToken: CountingLink] = [:]
  var standing = 0
  let deadline = Clock.now + .seconds(60)
  while standing < count {
    while connections.count < count, connections.count - standing < 256 {
      let connection = try CountingLink(to: server, loop)
      connections[connection.token] = connection
    }
    guard Clock.now < deadline else { throw Complaint("connecting takes too long") }
    var failure: Complaint?
    try loop.wait(until: deadline) { token, _ in
      if others(token) { return }
      guard let connection = connections[token], connection.isConnecting else { return }
      do throws(Complaint) {
        try connection.connected(loop)
        standing += 1
      } catch {
        failure = error
      }
    }
    if let failure { throw failure }
  }
  return connections
}
