import QUIC
import Testing
import Wire

/// Streams whose data is written where its reader wants it.
@Suite struct StreamRoomTests {
  @Test(arguments: [0, 100])
  func `a room is filled and told, and what follows comes as before`(lossPerMille: Int) throws {
    var configuration = QUICConfiguration()
    // The sender could never finish without the credit of what goes into the room.
    configuration.streamWindowBytes = 10_000
    configuration.connectionWindowBytes = 15_000
    let (link, server) = try Fixture.connected(serverConfiguration: configuration)
    link.lossPerMille = lossPerMille
    let sent = Fixture.pattern(70_000)
    let stream = try #require(link.client.openStream(bidirectional: false))
    link.client.send(Bytes(sent[..<1000]), on: stream)
    link.run(for: .milliseconds(2000), until: { link.serverEvents.data(of: stream).count == 1000 })
    let room = StreamRoom(wanted: 50_000)
    _ = room.append(Bytes(sent[..<1000]))
    #expect(server.fill(room, on: stream))
    #expect(!server.fill(StreamRoom(wanted: 1), on: stream))
    link.serverEvents = []
    link.client.send(Bytes(sent[1000...]), on: stream, isFinal: true)
    link.run(for: .milliseconds(20_000), until: { link.serverEvents.hasEnd(of: stream) })
    #expect(room.bytes == Array(sent[..<50_000]))
    #expect(link.serverEvents.first == .streamData(stream, Bytes(), isFinal: false))
    #expect(link.serverEvents.data(of: stream) == Array(sent[50_000...]))
    #expect(link.serverEvents.hasEnd(of: stream))
  }

  @Test func `the end of a stream may fill its room, or come too soon`() throws {
    let (link, server) = try Fixture.connected()
    for missing in [0, 1] {
      let stream = try #require(link.client.openStream(bidirectional: false))
      link.client.send([9], on: stream)
      link.run(for: .milliseconds(200))
      let room = StreamRoom(wanted: 3 + missing)
      #expect(server.fill(room, on: stream))
      link.serverEvents = []
      link.client.send([1, 2, 3], on: stream, isFinal: true)
      link.run(for: .milliseconds(200))
      #expect(room.bytes == [1, 2, 3])
      let filled = QUICEvent.streamData(stream, Bytes(), isFinal: false)
      #expect(
        link.serverEvents == (missing == 0 ? [filled] : []) + [
          .streamData(stream, Bytes(), isFinal: true), .streamClosed(stream),
        ]
      )
      #expect(server.trackedStreamCount == 0)
      #expect(!server.fill(StreamRoom(wanted: 1), on: stream))
    }
  }

  @Test func `several rooms are filled at once, beside streams without any`() throws {
    let (link, server) = try Fixture.connected()
    let sent = Fixture.pattern(60_000)
    let streams = try (0..<3).map { _ in try #require(link.client.openStream(bidirectional: false))
    }
    for stream in streams { link.client.send([0], on: stream) }
    link.run(for: .milliseconds(200))
    let rooms = streams[..<2].map { _ in StreamRoom(wanted: 60_000) }
    for (room, stream) in zip(rooms, streams) { #expect(server.fill(room, on: stream)) }
    link.serverEvents = []
    for start in stride(from: 0, to: 60_000, by: 2000) {
      for stream in streams {
        link.client.send(
          Bytes(sent[start..<start + 2000]),
          on: stream,
          isFinal: start == 58_000
        )
      }
      link.run(for: .milliseconds(5))
    }
    link.run(for: .milliseconds(2000)) {
      streams.allSatisfy { link.serverEvents.hasEnd(of: $0) }
    }
    for room in rooms { #expect(room.bytes == sent) }
    #expect(link.serverEvents.data(of: streams[0]).isEmpty)
    #expect(link.serverEvents.data(of: streams[2]) == sent)
  }

  @Test func `no room is taken while bytes before it are not consumed`() throws {
    let (link, server) = try Fixture.connected()
    link.consumesEverything = false
    let stream = try #require(link.client.openStream(bidirectional: false))
    link.client.send([1, 2, 3], on: stream)
    link.run(for: .milliseconds(200))
    let room = StreamRoom(wanted: 4)
    #expect(!server.fill(room, on: stream))
    server.consumed(2, on: stream)
    #expect(!server.fill(room, on: stream))
    server.consumed(1, on: stream)
    #expect(!server.fill(StreamRoom(wanted: 4), on: stream + 4))
    #expect(server.fill(room, on: stream))
  }

  @Test func `a reset or stopped stream leaves its room, and the connection's credit returns`()
    throws
  {
    var configuration = QUICConfiguration()
    configuration.connectionWindowBytes = 20_000
    let (link, server) = try Fixture.connected(serverConfiguration: configuration)
    for isStopped in [true, false, true, false, true] {
      let stream = try #require(link.client.openStream(bidirectional: false))
      link.client.send([0], on: stream)
      link.run(for: .milliseconds(200))
      let room = StreamRoom(wanted: 100_000)
      #expect(server.fill(room, on: stream))
      link.client.send(Bytes(Fixture.pattern(15_000)), on: stream)
      link.run(for: .milliseconds(500))
      #expect(room.bytes.count == 15_000)
      if isStopped { server.stopSending(stream, code: 1) }
      link.client.reset(stream, code: 7)
      link.client.send([1], on: stream)
      link.run(for: .milliseconds(500))
      #expect(room.bytes.count == 15_000)
      #expect(link.serverEvents.contains(.streamReset(stream, code: 7)) != isStopped)
      #expect(server.trackedStreamCount == 0)
    }
  }
}
