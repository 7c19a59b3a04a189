import Wire

/// Reads the fields of one box in order; its errors name box, field and offset.
struct FieldReader {
  let box: Box
  private var reader: ByteReader

  init(_ box: Box) {
    self.box = box
    reader = ByteReader(box.body)
  }

  /// Where the next field starts in the outermost input.
  var offset: Int { box.offset + box.headerCount + reader.position }
  /// How much of the body has been read.
  var position: Int { reader.position }
  var remaining: Int { reader.remaining }

  /// Reads a big-endian number of 1…8 bytes.
  mutating func unsigned(_ width: Int, _ field: String) throws(CMAFError) -> UInt64 {
    do {
      return try reader.readBigEndian(width)
    } catch {
      throw .truncated(box: box.type, field: field, offset: offset)
    }
  }

  mutating func u8(_ field: String) throws(CMAFError) -> UInt8 {
    UInt8(truncatingIfNeeded: try unsigned(1, field))
  }

  mutating func u16(_ field: String) throws(CMAFError) -> UInt16 {
    UInt16(truncatingIfNeeded: try unsigned(2, field))
  }

  mutating func u32(_ field: String) throws(CMAFError) -> UInt32 {
    UInt32(truncatingIfNeeded: try unsigned(4, field))
  }

  mutating func fourCC(_ field: String) throws(CMAFError) -> FourCC {
    FourCC(rawValue: try u32(field))
  }

  /// Reads 4 bytes in version 0 and 8 in later ones.
  mutating func versioned(_ version: UInt8, _ field: String) throws(CMAFError) -> UInt64 {
    try unsigned(version == 0 ? 4 : 8, field)
  }

  /// Reads the version and flags that start a full box.
  mutating func versionAndFlags() throws(CMAFError) -> (version: UInt8, flags: UInt32) {
    let word = try u32("version and flags")
    return (UInt8(word >> 24), word & 0xFF_FFFF)
  }

  mutating func bytes(_ count: Int, _ field: String) throws(CMAFError) -> Bytes {
    do {
      return try reader.readBytes(count)
    } catch {
      throw .truncated(box: box.type, field: field, offset: offset)
    }
  }

  mutating func skip(_ count: Int, _ field: String) throws(CMAFError) {
    _ = try bytes(count, field)
  }

  mutating func rest() -> Bytes { reader.readRest() }

  /// Reads UTF-8 up to a zero byte or the end of the box.
  mutating func text() -> String {
    var text: [UInt8] = []
    while let byte = try? reader.readUInt8(), byte != 0 { text.append(byte) }
    return String(decoding: text, as: UTF8.self)
  }

  func invalid(_ field: String, _ value: some CustomStringConvertible) -> CMAFError {
    .invalid(box: box.type, field: field, value: value.description, offset: offset)
  }
}
