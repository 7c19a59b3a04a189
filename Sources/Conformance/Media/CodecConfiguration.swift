internal import Wire

/// What a codec's configuration box says, read for its name in manifests.
struct CodecConfiguration: Sendable, Hashable {
  /// As manifests spell it; nil when the configuration is missing.
  var codec: String?
  var framing = SampleEntry.Framing.opaque
  var hasParameterSets = true

  /// Reads what belongs to `format` out of the boxes of its sample entry.
  init(format: String, _ boxes: [Box]) throws(DecodeError) {
    switch format {
    case "avc1", "avc3": try readAVC(format, boxes["avcC"])
    case "hvc1", "hev1": try readHEVC(format, boxes["hvcC"])
    case "av01": try readAV1(boxes["av1C"])
    case "vp08", "vp09": try readVP9(format, boxes["vpcC"])
    case "mp4a": try readMPEG4Audio(boxes["esds"])
    case "Opus": codec = boxes["dOps"].map { _ in "opus" }
    case "fLaC": codec = boxes["dfLa"].map { _ in "flac" }
    case "ac-3": codec = boxes["dac3"].map { _ in "ac-3" }
    case "ec-3": codec = boxes["dec3"].map { _ in "ec-3" }
    default: codec = format
    }
  }

  /// ISO/IEC 14496-15 §5.3.3, RFC 6381 §3.3.
  private mutating func readAVC(_ format: String, _ box: Box?) throws(DecodeError) {
    guard let box else { return }
    let (profile, lengthBytes, setCount) = try box.read { reader throws(DecodeError) in
      try reader.skip(1)
      let profile = try reader.readBytes(3)
      let lengthBytes = Int(try reader.readUInt8() & 3) + 1
      return (profile, lengthBytes, try reader.readUInt8() & 0x1F)
    }
    codec = format + "." + hex(profile.slice).uppercased()
    framing = .avc(lengthBytes: lengthBytes)
    hasParameterSets = setCount > 0
  }

  /// ISO/IEC 14496-15 §8.3.3 and annex E.3.
  private mutating func readHEVC(_ format: String, _ box: Box?) throws(DecodeError) {
    guard let box else { return }
    self = try box.read { reader throws(DecodeError) in
      try reader.skip(1)
      let general = try reader.readUInt8()
      let compatibility = try reader.readUInt32()
      var constraints = try reader.readBytes(6).array
      let level = try reader.readUInt8()
      try reader.skip(8)
      let lengthBytes = Int(try reader.readUInt8() & 3) + 1
      let arrayCount = try reader.readUInt8()
      var reversed: UInt32 = 0
      for bit in 0..<32 where compatibility >> UInt32(bit) & 1 == 1 {
        reversed |= 1 << UInt32(31 - bit)
      }
      while constraints.last == 0 { constraints.removeLast() }
      let space = ["", "A", "B", "C"][Int(general >> 6)]
      let tier = general & 0x20 == 0 ? "L" : "H"
      let head = "\(format).\(space)\(general & 0x1F).\(String(reversed, radix: 16))"
      let tail = constraints.map { "." + String($0, radix: 16) }.joined()
      var value = self
      value.codec = (head + ".\(tier)\(level)" + tail)
      value.framing = .hevc(lengthBytes: lengthBytes)
      value.hasParameterSets = arrayCount > 0
      return value
    }
  }

  /// AV1 in ISOBMFF §2.3 and §5.
  private mutating func readAV1(_ box: Box?) throws(DecodeError) {
    guard let box else { return }
    let (second, third) = try box.read { reader throws(DecodeError) in
      try reader.skip(1)
      return (try reader.readUInt8(), try reader.readUInt8())
    }
    let tier = third & 0x80 == 0 ? "M" : "H"
    let depth = third & 0x40 == 0 ? 8 : (third & 0x20 == 0 ? 10 : 12)
    codec = "av01.\(second >> 5).\(twoDigits(Int(second & 0x1F)))\(tier).\(twoDigits(depth))"
    framing = .av1
  }

  /// VP Codec ISO Media File Format Binding §"VP Codec Configuration Box".
  private mutating func readVP9(_ format: String, _ box: Box?) throws(DecodeError) {
    guard let box else { return }
    codec = try box.read { reader throws(DecodeError) in
      try reader.skip(4)
      let profile = Int(try reader.readUInt8())
      let level = Int(try reader.readUInt8())
      let depth = Int(try reader.readUInt8() >> 4)
      return "\(format).\(twoDigits(profile)).\(twoDigits(level)).\(twoDigits(depth))"
    }
    framing = format == "vp09" ? .vp9 : .opaque
  }

  /// ISO/IEC 14496-1 §7.2.6, ISO/IEC 14496-3 §1.6.2, RFC 6381 §3.3.
  private mutating func readMPEG4Audio(_ box: Box?) throws(DecodeError) {
    guard let box else { return }
    codec = try box.read { reader throws(DecodeError) in
      try reader.skip(4)
      try CodecConfiguration.enterDescriptor(3, &reader)
      try reader.skip(2)
      let flags = try reader.readUInt8()
      if flags & 0x80 != 0 { try reader.skip(2) }
      if flags & 0x40 != 0 { try reader.skip(Int(try reader.readUInt8())) }
      if flags & 0x20 != 0 { try reader.skip(2) }
      try CodecConfiguration.enterDescriptor(4, &reader)
      let indication = try reader.readUInt8()
      guard indication == 0x40 else {
        return "mp4a." + hex([indication])
      }
      try reader.skip(12)
      try CodecConfiguration.enterDescriptor(5, &reader)
      let first = try reader.readUInt8()
      var objectType = Int(first >> 3)
      if objectType == 31 {
        objectType = 32 + Int(first & 7) << 3 + Int(try reader.readUInt8() >> 5)
      }
      return "mp4a.40.\(objectType)"
    }
  }

  /// Takes the tag, which must be `tag`, and the length of a descriptor.
  ///
  /// ISO/IEC 14496-1 §8.3.3.
  private static func enterDescriptor(
    _ tag: UInt8,
    _ reader: inout ByteReader
  ) throws(DecodeError) {
    let found = try reader.readUInt8()
    guard found == tag else { throw .invalid("descriptor \(found) where \(tag) should be") }
    for _ in 0..<4 where try reader.readUInt8() & 0x80 == 0 { return }
    throw .invalid("a descriptor's length has more than four bytes")
  }

  /// Whether a manifest's name for a codec means what the init segment holds.
  ///
  /// Hexadecimal is compared without case. What AV1 and VP9 may add to their first four fields is
  /// passed over, and so are the profiles of codecs whose init segment doesn't tell them.
  static func matches(declared: String, actual: String) -> Bool {
    let left = declared.lowercased().split(separator: ".", omittingEmptySubsequences: false)
    let right = actual.lowercased().split(separator: ".", omittingEmptySubsequences: false)
    guard let format = right.first else { return false }
    let mayGoOn = right.count == 1 || format == "av01" || format == "vp09" || format == "vp08"
    guard mayGoOn else { return left == right }
    return left.count >= right.count && left.prefix(right.count) == right[...]
  }
}

/// A number below 100 in two digits; larger ones keep theirs.
private func twoDigits(_ number: Int) -> String { number < 10 ? "0\(number)" : "\(number)" }
