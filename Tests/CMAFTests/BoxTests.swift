import CMAF
import Testing
import Wire

/// The one box that bytes hold.
func onlyBox(_ bytes: Bytes) throws -> Box {
  var reader = BoxReader(bytes)
  let box = try #require(try reader.next())
  #expect(try reader.next() == nil)
  return box
}

/// Writes a value, reads it, and expects the same value and the same bytes again.
func expectRoundTrip<Value: Hashable>(
  _ value: Value,
  _ read: (Box) throws -> Value,
  _ write: (Value, inout ByteWriter) -> Void
) throws {
  var writer = ByteWriter()
  write(value, &writer)
  let again = try read(onlyBox(writer.bytes))
  #expect(again == value)
  var second = ByteWriter()
  write(again, &second)
  #expect(second.bytes == writer.bytes)
  for count in 8..<writer.count {
    // The header's size still says the whole, so every cut ends inside the box.
    #expect(throws: CMAFError.self) { try read(onlyBox(writer.bytes.prefix(count))) }
  }
}

@Suite struct BoxTests {
  @Test func `boxes round-trip`() throws {
    try expectRoundTrip(
      FileType(majorBrand: "cmfc", minorVersion: 1, compatibleBrands: ["iso6", "cmf2"]),
      FileType.init
    ) { $0.write(to: &$1, as: "ftyp") }
    try expectRoundTrip(
      TrackExtends(trackID: 2, sampleDuration: 3, sampleSize: 4, sampleFlags: .nonSync),
      TrackExtends.init
    ) { $0.write(to: &$1) }
    try expectRoundTrip(MovieFragmentHeader(sequenceNumber: 9), MovieFragmentHeader.init) {
      $0.write(to: &$1)
    }
    var header = TrackFragmentHeader(
      trackID: 1,
      sampleDuration: 2,
      sampleSize: 3,
      sampleFlags: .sync
    )
    try expectRoundTrip(header, TrackFragmentHeader.init) { $0.write(to: &$1) }
    header.baseDataOffset = 1 << 40
    header.sampleDescriptionIndex = 1
    header.isEmpty = true
    header.isDefaultBaseMoof = false
    try expectRoundTrip(header, TrackFragmentHeader.init) { $0.write(to: &$1) }
    try expectRoundTrip(
      TrackFragmentDecodeTime(baseMediaDecodeTime: 1 << 40),
      TrackFragmentDecodeTime.init
    ) { $0.write(to: &$1) }
    try expectRoundTrip(
      ProducerReferenceTime(flags: 24, trackID: 1, ntpTimestamp: 5, mediaTime: 1 << 33),
      ProducerReferenceTime.init
    ) { $0.write(to: &$1) }
    for start in [.afterSegmentStart(ticks: 7), .presentation(ticks: 1 << 40)]
      as [EventMessage.Start]
    {
      let event = EventMessage(
        schemeURI: "urn:é",
        value: "v",
        timescale: 90_000,
        start: start,
        duration: .max,
        id: 4,
        message: [0, 1]
      )
      try expectRoundTrip(event, EventMessage.init) { $0.write(to: &$1) }
    }
  }

  @Test func `a 64-bit size is read`() throws {
    let box = try onlyBox([0, 0, 0, 1, 0x66, 0x72, 0x65, 0x65, 0, 0, 0, 0, 0, 0, 0, 17, 9])
    #expect(box.type == "free")
    #expect(box.headerCount == 16)
    #expect(box.body == [9])
  }

  @Test func `a size of 0 lasts to the end, but not inside another box`() throws {
    #expect(try onlyBox([0, 0, 0, 0, 0x6D, 0x64, 0x61, 0x74, 9, 9]).body == [9, 9])
    let parent = try onlyBox([
      0, 0, 0, 16, 0x6D, 0x6F, 0x6F, 0x66, 0, 0, 0, 0, 0x66, 0x72, 0x65, 0x65,
    ])
    #expect(throws: CMAFError.invalid(box: "free", field: "size", value: "0", offset: 8)) {
      try parent.children()
    }
  }

  @Test(
    arguments: [
      ([0, 0, 0, 8, 1, 2, 3], .truncated(box: nil, field: "size or type", offset: 4)),
      ([0, 0, 0, 9, 0x66, 0x72, 0x65, 0x65], .truncated(box: "free", field: "body", offset: 8)),
      (
        [0, 0, 0, 7, 0x66, 0x72, 0x65, 0x65],
        .invalid(box: "free", field: "size", value: "7", offset: 0)
      ),
      (
        [0, 0, 0, 1, 0x66, 0x72, 0x65, 0x65, 0, 0, 0, 0, 0, 0, 0, 15],
        .invalid(box: "free", field: "size", value: "15", offset: 0)
      ),
      (
        [0, 0, 0, 1, 0x66, 0x72, 0x65, 0x65, 255, 255, 255, 255, 255, 255, 255, 255],
        .invalid(box: "free", field: "size", value: "18446744073709551615", offset: 0)
      ),
    ] as [(Bytes, CMAFError)]
  )
  func `a bad header is named with its offset`(bytes: Bytes, expected: CMAFError) {
    #expect(throws: expected) {
      var reader = BoxReader(bytes)
      _ = try reader.next()
    }
  }

  @Test func `the number of boxes is bounded`() throws {
    var writer = ByteWriter()
    for _ in 0..<4097 { writer.box("free") { _ in } }
    var reader = BoxReader(writer.bytes)
    for _ in 0..<4096 { _ = try reader.next() }
    #expect(throws: CMAFError.limit(box: nil, field: "boxes", value: 4096, limit: 4096)) {
      try reader.next()
    }
  }

  @Test func `depth is bounded`() throws {
    var bytes = Bytes()
    for _ in 0..<14 {
      var writer = ByteWriter()
      writer.box("moof") { $0.write(bytes) }
      bytes = writer.bytes
    }
    #expect(throws: CMAFError.limit(box: "moof", field: "depth", value: 12, limit: 12)) {
      var box = try onlyBox(bytes)
      while let child = try box.child("moof") { box = child }
    }
  }

  @Test func `characters that don't print are escaped`() {
    #expect("\(FourCC(rawValue: 0xA96E_616D))" == "\\xa9nam")
    #expect("\(FourCC(rawValue: 0x0166_6F6F))" == "\\x01foo")
  }
}

@Suite struct ProducerReferenceTimeTests {
  @Test(
    arguments: [0, 1, 999_999, 1_795_645_937_123_457, 2_085_978_496_000_000, -1])
  func `wall clock survives NTP`(microseconds: Int64) {
    let time = UTCTime(microseconds: microseconds)
    let reference = ProducerReferenceTime(
      trackID: 1,
      ntpTimestamp: ProducerReferenceTime.ntpTimestamp(time),
      mediaTime: 0
    )
    #expect(reference.wallClock == time)
  }

  @Test func `1970 is 2,208,988,800 seconds after 1900`() {
    #expect(
      ProducerReferenceTime.ntpTimestamp(UTCTime(microseconds: 500_000))
        == UInt64(2_208_988_800) << 32 | 0x8000_0000
    )
  }
}
