/// FLAC decoder configuration, from its STREAMINFO.
///
/// Encapsulation of FLAC in ISO Base Media File Format §3.3.2; RFC 9639 §8.2.
package struct FLACConfiguration: Sendable, Hashable {
  package let sampleRate: UInt32
  package let channels: Int

  package init(_ box: Box) throws(CMAFError) {
    var fields = FieldReader(box)
    _ = try fields.versionAndFlags()
    let type = try fields.u8("BlockType") & 0x7F
    guard type == 0 else { throw fields.invalid("BlockType", type) }
    try fields.skip(3 + 10, "block and frame sizes")
    let packed = try fields.u32("sample rate, channels and bits")
    sampleRate = packed >> 12
    channels = Int(packed >> 9 & 7) + 1
  }
}
