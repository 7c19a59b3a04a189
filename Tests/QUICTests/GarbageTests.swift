import QUIC
import Testing
import Wire

/// Nothing that comes off the wire may trap; ASan runs over these.
@Suite struct GarbageTests {
  /// A datagram of random bytes, often with the shape of a packet.
  private func garbage(_ random: inout SeededGenerator) -> [UInt8] {
    let count = [0, 1, 5, 7, 21, 60, 1200, 1500].randomElement(using: &random) ?? 0
    var bytes = (0..<count).map { _ in UInt8.random(in: 0...255, using: &random) }
    guard count > 24 else { return bytes }
    switch Int.random(in: 0..<4, using: &random) {
    case 0: bytes[0] |= 0xc0
    case 1:
      bytes[0] = 0xc0 | bytes[0] & 0x3f
      bytes.replaceSubrange(1..<6, with: [0, 0, 0, 1, 8])
      bytes[14] = 8
      bytes[23] = 0
    case 2: bytes[0] = 0x40 | bytes[0] & 0x3f
    default: bytes.replaceSubrange(0..<5, with: [0x80, 0, 0, 0, 0])
    }
    return bytes
  }

  @Test func `random datagrams crash neither side`() throws {
    var random = SeededGenerator(state: 11)
    var link = try Fixture.link()
    for round in 0..<20_000 {
      if round % 1000 == 0 { link = try Fixture.link(seed: UInt64(round)) }
      if round % 1000 == 500 { link.run(for: .milliseconds(100)) }
      let bytes = garbage(&random)
      let port = UInt16.random(in: 1...65_535, using: &random)
      link.inject(
        bytes,
        toServer: round % 2 == 0,
        from: round % 3 == 0 ? .loopback(port: port) : nil
      )
      if round % 50 == 0 { link.run(for: .milliseconds(1)) }
    }
    #expect(link.server.connectionCount <= link.server.limits.maxConnections)
  }

  @Test func `spoilt copies of real datagrams crash neither side`() throws {
    var random = SeededGenerator(state: 12)
    for round in 0..<60 {
      let link = try Fixture.link(seed: UInt64(round))
      for step in 0..<6 {
        var batch = DatagramBatch()
        let fromClient = step % 2 == 0
        _ =
          fromClient
          ? link.client.writeDatagrams(into: &batch, now: link.now)
          : link.server.writeDatagrams(into: &batch, now: link.now)
        batch.forEachDatagram { _, span in
          let whole = Bytes(copying: span).array
          for _ in 0..<5 {
            var spoilt = whole
            for _ in 0..<Int.random(in: 1...4, using: &random) {
              let at = Int.random(in: 0..<spoilt.count, using: &random)
              spoilt[at] = UInt8.random(in: 0...255, using: &random)
            }
            if Bool.random(using: &random) {
              spoilt.removeLast(Int.random(in: 0..<spoilt.count, using: &random))
            }
            link.inject(spoilt, toServer: fromClient)
          }
          link.inject(whole, toServer: fromClient)
        }
        while link.client.poll() != nil {}
        while link.server.poll() != nil {}
        link.now = link.now + .milliseconds(20)
        link.client.handleTimeout(now: link.now)
        link.server.handleTimeout(now: link.now)
      }
    }
  }
}
