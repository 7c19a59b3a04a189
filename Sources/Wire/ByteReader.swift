/// Why bytes could not be decoded.
package enum DecodeError: Error, Equatable, Sendable {
  /// The input ends before the structure does; more bytes may complete it.
  case truncated
  /// The input breaks a rule of its format; the text says which and with what value.
  case invalid(String)
}

/// A bounds-checked big-endian cursor; what it hands out shares the storage of its input.
package struct ByteReader: Sendable {
  package let bytes: Bytes
  /// Offset of the next byte, `0...bytes.count`.
  package private(set) var position = 0

  package init(_ bytes: Bytes) { self.bytes = bytes }

  package var remaining: Int { bytes.count - position }
  package var isAtEnd: Bool { position == bytes.count }

  package mutating func readUInt8() throws(DecodeError) -> UInt8 {
    guard position < bytes.count else { throw .truncated }
    defer { position += 1 }
    return bytes[position]
  }

  package mutating func readUInt16() throws(DecodeError) -> UInt16 {
    UInt16(truncatingIfNeeded: try readBigEndian(2))
  }

  package mutating func readUInt24() throws(DecodeError) -> UInt32 {
    UInt32(truncatingIfNeeded: try readBigEndian(3))
  }

  package mutating func readUInt32() throws(DecodeError) -> UInt32 {
    UInt32(truncatingIfNeeded: try readBigEndian(4))
  }

  package mutating func readUInt64() throws(DecodeError) -> UInt64 { try readBigEndian(8) }

  /// Reads an unsigned integer of `width` bytes, 1…8.
  package mutating func readBigEndian(_ width: Int) throws(DecodeError) -> UInt64 {
    guard remaining >= width else { throw .truncated }
    var value: UInt64 = 0
    for offset in position..<position + width { value = value << 8 | UInt64(bytes[offset]) }
    position += width
    return value
  }

  /// Takes the next `count` bytes, sharing storage.
  package mutating func readBytes(_ count: Int) throws(DecodeError) -> Bytes {
    guard count >= 0, remaining >= count else { throw .truncated }
    defer { position += count }
    return bytes[position..<position + count]
  }

  /// Takes everything that is left.
  package mutating func readRest() -> Bytes {
    defer { position = bytes.count }
    return bytes[position..<bytes.count]
  }

  package mutating func skip(_ count: Int) throws(DecodeError) {
    guard count >= 0, remaining >= count else { throw .truncated }
    position += count
  }

  /// The next byte without taking it; nil at the end.
  package var peek: UInt8? { isAtEnd ? nil : bytes[position] }
}
