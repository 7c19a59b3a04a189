package import Wire

/// Writes `moof` and `mdat` for samples of one track; the same samples give the same bytes.
package struct ChunkWriter: Sendable {
  /// A sample to be written.
  package struct Sample: Sendable, Hashable {
    package var data: Bytes
    /// In ticks of the track's timescale.
    package var duration: UInt32
    package var flags: SampleFlags
    /// From decode to presentation, in ticks.
    package var compositionOffset: Int32

    package init(
      data: Bytes,
      duration: UInt32,
      flags: SampleFlags = .sync,
      compositionOffset: Int32 = 0
    ) {
      self.data = data
      self.duration = duration
      self.flags = flags
      self.compositionOffset = compositionOffset
    }
  }

  package var trackID: UInt32
  package var sequenceNumber: UInt32
  /// Written in front as `styp` when set.
  package var segmentType: FileType?
  /// Written in front as `prft` when set.
  package var producerReferenceTime: ProducerReferenceTime?

  package init(
    trackID: UInt32,
    sequenceNumber: UInt32,
    segmentType: FileType? = nil,
    producerReferenceTime: ProducerReferenceTime? = nil
  ) {
    self.trackID = trackID
    self.sequenceNumber = sequenceNumber
    self.segmentType = segmentType
    self.producerReferenceTime = producerReferenceTime
  }

  /// One chunk of at least one sample, beginning at a decode time.
  package func chunk(_ samples: [Sample], decodeTime: Int64) -> Bytes {
    var writer = ByteWriter(reserving: 256 + samples.reduce(0) { $0 + $1.data.count + 16 })
    write(samples, decodeTime: decodeTime, to: &writer)
    return writer.bytes
  }

  func write(_ samples: [Sample], decodeTime: Int64, to writer: inout ByteWriter) {
    precondition(!samples.isEmpty, "a chunk has samples")
    segmentType?.write(to: &writer, as: "styp")
    producerReferenceTime?.write(to: &writer)
    // What all samples share goes into the header once; the first sample's flags often differ.
    let first = samples[0]
    let others = samples.count > 1 ? samples[1] : first
    let sharesDuration = samples.allSatisfy { $0.duration == first.duration }
    let sharesSize = samples.allSatisfy { $0.data.count == first.data.count }
    let sharesFlags = samples.dropFirst().allSatisfy { $0.flags == others.flags }
    let hasOffsets = samples.contains { $0.compositionOffset != 0 }
    var flags = TrackRun.Flag.dataOffset
    if sharesFlags, first.flags != others.flags { flags |= TrackRun.Flag.firstSampleFlags }
    if !sharesDuration { flags |= TrackRun.Flag.duration }
    if !sharesSize { flags |= TrackRun.Flag.size }
    if !sharesFlags { flags |= TrackRun.Flag.flags }
    if hasOffsets { flags |= TrackRun.Flag.compositionOffset }
    let header = TrackFragmentHeader(
      trackID: trackID,
      sampleDuration: sharesDuration ? first.duration : nil,
      sampleSize: sharesSize ? UInt32(first.data.count) : nil,
      sampleFlags: sharesFlags ? others.flags : nil
    )

    let start = writer.count
    var offsetPosition = 0
    writer.box("moof") { moof in
      MovieFragmentHeader(sequenceNumber: sequenceNumber).write(to: &moof)
      moof.box("traf") { traf in
        header.write(to: &traf)
        TrackFragmentDecodeTime(baseMediaDecodeTime: decodeTime).write(to: &traf)
        traf.fullBox("trun", version: 1, flags: flags) { run in
          run.write(UInt32(samples.count))
          offsetPosition = run.count
          run.write(UInt32(0))  // The data offset is known once the moof is whole.
          if flags & TrackRun.Flag.firstSampleFlags != 0 { run.write(first.flags.rawValue) }
          for sample in samples {
            if !sharesDuration { run.write(sample.duration) }
            if !sharesSize { run.write(UInt32(sample.data.count)) }
            if !sharesFlags { run.write(sample.flags.rawValue) }
            if hasOffsets { run.write(sample.compositionOffset) }
          }
        }
      }
    }
    writer.overwrite(UInt32(writer.count - start + 8), at: offsetPosition)
    writer.box("mdat") { mdat in
      for sample in samples { mdat.write(sample.data) }
    }
  }
}
