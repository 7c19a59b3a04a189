/// A growing big-endian buffer.
package struct ByteWriter: Sendable {
  package private(set) var array: [UInt8] = []

  package init(reserving capacity: Int = 0) { array.reserveCapacity(capacity) }

  package var count: Int { array.count }

  /// Everything written so far, without copying when the writer is not used again.
  package var bytes: Bytes { Bytes(array) }

  package mutating func write(_ value: UInt8) { array.append(value) }
  package mutating func write(_ value: UInt16) { writeBigEndian(UInt64(value), width: 2) }
  package mutating func write(_ value: UInt32) { writeBigEndian(UInt64(value), width: 4) }
  package mutating func write(_ value: UInt64) { writeBigEndian(value, width: 8) }
  package mutating func write(_ value: Int16) { write(UInt16(bitPattern: value)) }
  package mutating func write(_ value: Int32) { write(UInt32(bitPattern: value)) }

  /// Writes the low `width` bytes of a value, `width` in 1…8.
  package mutating func writeBigEndian(_ value: UInt64, width: Int) {
    for index in (0..<width).reversed() {
      array.append(UInt8(truncatingIfNeeded: value >> UInt64(index * 8)))
    }
  }

  package mutating func write(_ bytes: Bytes) { array.append(contentsOf: bytes.slice) }
  package mutating func write(contentsOf bytes: some Sequence<UInt8>) {
    array.append(contentsOf: bytes)
  }
  package mutating func write(utf8 text: String) { array.append(contentsOf: text.utf8) }

  /// Replaces four bytes that were written earlier; traps when they were not.
  package mutating func overwrite(_ value: UInt32, at offset: Int) {
    for index in 0..<4 {
      array[offset + index] = UInt8(truncatingIfNeeded: value >> UInt32((3 - index) * 8))
    }
  }

  /// Replaces two bytes that were written earlier; traps when they were not.
  package mutating func overwrite(_ value: UInt16, at offset: Int) {
    array[offset] = UInt8(value >> 8)
    array[offset + 1] = UInt8(truncatingIfNeeded: value)
  }
}
