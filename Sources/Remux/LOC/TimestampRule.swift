import Wire

/// Which property holds the time of a track's objects.
///
/// Revisions of draft-ietf-moq-loc moved it: 0x02 in -00 and -01, 0x06 in -02 and -03, 0x10 in -04; its
/// numbers have other meanings elsewhere, so several objects decide.
enum TimestampRule: Equatable {
  case property(UInt64)
  /// draft-frindell-moq-timestamp: a rule for ids, and corrections to it.
  case mapped
  /// Nothing tells times.
  case untimed

  /// Decides by the properties of a track's first objects, private ones included.
  static func vote(_ objects: [[RemuxProperty]], track: [RemuxProperty]) -> TimestampRule {
    func values(_ type: UInt64) -> [UInt64]? {
      let found = objects.compactMap { $0.integer(type) }
      return found.count == objects.count && !found.isEmpty ? found : nil
    }
    func isChanging(_ values: [UInt64]) -> Bool {
      values.count == 1 || Set(values).count == values.count
    }
    if values(0x10) != nil { return .property(0x10) }
    // An audio level is small and repeats; an encrypted list or media type is no time either.
    for type in [0x06, 0x0A] as [UInt64] {
      if let found = values(type), isChanging(found), found.contains(where: { $0 > 255 }) {
        return .property(type)
      }
    }
    // A delivery timeout is below ten million milliseconds, microseconds since 1970 far above.
    if let found = values(0x02), found.allSatisfy({ $0 > 1_000_000_000_000 }) {
      return .property(0x02)
    }
    if track.bytes(mapping) != nil || values(mappedTime) != nil { return .mapped }
    return .untimed
  }

  /// Where a group's first object is 0, a time by a mapping of the track, or the object's own.
  static func mappedTime(
    group: UInt64,
    object: UInt64,
    properties: [RemuxProperty],
    track: [RemuxProperty],
    isQUIC: Bool
  ) -> Int64? {
    let own = properties.integer(mappedTime)
    guard let bytes = properties.bytes(mapping) ?? track.bytes(mapping) else {
      return own.flatMap { Int64(exactly: $0) }
    }
    var reader = ByteReader(bytes)
    var numbers: [Int128] = []
    for _ in 0..<4 {
      guard let number = try? PropertyBlock.integer(&reader, isQUIC: isQUIC),
        number <= UInt64(UInt32.max) || numbers.count < 2
      else { return nil }
      numbers.append(Int128(number))
    }
    let correction = own.map { Int128($0 >> 1) ^ -Int128($0 & 1) } ?? 0
    // 64-bit ids times 32-bit steps stay below 2^97.
    let time =
      numbers[1] + (Int128(group) - numbers[0]) * numbers[2] + Int128(object) * numbers[3]
      + correction
    return Int64(exactly: time)
  }

  private static let mappedTime: UInt64 = 0x2D1A
  private static let mapping: UInt64 = 0x27F3_08C5
  /// Ticks per second of mapped times.
  static let mappedTimescale: UInt64 = 0x2C7A_51E0
}
