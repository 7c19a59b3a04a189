import Wire

/// What lies in front of the codec's bytes in a LOC payload; every sender has its own idea.
///
/// draft-ietf-moq-loc §"Private Properties" gives no encoding.
enum PrivateProperties: CaseIterable {
  /// Nothing.
  case none
  /// The length of a block of properties, one of which is the time (moq-dev).
  case measured
  /// The number 10, a length and a block of properties (aiomoqt).
  case tagged
  /// A number of properties, then these (shaka-player).
  case counted

  /// Takes the properties off a payload; nil when it does not hold them in this way.
  func split(_ payload: Bytes, isQUIC: Bool) -> (properties: [RemuxProperty], frame: Bytes)? {
    do throws(DecodeError) {
      var reader = ByteReader(payload)
      switch self {
      case .none: return ([], payload)
      case .measured:
        // moq-dev writes QUIC integers on every draft.
        let count = try reader.readVarint()
        guard count > 0, count <= UInt64(reader.remaining) else { return nil }
        let properties = try PropertyBlock.properties(
          try reader.readBytes(Int(count)),
          isQUIC: true
        )
        guard Self.time(properties) != nil else { return nil }
        return (properties, reader.readRest())
      case .tagged:
        guard try reader.readUInt8() == 0x0A else { return nil }
        let count = try PropertyBlock.integer(&reader, isQUIC: isQUIC)
        guard count <= UInt64(reader.remaining) else { return nil }
        let block = try reader.readBytes(Int(count))
        return (try PropertyBlock.properties(block, isQUIC: isQUIC), reader.readRest())
      case .counted:
        let count = try PropertyBlock.integer(&reader, isQUIC: isQUIC)
        guard count > 0, count <= UInt64(PropertyBlock.limit) else { return nil }
        var properties: [RemuxProperty] = []
        for _ in 0..<count {
          properties.append(
            try PropertyBlock.property(
              &reader,
              after: properties.last?.type ?? 0,
              isQUIC: isQUIC
            )
          )
        }
        guard Self.time(properties) != nil else { return nil }
        return (properties, reader.readRest())
      }
    } catch {
      return nil
    }
  }

  /// Finds the convention that fits every object; `codec` says what may follow.
  static func vote(_ objects: [RemuxObject], codec: MediaCodec, isQUIC: Bool) -> PrivateProperties {
    // Where a codec's bytes are unmistakable nothing is assumed in front of them.
    let order: [PrivateProperties] =
      codec.isUnmistakable
      ? [.none, .measured, .tagged, .counted] : [.measured, .tagged, .counted, .none]
    return order.first { convention in
      objects.allSatisfy { object in
        guard let (inside, frame) = convention.split(object.payload, isQUIC: isQUIC),
          codec.isPlausible(frame)
        else { return false }
        guard convention == .measured || convention == .counted, !codec.isUnmistakable,
          let outside = time(object.properties)
        else { return true }
        // What other codecs begin with may look like a block; but not like the object's time.
        return time(inside) == outside
      }
    } ?? .none
  }

  private static func time(_ properties: [RemuxProperty]) -> UInt64? {
    properties.integer(0x10) ?? properties.integer(0x06)
  }
}
