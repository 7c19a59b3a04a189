/// A track's timescale and language.
///
/// ISO/IEC 14496-12 §8.4.2.
package struct MediaHeader: Sendable, Hashable {
  /// Ticks per second, above 0.
  package let timescale: UInt32
  /// ISO 639-2/T, three letters; `und` when it is none.
  package let language: String

  package init(_ box: Box) throws(CMAFError) {
    var fields = FieldReader(box)
    let version = try fields.versionAndFlags().version
    _ = try fields.versioned(version, "creation_time")
    _ = try fields.versioned(version, "modification_time")
    timescale = try fields.u32("timescale")
    guard timescale > 0 else { throw fields.invalid("timescale", 0) }
    _ = try fields.versioned(version, "duration")
    let packed = try fields.u16("language")
    let letters = [packed >> 10, packed >> 5, packed].map { UInt8($0 & 31) }
    language =
      letters.allSatisfy { (1...26).contains($0) }
      ? String(decoding: letters.map { $0 + 0x60 }, as: UTF8.self) : "und"
  }
}
