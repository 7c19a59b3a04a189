import Wire

/// Reads properties that lie inside a payload.
enum PropertyBlock {
  /// The most properties of one block.
  static let limit = 64

  /// Reads an integer in the form of the draft.
  static func integer(_ reader: inout ByteReader, isQUIC: Bool) throws(DecodeError) -> UInt64 {
    isQUIC ? try reader.readVarint() : try reader.readVi64()
  }

  /// Reads one property whose type is a difference to the last one's.
  static func property(
    _ reader: inout ByteReader,
    after previous: UInt64,
    isQUIC: Bool
  ) throws(DecodeError) -> RemuxProperty {
    let (type, overflow) = previous.addingReportingOverflow(try integer(&reader, isQUIC: isQUIC))
    guard !overflow else { throw .invalid("a property type above 64 bits") }
    let value = try integer(&reader, isQUIC: isQUIC)
    if type & 1 == 0 { return RemuxProperty(type, value) }
    guard let count = Int(exactly: value) else { throw .truncated }
    return RemuxProperty(type, try reader.readBytes(count))
  }

  /// Reads properties until the bytes end, of which nothing may be left over.
  static func properties(_ bytes: Bytes, isQUIC: Bool) throws(DecodeError) -> [RemuxProperty] {
    var reader = ByteReader(bytes)
    var properties: [RemuxProperty] = []
    while !reader.isAtEnd {
      guard properties.count < limit else { throw .invalid("more than \(limit) properties") }
      properties.append(
        try property(&reader, after: properties.last?.type ?? 0, isQUIC: isQUIC)
      )
    }
    return properties
  }
}
