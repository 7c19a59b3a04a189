import Glibc
import LinuxIO
import Wire

/// What the machine takes for the wake-ups alone that lie between a datagram and an answer: one thread
/// receives the datagram and tells another one, which answers on a connection; nothing else is done.
///
/// The processors rest between two rounds, as they do between two parts.
final class WakeChain {
  private let loop: EventLoop
  private let sender: UDPSocket
  private let socket: TCPSocket
  private let target: SocketAddress
  private var buffer = [UInt8](repeating: 0, count: 65_536)

  /// About what a playlist takes.
  private static let answer = Bytes([UInt8](repeating: 0, count: 2048))
  private static let datagram = Bytes([UInt8](repeating: 0, count: 1200))
  private static let pause = Interval.milliseconds(250)

  init() throws {
    let listener = try TCPListener(.loopback(port: 0), isShared: false)
    let news = try Mailbox<Bool>()
    let address = try Mailbox<SocketAddress>()
    try LoopThread(name: "receive") {
      let receiver = try UDPSocket(local: .loopback(port: 0))
      address.post(try receiver.localAddress())
      let loop = try EventLoop()
      _ = try loop.add(receiver.descriptor)
      return {
        while (try? loop.wait(until: nil) { _, _ in
          _ = try? receiver.receive { _, _, _, _ in news.post(true) }
        }) != nil {}
      }
    }
    .detach()
    try LoopThread(name: "answer") {
      let loop = try EventLoop()
      _ = try loop.add(news)
      let arrivals = try loop.add(listener.descriptor)
      var socket: TCPSocket?
      return {
        while (try? loop.wait(until: nil) { token, _ in
          if token == arrivals {
            if case .connection(let accepted) = listener.accept() { socket = accepted }
          } else if !news.drain().isEmpty {
            _ = socket?.write(Self.answer)
          }
        }) != nil {}
      }
    }
    .detach()
    loop = try EventLoop()
    socket = try TCPSocket(connectingTo: listener.address)
    _ = try loop.add(socket.descriptor)
    sender = try UDPSocket(local: .loopback(port: 0))
    guard let target = address.takeLast() else { throw Complaint("no address to send to") }
    self.target = target
  }

  /// Sorted times from one datagram each to the answer's last byte.
  func measure(rounds: Int) throws -> [Interval] {
    var times: [Interval] = []
    for _ in 0..<rounds {
      let end = Clock.now + Self.pause
      while Clock.now < end { try loop.wait(until: end) { _, _ in } }
      var batch = DatagramBatch()
      _ = batch.append(Self.datagram, to: target)
      _ = try sender.send(batch)
      let start = Clock.now
      var missing = Self.answer.count
      while missing > 0 {
        guard Clock.now - start < .seconds(10) else { throw Complaint("no answer in 10 s") }
        try loop.wait(until: start + .seconds(10)) { _, _ in
          if case .bytes(let count) = socket.read(into: &buffer) { missing -= count }
        }
      }
      times.append(Clock.now - start)
    }
    return times.sorted()
  }
}
