package import Wire

/// The status and fields of an answer, without framing, Date and Connection, which the connection
/// adds.
package struct ResponseHead: Sendable, Hashable {
  package let status: Status
  /// Whole field lines, each ended by CRLF, made beforehand and shared between answers.
  package private(set) var blocks: [Bytes]

  package init(_ status: Status, _ blocks: [Bytes] = []) {
    self.status = status
    self.blocks = blocks
  }

  /// Adds one field line; characters that would end it are replaced by spaces.
  package mutating func add(_ name: String, _ value: String) {
    blocks.append(ResponseHead.line(name, value))
  }

  /// Puts another block where one is; ignored when it isn't there.
  package mutating func replace(_ block: Bytes, by other: Bytes) {
    guard let index = blocks.firstIndex(of: block) else { return }
    blocks[index] = other
  }

  /// One field line for use as, or in, a block.
  package static func line(_ name: String, _ value: String) -> Bytes {
    precondition(RequestParser.isToken(name.utf8), "field names are tokens")
    var writer = ByteWriter(reserving: name.utf8.count + value.utf8.count + 4)
    writer.write(utf8: name)
    writer.write(utf8: ": ")
    if value.utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x7F }) {
      writer.write(utf8: value)
    } else {
      for byte in value.utf8 { writer.write(byte < 0x20 || byte == 0x7F ? 0x20 : byte) }
    }
    writer.write(utf8: "\r\n")
    return writer.bytes
  }

  /// Whether a text can name a field, RFC 9110 §5.1.
  package static func isFieldName(_ text: String) -> Bool { RequestParser.isToken(text.utf8) }

  /// How the content is framed on the wire.
  enum Framing {
    case none
    case length(Int)
    case chunked
    case untilClose
  }

  /// The head as sent.
  func bytes(framing: Framing, connection: String?, date: HTTPDate) -> Bytes {
    var writer = ByteWriter(reserving: 160 + blocks.reduce(0) { $0 + $1.count })
    writer.write(utf8: "HTTP/1.1 ")
    writer.write(utf8: String(status.rawValue))
    writer.write(utf8: " ")
    writer.write(utf8: status.reason)
    writer.write(utf8: "\r\nDate: ")
    writer.write(utf8: date.text)
    writer.write(utf8: "\r\n")
    for block in blocks { writer.write(block) }
    switch framing {
    case .none, .untilClose: break
    case .length(let count):
      writer.write(utf8: "Content-Length: ")
      writer.write(utf8: String(count))
      writer.write(utf8: "\r\n")
    case .chunked: writer.write(utf8: "Transfer-Encoding: chunked\r\n")
    }
    if let connection {
      writer.write(utf8: "Connection: ")
      writer.write(utf8: connection)
      writer.write(utf8: "\r\n")
    }
    writer.write(utf8: "\r\n")
    return writer.bytes
  }
}
