internal import Wire

/// One box: where it lies and what is inside.
///
/// ISO/IEC 14496-12 §4.2.
struct Box: Sendable, Hashable {
  /// Boxes read from one container; a peer that sends more is refused.
  static let maximumCount = 50_000

  /// Four characters, one for each byte.
  let type: String
  /// Of the first byte of its size, in the bytes that were walked.
  let offset: Int
  /// Where it ends in the bytes that were walked.
  let end: Int
  /// What follows the header: size, type, and the 64-bit size or user type where there is one.
  let payload: Bytes

  var payloadOffset: Int { end - payload.count }

  /// Reads boxes that fill `bytes` exactly.
  ///
  /// Throws `truncated` when the last one ends outside, `invalid` when a size is impossible.
  static func walk(_ bytes: Bytes) throws(DecodeError) -> [Box] {
    var reader = ByteReader(bytes)
    var boxes: [Box] = []
    while !reader.isAtEnd {
      guard boxes.count < maximumCount else {
        throw .invalid("more than \(maximumCount) boxes in a row")
      }
      boxes.append(try read(&reader))
    }
    return boxes
  }

  /// The boxes that are whole, and the offset where the first that is not would begin.
  static func walkPrefix(_ bytes: Bytes) -> (boxes: [Box], end: Int) {
    var reader = ByteReader(bytes)
    var boxes: [Box] = []
    while !reader.isAtEnd, boxes.count < maximumCount, let box = try? read(&reader) {
      boxes.append(box)
    }
    return (boxes, boxes.last?.end ?? 0)
  }

  private static func read(_ reader: inout ByteReader) throws(DecodeError) -> Box {
    let start = reader.position
    let shortSize = try reader.readUInt32()
    let type = String(fourCharacters: try reader.readBytes(4))
    var size = UInt64(shortSize)
    if shortSize == 1 { size = try reader.readUInt64() }
    if shortSize == 0 { size = UInt64(reader.bytes.count - start) }
    if type == "uuid" { try reader.skip(16) }
    guard size >= UInt64(reader.position - start) else {
      throw .invalid("a \(type) box of \(size) bytes is smaller than its header")
    }
    guard size <= UInt64(reader.bytes.count - start) else { throw .truncated }
    let end = start + Int(size)
    let payload = try reader.readBytes(end - reader.position)
    return Box(type: type, offset: start, end: end, payload: payload)
  }

  /// What is wrong inside this box, with its type in front.
  func fault(_ error: DecodeError) -> DecodeError {
    switch error {
    case .truncated: .invalid("\(type) ends before its fields do")
    case .invalid(let text): .invalid("\(type): \(text)")
    }
  }

  /// Reads this box's payload with `body`; what that throws gets the box's type in front.
  func read<Value>(
    _ body: (inout ByteReader) throws(DecodeError) -> Value
  ) throws(DecodeError) -> Value {
    var reader = ByteReader(payload)
    do throws(DecodeError) { return try body(&reader) } catch { throw fault(error) }
  }

  /// The boxes inside, after `skipping` bytes of fields.
  func children(skipping: Int = 0) throws(DecodeError) -> [Box] {
    guard payload.count >= skipping else { throw fault(.truncated) }
    do throws(DecodeError) { return try Box.walk(payload.suffix(from: skipping)) } catch {
      throw fault(error)
    }
  }
}

extension [Box] {
  /// The first of a type; nil when there is none.
  subscript(type: String) -> Box? { first { $0.type == type } }
}

extension String {
  /// One character for each byte, as ISO 8859-1 has them.
  init(fourCharacters bytes: Bytes) {
    self.init(String.UnicodeScalarView(bytes.slice.map { Unicode.Scalar($0) }))
  }
}

extension ByteReader {
  /// Reads the version and flags that begin a full box.
  ///
  /// ISO/IEC 14496-12 §4.2.
  mutating func readFullBoxHeader() throws(DecodeError) -> (version: UInt8, flags: UInt32) {
    (try readUInt8(), try readUInt24())
  }

  /// Reads four characters.
  mutating func readFourCharacters() throws(DecodeError) -> String {
    String(fourCharacters: try readBytes(4))
  }

  /// Reads UTF-8 up to a zero byte, which is taken, or up to the end.
  mutating func readTerminatedText() -> String {
    var text: [UInt8] = []
    while let byte = try? readUInt8(), byte != 0 { text.append(byte) }
    return String(decoding: text, as: UTF8.self)
  }
}
