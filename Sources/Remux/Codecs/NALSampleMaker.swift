import CMAF
import Wire

/// Makes samples of H.264 and HEVC: lengths of four bytes, parameter sets in the header alone.
struct NALSampleMaker: SampleMaker {
  private let codec: ParameterSets.Codec
  private(set) var format: TrackFormat?
  /// The sets of the catalog or of the last record that came with an object.
  private var outOfBand: ParameterSets
  /// Sets in frames before a key frame that has none of its own.
  private var loose: ParameterSets
  private var active: ParameterSets?
  private var lengthSize = 4

  init(codec: ParameterSets.Codec, configuration: Bytes?) {
    self.codec = codec
    outOfBand = ParameterSets(codec: codec)
    loose = ParameterSets(codec: codec)
    if let configuration { take(configuration) }
  }

  private mutating func take(_ record: Bytes) {
    var size = 4
    guard let sets = ParameterSets(codec: codec, record: record, lengthSize: &size) else { return }
    lengthSize = size
    // Records without sets go with sets in frames.
    if !sets.isEmpty { outOfBand = sets }
  }

  mutating func samples(
    of payload: Bytes,
    configuration: Bytes?
  ) throws(RemuxDrop) -> [CodedSample] {
    if let configuration { take(configuration) }
    let sizes = [lengthSize] + [4, 2, 1].filter { $0 != lengthSize }
    guard let units = NALUnits.split(payload, lengthSizes: sizes) else {
      throw .malformed("neither start codes nor lengths delimit its NAL units")
    }
    var inBand = ParameterSets(codec: codec)
    var kept: [Bytes] = []
    var isSync: Bool?
    var isRecoveryPoint = false
    for unit in units where !inBand.insert(unit) && !isLeftOut(unit) {
      kept.append(unit)
      if codec == .h264, RecoveryPoint.isImmediate(unit) { isRecoveryPoint = true }
      isSync = isSync ?? self.isSync(unit, isRecoveryPoint: isRecoveryPoint)
    }
    guard let isSync else {
      loose.merge(inBand)
      return []
    }
    if isSync {
      try activate(inBand)
    } else {
      loose.merge(inBand)
    }
    guard format != nil else { throw .unconfigured }
    return [CodedSample(data: NALUnits.join(kept), isSync: isSync, duration: 0)]
  }

  /// Decides which sets a key frame needs: its own, else those before it, else the catalog's.
  private mutating func activate(_ inBand: ParameterSets) throws(RemuxDrop) {
    var sets = inBand
    if !sets.isComplete {
      sets = outOfBand
      sets.merge(loose)
      sets.merge(inBand)
    }
    loose = ParameterSets(codec: codec)
    guard sets != active || format == nil else { return }
    guard let record = sets.record else {
      if format == nil { throw .unconfigured }
      return
    }
    active = sets
    switch codec {
    case .h264: if let parameters = sets.h264 { format = Self.format(parameters, record) }
    case .hevc: if let parameters = sets.hevc { format = Self.format(parameters, record) }
    }
  }

  private static func format(_ parameters: H264SequenceParameters, _ record: Bytes) -> TrackFormat {
    TrackFormat(
      format: "avc1",
      media: .video(
        VideoFormat(
          width: parameters.width,
          height: parameters.height,
          pixelAspectRatio: parameters.pixelAspectRatio,
          colour: parameters.colour,
          nalLengthSize: 4
        )
      ),
      configurationType: "avcC",
      configuration: record,
      reorderDepth: parameters.reorderDepth,
      frameRate: parameters.frameRate
    )
  }

  private static func format(_ parameters: HEVCSequenceParameters, _ record: Bytes) -> TrackFormat {
    TrackFormat(
      format: "hvc1",
      media: .video(
        VideoFormat(
          width: parameters.width,
          height: parameters.height,
          pixelAspectRatio: parameters.pixelAspectRatio,
          colour: parameters.colour,
          nalLengthSize: 4
        )
      ),
      configurationType: "hvcC",
      configuration: record,
      reorderDepth: parameters.reorderDepth,
      frameRate: parameters.frameRate
    )
  }

  /// Delimiters, ends of sequence and stream, and filler: the container says or does that.
  private func isLeftOut(_ unit: Bytes) -> Bool {
    switch codec {
    case .h264: [9, 10, 11, 12].contains(unit[0] & 0x1F)
    case .hevc: (35...38).contains(unit[0] >> 1 & 0x3F)
    }
  }

  /// Whether a unit is of a picture that decoding can start at; nil when it is of no picture.
  private func isSync(_ unit: Bytes, isRecoveryPoint: Bool) -> Bool? {
    switch codec {
    case .h264:
      let type = unit[0] & 0x1F
      return (1...5).contains(type) ? type == 5 || isRecoveryPoint : nil
    case .hevc:
      let type = unit[0] >> 1 & 0x3F
      return type < 32 ? (16...23).contains(type) : nil
    }
  }
}
