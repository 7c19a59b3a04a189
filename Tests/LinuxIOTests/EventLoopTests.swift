import LinuxIO
import Testing
import Wire

@Suite struct EventLoopTests {
  /// The two ends of a connection.
  private func pair() throws -> (TCPSocket, TCPSocket) {
    let listener = try TCPListener(.loopback(port: 0), isShared: false)
    let client = try TCPSocket(connectingTo: listener.address)
    let loop = try EventLoop()
    _ = try loop.add(client.descriptor, writable: true)
    try loop.wait(until: Clock.now + .seconds(20)) { _, _ in }
    guard case .connection(let server) = listener.accept() else {
      throw SystemError(operation: "accept", code: 0)
    }
    return (client, server)
  }

  /// What is reported; waits for up to 20 seconds when something is to be.
  private func report(_ loop: EventLoop, waits: Bool) throws -> Readiness? {
    var found: Readiness?
    try loop.wait(until: Clock.now + .seconds(waits ? 20 : 0)) { _, readiness in found = readiness }
    return found
  }

  @Test func `what is left unread is reported again, unless only changes are`() throws {
    for onlyChanges in [false, true] {
      let (client, server) = try pair()
      let loop = try EventLoop()
      let token = try loop.add(server.descriptor, onlyChanges: onlyChanges)
      #expect(try report(loop, waits: false) == nil)
      #expect(client.write([[1, 2]]) == .bytes(2))
      #expect(try report(loop, waits: true)?.canRead == true)
      var byte: [UInt8] = [0]
      #expect(server.read(into: &byte) == .bytes(1))
      #expect((try report(loop, waits: false) == nil) == onlyChanges)
      loop.modify(server.descriptor, token, readable: true, writable: false)
      #expect(try report(loop, waits: true)?.canRead == true)
    }
  }

  @Test func `an end behind what is to be read is told with it`() throws {
    let (client, server) = try pair()
    let loop = try EventLoop()
    let token = try loop.add(server.descriptor, onlyChanges: true)
    #expect(client.write([[1]]) == .bytes(1))
    client.shutdownWriting()
    var readiness: Readiness?
    // The byte and the end may be reported one after the other.
    repeat {
      readiness = try report(loop, waits: true)
      try #require(readiness != nil, "the end is not told")
    } while readiness?.hasEnded != true
    #expect(readiness?.isHungUp == false)
    var buffer: [UInt8] = [0, 0]
    #expect(server.read(into: &buffer) == .bytes(1))
    #expect(try report(loop, waits: false) == nil)
    loop.modify(server.descriptor, token, readable: true, writable: false)
    #expect(try report(loop, waits: true)?.hasEnded == true)
    #expect(server.read(into: &buffer) == .closed)
  }
}
