package import Wire

/// HEVC decoder configuration.
///
/// ISO/IEC 14496-15 §8.3.3.1.
package struct HEVCConfiguration: Sendable, Hashable {
  /// 0…3, printed as nothing, A, B or C.
  package let profileSpace: UInt8
  package let isHighTier: Bool
  package let profile: UInt8
  package let compatibilityFlags: UInt32
  /// Six bytes, most significant first.
  package let constraintFlags: Bytes
  package let level: UInt8
  package let bitDepth: UInt8
  /// Bytes of the length before each NAL unit: 1, 2 or 4.
  package let nalLengthSize: Int

  package init(_ box: Box) throws(CMAFError) {
    var fields = FieldReader(box)
    let version = try fields.u8("configurationVersion")
    guard version == 1 else { throw fields.invalid("configurationVersion", version) }
    let general = try fields.u8("general_profile")
    profileSpace = general >> 6
    isHighTier = general & 0x20 != 0
    profile = general & 0x1F
    compatibilityFlags = try fields.u32("general_profile_compatibility_flags")
    constraintFlags = try fields.bytes(6, "general_constraint_indicator_flags")
    level = try fields.u8("general_level_idc")
    try fields.skip(4, "segmentation, parallelism and chroma")
    bitDepth = (try fields.u8("bitDepthLumaMinus8") & 7) + 8
    try fields.skip(3, "bit depth and frame rate")
    nalLengthSize = Int(try fields.u8("lengthSizeMinusOne") & 3) + 1
    guard nalLengthSize != 3 else { throw fields.invalid("lengthSizeMinusOne", 2) }
  }

  /// ISO/IEC 14496-15 §E.3, trailing zero bytes of the constraints left out.
  package func codecString(_ entry: FourCC) -> String {
    var reversed: UInt32 = 0
    for bit in 0..<32 as Range<UInt32> { reversed |= (compatibilityFlags >> bit & 1) << (31 - bit) }
    var text = "\(entry)." + ["", "A", "B", "C"][Int(profileSpace)] + "\(profile)"
    text += "." + String(reversed, radix: 16, uppercase: true)
    text += (isHighTier ? ".H" : ".L") + "\(level)"
    let significant = constraintFlags.slice.lastIndex { $0 != 0 }.map {
      constraintFlags.slice[...$0]
    }
    for byte in significant ?? [] { text += "." + String(byte, radix: 16, uppercase: true) }
    return text
  }
}
