internal import Wire

/// The bytes of a media segment or part, taken apart into chunks.
///
/// ISO/IEC 23000-19 §7.3.3.
struct MediaSegment: Sendable, Hashable {
  /// Samples of all chunks together; a peer that claims more is refused.
  static let maximumSamples = 1_000_000

  /// Types of all boxes at the top, in their order.
  let topLevelTypes: [String]
  /// The brands of `styp`, the major one first; empty without it.
  let brands: [String]
  let chunks: [MediaChunk]
  /// What is wrong with the order of the boxes, in words.
  let faults: [String]

  /// Takes apart a whole segment or part.
  ///
  /// Throws when boxes don't add up to `bytes` or a fragment can't be read; what is merely out of place
  /// is in `faults`.
  init(_ bytes: Bytes, defaults: TrackDefaults?) throws(DecodeError) {
    self = try MediaSegment(Box.walk(bytes), defaults: defaults)
  }

  private init(_ boxes: [Box], defaults: TrackDefaults?) throws(DecodeError) {
    var chunks: [MediaChunk] = []
    var faults: [String] = []
    var pending = MediaChunk.Preamble()
    var fragment: (box: Box, value: MovieFragment)?
    var brands: [String] = []
    var sampleCount = 0
    for (index, box) in boxes.enumerated() {
      if let open = fragment, box.type != "mdat" {
        faults.append("\(box.type) follows the moof at \(open.box.offset), not mdat")
        fragment = nil
      }
      switch box.type {
      case "styp":
        if index > 0 { faults.append("styp at offset \(box.offset), not at the start") }
        if brands.isEmpty { brands = try InitHeader.readBrands(box) }
      case "prft": pending.producerTimes.append(try ProducerTime(box))
      case "emsg": pending.events.append(try EventMessage(box))
      case "sidx":
        if !chunks.isEmpty { faults.append("sidx at offset \(box.offset), between chunks") }
      case "moof":
        let value = try MovieFragment(box, defaults: defaults)
        sampleCount += value.trackFragments.reduce(0) { $0 + $1.samples.count }
        guard sampleCount <= MediaSegment.maximumSamples else {
          throw .invalid("more than \(MediaSegment.maximumSamples) samples")
        }
        fragment = (box, value)
      case "mdat":
        guard let open = fragment else {
          faults.append("mdat at offset \(box.offset) without a moof before it")
          continue
        }
        chunks.append(
          MediaChunk(preamble: pending, moof: open.box, fragment: open.value, mdat: box)
        )
        pending = MediaChunk.Preamble()
        fragment = nil
      default: faults.append("\(box.type) at offset \(box.offset) among the chunks")
      }
    }
    if let fragment { faults.append("the moof at \(fragment.box.offset) has no mdat") }
    if !pending.isEmpty { faults.append("prft or emsg after the last chunk") }
    if chunks.isEmpty { faults.append("there is no chunk") }
    topLevelTypes = boxes.map(\.type)
    self.brands = brands
    self.chunks = chunks
    self.faults = faults
  }

  private init(_ whole: MediaSegment, chunks: [MediaChunk]) {
    topLevelTypes = whole.topLevelTypes
    brands = whole.brands
    faults = whole.faults
    self.chunks = chunks
  }

  /// One track of several that are together in each chunk; chunks without it are left out.
  func only(_ trackID: UInt32) -> MediaSegment {
    let own = chunks.compactMap { chunk in
      let fragment = chunk.fragment.only(trackID)
      return fragment.trackFragments.isEmpty
        ? nil
        : MediaChunk(
          preamble: chunk.preamble,
          moof: chunk.moof,
          fragment: fragment,
          mdat: chunk.mdat
        )
    }
    return MediaSegment(self, chunks: own)
  }

  /// The first chunk's decode time in ticks; nil when it has none.
  var start: Int64? { chunks.first?.start }

  /// The sum of all sample durations in ticks.
  var duration: Int64 { chunks.reduce(0) { $0 + $1.duration } }

  /// The earliest presentation of all samples in ticks, before any edit list; nil without samples.
  var earliestPresentation: Int64? { chunks.compactMap(\.earliestPresentation).min() }

  /// Whether its first sample is one that decoding may begin with; nil without samples.
  var startsWithSync: Bool? { chunks.first?.samples.first?.isSync }

  /// The offsets where chunks end in a segment that may not be whole yet, in growing order.
  static func chunkEnds(in bytes: Bytes) -> [Int] {
    Box.walkPrefix(bytes).boxes.filter { $0.type == "mdat" }.map(\.end)
  }
}

/// One `moof` with its `mdat` and what stands before them.
struct MediaChunk: Sendable, Hashable {
  /// What may stand before a `moof`.
  struct Preamble: Sendable, Hashable {
    var producerTimes: [ProducerTime] = []
    var events: [EventMessage] = []

    var isEmpty: Bool { producerTimes.isEmpty && events.isEmpty }
  }

  let preamble: Preamble
  let moof: Box
  let fragment: MovieFragment
  let mdat: Box

  /// The samples of all track fragments, of which there should be one.
  var samples: [Sample] {
    let fragments = fragment.trackFragments
    return fragments.count == 1 ? fragments[0].samples : fragments.flatMap(\.samples)
  }

  /// The first decode time in ticks; nil without one.
  var start: Int64? { fragment.trackFragments.first?.decodeTimes.first?.ticks }

  /// The sum of the sample durations in ticks.
  var duration: Int64 { samples.reduce(0) { $0 + Int64($1.duration) } }

  /// In ticks, before any edit list; nil without samples or a decode time.
  var earliestPresentation: Int64? {
    guard var time = start else { return nil }
    var earliest: Int64?
    for sample in samples {
      earliest = min(earliest ?? .max, time + sample.compositionOffset)
      time += Int64(sample.duration)
    }
    return earliest
  }

  /// Each sample with its bytes, as far as the runs lie inside the `mdat`; empty when one does not.
  var sampleData: [(sample: Sample, bytes: Bytes)] {
    var data: [(Sample, Bytes)] = []
    for fragment in fragment.trackFragments where !fragment.hasBaseDataOffset {
      var position = mdat.payloadOffset
      for run in fragment.runs {
        if let offset = run.dataOffset { position = moof.offset + Int(offset) }
        guard position >= mdat.payloadOffset, position + run.size <= mdat.end else { return [] }
        for sample in run.samples {
          let start = position - mdat.payloadOffset
          data.append((sample, mdat.payload[start..<start + Int(sample.size)]))
          position += Int(sample.size)
        }
      }
    }
    return data
  }
}
