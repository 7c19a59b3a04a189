import CMAF
import Wire

/// Makes headers and chunks of ordered objects with a frame each.
struct FrameRemuxer: Sendable {
  enum Output {
    case header(Bytes)
    case chunk(group: UInt64, object: UInt64, Bytes)
    case dropped(RemuxObject, RemuxDrop)
    case warning(String)
  }

  private var reader: FrameReader
  private var maker: any SampleMaker
  private var format: TrackFormat?
  private var timing: Timing?
  private var video: VideoTimeline?
  private var group: UInt64?
  /// Pictures are dropped until decoding can start.
  private var needsSync = true
  /// The group whose rest can't be decoded.
  private var brokenGroup: UInt64?
  /// Where what has come of the group ends, in ticks.
  private var expected: (group: UInt64, ticks: Int64)?
  /// What a frame lasts, in ticks.
  private var frameLength: Int64 = 0

  /// When an object is presented; nil when that can't be told of it alone.
  func time(of object: RemuxObject) -> MediaTime? {
    var reader = reader
    guard case .frame(let frame)? = try? reader.read(object), !reader.isUntimed else { return nil }
    return frame.presentation
  }

  init(_ reader: FrameReader) {
    self.reader = reader
    let source = reader.source
    maker =
      switch reader.codec {
      case .h264: NALSampleMaker(codec: .h264, configuration: source.configuration)
      case .hevc: NALSampleMaker(codec: .hevc, configuration: source.configuration)
      case .av1: AV1SampleMaker(configuration: source.configuration)
      case .vp9: VP9SampleMaker(codec: source.codec)
      case .aac: AACSampleMaker(source)
      default: PacketSampleMaker(codec: reader.codec, source: source)
      }
  }

  /// Whether an object's time is where the last one's ended, to half a frame.
  func continues(_ object: RemuxObject) -> Bool {
    var reader = reader
    guard let expected, let timing, case .frame(let frame)? = try? reader.read(object),
      let ticks = timing.ticks(frame.presentation)
    else { return false }
    return abs(ticks - expected.ticks) * 2 <= frameLength
  }

  /// Takes the next object.
  mutating func take(_ object: RemuxObject, isAfterHole: Bool, into output: inout [Output]) {
    if reader.codec.isVideo {
      if isAfterHole {
        flush(end: nil, into: &output)
        if group == object.group { brokenGroup = group }
        needsSync = true
      }
      if group != object.group { flush(end: nil, into: &output) }
      group = object.group
      guard brokenGroup != object.group else {
        output.append(.dropped(object, .undecodable))
        return
      }
    } else if isAfterHole {
      expected = nil
    }
    do throws(RemuxDrop) {
      switch try reader.read(object) {
      case .nothing: break
      case .end(let time): flush(end: timing?.ticks(time), into: &output)
      case .frame(let frame): try take(frame, of: object, into: &output)
      }
    } catch {
      output.append(.dropped(object, error))
      guard reader.codec.isVideo, error != .unconfigured, !needsSync else { return }
      flush(end: nil, into: &output)
      brokenGroup = object.group
      needsSync = true
    }
  }

  /// Gives out what waited for more of the group.
  mutating func endGroup(into output: inout [Output], group: UInt64) {
    if group == self.group { flush(end: nil, into: &output) }
  }

  private mutating func take(
    _ frame: Frame,
    of object: RemuxObject,
    into output: inout [Output]
  ) throws(RemuxDrop) {
    let samples = try maker.samples(of: frame.payload, configuration: frame.configuration)
    guard let first = samples.first else { return }
    if needsSync, reader.codec.isVideo {
      guard first.isSync else { throw .undecodable }
      needsSync = false
    }
    if let new = maker.format, new != format {
      flush(end: nil, into: &output)
      let timing = Timing(reader.source, format: new, sender: frame.presentation.timescale)
      format = new
      self.timing = timing
      expected = nil
      if reader.codec.isVideo { video = VideoTimeline(timing: timing, depth: new.reorderDepth) }
      output.append(
        .header(new.header(timescale: timing.timescale, language: reader.source.language))
      )
    }
    guard let timing, let ticks = timing.ticks(frame.presentation) else { throw .time }
    if reader.codec.isVideo {
      try takePicture(first, frame, ticks, of: object, into: &output)
    } else {
      takeSound(samples, ticks, of: object, into: &output)
    }
  }

  private mutating func takePicture(
    _ sample: CodedSample,
    _ frame: Frame,
    _ ticks: Int64,
    of object: RemuxObject,
    into output: inout [Output]
  ) throws(RemuxDrop) {
    guard let timing, video != nil else { return }
    var picture = VideoTimeline.Picture(
      object: object.object,
      sample: sample,
      presentation: ticks
    )
    if let decode = frame.decode {
      guard let told = timing.ticks(decode) else { throw .time }
      picture.decode = told
      picture.end = frame.decodeEnd.flatMap { timing.ticks($0) }
    }
    let pictures = video?.append(picture) ?? []
    let end = video?.end
    expected = end.map { (object.group, $0.ticks) }
    frameLength = end?.length ?? 0
    for picture in pictures { write(picture, into: &output) }
  }

  private mutating func takeSound(
    _ samples: [CodedSample],
    _ ticks: Int64,
    of object: RemuxObject,
    into output: inout [Output]
  ) {
    frameLength = Int64(samples[0].duration)
    var start = ticks
    // Within a group frames follow each other; what timestamps say less exactly does not count.
    if let expected, expected.group == object.group, abs(ticks - expected.ticks) * 2 <= frameLength
    {
      start = expected.ticks
    }
    expected = (object.group, start + samples.reduce(0) { $0 + Int64($1.duration) })
    let written = samples.map {
      ChunkWriter.Sample(data: $0.data, duration: UInt32(clamping: $0.duration))
    }
    output.append(
      .chunk(
        group: object.group,
        object: object.object,
        chunk(written, at: start)
      )
    )
  }

  private func chunk(_ samples: [ChunkWriter.Sample], at decodeTime: Int64) -> Bytes {
    let header = MovieFragmentHeader(decodeTime: decodeTime, timescale: timing?.timescale ?? 1)
    return ChunkWriter(trackID: 1, sequenceNumber: header.sequenceNumber)
      .chunk(samples, decodeTime: decodeTime)
  }

  private mutating func flush(end: Int64?, into output: inout [Output]) {
    guard video != nil else { return }
    if video?.looksLikeDecodeTimes == true {
      output.append(
        .warning(
          "its parameter sets announce reordered pictures, but its timestamps ascend steadily: "
            + "they look like decode times"
        )
      )
    }
    for picture in video?.flush(end: end) ?? [] { write(picture, into: &output) }
  }

  private func write(_ picture: VideoTimeline.Picture, into output: inout [Output]) {
    guard let group, let decode = picture.decode else { return }
    // Offsets are bounded by the times' own bounds only; players take 32 bits.
    let offset = Int32(clamping: picture.presentation - decode)
    let sample = ChunkWriter.Sample(
      data: picture.sample.data,
      duration: UInt32(clamping: picture.duration),
      flags: picture.sample.isSync ? .sync : .nonSync,
      compositionOffset: offset
    )
    output.append(
      .chunk(
        group: group,
        object: picture.object,
        chunk([sample], at: decode)
      )
    )
  }
}
