internal import Wire

/// What the bytes of a sample say about themselves.
enum CodedSample: Sendable, Equatable {
  /// A picture that decoding may begin with, or one that needs others.
  case picture(isRandomAccess: Bool)
  /// Well-framed, without a picture that could be recognised.
  case unknown
  /// The parts of the sample don't add up.
  case broken(String)

  /// Looks into one sample.
  init(_ bytes: Bytes, framing: SampleEntry.Framing) {
    switch framing {
    case .avc(let lengthBytes):
      self = CodedSample.units(bytes, lengthBytes) { header in
        switch header & 0x1F {
        case 1...4: false
        case 5: true
        default: nil
        }
      }
    case .hevc(let lengthBytes):
      self = CodedSample.units(bytes, lengthBytes) { header in
        let type = header >> 1 & 0x3F
        return type < 32 ? (16...23).contains(type) : nil
      }
    case .av1: self = CodedSample.openUnits(bytes)
    case .vp9: self = CodedSample.frame(bytes)
    case .opaque: self = .unknown
    }
  }

  /// Walks NAL units; `isRandomAccess` tells of a unit's first byte whether its picture is one, nil
  /// for units without a picture.
  ///
  /// ISO/IEC 14496-10 §7.4.1, ISO/IEC 23008-2 §7.4.2.
  private static func units(
    _ bytes: Bytes,
    _ lengthBytes: Int,
    isRandomAccess: (UInt8) -> Bool?
  ) -> CodedSample {
    var reader = ByteReader(bytes)
    var found: Bool?
    while !reader.isAtEnd {
      guard let length = try? reader.readBigEndian(lengthBytes) else {
        return .broken("\(reader.remaining) bytes after the last NAL unit")
      }
      guard length > 0, length <= UInt64(reader.remaining), let header = reader.peek else {
        return .broken("a NAL unit of \(length) bytes with \(reader.remaining) left")
      }
      if found == nil { found = isRandomAccess(header) }
      guard (try? reader.skip(Int(length))) != nil else { return .broken("a NAL unit is cut") }
    }
    return found.map { .picture(isRandomAccess: $0) } ?? .unknown
  }

  /// Walks the open bitstream units of AV1.
  ///
  /// AV1 Bitstream §5.3, §5.9.2.
  private static func openUnits(_ bytes: Bytes) -> CodedSample {
    var reader = ByteReader(bytes)
    while !reader.isAtEnd {
      guard let header = try? reader.readUInt8() else { return .broken("an OBU is cut") }
      if header & 4 != 0, (try? reader.skip(1)) == nil { return .broken("an OBU is cut") }
      var size = reader.remaining
      if header & 2 != 0 {
        guard let length = lengthOfOpenUnit(&reader) else { return .broken("an OBU has no size") }
        size = length
      }
      guard size <= reader.remaining else {
        return .broken("an OBU of \(size) bytes with \(reader.remaining) left")
      }
      let type = header >> 3 & 15
      if type == 3 || type == 6, size > 0, let first = reader.peek {
        // show_existing_frame, then two bits of frame type of which 0 is a key frame.
        return .picture(isRandomAccess: first & 0xE0 == 0)
      }
      guard (try? reader.skip(size)) != nil else { return .broken("an OBU is cut") }
    }
    return .unknown
  }

  /// AV1 Bitstream §4.10.5; nil when it doesn't end or is past 32 bits.
  private static func lengthOfOpenUnit(_ reader: inout ByteReader) -> Int? {
    var value: UInt64 = 0
    for index in 0..<8 as Range<UInt64> {
      guard let byte = try? reader.readUInt8() else { return nil }
      value |= UInt64(byte & 0x7F) << (index * 7)
      if byte & 0x80 == 0 { return value <= UInt32.max ? Int(value) : nil }
    }
    return nil
  }

  /// Reads the first bits of a VP9 frame.
  ///
  /// VP9 Bitstream §6.2.
  private static func frame(_ bytes: Bytes) -> CodedSample {
    guard let first = ByteReader(bytes).peek else { return .broken("an empty frame") }
    guard first >> 6 == 2 else { return .broken("a frame without VP9's marker") }
    // Profile 3 has one bit more before show_existing_frame.
    let shift: UInt8 = first & 0x30 == 0x30 ? 2 : 3
    let showsExisting = first >> shift & 1 == 1
    let isInter = first >> (shift - 1) & 1 == 1
    return .picture(isRandomAccess: !showsExisting && !isInter)
  }
}
