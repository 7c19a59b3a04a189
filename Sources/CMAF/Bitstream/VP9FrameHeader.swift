package import Wire

/// The uncompressed header of a VP9 key frame.
///
/// VP9 Bitstream & Decoding Process Specification §6.2.
package struct VP9FrameHeader: Sendable, Hashable {
  package let profile: UInt8
  package let bitDepth: UInt8
  /// 1 for 4:2:0 with samples where luma has them, 2 for 4:2:2, 3 for 4:4:4.
  package let chromaSubsampling: UInt8
  /// Nil when the frame does not say.
  package let colour: Colour?
  package let width: Int
  package let height: Int

  /// Reads a frame or superframe; nil when it does not begin with a key frame.
  package init?(_ frame: Bytes) {
    guard let header = try? VP9FrameHeader(reading: frame) else { return nil }
    self = header
  }

  private init(reading frame: Bytes) throws(DecodeError) {
    var bits = BitReader(frame)
    guard try bits.read(2) == 2 else { throw .invalid("frame_marker") }
    let low = try bits.read(1)
    profile = UInt8(low | (try bits.read(1)) << 1)
    if profile == 3 { try bits.skip(1) }
    guard try !bits.flag(), try !bits.flag() else { throw .invalid("not a key frame") }
    try bits.skip(2)
    guard try bits.read(24) == 0x49_83_42 else { throw .invalid("frame_sync_code") }
    bitDepth = profile < 2 ? 8 : try bits.flag() ? 12 : 10
    let space = Int(try bits.read(3))
    let isOdd = profile & 1 == 1
    var isFullRange = true
    if space == 7 {
      chromaSubsampling = 3
      if isOdd { try bits.skip(1) }
    } else {
      isFullRange = try bits.flag()
      if isOdd {
        let (x, y) = (try bits.flag(), try bits.flag())
        try bits.skip(1)
        chromaSubsampling = x ? (y ? 1 : 2) : 3
      } else {
        chromaSubsampling = 1
      }
    }
    // Code points of H.273 for each color_space.
    let points: [(Int, Int, Int)?] = [
      nil, (5, 6, 6), (1, 1, 1), (6, 6, 6), (7, 7, 7), (9, 14, 9), nil, (1, 13, 0),
    ]
    colour = points[space].map { point in
      Colour(
        primaries: UInt16(point.0),
        transfer: UInt16(point.1),
        matrix: UInt16(point.2),
        isFullRange: isFullRange
      )
    }
    width = Int(try bits.read(16)) + 1
    height = Int(try bits.read(16)) + 1
  }

  /// The body of a vpcC box, version and flags included.
  ///
  /// VP Codec ISO Media File Format Binding §"VP Codec Configuration Box". `codec` is the RFC 6381
  /// text when there is one; what it says in the long form comes first.
  package func record(codec: String?) -> Bytes {
    let fields = (codec ?? "").split(separator: ".").dropFirst().map { UInt8($0) }
    func field(_ index: Int) -> UInt8? { index < fields.count ? fields[index] : nil }
    let colour = colour ?? Colour(primaries: 2, transfer: 2, matrix: 2, isFullRange: false)
    var writer = ByteWriter()
    writer.write(UInt32(0x0100_0000))
    writer.write(profile)
    writer.write(field(1) ?? VP9FrameHeader.level(width: width, height: height))
    let chroma = chromaSubsampling == 1 ? (field(3) ?? 1) & 1 : chromaSubsampling
    let isFull = field(7).map { $0 == 1 } ?? colour.isFullRange
    writer.write(bitDepth << 4 | chroma << 1 | (isFull ? 1 : 0))
    writer.write(field(4) ?? UInt8(truncatingIfNeeded: colour.primaries))
    writer.write(field(5) ?? UInt8(truncatingIfNeeded: colour.transfer))
    writer.write(field(6) ?? UInt8(truncatingIfNeeded: colour.matrix))
    writer.write(0 as UInt16)
    return writer.bytes
  }

  /// The lowest level that allows a picture of this size, at the rate of that level.
  private static func level(width: Int, height: Int) -> UInt8 {
    let sizes: [(Int, UInt8)] = [
      (36_864, 10), (73_728, 11), (122_880, 20), (245_760, 21), (552_960, 30), (983_040, 31),
      (2_228_224, 40), (8_912_896, 50), (35_651_584, 60),
    ]
    return sizes.first { width * height <= $0.0 }?.1 ?? 62
  }
}
