package import Wire

/// Opus decoder configuration.
///
/// Encapsulation of Opus in ISO Base Media File Format §4.3.2.
package struct OpusConfiguration: Sendable, Hashable {
  package let channels: Int
  /// Samples at 48 kHz that a decoder drops at the start.
  package let preSkip: UInt16

  package init(_ box: Box) throws(CMAFError) {
    var fields = FieldReader(box)
    let version = try fields.u8("Version")
    guard version == 0 else { throw fields.invalid("Version", version) }
    channels = Int(try fields.u8("OutputChannelCount"))
    preSkip = try fields.u16("PreSkip")
  }
}

extension OpusConfiguration {
  /// The body of a dOps box from an Ogg identification header, whose numbers are little-endian.
  ///
  /// RFC 7845 §5.1. Nil when the header is broken.
  package static func body(identificationHeader head: Bytes) -> Bytes? {
    guard head.count >= 19, head.prefix(8).text == "OpusHead", head[8] & 0xF0 == 0, head[9] > 0
    else { return nil }
    let family = head[18]
    let mapping = family == 0 ? 0 : 2 + Int(head[9])
    guard head.count >= 19 + mapping, family != 0 || head[9] <= 2 else { return nil }
    var writer = ByteWriter()
    writer.write(contentsOf: [0, head[9], head[11], head[10]])
    writer.write(contentsOf: [head[15], head[14], head[13], head[12], head[17], head[16], family])
    writer.write(head[19..<19 + mapping])
    return writer.bytes
  }

  /// The Ogg identification header that stands for the body of a dOps box; nil when that is broken.
  package static func identificationHeader(body: Bytes) -> Bytes? {
    guard body.count >= 11, body[0] == 0 else { return nil }
    var writer = ByteWriter()
    writer.write(utf8: "OpusHead")
    writer.write(contentsOf: [1, body[1], body[3], body[2]])
    writer.write(contentsOf: [body[7], body[6], body[5], body[4], body[9], body[8]])
    writer.write(body.suffix(from: 10))
    return writer.bytes
  }

  /// The body for streams that describe nothing: one or two channels, the usual pre-skip.
  package static func body(channels: Int) -> Bytes? {
    guard channels == 1 || channels == 2 else { return nil }
    return [0, UInt8(channels), 0x01, 0x38, 0, 0, 0xBB, 0x80, 0, 0, 0]
  }
}
