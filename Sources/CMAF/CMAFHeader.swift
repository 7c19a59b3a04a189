package import Wire

/// A CMAF header (`ftyp` and `moov`): what a player needs before any chunk.
///
/// ISO/IEC 23000-19 §7.3.1.
package struct CMAFHeader: Sendable, Hashable {
  /// `ftyp` and `moov` as they were read, or rebuilt by ``selecting(trackID:)``.
  package let bytes: Bytes
  package let fileType: FileType
  /// In the order of the header; never empty.
  package let tracks: [CMAFTrack]

  /// Reads a header; boxes beside `ftyp` and `moov` are left out of ``bytes``.
  ///
  /// Media after the header is refused: it belongs to a chunk.
  package init(_ bytes: Bytes) throws(CMAFError) {
    var reader = BoxReader(bytes)
    var fileType: Box?
    var movie: Box?
    while let box = try reader.next() {
      switch box.type {
      case "ftyp" where fileType == nil && movie == nil: fileType = box
      case "moov" where movie == nil: movie = box
      case "ftyp", "moov", "moof", "mdat":
        throw .invalid(box: box.type, field: "position", value: "here", offset: box.offset)
      default: break
      }
    }
    guard let fileType else { throw .missing(box: "ftyp", parent: nil) }
    guard let movie else { throw .missing(box: "moov", parent: nil) }
    try self.init(fileType: fileType, movie: movie, whole: bytes)
  }

  private init(fileType: Box, movie: Box, whole: Bytes) throws(CMAFError) {
    self.fileType = try FileType(fileType)
    if fileType.bytes.count + movie.bytes.count == whole.count {
      bytes = whole
    } else {
      bytes = Bytes(fileType.bytes.array + movie.bytes.array)
    }
    let children = try movie.children()
    var defaults: [UInt32: TrackExtends] = [:]
    for extends in children where extends.type == "mvex" {
      for box in try extends.children() where box.type == "trex" {
        let value = try TrackExtends(box)
        defaults[value.trackID] = value
      }
    }
    var tracks: [CMAFTrack] = []
    for box in children where box.type == "trak" {
      let track = try CMAFTrack(box, defaults: defaults)
      guard !tracks.contains(where: { $0.trackID == track.trackID }) else {
        throw .invalid(
          box: "tkhd",
          field: "track_ID",
          value: "\(track.trackID) again",
          offset: box.offset
        )
      }
      tracks.append(track)
    }
    guard !tracks.isEmpty else { throw .missing(box: "trak", parent: "moov") }
    self.tracks = tracks
  }

  /// The track with an id; nil when there is none.
  package func track(_ id: UInt32) -> CMAFTrack? { tracks.first { $0.trackID == id } }

  /// This header with one track alone, as CMAF wants it.
  ///
  /// Other tracks and their defaults are left out, and defaults are added when they are missing;
  /// everything else keeps its bytes. A header that is like that already comes back unchanged.
  package func selecting(trackID: UInt32) throws(CMAFError) -> CMAFHeader {
    guard let track = track(trackID) else { throw .missing(box: "trak", parent: "moov") }
    guard tracks.count > 1 || track.defaults == nil else { return self }
    var reader = BoxReader(bytes)
    var writer = ByteWriter(reserving: bytes.count + 40)
    while let box = try reader.next() {
      guard box.type == "moov" else {
        writer.write(box.bytes)
        continue
      }
      var kept: [Bytes] = []
      var hasExtends = false
      for child in try box.children() {
        switch child.type {
        case "trak":
          if try TrackHeader(child.required("tkhd")).trackID == trackID { kept.append(child.bytes) }
        case "mvex" where !hasExtends:
          hasExtends = true
          kept.append(try CMAFHeader.extends(child, trackID: trackID))
        default: kept.append(child.bytes)
        }
      }
      if !hasExtends { kept.append(try CMAFHeader.extends(nil, trackID: trackID)) }
      writer.box("moov") { movie in
        for child in kept { movie.write(child) }
      }
    }
    return try CMAFHeader(writer.bytes)
  }

  /// An `mvex` with the defaults of one track, taken from an existing one where it has them.
  private static func extends(_ box: Box?, trackID: UInt32) throws(CMAFError) -> Bytes {
    var kept: [Bytes] = []
    var hasTrack = false
    for child in try box?.children() ?? [] {
      if child.type == "trex" {
        guard try TrackExtends(child).trackID == trackID else { continue }
        hasTrack = true
      }
      kept.append(child.bytes)
    }
    var writer = ByteWriter()
    writer.box("mvex") { extends in
      for child in kept { extends.write(child) }
      if !hasTrack { TrackExtends(trackID: trackID).write(to: &extends) }
    }
    return writer.bytes
  }
}
