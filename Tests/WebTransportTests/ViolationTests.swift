import MoQ
import TestSupport
import Testing
import Wire

@testable import WebTransport

/// What a peer may not do, and the code that it costs.
@Suite struct ViolationTests {
  /// Bytes on a stream, and whether it ends with them.
  struct Input: CustomStringConvertible, Sendable {
    let hexadecimal: String
    let stream: UInt64
    var isFinal = false
    let code: HTTP3Code

    init(_ hexadecimal: String, _ stream: UInt64, isFinal: Bool = false, _ code: HTTP3Code) {
      self.hexadecimal = hexadecimal
      self.stream = stream
      self.isFinal = isFinal
      self.code = code
    }

    var description: String { "\(hexadecimal) on \(stream)" }
  }

  private func expect(_ scripted: ScriptedSession, _ code: HTTP3Code) {
    #expect(scripted.closeCode == code.rawValue)
    guard case .ended(.violated(code, _))? = scripted.events().last else {
      Issue.record("the session has not ended by \(code)")
      return
    }
    // What follows changes nothing any more.
    scripted.receiveSettings()
    scripted.session.handle(.datagram([]))
    #expect(scripted.events().isEmpty)
    #expect(scripted.session.openStream(bidirectional: true) == nil)
  }

  @Test(arguments: [
    Input("00 0000", 3, .missingSettings),
    Input("00 2100", 3, .missingSettings),
    Input("00 040a", 3, isFinal: true, .closedCriticalStream),
    Input("00 0402 0802", 3, .settingsError),
    Input("00 0402 3302", 3, .settingsError),
    Input("00 0402 0001", 3, .settingsError),
    Input("00 0402 0200", 3, .settingsError),
    Input("00 0402 0500", 3, .settingsError),
    Input("00 0404 08010801", 3, .settingsError),
    Input("00 0401 08", 3, .frameError),
    Input("00 0401 40", 3, .frameError),
    Input("00 045001", 3, .excessiveLoad),
    Input("01 00", 3, .idError),
    Input("02 3f", 3, isFinal: true, .closedCriticalStream),
    Input("02 22", 3, .encoderStreamError),
    Input("02 80 01 61", 3, .encoderStreamError),
    Input("03 80", 3, .decoderStreamError),
    Input("03 01", 3, .decoderStreamError),
    Input("4041 01", 1, .idError),
    Input("4054 02", 7, .idError),
    Input("01 00", 1, .streamCreationError),
  ])
  func `a server that breaks HTTP/3 before its settings`(_ input: Input) {
    let scripted = ScriptedSession.client()
    scripted.receive(input.hexadecimal, on: input.stream, isFinal: input.isFinal)
    expect(scripted, input.code)
    // The same byte by byte.
    let slow = ScriptedSession.client()
    let bytes = Bytes(hex: input.hexadecimal.filter { $0 != " " }) ?? Bytes()
    for (offset, byte) in bytes.slice.enumerated() {
      slow.receive([byte], on: input.stream, isFinal: input.isFinal && offset == bytes.count - 1)
    }
    expect(slow, input.code)
  }

  @Test(arguments: [
    Input("0400", 3, .frameUnexpected),
    Input("0000", 3, .frameUnexpected),
    Input("0100", 3, .frameUnexpected),
    Input("0500", 3, .frameUnexpected),
    Input("0200", 3, .frameUnexpected),
    Input("0600", 3, .frameUnexpected),
    Input("0800", 3, .frameUnexpected),
    Input("0900", 3, .frameUnexpected),
    Input("0d0100", 3, .frameUnexpected),
    Input("404100", 3, .frameError),
    Input("0700", 3, .frameError),
    Input("0709", 3, .frameError),
    Input("07020000", 3, .frameError),
    Input("070140", 3, .frameError),
    Input("070101", 3, .idError),
    Input("070104 070108", 3, .idError),
    Input("030100", 3, .idError),
    Input("00 04", 7, .streamCreationError),
    Input("0000", 0, .frameUnexpected),
    Input("0400", 0, .frameUnexpected),
    Input("0200", 0, .frameUnexpected),
    Input("0500", 0, .idError),
    Input("404100", 0, .frameError),
    Input("01800040 01", 0, .excessiveLoad),
    Input("0102 0000", 0, .messageError),
    Input("0101 00", 0, .decompressionFailed),
    // Status 103 is no answer yet.
    Input("0103 0000d8 2100", 0, isFinal: true, .messageError),
    Input("01", 0, isFinal: true, .frameError),
    Input("", 0, isFinal: true, .messageError),
  ])
  func `a server that breaks HTTP/3 before its answer`(_ input: Input) {
    let scripted = ScriptedSession.client()
    scripted.receiveSettings()
    scripted.receive(input.hexadecimal, on: input.stream, isFinal: input.isFinal)
    expect(scripted, input.code)
  }

  @Test(arguments: [
    Input("0100", 0, .frameUnexpected),
    Input("0400", 0, .frameUnexpected),
    Input("0d0100", 0, .frameUnexpected),
    Input("404100", 0, .frameError),
    Input("0001", 0, isFinal: true, .frameError),
    Input("000100", 0, isFinal: true, .messageError),
    Input("0004 68430401", 0, isFinal: true, .messageError),
    Input("0004 68434405", 0, .messageError),
    Input("0004 68430300", 0, .messageError),
    Input("0008 684305 00000000 ff", 0, .messageError),
    Input("0005 800078ae01", 0, .messageError),
    Input("0006 00 80010000 00", 0, .messageError),
  ])
  func `a peer that breaks the session's stream`(_ input: Input) {
    for scripted in [ScriptedSession.client(), ScriptedSession.server()] {
      scripted.establish()
      scripted.receive(input.hexadecimal, on: input.stream, isFinal: input.isFinal)
      expect(scripted, input.code)
    }
  }

  @Test(arguments: [
    Input("01 00", 2, .streamCreationError),
    Input("00 0400 030100", 2, .idError),
    Input("00 0400 0d0105 0d0104", 2, .idError),
    Input("00 0400 070100 070101", 2, .idError),
    Input("0000", 0, .frameUnexpected),
    Input("0500", 0, .frameUnexpected),
    Input("0800", 0, .frameUnexpected),
    Input("0101 00", 0, .decompressionFailed),
    Input("010e 0002 510b2f696e6465782e68746d6c", 0, .decompressionFailed),
    Input("2140", 0, isFinal: true, .frameError),
  ])
  func `a client that breaks HTTP/3`(_ input: Input) {
    let scripted = ScriptedSession.server()
    if input.stream != 2 { scripted.receiveSettings() }
    scripted.receive(input.hexadecimal, on: input.stream, isFinal: input.isFinal)
    expect(scripted, input.code)
  }

  @Test func `critical streams that are reset or not wanted`() {
    let actions: [@Sendable (ScriptedSession) -> Void] = [
      { $0.session.handle(.streamReset(3, code: 0)) },
      { $0.session.handle(.stopSending(2, code: 0)) },
      { $0.session.handle(.stopSending(6, code: 0)) },
      {
        $0.receive("02", on: 7)
        $0.session.handle(.streamReset(7, code: 0))
      },
      {
        $0.receive("03", on: 7)
        $0.receive("", on: 7, isFinal: true)
      },
    ]
    for action in actions {
      let scripted = ScriptedSession.client()
      scripted.receiveSettings()
      action(scripted)
      expect(scripted, .closedCriticalStream)
    }
  }

  @Test(arguments: ["", "40", "d000000000000000", "ffffffffffffffff"])
  func `datagrams that name no stream`(_ hexadecimal: String) {
    let scripted = ScriptedSession.client()
    scripted.establish()
    scripted.session.handle(.datagram(Bytes(hex: hexadecimal) ?? Bytes()))
    expect(scripted, .datagramError)
  }

  @Test(arguments: [
    [":status": "99"], [":status": "1000"], [":status": "2x0"], [":status": "101"], [:],
    [":status": "200", ":path": "/"], [":status": "200", "Upper": "a"],
    [":status": "200", "connection": "close"], [":status": "200", "a": "b\nc"],
    [":status": "200", "a b": "c"], [":status": "200", "": "c"],
  ])
  func `answers that are malformed`(_ fields: [String: String]) {
    let scripted = ScriptedSession.client()
    scripted.receiveSettings()
    scripted.receive(
      ScriptedSession.headers(fields.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }),
      on: 0
    )
    expect(scripted, .messageError)
  }

  @Test(arguments: [
    [(":status", "200"), (":status", "200")], [("a", "b"), (":status", "200")],
  ])
  func `pseudo-header fields come once and first`(_ fields: [(String, String)]) {
    let scripted = ScriptedSession.client()
    scripted.receiveSettings()
    scripted.receive(ScriptedSession.headers(fields), on: 0)
    expect(scripted, .messageError)
  }

  @Test func `interim answers are limited`() {
    for (count, isOpen) in [(8, true), (9, false)] {
      let scripted = ScriptedSession.client()
      scripted.receiveSettings()
      for _ in 0..<count {
        scripted.receive(ScriptedSession.headers([(":status", "103")]), on: 0)
      }
      #expect((scripted.closeCode == nil) == isOpen)
      if !isOpen { expect(scripted, .excessiveLoad) }
    }
  }

  @Test func `settings are limited`() {
    var limits = WebTransportLimits()
    limits.settingsBytes = 9
    let fits = ScriptedSession.client(limits: limits)
    fits.receiveSettings()
    #expect(fits.carrier.opened.contains(0))
    limits.settingsBytes = 8
    let scripted = ScriptedSession.client(limits: limits)
    scripted.receiveSettings()
    expect(scripted, .excessiveLoad)
  }
}
