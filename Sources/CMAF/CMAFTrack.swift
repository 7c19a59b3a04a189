/// What a header says about one track.
package struct CMAFTrack: Sendable, Hashable {
  package let trackID: UInt32
  /// `vide`, `soun`, `text`, `subt`, `meta` or another.
  package let handler: FourCC
  /// Ticks per second, above 0.
  package let timescale: UInt32
  /// BCP 47 when the track has an extended language, else ISO 639-2; `und` when neither.
  package let language: String
  package let sampleEntry: SampleEntry
  /// Presentation size in whole pixels, rounded to nearest; 0 when the track has none.
  package let displayWidth: Int
  package let displayHeight: Int
  /// In order; empty when the presentation is the media.
  package let edits: [Edit]
  /// Nil when the header has no `trex` for the track.
  package let defaults: TrackExtends?

  package var codec: String { sampleEntry.codec }

  package var video: VideoFormat? {
    if case .video(let format) = sampleEntry.media { format } else { nil }
  }

  package var audio: AudioFormat? {
    if case .audio(let format) = sampleEntry.media { format } else { nil }
  }

  /// Media time that is presented at 0: what the first edit that is not empty skips, in ticks.
  package var presentationStart: Int64 { edits.first { $0.mediaTime >= 0 }?.mediaTime ?? 0 }

  init(_ box: Box, defaults: [UInt32: TrackExtends]) throws(CMAFError) {
    let header = try TrackHeader(box.required("tkhd"))
    trackID = header.trackID
    displayWidth = Int((UInt64(header.width) + 0x8000) >> 16)
    displayHeight = Int((UInt64(header.height) + 0x8000) >> 16)
    edits =
      try box.child("edts")?.child("elst").map { list throws(CMAFError) in
        try Edit.list(list)
      } ?? []
    let media = try box.required("mdia")
    let mediaHeader = try MediaHeader(media.required("mdhd"))
    timescale = mediaHeader.timescale
    handler = try HandlerReference(media.required("hdlr")).type
    if let extended = try media.child("elng") {
      var fields = FieldReader(extended)
      _ = try fields.versionAndFlags()
      language = fields.text()
    } else {
      language = mediaHeader.language
    }
    let descriptions = try media.required("minf").required("stbl").required("stsd")
    sampleEntry = try SampleEntry(descriptions, handler: handler)
    self.defaults = defaults[trackID]
  }
}
