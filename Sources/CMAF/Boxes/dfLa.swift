package import Wire

/// FLAC decoder configuration, from its STREAMINFO.
///
/// Encapsulation of FLAC in ISO Base Media File Format §3.3.2; RFC 9639 §8.2.
package struct FLACConfiguration: Sendable, Hashable {
  package let sampleRate: UInt32
  package let channels: Int

  package init(_ box: Box) throws(CMAFError) {
    var fields = FieldReader(box)
    _ = try fields.versionAndFlags()
    let type = try fields.u8("BlockType") & 0x7F
    guard type == 0 else { throw fields.invalid("BlockType", type) }
    try fields.skip(3 + 10, "block and frame sizes")
    let packed = try fields.u32("sample rate, channels and bits")
    sampleRate = packed >> 12
    channels = Int(packed >> 9 & 7) + 1
  }
}

extension FLACConfiguration {
  /// The body of a dfLa box, version and flags included, from a STREAMINFO: bare, with its block
  /// header, or after `fLaC`.
  ///
  /// Sample count and checksum are of a whole file and zeroed. Nil when the block is broken.
  package static func body(streamInformation description: Bytes) -> Bytes? {
    var block = description
    if block.prefix(4).text == "fLaC" { block = block.suffix(from: 4) }
    if block.count >= 38, block[0] & 0x7F == 0, block[1..<4] == [0, 0, 34] {
      block = block.suffix(from: 4)
    }
    guard block.count >= 34 else { return nil }
    var information = block.prefix(34).array
    information[13] &= 0xF0
    for index in 14..<34 { information[index] = 0 }
    var writer = ByteWriter()
    writer.write(0 as UInt32)
    writer.write(0x8000_0022 as UInt32)
    writer.write(contentsOf: information)
    return writer.bytes
  }

  /// The sound of a dfLa body that ``body(streamInformation:)`` made.
  package static func format(body: Bytes) -> AudioFormat {
    let packed = (0..<4).reduce(0 as UInt32) { $0 << 8 | UInt32(body[18 + $1]) }
    return AudioFormat(
      channels: Int(packed >> 9 & 7) + 1,
      sampleRate: packed >> 12,
      samplesPerFrame: nil,
      bitsPerSample: Int(packed >> 4 & 31) + 1
    )
  }
}
