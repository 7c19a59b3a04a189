import QUIC
import Testing
import Wire

@Suite struct StreamTests {
  @Test(arguments: [true, false])
  func `bytes and the end arrive in both directions`(isBidirectional: Bool) throws {
    let (link, server) = try Fixture.connected()
    let sent = Fixture.pattern(300_000)
    let stream = try #require(link.client.openStream(bidirectional: isBidirectional))
    let back = try #require(server.openStream(bidirectional: isBidirectional))
    link.client.send(Bytes(sent), on: stream, isFinal: true)
    server.send(Bytes(sent), on: back)
    server.send(Bytes(), on: back, isFinal: true)
    link.run(for: .milliseconds(5000)) {
      link.serverEvents.hasEnd(of: stream) && link.clientEvents.hasEnd(of: back)
    }
    #expect(link.serverEvents.data(of: stream) == sent)
    #expect(link.clientEvents.data(of: back) == sent)
    link.run(for: .milliseconds(200))
    #expect(link.client.heldBytes == 0)
    #expect(server.heldBytes == 0)
    if !isBidirectional {
      #expect(link.clientEvents.contains(.streamClosed(stream)))
      #expect(link.serverEvents.contains(.streamClosed(stream)))
    }
  }

  @Test func `a request is answered on its own stream after its end`() throws {
    let (link, server) = try Fixture.connected()
    let stream = try #require(link.client.openStream(bidirectional: true))
    link.client.send(Bytes(utf8: "who?"), on: stream, isFinal: true)
    link.run(for: .milliseconds(500), until: { link.serverEvents.hasEnd(of: stream) })
    server.send(Bytes(utf8: "me"), on: stream, isFinal: true)
    link.run(for: .milliseconds(500), until: { link.clientEvents.contains(.streamClosed(stream)) })
    #expect(link.clientEvents.data(of: stream) == Array("me".utf8))
    link.run(for: .milliseconds(500))
    #expect(link.clientEvents.contains(.streamClosed(stream)))
    #expect(link.serverEvents.contains(.streamClosed(stream)))
  }

  @Test func `many small pieces arrive as one run`() throws {
    let (link, _) = try Fixture.connected()
    let stream = try #require(link.client.openStream(bidirectional: false))
    for index in 0..<200 {
      link.client.send([UInt8(index)], on: stream, isFinal: index == 199)
    }
    link.run(for: .milliseconds(500), until: { link.serverEvents.hasEnd(of: stream) })
    let expected = Bytes((0..<200).map { UInt8($0) })
    #expect(link.serverEvents.contains(.streamData(stream, expected, isFinal: true)))
  }

  @Test func `hours of small sends are no debt of a large one's pacing`() throws {
    let (link, server) = try Fixture.connected()
    link.keepsEvents = false
    var received = 0
    link.onServerEvent = { if case .streamData(_, let bytes, _) = $0 { received += bytes.count } }
    // Each piece leaves at once.
    let piece = Bytes(Fixture.pattern(5000))
    for _ in 0..<1000 {
      let stream = try #require(link.client.openStream(bidirectional: false))
      link.client.send(piece, on: stream, isFinal: true)
      link.run(for: .milliseconds(25))
    }
    link.run(for: .milliseconds(100))
    #expect(received == 5_000_000)
    // More than the congestion window of a connection that never had to fill it.
    let stream = try #require(link.client.openStream(bidirectional: false))
    link.client.send(Bytes(Fixture.pattern(400_000)), on: stream, isFinal: true)
    link.run(for: .milliseconds(1000), until: { received == 5_400_000 })
    #expect(received == 5_400_000)
    #expect(server.isEstablished)
  }

  @Test func `the sender waits for credit and goes on with it`() throws {
    var configuration = QUICConfiguration()
    configuration.streamWindowBytes = 10_000
    let (link, server) = try Fixture.connected(serverConfiguration: configuration)
    link.consumesEverything = false
    let sent = Fixture.pattern(35_000)
    let stream = try #require(link.client.openStream(bidirectional: false))
    link.client.send(Bytes(sent), on: stream, isFinal: true)
    link.run(for: .milliseconds(1000))
    #expect(link.serverEvents.data(of: stream) == Array(sent[..<10_000]))
    #expect(link.client.pendingBytes(on: stream) == 25_000)
    server.consumed(10_000, on: stream)
    link.run(for: .milliseconds(1000))
    #expect(link.serverEvents.data(of: stream) == Array(sent[..<20_000]))
    // More than was reported gives no more than was reported.
    server.consumed(1_000_000, on: stream)
    link.run(for: .milliseconds(1000))
    #expect(link.serverEvents.data(of: stream) == Array(sent[..<30_000]))
    server.consumed(10_000, on: stream)
    link.run(for: .milliseconds(1000))
    #expect(link.serverEvents.data(of: stream) == sent)
    #expect(link.serverEvents.hasEnd(of: stream))
  }

  @Test func `the connection's credit holds all streams and returns with what is consumed`() throws
  {
    var configuration = QUICConfiguration()
    configuration.connectionWindowBytes = 20_000
    let (link, server) = try Fixture.connected(serverConfiguration: configuration)
    link.consumesEverything = false
    let sent = Fixture.pattern(15_000)
    let streams = try (0..<4).map { _ in try #require(link.client.openStream(bidirectional: false))
    }
    for stream in streams { link.client.send(Bytes(sent), on: stream, isFinal: true) }
    link.run(for: .milliseconds(1000))
    let counts: [Int] = streams.map { link.serverEvents.data(of: $0).count }
    #expect(counts.reduce(0, +) == 20_000)
    link.consumesEverything = true
    for stream in streams { server.consumed(15_000, on: stream) }
    link.run(for: .milliseconds(2000))
    for stream in streams { #expect(link.serverEvents.data(of: stream) == sent) }
  }

  @Test func `a reset tells its code and drops what was queued`() throws {
    let (link, _) = try Fixture.connected()
    let stream = try #require(link.client.openStream(bidirectional: false))
    link.client.send([1, 2, 3], on: stream)
    link.run(for: .milliseconds(100))
    link.client.reset(stream, code: 0x77)
    link.client.send([4], on: stream)
    link.run(for: .milliseconds(500))
    #expect(link.serverEvents.contains(.streamReset(stream, code: 0x77)))
    #expect(link.serverEvents.data(of: stream) == [1, 2, 3])
    #expect(link.serverEvents.last == .streamClosed(stream))
    #expect(link.clientEvents.last == .streamClosed(stream))
    #expect(link.client.heldBytes == 0)
  }

  @Test func `a stream reset before anything was sent is reported and closed`() throws {
    let (link, _) = try Fixture.connected()
    let stream = try #require(link.client.openStream(bidirectional: false))
    link.client.reset(stream, code: 5)
    link.run(for: .milliseconds(500))
    #expect(
      Array(link.serverEvents.dropFirst()) == [
        .streamReset(stream, code: 5), .streamClosed(stream),
      ]
    )
  }

  @Test func `a stopped sender drops its queue and tells the code`() throws {
    let (link, server) = try Fixture.connected()
    let stream = try #require(link.client.openStream(bidirectional: false))
    link.client.send(Bytes(Fixture.pattern(4_000_000)), on: stream, isFinal: true)
    link.run(for: .milliseconds(30), until: { !link.serverEvents.data(of: stream).isEmpty })
    server.stopSending(stream, code: 0x99)
    link.run(for: .milliseconds(1000))
    #expect(link.clientEvents.contains(.stopSending(stream, code: 0x99)))
    #expect(link.clientEvents.contains(.streamClosed(stream)))
    #expect(link.serverEvents.contains(.streamClosed(stream)))
    #expect(link.serverEvents.hasEnd(of: stream) == false)
    #expect(link.client.heldBytes == 0)
  }

  @Test func `an idle stream that is stopped tells the code`() throws {
    let (link, server) = try Fixture.connected()
    let stream = try #require(link.client.openStream(bidirectional: false))
    link.client.send([1], on: stream)
    link.run(for: .milliseconds(200))
    server.stopSending(stream, code: 0x42)
    link.run(for: .milliseconds(500))
    #expect(
      Array(link.clientEvents.suffix(2)) == [
        .stopSending(stream, code: 0x42), .streamClosed(stream),
      ]
    )
  }

  @Test func `a stream stopped after its end was sent still closes`() throws {
    let (link, server) = try Fixture.connected()
    let stream = try #require(link.client.openStream(bidirectional: false))
    link.client.send([1], on: stream)
    link.run(for: .milliseconds(200))
    // The end and the request to stop cross on the wire.
    link.client.send([2], on: stream, isFinal: true)
    server.stopSending(stream, code: 1)
    link.run(for: .milliseconds(500))
    #expect(link.serverEvents.data(of: stream) == [1])
    #expect(link.serverEvents.last == .streamClosed(stream))
    #expect(link.clientEvents.last == .streamClosed(stream))
  }

  @Test func `credit of stopped and reset streams is not lost`() throws {
    var configuration = QUICConfiguration()
    configuration.connectionWindowBytes = 50_000
    let (link, server) = try Fixture.connected(serverConfiguration: configuration)
    link.consumesEverything = false
    // Each round holds more than half the connection's window and never consumes it.
    for round in 0..<20 {
      let stream = try #require(link.client.openStream(bidirectional: false))
      link.client.send(Bytes(Fixture.pattern(30_000)), on: stream)
      link.run(for: .milliseconds(2000)) { link.serverEvents.data(of: stream).count == 30_000 }
      #expect(link.serverEvents.data(of: stream).count == 30_000, "round \(round)")
      if round % 2 == 0 {
        server.stopSending(stream, code: 1)
      } else {
        link.client.reset(stream, code: 1)
      }
      link.run(for: .milliseconds(200))
    }
  }

  @Test func `streams go on past the initial credit with flat memory`() throws {
    var configuration = QUICConfiguration()
    configuration.maxRemoteUnidirectionalStreams = 1024
    let (link, server) = try Fixture.connected(clientConfiguration: configuration)
    link.delay = .milliseconds(1)
    link.keepsEvents = false
    let payload = Bytes(Fixture.pattern(200))
    var opened = 0
    func open(upTo total: Int) {
      var guardCount = 0
      while opened < total, guardCount < 10_000 {
        guardCount += 1
        while opened < total, let stream = server.openStream(bidirectional: false) {
          opened += 1
          server.send(payload, on: stream, isFinal: opened % 3 != 0)
          // The other two ways in which a stream ends.
          if opened % 3 == 0 { server.reset(stream, code: 3) }
        }
        link.run(for: .milliseconds(5))
      }
      link.run(for: .milliseconds(200))
    }
    // ngtcp2's pools have grown to their size by then.
    open(upTo: 5 * 1024)
    let client = link.client.transportMemoryBytes
    let publisher = server.transportMemoryBytes
    open(upTo: 10 * 1024)
    #expect(opened == 10 * 1024)
    // A leak of one stream's record of 214 bytes each would be more than 1 MB.
    #expect(abs(link.client.transportMemoryBytes - client) < 100_000)
    #expect(abs(server.transportMemoryBytes - publisher) < 100_000)
    #expect(link.client.trackedStreamCount == 0)
    #expect(server.trackedStreamCount == 0)
  }

  @Test func `bidirectional streams go on past the initial credit`() throws {
    var configuration = QUICConfiguration()
    configuration.maxRemoteBidirectionalStreams = 16
    let (link, server) = try Fixture.connected(serverConfiguration: configuration)
    link.onServerEvent = { event in
      if case .streamData(let stream, _, isFinal: true) = event {
        server.send([9], on: stream, isFinal: true)
      }
    }
    var opened = 0
    for _ in 0..<200 where opened < 100 {
      while opened < 100, let stream = link.client.openStream(bidirectional: true) {
        opened += 1
        link.client.send([1], on: stream, isFinal: true)
      }
      link.run(for: .milliseconds(50))
    }
    #expect(opened == 100)
    #expect(link.clientEvents.contains(.streamCredit(bidirectional: true)))
  }

  @Test func `no stream opens before the handshake or without credit`() throws {
    var configuration = QUICConfiguration()
    configuration.maxRemoteUnidirectionalStreams = 2
    let link = try Fixture.link(serverConfiguration: configuration)
    #expect(link.client.openStream(bidirectional: false) == nil)
    link.run(for: .milliseconds(500), until: { link.client.isEstablished })
    #expect(link.client.openStream(bidirectional: false) == 2)
    #expect(link.client.openStream(bidirectional: false) == 6)
    #expect(link.client.openStream(bidirectional: false) == nil)
  }

  @Test(arguments: [3, 4, 5] as [UInt64])
  func `a tenth of all datagrams lost and the rest shuffled changes no byte`(seed: UInt64) throws {
    let (link, server) = try Fixture.connected(seed: seed)
    link.lossPerMille = 100
    link.jitter = .milliseconds(8)
    let sent = Fixture.pattern(400_000, seed: seed)
    let up = try #require(link.client.openStream(bidirectional: true))
    let down = try #require(server.openStream(bidirectional: false))
    link.client.send(Bytes(sent), on: up, isFinal: true)
    server.send(Bytes(sent), on: down, isFinal: true)
    let done = link.run(for: .milliseconds(120_000)) {
      link.serverEvents.hasEnd(of: up) && link.clientEvents.hasEnd(of: down)
    }
    #expect(done)
    #expect(link.serverEvents.data(of: up) == sent)
    #expect(link.clientEvents.data(of: down) == sent)
  }

  @Test func `larger packets are found to fit`() throws {
    let (link, _) = try Fixture.connected()
    let stream = try #require(link.client.openStream(bidirectional: false))
    link.client.send(Bytes(Fixture.pattern(1_000_000)), on: stream, isFinal: true)
    link.run(for: .milliseconds(5000), until: { link.serverEvents.hasEnd(of: stream) })
    #expect(link.largestDatagram > 1400)
    #expect(link.largestDatagram <= 1500)
  }
}
