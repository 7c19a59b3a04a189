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
}
