import MoQ
import TestSupport
import Testing
import Wire

@testable import WebTransport

/// Requests, answers, and what comes before them.
@Suite struct NegotiationTests {
  // What aiomoqt 0.13.3 (picoquic) and moq-rs 0.5.1 (quinn) sent on the wire.
  static let aiomoqtSettings =
    "00042501000680010000070008013301ac7cf0000194e9cd2901c0000000c671706a01ab60374201"
  static let aiomoqtAnswer =
    "0140270000d95f4d0a48335a65726f2f312e30270477742d70726f746f636f6c09226d6f71742d313822"
  static let aiomoqtAnswerWithoutProtocol = "0140100000d95f4d0a48335a65726f2f312e30"
  static let aiomoqtRequest =
    "0140590000cfd751012f27023a70726f746f636f6c0c7765627472616e73706f727450093132372e302e302e31"
    + "5f500a48335a65726f2f312e30270f77742d617661696c61626c652d70726f746f636f6c7309226d6f71742d"
    + "313822"
  static let moqRSSettings = "00041c80ffd27701ab60374301c0000000c671706a01ab6037420133010801"
  static let moqRSAnswer =
    "0140400000d927157365632d7765627472616e73706f72742d68747470332d64726166740764726166743032"
    + "270477742d70726f746f636f6c09226d6f71742d313822"

  @Test(arguments: [(aiomoqtSettings, aiomoqtAnswer), (moqRSSettings, moqRSAnswer)])
  func `other implementations' servers are understood`(_ settings: String, _ answer: String) {
    let scripted = ScriptedSession.client()
    scripted.receive(settings, on: 3)
    #expect(scripted.carrier.opened.last == 0)
    scripted.receive(answer, on: 0)
    #expect(scripted.events() == [.established(chosen: "moqt-18")])
  }

  @Test func `another implementation's client is understood, and closes`() {
    let scripted = ScriptedSession(
      .server(ConnectPolicy(path: "/", protocols: ["moqt-18"], allowsNoProtocol: false))
    )
    scripted.receive(NegotiationTests.aiomoqtSettings, on: 2)
    scripted.receive("02", on: 6)
    scripted.receive("03", on: 10)
    scripted.receive(NegotiationTests.aiomoqtRequest, on: 0)
    scripted.receive("405400", on: 14)
    scripted.receive("af000010070e61696f6d6f71742f302e31332e33", on: 14)
    #expect(
      scripted.events() == [
        .established(chosen: "moqt-18"),
        .stream(
          .streamData(
            14,
            Bytes(hex: "af000010070e61696f6d6f71742f302e31332e33")!,
            isFinal: false
          )
        ),
      ]
    )
    // moq-rs says why, aiomoqt does not.
    scripted.receive("000f68430c000000006e6f206572726f72", on: 0, isFinal: true)
    #expect(scripted.events() == [.ended(.closedByPeer(code: 0, reason: "no error"))])
    #expect(scripted.carrier.stopped[14] == 0x170d_7b68)
  }

  @Test func `an answer without a choice needs a session that goes without`() {
    let strict = ScriptedSession.client()
    strict.receive(NegotiationTests.aiomoqtSettings, on: 3)
    strict.receive(NegotiationTests.aiomoqtAnswerWithoutProtocol, on: 0)
    #expect(
      strict.events() == [
        .ended(.noCommonProtocol("the server chose none of the protocols offered"))
      ]
    )
    #expect(strict.closeCode == 0x0817_b3dd)
    var request = SessionPair.request
    request.allowsNoProtocol = true
    let lenient = ScriptedSession(.client(request))
    lenient.receive(NegotiationTests.aiomoqtSettings, on: 3)
    lenient.receive(NegotiationTests.aiomoqtAnswerWithoutProtocol, on: 0)
    #expect(lenient.events() == [.established(chosen: nil)])
  }

  /// Extended CONNECT and datagrams, then one or two switches.
  @Test(arguments: [
    ("0004 09 0801 3301 ac7cf000 01", "webtransport-h3"),
    ("0004 0e 0801 3301 ac7cf000 01 94e9cd29 01", "webtransport"),
    ("0004 0e 0801 3301 ac7cf000 00 94e9cd29 01", "webtransport"),
    ("0004 0e 0801 3301 ac7cf000 01 94e9cd29 00", "webtransport-h3"),
  ])
  func `a server of drafts from 15 on alone is asked in their words`(
    _ settings: String,
    _ token: String
  ) throws {
    let scripted = ScriptedSession.client()
    scripted.receive(settings, on: 3)
    #expect(scripted.events() == [])
    let request = try #require(scripted.carrier.sent[0])
    var decoder = ByteReader(request)
    #expect(try decoder.readVarint() == 1)
    let section = try decoder.readBytes(Int(decoder.readVarint()))
    let fields = try FieldCoder().decode(section, stream: 0, limits: WebTransportLimits())
    #expect(fields.contains(Field(":protocol", token)))
  }

  @Test func `a server that has it switched off is of no use`() {
    let scripted = ScriptedSession.client()
    scripted.receive("0004 09 0801 3301 ac7cf000 00", on: 3)
    #expect(scripted.events() == [.ended(.unsupported("WebTransport"))])
  }

  @Test(arguments: ["moqt-18", "\"moqt-18\", \"moqt-16\"", "1", "\"moqt-18"])
  func `a malformed choice is none`(_ choice: String) {
    let scripted = ScriptedSession.client()
    scripted.receiveSettings()
    scripted.receive(
      ScriptedSession.headers([(":status", "200"), ("wt-protocol", choice)]),
      on: 0
    )
    #expect(scripted.closeCode == 0x0817_b3dd)
  }

  @Test func `a choice that was not offered ends the session, wherever it came from`() {
    var request = SessionPair.request
    request.allowsNoProtocol = true
    let scripted = ScriptedSession(.client(request))
    scripted.receiveSettings()
    scripted.receive(
      ScriptedSession.headers([(":status", "200"), ("wt-protocol", "\"moqt-22\"")]),
      on: 0
    )
    #expect(scripted.closeCode == 0x0817_b3dd)
  }

  @Test(arguments: [
    ("0409" + "0801" + "3301" + "ab60374200", "WebTransport"),
    ("0407" + "3301" + "ab60374201", "extended CONNECT"),
    ("0407" + "0801" + "ab60374201", "HTTP datagrams"), ("0400", "WebTransport"),
  ])
  func `a server without WebTransport is told from one that refuses`(
    _ settings: String,
    _ lack: String
  ) {
    let scripted = ScriptedSession.client()
    scripted.receive("00" + settings, on: 3)
    #expect(scripted.events() == [.ended(.unsupported(lack))])
    #expect(scripted.closeCode == 0x212c_0d48)
    #expect(!scripted.carrier.opened.contains(0))
  }

  @Test(arguments: [301, 403, 404, 429, 500])
  func `an answer other than 2xx is an end with its status`(_ status: Int) {
    var request = SessionPair.request
    request.allowsNoProtocol = true
    let scripted = ScriptedSession(.client(request))
    scripted.receiveSettings()
    scripted.receive(ScriptedSession.headers([(":status", "\(status)")]), on: 0)
    #expect(scripted.events() == [.ended(.refused(status: status))])
  }

  @Test func `a second refusal of an offer is the last`() {
    var request = SessionPair.request
    request.allowsNoProtocol = true
    let scripted = ScriptedSession(.client(request))
    scripted.receiveSettings()
    scripted.receive(ScriptedSession.headers([(":status", "400")]), on: 0, isFinal: true)
    #expect(scripted.carrier.opened.last == 4)
    #expect(scripted.carrier.finished.contains(0))
    scripted.receive(ScriptedSession.headers([(":status", "400")]), on: 4, isFinal: true)
    #expect(scripted.events() == [.ended(.refused(status: 400))])
  }

  // MARK: Servers

  /// The status of the answer that a server gives to a request; nil when it resets the stream.
  private func status(_ fields: [(String, String)]) throws -> String? {
    let scripted = ScriptedSession.server()
    scripted.receiveSettings()
    scripted.receive(ScriptedSession.headers(fields), on: 0)
    guard scripted.carrier.resets[0] == nil else {
      #expect(scripted.carrier.resets[0] == 0x10e)
      #expect(scripted.events().isEmpty)
      // Only the stream is lost.
      scripted.receive(ScriptedSession.headers(ScriptedSession.connect()), on: 4)
      #expect(scripted.events() == [.established(chosen: "moqt-18")])
      return nil
    }
    let sent = try #require(scripted.carrier.sent[0])
    let section = sent.suffix(from: 2)
    let answer = try FieldCoder().decode(section, stream: 0, limits: WebTransportLimits())
    return answer.first?.value
  }

  @Test(
    arguments: [
      ([:], "200"), ([":path": "/app?x=1"], "200"), ([":path": "/"], "404"),
      ([":path": "/application"], "404"), ([":scheme": "http"], "400"),
      ([":protocol": "websocket"], "501"), ([":protocol": "webtransport-h3"], "200"),
      ([":authority": ""], "400"), ([":authority": "user@host"], "400"),
      ([":authority": "host:port"], "400"), ([":authority": "[::1]:443"], "200"),
      ([":authority": "[::1"], "400"), ([":authority": "host:443"], "200"),
      ([":authority": "host:443000"], "400"),
      (["wt-available-protocols": nil], "400"), (["wt-available-protocols": "moqt-18"], "400"),
      (["wt-available-protocols": "\"moqt-22\", \"moq-00\""], "400"),
      (["wt-available-protocols": "\"moqt-22\", \"moqt-18\";a"], "200"),
      ([":protocol": nil, ":method": "GET"], "405"),
      ([":protocol": nil, ":method": "GET", ":path": "/x"], "404"),
      ([":protocol": nil], "405"), ([":method": nil], nil), ([":method": "GET"], nil),
      ([":scheme": nil], nil), ([":path": nil], nil), ([":path": "app"], nil),
      ([":authority": nil], nil),
    ] as [([String: String?], String?)]
  )
  func `requests are answered by what they ask for`(
    _ changes: [String: String?],
    _ expected: String?
  ) throws {
    #expect(try status(ScriptedSession.connect(changes)) == expected)
  }

  @Test func `a host that differs from the authority is refused`() throws {
    #expect(try status(ScriptedSession.connect() + [("host", "relay.example")]) == "200")
    #expect(try status(ScriptedSession.connect() + [("host", "other.example")]) == "400")
    #expect(try status(ScriptedSession.connect() + [("transfer-encoding", "chunked")]) == nil)
  }

  @Test func `a server waits for the client's settings, and needs datagrams`() {
    let patient = ScriptedSession.server()
    patient.receive(ScriptedSession.headers(ScriptedSession.connect()), on: 0)
    #expect(patient.events().isEmpty)
    patient.receiveSettings()
    #expect(patient.events() == [.established(chosen: "moqt-18")])
    let scripted = ScriptedSession.server()
    scripted.receive("00 0402 0801", on: 2)
    scripted.receive(ScriptedSession.headers(ScriptedSession.connect()), on: 0)
    #expect(scripted.carrier.resets[0] == 0x10e)
  }

  @Test func `capsules that come with the request are read once it is accepted`() {
    let scripted = ScriptedSession.server()
    let request = ScriptedSession.headers(ScriptedSession.connect())
    scripted.receive(request, on: 0)
    scripted.receive("0004 00020102", on: 0)
    scripted.receiveSettings()
    #expect(
      scripted.events() == [.established(chosen: "moqt-18"), .stream(.datagram([1, 2]))]
    )
  }

  @Test func `a second session of a connection is rejected`() {
    let scripted = ScriptedSession.server()
    scripted.establish()
    scripted.receive(ScriptedSession.headers(ScriptedSession.connect()), on: 4)
    #expect(scripted.carrier.resets[4] == 0x10b)
    #expect(scripted.events().isEmpty && scripted.closeCode == nil)
  }

  @Test func `an incomplete request costs its stream`() {
    let scripted = ScriptedSession.server()
    scripted.receiveSettings()
    scripted.receive("", on: 0, isFinal: true)
    scripted.receive("2100", on: 4, isFinal: true)
    scripted.session.handle(.streamReset(8, code: 0))
    #expect(scripted.carrier.resets == [0: 0x10d, 4: 0x10d])
    #expect(scripted.closeCode == nil)
  }

  // MARK: What is not known, what comes early

  @Test func `unknown streams, frames and settings are read over`() {
    let scripted = ScriptedSession.client()
    // Settings, frames and a stream of the reserved form, and those of no meaning here.
    scripted.receive("00 040c 4020 07 0801 3301 ab60374201 4021 03 aabbcc 0f00", on: 3)
    scripted.receive("21 ffff", on: 7)
    scripted.receive("ff", on: 7, isFinal: true)
    scripted.receive("", on: 11, isFinal: true)
    scripted.receive("40", on: 15, isFinal: true)
    #expect(scripted.carrier.stopped == [7: 0x103])
    scripted.receive("4021 02 aabb", on: 0)
    scripted.receive(
      ScriptedSession.headers([(":status", "200"), ("wt-protocol", "\"moqt-16\"")]),
      on: 0
    )
    scripted.receive("21 01 cc", on: 0)
    // An unknown capsule and one of a long length.
    scripted.receive("0007 4021 03 aabbcc 78", on: 0)
    scripted.receive("0001 ae", on: 0)
    #expect(scripted.closeCode == nil)
    #expect(scripted.events() == [.established(chosen: "moqt-16")])
    // `78 ae` was the beginning of an integer of two bytes: DRAIN is four.
    scripted.receive("0001 00", on: 0)
    #expect(scripted.events().isEmpty)
    scripted.receive("0005 800078ae 00", on: 0)
    #expect(scripted.events() == [.draining])
  }

  @Test func `streams that come before the session wait for it, in their order`() {
    let scripted = ScriptedSession.client()
    scripted.receiveSettings()
    scripted.receive("4054 00 aa", on: 7)
    scripted.receive("4041 00", on: 1)
    scripted.receive("bb", on: 7, isFinal: true)
    scripted.receive("4054 08 cc", on: 11)
    #expect(scripted.events().isEmpty)
    scripted.receive(NegotiationTests.aiomoqtAnswer, on: 0)
    scripted.receive("dd", on: 1)
    #expect(
      scripted.events() == [
        .established(chosen: "moqt-18"),
        .stream(.streamData(7, [0xaa], isFinal: false)),
        .stream(.streamData(7, [0xbb], isFinal: false)),
        .stream(.streamData(7, [], isFinal: true)),
        .stream(.streamData(1, [0xdd], isFinal: false)),
      ]
    )
    #expect(scripted.carrier.stopped == [11: 0x3994_bd84])
    scripted.receive("4041 04 ee", on: 5)
    #expect(scripted.carrier.resets == [5: 0x3994_bd84])
    #expect(scripted.events().isEmpty)
  }

  @Test func `streams that wait are limited in number and bytes`() {
    var limits = WebTransportLimits()
    limits.heldStreams = 2
    limits.heldBytes = 4
    let scripted = ScriptedSession.client(limits: limits)
    scripted.receiveSettings()
    scripted.receive("4054 00 aabb", on: 7)
    scripted.receive("4054 00", on: 11)
    scripted.receive("4054 00", on: 15)
    #expect(scripted.carrier.stopped == [15: 0x3994_bd84])
    scripted.receive("ccdd", on: 11)
    #expect(scripted.carrier.stopped.count == 1)
    scripted.receive("ee", on: 7)
    #expect(scripted.carrier.stopped[7] == 0x3994_bd84)
    // What is refused makes room.
    scripted.receive("4054 00 aabb", on: 19)
    scripted.session.handle(.streamReset(11, code: 0))
    scripted.receive("4054 00 ff", on: 23)
    #expect(scripted.carrier.stopped.keys.sorted() == [7, 15])
    scripted.receive(NegotiationTests.aiomoqtAnswer, on: 0)
    #expect(
      scripted.events() == [
        .established(chosen: "moqt-18"),
        .stream(.streamData(19, [0xaa, 0xbb], isFinal: false)),
        .stream(.streamData(23, [0xff], isFinal: false)),
      ]
    )
  }

  @Test func `going away before the answer is an end, and later a wish`() {
    let early = ScriptedSession.client()
    early.receiveSettings()
    early.receive("0701 00", on: 3)
    #expect(early.events() == [.ended(.goingAway)])
    let waiting = ScriptedSession.client()
    waiting.receiveSettings()
    // The request, stream 0, is still served.
    waiting.receive("0701 04", on: 3)
    #expect(waiting.events().isEmpty)
    waiting.receive(NegotiationTests.aiomoqtAnswer, on: 0)
    #expect(waiting.events() == [.established(chosen: "moqt-18")])
    waiting.receive("0701 00", on: 3)
    #expect(waiting.events() == [.draining])
  }

  @Test func `the end of the session's stream is the end of the session`() {
    for (abrupt, isStop) in [(false, false), (true, false), (true, true)] {
      let scripted = ScriptedSession.client()
      scripted.establish()
      scripted.receive("4041 00", on: 1)
      if isStop {
        scripted.session.handle(.stopSending(0, code: 5))
      } else if abrupt {
        scripted.session.handle(.streamReset(0, code: 5))
      } else {
        scripted.receive("", on: 0, isFinal: true)
      }
      guard case .ended(.closedByPeer(code: 0, let reason))? = scripted.events().last else {
        Issue.record("no end")
        continue
      }
      #expect(reason.isEmpty != abrupt)
      #expect(scripted.carrier.resets[1] == 0x170d_7b68)
      #expect(scripted.carrier.finished.contains(0))
    }
  }

  @Test func `nothing may follow a close`() {
    for tail in ["00 0c 684304 00000003 800078ae 00", "00 07 684304 00000003 21 00"] {
      let scripted = ScriptedSession.client()
      scripted.establish()
      scripted.receive(tail, on: 0)
      #expect(scripted.events() == [.ended(.closedByPeer(code: 3, reason: ""))])
      #expect(scripted.carrier.stopped[0] == 0x10e)
    }
    let scripted = ScriptedSession.client()
    scripted.establish()
    scripted.receive("00 07 684304 00000003", on: 0)
    #expect(scripted.carrier.stopped[0] == nil)
    scripted.receive("00", on: 0)
    #expect(scripted.carrier.stopped[0] == 0x10e)
  }

  @Test func `codes of the session's end are no application's`() throws {
    let scripted = ScriptedSession.client()
    scripted.establish()
    let stream = try #require(scripted.session.openStream(bidirectional: true))
    scripted.session.handle(.stopSending(stream, code: 0x170d_7b68))
    scripted.session.handle(.streamReset(stream, code: 0x170d_7b68))
    #expect(scripted.events().isEmpty)
    let other = try #require(scripted.session.openStream(bidirectional: true))
    scripted.session.handle(.stopSending(other, code: 0x10c))
    scripted.session.handle(.streamReset(other, code: 0x10c))
    #expect(
      scripted.events() == [
        .stream(.stopSending(other, code: 0)), .stream(.streamReset(other, code: 0)),
      ]
    )
  }

  @Test func `a datagram of another session, or before the session, is lost`() {
    let scripted = ScriptedSession.client()
    scripted.receiveSettings()
    scripted.session.handle(.datagram([0, 1]))
    scripted.receive(NegotiationTests.aiomoqtAnswer, on: 0)
    scripted.session.handle(.datagram([1, 1]))
    scripted.session.handle(.datagram([0]))
    #expect(
      scripted.events() == [.established(chosen: "moqt-18"), .stream(.datagram([]))]
    )
  }

  @Test func `a DATAGRAM capsule is limited`() {
    var limits = WebTransportLimits()
    limits.datagramCapsuleBytes = 2
    let scripted = ScriptedSession.client(limits: limits)
    scripted.establish()
    scripted.receive("0004 00020102", on: 0)
    #expect(scripted.events() == [.stream(.datagram([1, 2]))])
    scripted.receive("0005 0003010203", on: 0)
    #expect(scripted.closeCode == 0x10e)
  }
}
