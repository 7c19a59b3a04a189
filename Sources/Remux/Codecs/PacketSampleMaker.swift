import CMAF
import Wire

/// Makes samples of sound codecs whose packets are samples and tell how long they last.
struct PacketSampleMaker: SampleMaker {
  private let codec: MediaCodec
  private(set) var format: TrackFormat?

  /// `codec` is Opus, FLAC, AC-3 or E-AC-3, or MPEG audio.
  init(codec: MediaCodec, source: RemuxSource) {
    self.codec = codec
    switch codec {
    case .opus:
      format =
        source.configuration.flatMap(Self.opus)
        ?? OpusConfiguration.body(channels: source.channels ?? 2).map(Self.opusFormat)
    case .flac: format = source.configuration.flatMap(Self.flac)
    default: break
    }
  }

  mutating func samples(
    of payload: Bytes,
    configuration: Bytes?
  ) throws(RemuxDrop) -> [CodedSample] {
    let duration: Int?
    switch codec {
    case .opus:
      if let configuration, let described = Self.opus(configuration) { format = described }
      duration = OpusPacket.duration(payload)
    case .flac:
      if let configuration, let described = Self.flac(configuration) { format = described }
      duration = FLACFrame.duration(payload)
    case .dolbyDigital:
      let frame = DolbyDigitalFrame(payload)
      adopt(frame.map(Self.format))
      duration = frame?.duration
    default:
      let header = MPEGAudioHeader(payload)
      adopt(header.map(Self.format))
      duration = header?.samplesPerFrame
    }
    guard let duration, duration > 0 else { throw .malformed("it is no frame of its codec") }
    guard format != nil else { throw .unconfigured }
    return [CodedSample(data: payload, isSync: true, duration: duration)]
  }

  /// Takes the format that a frame tells, unless all that differs is what may from frame to frame: its
  /// length, and the bit rate that records name.
  private mutating func adopt(_ told: TrackFormat?) {
    guard let told, case .audio(let new) = told.media else { return }
    if let format, case .audio(let known) = format.media, told.format == format.format,
      new.channels == known.channels, new.sampleRate == known.sampleRate
    {
      return
    }
    format = told
  }

  private static func opus(_ head: Bytes) -> TrackFormat? {
    OpusConfiguration.body(identificationHeader: head).map(opusFormat)
  }

  private static func opusFormat(_ body: Bytes) -> TrackFormat {
    TrackFormat(
      format: "Opus",
      media: .audio(
        AudioFormat(channels: Int(body[1]), sampleRate: 48_000, samplesPerFrame: nil)
      ),
      configurationType: "dOps",
      configuration: body
    )
  }

  private static func flac(_ description: Bytes) -> TrackFormat? {
    guard let body = FLACConfiguration.body(streamInformation: description) else { return nil }
    let audio = FLACConfiguration.format(body: body)
    guard audio.sampleRate > 0 else { return nil }
    return TrackFormat(
      format: "fLaC",
      media: .audio(audio),
      configurationType: "dfLa",
      configuration: body
    )
  }

  private static func format(_ frame: DolbyDigitalFrame) -> TrackFormat {
    TrackFormat(
      format: frame.isEnhanced ? "ec-3" : "ac-3",
      media: .audio(
        AudioFormat(
          channels: frame.channels,
          sampleRate: frame.sampleRate,
          samplesPerFrame: frame.duration
        )
      ),
      configurationType: frame.isEnhanced ? "dec3" : "dac3",
      configuration: frame.record
    )
  }

  private static func format(_ header: MPEGAudioHeader) -> TrackFormat {
    TrackFormat(
      format: "mp4a",
      media: .audio(
        AudioFormat(
          channels: header.channels,
          sampleRate: header.sampleRate,
          samplesPerFrame: header.samplesPerFrame
        )
      ),
      configurationType: "esds",
      configuration: ElementaryStreamDescriptor.body(
        objectTypeIndication: header.objectTypeIndication,
        configuration: Bytes()
      )
    )
  }
}
