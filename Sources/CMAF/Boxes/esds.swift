package import Wire

/// An MPEG-4 elementary stream descriptor: AAC and its relatives.
///
/// ISO/IEC 14496-1 §7.2.6.5, 14496-3 §1.6.
package struct ElementaryStreamDescriptor: Sendable, Hashable {
  /// 0x40 for MPEG-4 audio, 0x67 for MPEG-2 AAC LC, 0x69 and 0x6B for MP3.
  package let objectTypeIndication: UInt8
  /// AudioSpecificConfig; empty for MP3.
  package let decoderSpecificInfo: Bytes

  package init(_ box: Box) throws(CMAFError) {
    var fields = FieldReader(box)
    _ = try fields.versionAndFlags()
    var reader = ByteReader(fields.rest())
    do {
      try ElementaryStreamDescriptor.enter(3, &reader)
      try reader.skip(2)
      let flags = try reader.readUInt8()
      if flags & 0x80 != 0 { try reader.skip(2) }
      if flags & 0x40 != 0 { try reader.skip(Int(try reader.readUInt8())) }
      if flags & 0x20 != 0 { try reader.skip(2) }
      try ElementaryStreamDescriptor.enter(4, &reader)
      objectTypeIndication = try reader.readUInt8()
      try reader.skip(12)
      if reader.peek == 5 {
        let count = try ElementaryStreamDescriptor.enter(5, &reader)
        decoderSpecificInfo = try reader.readBytes(count)
      } else {
        decoderSpecificInfo = Bytes()
      }
    } catch DecodeError.truncated {
      throw .truncated(box: box.type, field: "descriptors", offset: box.offset)
    } catch {
      throw .invalid(
        box: box.type,
        field: "descriptor",
        value: "\(error)",
        offset: box.offset
      )
    }
  }

  /// Reads a descriptor's tag and its length, which is 1…4 bytes of 7 bits.
  @discardableResult
  private static func enter(_ tag: UInt8, _ reader: inout ByteReader) throws(DecodeError) -> Int {
    let found = try reader.readUInt8()
    guard found == tag else { throw .invalid("tag \(found)") }
    var count = 0
    for _ in 0..<4 {
      let byte = try reader.readUInt8()
      count = count << 7 | Int(byte & 0x7F)
      if byte & 0x80 == 0 { return count }
    }
    throw .invalid("length \(count)")
  }

  /// What the AudioSpecificConfig says; nil when there is none or it is broken.
  package var audio: AudioSpecificConfig? { AudioSpecificConfig(decoderSpecificInfo) }

  /// RFC 6381 §3.3: object type in hexadecimal, audio object type in decimal.
  package func codecString(_ entry: FourCC) -> String {
    let type = "\(entry)." + hex([objectTypeIndication]).uppercased()
    guard objectTypeIndication == 0x40, let audio else { return type }
    return "\(type).\(audio.objectType)"
  }
}

/// What an AAC decoder is told first.
///
/// ISO/IEC 14496-3 §1.6.2.1.
package struct AudioSpecificConfig: Sendable, Hashable {
  /// 2 for AAC-LC, 5 for HE-AAC, 29 for HE-AAC v2, also when those are signalled compatibly.
  package let objectType: UInt8
  /// Output samples per second.
  package let sampleRate: UInt32
  /// 0 when it is described elsewhere.
  package let channels: Int
  /// Whether a frame has 960 core samples and not 1024.
  package let isShortFrame: Bool

  package init?(_ bytes: Bytes) {
    guard let value = try? AudioSpecificConfig(reading: bytes) else { return nil }
    self = value
  }

  private init(reading bytes: Bytes) throws(DecodeError) {
    var bits = BitReader(bytes)
    func readType() throws(DecodeError) -> UInt8 {
      let type = try bits.read(5)
      return UInt8(type == 31 ? 32 + (try bits.read(6)) : type)
    }
    func readRate() throws(DecodeError) -> UInt32 {
      let index = Int(try bits.read(4))
      if index == 15 { return try bits.read(24) }
      guard index < AudioSpecificConfig.rates.count else { throw .invalid("rate index \(index)") }
      return AudioSpecificConfig.rates[index]
    }
    var type = try readType()
    var rate = try readRate()
    let configuration = Int(try bits.read(4))
    var coreType = type
    if type == 5 || type == 29 {
      rate = try readRate()
      coreType = try readType()
    }
    isShortFrame = try bits.flag()
    if try bits.flag() { try bits.skip(14) }
    let hasExtension = try bits.flag()
    // The backward-compatible extension follows the core's own fields, which for plain AAC with a
    // channel configuration are the three flags just read.
    if coreType == 2, type == 2, configuration != 0, !hasExtension, bits.remaining >= 16,
      try bits.read(11) == 0x2B7, try readType() == 5, try bits.flag()
    {
      type = 5
      rate = try readRate()
      if bits.remaining >= 12, try bits.read(11) == 0x548, try bits.flag() { type = 29 }
    }
    objectType = type
    sampleRate = rate
    channels = configuration == 7 ? 8 : configuration > 7 ? 0 : configuration
  }

  static let rates: [UInt32] = [
    96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025, 8_000,
    7_350,
  ]
}

extension ElementaryStreamDescriptor {
  /// The body of an esds box, version and flags included; without `configuration` for MP3.
  ///
  /// Buffer size and bitrates are constants: some players refuse zeros, and what a track measures
  /// would depend on when it was joined.
  package static func body(objectTypeIndication: UInt8, configuration: Bytes) -> Bytes {
    precondition(configuration.count < 64, "descriptors have lengths of one byte")
    let specific = configuration.isEmpty ? 0 : configuration.count + 2
    var writer = ByteWriter()
    writer.write(0 as UInt32)
    writer.write(contentsOf: [3, UInt8(3 + 15 + specific + 3), 0, 0, 0])
    writer.write(contentsOf: [4, UInt8(13 + specific), objectTypeIndication, 0x15, 0, 0x60, 0])
    writer.write(256_000 as UInt32)
    writer.write(128_000 as UInt32)
    if !configuration.isEmpty {
      writer.write(contentsOf: [5, UInt8(configuration.count)])
      writer.write(configuration)
    }
    writer.write(contentsOf: [6, 1, 2])
    return writer.bytes
  }
}
