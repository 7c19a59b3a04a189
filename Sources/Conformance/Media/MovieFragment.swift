internal import Wire

/// A `moof`.
///
/// ISO/IEC 14496-12 §8.8.
struct MovieFragment: Sendable, Hashable {
  /// Samples read from one fragment; a peer that claims more is refused.
  static let maximumSamples = 100_000

  /// One for each `mfhd`, of which there should be one.
  let sequenceNumbers: [UInt32]
  let trackFragments: [TrackFragment]

  private init(_ sequenceNumbers: [UInt32], _ trackFragments: [TrackFragment]) {
    self.sequenceNumbers = sequenceNumbers
    self.trackFragments = trackFragments
  }

  /// What of it concerns one track.
  func only(_ trackID: UInt32) -> MovieFragment {
    MovieFragment(sequenceNumbers, trackFragments.filter { $0.trackID == trackID })
  }

  /// Reads `moof`; `defaults` stand in where `tfhd` and `trun` are silent.
  init(_ box: Box, defaults: TrackDefaults?) throws(DecodeError) {
    let children = try box.children()
    var sequenceNumbers: [UInt32] = []
    var trackFragments: [TrackFragment] = []
    var room = MovieFragment.maximumSamples
    for child in children {
      switch child.type {
      case "mfhd":
        sequenceNumbers.append(
          try child.read { reader throws(DecodeError) in
            try reader.skip(4)
            return try reader.readUInt32()
          }
        )
      case "traf":
        let fragment = try TrackFragment(child, defaults: defaults, maximumSamples: room)
        room -= fragment.samples.count
        trackFragments.append(fragment)
      default: break
      }
    }
    self.sequenceNumbers = sequenceNumbers
    self.trackFragments = trackFragments
  }
}

/// One sample as its fragment describes it.
struct Sample: Sendable, Hashable {
  /// In ticks.
  let duration: UInt32
  /// In bytes.
  let size: UInt32
  let flags: UInt32
  /// What presentation is later than decoding, in ticks.
  let compositionOffset: Int64

  /// Whether decoding may begin with it.
  ///
  /// ISO/IEC 14496-12 §8.8.3.1.
  var isSync: Bool { flags & 0x0001_0000 == 0 }
}

/// A `traf`.
///
/// ISO/IEC 14496-12 §8.8.6–8.8.12.
struct TrackFragment: Sendable, Hashable {
  /// A `tfdt`.
  struct DecodeTime: Sendable, Hashable {
    let version: UInt8
    /// In ticks; below 2^62, so that sums of durations can be added.
    let ticks: Int64
  }

  /// A `trun`.
  struct Run: Sendable, Hashable {
    /// From the fragment's base; nil when the run follows the one before.
    let dataOffset: Int32?
    let samples: [Sample]

    /// In bytes.
    var size: Int { samples.reduce(0) { $0 + Int($1.size) } }
  }

  let trackID: UInt32
  let hasBaseDataOffset: Bool
  let isDefaultBaseMoof: Bool
  /// One for each `tfdt`, of which there should be one.
  let decodeTimes: [DecodeTime]
  let runs: [Run]

  var samples: [Sample] { runs.count == 1 ? runs[0].samples : runs.flatMap(\.samples) }

  /// Reads `traf`.
  init(_ box: Box, defaults: TrackDefaults?, maximumSamples: Int) throws(DecodeError) {
    let children = try box.children()
    guard let headerBox = children["tfhd"] else { throw .invalid("traf without tfhd") }
    let header = try Header(headerBox, defaults: defaults)
    var decodeTimes: [DecodeTime] = []
    var runs: [Run] = []
    var room = maximumSamples
    for child in children {
      switch child.type {
      case "tfdt": decodeTimes.append(try TrackFragment.readDecodeTime(child))
      case "trun":
        let run = try TrackFragment.readRun(child, header, maximumSamples: room)
        room -= run.samples.count
        runs.append(run)
      default: break
      }
    }
    trackID = header.trackID
    hasBaseDataOffset = header.hasBaseDataOffset
    isDefaultBaseMoof = header.isDefaultBaseMoof
    self.decodeTimes = decodeTimes
    self.runs = runs
  }

  /// A `tfhd`, completed by `trex`.
  private struct Header {
    let trackID: UInt32
    let hasBaseDataOffset: Bool
    let isDefaultBaseMoof: Bool
    let defaults: TrackDefaults

    init(_ box: Box, defaults: TrackDefaults?) throws(DecodeError) {
      var reader = ByteReader(box.payload)
      do throws(DecodeError) {
        let (_, flags) = try reader.readFullBoxHeader()
        trackID = try reader.readUInt32()
        hasBaseDataOffset = flags & 1 != 0
        isDefaultBaseMoof = flags & 0x02_0000 != 0
        if hasBaseDataOffset { try reader.skip(8) }
        if flags & 2 != 0 { try reader.skip(4) }
        self.defaults = TrackDefaults(
          trackID: trackID,
          duration: flags & 8 != 0 ? try reader.readUInt32() : defaults?.duration ?? 0,
          size: flags & 0x10 != 0 ? try reader.readUInt32() : defaults?.size ?? 0,
          flags: flags & 0x20 != 0 ? try reader.readUInt32() : defaults?.flags ?? 0
        )
      } catch { throw box.fault(error) }
    }
  }

  private static func readDecodeTime(_ box: Box) throws(DecodeError) -> DecodeTime {
    try box.read { reader throws(DecodeError) in
      let (version, _) = try reader.readFullBoxHeader()
      let time = version == 1 ? try reader.readUInt64() : UInt64(try reader.readUInt32())
      guard time < 1 << 62 else { throw .invalid("decode time \(time) is past 2^62") }
      return DecodeTime(version: version, ticks: Int64(time))
    }
  }

  private static func readRun(
    _ box: Box,
    _ header: Header,
    maximumSamples: Int
  ) throws(DecodeError) -> Run {
    try box.read { reader throws(DecodeError) in
      let (version, flags) = try reader.readFullBoxHeader()
      let count = Int(try reader.readUInt32())
      guard count <= maximumSamples else {
        throw .invalid("\(count) samples, more than \(maximumSamples)")
      }
      let dataOffset = flags & 1 != 0 ? Int32(bitPattern: try reader.readUInt32()) : nil
      let firstFlags = flags & 4 != 0 ? try reader.readUInt32() : nil
      var samples: [Sample] = []
      samples.reserveCapacity(count)
      for index in 0..<count {
        let duration = flags & 0x100 != 0 ? try reader.readUInt32() : header.defaults.duration
        let size = flags & 0x200 != 0 ? try reader.readUInt32() : header.defaults.size
        var sampleFlags = header.defaults.flags
        if flags & 0x400 != 0 { sampleFlags = try reader.readUInt32() }
        if index == 0, let firstFlags { sampleFlags = firstFlags }
        var offset: Int64 = 0
        if flags & 0x800 != 0 {
          let bits = try reader.readUInt32()
          offset = version == 0 ? Int64(bits) : Int64(Int32(bitPattern: bits))
        }
        samples.append(
          Sample(duration: duration, size: size, flags: sampleFlags, compositionOffset: offset)
        )
      }
      return Run(dataOffset: dataOffset, samples: samples)
    }
  }
}
