import CMAF
import Wire

/// The codecs that can be made into CMAF tracks.
enum MediaCodec: Sendable {
  case h264, hevc, av1, vp9
  case aac, opus, flac, dolbyDigital, mpegAudio

  /// Reads an RFC 6381 or WebCodecs text, in any case; nil for what is not supported.
  init?(_ text: String) {
    let name = text.lowercased()
    if name.hasPrefix("mp4a.6b") || name.hasPrefix("mp4a.69") || name == "mp3" || name == "mp2" {
      self = .mpegAudio
      return
    }
    let prefixes: [(String, MediaCodec)] = [
      ("avc1", .h264), ("avc3", .h264), ("h264", .h264), ("hvc1", .hevc), ("hev1", .hevc),
      ("hevc", .hevc), ("av01", .av1), ("av1", .av1), ("vp09", .vp9), ("vp9", .vp9),
      ("mp4a", .aac), ("aac", .aac), ("opus", .opus), ("flac", .flac), ("ac-3", .dolbyDigital),
      ("ac3", .dolbyDigital), ("ec-3", .dolbyDigital), ("eac3", .dolbyDigital),
    ]
    guard let found = prefixes.first(where: { name.hasPrefix($0.0) })?.1 else { return nil }
    self = found
  }

  var isVideo: Bool {
    switch self {
    case .h264, .hevc, .av1, .vp9: true
    case .aac, .opus, .flac, .dolbyDigital, .mpegAudio: false
    }
  }

  /// Whether ``isPlausible(_:)`` hardly ever holds for other bytes.
  var isUnmistakable: Bool { self != .aac && self != .opus }

  /// Whether bytes can be a frame of this codec.
  func isPlausible(_ frame: Bytes) -> Bool {
    switch self {
    case .h264, .hevc: NALUnits.split(frame) != nil
    case .av1: AV1SampleMaker.units(of: frame) != nil
    case .vp9: !frame.isEmpty && frame[0] >> 6 == 2
    case .aac: frame.count > 1
    case .opus: OpusPacket.duration(frame) != nil
    case .flac: FLACFrame.duration(frame) != nil
    case .dolbyDigital: DolbyDigitalFrame(frame) != nil
    case .mpegAudio: MPEGAudioHeader(frame) != nil
    }
  }
}

/// A sample as its codec gives it, before it has a place in time.
struct CodedSample: Sendable, Hashable {
  var data: Bytes
  var isSync: Bool
  /// In samples of sound; 0 for pictures.
  var duration: Int
}

/// What a header needs beside a timescale.
struct TrackFormat: Sendable, Hashable {
  var format: FourCC
  var media: HeaderWriter.Media
  var configurationType: FourCC
  var configuration: Bytes
  /// How many pictures may come before one that is shown before them; nil when it is not known.
  var reorderDepth: Int? = 0
  var frameRate: FrameRateHint?

  /// The header of a track of this format.
  func header(timescale: UInt32, language: String?) -> Bytes {
    var writer = HeaderWriter(
      timescale: timescale,
      format: format,
      media: media,
      configurationType: configurationType,
      configuration: configuration
    )
    if let language { writer.language = language }
    return writer.header()
  }
}

/// Makes samples for MP4 of the frames of one codec.
protocol SampleMaker: Sendable {
  /// What the samples made last need to be decoded; nil before it is known.
  var format: TrackFormat? { get }

  /// Makes samples of one payload; empty when it holds only what does not belong into samples.
  ///
  /// `configuration` is a record that came with the object.
  mutating func samples(
    of payload: Bytes,
    configuration: Bytes?
  ) throws(RemuxDrop) -> [CodedSample]
}
