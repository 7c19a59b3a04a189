/// A box type or codec: four bytes, mostly printable ASCII.
///
/// ISO/IEC 14496-12 §4.2.
package struct FourCC: Hashable, Sendable {
  package let rawValue: UInt32

  package init(rawValue: UInt32) { self.rawValue = rawValue }
}

extension FourCC: ExpressibleByStringLiteral {
  /// Takes exactly four ASCII characters; a literal with any other count is our fault and traps.
  package init(stringLiteral text: StaticString) {
    precondition(text.utf8CodeUnitCount == 4, "a four-character code has four characters")
    rawValue = text.description.utf8.reduce(0) { $0 << 8 | UInt32($1) }
  }
}

/// The boxes of a chunk, made once: a literal is read anew each time it is come by.
extension FourCC {
  static let ftyp: FourCC = "ftyp"
  static let mdat: FourCC = "mdat"
  static let mfhd: FourCC = "mfhd"
  static let mfra: FourCC = "mfra"
  static let moof: FourCC = "moof"
  static let moov: FourCC = "moov"
  static let prft: FourCC = "prft"
  static let sidx: FourCC = "sidx"
  static let ssix: FourCC = "ssix"
  static let tfdt: FourCC = "tfdt"
  static let tfhd: FourCC = "tfhd"
  static let traf: FourCC = "traf"
  static let trun: FourCC = "trun"
}

extension FourCC: CustomStringConvertible {
  /// The characters; those that don't print as `\xNN`.
  package var description: String {
    var text = ""
    for shift in [24, 16, 8, 0] as [UInt32] {
      let byte = UInt8(truncatingIfNeeded: rawValue >> shift)
      if (0x20...0x7E).contains(byte) {
        text.unicodeScalars.append(Unicode.Scalar(byte))
      } else {
        text += "\\x" + (byte < 16 ? "0" : "") + String(byte, radix: 16)
      }
    }
    return text
  }
}
