import CMAF
import Testing
import Wire

/// A box of a type with a body in hexadecimal.
func box(_ type: FourCC, _ body: String) throws -> Box {
  let body = try #require(Bytes(hex: body.filter { $0 != " " }))
  var writer = ByteWriter()
  writer.box(type) { $0.write(body) }
  return try onlyBox(writer.bytes)
}

@Suite struct CodecStringTests {
  /// Example values of RFC 6381 §3.3 and of Apple's authoring specification.
  @Test func `H.264 is profile, compatibility and level`() throws {
    let configuration = try AVCConfiguration(box("avcC", "01 42e01e ff e0 00"))
    #expect(configuration.codecString("avc1") == "avc1.42e01e")
    #expect(configuration.codecString("avc3") == "avc3.42e01e")
    #expect(configuration.nalLengthSize == 4)
    #expect(throws: CMAFError.self) { try AVCConfiguration(box("avcC", "01 42e01e fe e0 00")) }
  }

  @Test(
    arguments: [
      // Examples of ISO/IEC 14496-15 §E.3: Main tier 93, and high tier with profile space A.
      ("01 01 60000000 b00000000000 5d f000 fc fd f8 f8 0000 0f 00", "hvc1.1.6.L93.B0"),
      ("01 64 10000000 000000000000 96 f000 fc fd f8 f8 0000 0f 00", "hvc1.A4.8.H150"),
      ("01 02 20000000 900000000000 99 f000 fc fd fa fa 0000 0f 00", "hvc1.2.4.L153.90"),
      ("01 04 08000000 9d0800000000 78 f000 fc fd fa fa 0000 0f 00", "hvc1.4.10.L120.9D.8"),
      ("01 01 60000000 900000000001 5d f000 fc fd f8 f8 0000 0f 00", "hvc1.1.6.L93.90.0.0.0.0.1"),
    ])
  func `HEVC drops trailing zero constraints only`(body: String, expected: String) throws {
    #expect(try HEVCConfiguration(box("hvcC", body)).codecString("hvc1") == expected)
  }

  @Test(
    arguments: [
      ("81 00 0c 00 0a0b000000043cfecc02f80040", nil, "av01.0.00M.08"),
      ("81 08 4c 00", nil, "av01.0.08M.10"), ("81 08 cc 00", nil, "av01.0.08H.10"),
      (
        "81 08 4c 00", Colour(primaries: 9, transfer: 16, matrix: 9, isFullRange: false),
        "av01.0.08M.10.0.110.09.16.09.0"
      ),
      ("81 25 60 00", nil, "av01.1.05M.12.0.000.01.01.01.0"),
      ("81 04 1c 00", nil, "av01.0.04M.08.1.110.01.01.01.0"),
      (
        "81 04 0c 00", Colour(primaries: 2, transfer: 2, matrix: 2, isFullRange: false),
        "av01.0.04M.08"
      ),
    ] as [(String, Colour?, String)]
  )
  func `AV1 says colour when it is not the default`(
    body: String,
    colour: Colour?,
    expected: String
  ) throws {
    #expect(try AV1Configuration(box("av1C", body)).codecString("av01", colour: colour) == expected)
  }

  @Test(
    arguments: [
      ("01000000 00 1e 82 02 02 02 0000", "vp09.00.30.08"),
      ("01000000 02 0a a2 09 10 09 0000", "vp09.02.10.10.01.09.16.09.00"),
      ("01000000 00 00 82 02 02 02 0000", "vp09.00.10.08"),
      ("01000000 01 1f 87 01 01 01 0000", "vp09.01.31.08.03.01.01.01.01"),
    ])
  func `VP9 says colour when it is not the default`(body: String, expected: String) throws {
    #expect(try VPConfiguration(box("vpcC", body)).codecString("vp09") == expected)
  }

  @Test(
    arguments: [
      ("1190", "mp4a.40.2", 48_000, 2), ("1210", "mp4a.40.2", 44_100, 2),
      // Compatible signalling: SBR present, SBR with PS, and neither.
      ("1310 56e5 98", "mp4a.40.5", 48_000, 2), ("1308 56e5 9d48 80", "mp4a.40.29", 48_000, 1),
      ("1190 56e5 00", "mp4a.40.2", 48_000, 2),
      // Hierarchical signalling: the SBR or PS type comes first.
      ("2b1188 00", "mp4a.40.5", 48_000, 2), ("eb09 88 00", "mp4a.40.29", 48_000, 1),
      // xHE-AAC has an escaped type: 31, then 42 - 32.
      ("f946 40", "mp4a.40.42", 48_000, 2),
    ] as [(String, String, UInt32, Int)]
  )
  func `AAC says its object type`(
    config: String,
    codec: String,
    rate: UInt32,
    channels: Int
  ) throws {
    let audio = try #require(Bytes(hex: config.filter { $0 != " " }))
    let descriptor = try ElementaryStreamDescriptor(
      box(
        "esds",
        "00000000 03" + hex([UInt8(20 + audio.count)]) + "000000 04"
          + hex([UInt8(15 + audio.count)]) + "40 15 000000 00000000 00000000 05"
          + hex([UInt8(audio.count)]) + hex(audio.slice) + "060102"
      )
    )
    #expect(descriptor.codecString("mp4a") == codec)
    #expect(descriptor.audio?.sampleRate == rate)
    #expect(descriptor.audio?.channels == channels)
  }

  @Test func `MP3 has no audio object type, and lengths may take four bytes`() throws {
    let descriptor = try ElementaryStreamDescriptor(
      box(
        "esds",
        "00000000 0380808018 000000 048080800d 6b 15 000000 00000000 00000000 06808080 0102"
      )
    )
    #expect(descriptor.codecString("mp4a") == "mp4a.6B")
    #expect(descriptor.audio == nil)
  }

  @Test func `Dolby Vision is profile and level`() throws {
    // Profile 5 level 6, and profile 8 level 9: seven and six bits after the two version bytes.
    #expect(
      try DolbyVisionConfiguration(box("dvcC", "0100 0a35 10")).codecString("dvh1") == "dvh1.05.06"
    )
    #expect(
      try DolbyVisionConfiguration(box("dvvC", "0100 104d 10")).codecString("dvhe") == "dvhe.08.09"
    )
  }

  @Test func `Dolby channels are counted`() throws {
    #expect(try DolbyDigitalConfiguration(box("dac3", "10 11 40")).channels == 2)
    #expect(try DolbyDigitalConfiguration(box("dac3", "10 3d c0")).channels == 6)
    #expect(try DolbyDigitalConfiguration(box("dec3", "0600 20 04 00")).channels == 2)
    // 3/2 with LFE and a dependent substream with Lrs/Rrs is 7.1.
    #expect(try DolbyDigitalConfiguration(box("dec3", "0c00 20 0f 02 02")).channels == 8)
  }
}

@Suite struct SyncSampleTests {
  @Test(
    arguments: [
      ("avc1", "00000002 0910 00000002 65ff", true), ("avc1", "00000002 0605 00000002 41ff", false),
      // Recovery points as x264 writes them before the pictures that begin open groups, and one that
      // needs another frame.
      ("avc1", "00000005 060601c480 00000002 4188", true),
      ("avc1", "00000008 0605010006 01c480 00000002 4188", true),
      ("avc1", "00000005 0606015480 00000002 4188", false),
      ("avc1", "00000003 0606ff 00000002 4188", false),
      ("avc1", "00000002 0910", nil), ("avc1", "00000009 65", nil), ("avc1", "", nil),
      ("avc1", "00000000 00000001 65", true), ("hvc1", "00000002 4601 00000002 2601", true),
      ("hvc1", "00000002 2a01", true), ("hvc1", "00000002 0201", false),
      ("av01", "1200 0a01 00 3201 10", true), ("av01", "3201 10", false),
      ("av01", "0a01 00 3201 30", false), ("av01", "0a01", nil), ("av01", "0a0100 1a01 90", false),
      ("vp09", "82", true), ("vp09", "86", false), ("vp09", "88", false), ("vp09", "00", nil),
      ("mp4a", "00", nil),
    ] as [(FourCC, String, Bool?)]
  )
  func `key frames are told from others`(codec: FourCC, sample: String, expected: Bool?) throws {
    let bytes = try #require(Bytes(hex: sample.filter { $0 != " " }))
    #expect(SyncSample.isSync(codec: codec, bytes) == expected)
  }

  @Test func `NAL lengths of one and two bytes are read`() {
    #expect(SyncSample.isSync(codec: "avc1", nalLengthSize: 1, [1, 0x65]) == true)
    #expect(SyncSample.isSync(codec: "avc1", nalLengthSize: 2, [0, 1, 0x41]) == false)
  }
}
