import LinuxIO
import Wire

/// One keep-alive connection to the server, with one request at a time.
final class Link {
  enum Purpose {
    case playlist
    case media
  }

  let player: Int
  let purpose: Purpose
  let socket: TCPSocket
  let token: EventToken
  private(set) var isConnecting = true
  /// When the request that waits for its answer was sent; nil between requests.
  private(set) var askedAt: Instant?
  private var reader = AnswerReader()

  /// Begins to connect and registers with the loop.
  init(
    to server: SocketAddress,
    player: Int,
    _ purpose: Purpose,
    _ loop: EventLoop,
    now: Instant
  ) throws(SystemError) {
    self.player = player
    self.purpose = purpose
    socket = try TCPSocket(connectingTo: server)
    token = try loop.add(socket.descriptor, writable: true)
    askedAt = now
  }

  /// The connection stands: nothing more is to be written until a request is.
  func connected(_ loop: EventLoop) throws(Complaint) {
    if let failure = socket.connectionFailure() {
      throw Complaint("connect: errno \(failure.code)")
    }
    isConnecting = false
    askedAt = nil
    loop.modify(socket.descriptor, token, readable: true, writable: false)
  }

  /// Sends a request; the kernel always has room for one.
  func ask(_ path: String, _ host: String, now: Instant) throws(Complaint) {
    try write("GET \(path) HTTP/1.1\r\nHost: \(host)\r\n\r\n")
    askedAt = now
  }

  func write(_ text: String) throws(Complaint) {
    let bytes = Bytes(utf8: text)
    guard case .bytes(bytes.count) = socket.write([bytes]) else {
      throw Complaint("the socket does not take a request")
    }
  }

  /// Reads what has come; nil while the answer is not whole.
  func read(into buffer: inout [UInt8]) throws(Complaint) -> HTTPAnswer? {
    switch socket.read(into: &buffer) {
    case .wouldBlock: return nil
    case .closed: throw Complaint(reader.isEmpty ? "closed by the server" : "answer cut short")
    case .bytes(let count):
      guard askedAt != nil else { throw Complaint("an answer without a request") }
      guard let answer = try reader.take(buffer[..<count]) else { return nil }
      askedAt = nil
      return answer
    }
  }
}
