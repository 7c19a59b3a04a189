import CMAF
import TestSupport
import Testing
import Wire

/// A header and samples of three sizes for chunks made to order.
struct Made {
  let header: CMAFHeader

  init() throws { header = try MediaFixture.cmaf("avc").header }

  let samples = [
    ChunkWriter.Sample(data: [1, 2, 3], duration: 512, compositionOffset: 512),
    ChunkWriter.Sample(data: [4, 5], duration: 512, flags: .nonSync, compositionOffset: 1024),
    ChunkWriter.Sample(data: [6], duration: 500, flags: .nonSync, compositionOffset: -512),
  ]

  func chunk(at time: Int64, number: UInt32 = 1) -> Bytes {
    ChunkWriter(trackID: 1, sequenceNumber: number).chunk(samples, decodeTime: time)
  }

  func parse(_ bytes: Bytes) throws -> [CMAFChunk] {
    try CMAFChunk.parse(bytes, header: header)
  }

  /// The chunk at 1000 with its `traf` children written by other means.
  func custom(
    header: TrackFragmentHeader = TrackFragmentHeader(trackID: 1, sampleDuration: 10),
    timeVersion: UInt8 = 1,
    time: UInt64 = 1000,
    runFlags: UInt32 = 0x201,
    offset: Int32? = nil,
    sizes: [UInt32] = [3, 3],
    payload: Bytes = [1, 2, 3, 4, 5, 6],
    extra: Bytes = []
  ) -> Bytes {
    var writer = ByteWriter()
    var position = 0
    writer.box("moof") { moof in
      MovieFragmentHeader(sequenceNumber: 7).write(to: &moof)
      moof.box("traf") { traf in
        header.write(to: &traf)
        traf.fullBox("tfdt", version: timeVersion) {
          $0.writeBigEndian(time, width: timeVersion == 0 ? 4 : 8)
        }
        traf.fullBox("trun", flags: runFlags) { run in
          run.write(UInt32(sizes.count))
          position = run.count
          if runFlags & 1 != 0 { run.write(UInt32(0)) }
          for size in sizes { run.write(size) }
        }
        traf.write(extra)
      }
    }
    if runFlags & 1 != 0 {
      writer.overwrite(UInt32(bitPattern: offset ?? Int32(writer.count + 8)), at: position)
    }
    writer.box("mdat") { $0.write(payload) }
    return writer.bytes
  }
}

@Suite struct CMAFChunkTests {
  @Test func `a written chunk reads back`() throws {
    let made = try Made()
    let bytes = made.chunk(at: 90_000, number: 5)
    let chunk = try #require(try made.parse(bytes).first)
    #expect(chunk.bytes == bytes)
    #expect(chunk.trackID == 1)
    #expect(chunk.sequenceNumber == 5)
    #expect(chunk.decodeTime == 90_000)
    #expect(chunk.duration == 1524)
    #expect(chunk.sampleCount == 3)
    #expect(chunk.earliestPresentationOffset == 512)
    #expect(chunk.startsWithSync && chunk.containsSync)
    #expect(chunk.producerReferenceTime == nil)
    #expect(chunk.payload == [1, 2, 3, 4, 5, 6])
    let samples = Array(chunk.samples)
    #expect(samples.map(\.decodeTime) == [90_000, 90_512, 91_024])
    #expect(samples.map(\.duration) == [512, 512, 500])
    #expect(samples.map(\.compositionOffset) == [512, 1024, -512])
    #expect(samples.map { chunk.data(of: $0) } == made.samples.map(\.data))
    let rest = made.samples.dropFirst().reduce(0) { $0 + $1.data.count }
    #expect(chunk.firstSampleEnd == chunk.bytes.count - rest)
    #expect(samples.map(\.flags) == [.sync, .nonSync, .nonSync])
  }

  @Test func `leading boxes belong to the chunk they precede`() throws {
    let made = try Made()
    var writer = ByteWriter()
    FileType(majorBrand: "msdh", compatibleBrands: ["msdh", "msix"]).write(to: &writer, as: "styp")
    let reference = ProducerReferenceTime(
      flags: 24,
      trackID: 1,
      ntpTimestamp: 0xE9A1_0000_8000_0000,
      mediaTime: 1000
    )
    reference.write(to: &writer)
    let event = EventMessage(
      schemeURI: "urn:scte:scte35:2013:bin",
      value: "1",
      timescale: 90_000,
      start: .presentation(ticks: 5),
      duration: 10,
      id: 3,
      message: [1, 2]
    )
    event.write(to: &writer)
    writer.write(made.chunk(at: 1000, number: 1))
    let first = writer.bytes
    writer.write(made.chunk(at: 2524, number: 2))
    let chunks = try made.parse(writer.bytes)
    #expect(chunks.map(\.bytes) == [first, writer.bytes.suffix(from: first.count)])
    #expect(chunks[0].producerReferenceTime == reference)
    #expect(try chunks[0].events() == [event])
    #expect(chunks[1].producerReferenceTime == nil)
  }

  @Test func `an index is left out and only its chunk is rebuilt`() throws {
    let made = try Made()
    let chunk = made.chunk(at: 1000)
    var index = ByteWriter()
    index.box("sidx") { $0.write(UInt64(0)) }
    var type = ByteWriter()
    FileType(majorBrand: "msdh", compatibleBrands: []).write(to: &type, as: "styp")
    let afterType = try made.parse(Bytes(type.array + index.array + chunk.array + chunk.array))
    #expect(afterType.map(\.bytes) == [Bytes(type.array + chunk.array), chunk])
    let beforeType = try made.parse(Bytes(index.array + type.array + chunk.array))
    #expect(beforeType.map(\.bytes) == [Bytes(type.array + chunk.array)])
  }

  @Test func `a media box without a size gets one`() throws {
    let made = try Made()
    let whole = made.custom()
    var open = whole.array
    let start = open.count - 14
    open.replaceSubrange(start..<start + 4, with: [0, 0, 0, 0])
    #expect(try made.parse(Bytes(open)).map(\.bytes) == [whole])
  }

  @Test func `CMAF-004 offsets into a file become offsets into the chunk`() throws {
    let made = try Made()
    let clean = made.custom()
    var header = TrackFragmentHeader(trackID: 1, sampleDuration: 10)
    header.isDefaultBaseMoof = false
    #expect(try made.parse(made.custom(header: header)).map(\.bytes) == [clean])
    header.baseDataOffset = 123_456
    #expect(try made.parse(made.custom(header: header)).map(\.bytes) == [clean])
    #expect(try made.parse(made.custom(runFlags: 0x200)).map(\.bytes) == [clean])
  }

  @Test func `samples outside the media box are refused`() throws {
    let made = try Made()
    for bytes in [
      made.custom(sizes: [3, 4]), made.custom(offset: 0), made.custom(offset: .max),
      made.custom(offset: .min), made.custom(sizes: [.max, .max]),
    ] {
      #expect(throws: CMAFError.self) { try made.parse(bytes) }
    }
  }

  @Test func `a decode time above 2^62 is refused and one below is not`() throws {
    let made = try Made()
    #expect(try made.parse(made.custom(time: 1 << 62))[0].decodeTime == 1 << 62)
    #expect(throws: CMAFError.self) { try made.parse(made.custom(time: 1 << 62 + 1)) }
  }

  @Test func `sample counts are bounded even when samples cost no bytes`() throws {
    let made = try Made()
    func run(_ count: UInt32) -> Bytes {
      var header = TrackFragmentHeader(trackID: 1, sampleDuration: 1, sampleSize: 0)
      header.sampleFlags = .sync
      var bytes = made.custom(header: header, runFlags: 1, sizes: []).array
      let position = bytes.count - 14 - 8
      for index in 0..<4 {
        bytes[position + index] = UInt8(truncatingIfNeeded: count >> UInt32(24 - 8 * index))
      }
      return Bytes(bytes)
    }
    #expect(try made.parse(run(65_536))[0].sampleCount == 65_536)
    #expect(
      throws: CMAFError.limit(box: "trun", field: "sample_count", value: 65_537, limit: 65_536)
    ) { try made.parse(run(65_537)) }
  }

  @Test func `what is not a chunk is named`() throws {
    let made = try Made()
    let chunk = made.custom()
    var writer = ByteWriter()
    writer.box("free") { _ in }
    let free = writer.bytes
    let moof = chunk.prefix(chunk.count - 14)
    let mdat = chunk.suffix(from: chunk.count - 14)
    let header = made.header.bytes
    #expect(
      throws: CMAFError.invalid(
        box: "free",
        field: "position",
        value: "after moof",
        offset: moof.count
      )
    ) { try made.parse(Bytes(moof.array + free.array + mdat.array)) }
    #expect(throws: CMAFError.missing(box: "mdat", parent: nil)) { try made.parse(moof) }
    #expect(throws: CMAFError.invalid(box: "mdat", field: "position", value: "here", offset: 0)) {
      try made.parse(mdat)
    }
    #expect(throws: CMAFError.invalid(box: "ftyp", field: "position", value: "here", offset: 0)) {
      try made.parse(header)
    }
    #expect(try made.parse(Bytes()) == [])
    #expect(
      throws: CMAFError.invalid(box: "tfhd", field: "track_ID", value: "8", offset: 0)
    ) { try made.parse(made.custom(header: TrackFragmentHeader(trackID: 8))) }
  }

  @Test func `every cut of a chunk is an error and none traps`() throws {
    let made = try Made()
    let chunk = made.chunk(at: 5)
    for count in 1..<chunk.count {
      #expect(throws: CMAFError.self) { try made.parse(chunk.prefix(count)) }
    }
  }

  @Test func `no changed byte of a chunk traps`() throws {
    let made = try Made()
    for chunk in [made.chunk(at: 5).array, made.custom(timeVersion: 0).array] {
      for index in chunk.indices {
        for value in [0, 1, 2, 0x7F, 0x80, 0xFF] as [UInt8] {
          var changed = chunk
          changed[index] = value
          for parsed in (try? made.parse(Bytes(changed))) ?? [] {
            _ = try? parsed.shifted(byTicks: 1 << 40, header: made.header)
          }
        }
      }
    }
  }
}

@Suite struct FragmentSplitterTests {
  /// A fragment of tracks 1 and 2 with two samples each, of 3 and of 2 bytes; offsets as given.
  func fragment(isBaseMoof: Bool, offsets: (Int32?, Int32?)) -> Bytes {
    var writer = ByteWriter()
    writer.box("moof") { moof in
      MovieFragmentHeader(sequenceNumber: 4).write(to: &moof)
      for (trackID, size, offset) in [(1, 3, offsets.0), (2, 2, offsets.1)] {
        moof.box("traf") { traf in
          var header = TrackFragmentHeader(
            trackID: UInt32(trackID),
            sampleDuration: 10,
            sampleSize: UInt32(size),
            sampleFlags: .sync
          )
          header.isDefaultBaseMoof = isBaseMoof
          header.write(to: &traf)
          TrackFragmentDecodeTime(baseMediaDecodeTime: 50).write(to: &traf)
          traf.fullBox("trun", flags: offset == nil ? 0 : 1) { run in
            run.write(UInt32(2))
            if let offset { run.write(offset) }
          }
        }
      }
    }
    writer.box("mdat") { $0.write([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]) }
    return writer.bytes
  }

  @Test func `offsets count from the moof, from the track before, or follow on`() throws {
    let header = try MediaFixture.cmaf("two-tracks").header
    // 16 mfhd, 8 + 28 + 20 + 20 a traf, and the box headers of moof and mdat.
    let payload = Int32(8 + 16 + 2 * 76 + 8)
    for bytes in [
      fragment(isBaseMoof: true, offsets: (payload, payload + 6)),
      fragment(isBaseMoof: false, offsets: (payload, 0)),
      fragment(isBaseMoof: false, offsets: (nil, nil)),
      // One offset less makes the moof four bytes shorter.
      fragment(isBaseMoof: true, offsets: (payload - 4, nil)),
    ] {
      let chunks = try CMAFChunk.parse(bytes, header: header)
      #expect(chunks.map(\.trackID) == [1, 2])
      #expect(chunks.map(\.payload) == [[1, 2, 3, 4, 5, 6], [7, 8, 9, 10]])
      #expect(chunks.map(\.decodeTime) == [50, 50])
      #expect(chunks.map(\.sequenceNumber) == [4, 4])
    }
  }

  @Test func `data outside the media box is refused`() throws {
    let header = try MediaFixture.cmaf("two-tracks").header
    for offsets in [(0, 0), (Int32.max, 0), (192 as Int32, Int32.min)] as [(Int32, Int32)] {
      #expect(throws: CMAFError.self) {
        try CMAFChunk.parse(fragment(isBaseMoof: true, offsets: offsets), header: header)
      }
    }
  }
}

@Suite struct ChunkShiftTests {
  @Test func `a 64-bit decode time is changed in place`() throws {
    let made = try Made()
    let chunk = try made.parse(made.chunk(at: 1000))[0]
    #expect(try chunk.shifted(byTicks: 500, header: made.header).bytes == made.chunk(at: 1500))
    #expect(try chunk.shifted(byTicks: -1000, header: made.header).bytes == made.chunk(at: 0))
    #expect(try chunk.shifted(byTicks: 0, header: made.header) == chunk)
    #expect(throws: CMAFError.self) { try chunk.shifted(byTicks: -1001, header: made.header) }
    #expect(throws: CMAFError.self) { try chunk.shifted(byTicks: .max, header: made.header) }
  }

  @Test func `a 32-bit decode time stays one while it fits`() throws {
    let made = try Made()
    let chunk = try made.parse(made.custom(timeVersion: 0))[0]
    let last = Int64(UInt32.max) - 1000
    #expect(
      try chunk.shifted(byTicks: last, header: made.header).bytes
        == made.custom(timeVersion: 0, time: UInt64(UInt32.max))
    )
    let grown = try chunk.shifted(byTicks: last + 1, header: made.header)
    #expect(grown.bytes == made.custom(timeVersion: 1, time: 1 << 32))
    #expect(grown.payload == chunk.payload)
  }

  @Test func `encryption offsets follow a moof that grows`() throws {
    func offsets(_ offset: UInt32) -> Bytes {
      var writer = ByteWriter()
      writer.fullBox("saio") { box in
        box.write(UInt32(1))
        box.write(offset)
      }
      return writer.bytes
    }
    let made = try Made()
    let chunk = try made.parse(made.custom(timeVersion: 0, extra: offsets(100)))[0]
    #expect(
      try chunk.shifted(byTicks: 1 << 33, header: made.header).bytes
        == made.custom(time: 1000 + 1 << 33, extra: offsets(104))
    )
  }

  @Test func `times said on the same timeline move along`() throws {
    let made = try Made()
    func object(at time: Int64, event: UInt64) -> Bytes {
      var writer = ByteWriter()
      ProducerReferenceTime(trackID: 1, ntpTimestamp: 1, mediaTime: UInt64(time)).write(to: &writer)
      EventMessage(
        schemeURI: "urn:x",
        value: "",
        timescale: 1000,
        start: .presentation(ticks: event),
        duration: 0,
        id: 1,
        message: []
      ).write(to: &writer)
      writer.write(made.chunk(at: time))
      return writer.bytes
    }
    let chunk = try made.parse(object(at: 12_800, event: 1500))[0]
    // The track has 12,800 ticks a second, the event 1000.
    #expect(
      try chunk.shifted(byTicks: 25_600, header: made.header).bytes
        == object(at: 38_400, event: 3500)
    )
  }
}

@Suite struct ChunkAssemblerTests {
  @Test func `an object that is whole passes through`() throws {
    let chunk = try Made().chunk(at: 1)
    var assembler = ChunkAssembler(limitBytes: 10_000)
    #expect(try assembler.append(chunk) == chunk)
    #expect(try assembler.append(Bytes(chunk.array + chunk.array))?.count == chunk.count * 2)
    #expect(assembler.pendingCount == 0)
  }

  @Test func `a chunk is put together from any two pieces`() throws {
    let chunk = try Made().chunk(at: 1)
    for cut in 1..<chunk.count {
      var assembler = ChunkAssembler(limitBytes: chunk.count)
      #expect(try assembler.append(chunk.prefix(cut)) == nil)
      #expect(assembler.pendingCount == cut)
      #expect(try assembler.append(chunk.suffix(from: cut)) == chunk)
    }
  }

  @Test func `a chunk is put together from single bytes`() throws {
    let chunk = try Made().chunk(at: 1)
    var assembler = ChunkAssembler(limitBytes: chunk.count)
    for index in 0..<chunk.count - 1 {
      #expect(try assembler.append(chunk[index..<index + 1]) == nil)
    }
    #expect(try assembler.append(chunk.suffix(from: chunk.count - 1)) == chunk)
  }

  @Test func `what is held is bounded`() throws {
    let chunk = try Made().chunk(at: 1)
    var assembler = ChunkAssembler(limitBytes: chunk.count - 1)
    #expect(try assembler.append(chunk.prefix(chunk.count - 1)) == nil)
    #expect(
      throws: CMAFError.limit(
        box: nil,
        field: "unfinished chunk bytes",
        value: UInt64(chunk.count),
        limit: UInt64(chunk.count - 1)
      )
    ) { try assembler.append(chunk.suffix(from: chunk.count - 1)) }
    #expect(assembler.pendingCount == 0)
  }

  @Test func `a size that can't be is an error, and then it starts anew`() throws {
    let chunk = try Made().chunk(at: 1)
    var assembler = ChunkAssembler(limitBytes: 10_000)
    #expect(throws: CMAFError.invalid(box: "moof", field: "size", value: "7", offset: 0)) {
      try assembler.append([0, 0, 0, 7, 0x6D, 0x6F, 0x6F, 0x66])
    }
    #expect(try assembler.append(chunk) == chunk)
  }
}
