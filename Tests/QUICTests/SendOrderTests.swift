import QUIC
import Testing
import Wire

/// Streams that all have much to send at once: which goes when.
@Suite struct SendOrderTests {
  static let bytes = 300_000

  /// A link whose client has opened some streams, which do not send yet.
  static func link(
    streams count: Int,
    serverConfiguration: QUICConfiguration = QUICConfiguration()
  ) throws -> (SimulatedLink, [UInt64]) {
    let (link, _) = try Fixture.connected(serverConfiguration: serverConfiguration)
    let streams = try (0..<count).map { _ in
      try #require(link.client.openStream(bidirectional: false))
    }
    return (link, streams)
  }

  static func send(_ link: SimulatedLink, _ stream: UInt64, _ order: SendOrder? = nil) {
    if let order { link.client.setOrder(order, of: stream) }
    link.client.send(Bytes(Fixture.pattern(bytes)), on: stream, isFinal: true)
  }

  /// The streams in the order in which their bytes came, each as often as it came anew.
  static func turns(_ link: SimulatedLink, _ streams: [UInt64]) throws -> [Int] {
    link.run(for: .milliseconds(10_000)) {
      streams.allSatisfy { link.serverEvents.hasEnd(of: $0) }
    }
    var turns: [Int] = []
    for case .streamData(let stream, let bytes, _) in link.serverEvents where !bytes.isEmpty {
      let index = try #require(streams.firstIndex(of: stream))
      if turns.last != index { turns.append(index) }
    }
    for stream in streams {
      #expect(link.serverEvents.data(of: stream) == Fixture.pattern(bytes))
    }
    return turns
  }

  @Test func `the streams of a flow go one after the other, by position`() throws {
    let (link, streams) = try Self.link(streams: 4)
    for (stream, position) in zip(streams, [7, 5, 7, 6] as [UInt64]) {
      Self.send(link, stream, SendOrder(priority: 1, flow: 1, position: position))
    }
    #expect(try Self.turns(link, streams) == [1, 3, 0, 2])
  }

  @Test func `smaller priorities go first, and what has no order before them`() throws {
    let (link, streams) = try Self.link(streams: 4)
    Self.send(link, streams[0], SendOrder(priority: .max, flow: 1, position: 0))
    Self.send(link, streams[1], SendOrder(priority: 0, flow: 1, position: 0))
    Self.send(link, streams[2], SendOrder(priority: 256, flow: 1, position: 0))
    Self.send(link, streams[3])
    #expect(try Self.turns(link, streams) == [3, 1, 2, 0])
  }

  @Test func `flows of one priority take turns, and so do streams without an order`() throws {
    for order in [SendOrder(priority: 1, flow: 1, position: 0), nil] {
      let (link, streams) = try Self.link(streams: 3)
      for stream in streams {
        Self.send(
          link,
          stream,
          order.map { SendOrder(priority: $0.priority, flow: stream, position: 0) }
        )
      }
      // A share is 64 KiB and a packet more.
      #expect(try Self.turns(link, streams) == [0, 1, 2, 0, 1, 2, 0, 1, 2, 0, 1, 2, 0, 1, 2])
    }
  }

  @Test func `a flow at its turn goes on with its next stream`() throws {
    let (link, streams) = try Self.link(streams: 3)
    Self.send(link, streams[0], SendOrder(priority: 1, flow: 1, position: 0))
    Self.send(link, streams[1], SendOrder(priority: 1, flow: 2, position: 0))
    Self.send(link, streams[2], SendOrder(priority: 1, flow: 1, position: 1))
    let turns = try Self.turns(link, streams)
    #expect(turns.starts(with: [0, 1, 0, 1, 0, 1, 0, 1, 0, 2, 1]))
    #expect(turns.last == 2)
  }

  @Test func `what comes later goes before all that is less urgent`() throws {
    let (link, streams) = try Self.link(streams: 2)
    Self.send(link, streams[0], SendOrder(priority: 9, flow: 1, position: 0))
    link.run(for: .milliseconds(100)) { !link.serverEvents.data(of: streams[0]).isEmpty }
    Self.send(link, streams[1], SendOrder(priority: 8, flow: 2, position: 0))
    #expect(try Self.turns(link, streams) == [0, 1, 0])
  }

  @Test func `an order can change while a stream waits`() throws {
    let (link, streams) = try Self.link(streams: 3)
    for (index, stream) in streams.enumerated() {
      Self.send(link, stream, SendOrder(priority: 1, flow: 1, position: UInt64(index)))
    }
    link.client.setOrder(SendOrder(priority: 0, flow: 1, position: 2), of: streams[2])
    link.client.setOrder(SendOrder(priority: 2, flow: 1, position: 0), of: streams[0])
    // Of a stream that there is not, nothing.
    link.client.setOrder(SendOrder(priority: 0, flow: 0, position: 0), of: 4000)
    #expect(try Self.turns(link, streams) == [2, 1, 0])
  }

  @Test func `a stream that may not send does not keep others, and has its place again`() throws {
    var configuration = QUICConfiguration()
    configuration.streamWindowBytes = Self.bytes / 3
    let (link, streams) = try Self.link(streams: 2, serverConfiguration: configuration)
    link.consumesEverything = false
    for (index, stream) in streams.enumerated() {
      Self.send(link, stream, SendOrder(priority: UInt16(1 - index), flow: 0, position: 0))
    }
    link.run(for: .milliseconds(1000))
    #expect(streams.map { link.serverEvents.data(of: $0).count } == [100_000, 100_000])
    link.consumesEverything = true
    link.serverEvents = []
    for stream in streams { link.serverConnection?.consumed(100_000, on: stream) }
    let done = link.run(for: .milliseconds(5000)) {
      streams.allSatisfy { link.serverEvents.hasEnd(of: $0) }
    }
    #expect(done)
    // The credit of both came at once.
    guard case .streamData(let first, _, _)? = link.serverEvents.first else {
      Issue.record("nothing came")
      return
    }
    #expect(first == streams[1])
  }

  @Test func `a stream that is given up leaves its place`() throws {
    let (link, streams) = try Self.link(streams: 3)
    for (index, stream) in streams.enumerated() {
      Self.send(link, stream, SendOrder(priority: 1, flow: 1, position: UInt64(index)))
    }
    link.client.reset(streams[0], code: 1)
    link.client.setOrder(SendOrder(priority: 0, flow: 1, position: 0), of: streams[0])
    link.run(for: .milliseconds(30)) { !link.serverEvents.data(of: streams[1]).isEmpty }
    link.serverConnection?.stopSending(streams[1], code: 2)
    link.run(for: .milliseconds(5000)) { link.serverEvents.hasEnd(of: streams[2]) }
    #expect(link.serverEvents.data(of: streams[2]) == Fixture.pattern(Self.bytes))
    #expect(link.serverEvents.data(of: streams[0]).isEmpty)
    #expect(link.clientEvents.contains(.stopSending(streams[1], code: 2)))
    link.run(for: .milliseconds(500))
    #expect(link.client.trackedStreamCount == 0)
  }
}
