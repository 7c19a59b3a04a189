internal import Wire

/// Builds the text of a playlist as bytes.
struct TextWriter {
  private var bytes: [UInt8] = []

  init(reserving capacity: Int) { bytes.reserveCapacity(capacity) }

  var result: Bytes { Bytes(bytes) }
  var text: String { String(decoding: bytes, as: UTF8.self) }

  mutating func write(_ text: String) { bytes.append(contentsOf: text.utf8) }

  mutating func write(_ text: Bytes) { bytes.append(contentsOf: text.slice) }

  mutating func write(_ value: Int64) {
    if value < 0 { bytes.append(UInt8(ascii: "-")) }
    write(digits: value.magnitude, width: 1)
  }

  mutating func write(_ value: Int) { write(Int64(value)) }

  /// Writes a duration of `ticks` in seconds with five decimals, rounded to nearest: exact to a
  /// hundredth of a millisecond, so that sums of parts and segments agree within a millisecond.
  mutating func write(seconds ticks: Int64, timescale: UInt32) {
    let scale = Int128(max(timescale, 1))
    let rounded = (Int128(max(ticks, 0)) * 100_000 + scale / 2) / scale
    let value = UInt64(clamping: rounded)
    write(digits: value / 100_000, width: 1)
    bytes.append(UInt8(ascii: "."))
    write(digits: value % 100_000, width: 5)
  }

  /// Writes milliseconds as seconds with three decimals.
  mutating func write(milliseconds value: Int) {
    write(digits: UInt64(max(value, 0)) / 1000, width: 1)
    bytes.append(UInt8(ascii: "."))
    write(digits: UInt64(max(value, 0)) % 1000, width: 3)
  }

  /// Writes digits, zeros before them up to `width`, without memory of their own.
  mutating func write(digits value: UInt64, width: Int) {
    var count = 1
    var rest = value / 10
    while rest > 0 || count < width {
      count += 1
      rest /= 10
    }
    bytes.append(contentsOf: repeatElement(UInt8(ascii: "0"), count: count))
    rest = value
    var place = bytes.endIndex
    while rest > 0 {
      place -= 1
      bytes[place] += UInt8(rest % 10)
      rest /= 10
    }
  }
}
