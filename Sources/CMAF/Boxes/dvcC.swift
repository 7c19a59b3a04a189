/// Dolby Vision configuration (`dvcC`, `dvvC`).
///
/// Dolby Vision Streams Within the ISO Base Media File Format §3.
package struct DolbyVisionConfiguration: Sendable, Hashable {
  package let profile: UInt8
  package let level: UInt8

  package init(_ box: Box) throws(CMAFError) {
    var fields = FieldReader(box)
    try fields.skip(2, "dv_version")
    let packed = try fields.u16("dv_profile and dv_level")
    profile = UInt8(packed >> 9)
    level = UInt8(packed >> 3 & 0x3F)
  }

  /// The entry, profile and level, each of two digits at least.
  package func codecString(_ entry: FourCC) -> String {
    func two(_ value: UInt8) -> String { value < 10 ? "0\(value)" : "\(value)" }
    return "\(entry)." + two(profile) + "." + two(level)
  }
}
