import Wire

/// The form of a parameter's value.
private enum ParameterForm {
  /// An integer of the draft, `0...limit`.
  case integer(limit: UInt64)
  /// One byte, `0...limit`.
  case byte(limit: UInt8)
  case bytes
  case location
  case prefixedLocation
  case filter
  case fill
  case namespace
  case token
}

/// The form of each parameter that a draft knows; nil where the type is unknown.
private func parameterForm(_ type: UInt64, _ profile: WireProfile) -> ParameterForm? {
  switch profile.parameters {
  case .fixedFields:
    // Unknown ones are ignored in this draft, so parity decides.
    if type == Parameters.Kind.authorizationToken { return .token }
    return type.isMultiple(of: 2) ? .integer(limit: .max) : .bytes
  case .keyValuePairs:
    switch type {
    case 0x02, 0x08, 0x32: return .integer(limit: .max)
    case 0x10: return .integer(limit: 1)
    case 0x20: return .integer(limit: 255)
    case 0x22: return .integer(limit: 2)
    case 0x03: return .token
    case 0x09: return .prefixedLocation
    case 0x21: return .filter
    default: return nil
    }
  case .typed:
    switch type {
    case 0x02, 0x04, 0x06, 0x08, 0x0a, 0x32: return .integer(limit: .max)
    case 0x10: return .byte(limit: 1)
    case 0x20: return .byte(limit: 255)
    case 0x22: return .byte(limit: 2)
    case 0x03: return .token
    case 0x09: return .location
    case 0x21: return .filter
    case 0x34: return .namespace
    case 0x23 where profile.codes == .draft20: return .fill
    case 0x25...0x29 where profile.codes == .draft20: return .bytes
    case 0x35 where profile.codes == .draft20: return .byte(limit: 1)
    default: return nil
    }
  }
}

extension DraftReader {
  /// Reads a count and that many parameters.
  mutating func parameters() throws(CodingError) -> Parameters {
    try parameters(isAllowed: { _ in true })
  }

  private mutating func parameters(
    isAllowed: (UInt64) -> Bool
  ) throws(CodingError) -> Parameters {
    let count = try integer()
    guard count <= Parameters.maximumCount else { throw .protocolViolation("\(count) parameters") }
    var result = Parameters()
    var previous: UInt64 = 0
    for _ in 0..<count {
      let type = try keyValueType(after: previous)
      guard isAllowed(type), let form = parameterForm(type, profile) else {
        throw .protocolViolation("unknown parameter 0x\(String(type, radix: 16))")
      }
      // Those that the draft does not know may be repeated where they are ignored.
      guard
        type == Parameters.Kind.authorizationToken || profile.parameters == .fixedFields
          || result.entries.last?.type != type
      else { throw .protocolViolation("parameter 0x\(String(type, radix: 16)) twice") }
      result.append(type, try parameter(type, form))
      previous = type
    }
    return result
  }

  private mutating func parameter(
    _ type: UInt64,
    _ form: ParameterForm
  ) throws(CodingError) -> Parameters.Value {
    func check(_ value: UInt64, _ limit: UInt64) throws(CodingError) {
      let isZeroForbidden =
        type == Parameters.Kind.groupOrder
        || type == Parameters.Kind.deliveryTimeout && profile.parameters == .keyValuePairs
      guard value <= limit, value > 0 || !isZeroForbidden else {
        throw .protocolViolation("parameter 0x\(String(type, radix: 16)) of \(value)")
      }
    }
    switch form {
    case .integer(let limit):
      let value = try integer()
      try check(value, limit)
      return .integer(value)
    case .byte(let limit):
      let value = UInt64(try byte())
      try check(value, UInt64(limit))
      return .integer(value)
    case .bytes: return .bytes(try parameterBytes(type))
    case .token:
      return .token(try inner(type) { (reader) throws(CodingError) in try reader.token() })
    case .location where !expectsPrefixedLargest: return .location(try location())
    case .location, .prefixedLocation:
      return .location(try inner(type) { (reader) throws(CodingError) in try reader.location() })
    case .filter: return .filter(try filterParameter())
    case .fill:
      return .fill(
        try inner(type) { (reader) throws(CodingError) in
          try reader.parameters(isAllowed: Parameters.Kind.isOfFill)
        }
      )
    case .namespace: return .namespace(try namespaceParameter(type))
    }
  }

  private mutating func parameterBytes(_ type: UInt64) throws(CodingError) -> Bytes {
    try lengthPrefixed(
      limit: KeyValuePairs.maximumValueBytes,
      "parameter \(type)",
      code: .keyValueFormattingError
    )
  }

  /// Reads a value that has a length before it and must fill it.
  private mutating func inner<Value>(
    _ type: UInt64,
    _ body: (inout DraftReader) throws(CodingError) -> Value
  ) throws(CodingError) -> Value {
    var inner = DraftReader(try parameterBytes(type), draft: draft)
    do throws(CodingError) {
      let value = try body(&inner)
      guard inner.isAtEnd else {
        throw CodingError.violation(
          .keyValueFormattingError,
          "\(inner.remaining) bytes too many in parameter \(type)"
        )
      }
      return value
    } catch { throw error.inWhole("parameter \(type)", .keyValueFormattingError) }
  }

  /// Reads a namespace with or without a length before it: the drafts leave it open.
  private mutating func namespaceParameter(
    _ type: UInt64
  ) throws(CodingError) -> TrackNamespace {
    let saved = reader
    if let value = try? inner(
      type,
      { (reader) throws(CodingError) in try reader.namespace(mayBeEmpty: true) }
    ) {
      return value
    }
    reader = saved
    return try namespace(mayBeEmpty: true)
  }
}

extension DraftWriter {
  /// Writes a count and every parameter; what draft 14 has in fixed fields is left out there.
  mutating func parameters(_ parameters: Parameters) {
    let entries =
      profile.parameters == .fixedFields
      ? parameters.entries.filter { !Parameters.fixedFieldsOfDraft14.contains($0.type) }
      : parameters.entries
    integer(UInt64(entries.count))
    var previous: UInt64 = 0
    for entry in entries {
      guard let form = parameterForm(entry.type, profile) else {
        preconditionFailure("\(draft) has no parameter \(entry.type)")
      }
      keyValueType(entry.type, after: &previous)
      parameter(entry.value, form)
    }
  }

  private mutating func parameter(_ value: Parameters.Value, _ form: ParameterForm) {
    switch value {
    case .integer(let value):
      if case .byte = form { byte(UInt8(truncatingIfNeeded: value)) } else { integer(value) }
    case .bytes(let value): lengthPrefixed(value)
    case .location(let value):
      if case .prefixedLocation = form {
        lengthPrefixed { $0.location(value) }
      } else {
        location(value)
      }
    case .filter(let value): filterParameter(value)
    case .fill(let value): lengthPrefixed { $0.parameters(value) }
    case .namespace(let value): namespace(value)
    case .token(let value): lengthPrefixed { $0.token(value) }
    }
  }
}

extension Parameters {
  /// What draft 14 writes in fixed fields of its messages.
  fileprivate static let fixedFieldsOfDraft14: Set<UInt64> = [
    Kind.expires, Kind.largestObject, Kind.forward, Kind.subscriberPriority, Kind.filter,
    Kind.groupOrder,
  ]
}
