import CMAF
import TestSupport
import Testing
import Wire

@Suite struct HeaderWriterTests {
  /// The body of the configuration box in a fixture's first sample entry.
  func configuration(_ name: String, _ type: FourCC, skipping fields: Int) throws -> Bytes {
    var reader = BoxReader(try MediaFixture.cmaf(name).header.bytes)
    var movie: Box?
    while let box = try reader.next() { if box.type == "moov" { movie = box } }
    var box = try #require(movie)
    for type in ["trak", "mdia", "minf", "stbl", "stsd"] as [FourCC] {
      box = try box.required(type)
    }
    let entry = try #require(try box.children(after: 8).first)
    return try #require(try entry.children(after: fields).first { $0.type == type }).body
  }

  @Test func `CMAF-001 a video header reads back as what it was made of`() throws {
    let format = VideoFormat(
      width: 96,
      height: 64,
      pixelAspectRatio: PixelAspectRatio(horizontal: 4, vertical: 3),
      colour: Colour(primaries: 9, transfer: 18, matrix: 9, isFullRange: true),
      nalLengthSize: 4
    )
    var writer = HeaderWriter(
      timescale: 12_800,
      format: "avc1",
      media: .video(format),
      configurationType: "avcC",
      configuration: try configuration("avc", "avcC", skipping: 78)
    )
    writer.language = "deu"
    let header = try CMAFHeader(writer.header())
    let track = try #require(header.tracks.first)
    #expect(header.fileType.majorBrand == "cmfc")
    #expect(track.trackID == 1 && track.timescale == 12_800 && track.handler == "vide")
    #expect(track.language == "deu")
    #expect(track.codec == "avc1.64000a")
    #expect(track.video == format)
    #expect(track.displayWidth == 128 && track.displayHeight == 64)
    #expect(track.video?.colour?.videoRange == .hybridLogGamma)
    #expect(track.defaults == TrackExtends(trackID: 1))
    #expect(try header.selecting(trackID: 1) == header)
    #expect(writer.header() == header.bytes)
  }

  @Test func `CMAF-001 an audio header reads back as what it was made of`() throws {
    let format = AudioFormat(channels: 1, sampleRate: 48_000, samplesPerFrame: 1024)
    var writer = HeaderWriter(
      timescale: 48_000,
      format: "mp4a",
      media: .audio(format),
      configurationType: "esds",
      configuration: try configuration("aac", "esds", skipping: 28)
    )
    writer.language = "Klingon"
    let track = try #require(try CMAFHeader(writer.header()).tracks.first)
    #expect(track.handler == "soun" && track.language == "und")
    #expect(track.codec == "mp4a.40.2")
    #expect(track.audio == format)
    #expect(track.displayWidth == 0 && track.displayHeight == 0)
    for (language, told) in [
      ("en", "en"), ("pt-BR", "pt-BR"), ("zh-Hant-TW", "zh-Hant-TW"), ("deu", "deu"), ("", "und"),
      ("de-", "und"), ("e", "und"), ("de-123456789", "und"), ("d\u{E9}", "und"), ("de_AT", "und"),
    ] {
      writer.language = language
      #expect(try CMAFHeader(writer.header()).tracks.first?.language == told)
    }
  }
}
