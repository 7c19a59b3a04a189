/// How colours are coded, in the code points of ITU-T H.273.
///
/// ISO/IEC 14496-12 §12.1.5.
package struct Colour: Sendable, Hashable {
  package let primaries: UInt16
  package let transfer: UInt16
  package let matrix: UInt16
  package let isFullRange: Bool

  package init(primaries: UInt16, transfer: UInt16, matrix: UInt16, isFullRange: Bool) {
    self.primaries = primaries
    self.transfer = transfer
    self.matrix = matrix
    self.isFullRange = isFullRange
  }

  /// Reads a `colr` box; nil when it holds an ICC profile.
  init?(_ box: Box) throws(CMAFError) {
    var fields = FieldReader(box)
    let type = try fields.fourCC("colour_type")
    guard type == "nclx" || type == "nclc" else { return nil }
    primaries = try fields.u16("colour_primaries")
    transfer = try fields.u16("transfer_characteristics")
    matrix = try fields.u16("matrix_coefficients")
    isFullRange = type == "nclx" ? try fields.u8("full_range_flag") & 0x80 != 0 : false
  }

  /// BT.709, limited range: what codec strings mean when they don't say.
  static let `default` = Colour(primaries: 1, transfer: 1, matrix: 1, isFullRange: false)

  /// Whether a codec string may leave it out; unspecified (2) says nothing either.
  var isDefault: Bool {
    [primaries, transfer, matrix].allSatisfy { $0 == 1 || $0 == 2 } && !isFullRange
  }

  /// The value of VIDEO-RANGE, rfc8216bis "EXT-X-STREAM-INF".
  package enum VideoRange: String, Sendable {
    case standard = "SDR"
    case hybridLogGamma = "HLG"
    case perceptualQuantizer = "PQ"
  }

  package var videoRange: VideoRange {
    switch transfer {
    case 16: .perceptualQuantizer
    case 18: .hybridLogGamma
    default: .standard
    }
  }
}
