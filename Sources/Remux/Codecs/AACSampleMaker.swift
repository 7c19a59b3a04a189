import CMAF
import Wire

/// Makes samples of AAC: raw frames, or such with ADTS headers.
struct AACSampleMaker: SampleMaker {
  private(set) var format: TrackFormat?
  private var active: Bytes?
  private var audio: AudioSpecificConfig?
  private var samplesPerFrame = 1024

  /// The configuration is made of the catalog's numbers when there is none.
  init(_ source: RemuxSource) {
    if let configuration = source.configuration, activate(configuration) { return }
    guard let rate = source.sampleRate, let channels = source.channels,
      let synthesized = AudioSpecificConfig.synthesized(
        codec: source.codec ?? "mp4a.40.2",
        sampleRate: rate,
        channels: channels
      )
    else { return }
    _ = activate(synthesized)
  }

  mutating func samples(
    of payload: Bytes,
    configuration: Bytes?
  ) throws(RemuxDrop) -> [CodedSample] {
    if let configuration { _ = activate(configuration) }
    var samples: [CodedSample] = []
    var rest = payload
    while let header = ADTSHeader(rest), samples.count < 256 {
      if !(audio.map(header.agrees(with:)) ?? false) {
        guard samples.isEmpty else { throw .malformed("its ADTS frames are not of one kind") }
        _ = activate(header.configuration)
      }
      samples.append(sample(rest[header.headerCount..<header.frameCount]))
      rest = rest.suffix(from: header.frameCount)
    }
    if samples.isEmpty {
      samples = [sample(payload)]
    } else if !rest.isEmpty {
      throw .malformed("bytes follow its ADTS frames")
    }
    guard format != nil else { throw .unconfigured }
    return samples
  }

  private func sample(_ data: Bytes) -> CodedSample {
    CodedSample(data: data, isSync: true, duration: samplesPerFrame)
  }

  private mutating func activate(_ configuration: Bytes) -> Bool {
    if configuration == active { return true }
    guard configuration.count < 48, let audio = AudioSpecificConfig(configuration),
      audio.sampleRate > 0
    else { return false }
    active = configuration
    self.audio = audio
    let isSpectral = audio.objectType == 5 || audio.objectType == 29
    samplesPerFrame = (audio.isShortFrame ? 960 : 1024) * (isSpectral ? 2 : 1)
    let channels = audio.objectType == 29 && audio.channels == 1 ? 2 : audio.channels
    format = TrackFormat(
      format: "mp4a",
      media: .audio(
        AudioFormat(
          channels: channels == 0 ? 2 : channels,
          sampleRate: audio.sampleRate,
          samplesPerFrame: samplesPerFrame
        )
      ),
      configurationType: "esds",
      configuration: ElementaryStreamDescriptor.body(
        objectTypeIndication: 0x40,
        configuration: configuration
      )
    )
    return true
  }
}
