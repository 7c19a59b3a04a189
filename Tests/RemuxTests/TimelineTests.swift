import CMAF
import Remux
import TestSupport
import Testing
import Wire

/// Durations, timescales and orders that the fixtures don't have.
@Suite struct TimelineTests {
  /// Pictures of one group with given times, in the fixture's timescale of 12,800 ticks.
  func objects(_ times: [Int64], group: UInt64 = 1) throws -> (RemuxSource, [RemuxObject]) {
    let (header, samples) = try sources("avc")
    var source = try remuxSource(header, .loc)
    source.framerateThousandths = nil
    let pictures = times.enumerated().map { index, time in
      var picture = samples[index]
      picture.group = group
      picture.object = UInt64(index)
      picture.presentation = time
      return picture
    }
    return (source, try locObjects(pictures, header: header))
  }

  @Test func `the last picture of a group lasts as the one before it`() throws {
    // x264 wrote the fixture's rate of 25 into its parameter sets; one far from it is believed more.
    let (source, list) = try objects([0, 512, 1024, 3000])
    #expect(try remux(source, list).shown().map(\.duration) == [512, 512, 1976, 1976])
  }

  @Test func `a lone picture lasts as long as the catalog's or the parameter sets' rate says`()
    throws
  {
    var (source, list) = try objects([1000])
    #expect(try remux(source, list).shown().map(\.duration) == [512])
    source.framerateThousandths = 50_000
    #expect(try remux(source, list).shown().map(\.duration) == [256])
  }

  @Test func `a gap of more than ten seconds in a group is no duration; the one before is`() throws
  {
    let (source, list) = try objects([0, 512, 1024, 1024 + 128_000, 1024 + 128_000 + 128_001])
    #expect(
      try remux(source, list).shown().map(\.duration) == [512, 512, 128_000, 128_000, 128_000]
    )
  }

  @Test func `times that stand still or go back without leave are made to ascend`() throws {
    let (source, list) = try objects([1000, 1000, 900, 1512])
    let chunks = try remux(source, list).parsed().map(\.chunk)
    #expect(chunks.map(\.decodeTime) == [1000, 1001, 1002, 1512])
    #expect(chunks.map(\.earliestPresentationOffset) == [0, -1, -102, 0])
  }

  @Test func `a rate of N over 1.001 makes the timescale`() throws {
    let (header, samples) = try sources("avc")
    for (rate, timescale) in [
      (29_970, 30_000), (23_976, 24_000), (59_940, 60_000), (25_000, 90_000), (30_000, 90_000),
    ] as [(Int64, UInt32)] {
      var source = try remuxSource(header, .legacy)
      source.framerateThousandths = rate
      let result = remux(source, try legacyObjects(samples, header: header))
      #expect(try CMAFHeader(result.headers[0]).tracks[0].timescale == timescale)
    }
  }

  @Test func `without a word of the parameter sets a group's first pictures tell the order`() throws
  {
    let (header, samples) = try sources("avc-b")
    let objects = try locObjects(samples, header: header).map { object in
      var object = object
      object.properties.removeAll { $0.type == 0x0D }
      return object
    }
    var source = try remuxSource(header, .loc)
    source.configuration = try withoutRestriction(try #require(source.configuration))
    let result = remux(source, objects)
    #expect(try result.parsed().map(\.chunk.decodeTime) == samples.map(\.decode))
    #expect(try result.shown().map(\.presentation) == samples.map(\.presentation))
  }

  /// An avcC whose sequence parameter set has no usability information.
  func withoutRestriction(_ record: Bytes) throws -> Bytes {
    // The fixture's set up to its cropping, then "no usability information" and the stop bit. Its
    // fields before are 76 bits: 6764000aacd94626c0 ends with the flag at bit 3 of its last byte.
    let count = Int(record[6]) << 8 | Int(record[7])
    let set = record[8..<8 + count]
    let parameters = try #require(H264SequenceParameters(set))
    #expect(parameters.reorderDepth == 2 || parameters.reorderDepth == 1)
    for cut in 6..<set.count {
      for bit in 0..<8 {
        var bytes = set.prefix(cut + 1).array
        // Clear the flag, set the stop bit after it.
        let mask = UInt8(truncatingIfNeeded: 0xFF << (8 - bit))
        bytes[cut] = bytes[cut] & mask
        if bit == 7 { bytes.append(0x80) } else { bytes[cut] |= 0x40 >> UInt8(bit) }
        guard let found = H264SequenceParameters(Bytes(bytes)), found.width == parameters.width,
          found.height == parameters.height, found.reorderDepth == nil, found.frameRate == nil
        else { continue }
        var writer = ByteWriter()
        writer.write(record.prefix(6))
        writer.write(UInt16(bytes.count))
        writer.write(contentsOf: bytes)
        writer.write(record.suffix(from: 8 + count))
        return writer.bytes
      }
    }
    Issue.record("no cut gives a set without usability information")
    return record
  }

  @Test func `times that no broadcast has are dropped`() throws {
    var (source, list) = try objects([0, 512, 1024, 1536])
    list[1].properties = [RemuxProperty(0x10, UInt64.max), RemuxProperty(8, 12_800)]
    #expect(remux(source, list).drops == [.time, .undecodable, .undecodable])
    for scale in [0, (1 << 30) + 1, .max] as [UInt64] {
      for index in list.indices {
        list[index].properties = [RemuxProperty(0x10, 1), RemuxProperty(8, scale)]
      }
      #expect(remux(source, list).drops == Array(repeating: .time, count: 4))
    }
    source.timescale = 0
    for index in list.indices { list[index].properties = [RemuxProperty(0x10, 1)] }
    #expect(remux(source, list).drops.count == 4)
  }
}
