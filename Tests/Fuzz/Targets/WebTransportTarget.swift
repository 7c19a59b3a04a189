import MoQ
import TestSupport
import WebTransport
import Wire

/// Plays a peer by script, to a client or a server: bytes on any stream, resets, datagrams, and what
/// the session itself is asked to do.
///
/// The input is a flag, 1 for a server, and steps: a kind, a stream, a count, bytes.
func fuzzWebTransport(_ bytes: Bytes) {
  var script = Script(bytes)
  let isServer = script.byte() & 1 == 1
  let whole = Driver(isServer: isServer)
  let pieces = Driver(isServer: isServer)
  var steps = 0
  while !script.isAtEnd, steps < 512 {
    let step = Step(&script)
    whole.take(step, byteByByte: false)
    pieces.take(step, byteByByte: true)
    steps += 1
  }
  whole.finish()
  pieces.finish()
  precondition(whole.content == pieces.content, "events don't depend on how bytes arrive")
  precondition(
    whole.carrier.closed?.code == pieces.carrier.closed?.code,
    "nor does the code of the end"
  )
}

private struct Step {
  let kind: UInt8
  let stream: UInt64
  let isFinal: Bool
  let bytes: Bytes

  init(_ script: inout Script) {
    let selector = script.byte()
    kind = selector & 7
    isFinal = selector & 0x80 != 0
    stream = UInt64(script.byte() & 0x1F)
    bytes = script.take(Int(script.byte()))
  }
}

private final class Driver {
  private static let protocols = ["moqt-18", "moqt-16"]

  let carrier: MoQFakeTransport
  private let session: WebTransportSession
  private let limits: WebTransportLimits
  private(set) var content: [String] = []
  private var open: [UInt64] = []
  private var finished: Set<UInt64> = []
  private var hasEnded = false

  init(isServer: Bool) {
    carrier = MoQFakeTransport(role: isServer ? .server : .client)
    var limits = WebTransportLimits()
    limits.heldStreams = 4
    // Refusing by bytes would depend on how they are cut.
    limits.heldBytes = .max
    self.limits = limits
    let role: WebTransportSession.Role =
      isServer
      ? .server(ConnectPolicy(path: "/", protocols: Driver.protocols, allowsNoProtocol: true))
      : .client(
        ConnectRequest(
          authority: "a",
          path: "/",
          protocols: Driver.protocols,
          allowsNoProtocol: true
        )
      )
    session = WebTransportSession(role, carrier: carrier, limits: limits)
    session.start()
  }

  func take(_ step: Step, byteByByte: Bool) {
    switch step.kind {
    case 0...3 where !finished.contains(step.stream): receive(step, byteByByte)
    case 4: session.handle(.datagram(step.bytes))
    case 5:
      finished.insert(step.stream)
      session.handle(step.isFinal ? .streamClosed(step.stream) : .streamReset(step.stream, code: 9))
    case 6: session.handle(.stopSending(step.stream, code: UInt64(step.bytes.count)))
    case 7: command(step)
    default: break
    }
    collect()
  }

  private func receive(_ step: Step, _ byteByByte: Bool) {
    if step.isFinal { finished.insert(step.stream) }
    guard byteByByte, step.bytes.count > 1 else {
      session.handle(.streamData(step.stream, step.bytes, isFinal: step.isFinal))
      return
    }
    for (offset, byte) in step.bytes.slice.enumerated() {
      session.handle(
        .streamData(
          step.stream,
          [byte],
          isFinal: step.isFinal && offset == step.bytes.count - 1
        )
      )
    }
  }

  private func command(_ step: Step) {
    switch step.bytes.count {
    case 0:
      if let stream = session.openStream(bidirectional: step.isFinal) { open.append(stream) }
    case 1: session.drain()
    case 2: if let stream = open.last { session.reset(stream, code: .max) }
    case 3: if let stream = open.last { session.stopSending(stream, code: step.stream) }
    case 4:
      if let stream = open.last { session.send(step.bytes, on: stream, isFinal: step.isFinal) }
    case 5: session.close(code: .max, reason: step.bytes.text)
    default: _ = session.sendDatagram(step.bytes)
    }
  }

  func finish() {
    session.close(code: 0, reason: "")
    collect()
    precondition(hasEnded, "a session that was closed says so")
    precondition(session.openStream(bidirectional: true) == nil, "and opens no streams")
  }

  /// Takes the events, putting consecutive data of a stream together.
  private func collect() {
    while let event = session.poll() {
      precondition(!hasEnded, "nothing follows the end")
      switch event {
      case .stream(.streamData(let stream, let bytes, let isFinal)):
        for byte in bytes.slice { content.append("\(stream) \(byte)") }
        if isFinal { content.append("\(stream) end") }
      case .ended:
        hasEnded = true
        content.append("ended")
      default: content.append("\(event)")
      }
    }
  }
}
