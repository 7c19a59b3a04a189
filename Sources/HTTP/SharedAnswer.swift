package import Wire

/// An answer that many get: its bytes as sent are made once a second, for its Date, and shared.
///
/// Not Sendable: it belongs to one loop.
package final class SharedAnswer {
  let head: ResponseHead
  package private(set) var body: Body
  /// Of the content in one piece.
  private(set) var copy: ContentCopy?
  private var date: HTTPDate?
  private var output: [Bytes] = []

  package init(_ head: ResponseHead, _ body: Body) {
    self.head = head
    self.body = body
  }

  /// Has the same content in one piece from now on, of which there may be a copy.
  package func join(_ content: Bytes, _ copy: ContentCopy?) {
    precondition(content.count > Self.joinedBytes || copy == nil, "short content has no copy")
    body = .whole([content])
    self.copy = copy
    date = nil
  }

  /// Content up to this many bytes is sent in one piece with the head.
  private static let joinedBytes = 4096

  /// The answer to a GET of HTTP/1.1 on a connection that goes on.
  func output(_ date: HTTPDate) -> [Bytes] {
    if self.date == date { return output }
    var exchange = Exchange(
      id: RequestID(ordinal: 0),
      isHead: false,
      version: .http11,
      closes: false
    )
    exchange.respond(head, body, date: date)
    output =
      body.count <= Self.joinedBytes
      ? [Self.joined(exchange.output)]
      : exchange.output
    self.date = date
    return output
  }

  private static func joined(_ pieces: [Bytes]) -> Bytes {
    var writer = ByteWriter(reserving: pieces.reduce(0) { $0 + $1.count })
    for piece in pieces { writer.write(piece) }
    return writer.bytes
  }
}
