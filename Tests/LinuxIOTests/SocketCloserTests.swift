import LinuxIO
import Testing
import Wire

@Suite struct SocketCloserTests {
  @Test func `sockets are closed by the time a closer has stopped`() throws {
    let listener = try TCPListener(.loopback(port: 0), isShared: false)
    let closer = try SocketCloser()
    var clients: [TCPSocket] = []
    for _ in 0..<3 {
      let client = try TCPSocket(connectingTo: listener.address)
      let loop = try EventLoop()
      _ = try loop.add(client.descriptor, writable: true)
      try loop.wait(until: Clock.now + .seconds(20)) { _, _ in }
      guard case .connection(let server) = listener.accept() else {
        Issue.record("the listener has no connection")
        return
      }
      // What is not read makes the end a reset.
      #expect(client.write([[1]]) == .bytes(1))
      clients.append(client)
      closer.close([server])
    }
    closer.stop()
    var buffer: [UInt8] = [0]
    for client in clients { #expect(client.read(into: &buffer) == .closed) }
  }
}
