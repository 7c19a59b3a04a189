import Wire

/// VP8 or VP9 decoder configuration.
///
/// VP Codec ISO Media File Format Binding.
package struct VPConfiguration: Sendable, Hashable {
  package let profile: UInt8
  package let level: UInt8
  package let bitDepth: UInt8
  package let chromaSubsampling: UInt8
  package let colour: Colour

  package init(_ box: Box) throws(CMAFError) {
    var fields = FieldReader(box)
    _ = try fields.versionAndFlags()
    profile = try fields.u8("profile")
    level = try fields.u8("level")
    let packed = try fields.u8("bitDepth and chromaSubsampling")
    bitDepth = packed >> 4
    chromaSubsampling = packed >> 1 & 7
    colour = Colour(
      primaries: UInt16(try fields.u8("colourPrimaries")),
      transfer: UInt16(try fields.u8("transferCharacteristics")),
      matrix: UInt16(try fields.u8("matrixCoefficients")),
      isFullRange: packed & 1 != 0
    )
  }

  /// The long form only when it says something that is not the default.
  ///
  /// Encoders that don't know their level write 0, which no player accepts; 1.0 is said then.
  package func codecString(_ entry: FourCC) -> String {
    func two(_ value: some BinaryInteger) -> String { value < 10 ? "0\(value)" : "\(value)" }
    var text = "\(entry)." + two(profile) + "." + two(level == 0 ? 10 : level)
    text += "." + two(bitDepth)
    if chromaSubsampling > 1 || !colour.isDefault {
      text += "." + two(chromaSubsampling) + "." + two(colour.primaries)
      text += "." + two(colour.transfer) + "." + two(colour.matrix)
      text += colour.isFullRange ? ".01" : ".00"
    }
    return text
  }
}
