package import Wire

/// Pictures of H.264 that decoding can start at although they are no IDR pictures: open groups of
/// pictures begin with them.
package enum RecoveryPoint {
  /// Whether an SEI unit says that all pictures from its own on are right.
  ///
  /// Pictures that are shown before it may not be. ITU-T H.264 §D.2.8.
  package static func isImmediate(_ unit: Bytes) -> Bool {
    guard !unit.isEmpty, unit[0] & 0x1F == 6 else { return false }
    var reader = ByteReader(NALUnits.payload(unit, headerCount: 1))
    while let type = number(&reader), let size = number(&reader),
      let message = try? reader.readBytes(size)
    {
      guard type == recoveryPoint else { continue }
      var bits = BitReader(message)
      return (try? bits.exponentialGolomb()) == 0
    }
    return false
  }

  /// A number in bytes of 255 and a last one, ITU-T H.264 §7.3.2.3.1; nil at the end.
  private static func number(_ reader: inout ByteReader) -> Int? {
    var number = 0
    while let byte = try? reader.readUInt8() {
      number += Int(byte)
      if byte < 0xFF { return number }
    }
    return nil
  }

  private static let recoveryPoint = 6
}
