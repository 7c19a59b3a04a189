import Wire

/// Names a request on its connection; never reused there.
package struct RequestID: Hashable, Sendable {
  let ordinal: Int
}

/// One request that is not fully handed to the output yet, and its answer as far as it is known.
struct Exchange {
  enum Phase {
    /// No answer yet.
    case waiting
    /// The head is in `output`; more content may come.
    case growing
    /// Everything is in `output`.
    case complete
    /// The content stops where `output` ends, which is not its end.
    case aborted
  }

  let id: RequestID
  let isHead: Bool
  let version: Version
  /// Whether the connection ends with this answer; known from the request, and later from the body.
  var closes: Bool
  var phase = Phase.waiting
  var output: [Bytes] = []

  /// Puts the answer's head, and what there is of its content, into the output.
  mutating func respond(_ head: ResponseHead, _ body: Body, date: HTTPDate) {
    guard case .waiting = phase else { preconditionFailure("a request is answered once") }
    precondition(!head.status.forbidsContent || body.count == 0, "\(head.status) has no content")
    let framing: ResponseHead.Framing
    phase = .complete
    switch body {
    case _ where head.status.forbidsContent: framing = .none
    case .none, .whole: framing = .length(body.count)
    case .growing:
      framing = version == .http11 ? .chunked : .untilClose
      if version == .http10 { closes = true }
      if !isHead { phase = .growing }
    }
    let connection = closes ? "close" : version == .http10 ? "keep-alive" : nil
    let headBytes = head.bytes(framing: framing, connection: connection, date: date)
    if !isHead, case .whole(let pieces) = body {
      output.reserveCapacity(1 + pieces.count)
      output.append(headBytes)
      for piece in pieces where !piece.isEmpty { output.append(piece) }
    } else {
      output.append(headBytes)
    }
  }

  /// Adds content to a growing answer; what comes after its end is dropped.
  mutating func append(_ pieces: [Bytes]) {
    guard case .growing = phase else { return }
    let count = pieces.reduce(0) { $0 + $1.count }
    // An empty chunk would be the last one.
    guard count > 0 else { return }
    if version == .http11 { output.append(Bytes(utf8: String(count, radix: 16) + "\r\n")) }
    output += pieces.filter { !$0.isEmpty }
    if version == .http11 { output.append(Exchange.lineEnd) }
  }

  mutating func finish() {
    guard case .growing = phase else { return }
    if version == .http11 { output.append(Exchange.lastChunk) }
    phase = .complete
  }

  /// Stops a growing answer so that the client sees that it is not whole.
  mutating func abort() {
    guard case .growing = phase else { return }
    phase = .aborted
  }

  private static let lineEnd = Bytes(utf8: "\r\n")
  private static let lastChunk = Bytes(utf8: "0\r\n\r\n")
}
