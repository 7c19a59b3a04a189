package import Wire

/// A CMAF chunk: one `moof` with its `mdat`, and the boxes that lead up to it.
///
/// ISO/IEC 23000-19 §7.3.2.3. The bytes are the publisher's; they differ from what came in only
/// where what came in was not CMAF (see ``parse(_:header:)``).
package struct CMAFChunk: Sendable, Hashable {
  /// Leading boxes, `moof` and `mdat`.
  package let bytes: Bytes
  package let trackID: UInt32
  package let sequenceNumber: UInt32
  /// The decode time of the first sample, in ticks of the track's timescale, 0…2^62.
  package let decodeTime: Int64
  /// The sum of the samples' durations, in ticks.
  package let duration: Int64
  /// At least 1.
  package let sampleCount: Int
  /// From the decode time to the earliest presentation time of the chunk, in ticks.
  package let earliestPresentationOffset: Int64
  /// Whether the first sample's flags say that it can be decoded alone.
  package let startsWithSync: Bool
  /// Whether any sample's flags say so.
  package let containsSync: Bool
  /// The chunk's own `prft`; nil when it has none.
  package let producerReferenceTime: ProducerReferenceTime?
  /// The content of the `mdat`.
  package let payload: Bytes
  /// In decode order.
  package let samples: Samples
  /// Where `moof` starts in ``bytes``.
  package let movieFragmentOffset: Int

  /// Where the first sample ends in ``bytes``: up to there is what shows it alone.
  package var firstSampleEnd: Int {
    let first = samples.first { _ in true }
    return bytes.count - payload.count + (first?.range.upperBound ?? 0)
  }

  /// The bytes of one of this chunk's samples.
  package func data(of sample: Sample) -> Bytes { payload[sample.range] }

  /// Reads chunk bytes that hold exactly one fragment of one track.
  init(_ bytes: Bytes, offset: Int, header: CMAFHeader) throws(CMAFError) {
    var reader = BoxReader(bytes, offset: offset)
    var leading: [Box] = []
    var movieFragment: Box?
    var media: Box?
    while let box = try reader.next() {
      switch box.type {
      case .moof: movieFragment = box
      case .mdat: media = box
      default: leading.append(box)
      }
    }
    guard let movieFragment else { throw .missing(box: .moof, parent: nil) }
    guard let media else { throw .missing(box: .mdat, parent: nil) }
    try self.init(
      bytes,
      offset: offset,
      leading: leading,
      MovieFragment(movieFragment),
      media,
      header: header
    )
  }

  /// Takes chunk bytes apart whose boxes are known: they begin at `offset`.
  private init(
    _ bytes: Bytes,
    offset: Int,
    leading: [Box],
    _ content: MovieFragment,
    _ media: Box,
    header: CMAFHeader
  ) throws(CMAFError) {
    let movieFragment = content.box
    var producerReferenceTime: ProducerReferenceTime?
    if let box = leading.first(where: { $0.type == .prft }) {
      producerReferenceTime = try ProducerReferenceTime(box)
    }
    guard let first = content.first else { throw .missing(box: .traf, parent: .moof) }
    let fragment = try TrackFragment(first)
    guard fragment.isSelfContained else {
      let rewritten = try MovieFragmentRewriter.rewrite(
        movieFragment,
        mdatHeaderCount: media.headerCount,
        decodeTime: fragment.decodeTime.baseMediaDecodeTime
      )
      let leading = bytes.prefix(movieFragment.offset - offset)
      let rebuilt = Bytes(leading.array + rewritten.array + media.bytes.array)
      self = try CMAFChunk(rebuilt, offset: offset, header: header)
      return
    }
    trackID = fragment.header.trackID
    guard let track = header.track(trackID) else {
      throw .invalid(
        box: "tfhd",
        field: "track_ID",
        value: "\(trackID)",
        offset: movieFragment.offset
      )
    }
    self.bytes = bytes
    self.producerReferenceTime = producerReferenceTime
    guard let number = content.header else { throw .missing(box: .mfhd, parent: .moof) }
    sequenceNumber = try MovieFragmentHeader(number).sequenceNumber
    decodeTime = fragment.decodeTime.baseMediaDecodeTime
    payload = media.body
    movieFragmentOffset = movieFragment.offset - offset
    samples = Samples(
      fragment: fragment,
      defaults: track.defaults ?? TrackExtends(trackID: trackID),
      payloadOffset: movieFragment.bytes.count + media.headerCount
    )

    var sampleCount = 0
    var end = decodeTime
    var earliest = Int64.max
    var startsWithSync = false
    var containsSync = false
    for sample in samples {
      guard sample.range.lowerBound >= 0, sample.range.upperBound <= payload.count else {
        throw .invalid(
          box: "trun",
          field: "sample \(sampleCount) range",
          value: "\(sample.range)",
          offset: movieFragment.offset
        )
      }
      earliest = min(earliest, sample.decodeTime - decodeTime + sample.compositionOffset)
      if sample.flags.isSync {
        containsSync = true
        if sampleCount == 0 { startsWithSync = true }
      }
      end = sample.decodeTime + Int64(sample.duration)
      sampleCount += 1
    }
    self.sampleCount = sampleCount
    duration = end - decodeTime
    earliestPresentationOffset = earliest
    self.startsWithSync = startsWithSync
    self.containsSync = containsSync
  }

  /// The event messages in front of the fragment, in order.
  package func events() throws(CMAFError) -> [EventMessage] {
    var reader = BoxReader(bytes)
    var events: [EventMessage] = []
    while let box = try reader.next() {
      if box.type == "emsg" { events.append(try EventMessage(box)) }
    }
    return events
  }
}

extension CMAFChunk {
  /// Reads the chunks of an object: `[styp|prft|emsg|free…]* (moof mdat)`, one or more times.
  ///
  /// Leading boxes belong to the chunk they precede. Boxes that would be false in a stream (`sidx`,
  /// `ssix`, `mfra`) are left out, and offsets that count from a file's start are replaced, which
  /// rebuilds that chunk; a fragment of several tracks becomes a chunk for each. All other chunks
  /// share the object's storage, byte for byte. An object that stops inside a box throws
  /// ``CMAFError/truncated(box:field:offset:)``: see ``ChunkAssembler``.
  package static func parse(
    _ object: Bytes,
    header: CMAFHeader
  ) throws(CMAFError) -> [CMAFChunk] {
    var chunks: [CMAFChunk] = []
    var reader = BoxReader(object)
    var leading: [Box] = []
    var isContiguous = true
    while let box = try reader.next() {
      switch box.type {
      case .sidx, .ssix, .mfra: isContiguous = isContiguous && leading.isEmpty
      case .ftyp, .moov, .mdat:
        throw .invalid(box: box.type, field: "position", value: "here", offset: box.offset)
      case .moof:
        guard let media = try reader.next() else { throw .missing(box: .mdat, parent: nil) }
        guard media.type == .mdat else {
          throw .invalid(
            box: media.type,
            field: "position",
            value: "after moof",
            offset: media.offset
          )
        }
        let start = leading.first?.offset ?? box.offset
        let content = try MovieFragment(box)
        if content.fragmentCount > 1 {
          chunks += try FragmentSplitter.split(
            leading: leading,
            movieFragment: box,
            fragments: box.children().filter { $0.type == .traf },
            media: media,
            header: header
          )
        } else if isContiguous, !media.isOpen {
          chunks.append(
            try CMAFChunk(
              object[start..<media.offset + media.bytes.count],
              offset: start,
              leading: leading,
              content,
              media,
              header: header
            )
          )
        } else {
          let bytes = Bytes((leading + [box, media.closed]).flatMap(\.bytes.slice))
          chunks.append(try CMAFChunk(bytes, offset: start, header: header))
        }
        leading = []
        isContiguous = true
      default: leading.append(box)
      }
    }
    return chunks
  }
}
