import Wire

/// Turns a fragment of several tracks, which CMAF does not allow, into one chunk for each.
enum FragmentSplitter {
  /// Leading boxes go to the first chunk, except producer times, which go to their track's.
  static func split(
    leading: [Box],
    movieFragment: Box,
    fragments: [Box],
    media: Box,
    header: CMAFHeader
  ) throws(CMAFError) -> [CMAFChunk] {
    let number = try MovieFragmentHeader(movieFragment.required("mfhd")).sequenceNumber
    let payloadStart = movieFragment.bytes.count + media.headerCount
    var chunks: [CMAFChunk] = []
    /// Where the data of the fragment before ends, from the start of the `moof`.
    var end = payloadStart
    for (index, box) in fragments.enumerated() {
      let fragment = try TrackFragment(box)
      let trackID = fragment.header.trackID
      guard let track = header.track(trackID) else {
        throw .invalid(box: "tfhd", field: "track_ID", value: "\(trackID)", offset: box.offset)
      }
      guard fragment.header.baseDataOffset == nil else {
        throw .invalid(
          box: "tfhd",
          field: "base_data_offset",
          value: "of several tracks",
          offset: box.offset
        )
      }
      guard track.sampleEntry.protectionScheme == nil else {
        throw .invalid(
          box: "traf",
          field: "encryption",
          value: "of several tracks",
          offset: box.offset
        )
      }
      // Without default-base-is-moof, a later fragment's offsets count from the end of the one before
      // (ISO/IEC 14496-12 §8.8.7.1).
      let base = index == 0 || fragment.header.isDefaultBaseMoof ? 0 : end
      let samples = Samples(
        fragment: fragment,
        defaults: track.defaults ?? TrackExtends(trackID: trackID),
        payloadOffset: payloadStart - base,
        start: end - payloadStart
      )
      var written: [ChunkWriter.Sample] = []
      for sample in samples {
        guard sample.range.lowerBound >= 0, sample.range.upperBound <= media.body.count else {
          throw .invalid(
            box: "trun",
            field: "sample \(written.count) range",
            value: "\(sample.range)",
            offset: box.offset
          )
        }
        end = payloadStart + sample.range.upperBound
        written.append(
          ChunkWriter.Sample(
            data: media.body[sample.range],
            duration: sample.duration,
            flags: sample.flags,
            compositionOffset: Int32(truncatingIfNeeded: sample.compositionOffset)
          )
        )
      }
      var writer = ByteWriter(reserving: media.bytes.count)
      for other in leading {
        let isMine =
          other.type == "prft"
          ? try ProducerReferenceTime(other).trackID == trackID : index == 0
        if isMine { writer.write(other.bytes) }
      }
      ChunkWriter(trackID: trackID, sequenceNumber: number).write(
        written,
        decodeTime: fragment.decodeTime.baseMediaDecodeTime,
        to: &writer
      )
      chunks.append(try CMAFChunk(writer.bytes, offset: movieFragment.offset, header: header))
    }
    return chunks
  }
}
