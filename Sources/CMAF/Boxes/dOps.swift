/// Opus decoder configuration.
///
/// Encapsulation of Opus in ISO Base Media File Format §4.3.2.
package struct OpusConfiguration: Sendable, Hashable {
  package let channels: Int
  /// Samples at 48 kHz that a decoder drops at the start.
  package let preSkip: UInt16

  package init(_ box: Box) throws(CMAFError) {
    var fields = FieldReader(box)
    let version = try fields.u8("Version")
    guard version == 0 else { throw fields.invalid("Version", version) }
    channels = Int(try fields.u8("OutputChannelCount"))
    preSkip = try fields.u16("PreSkip")
  }
}
