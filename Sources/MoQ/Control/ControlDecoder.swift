package import Wire

/// Turns the bytes of a control or request stream into messages, as they arrive.
///
/// MOQT §"Control Messages": type, 16-bit length, body.
package struct ControlDecoder {
  /// The type of SETUP from draft 17 on, which is also the type of the stream it opens.
  static let setupType: UInt64 = 0x2f00

  private let draft: Draft
  private let maximumBodyBytes: Int
  private var input = StreamInput()
  private var header: (type: UInt64, length: Int)?

  /// Starts at the beginning of a stream; bodies over the limit are refused.
  package init(draft: Draft, maximumBodyBytes: Int = 0xffff) {
    self.draft = draft
    self.maximumBodyBytes = maximumBodyBytes
  }

  /// Whether the stream may end here: between two messages.
  package var isBetweenMessages: Bool { input.isEmpty && header == nil }
  /// What is held for a message that is not complete.
  package var bufferedBytes: Int { input.bufferedBytes }

  /// Takes the next bytes of the stream.
  package mutating func receive(_ bytes: Bytes) { input.append(bytes) }

  /// The next message; nil when more bytes are needed.
  package mutating func next() throws(CodingError) -> ControlMessage? {
    if header == nil {
      header = try input.parse(draft: draft) { (reader) throws(CodingError) in
        (type: try reader.integer(), length: Int(try reader.uint16()))
      }
    }
    guard let (type, length) = header else { return nil }
    guard length <= maximumBodyBytes else {
      throw .protocolViolation(
        "message 0x\(String(type, radix: 16)) of \(length) bytes, at most \(maximumBodyBytes)"
      )
    }
    guard let body = input.take(length) else { return nil }
    header = nil
    return try ControlMessage.decode(type: type, body: body, draft: draft)
  }
}
