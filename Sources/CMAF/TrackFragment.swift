import Wire

/// One sample of a chunk.
package struct Sample: Sendable, Hashable {
  /// In ticks of the track's timescale.
  package let decodeTime: Int64
  package let duration: UInt32
  package let flags: SampleFlags
  /// From decode to presentation, in ticks; may be negative.
  package let compositionOffset: Int64
  /// Where the sample is in the chunk's payload.
  package let range: Range<Int>
}

/// The samples of a chunk in decode order, read from the fragment as they are asked for.
package struct Samples: Sendable, Hashable, Sequence {
  let fragment: TrackFragment
  let defaults: TrackExtends
  /// From the fragment's base to the first byte of the `mdat` payload.
  let payloadOffset: Int
  /// Where in the payload a first run without an offset begins.
  var start = 0

  package func makeIterator() -> Iterator { Iterator(self) }

  package struct Iterator: IteratorProtocol {
    private let samples: Samples
    private var run = 0
    private var index = 0
    private var decodeTime: Int64
    private var position: Int

    init(_ samples: Samples) {
      self.samples = samples
      position = samples.start
      decodeTime = samples.fragment.decodeTime.baseMediaDecodeTime
    }

    package mutating func next() -> Sample? {
      let runs = samples.fragment.runs
      while run < runs.count, index == runs[run].sampleCount {
        run += 1
        index = 0
      }
      guard run < runs.count else { return nil }
      if index == 0, let offset = runs[run].dataOffset {
        position = Int(offset) - samples.payloadOffset
      }
      let entry = runs[run].entry(at: index)
      let header = samples.fragment.header
      let size = Int(entry.size ?? header.sampleSize ?? samples.defaults.sampleSize)
      let duration = entry.duration ?? header.sampleDuration ?? samples.defaults.sampleDuration
      let sample = Sample(
        decodeTime: decodeTime,
        duration: duration,
        flags: entry.flags ?? header.sampleFlags ?? samples.defaults.sampleFlags,
        compositionOffset: entry.compositionOffset,
        range: position..<position + size
      )
      decodeTime += Int64(duration)
      position += size
      index += 1
      return sample
    }
  }
}

/// A `traf` box read, its samples still packed.
///
/// ISO/IEC 14496-12 §8.8.6.
struct TrackFragment: Sendable, Hashable {
  let header: TrackFragmentHeader
  let decodeTime: TrackFragmentDecodeTime
  let runs: [TrackRun]

  init(_ box: Box) throws(CMAFError) {
    var header: TrackFragmentHeader?
    var decodeTime: TrackFragmentDecodeTime?
    var runs: [TrackRun] = []
    var sampleCount = 0
    var content = try box.content()
    while let child = try content.next() {
      switch child.type {
      case .tfhd: header = try TrackFragmentHeader(child)
      case .tfdt: decodeTime = try TrackFragmentDecodeTime(child)
      case .trun:
        let run = try TrackRun(child)
        runs.append(run)
        sampleCount += run.sampleCount
      default: break
      }
    }
    guard let header else { throw .missing(box: "tfhd", parent: "traf") }
    guard let decodeTime else { throw .missing(box: "tfdt", parent: "traf") }
    guard sampleCount > 0 else {
      throw .invalid(box: "traf", field: "sample count", value: "0", offset: box.offset)
    }
    guard sampleCount <= Int(TrackRun.maximumSamples) else {
      throw .limit(
        box: "traf",
        field: "sample count",
        value: UInt64(sampleCount),
        limit: UInt64(TrackRun.maximumSamples)
      )
    }
    self.header = header
    self.decodeTime = decodeTime
    self.runs = runs
  }

  /// Whether offsets can be read without the file the fragment came from.
  var isSelfContained: Bool {
    header.baseDataOffset == nil && header.isDefaultBaseMoof && runs[0].dataOffset != nil
  }
}
