package import Wire

/// A cursor over bytes of one draft: the shared structures of every message.
package struct DraftReader {
  var reader: ByteReader
  let draft: Draft
  let profile: WireProfile
  /// Reads LARGEST_OBJECT with a length before it where the draft has none; some peers write one.
  var expectsPrefixedLargest = false

  /// Starts at the first of some bytes.
  package init(_ bytes: Bytes, draft: Draft) {
    reader = ByteReader(bytes)
    self.draft = draft
    profile = draft.profile
  }

  /// The bytes not read yet.
  package var remaining: Int { reader.remaining }
  var isAtEnd: Bool { reader.isAtEnd }

  /// Reads an integer in the draft's form.
  package mutating func integer() throws(CodingError) -> UInt64 {
    do {
      return profile.integers == .quic ? try reader.readVarint() : try reader.readVi64()
    } catch { throw CodingError(error) }
  }

  mutating func byte() throws(CodingError) -> UInt8 {
    do { return try reader.readUInt8() } catch { throw CodingError(error) }
  }

  mutating func uint16() throws(CodingError) -> UInt16 {
    do { return try reader.readUInt16() } catch { throw CodingError(error) }
  }

  mutating func bytes(_ count: Int) throws(CodingError) -> Bytes {
    do { return try reader.readBytes(count) } catch { throw CodingError(error) }
  }

  mutating func rest() -> Bytes { reader.readRest() }

  /// Reads a length and that many bytes.
  mutating func lengthPrefixed(
    limit: Int,
    _ what: String,
    code: SessionErrorCode = .protocolViolation
  ) throws(CodingError) -> Bytes {
    let length = try integer()
    guard length <= UInt64(limit) else {
      throw .violation(code, "\(what) of \(length) bytes, at most \(limit) allowed")
    }
    return try bytes(Int(length))
  }

  mutating func location() throws(CodingError) -> Location {
    let group = try integer()
    return Location(group: group, object: try integer())
  }

  mutating func namespace(mayBeEmpty: Bool) throws(CodingError) -> TrackNamespace {
    let count = try integer()
    guard count <= UInt64(TrackNamespace.maximumFields), count > 0 || mayBeEmpty else {
      throw .protocolViolation("namespace of \(count) fields")
    }
    var fields: [Bytes] = []
    var total = 0
    for _ in 0..<count {
      let field = try lengthPrefixed(limit: TrackNamespace.maximumBytes, "namespace field")
      guard !field.isEmpty || draft == .draft14 else {
        throw .protocolViolation("empty namespace field")
      }
      total += field.count
      fields.append(field)
    }
    guard total <= TrackNamespace.maximumBytes else {
      throw .protocolViolation("namespace of \(total) bytes")
    }
    return TrackNamespace(fields)
  }

  mutating func trackName() throws(CodingError) -> FullTrackName {
    let namespace = try namespace(mayBeEmpty: profile.emptyNamespace)
    let name = try lengthPrefixed(limit: TrackNamespace.maximumBytes, "track name")
    guard namespace.byteCount + name.count <= TrackNamespace.maximumBytes else {
      throw .protocolViolation("full track name of \(namespace.byteCount + name.count) bytes")
    }
    return FullTrackName(namespace: namespace, name: name)
  }

  mutating func reason() throws(CodingError) -> String {
    try lengthPrefixed(limit: 1024, "reason phrase").text
  }

  mutating func flag(_ what: String) throws(CodingError) -> Bool {
    switch try byte() {
    case 0: return false
    case 1: return true
    case let value: throw .protocolViolation("\(what) of \(value)")
    }
  }
}
