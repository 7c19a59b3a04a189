package import Wire

/// Writes the objects of a subgroup stream, in ascending order of id.
package struct SubgroupEncoder {
  private let header: SubgroupHeader
  private let draft: Draft
  private var previousID: UInt64?

  /// Starts a stream with a header.
  package init(header: SubgroupHeader, draft: Draft) {
    self.header = header
    self.draft = draft
  }

  /// The bytes that open the stream.
  package var headerBytes: Bytes { StreamHeader.subgroup(header).encode(for: draft) }

  /// What goes before an object's payload; the payload itself follows unchanged.
  ///
  /// Traps when the id does not ascend, or when there are properties that the header denies.
  package mutating func prefix(of object: Object) -> Bytes {
    var writer = DraftWriter(draft: draft)
    if let previousID {
      precondition(object.id > previousID, "object ids of a subgroup ascend")
      writer.integer(object.id - previousID - 1)
    } else {
      writer.integer(object.id)
    }
    previousID = object.id
    if header.hasProperties {
      writer.lengthPrefixed { $0.keyValuePairs(object.properties.pairs) }
    } else {
      precondition(object.properties.isEmpty, "the header says that no object has properties")
    }
    writer.integer(UInt64(object.payload.count))
    if object.payload.isEmpty { writer.integer(object.status.rawValue) }
    return writer.bytes
  }

  /// An object with its payload.
  package mutating func encode(_ object: Object) -> Bytes {
    var writer = ByteWriter(reserving: object.payload.count + 32)
    writer.write(prefix(of: object))
    writer.write(object.payload)
    return writer.bytes
  }
}
