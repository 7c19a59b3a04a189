import Wire

/// H.264 decoder configuration.
///
/// ISO/IEC 14496-15 §5.3.3.1.
package struct AVCConfiguration: Sendable, Hashable {
  package let profile: UInt8
  package let compatibility: UInt8
  package let level: UInt8
  /// Bytes of the length before each NAL unit: 1, 2 or 4.
  package let nalLengthSize: Int

  package init(_ box: Box) throws(CMAFError) {
    var fields = FieldReader(box)
    let version = try fields.u8("configurationVersion")
    guard version == 1 else { throw fields.invalid("configurationVersion", version) }
    profile = try fields.u8("AVCProfileIndication")
    compatibility = try fields.u8("profile_compatibility")
    level = try fields.u8("AVCLevelIndication")
    nalLengthSize = Int(try fields.u8("lengthSizeMinusOne") & 3) + 1
    guard nalLengthSize != 3 else { throw fields.invalid("lengthSizeMinusOne", 2) }
  }

  /// RFC 6381 §3.3: the entry and three bytes in hexadecimal.
  package func codecString(_ entry: FourCC) -> String {
    "\(entry)." + hex([profile, compatibility, level])
  }
}
