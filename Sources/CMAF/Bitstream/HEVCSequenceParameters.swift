package import Wire

/// What an HEVC sequence parameter set says.
///
/// ITU-T H.265 §7.3.2.2.
package struct HEVCSequenceParameters: Sendable, Hashable {
  package let identifier: UInt32
  /// Profile space, tier and profile; compatibility flags; constraint flags; level: 12 bytes.
  package let profileTierLevel: Bytes
  package let temporalLayers: UInt8
  package let isTemporalIDNested: Bool
  /// 0 monochrome, 1 4:2:0, 2 4:2:2, 3 4:4:4.
  package let chromaFormat: UInt8
  package let lumaBitDepth: UInt8
  package let chromaBitDepth: UInt8
  /// In pixels, inside the conformance window.
  package let width: Int
  package let height: Int
  package let pixelAspectRatio: PixelAspectRatio
  /// Nil when the set describes none.
  package let colour: Colour?
  /// How many pictures may come before one that is shown before them.
  package let reorderDepth: Int
  package let frameRate: FrameRateHint?

  /// Reads a NAL unit of type 33 with its header; nil when it is broken.
  package init?(_ unit: Bytes) {
    guard unit.count > 2, unit[0] >> 1 & 0x3F == 33,
      let value = try? HEVCSequenceParameters(reading: NALUnits.payload(unit, headerCount: 2))
    else { return nil }
    self = value
  }

  private init(reading payload: Bytes) throws(DecodeError) {
    var bits = BitReader(payload)
    try bits.skip(4)
    let subLayers = try bits.read(3)
    temporalLayers = UInt8(subLayers + 1)
    isTemporalIDNested = try bits.flag()
    guard payload.count >= 13 else { throw .truncated }
    profileTierLevel = payload[1..<13]
    try bits.skip(96)
    try HEVCSequenceParameters.skipSubLayerLevels(&bits, subLayers)
    identifier = try bits.exponentialGolomb()
    guard identifier < 16 else { throw .invalid("sps_seq_parameter_set_id \(identifier)") }
    let format = try bits.exponentialGolomb()
    guard format < 4 else { throw .invalid("chroma_format_idc \(format)") }
    chromaFormat = UInt8(format)
    let isSeparate = format == 3 ? try bits.flag() : false
    let codedWidth = try bits.exponentialGolomb()
    let codedHeight = try bits.exponentialGolomb()
    guard codedWidth < 1 << 16, codedHeight < 1 << 16 else { throw .invalid("picture size") }
    var window: [Int] = [0, 0, 0, 0]
    if try bits.flag() {
      for index in 0..<4 { window[index] = Int(try bits.exponentialGolomb()) }
    }
    let unitX = !isSeparate && (format == 1 || format == 2) ? 2 : 1
    let unitY = !isSeparate && format == 1 ? 2 : 1
    width = Int(codedWidth) - (window[0] + window[1]) * unitX
    height = Int(codedHeight) - (window[2] + window[3]) * unitY
    guard width > 0, height > 0 else { throw .invalid("conformance window") }
    let depths = (try bits.exponentialGolomb(), try bits.exponentialGolomb())
    guard depths.0 <= 8, depths.1 <= 8 else { throw .invalid("bit depth") }
    lumaBitDepth = UInt8(depths.0 + 8)
    chromaBitDepth = UInt8(depths.1 + 8)
    let orderBits = try bits.exponentialGolomb()
    guard orderBits <= 12 else { throw .invalid("log2_max_pic_order_cnt_lsb_minus4") }
    let first = try bits.flag() ? 0 : subLayers
    var depth: UInt32 = 0
    for _ in first...subLayers {
      _ = try bits.exponentialGolomb()
      depth = try bits.exponentialGolomb()
      _ = try bits.exponentialGolomb()
    }
    guard depth <= 16 else { throw .invalid("sps_max_num_reorder_pics \(depth)") }
    reorderDepth = Int(depth)
    let usability = try? HEVCSequenceParameters.readUsability(
      &bits,
      orderBits: Int(orderBits) + 4
    )
    pixelAspectRatio =
      usability?.0.pixelAspectRatio ?? PixelAspectRatio(horizontal: 1, vertical: 1)
    colour = usability?.0.colour
    frameRate = usability?.1
  }

  private static func skipSubLayerLevels(
    _ bits: inout BitReader,
    _ count: UInt32
  ) throws(DecodeError) {
    guard count > 0 else { return }
    var present: [(Bool, Bool)] = []
    for _ in 0..<count { present.append((try bits.flag(), try bits.flag())) }
    for _ in count..<8 { try bits.skip(2) }
    for (hasProfile, hasLevel) in present {
      if hasProfile { try bits.skip(88) }
      if hasLevel { try bits.skip(8) }
    }
  }

  /// Reads past what lies between the reorder depth and the usability information; nil without one.
  private static func readUsability(
    _ bits: inout BitReader,
    orderBits: Int
  ) throws(DecodeError) -> (VideoUsability, FrameRateHint?)? {
    for _ in 0..<6 { _ = try bits.exponentialGolomb() }  // block sizes and depths
    if try bits.flag(), try bits.flag() { try skipScaling(&bits) }
    try bits.skip(2)
    if try bits.flag() {  // raw samples
      try bits.skip(8)
      _ = try bits.exponentialGolomb()
      _ = try bits.exponentialGolomb()
      try bits.skip(1)
    }
    try skipReferenceSets(&bits)
    if try bits.flag() {
      let count = try bits.exponentialGolomb()
      guard count <= 32 else { throw .invalid("num_long_term_ref_pics_sps \(count)") }
      try bits.skip(Int(count) * (orderBits + 1))
    }
    try bits.skip(2)
    guard try bits.flag() else { return nil }
    let usability = try VideoUsability(&bits)
    try bits.skip(3)
    if try bits.flag() {  // default display window
      for _ in 0..<4 { _ = try bits.exponentialGolomb() }
    }
    guard try bits.flag() else { return (usability, nil) }
    let units = try bits.read(32)
    let scale = try bits.read(32)
    return (usability, FrameRateHint(numerator: scale, denominator: units, ticks: 1))
  }

  private static func skipScaling(_ bits: inout BitReader) throws(DecodeError) {
    for size in 0..<4 {
      for _ in stride(from: 0, to: 6, by: size == 3 ? 3 : 1) {
        guard try bits.flag() else {
          _ = try bits.exponentialGolomb()
          continue
        }
        if size > 1 { _ = try bits.signedExponentialGolomb() }
        for _ in 0..<min(64, 1 << (4 + size << 1)) { _ = try bits.signedExponentialGolomb() }
      }
    }
  }

  private static func skipReferenceSets(_ bits: inout BitReader) throws(DecodeError) {
    let sets = try bits.exponentialGolomb()
    guard sets <= 64 else { throw .invalid("num_short_term_ref_pic_sets \(sets)") }
    var previous = 0
    for index in 0..<sets {
      if index > 0, try bits.flag() {
        try bits.skip(1)
        _ = try bits.exponentialGolomb()
        var count = 0
        for _ in 0...previous {
          let isUsed = try bits.flag()
          let isKept = isUsed ? true : try bits.flag()
          if isKept { count += 1 }
        }
        previous = count
      } else {
        let before = try bits.exponentialGolomb()
        let after = try bits.exponentialGolomb()
        guard before <= 16, after <= 16 else { throw .invalid("reference pictures") }
        for _ in 0..<before + after {
          _ = try bits.exponentialGolomb()
          try bits.skip(1)
        }
        previous = Int(before + after)
      }
    }
  }
}
