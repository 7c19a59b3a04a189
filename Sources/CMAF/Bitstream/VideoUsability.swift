import Wire

/// What the usability information of an H.264 or HEVC parameter set says of shape, colour and rate.
///
/// ITU-T H.264 §E.1.1 and H.265 §E.2.1, which begin alike.
struct VideoUsability {
  private(set) var pixelAspectRatio = PixelAspectRatio(horizontal: 1, vertical: 1)
  /// Nil when no colour is described.
  private(set) var colour: Colour?

  init(_ bits: inout BitReader) throws(DecodeError) {
    if try bits.flag() {
      let index = Int(try bits.read(8))
      if index == 255 {
        let (horizontal, vertical) = (try bits.read(16), try bits.read(16))
        if horizontal > 0, vertical > 0 {
          pixelAspectRatio = PixelAspectRatio(horizontal: horizontal, vertical: vertical)
        }
      } else if index > 0, index < VideoUsability.ratios.count {
        let (horizontal, vertical) = VideoUsability.ratios[index]
        pixelAspectRatio = PixelAspectRatio(horizontal: horizontal, vertical: vertical)
      }
    }
    if try bits.flag() { try bits.skip(1) }  // overscan
    if try bits.flag() {
      try bits.skip(3)  // video format
      let isFullRange = try bits.flag()
      if try bits.flag() {
        colour = Colour(
          primaries: UInt16(try bits.read(8)),
          transfer: UInt16(try bits.read(8)),
          matrix: UInt16(try bits.read(8)),
          isFullRange: isFullRange
        )
      } else if isFullRange {
        colour = Colour(primaries: 2, transfer: 2, matrix: 2, isFullRange: true)
      }
    }
    if try bits.flag() {  // chroma location
      _ = try bits.exponentialGolomb()
      _ = try bits.exponentialGolomb()
    }
  }

  /// Table E-1, by aspect_ratio_idc.
  private static let ratios: [(UInt32, UInt32)] = [
    (1, 1), (1, 1), (12, 11), (10, 11), (16, 11), (40, 33), (24, 11), (20, 11), (32, 11), (80, 33),
    (18, 11), (15, 11), (64, 33), (160, 99), (4, 3), (3, 2), (2, 1),
  ]
}
