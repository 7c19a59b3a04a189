import Glibc
import LinuxIO
import Testing
import Wire

@Suite struct TCPSocketTests {
  /// Waits until a socket can be written: its connection has come about, or failed.
  private func settle(_ socket: TCPSocket) throws {
    let loop = try EventLoop()
    let token = try loop.add(socket.descriptor, writable: true)
    var isSettled = false
    while !isSettled {
      try loop.wait(until: nil) { _, readiness in
        isSettled = readiness.canWrite || readiness.isHungUp
      }
    }
    loop.remove(socket.descriptor, token)
  }

  @Test func `a connection carries bytes both ways`() throws {
    let listener = try TCPListener(.loopback(port: 0), isShared: false)
    let client = try TCPSocket(connectingTo: listener.address)
    try settle(client)
    #expect(client.connectionFailure() == nil)
    guard case .connection(let server) = listener.accept() else {
      Issue.record("the listener has no connection")
      return
    }
    var buffer = [UInt8](repeating: 0, count: 16)
    #expect(client.write([[1, 2], [3]]) == .bytes(3))
    #expect(server.read(into: &buffer) == .bytes(3))
    #expect(buffer[..<3] == [1, 2, 3])
    #expect(server.write([[4]]) == .bytes(1))
    #expect(client.read(into: &buffer) == .bytes(1))
    #expect(buffer[0] == 4)
    #expect(client.read(into: &buffer) == .wouldBlock)
    server.shutdownWriting()
    #expect(client.read(into: &buffer) == .closed)
  }

  @Test func `a port where nobody listens refuses the connection`() throws {
    let address: SocketAddress
    do {
      let listener = try TCPListener(.loopback(port: 0), isShared: false)
      address = listener.address
    }
    let client = try TCPSocket(connectingTo: address)
    try settle(client)
    #expect(client.connectionFailure()?.code == ECONNREFUSED)
    #expect(client.connectionFailure() == nil, "it is told once")
  }
}

@Suite struct ProcessSampleTests {
  @Test func `a process sees what it costs itself`() throws {
    let sample = try #require(ProcessSample(of: Int(getpid())))
    #expect(sample.residentBytes > 1_000_000)
    #expect(sample.cpuMicroseconds >= 0)
    #expect(sample.descriptors ?? 0 >= 3)
  }

  @Test func `there is no process of id 0`() {
    #expect(ProcessSample(of: 0) == nil)
  }
}
