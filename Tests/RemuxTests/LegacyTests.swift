import CMAF
import Remux
import TestSupport
import Testing
import Wire

/// A fixture's samples as objects of hang's default container.
func legacyObjects(
  _ samples: [Source],
  header: CMAFHeader,
  endMarkers: Bool = false
) throws -> [RemuxObject] {
  let encoder = try ObjectEncoder(header, form: .legacy)
  var objects: [RemuxObject] = []
  for (index, sample) in samples.enumerated() {
    let object = encoder.object(
      sample.data,
      presentation: sample.presentation,
      isFirstOfGroup: sample.object == 0
    )
    objects.append(
      RemuxObject(
        group: sample.group,
        object: sample.object,
        payload: object.payload,
        arrival: start
      )
    )
    let isLast = index + 1 == samples.count || samples[index + 1].group != sample.group
    if endMarkers, isLast,
      let marker = encoder.endMarker(presentation: sample.presentation + sample.duration)
    {
      objects.append(
        RemuxObject(
          group: sample.group,
          object: sample.object + 1,
          payload: marker.payload,
          arrival: start
        )
      )
    }
  }
  return objects
}

@Suite struct LegacyTests {
  @Test(arguments: CodecTests.names)
  func `microseconds are rounded to the tick that the encoder meant`(_ name: String) throws {
    let (header, samples) = try sources(name)
    let result = remux(
      try remuxSource(header, .legacy),
      try legacyObjects(samples, header: header)
    )
    #expect(result.drops.isEmpty)
    let track = try CMAFHeader(try #require(result.headers.first)).tracks[0]
    let isVideo = track.handler == "vide"
    #expect(track.timescale == (isVideo ? 90_000 : 48_000))
    let expected = samples.map { sample in
      MediaTime(ticks: sample.presentation, timescale: header.tracks[0].timescale)
        .rounded(toScale: track.timescale)
    }
    let shown = try result.shown()
    #expect(shown.map(\.presentation) == expected)
    #expect(shown.map(\.data) == samples.map(\.data))
    if isVideo { #expect(shown.allSatisfy { $0.duration == 3600 }) }
  }

  @Test func `an end marker is the exact end of its group`() throws {
    let (header, samples) = try sources("avc")
    var source = try remuxSource(header, .legacy)
    // A wrong rate shows who decides.
    source.framerateThousandths = 24_000
    let without = try remux(source, try legacyObjects(samples, header: header)).shown()
    let with = remux(source, try legacyObjects(samples, header: header, endMarkers: true))
    #expect(without[24].duration == 3750 && without[23].duration == 3600)
    #expect(try with.shown().allSatisfy { $0.duration == 3600 })
    #expect(with.drops.isEmpty)
    // The marker is no chunk, so the group ends after the last picture.
    #expect(with.ends == [7: 25, 8: 25])
  }

  @Test func `times since 1970 do not overflow and stay exact`() throws {
    let (header, samples) = try sources("avc")
    let epoch: UInt64 = 1_795_657_709_914_147
    var objects = try legacyObjects(samples, header: header)
    for index in objects.indices {
      var writer = ByteWriter()
      writer.writeVarint(epoch + UInt64(index) * 40_000)
      writer.write(samples[index].data)
      objects[index].payload = writer.bytes
    }
    let shown = try remux(try remuxSource(header, .legacy), objects).shown()
    // 1795657709.914147 s × 90,000 is 161609193892273.23.
    #expect(shown[0].presentation == 161_609_193_892_273)
    #expect(shown[1].presentation == 161_609_193_895_873)
    #expect(shown.allSatisfy { $0.duration == 3600 })
  }

  @Test func `hang's loc container is read with times and timescale`() throws {
    let (header, samples) = try sources("avc")
    let source = try remuxSource(header, .hangLOC)
    let objects = samples.map { sample in
      var block = ByteWriter()
      block.writeVarint(0x08)
      block.writeVarint(12_800)
      block.writeVarint(0x08)
      block.writeVarint(UInt64(sample.presentation))
      var writer = ByteWriter()
      writer.writeVarint(UInt64(block.count))
      writer.write(block.bytes)
      writer.write(sample.data)
      return RemuxObject(
        group: sample.group,
        object: sample.object,
        payload: writer.bytes,
        arrival: start
      )
    }
    let plain = remux(try remuxSource(header, .loc), try locObjects(samples, header: header))
    #expect(remux(source, objects).bytes == plain.bytes)
  }

  @Test func `media interop's own decode times and durations are kept`() throws {
    let (header, samples) = try sources("avc-b")
    var source = RemuxSource(packaging: .moqMI, kind: .video)
    source.usesQUICIntegers = false
    let objects = samples.map { sample in
      var metadata = ByteWriter()
      for number in [
        UInt64(sample.object), UInt64(sample.presentation), UInt64(sample.decode), 12_800,
        UInt64(sample.duration), 0,
      ] { metadata.writeVi64(number) }
      var properties = [RemuxProperty(0x0A, 0), RemuxProperty(0x15, metadata.bytes)]
      if sample.object == 0, let record = try? header.bareConfiguration() {
        properties.append(RemuxProperty(0x0D, record))
      }
      return RemuxObject(
        group: sample.group,
        object: sample.object,
        payload: sample.data,
        properties: properties,
        arrival: start
      )
    }
    let plain = remux(try remuxSource(header, .loc), try locObjects(samples, header: header))
    let result = remux(source, objects)
    #expect(result.drops.isEmpty)
    #expect(try result.shown() == (try plain.shown()))
    #expect(try result.parsed().map(\.chunk.decodeTime) == samples.map(\.decode))
  }

  @Test(arguments: [("aac", 3, 0x13), ("opus", 1, 0x0F)] as [(String, UInt64, UInt64)])
  func `media interop's sound says codec, rate and channels itself`(
    _ name: String,
    _ mediaType: UInt64,
    _ type: UInt64
  ) throws {
    let (header, samples) = try sources(name)
    let objects = samples.map { sample in
      var metadata = ByteWriter()
      let times = [UInt64(sample.object), UInt64(sample.presentation), 48_000]
      for number in times + [48_000, 1, UInt64(sample.duration), 0] {
        metadata.writeVarint(number)
      }
      return RemuxObject(
        group: sample.group,
        object: sample.object,
        payload: sample.data,
        properties: [RemuxProperty(0x0A, mediaType), RemuxProperty(type, metadata.bytes)],
        arrival: start
      )
    }
    let result = remux(RemuxSource(packaging: .moqMI, kind: .audio), objects)
    #expect(result.drops.isEmpty)
    let track = try CMAFHeader(try #require(result.headers.first)).tracks[0]
    #expect(track.codec == header.tracks[0].codec && track.audio == header.tracks[0].audio)
    #expect(try result.shown().map(\.presentation) == samples.map(\.presentation))
    #expect(try result.shown().map(\.data) == samples.map(\.data))
  }

  @Test func `a group ends in the middle where its marker says so in hang's loc container too`()
    throws
  {
    let (header, samples) = try sources("avc")
    let objects = samples.prefix(3).map { sample in
      block(UInt64(sample.presentation) * 1_000_000 / 12_800, sample.data, sample.object)
    }
    // 120 ms for three pictures, but the marker says 150.
    let result = remux(
      try remuxSource(header, .hangLOC),
      objects + [block(150_000, Bytes(), 3)]
    )
    #expect(try result.shown().map(\.duration) == [3600, 3600, 6300])
  }

  func block(_ time: UInt64, _ frame: Bytes, _ object: UInt64) -> RemuxObject {
    var block = ByteWriter()
    block.writeVarint(0x10)
    block.writeVarint(time)
    var writer = ByteWriter()
    writer.writeVarint(UInt64(block.count))
    writer.write(block.bytes)
    writer.write(frame)
    return RemuxObject(group: 1, object: object, payload: writer.bytes, arrival: start)
  }
}
