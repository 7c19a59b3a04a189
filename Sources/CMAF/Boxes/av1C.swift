import Wire

/// AV1 decoder configuration.
///
/// AV1 Codec ISO Media File Format Binding §2.3.
package struct AV1Configuration: Sendable, Hashable {
  package let profile: UInt8
  package let level: UInt8
  package let isHighTier: Bool
  package let bitDepth: UInt8
  package let isMonochrome: Bool
  package let isSubsampledX: Bool
  package let isSubsampledY: Bool
  package let chromaSamplePosition: UInt8
  /// What the sequence header says of colour; nil when it says nothing or is not there.
  package let colour: Colour?

  package init(_ box: Box) throws(CMAFError) {
    var fields = FieldReader(box)
    let marker = try fields.u8("marker and version")
    guard marker == 0x81 else { throw fields.invalid("marker and version", marker) }
    let first = try fields.u8("seq_profile and seq_level_idx_0")
    profile = first >> 5
    level = first & 0x1F
    let second = try fields.u8("seq_tier_0 and format")
    isHighTier = second & 0x80 != 0
    bitDepth = second & 0x40 == 0 ? 8 : second & 0x20 == 0 ? 10 : 12
    isMonochrome = second & 0x10 != 0
    isSubsampledX = second & 8 != 0
    isSubsampledY = second & 4 != 0
    chromaSamplePosition = second & 3
    try fields.skip(1, "initial_presentation_delay")
    colour = AV1SequenceHeader(openBitstreamUnits: fields.rest())?.colour
  }

  /// The binding's §5: the long form only when it says something that is not the default.
  package func codecString(_ entry: FourCC, colour boxColour: Colour?) -> String {
    func two(_ value: some BinaryInteger) -> String { value < 10 ? "0\(value)" : "\(value)" }
    var text = "\(entry).\(profile)." + two(level) + (isHighTier ? "H." : "M.") + two(bitDepth)
    let colour = boxColour ?? colour ?? .default
    let chroma = "\(isSubsampledX ? 1 : 0)\(isSubsampledY ? 1 : 0)\(chromaSamplePosition)"
    if isMonochrome || chroma != "110" || !colour.isDefault {
      text += ".\(isMonochrome ? 1 : 0).\(chroma)"
      text += "." + two(colour.primaries) + "." + two(colour.transfer)
      text += "." + two(colour.matrix) + ".\(colour.isFullRange ? 1 : 0)"
    }
    return text
  }
}
