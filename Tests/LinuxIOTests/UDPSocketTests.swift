import LinuxIO
import Testing
import Wire

@Suite struct UDPSocketTests {
  private struct Arrival: Equatable {
    var bytes: Bytes
    var source: SocketAddress
    var mark: UInt8
  }

  /// Asks again until so many datagrams came; loopback delivers within the call that sends.
  private func receive(_ socket: UDPSocket, _ count: Int) throws -> [Arrival] {
    var arrivals: [Arrival] = []
    for _ in 0..<10_000 where arrivals.count < count {
      _ = try socket.receive { datagrams, size, source, mark in
        forEachDatagram(of: datagrams, ofSize: size) { datagram in
          arrivals.append(Arrival(bytes: Bytes(copying: datagram), source: source, mark: mark))
        }
      }
    }
    return arrivals
  }

  private func append(
    _ bytes: Bytes,
    to destination: SocketAddress,
    congestionMark: UInt8 = 0,
    _ batch: inout DatagramBatch
  ) throws {
    let hasRoom = batch.append(bytes, to: destination, congestionMark: congestionMark)
    try #require(hasRoom)
  }

  private func loopback(isIPv6: Bool) -> SocketAddress {
    isIPv6
      ? SocketAddress(address: Bytes([UInt8](repeating: 0, count: 15) + [1]), port: 0)
      : .loopback(port: 0)
  }

  @Test(arguments: [false, true])
  func `a batch of mixed sizes, marks and targets arrives as it was`(isIPv6: Bool) throws {
    let any = loopback(isIPv6: isIPv6)
    let receivers = [try UDPSocket(local: any), try UDPSocket(local: any)]
    let sender = try UDPSocket(local: any)
    let source = try sender.localAddress()
    #expect(source.port != 0)
    let sizes = [1200, 1200, 1200, 700, 1452, 1200, 1, 1200, 1200]
    var batch = DatagramBatch()
    var expected: [[Arrival]] = [[], []]
    for (index, size) in sizes.enumerated() {
      let target = index < 7 ? 0 : 1
      let mark: UInt8 = index == 1 ? 2 : 0
      let bytes = Bytes((0..<size).map { UInt8(truncatingIfNeeded: $0 &* 7 &+ index) })
      let destination = try receivers[target].localAddress()
      try append(bytes, to: destination, congestionMark: mark, &batch)
      expected[target].append(Arrival(bytes: bytes, source: source, mark: mark))
    }
    #expect(try sender.send(batch) == sizes.count)
    for target in 0...1 {
      #expect(try receive(receivers[target], expected[target].count) == expected[target])
    }
  }

  @Test func `connected sockets answer each other`() throws {
    let server = try UDPSocket(local: .loopback(port: 0))
    let client = try UDPSocket(local: .loopback(port: 0), remote: try server.localAddress())
    var batch = DatagramBatch()
    let toServer = try server.localAddress()
    try append([1, 2], to: toServer, &batch)
    #expect(try client.send(batch) == 1)
    let request = try receive(server, 1)
    #expect(
      request == [Arrival(bytes: [1, 2], source: try client.localAddress(), mark: 0)]
    )
    batch.removeAll()
    let toClient = try client.localAddress()
    try append([3], to: toClient, &batch)
    #expect(try server.send(batch) == 1)
    #expect(try receive(client, 1).map(\.bytes) == [[3]])
  }

  @Test func `full batches of many datagrams pass`() throws {
    let server = try UDPSocket(local: .loopback(port: 0))
    let client = try UDPSocket(local: .loopback(port: 0), remote: try server.localAddress())
    var batch = DatagramBatch()
    let destination = try server.localAddress()
    var count = 0
    while batch.append(Bytes([UInt8](repeating: UInt8(count), count: 600)), to: destination) {
      count += 1
    }
    #expect(count == 109)
    #expect(try client.send(batch) == count)
    let arrivals = try receive(server, count)
    #expect(arrivals.map { $0.bytes[0] } == (0..<count).map { UInt8($0) })
    #expect(arrivals.allSatisfy { $0.bytes.count == 600 })
  }

  @Test func `an empty socket says so at once`() throws {
    let socket = try UDPSocket(local: .loopback(port: 0))
    let received = try socket.receive { _, _, _, _ in }
    #expect(received == UDPSocket.Received())
  }

  @Test func `a closed port is noticed`() throws {
    let closed: SocketAddress
    do {
      let gone = try UDPSocket(local: .loopback(port: 0))
      closed = try gone.localAddress()
    }
    let client = try UDPSocket(local: .loopback(port: 0), remote: closed)
    var batch = DatagramBatch()
    try append([1], to: closed, &batch)
    #expect(try client.send(batch) == 1)
    var wasRefused = false
    for _ in 0..<10_000 where !wasRefused {
      wasRefused = try client.receive { _, _, _, _ in }.wasRefused
    }
    #expect(wasRefused)
  }

  @Test func `a port in use is refused with address and reason`() throws {
    let first = try UDPSocket(local: .loopback(port: 0))
    let address = try first.localAddress()
    let error = #expect(throws: UDPSocketError.self) { try UDPSocket(local: address) }
    #expect(error?.description == "UDP at \(address): Address already in use")
  }
}
