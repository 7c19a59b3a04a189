import Wire

@testable import Conformance

/// CMAF media built box by box, right unless a test bends it.
struct FakeMedia: Sendable {
  /// One chunk before it is written.
  struct Chunk: Sendable {
    struct Sample: Sendable {
      var duration: UInt32
      var isSync: Bool
      var offset: Int32 = 0
      var data: [UInt8]
    }

    var hasStyp = false
    var brands = ["msdh", "msdh", "cmfs"]
    /// Media time and wall clock of a `prft`; nil leaves it out.
    var producerTime: (media: UInt64, clock: UTCTime)?
    var events: [[UInt8]] = []
    var sequence: UInt32
    var sequenceBoxes = 1
    var trackFragments = 1
    var flags: UInt32 = 0x02_0000
    var decodeTime: UInt64
    var decodeTimeVersion: UInt8 = 1
    var dataShift: Int32 = 0
    var samples: [Sample]
    /// Boxes between `moof` and `mdat`, and after it.
    var between: [UInt8] = []
    var after: [UInt8] = []

    /// The sum of the durations.
    var duration: UInt64 { samples.reduce(0) { $0 + UInt64($1.duration) } }
  }

  var isVideo = true
  var timescale: UInt32 = 90_000
  var frame: UInt32 = 3600
  var framesPerChunk = 5
  var chunksPerSegment = 5
  var brands = ["cmfc", "iso6", "cmfc"]
  var format = "avc1"
  var trackCount = 1
  var movieDuration: UInt32 = 0
  var hasExtends = true
  var headerTail: [UInt8] = []
  /// The `media_time` of an edit list; nil leaves it out.
  var edit: Int32?

  static let video = FakeMedia()
  static let audio = FakeMedia(
    isVideo: false,
    timescale: 48_000,
    frame: 960,
    framesPerChunk: 10,
    chunksPerSegment: 5,
    format: "mp4a"
  )

  /// In ticks.
  var segmentDuration: UInt64 { UInt64(frame) * UInt64(framesPerChunk * chunksPerSegment) }

  static func box(_ type: String, _ payload: [UInt8]) -> [UInt8] {
    var writer = ByteWriter()
    writer.write(UInt32(payload.count + 8))
    writer.write(utf8: type)
    writer.write(contentsOf: payload)
    return writer.array
  }

  static func full(
    _ type: String,
    version: UInt8 = 0,
    flags: UInt32 = 0,
    _ body: (inout ByteWriter) -> Void
  ) -> [UInt8] {
    var writer = ByteWriter()
    writer.write(UInt32(version) << 24 | flags)
    body(&writer)
    return box(type, writer.array)
  }

  private static func brandBox(_ type: String, _ brands: [String]) -> [UInt8] {
    var writer = ByteWriter()
    writer.write(utf8: brands[0])
    writer.write(UInt32(0))
    for brand in brands.dropFirst() { writer.write(utf8: brand) }
    return box(type, writer.array)
  }

  // MARK: Init segment

  var header: Bytes {
    var movie = Self.full("mvhd") { writer in
      for value in [0, 0, 1000, movieDuration] as [UInt32] { writer.write(value) }
      writer.write(contentsOf: [UInt8](repeating: 0, count: 80))
    }
    for id in 1...trackCount { movie += track(UInt32(id)) }
    if hasExtends {
      movie += Self.box(
        "mvex",
        (1...trackCount).flatMap { id in
          Self.full("trex") { writer in
            for value in [UInt32(id), 1, 0, 0, 0] { writer.write(value) }
          }
        }
      )
    }
    return Bytes(Self.brandBox("ftyp", brands) + Self.box("moov", movie) + headerTail)
  }

  private func track(_ id: UInt32) -> [UInt8] {
    let trackHeader = Self.full("tkhd", flags: 7) { writer in
      for value in [0, 0, id, 0, 0] as [UInt32] { writer.write(value) }
      writer.write(contentsOf: [UInt8](repeating: 0, count: 60))
    }
    let mediaHeader = Self.full("mdhd") { writer in
      for value in [0, 0, timescale, 0] as [UInt32] { writer.write(value) }
      writer.write(UInt16(0x55C4))
      writer.write(UInt16(0))
    }
    let handler = Self.full("hdlr") { writer in
      writer.write(UInt32(0))
      writer.write(utf8: isVideo ? "vide" : "soun")
      writer.write(contentsOf: [UInt8](repeating: 0, count: 13))
    }
    let descriptions = Self.full("stsd") { writer in
      writer.write(UInt32(1))
      writer.write(contentsOf: sampleEntry)
    }
    let empty = ["stts", "stsc", "stco"].flatMap { Self.full($0) { $0.write(UInt32(0)) } }
    let sizes = Self.full("stsz") { $0.write(UInt64(0)) }
    let tables = Self.box("stbl", descriptions + empty + sizes)
    let media = Self.box("mdia", mediaHeader + handler + Self.box("minf", tables))
    var edits: [UInt8] = []
    if let edit {
      edits = Self.box(
        "edts",
        Self.full("elst") { writer in
          writer.write(UInt32(1))
          writer.write(UInt32(0))
          writer.write(edit)
          writer.write(UInt32(0x1_0000))
        }
      )
    }
    return Self.box("trak", trackHeader + edits + media)
  }

  private var sampleEntry: [UInt8] {
    if isVideo {
      var entry = [UInt8](repeating: 0, count: 78)
      entry[7] = 1
      entry[24...27] = [0x05, 0x00, 0x02, 0xD0]  // 1280 × 720
      let configuration: [UInt8] = [
        1, 0x42, 0xC0, 0x1E, 0xFF, 0xE1, 0, 2, 0x67, 0x42, 1, 0, 2, 0x68, 0xCE,
      ]
      return Self.box(format, entry + Self.box("avcC", configuration))
    }
    var entry = [UInt8](repeating: 0, count: 28)
    entry[7] = 1
    entry[17] = 2
    entry[24...25] = [0xBB, 0x80]
    let descriptors: [UInt8] =
      [3, 25, 0, 1, 0, 4, 17, 0x40, 0x15, 0, 0, 0] + [UInt8](repeating: 0, count: 8)
      + [5, 2, 0x11, 0x90, 6, 1, 2]
    return Self.box(format, entry + Self.full("esds") { $0.write(contentsOf: descriptors) })
  }

  // MARK: Segments

  /// The chunks of a segment by its number from 0.
  func chunks(_ number: Int) -> [Chunk] {
    (0..<chunksPerSegment).map { index in
      let position = number * chunksPerSegment + index
      let samples = (0..<framesPerChunk).map { frameIndex in
        let isSync = !isVideo || index == 0 && frameIndex == 0
        return Chunk.Sample(duration: frame, isSync: isSync, data: sample(isSync, position))
      }
      return Chunk(
        hasStyp: index == 0,
        sequence: UInt32(position + 1),
        decodeTime: UInt64(position * framesPerChunk) * UInt64(frame),
        samples: samples
      )
    }
  }

  private func sample(_ isSync: Bool, _ seed: Int) -> [UInt8] {
    let filler = (0..<40).map { UInt8(truncatingIfNeeded: seed &* 31 &+ $0) }
    guard isVideo else { return filler }
    return [0, 0, 0, UInt8(filler.count + 1), isSync ? 0x65 : 0x41] + filler
  }

  func segment(_ number: Int) -> Bytes { Self.bytes(chunks(number)) }

  static func bytes(_ chunks: [Chunk]) -> Bytes { Bytes(chunks.flatMap(write)) }

  static func write(_ chunk: Chunk) -> [UInt8] {
    var bytes: [UInt8] = chunk.hasStyp ? brandBox("styp", chunk.brands) : []
    if let (media, clock) = chunk.producerTime {
      bytes += full("prft", version: 1, flags: 24) { writer in
        writer.write(UInt32(1))
        let (seconds, rest) = clock.microseconds.quotientAndRemainder(dividingBy: 1_000_000)
        writer.write(UInt32(seconds + 2_208_988_800))
        writer.write(UInt32(rest << 32 / 1_000_000))
        writer.write(media)
      }
    }
    for event in chunk.events { bytes += event }
    let data = chunk.samples.flatMap(\.data)
    // The size does not depend on the offset.
    let size = fragment(chunk, dataOffset: 0).count
    let offset = Int32(size + chunk.between.count + 8) + chunk.dataShift
    bytes += fragment(chunk, dataOffset: offset)
    return bytes + chunk.between + box("mdat", data) + chunk.after
  }

  private static func fragment(_ chunk: Chunk, dataOffset: Int32) -> [UInt8] {
    let sequence = full("mfhd") { $0.write(chunk.sequence) }
    let trackHeader = full("tfhd", flags: chunk.flags) { writer in
      writer.write(UInt32(1))
      if chunk.flags & 1 != 0 { writer.write(UInt64(0)) }
    }
    let time = full("tfdt", version: chunk.decodeTimeVersion) { writer in
      if chunk.decodeTimeVersion == 1 {
        writer.write(chunk.decodeTime)
      } else {
        writer.write(UInt32(truncatingIfNeeded: chunk.decodeTime))
      }
    }
    let run = full("trun", version: 1, flags: 0xF01) { writer in
      writer.write(UInt32(chunk.samples.count))
      writer.write(dataOffset)
      for sample in chunk.samples {
        writer.write(sample.duration)
        writer.write(UInt32(sample.data.count))
        writer.write(sample.isSync ? 0x0200_0000 : 0x0101_0000 as UInt32)
        writer.write(sample.offset)
      }
    }
    let fragments = (0..<chunk.trackFragments).flatMap { _ in
      box("traf", trackHeader + time + run)
    }
    return box(
      "moof",
      (0..<chunk.sequenceBoxes).flatMap { _ in sequence } + fragments
    )
  }

  /// An `emsg`.
  static func event(version: UInt8 = 1, id: UInt32 = 7, scheme: String = "urn:test") -> [UInt8] {
    full("emsg", version: version) { writer in
      func texts() { writer.write(utf8: scheme + "\0value\0") }
      if version == 0 { texts() }
      writer.write(UInt32(1000))
      if version == 1 { writer.write(UInt64(5000)) } else { writer.write(UInt32(5000)) }
      writer.write(UInt32(10))
      writer.write(id)
      if version == 1 { texts() }
      writer.write(utf8: "data")
    }
  }
}
