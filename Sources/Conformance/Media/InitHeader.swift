internal import Wire

/// What an init segment says: `ftyp` and `moov`.
///
/// ISO/IEC 14496-12 §4.3, §8.
struct InitHeader: Sendable, Hashable {
  /// Types of all boxes at the top, in their order.
  let topLevelTypes: [String]
  /// The major brand, then the compatible ones; empty without `ftyp`.
  let brands: [String]
  /// In the movie's own units, 0 when it is open.
  let movieDuration: UInt64
  /// Whether `mvex` is there.
  let isFragmented: Bool
  /// In the order of the file.
  let tracks: [HeaderTrack]

  /// Reads an init segment; throws when boxes don't add up or there is no `moov`.
  init(_ bytes: Bytes) throws(DecodeError) {
    let boxes = try Box.walk(bytes)
    topLevelTypes = boxes.map(\.type)
    brands = try boxes["ftyp"].map(InitHeader.readBrands) ?? []
    guard let movie = boxes["moov"] else { throw .invalid("there is no moov") }
    let children = try movie.children()
    movieDuration = try children["mvhd"].map(InitHeader.readMovieDuration) ?? 0
    let extends = children["mvex"]
    isFragmented = extends != nil
    var defaults: [UInt32: TrackDefaults] = [:]
    if let extends {
      for box in try extends.children() where box.type == "trex" {
        let value = try TrackDefaults(box)
        defaults[value.trackID] = value
      }
    }
    var tracks: [HeaderTrack] = []
    for box in children where box.type == "trak" {
      tracks.append(try HeaderTrack(box, defaults: defaults))
    }
    self.tracks = tracks
  }

  /// The track that leads: the first of video, else the first of all.
  var leadingTrack: HeaderTrack? { tracks.first { $0.kind == .video } ?? tracks.first }

  /// The brands of `ftyp` or `styp`, the major one first.
  ///
  /// ISO/IEC 14496-12 §4.3.
  static func readBrands(_ box: Box) throws(DecodeError) -> [String] {
    try box.read { reader throws(DecodeError) in
      var brands = [try reader.readFourCharacters()]
      try reader.skip(4)
      while !reader.isAtEnd { brands.append(try reader.readFourCharacters()) }
      return brands
    }
  }

  private static func readMovieDuration(_ box: Box) throws(DecodeError) -> UInt64 {
    try box.read { reader throws(DecodeError) in
      let (version, _) = try reader.readFullBoxHeader()
      try reader.skip(version == 1 ? 20 : 12)
      return version == 1 ? try reader.readUInt64() : UInt64(try reader.readUInt32())
    }
  }
}

/// What a track's samples are when their fragment doesn't say.
///
/// ISO/IEC 14496-12 §8.8.3.
struct TrackDefaults: Sendable, Hashable {
  let trackID: UInt32
  let duration: UInt32
  let size: UInt32
  let flags: UInt32

  /// Reads `trex`.
  init(_ box: Box) throws(DecodeError) {
    self = try box.read { reader throws(DecodeError) in
      _ = try reader.readFullBoxHeader()
      let trackID = try reader.readUInt32()
      try reader.skip(4)
      return TrackDefaults(
        trackID: trackID,
        duration: try reader.readUInt32(),
        size: try reader.readUInt32(),
        flags: try reader.readUInt32()
      )
    }
  }

  init(trackID: UInt32, duration: UInt32, size: UInt32, flags: UInt32) {
    self.trackID = trackID
    self.duration = duration
    self.size = size
    self.flags = flags
  }
}
