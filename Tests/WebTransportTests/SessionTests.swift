import TestSupport
import Testing
import Wire

@testable import WebTransport

/// Two sessions with each other.
@Suite struct SessionTests {
  @Test func `the server's preference among what is offered decides`() {
    let pair = SessionPair()
    pair.start()
    #expect(pair.takeClientEvents() == [.established(chosen: "moqt-16")])
    #expect(pair.takeServerEvents() == [.established(chosen: "moqt-16")])
  }

  @Test func `the client waits with its request for the server's settings`() {
    let pair = SessionPair()
    pair.client.start()
    #expect(pair.clientCarrier.opened == [2, 6, 10])
    pair.server.start()
    pair.run()
    #expect(pair.clientCarrier.opened == [2, 6, 10, 0])
  }

  @Test func `settings and stream types are those of the drafts, byte for byte`() {
    let pair = SessionPair()
    pair.client.start()
    // 16,384 bytes of fields, then seven switches: RFC 9220, RFC 9297 and before, drafts 2, 7,
    // 13 and 15.
    let settings =
      "00" + "0426" + "0680004000" + "0801" + "3301" + "80ffd27701" + "ab60374201"
      + "c0000000c671706a01" + "94e9cd2901" + "ac7cf00001"
    #expect(pair.clientCarrier.sent[2] == Bytes(hex: settings))
    #expect(pair.clientCarrier.sent[6] == [0x02])
    #expect(pair.clientCarrier.sent[10] == [0x03])
  }

  @Test(arguments: [nil, 1, 2, 3, 7] as [Int?])
  func `streams of both kinds and sides carry what was sent, however it is cut`(
    _ pieceBytes: Int?
  ) throws {
    let pair = SessionPair(pieceBytes: pieceBytes)
    pair.start()
    _ = (pair.takeClientEvents(), pair.takeServerEvents())
    for (sender, carrier, take) in [
      (pair.client, pair.clientCarrier, pair.takeServerEvents),
      (pair.server, pair.serverCarrier, pair.takeClientEvents),
    ] {
      for bidirectional in [true, false] {
        let stream = try #require(sender.openStream(bidirectional: bidirectional))
        #expect(carrier.sent[stream] == (bidirectional ? [0x40, 0x41, 0x00] : [0x40, 0x54, 0x00]))
        sender.send(Bytes(utf8: "hello, "), on: stream, isFinal: false)
        sender.send(Bytes(utf8: "world"), on: stream, isFinal: true)
        pair.run()
        #expect(content(of: take()) == [stream: "hello, world!"])
      }
    }
  }

  @Test func `a room for a stream of the session is filled by what carries it`() throws {
    let pair = SessionPair()
    pair.start()
    _ = (pair.takeClientEvents(), pair.takeServerEvents())
    let stream = try #require(pair.client.openStream(bidirectional: false))
    pair.client.send([1, 2], on: stream, isFinal: false)
    pair.run()
    #expect(pair.takeServerEvents() == [.stream(.streamData(stream, [1, 2], isFinal: false))])
    let room = StreamRoom(wanted: 3)
    #expect(pair.server.fill(room, on: stream))
    pair.client.send([3, 4], on: stream, isFinal: false)
    pair.run()
    #expect(pair.takeServerEvents() == [])
    pair.client.send([5, 6], on: stream, isFinal: true)
    pair.run()
    #expect(room.bytes == [3, 4, 5])
    #expect(
      pair.takeServerEvents() == [
        .stream(.streamData(stream, Bytes(), isFinal: false)),
        .stream(.streamData(stream, [6], isFinal: true)),
      ]
    )
    // Not for what is HTTP/3's own.
    #expect(!pair.server.fill(StreamRoom(wanted: 1), on: 2))
  }

  /// What came on each stream; an exclamation mark is its end.
  private func content(of events: [WebTransportEvent]) -> [UInt64: String] {
    var result: [UInt64: String] = [:]
    for case .stream(.streamData(let stream, let bytes, let isFinal)) in events {
      result[stream, default: ""] += bytes.text + (isFinal ? "!" : "")
    }
    return result
  }

  @Test func `what carries the session orders its streams, and leaves its own first`() throws {
    let pair = SessionPair()
    pair.start()
    let stream = try #require(pair.client.openStream(bidirectional: false))
    let order = SendOrder(priority: 3, flow: 2, position: 1)
    pair.client.setOrder(order, of: stream)
    // The request's stream and the control stream are not the session's.
    for other in [0, 2] as [UInt64] { pair.client.setOrder(order, of: other) }
    #expect(pair.clientCarrier.orders == [stream: order])
  }

  @Test func `an answer comes back on a stream of the client`() throws {
    let pair = SessionPair()
    pair.start()
    let stream = try #require(pair.client.openStream(bidirectional: true))
    pair.client.send([1], on: stream, isFinal: true)
    pair.run()
    pair.server.send([2], on: stream, isFinal: true)
    pair.run()
    #expect(content(of: pair.takeClientEvents()) == [stream: "\u{2}!"])
  }

  @Test func `credit is returned for all that the session takes, and for nothing else`() throws {
    let pair = SessionPair(pieceBytes: 1)
    pair.start()
    let stream = try #require(pair.client.openStream(bidirectional: false))
    pair.client.send([1, 2, 3], on: stream, isFinal: true)
    pair.run()
    for (stream, bytes) in pair.clientCarrier.sent {
      let payload = stream == 14 ? 3 : 0
      #expect(pair.serverCarrier.consumedBytes[stream] == bytes.count - payload)
    }
    for (stream, bytes) in pair.serverCarrier.sent {
      #expect(pair.clientCarrier.consumedBytes[stream] == bytes.count)
    }
  }

  @Test func `codes travel in the session's space and come out as they went in`() throws {
    let pair = SessionPair()
    pair.start()
    let stream = try #require(pair.client.openStream(bidirectional: true))
    pair.run()
    _ = pair.takeServerEvents()
    pair.client.reset(stream, code: 7)
    pair.client.stopSending(stream, code: 0xffff_ffff)
    #expect(pair.clientCarrier.resets == [stream: 0x52e4_a40f_a8e2])
    #expect(pair.clientCarrier.stopped == [stream: 0x52e5_ac98_3162])
    pair.run()
    #expect(
      pair.takeServerEvents() == [
        .stream(.streamReset(stream, code: 7)),
        .stream(.stopSending(stream, code: 0xffff_ffff)),
      ]
    )
  }

  @Test func `datagrams go both ways, as capsules where the path takes none`() {
    let pair = SessionPair()
    pair.start()
    _ = (pair.takeClientEvents(), pair.takeServerEvents())
    #expect(pair.client.sendDatagram([1, 2]))
    #expect(pair.clientCarrier.datagrams == [[0x00, 1, 2]])
    pair.serverCarrier.takesDatagrams = false
    let sent = pair.serverCarrier.sent[0]?.count ?? 0
    #expect(pair.server.sendDatagram([3, 4]))
    #expect(pair.serverCarrier.sent[0]?.suffix(from: sent) == [0x00, 4, 0x00, 2, 3, 4])
    pair.run()
    #expect(pair.takeServerEvents() == [.stream(.datagram([1, 2]))])
    #expect(pair.takeClientEvents() == [.stream(.datagram([3, 4]))])
    pair.serverCarrier.pending[0] = 65_535
    #expect(pair.server.sendDatagram([3]))
    #expect(!pair.server.sendDatagram([3, 4]))
  }

  @Test func `draining and closing reach the other side`() throws {
    let pair = SessionPair()
    pair.start()
    _ = (pair.takeClientEvents(), pair.takeServerEvents())
    let stream = try #require(pair.client.openStream(bidirectional: true))
    pair.run()
    pair.server.drain()
    pair.run()
    #expect(pair.takeClientEvents() == [.draining])
    let sent = pair.clientCarrier.sent[0]?.count ?? 0
    pair.client.close(code: 3, reason: "no")
    #expect(pair.clientCarrier.sent[0]?.suffix(from: sent) == Bytes(hex: "0009684306000000036e6f"))
    #expect(pair.clientCarrier.finished.contains(0))
    #expect(pair.clientCarrier.resets[stream] == 0x170d_7b68)
    pair.run()
    #expect(pair.takeClientEvents() == [.ended(.closedLocally)])
    #expect(pair.takeServerEvents().last == .ended(.closedByPeer(code: 3, reason: "no")))
    #expect(pair.serverCarrier.finished.contains(0))
    #expect(pair.server.openStream(bidirectional: true) == nil)
    #expect(!pair.server.sendDatagram([1]))
    #expect(pair.clientCarrier.closed == nil && pair.serverCarrier.closed == nil)
  }

  @Test func `a long reason is cut between characters`() {
    let pair = SessionPair()
    pair.start()
    pair.client.close(code: .max, reason: "a" + String(repeating: "é", count: 600))
    pair.run()
    #expect(
      pair.takeServerEvents().last
        == .ended(
          .closedByPeer(code: .max, reason: "a" + String(repeating: "é", count: 511))
        )
    )
  }

  @Test func `an offer that the server refuses is repeated without one, where that is of use`() {
    var request = SessionPair.request
    request.allowsNoProtocol = true
    var policy = SessionPair.policy
    policy.protocols = []
    policy.allowsNoProtocol = true
    let pair = SessionPair(request, policy)
    pair.start()
    #expect(pair.takeClientEvents() == [.established(chosen: nil)])
    #expect(pair.takeServerEvents() == [.established(chosen: nil)])
    // The second request's stream is the session.
    #expect(pair.client.openStream(bidirectional: true) == 8)
    #expect(pair.clientCarrier.sent[8] == [0x40, 0x41, 0x04])
  }

  @Test(arguments: [
    (SessionPair.policy.path, ["moqt-20"], 400), ("/other", ["moqt-18"], 404),
  ])
  func `a refusal tells the status`(_ path: String, _ protocols: [String], _ status: Int) {
    let policy = ConnectPolicy(path: path, protocols: protocols, allowsNoProtocol: false)
    let pair = SessionPair(SessionPair.request, policy)
    pair.start()
    #expect(pair.takeClientEvents() == [.ended(.refused(status: status))])
    #expect(pair.clientCarrier.closed?.code == 0x100)
    #expect(pair.takeServerEvents().isEmpty)
  }

  @Test func `streams are opened once the peer allows them`() {
    let pair = SessionPair()
    pair.clientCarrier.unidirectionalCredit = 1
    pair.clientCarrier.bidirectionalCredit = 0
    pair.start()
    #expect(pair.clientCarrier.opened == [2])
    pair.clientCarrier.unidirectionalCredit = 5
    pair.clientCarrier.bidirectionalCredit = 1
    pair.client.handle(.streamCredit)
    #expect(pair.clientCarrier.opened == [2, 6, 10, 0])
    pair.run()
    #expect(pair.takeClientEvents() == [.established(chosen: "moqt-16")])
    #expect(pair.client.openStream(bidirectional: true) == nil)
    pair.client.handle(.streamCredit)
    pair.run()
    #expect(pair.takeClientEvents() == [.stream(.streamCredit)])
  }
}
