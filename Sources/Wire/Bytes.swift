/// An immutable run of bytes that many owners can share; slicing it copies nothing.
///
/// Offsets are always counted from the start of this value, whatever it was sliced from.
package struct Bytes: Sendable, Hashable {
  @usableFromInline let storage: ArraySlice<UInt8>

  /// No bytes.
  @inlinable package init() { storage = [] }

  /// Takes over an array without copying it.
  @inlinable package init(_ array: [UInt8]) { storage = array[...] }

  /// Shares a slice without copying it.
  @inlinable package init(_ slice: ArraySlice<UInt8>) { storage = slice }

  /// Copies the bytes of a span, which may die after the call.
  @inlinable package init(copying span: Span<UInt8>) {
    var array = [UInt8](repeating: 0, count: span.count)
    for index in span.indices { array[index] = span[index] }
    storage = array[...]
  }

  /// The UTF-8 bytes of a text.
  package init(utf8 text: String) { storage = Array(text.utf8)[...] }

  @inlinable package var count: Int { storage.count }
  @inlinable package var isEmpty: Bool { storage.isEmpty }

  /// The byte at an offset in `0..<count`; traps outside.
  @inlinable package subscript(offset: Int) -> UInt8 { storage[storage.startIndex + offset] }

  /// The bytes of a range of offsets inside `0..<count`, sharing storage; traps outside.
  @inlinable package subscript(range: Range<Int>) -> Bytes {
    let start = storage.startIndex
    return Bytes(storage[start + range.lowerBound..<start + range.upperBound])
  }

  /// The bytes from an offset on, sharing storage.
  @inlinable package func suffix(from offset: Int) -> Bytes { self[offset..<count] }

  /// The first `length` bytes, or all when there are fewer, sharing storage.
  @inlinable package func prefix(_ length: Int) -> Bytes { Bytes(storage.prefix(length)) }

  /// The bytes as a standard collection, for iteration and appending; its indices are not offsets.
  @inlinable package var slice: ArraySlice<UInt8> { storage }

  /// The bytes as an array of their own.
  @inlinable package var array: [UInt8] { Array(storage) }

  /// The bytes read as UTF-8, invalid sequences replaced.
  package var text: String { String(decoding: storage, as: UTF8.self) }
}

extension Bytes: ExpressibleByArrayLiteral {
  package init(arrayLiteral elements: UInt8...) { self.init(elements) }
}

extension Bytes: CustomStringConvertible {
  /// Lower-case hexadecimal, cut after 32 bytes.
  package var description: String {
    hex(storage.prefix(32)) + (count > 32 ? "… (\(count) bytes)" : "")
  }
}

/// Renders bytes as lower-case hexadecimal.
@inlinable
package func hex(_ bytes: some Sequence<UInt8>) -> String {
  var text: [UInt8] = []
  text.reserveCapacity(2 * bytes.underestimatedCount)
  for byte in bytes {
    text.append(hexDigit(byte >> 4))
    text.append(hexDigit(byte & 15))
  }
  return String(decoding: text, as: UTF8.self)
}

@inlinable
func hexDigit(_ value: UInt8) -> UInt8 {
  value + (value < 10 ? UInt8(ascii: "0") : UInt8(ascii: "a") - 10)
}

extension Bytes {
  /// Reads hexadecimal of either case with an even number of digits; nil when `text` is not that.
  package init?(hex text: some StringProtocol) {
    var bytes: [UInt8] = []
    var high: UInt8?
    for character in text.utf8 {
      let digit: UInt8
      switch character {
      case UInt8(ascii: "0")...UInt8(ascii: "9"): digit = character - UInt8(ascii: "0")
      case UInt8(ascii: "a")...UInt8(ascii: "f"): digit = character - UInt8(ascii: "a") + 10
      case UInt8(ascii: "A")...UInt8(ascii: "F"): digit = character - UInt8(ascii: "A") + 10
      default: return nil
      }
      if let first = high {
        bytes.append(first << 4 | digit)
        high = nil
      } else {
        high = digit
      }
    }
    guard high == nil else { return nil }
    self.init(bytes)
  }
}
