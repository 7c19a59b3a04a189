import CMAF
import Wire

/// Rebuilds the CMAF chunks of a LOCMAF track, byte for byte as every other decoder does.
///
/// draft-einarsson-moq-locmaf, version 0.3.
struct LOCMAFDecoder: Sendable {
  private let trackID: UInt32
  private let defaults: TrackExtends
  /// Bytes of a sample's initialization vector by the header; nil when the track is not protected.
  private let vectorSize: UInt8?
  private var last: (fields: LOCMAFFields, end: UInt64?)?

  /// Makes a decoder for a track's header; nil when the header has no defaults for samples, or several
  /// tracks.
  init?(header: Bytes) {
    guard let movie = try? LOCMAFDecoder.movie(header), let boxes = try? movie.children(),
      boxes.count(where: { $0.type == "trak" }) == 1,
      let track = boxes.first(where: { $0.type == "trak" }),
      let box = try? track.required("tkhd"), let tkhd = try? TrackHeader(box),
      let extends = try? movie.required("mvex").required("trex"),
      let defaults = try? TrackExtends(extends)
    else { return nil }
    trackID = tkhd.trackID
    self.defaults = defaults
    vectorSize = (try? LOCMAFDecoder.vectorSize(track)) ?? nil
  }

  /// Forgets the chunk before: a group begins, or an object is missing.
  mutating func reset() { last = nil }

  /// Whether an object begins at the tick at which the last one ended.
  func continues(_ payload: Bytes) -> Bool {
    guard let end = last?.end, case .chunk(_, true, let properties, _)? = try? LOCMAFObject(payload)
    else { return false }
    return (try? LOCMAFFields(full: properties))?.scalars[LOCMAFFields.Name.decodeTime] == end
  }

  /// Rebuilds one object's chunk.
  mutating func decode(_ payload: Bytes) throws(RemuxDrop) -> Bytes {
    switch try LOCMAFObject(payload) {
    case .boxes(let boxes):
      last = nil
      return boxes
    case .chunk(let leading, let isFull, let properties, let media):
      var fields: LOCMAFFields
      if isFull {
        fields = try LOCMAFFields(full: properties)
      } else {
        guard let last else { throw .undecodable }
        guard let end = last.end else { throw .time }
        fields = last.fields
        try fields.apply(delta: properties, decodeTime: end)
      }
      let chunk = try LOCMAFChunk(
        fields,
        defaults: defaults,
        vectorSize: vectorSize,
        media: media
      )
      last = (fields, chunk.end)
      return try chunk.bytes(leading: leading, trackID: trackID, defaults: defaults)
    }
  }

  private static func movie(_ header: Bytes) throws(CMAFError) -> Box? {
    var reader = BoxReader(header)
    while let box = try reader.next() {
      if box.type == "moov" { return box }
    }
    return nil
  }

  /// What `tenc` says; nil when there is none or it says that nothing is protected.
  ///
  /// ISO/IEC 23001-7 §8.2.
  private static func vectorSize(_ track: Box) throws(CMAFError) -> UInt8? {
    let table = try track.required("mdia").required("minf").required("stbl")
    guard let entry = try table.required("stsd").children(after: 8).first,
      entry.type == "encv" || entry.type == "enca"
    else { return nil }
    let children = try entry.children(after: entry.type == "encv" ? 78 : 28)
    guard let protection = children.first(where: { $0.type == "sinf" }) else { return nil }
    let body = try protection.required("schi").required("tenc").body
    return body.count >= 8 && body[6] == 1 ? body[7] : nil
  }
}
