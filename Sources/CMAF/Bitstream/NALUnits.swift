package import Wire

/// The NAL units of an H.264 or HEVC sample, however they are delimited.
///
/// ITU-T H.264 Annex B, ISO/IEC 14496-15 §5.3.4.2.
package enum NALUnits {
  /// The most units of one sample.
  package static let limit = 4096

  /// Finds out how a sample is delimited and splits it; nil when it is by no rule.
  ///
  /// A length of exactly 1 in the first four bytes is a start code. `lengthSizes` are tried in order;
  /// lengths count only when they add up to the sample. A start code of three bytes comes last, as
  /// it could be a length.
  package static func split(_ sample: Bytes, lengthSizes: [Int] = [4, 2, 1]) -> [Bytes]? {
    if sample.prefix(4) == [0, 0, 0, 1] { return splitStartCodes(sample) }
    for size in lengthSizes {
      if let units = splitLengths(sample, lengthSize: size) { return units }
    }
    return sample.prefix(3) == [0, 0, 1] ? splitStartCodes(sample) : nil
  }

  /// Splits by lengths of 1…4 bytes, which must add up; no unit may be empty or break the syntax.
  package static func splitLengths(_ sample: Bytes, lengthSize: Int) -> [Bytes]? {
    var reader = ByteReader(sample)
    var units: [Bytes] = []
    while !reader.isAtEnd {
      guard let length = try? reader.readBigEndian(lengthSize), length > 0,
        let unit = try? reader.readBytes(Int(length)), unit[0] & 0x80 == 0, units.count < limit
      else { return nil }
      units.append(unit)
    }
    return units.isEmpty ? nil : units
  }

  /// Splits at start codes of three or four bytes; zero bytes before a start code are no one's.
  package static func splitStartCodes(_ sample: Bytes) -> [Bytes]? {
    var units: [Bytes] = []
    var start: Int?
    var zeros = 0
    func close(at end: Int) -> Bool {
      guard let start else { return true }
      var end = end
      while end > start, sample[end - 1] == 0 { end -= 1 }
      guard end > start else { return true }
      guard sample[start] & 0x80 == 0, units.count < limit else { return false }
      units.append(sample[start..<end])
      return true
    }
    for (offset, byte) in sample.slice.enumerated() {
      if byte == 1, zeros >= 2 {
        guard close(at: offset - zeros) else { return nil }
        start = offset + 1
      }
      zeros = byte == 0 ? zeros + 1 : 0
    }
    guard close(at: sample.count), !units.isEmpty else { return nil }
    return units
  }

  /// Joins units with lengths of four bytes.
  package static func join(_ units: [Bytes]) -> Bytes {
    var writer = ByteWriter(reserving: units.reduce(0) { $0 + $1.count + 4 })
    for unit in units {
      writer.write(UInt32(truncatingIfNeeded: unit.count))
      writer.write(unit)
    }
    return writer.bytes
  }

  /// The payload of a unit: its bytes after the header without emulation prevention.
  ///
  /// ITU-T H.264 §7.4.1.
  static func payload(_ unit: Bytes, headerCount: Int) -> Bytes {
    guard unit.count > headerCount else { return Bytes() }
    var payload: [UInt8] = []
    payload.reserveCapacity(unit.count)
    var zeros = 0
    for byte in unit.suffix(from: headerCount).slice {
      if zeros >= 2, byte == 3 {
        zeros = 0
        continue
      }
      zeros = byte == 0 ? zeros + 1 : 0
      payload.append(byte)
    }
    return Bytes(payload)
  }
}
