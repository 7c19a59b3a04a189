internal import Wire

/// How a track's samples are coded.
///
/// ISO/IEC 14496-12 §8.5.2, §12.
struct SampleEntry: Sendable, Hashable {
  /// How the bytes of a sample are divided.
  enum Framing: Sendable, Hashable {
    /// NAL units of AVC behind lengths of that many bytes.
    case avc(lengthBytes: Int)
    /// NAL units of HEVC behind lengths of that many bytes.
    case hevc(lengthBytes: Int)
    case av1
    case vp9
    /// Nothing that is looked into.
    case opaque
  }

  /// The type of the entry; the one under the protection when it is encrypted.
  let format: String
  let isEncrypted: Bool
  /// As RFC 6381 and the registrations of each codec spell it; nil when the entry lacks its
  /// configuration box.
  let codec: String?
  let framing: Framing
  /// In pixels; 0 for what isn't video.
  let width: Int
  let height: Int
  /// 0 for what isn't audio.
  let channels: Int
  let sampleRate: Int
  /// Whether parameter sets, for codecs that have them, are in the entry.
  let hasParameterSets: Bool

  /// Reads one entry of `stsd`.
  init(_ box: Box, kind: HeaderTrack.Kind) throws(DecodeError) {
    let fields = try SampleEntry.readFields(box, kind: kind)
    width = fields.width
    height = fields.height
    channels = fields.channels
    sampleRate = fields.sampleRate
    let children = fields.children
    let protection = try children["sinf"]?.children()["frma"]
    isEncrypted = protection != nil || box.type == "encv" || box.type == "enca"
    let original = protection.flatMap { $0.payload.count >= 4 ? $0.payload.prefix(4) : nil }
    format = original.map(String.init(fourCharacters:)) ?? box.type
    let configuration = try CodecConfiguration(format: format, children)
    codec = configuration.codec
    framing = isEncrypted ? .opaque : configuration.framing
    hasParameterSets = configuration.hasParameterSets
  }

  private struct Fields {
    var width = 0
    var height = 0
    var channels = 0
    var sampleRate = 0
    var children: [Box]
  }

  private static func readFields(
    _ box: Box,
    kind: HeaderTrack.Kind
  ) throws(DecodeError) -> Fields {
    switch kind {
    case .video:
      let (width, height) = try box.read { reader throws(DecodeError) in
        try reader.skip(24)
        return (Int(try reader.readUInt16()), Int(try reader.readUInt16()))
      }
      return Fields(width: width, height: height, children: try box.children(skipping: 78))
    case .audio:
      let (channels, rate) = try box.read { reader throws(DecodeError) in
        try reader.skip(16)
        let channels = Int(try reader.readUInt16())
        try reader.skip(6)
        return (channels, Int(try reader.readUInt32() >> 16))
      }
      return Fields(
        channels: channels,
        sampleRate: rate,
        children: try box.children(skipping: 28)
      )
    case .other:
      // Text entries have strings of their own in front; nothing behind them is needed.
      return Fields(children: [])
    }
  }
}
