import MoQ
import TestSupport
import Testing
import Wire

@testable import WebTransport

/// Wrong input of every kind: it may be refused, it may not trap.
@Suite struct MutationTests {
  /// What a server, and what a client, sends in the course of a session, by stream.
  private static let conversations: [(WebTransportSession.Role, [(UInt64, String)])] = [
    (
      .client(SessionPair.request),
      [
        (3, NegotiationTests.aiomoqtSettings), (7, "02"), (11, "03"), (15, "405400aabb"),
        (1, "404100ccdd"), (0, NegotiationTests.aiomoqtAnswer),
        (0, "00050003010203"), (0, "0005800078ae00"), (3, "070104"),
        (0, "000a684307000000036e6f21"),
      ]
    ),
    (
      .server(ConnectPolicy(path: "/", protocols: ["moqt-18"], allowsNoProtocol: true)),
      [
        (2, NegotiationTests.aiomoqtSettings), (6, "02"), (10, "03"),
        (0, NegotiationTests.aiomoqtRequest), (14, "405400aabb"), (4, "404100ccdd"),
        (0, "00050003010203"), (2, "0d0105"), (0, "000768430400000000"),
      ]
    ),
  ]

  @Test(arguments: 1...4 as ClosedRange<UInt64>)
  func `20,000 mutated conversations`(_ seed: UInt64) {
    var generator = SeededGenerator(seed: seed)
    var ends: Set<String> = []
    for _ in 0..<5000 {
      let (role, steps) = MutationTests.conversations[Int.random(in: 0...1, using: &generator)]
      let scripted = ScriptedSession(role)
      let changed = Int.random(in: 0..<steps.count, using: &generator)
      for (index, step) in steps.enumerated() {
        var bytes = (Bytes(hex: step.1) ?? Bytes()).array
        if index == changed { mutate(&bytes, &generator) }
        let cut = Int.random(in: 0...bytes.count, using: &generator)
        scripted.receive(Bytes(bytes[..<cut]), on: step.0)
        scripted.receive(
          Bytes(bytes[cut...]),
          on: step.0,
          isFinal: index == changed && Int.random(in: 0..<4, using: &generator) == 0
        )
        if index == changed { scripted.session.handle(.datagram(Bytes(bytes))) }
      }
      var hasEnded = false
      for event in scripted.events() {
        #expect(!hasEnded, "nothing follows the end")
        if case .ended(let end) = event {
          hasEnded = true
          if case .violated(let code, _) = end { ends.insert("\(code)") } else { ends.insert("x") }
        }
      }
    }
    // The changes come to many different rules.
    #expect(ends.count > 8)
  }

  private func mutate(_ bytes: inout [UInt8], _ generator: inout SeededGenerator) {
    for _ in 0..<Int.random(in: 1...3, using: &generator) {
      let place = Int.random(in: 0..<max(1, bytes.count), using: &generator)
      switch Int.random(in: 0..<4, using: &generator) {
      case 0 where !bytes.isEmpty: bytes[place] = .random(in: 0...255, using: &generator)
      case 1 where !bytes.isEmpty: bytes[place] = 0xff
      case 2 where !bytes.isEmpty: bytes.remove(at: place)
      default: bytes.insert(.random(in: 0...255, using: &generator), at: min(place, bytes.count))
      }
    }
  }

  @Test func `a conversation is the same however it is cut`() {
    for (role, steps) in MutationTests.conversations {
      var expected: [String: String]?
      for size in [1000, 1, 2, 3, 5] {
        let scripted = ScriptedSession(role)
        for (stream, text) in steps {
          var rest = Bytes(hex: text) ?? Bytes()
          while !rest.isEmpty {
            scripted.receive(rest.prefix(size), on: stream)
            rest = rest.suffix(from: min(size, rest.count))
          }
        }
        let result = summary(scripted.events())
        #expect(result == expected ?? result)
        #expect(result["end"] == "closedByPeer")
        expected = result
      }
    }
  }

  /// What was reported, the pieces of each stream put together.
  private func summary(_ events: [WebTransportEvent]) -> [String: String] {
    var result: [String: String] = [:]
    for event in events {
      switch event {
      case .established(let chosen): result["chosen"] = chosen ?? "-"
      case .stream(.streamData(let stream, let bytes, _)):
        result["\(stream)", default: ""] += hex(bytes.slice)
      case .stream(.datagram(let bytes)): result["datagram", default: ""] += hex(bytes.slice)
      case .stream(let other): result["other", default: ""] += "\(other)"
      case .draining: result["draining", default: ""] += "x"
      case .ended(.closedByPeer): result["end"] = "closedByPeer"
      case .ended(let end): result["end"] = "\(end)"
      }
    }
    return result
  }
}
