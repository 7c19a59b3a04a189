internal import Wire

/// One track of an init segment.
///
/// ISO/IEC 14496-12 §8.3–8.6.
struct HeaderTrack: Sendable, Hashable {
  /// Entries read of an edit list or a sample description.
  static let maximumEntries = 64

  /// What the handler says a track is.
  enum Kind: Sendable, Hashable {
    case video
    case audio
    /// Anything else, by its handler type.
    case other(String)
  }

  /// One entry of `elst`.
  struct Edit: Sendable, Hashable {
    /// In the movie's units.
    let duration: UInt64
    /// In the track's units; -1 for an empty edit.
    let mediaTime: Int64
  }

  let id: UInt32
  let kind: Kind
  /// Units per second; 0 is as the file has it.
  let timescale: UInt32
  /// Durations of `tkhd` and `mdhd`, 0 when open.
  let durations: [UInt64]
  /// Three letters of ISO 639-2.
  let language: String
  let sampleEntries: [SampleEntry]
  /// Samples that the sample tables themselves hold; 0 when all are in fragments.
  let tableSampleCount: UInt64
  let edits: [Edit]
  /// nil when `mvex` has no `trex` for it.
  let defaults: TrackDefaults?

  /// Reads `trak`; `defaults` by track id.
  init(_ box: Box, defaults: [UInt32: TrackDefaults]) throws(DecodeError) {
    let children = try box.children()
    guard let trackHeader = children["tkhd"], let media = children["mdia"] else {
      throw .invalid("trak without tkhd or mdia")
    }
    let (id, trackDuration) = try HeaderTrack.readTrackHeader(trackHeader)
    let mediaChildren = try media.children()
    guard let mediaHeader = mediaChildren["mdhd"], let handler = mediaChildren["hdlr"],
      let information = mediaChildren["minf"]
    else { throw .invalid("mdia without mdhd, hdlr or minf") }
    let (timescale, mediaDuration, language) = try HeaderTrack.readMediaHeader(mediaHeader)
    self.id = id
    self.timescale = timescale
    self.language = language
    durations = [trackDuration, mediaDuration]
    kind = try HeaderTrack.readHandler(handler)
    guard let tables = try information.children()["stbl"] else {
      throw .invalid("minf without stbl")
    }
    let tableChildren = try tables.children()
    guard let descriptions = tableChildren["stsd"] else { throw .invalid("stbl without stsd") }
    sampleEntries = try HeaderTrack.readSampleEntries(descriptions, kind: kind)
    tableSampleCount = try HeaderTrack.readSampleCount(tableChildren)
    edits = try children["edts"].map(HeaderTrack.readEdits) ?? []
    self.defaults = defaults[id]
  }

  /// What the edit list takes off composition times, in ticks; 0 without one.
  var editOffset: Int64 { edits.last { $0.mediaTime >= 0 }?.mediaTime ?? 0 }

  /// What segments are presented earlier than composed, in ticks.
  ///
  /// An edit list of audio hides the encoder's delay: it moves all segments alike against the video,
  /// and says nothing about where one ends and the next begins.
  var presentationOffset: Int64 { kind == .audio ? 0 : editOffset }

  private static func readTrackHeader(_ box: Box) throws(DecodeError) -> (UInt32, UInt64) {
    try box.read { reader throws(DecodeError) in
      let (version, _) = try reader.readFullBoxHeader()
      try reader.skip(version == 1 ? 16 : 8)
      let id = try reader.readUInt32()
      try reader.skip(4)
      return (id, version == 1 ? try reader.readUInt64() : UInt64(try reader.readUInt32()))
    }
  }

  private static func readMediaHeader(
    _ box: Box
  ) throws(DecodeError) -> (UInt32, UInt64, String) {
    try box.read { reader throws(DecodeError) in
      let (version, _) = try reader.readFullBoxHeader()
      try reader.skip(version == 1 ? 16 : 8)
      let timescale = try reader.readUInt32()
      let duration = version == 1 ? try reader.readUInt64() : UInt64(try reader.readUInt32())
      let packed = try reader.readUInt16()
      let letters = [10, 5, 0].map { shift in
        Unicode.Scalar(UInt8(packed >> UInt16(shift) & 0x1F) + 0x60)
      }
      return (timescale, duration, String(String.UnicodeScalarView(letters)))
    }
  }

  private static func readHandler(_ box: Box) throws(DecodeError) -> Kind {
    try box.read { reader throws(DecodeError) in
      try reader.skip(8)
      let type = try reader.readFourCharacters()
      return switch type {
      case "vide": .video
      case "soun": .audio
      default: .other(type)
      }
    }
  }

  private static func readSampleEntries(
    _ box: Box,
    kind: Kind
  ) throws(DecodeError) -> [SampleEntry] {
    let boxes = try box.children(skipping: 8)
    guard boxes.count <= maximumEntries else {
      throw .invalid("stsd has \(boxes.count) entries, more than \(maximumEntries)")
    }
    var entries: [SampleEntry] = []
    for entry in boxes { entries.append(try SampleEntry(entry, kind: kind)) }
    return entries
  }

  /// The larger of the counts of `stts` and `stsz`.
  private static func readSampleCount(_ tables: [Box]) throws(DecodeError) -> UInt64 {
    var count: UInt64 = 0
    if let sizes = tables["stsz"] {
      count = try sizes.read { reader throws(DecodeError) in
        try reader.skip(8)
        return UInt64(try reader.readUInt32())
      }
    }
    if let times = tables["stts"] {
      let entries = try times.read { reader throws(DecodeError) in
        try reader.skip(4)
        return UInt64(try reader.readUInt32())
      }
      count = max(count, entries)
    }
    return count
  }

  private static func readEdits(_ box: Box) throws(DecodeError) -> [Edit] {
    guard let list = try box.children()["elst"] else { return [] }
    return try list.read { reader throws(DecodeError) in
      let (version, _) = try reader.readFullBoxHeader()
      let count = try reader.readUInt32()
      guard count <= maximumEntries else {
        throw .invalid("\(count) edits, more than \(maximumEntries)")
      }
      var edits: [Edit] = []
      for _ in 0..<count {
        if version == 1 {
          let duration = try reader.readUInt64()
          edits.append(
            Edit(duration: duration, mediaTime: Int64(bitPattern: try reader.readUInt64()))
          )
        } else {
          let duration = UInt64(try reader.readUInt32())
          let time = Int32(bitPattern: try reader.readUInt32())
          edits.append(Edit(duration: duration, mediaTime: Int64(time)))
        }
        try reader.skip(4)
      }
      return edits
    }
  }
}
