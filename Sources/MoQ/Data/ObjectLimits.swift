import Wire

/// Bounds on a single object.
package struct ObjectLimits: Hashable, Sendable {
  /// The most bytes of payload.
  package var payloadBytes: Int
  /// The most bytes of properties.
  package var propertyBytes: Int

  /// Joins the parts.
  package init(payloadBytes: Int = 8 << 20, propertyBytes: Int = 64 << 10) {
    self.payloadBytes = payloadBytes
    self.propertyBytes = propertyBytes
  }
}

/// Why a data stream could not be read on.
package enum DataStreamError: Error, Equatable, Sendable {
  /// The peer broke a rule; the session ends.
  case violation(SessionErrorCode, String)
  /// An object passes a limit of ours; only its stream ends.
  case tooLarge(String)

  init(_ error: CodingError) {
    switch error {
    case .truncated: self = .violation(.protocolViolation, "data stream ends inside an object")
    case .violation(let code, let text): self = .violation(code, text)
    }
  }
}

extension StreamInput {
  /// Reads a small structure of a data stream.
  mutating func parseData<Value>(
    draft: Draft,
    _ body: (inout DraftReader) throws(CodingError) -> Value
  ) throws(DataStreamError) -> Value? {
    do throws(CodingError) { return try parse(draft: draft, body) } catch {
      throw DataStreamError(error)
    }
  }

  /// Takes a properties block whose length was read.
  mutating func takeProperties(
    _ length: UInt64,
    limit: Int,
    draft: Draft
  ) throws(DataStreamError) -> Properties? {
    guard length <= UInt64(limit) else {
      throw .tooLarge("properties of \(length) bytes, at most \(limit)")
    }
    guard let bytes = take(Int(length)) else { return nil }
    guard !bytes.isEmpty else { return Properties() }
    do throws(CodingError) {
      var reader = DraftReader(bytes, draft: draft)
      return try reader.propertiesToEnd()
    } catch { throw DataStreamError(error.inWhole("properties", .keyValueFormattingError)) }
  }

  /// Takes a payload whose length was read.
  mutating func takePayload(
    _ length: UInt64,
    limit: Int
  ) throws(DataStreamError) -> Bytes? {
    guard length <= UInt64(limit) else {
      throw .tooLarge("object of \(length) bytes, at most \(limit)")
    }
    return take(Int(length))
  }
}
