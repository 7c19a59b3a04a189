package import Wire

/// A fragmented MP4 file taken apart: its header, and each track's chunks in file order.
package struct FragmentedMP4File: Sendable {
  /// The file's header with all its tracks.
  package let header: CMAFHeader
  /// By track id; a track without media has no entry.
  package let chunks: [UInt32: [CMAFChunk]]

  /// Reads a whole file.
  ///
  /// Indexes are ignored; a progressive file throws, as its media has no `moof`.
  package init(_ bytes: Bytes) throws(CMAFError) {
    var reader = BoxReader(bytes)
    var end: Int?
    while end == nil, let box = try reader.next() {
      if box.type == "moov" { end = reader.offset }
    }
    guard let end else { throw .missing(box: "moov", parent: nil) }
    header = try CMAFHeader(bytes.prefix(end))
    var chunks: [UInt32: [CMAFChunk]] = [:]
    for chunk in try CMAFChunk.parse(bytes.suffix(from: end), header: header) {
      chunks[chunk.trackID, default: []].append(chunk)
    }
    self.chunks = chunks
  }
}
