import CMAF
import TestSupport
import Testing
import Wire

@Suite struct CMAFHeaderTests {
  @Test func `CMAF-002 one track of two is selected and the rest keeps its bytes`() throws {
    let header = try MediaFixture.cmaf("two-tracks").header
    #expect(header.tracks.map(\.handler) == ["vide", "soun"])
    for track in header.tracks {
      let selected = try header.selecting(trackID: track.trackID)
      #expect(selected.tracks == [track])
      #expect(selected.fileType == header.fileType)
      #expect(try selected.selecting(trackID: track.trackID).bytes == selected.bytes)
    }
    #expect(throws: CMAFError.missing(box: "trak", parent: "moov")) {
      try header.selecting(trackID: 9)
    }
  }

  @Test func `a header of one track is left alone`() throws {
    let header = try MediaFixture.cmaf("avc").header
    #expect(try header.selecting(trackID: 1) == header)
  }

  @Test func `CMAF-001 missing defaults are added`() throws {
    let header = try MediaFixture.cmaf("aac").header
    var writer = ByteWriter()
    var reader = BoxReader(header.bytes)
    while let box = try reader.next() {
      guard box.type == "moov" else {
        writer.write(box.bytes)
        continue
      }
      let kept = try box.children().filter { $0.type != "mvex" }
      writer.box("moov") { moov in
        for child in kept { moov.write(child.bytes) }
      }
    }
    let bare = try CMAFHeader(writer.bytes)
    #expect(bare.tracks[0].defaults == nil)
    let completed = try bare.selecting(trackID: 1)
    #expect(completed.tracks[0].defaults == TrackExtends(trackID: 1))
    #expect(completed.bytes.count == bare.bytes.count + 40)
  }

  @Test func `boxes beside ftyp and moov are left out`() throws {
    let header = try MediaFixture.cmaf("aac").header
    var writer = ByteWriter()
    writer.write(header.bytes)
    writer.box("free") { $0.write(UInt32(0)) }
    #expect(try CMAFHeader(writer.bytes) == header)
  }

  @Test func `media after the header is refused`() throws {
    var writer = ByteWriter()
    writer.write(try MediaFixture.cmaf("aac").header.bytes)
    let end = writer.count
    writer.box("moof") { _ in }
    #expect(
      throws: CMAFError.invalid(box: "moof", field: "position", value: "here", offset: end)
    ) { try CMAFHeader(writer.bytes) }
  }

  @Test(arguments: FixtureExpectation.all.map(\.name))
  func `every cut of a header is an error and none traps`(name: String) throws {
    let header = try MediaFixture.cmaf(name).header.bytes
    for count in 0..<header.count {
      #expect(throws: CMAFError.self) { try CMAFHeader(header.prefix(count)) }
    }
  }

  @Test(arguments: FixtureExpectation.all.map(\.name))
  func `no changed byte of a header traps`(name: String) throws {
    let header = try MediaFixture.cmaf(name).header.bytes.array
    for index in header.indices {
      for value in [0, 1, 0x7F, 0xFF] as [UInt8] {
        var changed = header
        changed[index] = value
        _ = try? CMAFHeader(Bytes(changed))
      }
    }
  }

  @Test func `an encrypted track keeps the codec of its clear format`() throws {
    var protection = ByteWriter()
    protection.box("sinf") { sinf in
      sinf.box("frma") { $0.write(utf8: "avc1") }
      sinf.fullBox("schm") { schm in
        schm.write(utf8: "cbcs")
        schm.write(UInt32(0x10000))
      }
    }
    let clear = try MediaFixture.cmaf("avc").header
    let bytes = try replacing(["moov", "trak", "mdia", "minf", "stbl", "stsd"], in: clear.bytes) {
      stsd in
      let entry = try #require(try stsd.children(after: 8).first)
      var writer = ByteWriter()
      writer.write(stsd.body.prefix(8))
      writer.box("encv") { box in
        box.write(entry.body)
        box.write(protection.bytes)
      }
      return writer.bytes
    }
    let entry = try CMAFHeader(bytes).tracks[0].sampleEntry
    #expect(entry.format == "avc1")
    #expect(entry.codec == "avc1.64000a")
    #expect(entry.protectionScheme == "cbcs")
    #expect(entry.media == clear.tracks[0].sampleEntry.media)
  }

  @Test(arguments: [("text", "wvtt"), ("subt", "stpp")])
  func `text tracks are named by their entry`(handler: String, format: String) throws {
    let audio = try MediaFixture.cmaf("aac").header
    var bytes = try replacing(["moov", "trak", "mdia", "hdlr"], in: audio.bytes) { hdlr in
      Bytes(hdlr.body.prefix(8).array + Array(handler.utf8) + hdlr.body.suffix(from: 12).array)
    }
    bytes = try replacing(["moov", "trak", "mdia", "minf", "stbl", "stsd"], in: bytes) { stsd in
      var writer = ByteWriter()
      writer.write(stsd.body.prefix(8))
      writer.box(FourCC(rawValue: format.utf8.reduce(0) { $0 << 8 | UInt32($1) })) {
        $0.write(UInt64(1))
      }
      return writer.bytes
    }
    let track = try CMAFHeader(bytes).tracks[0]
    #expect(track.codec == format)
    #expect(track.sampleEntry.media == .other)
    #expect(track.audio == nil && track.video == nil)
  }
}

/// The same boxes with another body for the box that a path of types leads to.
func replacing(
  _ path: [FourCC],
  in bytes: Bytes,
  _ body: (Box) throws -> Bytes
) throws -> Bytes {
  var writer = ByteWriter()
  var reader = BoxReader(bytes)
  while let box = try reader.next() {
    guard box.type == path.first else {
      writer.write(box.bytes)
      continue
    }
    let replaced =
      path.count == 1
      ? try body(box) : try replacing(Array(path.dropFirst()), in: box.body, body)
    writer.box(box.type) { $0.write(replaced) }
  }
  return writer.bytes
}
