import CMAF
import Remux
import TestSupport
import Testing
import Wire

/// Where LOC objects hold their times, and what lies in front of their frames.
@Suite struct LOCTests {
  /// A fixture's objects with other properties.
  func objects(
    _ name: String,
    _ properties: (Source, UInt64) -> [RemuxProperty]
  ) throws -> (RemuxSource, [RemuxObject], Remuxed) {
    let (header, samples) = try sources(name)
    let scale = header.tracks[0].timescale
    var source = try remuxSource(header, .loc)
    source.trackProperties = [RemuxProperty(0x08, UInt64(scale))]
    let objects = samples.map { sample in
      RemuxObject(
        group: sample.group,
        object: sample.object,
        payload: sample.data,
        properties: properties(sample, UInt64(sample.presentation)),
        arrival: start
      )
    }
    return (
      source, objects, remux(try remuxSource(header, .loc), try locObjects(samples, header: header))
    )
  }

  @Test(arguments: ["avc", "aac", "opus"], [0x10, 0x06, 0x0A] as [UInt64])
  func `times are found where any revision has them`(_ name: String, _ type: UInt64) throws {
    let (source, objects, expected) = try objects(name) { sample, time in
      // Beside 0x10 the others are delivery timeouts and levels.
      [RemuxProperty(type, time)]
        + (type == 0x10 ? [RemuxProperty(0x02, 2000), RemuxProperty(0x06, 0x9F)] : [])
    }
    #expect(remux(source, objects).bytes == expected.bytes)
  }

  @Test func `the first revisions' capture timestamps are microseconds since 1970`() throws {
    var (source, objects, _) = try objects("aac") { sample, time in
      [
        RemuxProperty(0x02, 1_795_657_709_000_000 + time * 1_000_000 / 48_000),
        RemuxProperty(0x06, 0x7F),
      ]
    }
    source.trackProperties = []
    source.timescale = 48_000
    let shown = try remux(source, objects).shown()
    #expect(shown[0].presentation == 1_795_657_709 * 48_000)
    #expect(shown[1].presentation == 1_795_657_709 * 48_000 + 1024)
  }

  @Test func `who joins after the object that tells the timescale misreads no time`() throws {
    var (source, objects, expected) = try objects("aac") { sample, time in
      (sample.object == 0 ? [RemuxProperty(0x08, 48_000)] : []) + [RemuxProperty(0x10, time)]
    }
    source.trackProperties = []
    let joined = joined(source, objects)
    #expect(try joined.shown() == Array(try expected.shown().dropFirst(10)))
    #expect(joined.drops == [RemuxDrop](repeating: .time, count: 7))
    // Where no group's first object tells it either, there is none to be told.
    for index in objects.indices { objects[index].properties.removeAll { $0.type == 0x08 } }
    let untold = self.joined(source, objects)
    #expect(untold.drops == [RemuxDrop](repeating: .time, count: 7))
    #expect(try untold.shown().count == objects.count - 10)
  }

  /// What comes of a track whose first three objects were missed, after waiting for them in vain.
  func joined(_ source: RemuxSource, _ objects: [RemuxObject]) -> Remuxed {
    var remuxer = TrackRemuxer(source)
    var result = Remuxed()
    for object in objects[3..<6] { remuxer.receive(object) }
    remuxer.handleTimeout(now: start + .seconds(10))
    for object in objects[6...] { remuxer.receive(object) }
    remuxer.handleTimeout(now: start + .seconds(20))
    while let event = remuxer.poll() { result.events.append(event) }
    return result
  }

  @Test func `a mapping of ids makes times`() throws {
    let (header, samples) = try sources("avc")
    var source = try remuxSource(header, .loc)
    var mapping = ByteWriter()
    // Group 7 begins at 0; groups last 25 × 512 ticks and objects 512.
    for number in [7, 0, 12_800, 512] as [UInt64] { mapping.writeVarint(number) }
    source.trackProperties = [
      RemuxProperty(0x2C7A_51E0, 12_800), RemuxProperty(0x27F3_08C5, mapping.bytes),
    ]
    let objects = samples.map { sample in
      RemuxObject(
        group: sample.group,
        object: sample.object,
        payload: sample.data,
        arrival: start
      )
    }
    let expected = remux(try remuxSource(header, .loc), try locObjects(samples, header: header))
    #expect(remux(source, objects).bytes == expected.bytes)
  }

  @Test func `without times ids are taken, and that is said`() throws {
    var (source, objects, _) = try objects("avc") { _, _ in [] }
    source.trackProperties = []
    #expect(remux(source, objects).drops.count == objects.count)
    source.maximumGroupMilliseconds = 1000
    let result = remux(source, objects)
    #expect(result.warnings.count == 1)
    let times: [Int64] = (0..<50).map { 7 * 90_000 + $0 * 3600 }
    #expect(try result.shown().map(\.presentation) == times)
  }

  enum Convention: CaseIterable { case none, tagged, taggedWithProperties, measured, counted }

  @Test(
    arguments: ["avc", "hevc", "av1", "vp9", "aac", "opus", "flac", "ac3"],
    Convention.allCases
  )
  func `private properties in front of frames are told apart`(
    _ name: String,
    _ convention: Convention
  ) throws {
    let (source, objects, expected) = try objects(name) { _, time in
      convention == .counted ? [] : [RemuxProperty(0x10, time)]
    }
    let wrapped = objects.map { object in
      var writer = ByteWriter()
      let time = UInt64(timestamp(object) ?? 0)
      switch convention {
      case .none: break
      case .tagged: writer.write(contentsOf: [0x0A, 0x00])
      case .taggedWithProperties: writer.write(contentsOf: [0x0A, 0x02, 0x20, 0x01])
      case .measured:
        var block = ByteWriter()
        block.writeVarint(0x10)
        block.writeVarint(time)
        writer.writeVarint(UInt64(block.count))
        writer.write(block.bytes)
      case .counted:
        writer.writeVarint(1)
        writer.writeVarint(0x06)
        writer.writeVarint(300 + object.object + object.group * 1000)
      }
      writer.write(object.payload)
      var object = object
      object.payload = writer.bytes
      return object
    }
    let result = remux(source, wrapped)
    #expect(result.drops.isEmpty)
    if convention == .counted {
      #expect(try result.shown().map(\.data) == (try expected.shown().map(\.data)))
    } else {
      #expect(result.bytes == expected.bytes)
    }
  }

  func timestamp(_ object: RemuxObject) -> UInt64? {
    guard case .integer(let value)? = object.properties.first(where: { $0.type == 0x10 })?.value
    else { return nil }
    return value
  }

  @Test func `a configuration that comes with an object is used`() throws {
    for name in ["avc", "aac", "opus", "flac"] {
      let (header, samples) = try sources(name)
      var source = try remuxSource(header, .loc)
      let expected = remux(source, try locObjects(samples, header: header))
      (source.configuration, source.sampleRate, source.channels) = (nil, nil, nil)
      #expect(remux(source, try locObjects(samples, header: header)).bytes == expected.bytes)
    }
  }

  @Test func `a CMAF header stands for the configuration inside it`() throws {
    let (header, samples) = try sources("avc")
    var source = try remuxSource(header, .loc)
    let expected = remux(source, try locObjects(samples, header: header))
    source.configuration = header.bytes
    #expect(remux(source, try locObjects(samples, header: header)).bytes == expected.bytes)
  }

  @Test func `codecs that no CMAF has are refused once`() throws {
    var (source, objects, _) = try objects("aac") { _, time in [RemuxProperty(0x10, time)] }
    source.codec = "pcm-s16"
    let result = remux(source, objects)
    #expect(result.chunks.isEmpty && result.warnings.count == 1)
    #expect(result.drops.count == objects.count)
  }

  @Test func `sound that begins like a block of properties is sound`() throws {
    // "One property, of type 6, with the value 46" to shaka; a channel element to AAC.
    var source = RemuxSource(packaging: .loc, kind: .audio, codec: "mp4a.40.2")
    (source.sampleRate, source.channels) = (48_000, 1)
    let objects = (0..<4).map { index in
      RemuxObject(
        group: 1,
        object: UInt64(index),
        payload: [0x01, 0x06, 0x2E, UInt8(index), 0x91, 0xC2, 0x9D, 0x10],
        properties: [RemuxProperty(0x10, 1_000_000 + UInt64(index) * 21_333)],
        arrival: start
      )
    }
    #expect(try remux(source, objects).shown().map(\.data) == objects.map(\.payload))
  }
}
