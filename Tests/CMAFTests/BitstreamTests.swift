import CMAF
import Testing
import Wire

/// Parameter sets of x264 and x265 as FFmpeg 5.1.9 wrote them into avcC and hvcC, and what ffprobe says of
/// their streams (`has_b_frames` is the depth of reordering).
@Suite struct BitstreamTests {
  struct Expectation: Sendable, CustomTestStringConvertible {
    let name: String
    let codec: ParameterSets.Codec
    let record: String
    let width: Int
    let height: Int
    let ratio: PixelAspectRatio
    let reorderDepth: Int
    let frameRate: (UInt32, UInt32)
    let transfer: UInt16?

    var testDescription: String { name }
  }

  static let all = [
    Expectation(
      name: "High 4:2:2, 10 bits, HLG",
      codec: .h264,
      record: "017a000cffe1001e677a000cb6cd941419f8dc39a848904a000003000200000300641e28532c01000668"
        + "ebe3cb22c0fefafa00",
      width: 320,
      height: 180,
      ratio: PixelAspectRatio(horizontal: 4, vertical: 3),
      reorderDepth: 2,
      frameRate: (25, 1),
      transfer: 18
    ),
    Expectation(
      name: "interlaced",
      codec: .h264,
      record: "01640015ffe1001967640015acd941433f260220000003002000000643e28532c001000668fba3cb22c0"
        + "fdf8f800",
      width: 320,
      height: 180,
      ratio: PixelAspectRatio(horizontal: 1, vertical: 1),
      reorderDepth: 2,
      frameRate: (25, 1),
      transfer: nil
    ),
    Expectation(
      name: "30000/1001",
      codec: .h264,
      record: "0164000dffe100186764000dacd941419f9f011000003e90000ea600f142996001000468ef8fcbfdf8f8"
        + "00",
      width: 320,
      height: 180,
      ratio: PixelAspectRatio(horizontal: 1, vertical: 1),
      reorderDepth: 2,
      frameRate: (30000, 1001),
      transfer: nil
    ),
    Expectation(
      name: "8 B-frames",
      codec: .h264,
      record: "0164000cffe1001a6764000cacc8405067e7c044000003000400000300c83c50a65801000668ebe3cb22"
        + "c0fdf8f800",
      width: 320,
      height: 180,
      ratio: PixelAspectRatio(horizontal: 1, vertical: 1),
      reorderDepth: 2,
      frameRate: (25, 1),
      transfer: nil
    ),
    Expectation(
      name: "baseline, 1080 lines",
      codec: .h264,
      record: "0142c02affe100176742c02ada01e0089f97011000003e90001d4c00f1832a01000468ce0fc8",
      width: 1920,
      height: 1080,
      ratio: PixelAspectRatio(horizontal: 1, vertical: 1),
      reorderDepth: 0,
      frameRate: (60000, 1001),
      transfer: nil
    ),
    Expectation(
      name: "4:4:4",
      codec: .hevc,
      record: "0104080000009e08000000003cf000fcfff8f800000f03a00001001740010c01ffff0408000003009e08"
        + "00000300003c959409a10001002b4201010408000003009e0800000300003c9001410183e372caca949c"
        + "2f016808000003000800000300c840a2000100084401c07318301890",
      width: 320,
      height: 180,
      ratio: PixelAspectRatio(horizontal: 1, vertical: 1),
      reorderDepth: 2,
      frameRate: (25, 1),
      transfer: nil
    ),
    Expectation(
      name: "B-frames",
      codec: .hevc,
      record: "0101600000009000000000003cf000fcfdf8f800000f03a00001001840010c01ffff0160000003009000"
        + "0003000003003c959809a10001002b42010101600000030090000003000003003ca00a080b9f79656692"
        + "4caf016808000003000800000300c840a2000100074401c172b46240",
      width: 320,
      height: 180,
      ratio: PixelAspectRatio(horizontal: 1, vertical: 1),
      reorderDepth: 2,
      frameRate: (25, 1),
      transfer: nil
    ),
    Expectation(
      name: "odd size",
      codec: .hevc,
      record: "0101600000009000000000007bf000fcfdf8f800000f03a00001001840010c01ffff0160000003009000"
        + "0003000003007b959409a10001002b42010101600000030090000003000003007ba003c0801107536595"
        + "952930bc05a020000003002000000641a2000100064401c073c189",
      width: 1918,
      height: 1078,
      ratio: PixelAspectRatio(horizontal: 1, vertical: 1),
      reorderDepth: 2,
      frameRate: (50, 1),
      transfer: nil
    ),
    Expectation(
      name: "wide pixels, full range",
      codec: .hevc,
      record: "0101600000009000000000005af000fcfdf8f800000f03a00001001840010c01ffff0160000003009000"
        + "0003000003005a959409a10001002b42010101600000030090000003000003005aa005a200905965654a"
        + "4e178636040000030004000003006420a2000100064401c073c189",
      width: 720,
      height: 576,
      ratio: PixelAspectRatio(horizontal: 64, vertical: 33),
      reorderDepth: 2,
      frameRate: (25, 1),
      transfer: nil
    ),
  ]

  @Test(arguments: all)
  func `parameter sets say what ffprobe says`(_ expected: Expectation) throws {
    let record = try #require(Bytes(hex: expected.record))
    var lengthSize = 0
    let sets = try #require(
      ParameterSets(codec: expected.codec, record: record, lengthSize: &lengthSize)
    )
    #expect(lengthSize == 4 && sets.isComplete)
    #expect(sets.record == record)
    let rate: FrameRateHint?
    switch expected.codec {
    case .h264:
      let found = try #require(sets.h264)
      #expect(found.width == expected.width && found.height == expected.height)
      #expect(found.pixelAspectRatio == expected.ratio)
      #expect(found.reorderDepth == expected.reorderDepth)
      #expect(found.colour?.transfer == expected.transfer)
      rate = found.frameRate
    case .hevc:
      let found = try #require(sets.hevc)
      #expect(found.width == expected.width && found.height == expected.height)
      #expect(found.pixelAspectRatio == expected.ratio)
      #expect(found.reorderDepth == expected.reorderDepth)
      #expect((found.colour?.transfer ?? 2) == (expected.transfer ?? 2))
      rate = found.frameRate
    }
    let (numerator, denominator) = expected.frameRate
    #expect(
      rate.map { UInt64($0.numerator) * UInt64(denominator) }
        == rate.map { UInt64(numerator) * UInt64($0.denominator) }
    )
    #expect(rate != nil)
  }

  @Test(arguments: all)
  func `what is cut off is refused or read, and never traps`(_ expected: Expectation) throws {
    let record = try #require(Bytes(hex: expected.record))
    var refused = 0
    for count in 0..<record.count {
      var lengthSize = 4
      let sets = ParameterSets(
        codec: expected.codec,
        record: record.prefix(count),
        lengthSize: &lengthSize
      )
      if sets?.record == nil { refused += 1 }
      for offset in stride(from: 0, to: count, by: 5) {
        _ = H264SequenceParameters(record[offset..<count])
        _ = HEVCSequenceParameters(record[offset..<count])
      }
    }
    #expect(refused > record.count - 12)
  }

  @Test func `NAL units are found between start codes of either length`() {
    let units: [Bytes] = [[0x09, 0xF0], [0x67, 1, 2], [0x65, 0, 0, 3, 1, 0x80]]
    let sample: Bytes = [
      0, 0, 0, 1, 0x09, 0xF0, 0, 0, 1, 0x67, 1, 2, 0, 0, 0, 1, 0x65, 0, 0, 3, 1, 0x80, 0, 0,
    ]
    #expect(NALUnits.split(sample) == units)
    #expect(NALUnits.splitStartCodes(sample) == units)
    #expect(NALUnits.split(NALUnits.join(units)) == units)
    // A three-byte start code could be a length of 256 to 511: only where that does not fit.
    #expect(NALUnits.split([0, 0, 1, 0x65, 0x88]) == [[0x65, 0x88]])
    let long = Bytes([0, 0, 1, 0] + [0x65] + [UInt8](repeating: 7, count: 255))
    #expect(NALUnits.split(long)?.first?.count == 256)
    #expect(NALUnits.split([]) == nil)
    #expect(NALUnits.split([0, 0, 0, 1]) == nil)
    #expect(NALUnits.split([0, 0, 0, 1, 0xE5]) == nil)
    #expect(NALUnits.split([0, 0, 0, 0]) == nil)
  }

  @Test func `FLAC frames say how many samples they hold`() {
    func duration(_ code: UInt8, _ rest: [UInt8]) -> Int? {
      FLACFrame.duration(Bytes([0xFF, 0xF8, code << 4 | 9, 0x18] + rest + [0, 0, 0]))
    }
    #expect(duration(1, [0]) == 192)
    #expect(duration(2, [0]) == 576 && duration(5, [0]) == 4608)
    #expect(duration(8, [0]) == 256 && duration(12, [0]) == 4096 && duration(15, [0]) == 32_768)
    #expect(duration(6, [0, 0x7F]) == 128)
    #expect(duration(7, [0xC4, 0x80, 0x12, 0x34]) == 0x1235)
    #expect(duration(0, [0]) == nil)
    #expect(duration(6, [0x80, 1]) == nil)
  }

  @Test func `AC-3 and E-AC-3 with several substreams are described`() throws {
    // 48 kHz, 2/0, 192 kb/s: the example of the specification's boxes.
    let ac3 = try #require(
      DolbyDigitalFrame(
        Bytes([0x0B, 0x77, 0, 0, 0x14, 0x40, 0x43] + [UInt8](repeating: 0, count: 40))
      )
    )
    #expect(ac3.record == [0x10, 0x11, 0x40] && ac3.duration == 1536 && ac3.channels == 2)
    // An independent substream of 3/2 with LFE and a dependent one with Lrs/Rrs: 7.1.
    func frame(_ type: UInt8, _ mode: UInt8, _ tail: [UInt8]) -> [UInt8] {
      let count = 32
      return [
        0x0B, 0x77, type << 6, UInt8(count / 2 - 1), 0b0011_0000 | mode << 1 | (type == 0 ? 1 : 0),
      ] + tail + [UInt8](repeating: 0, count: count - 5 - tail.count)
    }
    // bsid 16, dialnorm 0, no compr; then chanmap with bit 6.
    let sample = Bytes(
      frame(0, 7, [0x80, 0, 0]) + frame(1, 2, [0x80, 0b0001_0000, 0b0010_0000, 0, 0])
    )
    let eac3 = try #require(DolbyDigitalFrame(sample))
    #expect(eac3.isEnhanced && eac3.duration == 1536 && eac3.channels == 6)
    // data_rate 16, one independent; fscod 0, bsid 16, acmod 7, lfeon 1, one dependent at chan_loc 2.
    #expect(eac3.record == [0x00, 0x80, 0x20, 0x0F, 0x02, 0x02])
  }

  @Test func `E-AC-3 of 44,100 Hz has one rate, whichever of its frames comes first`() throws {
    // 192 kbit/s are 835.9 bytes of 1536 samples: words of two bytes make it 834 or 836.
    func record(bytes: Int) throws -> Bytes {
      let words = bytes / 2 - 1
      let head = [0x0B, 0x77, UInt8(words >> 8), UInt8(words & 0xFF), 0b0111_0100, 0x80, 0, 0]
      let sample = Bytes(head + [UInt8](repeating: 0, count: bytes - head.count))
      return try #require(DolbyDigitalFrame(sample)).record
    }
    #expect(try record(bytes: 836) == record(bytes: 834))
    #expect(try record(bytes: 836).prefix(2) == [192 >> 5, 192 << 3 & 0xFF])
  }
}
