package import Wire

/// Typed values whose form follows from the parity of the type: setup options, properties, and
/// parameters up to draft 16.
///
/// MOQT §"Key-Value-Pair Structure".
package struct KeyValuePairs: Hashable, Sendable {
  /// A value: an integer for an even type, bytes for an odd one.
  package enum Value: Hashable, Sendable {
    case integer(UInt64)
    case bytes(Bytes)
  }

  /// One type with its value.
  package struct Pair: Hashable, Sendable {
    /// The absolute type.
    package var type: UInt64
    /// The value in the form of the type's parity.
    package var value: Value
  }

  /// The pairs in the order of the wire.
  package private(set) var pairs: [Pair] = []

  /// No pairs.
  package init() {}

  /// Whether there is nothing.
  package var isEmpty: Bool { pairs.isEmpty }

  /// Adds an integer; traps when the type is odd.
  package mutating func append(_ type: UInt64, _ value: UInt64) {
    precondition(type.isMultiple(of: 2), "an integer needs an even type")
    pairs.append(Pair(type: type, value: .integer(value)))
  }

  /// Adds bytes; traps when the type is even or the bytes are more than 65,535.
  package mutating func append(_ type: UInt64, _ value: Bytes) {
    precondition(!type.isMultiple(of: 2), "bytes need an odd type")
    precondition(value.count <= Self.maximumValueBytes, "a value has at most 65,535 bytes")
    pairs.append(Pair(type: type, value: .bytes(value)))
  }

  /// The first integer of a type; nil when there is none.
  package func integer(_ type: UInt64) -> UInt64? {
    for pair in pairs where pair.type == type {
      if case .integer(let value) = pair.value { return value }
    }
    return nil
  }

  /// The first byte string of a type; nil when there is none.
  package func bytes(_ type: UInt64) -> Bytes? {
    for pair in pairs where pair.type == type {
      if case .bytes(let value) = pair.value { return value }
    }
    return nil
  }

  static let maximumValueBytes = 0xffff
}

extension DraftReader {
  /// Reads one type, as a difference to the one before where the draft does so.
  mutating func keyValueType(after previous: UInt64) throws(CodingError) -> UInt64 {
    let written = try integer()
    guard profile.keyValueDelta else { return written }
    let (type, overflow) = previous.addingReportingOverflow(written)
    guard !overflow else { throw .protocolViolation("type \(previous) + \(written) overflows") }
    return type
  }

  mutating func keyValue(_ type: UInt64) throws(CodingError) -> KeyValuePairs.Value {
    if type.isMultiple(of: 2) { return .integer(try integer()) }
    return .bytes(
      try lengthPrefixed(
        limit: KeyValuePairs.maximumValueBytes,
        "value of type \(type)",
        code: .keyValueFormattingError
      )
    )
  }

  /// Reads pairs up to the end of the input.
  mutating func keyValuePairsToEnd() throws(CodingError) -> KeyValuePairs {
    var result = KeyValuePairs()
    var previous: UInt64 = 0
    while !isAtEnd {
      previous = try keyValueType(after: previous)
      result.append(pair: previous, try keyValue(previous))
    }
    return result
  }

  /// Reads a count and that many pairs.
  mutating func countedKeyValuePairs() throws(CodingError) -> KeyValuePairs {
    var result = KeyValuePairs()
    var previous: UInt64 = 0
    for _ in 0..<(try integer()) {
      previous = try keyValueType(after: previous)
      result.append(pair: previous, try keyValue(previous))
    }
    return result
  }
}

extension KeyValuePairs {
  mutating func append(pair type: UInt64, _ value: Value) {
    pairs.append(Pair(type: type, value: value))
  }

  /// The pairs in an order that the draft can write.
  fileprivate func ordered(delta: Bool) -> [Pair] {
    guard delta else { return pairs }
    return pairs.enumerated()
      .sorted { ($0.element.type, $0.offset) < ($1.element.type, $1.offset) }.map(\.element)
  }
}

extension DraftWriter {
  mutating func keyValueType(_ type: UInt64, after previous: inout UInt64) {
    integer(profile.keyValueDelta ? type - previous : type)
    previous = type
  }

  mutating func keyValuePairs(_ pairs: KeyValuePairs) {
    var previous: UInt64 = 0
    for pair in pairs.ordered(delta: profile.keyValueDelta) {
      keyValueType(pair.type, after: &previous)
      switch pair.value {
      case .integer(let value): integer(value)
      case .bytes(let value): lengthPrefixed(value)
      }
    }
  }

  mutating func countedKeyValuePairs(_ pairs: KeyValuePairs) {
    integer(UInt64(pairs.pairs.count))
    keyValuePairs(pairs)
  }
}
