import CMAF
import Remux
import TestSupport
import Testing
import Wire

/// Every codec's fixture through LOC and back: an encoder's own samples and times are the measure.
@Suite struct CodecTests {
  static let names = [
    "avc", "avc-b", "hevc", "hevc-pq", "av1", "vp9", "aac", "opus", "flac", "ac3", "eac3",
  ]

  /// The body of the configuration box in a header's first sample entry.
  func configuration(_ header: Bytes) throws -> Bytes {
    var reader = BoxReader(header)
    var movie: Box?
    while let box = try reader.next() { if box.type == "moov" { movie = box } }
    var box = try #require(movie)
    for type in ["trak", "mdia", "minf", "stbl", "stsd"] as [FourCC] {
      box = try box.required(type)
    }
    let entry = try #require(try box.children(after: 8).first)
    let isVideo = try CMAFHeader(header).tracks[0].handler == "vide"
    let wanted: Set<FourCC> = [
      "avcC", "hvcC", "av1C", "vpcC", "esds", "dOps", "dfLa", "dac3", "dec3",
    ]
    return try #require(
      try entry.children(after: isVideo ? 78 : 28).first { wanted.contains($0.type) }
    ).body
  }

  @Test(arguments: names)
  func `CMAF-006 CMAF-009 CMAF-010 LOC becomes the encoder's samples, to the bit and to the tick`(
    _ name: String
  ) throws {
    let (header, samples) = try sources(name)
    let result = remux(
      try remuxSource(header, .loc),
      try locObjects(samples, header: header)
    )
    #expect(result.drops.isEmpty && result.warnings.isEmpty)
    #expect(result.headers.count == 1)
    let track = try CMAFHeader(try #require(result.headers.first)).tracks[0]
    #expect(track.timescale == header.tracks[0].timescale)
    #expect(track.codec == header.tracks[0].codec)
    #expect(track.sampleEntry.format == header.tracks[0].sampleEntry.format)
    #expect(track.video?.width == header.tracks[0].video?.width)
    #expect(track.video?.height == header.tracks[0].video?.height)
    #expect(track.displayWidth == header.tracks[0].displayWidth)
    #expect(track.audio == header.tracks[0].audio)
    let shown = try result.shown()
    #expect(shown.map(\.data) == samples.map(\.data))
    #expect(shown.map(\.presentation) == samples.map(\.presentation))
    #expect(shown.map(\.isSync) == samples.map(\.isSync))
    let chunks = try result.parsed()
    #expect(chunks.map(\.chunk.decodeTime) == samples.map(\.decode))
    let numbers = chunks.map(\.chunk.sequenceNumber)
    #expect(zip(numbers, numbers.dropFirst()).allSatisfy { $0 < $1 }, "CMAF-006")
    for chunk in chunks {
      #expect(chunk.chunk.samples.allSatisfy { $0.duration > 0 }, "CMAF-009")
      let time = try #require(chunk.chunk.bytes.slice.firstRange(of: Array("tfdt".utf8)))
      #expect(chunk.chunk.bytes.slice[time.upperBound] == 1, "CMAF-009: 64 bits of time")
    }
    for group in Set(samples.map(\.group)) {
      let members = samples.filter { $0.group == group }
      #expect(members.map(\.presentation).min() == members.first?.decode, "CMAF-010")
    }
    // What FFmpeg cuts off the last frame of a file is not in the frame.
    #expect(shown.dropLast().map(\.duration) == samples.dropLast().map(\.duration))
    #expect(chunks.map(\.group) == samples.map(\.group))
    #expect(chunks.map(\.object) == samples.map(\.object))
    #expect(result.ends.count == Set(samples.map(\.group)).count)
  }

  @Test(arguments: ["avc", "avc-b", "hevc", "hevc-pq", "av1", "opus", "ac3", "eac3"])
  func `decoder configurations are those that FFmpeg wrote`(_ name: String) throws {
    let (header, samples) = try sources(name)
    let result = remux(
      try remuxSource(header, .loc),
      try locObjects(samples, header: header)
    )
    let ours = try configuration(try #require(result.headers.first))
    let theirs = try configuration(header.bytes)
    #expect(hex(ours.slice) == hex(theirs.slice))
  }

  @Test func `VP9 configuration says what FFmpeg's says`() throws {
    let (header, samples) = try sources("vp9")
    let result = remux(
      try remuxSource(header, .loc),
      try locObjects(samples, header: header)
    )
    let (ours, theirs) = (
      try configuration(try #require(result.headers.first)), try configuration(header.bytes)
    )
    // FFmpeg knows no level for it and writes 0; it keeps the file's colours, which no frame tells.
    #expect(ours.prefix(5) == theirs.prefix(5) && ours[6] == theirs[6])
  }

  @Test func `FLAC configuration is FFmpeg's without what belongs to a whole file`() throws {
    let (header, samples) = try sources("flac")
    let result = remux(
      try remuxSource(header, .loc),
      try locObjects(samples, header: header)
    )
    var theirs = try configuration(header.bytes).array
    theirs[8 + 13] &= 0xF0
    for index in 8 + 14..<8 + 34 { theirs[index] = 0 }
    #expect(try configuration(try #require(result.headers.first)) == Bytes(theirs))
  }

  /// Chromium refuses sizes that are not STREAMINFO's.
  @Test(
    arguments: [
      (44_100, 16, 44_100), (96_000, 24, 48_000), (192_000, 24, 48_000), (176_400, 20, 44_100),
    ] as [(UInt32, UInt32, UInt32)]
  )
  func `FLAC's sample entry tells bits, and a rate that fits`(
    _ rate: UInt32,
    _ bits: UInt32,
    _ told: UInt32
  ) throws {
    let (header, samples) = try sources("flac")
    var record = try configuration(header.bytes).array
    for (index, byte) in [rate >> 12, rate >> 4, rate << 4 | 2 | (bits - 1) >> 4, (bits - 1) << 4]
      .enumerated()
    { record[8 + 10 + index] = UInt8(truncatingIfNeeded: byte) }
    var source = try remuxSource(header, .loc)
    source.configuration = Bytes(record[8...])
    let objects = try locObjects(samples, header: header).map { object in
      var object = object
      object.properties.removeAll { $0.type == 0x0F }
      return object
    }
    let written = try #require(remux(source, objects).headers.first).array
    let place = try #require(written.indices.first { written[$0...].starts(with: "fLaC".utf8) })
    // Reserved and reference, reserved; channels, bits; reserved; rate as 16.16.
    #expect(written[(place + 20)..<(place + 24)] == [0, 2, 0, UInt8(bits)])
    let whole = UInt32(written[place + 28]) << 8 | UInt32(written[place + 29])
    #expect(whole == told)
  }

  @Test(arguments: ["avc", "hevc", "avc-b", "hevc-pq"], [3, 4])
  func `Annex B with parameter sets in band gives the same bytes as lengths without`(
    _ name: String,
    _ startCodeCount: Int
  ) throws {
    let (header, samples) = try sources(name)
    let plain = remux(
      try remuxSource(header, .legacy),
      try legacyObjects(samples, header: header)
    )
    let record = try #require(try header.bareConfiguration())
    let isAVC = header.tracks[0].sampleEntry.format == "avc1"
    var source = try remuxSource(header, .legacy)
    source.configuration = nil
    let objects = try legacyObjects(
      samples.map { sample in
        var sample = sample
        let units = try #require(NALUnits.splitLengths(sample.data, lengthSize: 4))
        let sets = sample.isSync ? parameterSets(record, isAVC: isAVC) : []
        let delimiter: Bytes = isAVC ? [9, 0xF0] : [0x46, 1, 0x50]
        let filler: Bytes = isAVC ? [12, 0xFF, 0x80] : [0x4C, 1, 0xFF, 0x80]
        var bytes: [UInt8] = []
        for (index, unit) in ([delimiter] + sets + units + [filler]).enumerated() {
          bytes += index == 0 || startCodeCount == 4 ? [0, 0, 0, 1] : [0, 0, 1]
          bytes += unit.array
        }
        sample.data = Bytes(bytes)
        return sample
      },
      header: header
    )
    let result = remux(source, objects)
    #expect(result.drops.isEmpty)
    #expect(result.bytes == plain.bytes)
    #expect(result.headers.count == 1)
  }

  /// The NAL units of an avcC or hvcC record, by counting as its definition says.
  func parameterSets(_ record: Bytes, isAVC: Bool) -> [Bytes] {
    var units: [Bytes] = []
    var position = isAVC ? 6 : 23
    func take(_ count: Int) {
      for _ in 0..<count {
        let size = Int(record[position]) << 8 | Int(record[position + 1])
        units.append(record[position + 2..<position + 2 + size])
        position += 2 + size
      }
    }
    if isAVC {
      take(Int(record[5] & 31))
      position += 1
      take(Int(record[position - 1]))
    } else {
      for _ in 0..<record[22] {
        position += 3
        take(Int(record[position - 2]) << 8 | Int(record[position - 1]))
      }
    }
    return units
  }

  @Test(arguments: [1, 2])
  func `lengths of one and two bytes become lengths of four`(_ lengthSize: Int) throws {
    let (header, samples) = try sources("avc")
    // Units that are too long for one byte of length are left out of the experiment.
    let short = samples.prefix(25).filter { $0.data.count < 250 || lengthSize == 2 }
    var source = try remuxSource(header, .legacy)
    var record = try #require(source.configuration).array
    record[4] = 0xFC | UInt8(lengthSize - 1)
    source.configuration = Bytes(record)
    func shortened(_ data: Bytes) throws -> Bytes {
      var writer = ByteWriter()
      for unit in try #require(NALUnits.splitLengths(data, lengthSize: 4)) {
        writer.writeBigEndian(UInt64(unit.count), width: lengthSize)
        writer.write(unit)
      }
      return writer.bytes
    }
    var objects: [RemuxObject] = []
    for (index, sample) in short.enumerated() {
      var sample = sample
      sample.group = 1
      sample.object = UInt64(index)
      // The first picture must be one that decoding can start at.
      sample.data = index == 0 ? samples[0].data : sample.data
      let isWhole = index == 0 && lengthSize == 1
      if isWhole { sample.data = join([[0x65, 0x88, 0x84]]) }
      sample.data = try shortened(sample.data)
      objects += try legacyObjects([sample], header: header)
    }
    let result = remux(source, objects)
    #expect(result.drops.isEmpty)
    let shown = try result.shown()
    #expect(shown.count == short.count)
    for (shown, source) in zip(shown, short).dropFirst() { #expect(shown.data == source.data) }
  }

  func join(_ units: [Bytes]) -> Bytes { NALUnits.join(units) }

  @Test func `other parameter sets begin a new header, the same ones do not`() throws {
    let (header, samples) = try sources("avc")
    let other = try sources("avc-b")
    var objects = try locObjects(samples, header: header)
    let last = try #require(objects.last?.group)
    objects += try locObjects(other.samples, header: other.header).map { object in
      var object = object
      object.group += last
      return object
    }
    objects += try locObjects(samples, header: header).map { object in
      var object = object
      object.group += 2 * last
      return object
    }
    let result = remux(try remuxSource(header, .loc), objects)
    #expect(result.headers.count == 3)
    #expect(result.headers[0] == result.headers[2] && result.headers[0] != result.headers[1])
    #expect(try result.shown().count == samples.count * 2 + other.samples.count)
  }

  @Test func `nothing is made before parameter sets are known`() throws {
    let (header, samples) = try sources("avc")
    var source = try remuxSource(header, .legacy)
    source.configuration = nil
    let result = remux(source, try legacyObjects(samples, header: header))
    #expect(result.headers.isEmpty && result.chunks.isEmpty)
    #expect(result.drops.contains(.unconfigured))
  }

  @Test func `ADTS headers are taken off and tell what a catalog did not`() throws {
    let (header, samples) = try sources("aac")
    let plain = remux(try remuxSource(header, .loc), try locObjects(samples, header: header))
    var source = try remuxSource(header, .loc)
    (source.configuration, source.sampleRate, source.channels) = (nil, nil, nil)
    let objects = samples.map { sample in
      let count = sample.data.count + 7
      // MPEG-4, AAC-LC, 48 kHz, one channel.
      let head: [UInt8] = [
        0xFF, 0xF1, 0x4C, 0x40 | UInt8(count >> 11), UInt8(count >> 3 & 0xFF),
        UInt8(count & 7) << 5 | 0x1F, 0xFC,
      ]
      return RemuxObject(
        group: sample.group,
        object: sample.object,
        payload: Bytes(head + sample.data.array),
        properties: [RemuxProperty(0x10, UInt64(sample.presentation)), RemuxProperty(8, 48_000)],
        arrival: start
      )
    }
    let result = remux(source, objects)
    #expect(try result.shown() == (try plain.shown()))
    #expect(
      try CMAFHeader(result.headers[0]).tracks[0].audio
        == (try CMAFHeader(plain.headers[0]).tracks[0].audio)
    )
  }

  @Test func `configurations are synthesized from codec, rate and channels`() {
    func synthesized(_ codec: String, _ rate: Int, _ channels: Int) -> Bytes? {
      AudioSpecificConfig.synthesized(codec: codec, sampleRate: rate, channels: channels)
    }
    #expect(synthesized("mp4a.40.2", 48_000, 2) == [0x11, 0x90])
    #expect(synthesized("mp4a.40.2", 44_100, 2) == [0x12, 0x10])
    #expect(synthesized("mp4a.40.2", 44_101, 2) == nil)
    #expect(synthesized("mp4a.40.2", 44_100, 9) == nil)
    #expect(synthesized("mp4a.40.34", 44_100, 2) == nil)
    for (codec, type) in [("mp4a.40.5", 5), ("mp4a.40.29", 29)] as [(String, UInt8)] {
      let audio = synthesized(codec, 48_000, 2).flatMap { AudioSpecificConfig($0) }
      #expect(audio?.objectType == type && audio?.sampleRate == 48_000)
    }
  }

  @Test func `Opus packets last as their first bytes say`() {
    #expect(OpusPacket.duration([0xFC]) == 960)
    #expect(OpusPacket.duration([0x78, 0]) == 960)
    #expect(OpusPacket.duration([0x80]) == 120)
    #expect(OpusPacket.duration([0x81, 0]) == 240)
    #expect(OpusPacket.duration([0x1B, 2]) == 5760)
    #expect(OpusPacket.duration([0x1B, 3]) == nil)
    #expect(OpusPacket.duration([0x1B]) == nil)
    #expect(OpusPacket.duration([]) == nil)
  }

  @Test func `AV1 delimiters, padding and tile lists are left out`() throws {
    let (header, samples) = try sources("av1")
    let plain = remux(try remuxSource(header, .loc), try locObjects(samples, header: header))
    var source = try remuxSource(header, .loc)
    source.configuration = nil
    let wrapped = samples.map { sample in
      var sample = sample
      let padding: [UInt8] = [0x7A, 2, 0x80, 0]
      sample.data = Bytes([0x12, 0] + padding + sample.data.array + [0x42, 1, 0] + padding)
      return sample
    }
    let objects = try locObjects(wrapped, header: header).map { object in
      var object = object
      object.properties.removeAll { $0.type == 0x0D }
      return object
    }
    let result = remux(source, objects)
    #expect(result.drops.isEmpty)
    #expect(result.bytes == plain.bytes)
  }

  @Test func `HE-AAC frames last twice as long, at the output rate`() throws {
    var source = RemuxSource(packaging: .loc, kind: .audio, codec: "mp4a.40.5")
    (source.sampleRate, source.channels) = (44_100, 2)
    let objects = (0..<3).map { index in
      RemuxObject(
        group: 1,
        object: UInt64(index),
        payload: [0x21, 0x10, UInt8(index), 4],
        properties: [RemuxProperty(0x10, 1_000_000 + UInt64(index) * 46_440)],
        arrival: start
      )
    }
    let result = remux(source, objects)
    let track = try CMAFHeader(try #require(result.headers.first)).tracks[0]
    #expect(track.codec == "mp4a.40.5" && track.timescale == 44_100)
    let shown = try result.shown()
    #expect(shown.map(\.duration) == [2048, 2048, 2048])
    // 46.44 ms is not quite 2048 samples; within a group frames follow each other all the same.
    #expect(shown.map(\.presentation) == [44_100, 46_148, 48_196])
  }

  @Test func `sound with a gap in its times begins anew after it`() throws {
    let (header, samples) = try sources("aac")
    let objects = try locObjects(
      samples.prefix(6).map { sample in
        var sample = sample
        if sample.object > 2 { sample.presentation += 600 }
        if sample.object > 4 { sample.presentation -= 100 }
        return sample
      },
      header: header
    )
    let shown = try remux(try remuxSource(header, .loc), objects).shown()
    // More than half a frame counts, less does not.
    let times: [Int64] = [0, 1024, 2048, 3672, 4696, 5720]
    #expect(shown.map(\.presentation) == times)
  }

  /// An ADTS frame of AAC-LC of a rate and one channel.
  private func adts(rateIndex: UInt8, _ data: [UInt8] = [0x21, 0x10, 3, 4]) -> Bytes {
    let count = data.count + 7
    let head: [UInt8] = [
      0xFF, 0xF1, 0x40 | rateIndex << 2, 0x40 | UInt8(count >> 11), UInt8(count >> 3 & 0xFF),
      UInt8(count & 7) << 5 | 0x1F, 0xFC,
    ]
    return Bytes(head + data)
  }

  /// Each a group of its own, a twentieth of a second after the one before.
  private func groups(_ frames: [Bytes]) -> [RemuxObject] {
    frames.enumerated().map { index, frame in
      RemuxObject(
        group: UInt64(index),
        object: 0,
        payload: frame,
        properties: [RemuxProperty(0x10, 1_000_000 + UInt64(index) * 50_000)],
        arrival: start
      )
    }
  }

  @Test(arguments: ["mp3", "ac-3", "mp4a.40.2"])
  func `sound whose frames are of another kind from one on gets another header`(
    _ codec: String
  ) throws {
    let frames: [Bytes] =
      switch codec {
      // MPEG-1 layer III of 48 kHz in 64 and 80 kbit/s; MPEG-2 of 24 kHz.
      case "mp3":
        [[0xFF, 0xFB, 0x54, 0xC4, 0], [0xFF, 0xFB, 0x64, 0xC4, 0], [0xFF, 0xF3, 0x54, 0xC4, 0]]
      // Of two channels in 32 and 40 kbit/s, then of one.
      case "ac-3":
        [
          [0x0B, 0x77, 0, 0, 0x00, 0x40, 0x40, 0], [0x0B, 0x77, 0, 0, 0x02, 0x40, 0x40, 0],
          [0x0B, 0x77, 0, 0, 0x00, 0x40, 0x20, 0],
        ]
      default: [adts(rateIndex: 3), adts(rateIndex: 3, [5, 6]), adts(rateIndex: 6)]
      }
    let source = RemuxSource(packaging: .loc, kind: .audio, codec: codec)
    let objects = groups(frames.flatMap { [$0, $0] })
    let result = remux(source, objects)
    #expect(result.drops.isEmpty)
    #expect(result.chunks.count == 6)
    let tracks = try result.headers.map { try CMAFHeader($0).tracks[0] }
    try #require(tracks.count == 2)
    #expect(tracks.map(\.timescale) == (codec == "ac-3" ? [48_000, 48_000] : [48_000, 24_000]))
    #expect(tracks.map { $0.audio?.channels } == (codec == "ac-3" ? [2, 1] : [1, 1]))
  }

  @Test func `ADTS headers of the core of HE-AAC change nothing, those of another rate do`() throws
  {
    var source = RemuxSource(packaging: .loc, kind: .audio, codec: "mp4a.40.5")
    (source.sampleRate, source.channels) = (48_000, 1)
    let frames = [adts(rateIndex: 6), adts(rateIndex: 6), adts(rateIndex: 4), adts(rateIndex: 4)]
    let objects = groups(frames)
    let result = remux(source, objects)
    let tracks = try result.headers.map { try CMAFHeader($0).tracks[0] }
    #expect(tracks.map(\.codec) == ["mp4a.40.5", "mp4a.40.2"])
    #expect(tracks.map(\.timescale) == [48_000, 44_100])
    #expect(try result.shown().map(\.duration) == [2048, 2048, 1024, 1024])

    var mixed = objects[0]
    mixed.payload = Bytes(frames[1].array + frames[2].array)
    #expect(remux(source, [mixed]).drops == [.malformed("its ADTS frames are not of one kind")])
  }

  @Test func `several ADTS frames of an object are several samples`() throws {
    let (header, samples) = try sources("aac")
    let frames = samples.prefix(3).map { sample in
      let count = sample.data.count + 7
      let head: [UInt8] = [
        0xFF, 0xF1, 0x4C, 0x40 | UInt8(count >> 11), UInt8(count >> 3 & 0xFF),
        UInt8(count & 7) << 5 | 0x1F, 0xFC,
      ]
      return head + sample.data.array
    }
    var sample = samples[0]
    sample.data = Bytes(frames.flatMap { $0 })
    let objects = try locObjects([sample], header: header)
    let result = remux(try remuxSource(header, .loc), objects)
    #expect(result.chunks.count == 1)
    #expect(try result.shown().map(\.data) == samples.prefix(3).map(\.data))
    #expect(try result.shown().map(\.presentation) == [0, 1024, 2048])
  }

  @Test func `MP3 frames need no configuration`() throws {
    // MPEG-1 layer III, 48 kHz, one channel; and MPEG-2 at 24 kHz.
    let cases: [(Bytes, String, UInt32, [Int64])] = [
      ([0xFF, 0xFB, 0x54, 0xC4, 0], "mp4a.6B", 48_000, [1152, 1152]),
      ([0xFF, 0xF3, 0x54, 0xC4, 0], "mp4a.69", 24_000, [576, 576]),
    ]
    for (frame, codec, rate, durations) in cases {
      let source = RemuxSource(packaging: .loc, kind: .audio, codec: "mp3")
      let objects = (0..<2).map { index in
        RemuxObject(
          group: 1,
          object: UInt64(index),
          payload: frame,
          properties: [RemuxProperty(0x10, 1_000_000 + UInt64(index) * 24_000)],
          arrival: start
        )
      }
      let result = remux(source, objects)
      let track = try CMAFHeader(try #require(result.headers.first)).tracks[0]
      #expect(track.codec == codec && track.timescale == rate && track.audio?.channels == 1)
      #expect(try result.shown().map(\.duration) == durations)
    }
  }
}
