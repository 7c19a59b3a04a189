package import Wire

/// What an H.264 sequence parameter set says.
///
/// ITU-T H.264 §7.3.2.1.1.
package struct H264SequenceParameters: Sendable, Hashable {
  package let identifier: UInt32
  package let profile: UInt8
  package let compatibility: UInt8
  package let level: UInt8
  /// 0 monochrome, 1 4:2:0, 2 4:2:2, 3 4:4:4.
  package let chromaFormat: UInt8
  package let lumaBitDepth: UInt8
  package let chromaBitDepth: UInt8
  /// In pixels, after cropping.
  package let width: Int
  package let height: Int
  package let pixelAspectRatio: PixelAspectRatio
  /// Nil when the set describes none.
  package let colour: Colour?
  /// How many pictures may come before one that is shown before them; nil when the set does not say.
  package let reorderDepth: Int?
  /// Pictures per second; nil when the set does not say.
  package let frameRate: FrameRateHint?

  /// Reads a NAL unit of type 7 with its header; nil when it is broken.
  package init?(_ unit: Bytes) {
    guard !unit.isEmpty, unit[0] & 0x1F == 7,
      let value = try? H264SequenceParameters(reading: NALUnits.payload(unit, headerCount: 1))
    else { return nil }
    self = value
  }

  private init(reading payload: Bytes) throws(DecodeError) {
    var bits = BitReader(payload)
    profile = UInt8(try bits.read(8))
    compatibility = UInt8(try bits.read(8))
    level = UInt8(try bits.read(8))
    identifier = try bits.exponentialGolomb()
    guard identifier < 32 else { throw .invalid("seq_parameter_set_id \(identifier)") }
    var format: UInt32 = 1
    var isSeparate = false
    var depths: (UInt32, UInt32) = (0, 0)
    if H264SequenceParameters.highProfiles.contains(profile) {
      format = try bits.exponentialGolomb()
      guard format < 4 else { throw .invalid("chroma_format_idc \(format)") }
      if format == 3 { isSeparate = try bits.flag() }
      depths = (try bits.exponentialGolomb(), try bits.exponentialGolomb())
      guard depths.0 < 7, depths.1 < 7 else { throw .invalid("bit depth") }
      try bits.skip(1)
      if try bits.flag() { try H264SequenceParameters.skipScaling(&bits, format == 3 ? 12 : 8) }
    }
    chromaFormat = UInt8(format)
    lumaBitDepth = UInt8(depths.0 + 8)
    chromaBitDepth = UInt8(depths.1 + 8)
    let orderType = try H264SequenceParameters.readOrder(&bits)
    _ = try bits.exponentialGolomb()  // reference frames
    try bits.skip(1)
    let widthInBlocks = try bits.exponentialGolomb()
    let heightInUnits = try bits.exponentialGolomb()
    guard widthInBlocks < 4096, heightInUnits < 4096 else { throw .invalid("picture size") }
    let isFrameOnly = try bits.flag()
    if !isFrameOnly { try bits.skip(1) }
    try bits.skip(1)
    var crops: [Int] = [0, 0, 0, 0]
    if try bits.flag() {
      for index in 0..<4 { crops[index] = Int(try bits.exponentialGolomb()) }
    }
    let fields = isFrameOnly ? 1 : 2
    let unitX = format == 0 || isSeparate ? 1 : format == 3 ? 1 : 2
    let unitY = (format == 1 && !isSeparate ? 2 : 1) * fields
    width = (Int(widthInBlocks) + 1) * 16 - (crops[0] + crops[1]) * unitX
    height = (Int(heightInUnits) + 1) * 16 * fields - (crops[2] + crops[3]) * unitY
    guard width > 0, height > 0 else { throw .invalid("cropping") }
    // Without reordering by syntax or profile; otherwise the usability information may say.
    let cannotReorder =
      profile == 66 || orderType == 2
      || compatibility & 0x10 != 0 && [44, 86, 100, 110, 122, 244].contains(profile)
    guard try bits.flag() else {
      pixelAspectRatio = PixelAspectRatio(horizontal: 1, vertical: 1)
      colour = nil
      frameRate = nil
      reorderDepth = cannotReorder ? 0 : nil
      return
    }
    let usability = try VideoUsability(&bits)
    pixelAspectRatio = usability.pixelAspectRatio
    colour = usability.colour
    frameRate = try H264SequenceParameters.readTiming(&bits)
    let depth = try? H264SequenceParameters.readReorderDepth(&bits)
    reorderDepth = cannotReorder ? 0 : depth
  }

  private static func readOrder(_ bits: inout BitReader) throws(DecodeError) -> UInt32 {
    _ = try bits.exponentialGolomb()
    let type = try bits.exponentialGolomb()
    if type == 0 {
      _ = try bits.exponentialGolomb()
    } else if type == 1 {
      try bits.skip(1)
      _ = try bits.signedExponentialGolomb()
      _ = try bits.signedExponentialGolomb()
      let count = try bits.exponentialGolomb()
      guard count < 256 else { throw .invalid("reference frames in a cycle") }
      for _ in 0..<count { _ = try bits.signedExponentialGolomb() }
    }
    return type
  }

  private static func skipScaling(_ bits: inout BitReader, _ lists: Int) throws(DecodeError) {
    for list in 0..<lists where try bits.flag() {
      var (last, next): (Int32, Int32) = (8, 8)
      for _ in 0..<(list < 6 ? 16 : 64) {
        if next != 0 { next = (last &+ (try bits.signedExponentialGolomb())) & 0xFF }
        if next != 0 { last = next }
      }
    }
  }

  /// Two ticks make a frame; that the rate is not said to be fixed does not make it worse.
  private static func readTiming(_ bits: inout BitReader) throws(DecodeError) -> FrameRateHint? {
    guard try bits.flag() else { return nil }
    let units = try bits.read(32)
    let scale = try bits.read(32)
    try bits.skip(1)
    return FrameRateHint(numerator: scale, denominator: units, ticks: 2)
  }

  private static func readReorderDepth(_ bits: inout BitReader) throws(DecodeError) -> Int? {
    var hasBuffering = false
    for _ in 0..<2 where try bits.flag() {
      hasBuffering = true
      let count = try bits.exponentialGolomb()
      guard count < 32 else { throw .invalid("cpb_cnt_minus1 \(count)") }
      try bits.skip(8)
      for _ in 0...count {
        _ = try bits.exponentialGolomb()
        _ = try bits.exponentialGolomb()
        try bits.skip(1)
      }
      try bits.skip(20)
    }
    if hasBuffering { try bits.skip(1) }
    try bits.skip(1)
    guard try bits.flag() else { return nil }
    try bits.skip(1)
    for _ in 0..<4 { _ = try bits.exponentialGolomb() }
    let depth = try bits.exponentialGolomb()
    return depth <= 16 ? Int(depth) : nil
  }

  /// The profiles whose sets describe chroma.
  static let highProfiles: Set<UInt8> = [
    100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135,
  ]
}

/// Pictures per second as a parameter set gives them.
package struct FrameRateHint: Sendable, Hashable {
  package let numerator: UInt32
  package let denominator: UInt32

  /// Nil for rates that no video has.
  init?(numerator: UInt32, denominator: UInt32, ticks: UInt32) {
    let (denominator, overflow) = denominator.multipliedReportingOverflow(by: ticks)
    guard !overflow, denominator > 0, numerator / denominator < 1000, numerator > 0 else {
      return nil
    }
    self.numerator = numerator
    self.denominator = denominator
  }
}
