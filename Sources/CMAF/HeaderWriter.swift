package import Wire

/// Writes the header of one CMAF track; the same values give the same bytes.
///
/// ISO/IEC 23000-19 §7.3.1. Times and durations are 0, so nothing depends on when it was written.
package struct HeaderWriter: Sendable, Hashable {
  /// What the track holds.
  package enum Media: Sendable, Hashable {
    case video(VideoFormat)
    case audio(AudioFormat)
  }

  package var trackID: UInt32 = 1
  /// Ticks per second, above 0.
  package var timescale: UInt32
  /// Three lower-case letters of ISO 639-2, or a tag of BCP 47; anything else is written as `und`.
  package var language = "und"
  /// The sample entry's type, such as `avc1`.
  package var format: FourCC
  package var media: Media
  /// The type of the decoder configuration box, such as `avcC`.
  package var configurationType: FourCC
  /// The body of that box; with version and flags where it has them.
  package var configuration: Bytes

  package init(
    timescale: UInt32,
    format: FourCC,
    media: Media,
    configurationType: FourCC,
    configuration: Bytes
  ) {
    precondition(timescale > 0, "a timescale is above 0")
    self.timescale = timescale
    self.format = format
    self.media = media
    self.configurationType = configurationType
    self.configuration = configuration
  }

  /// `ftyp` and `moov`.
  package func header() -> Bytes {
    var writer = ByteWriter(reserving: 800 + configuration.count)
    FileType(majorBrand: "cmfc", compatibleBrands: ["iso6", "cmfc", "cmf2"])
      .write(to: &writer, as: "ftyp")
    writer.box("moov") { moov in
      moov.fullBox("mvhd") { box in
        box.write(UInt64(0))  // creation and modification time
        box.write(timescale)
        box.write(UInt32(0))  // duration
        box.write(UInt32(0x0001_0000))  // rate 1
        box.write(UInt16(0x0100))  // volume 1
        box.write(contentsOf: [UInt8](repeating: 0, count: 10))
        HeaderWriter.writeMatrix(to: &box)
        box.write(contentsOf: [UInt8](repeating: 0, count: 24))
        box.write(trackID &+ 1)
      }
      moov.box("trak") { writeTrack(to: &$0) }
      moov.box("mvex") { TrackExtends(trackID: trackID).write(to: &$0) }
    }
    return writer.bytes
  }

  private func writeTrack(to writer: inout ByteWriter) {
    // Enabled and in the movie.
    writer.fullBox("tkhd", flags: 3) { box in
      box.write(UInt64(0))
      box.write(trackID)
      box.write(UInt64(0))  // reserved and duration
      box.write(UInt64(0))
      box.write(UInt32(0))  // layer and alternate group
      if case .audio = media { box.write(UInt16(0x0100)) } else { box.write(UInt16(0)) }
      box.write(UInt16(0))
      HeaderWriter.writeMatrix(to: &box)
      let (width, height) = displaySize
      box.write(width)
      box.write(height)
    }
    writer.box("mdia") { mdia in
      mdia.fullBox("mdhd") { box in
        box.write(UInt64(0))
        box.write(timescale)
        box.write(UInt32(0))
        box.write(packedLanguage)
        box.write(UInt16(0))
      }
      if isExtendedLanguage {
        mdia.fullBox("elng") { box in
          box.write(utf8: language)
          box.write(0 as UInt8)
        }
      }
      let isVideo = if case .video = media { true } else { false }
      mdia.fullBox("hdlr") { box in
        box.write(UInt32(0))
        box.write(utf8: isVideo ? "vide" : "soun")
        box.write(contentsOf: [UInt8](repeating: 0, count: 13))  // reserved and an empty name
      }
      mdia.box("minf") { minf in
        if isVideo {
          minf.fullBox("vmhd", flags: 1) { $0.write(UInt64(0)) }
        } else {
          minf.fullBox("smhd") { $0.write(UInt32(0)) }
        }
        minf.box("dinf") { dinf in
          dinf.fullBox("dref") { dref in
            dref.write(UInt32(1))
            dref.fullBox("url ", flags: 1) { _ in }  // the media is in this file
          }
        }
        minf.box("stbl") { stbl in
          stbl.fullBox("stsd") { stsd in
            stsd.write(UInt32(1))
            stsd.box(format) { writeEntry(to: &$0) }
          }
          stbl.fullBox("stts") { $0.write(UInt32(0)) }
          stbl.fullBox("stsc") { $0.write(UInt32(0)) }
          stbl.fullBox("stsz") { $0.write(UInt64(0)) }
          stbl.fullBox("stco") { $0.write(UInt32(0)) }
        }
      }
    }
  }

  private func writeEntry(to writer: inout ByteWriter) {
    writer.write(contentsOf: [0, 0, 0, 0, 0, 0, 0, 1])  // data reference 1
    switch media {
    case .video(let video):
      writer.write(contentsOf: [UInt8](repeating: 0, count: 16))
      writer.write(UInt16(clamping: video.width))
      writer.write(UInt16(clamping: video.height))
      writer.write(UInt32(0x0048_0000))  // 72 dots per inch, both ways
      writer.write(UInt32(0x0048_0000))
      writer.write(UInt32(0))
      writer.write(UInt16(1))  // one frame per sample
      writer.write(contentsOf: [UInt8](repeating: 0, count: 32))
      writer.write(UInt16(0x0018))
      writer.write(UInt16(0xFFFF))
      writer.box(configurationType) { $0.write(configuration) }
      if let colour = video.colour {
        writer.box("colr") { box in
          box.write(utf8: "nclx")
          box.write(colour.primaries)
          box.write(colour.transfer)
          box.write(colour.matrix)
          box.write(UInt8(colour.isFullRange ? 0x80 : 0))
        }
      }
      writer.box("pasp") { box in
        box.write(video.pixelAspectRatio.horizontal)
        box.write(video.pixelAspectRatio.vertical)
      }
    case .audio(let audio):
      writer.write(UInt64(0))
      writer.write(UInt16(clamping: audio.channels))
      writer.write(UInt16(clamping: audio.bitsPerSample))
      writer.write(UInt32(0))
      // 16 bits hold no 96 kHz; then a part is said, and the configuration has the last word.
      var rate = audio.sampleRate
      while rate > 0xFFFF { rate /= 2 }
      writer.write(UInt32(UInt16(clamping: rate)) << 16)
      writer.box(configurationType) { $0.write(configuration) }
    }
  }

  /// In 1/65,536 pixels: coded height, and the width that the pixels' shape makes of the coded one.
  private var displaySize: (UInt32, UInt32) {
    guard case .video(let video) = media else { return (0, 0) }
    let ratio = video.pixelAspectRatio
    let width = UInt64(UInt16(clamping: video.width)) * UInt64(ratio.horizontal)
    let scaled = (width << 16) / UInt64(max(ratio.vertical, 1))
    return (UInt32(clamping: scaled), UInt32(UInt16(clamping: video.height)) << 16)
  }

  private var packedLanguage: UInt16 {
    func pack(_ text: String) -> UInt16 {
      text.utf8.reduce(0) { $0 << 5 | UInt16($1 - 0x60) }
    }
    return pack(isLanguageCode ? language : "und")
  }

  private var isLanguageCode: Bool {
    language.utf8.count == 3 && language.utf8.allSatisfy { (0x61...0x7A).contains($0) }
  }

  /// Whether the language is one for a box of its own, ISO/IEC 14496-12 §8.4.6: subtags of up to eight
  /// letters and digits after a language of two or three letters, RFC 5646 §2.1.
  private var isExtendedLanguage: Bool {
    let subtags = language.utf8.split(separator: 0x2D, omittingEmptySubsequences: false)
    guard !isLanguageCode, language.utf8.count <= Self.languageLimit, let first = subtags.first,
      (2...3).contains(first.count), first.allSatisfy({ (0x61...0x7A).contains($0 | 0x20) })
    else { return false }
    return subtags.allSatisfy { subtag in
      (1...8).contains(subtag.count)
        && subtag.allSatisfy { (0x30...0x39).contains($0) || (0x61...0x7A).contains($0 | 0x20) }
    }
  }

  /// Bytes of a language tag; RFC 5646 §4.4.1 needs 35.
  private static let languageLimit = 64

  private static func writeMatrix(to writer: inout ByteWriter) {
    for value in [0x1_0000, 0, 0, 0, 0x1_0000, 0, 0, 0, 0x4000_0000] as [UInt32] {
      writer.write(value)
    }
  }
}
