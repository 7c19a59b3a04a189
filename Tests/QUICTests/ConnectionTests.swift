@testable import QUIC
import Testing
import Wire

@Suite struct ConnectionTests {
  @Test func `datagrams arrive whole in both directions`() throws {
    let (link, server) = try Fixture.connected()
    #expect(link.client.sendDatagram([1, 2, 3]))
    #expect(link.client.sendDatagram([4]))
    #expect(server.sendDatagram([5, 6]))
    link.run(for: .milliseconds(100))
    #expect(link.serverEvents.dropFirst() == [.datagram([1, 2, 3]), .datagram([4])])
    #expect(link.clientEvents.dropFirst() == [.datagram([5, 6])])
  }

  @Test func `a datagram of the largest size arrives and a larger one is refused`() throws {
    let (link, _) = try Fixture.connected()
    let size = link.client.maxDatagramByteCount
    #expect(size > 1100)
    let largest = Bytes(Fixture.pattern(size))
    #expect(link.client.sendDatagram(largest))
    #expect(!link.client.sendDatagram(Bytes(Fixture.pattern(size + 1))))
    link.run(for: .milliseconds(100))
    #expect(link.serverEvents.dropFirst() == [.datagram(largest)])
  }

  @Test func `a peer that takes no datagrams is sent none`() throws {
    var configuration = QUICConfiguration()
    configuration.maxDatagramBytes = 0
    let (link, server) = try Fixture.connected(serverConfiguration: configuration)
    #expect(link.client.maxDatagramByteCount == 0)
    #expect(!link.client.sendDatagram([1]))
    #expect(server.sendDatagram([1]))
  }

  @Test func `the queue of datagrams is bounded`() throws {
    var configuration = QUICConfiguration()
    configuration.maxQueuedDatagrams = 2
    let (link, _) = try Fixture.connected(clientConfiguration: configuration)
    #expect([0, 1, 2].map { link.client.sendDatagram([$0]) } == [true, true, false])
  }

  @Test func `code and reason of a close are seen by the other side`() throws {
    let (link, server) = try Fixture.connected()
    link.client.close(code: 0x10, reason: "goodbye", now: link.now)
    link.run(for: .milliseconds(5000))
    #expect(link.clientEvents.last == .closed(.closedLocally(code: 0x10, reason: "goodbye")))
    #expect(link.serverEvents.last == .closed(.closedByPeer(code: 0x10, reason: "goodbye")))
    #expect(link.client.isFinished)
    #expect(server.isFinished)
    #expect(link.server.connectionCount == 0)
    #expect(link.client.deadline == nil)
    #expect(link.server.deadline == nil)
  }

  @Test func `a lost close is repeated`() throws {
    let (link, server) = try Fixture.connected()
    link.isCut = true
    link.client.close(code: 7, reason: "", now: link.now)
    link.run(for: .milliseconds(1))
    link.isCut = false
    let stream = try #require(server.openStream(bidirectional: false))
    server.send([1], on: stream)
    link.run(for: .milliseconds(25), until: { link.serverEvents.count > 1 })
    #expect(link.serverEvents.last == .closed(.closedByPeer(code: 7, reason: "")))
  }

  @Test func `a close during the handshake is safe`() throws {
    let link = try Fixture.link()
    link.client.close(code: 1, reason: "never mind", now: link.now)
    #expect(link.client.poll() == .closed(.closedLocally(code: 1, reason: "never mind")))
    #expect(link.client.isFinished)

    let late = try Fixture.link()
    late.run(for: .milliseconds(12))
    late.client.close(code: 1, reason: "never mind", now: late.now)
    late.run(for: .milliseconds(5000))
    #expect(late.clientEvents == [.closed(.closedLocally(code: 1, reason: "never mind"))])
    #expect(late.client.isFinished)
  }

  @Test func `silence ends in an idle timeout on both sides`() throws {
    var configuration = QUICConfiguration()
    configuration.idleTimeout = .milliseconds(3000)
    configuration.keepAlive = .zero
    let (link, _) = try Fixture.connected(
      clientConfiguration: configuration,
      serverConfiguration: configuration
    )
    link.run(for: .milliseconds(200))
    let start = link.now
    link.run(for: .milliseconds(10_000))
    #expect(link.now - start >= .milliseconds(3000))
    #expect(link.clientEvents.last == .closed(.idleTimeout))
    #expect(link.serverEvents.last == .closed(.idleTimeout))
    #expect(link.server.connectionCount == 0)
  }

  @Test func `keep-alive prevents the idle timeout until the link is cut`() throws {
    var configuration = QUICConfiguration()
    configuration.idleTimeout = .milliseconds(3000)
    configuration.keepAlive = .milliseconds(1000)
    let (link, _) = try Fixture.connected(
      clientConfiguration: configuration,
      serverConfiguration: configuration
    )
    link.run(for: .milliseconds(60_000))
    #expect(link.client.isEstablished)
    link.isCut = true
    link.run(for: .milliseconds(10_000))
    #expect(link.clientEvents.last == .closed(.idleTimeout))
  }

  @Test func `a server that has lost the connection says so`() throws {
    let (link, server) = try Fixture.connected()
    link.run(for: .milliseconds(200))
    // The client doesn't hear of the end.
    link.isCut = true
    server.close(code: 0, reason: "", now: link.now)
    link.run(for: .milliseconds(4000))
    #expect(link.server.connectionCount == 0)
    link.isCut = false
    let stream = try #require(link.client.openStream(bidirectional: false))
    link.client.send(Bytes(Fixture.pattern(100)), on: stream)
    link.run(for: .milliseconds(5000), until: { link.clientEvents.last != link.clientEvents.first })
    #expect(link.clientEvents.last == .closed(.statelessReset))
  }

  @Test func `a quiet receiver has no deadline in the past`() throws {
    let (link, server) = try Fixture.connected()
    let stream = try #require(server.openStream(bidirectional: false))
    server.send(Bytes(Fixture.pattern(100_000)), on: stream, isFinal: true)
    link.run(for: .milliseconds(3000))
    let due = try #require(link.client.deadline)
    #expect(due > link.now + .milliseconds(100))
  }

  @Test func `the round-trip time is measured`() throws {
    let (link, _) = try Fixture.connected()
    link.run(for: .milliseconds(300))
    #expect(link.client.roundTripTime >= .milliseconds(20))
    #expect(link.client.roundTripTime < .milliseconds(60))
  }

  @Test func `an assertion that fails inside ngtcp2 ends its connection only`() throws {
    let (link, server) = try Fixture.connected()
    let (other, _) = try Fixture.connected(seed: 2)
    let stream = try #require(server.openStream(bidirectional: false))
    server.send([1], on: stream)
    server.failAssertion(now: link.now)
    #expect(
      server.poll() == .closed(.transport(code: 1, reason: "ERR_INTERNAL", byPeer: false))
    )
    server.send([2], on: stream)
    server.consumed(5, on: stream)
    server.close(code: 0, reason: "", now: link.now)
    link.run(for: .milliseconds(1000))
    #expect(server.isFinished)
    #expect(link.server.connectionCount == 0)

    let alive = try #require(other.client.openStream(bidirectional: false))
    other.client.send([3], on: alive, isFinal: true)
    other.run(for: .milliseconds(1000))
    #expect(other.serverEvents.data(of: alive) == [3])
  }
}
