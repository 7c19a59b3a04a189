import Wire

/// The unread bytes of one stream, for decoders that are fed in pieces.
///
/// Small structures are parsed again when more bytes arrive; runs are copied once, into room of their own
/// that grows with what arrives: never so much as is merely claimed, and in the end no more than it takes.
/// What arrives is not held on to, so that whoever brings it can use its memory again.
struct StreamInput {
  private var unread = Bytes()
  private var gathered: [UInt8] = []
  /// The length of the run being gathered; 0 while none is.
  private var wanted = 0

  /// Room that is made for a long run, by what has come of it.
  private static let growth = 4

  /// What this input holds on to.
  var bufferedBytes: Int { gathered.count + unread.count }
  var isEmpty: Bool { unread.isEmpty && wanted == 0 }

  mutating func append(_ bytes: Bytes) {
    var bytes = bytes
    if wanted > 0 {
      let count = min(wanted - gathered.count, bytes.count)
      gather(bytes.prefix(count))
      bytes = bytes.suffix(from: count)
      guard !bytes.isEmpty else { return }
    }
    if unread.isEmpty {
      unread = bytes
    } else {
      var joined = unread.array
      joined.append(contentsOf: bytes.slice)
      unread = Bytes(joined)
    }
  }

  /// Reads a small structure; nil, leaving everything, when it is not complete yet.
  mutating func parse<Value>(
    draft: Draft,
    _ body: (inout DraftReader) throws(CodingError) -> Value
  ) throws(CodingError) -> Value? {
    guard wanted == 0 else { return nil }
    var reader = DraftReader(unread, draft: draft)
    do {
      let value = try body(&reader)
      unread = unread.suffix(from: reader.reader.position)
      return value
    } catch .truncated {
      unread = Bytes(unread.array)
      return nil
    }
  }

  /// Takes a run of bytes; nil when it is not complete yet.
  ///
  /// The same count must be asked for again.
  mutating func take(_ count: Int) -> Bytes? {
    if wanted == 0 {
      guard unread.count < count else {
        defer { unread = unread.suffix(from: count) }
        return Bytes(unread.prefix(count).array)
      }
      wanted = count
      gather(unread)
      unread = Bytes()
      return nil
    }
    guard gathered.count == wanted else { return nil }
    defer {
      gathered = []
      wanted = 0
    }
    return Bytes(gathered)
  }

  private mutating func gather(_ bytes: Bytes) {
    let count = gathered.count + bytes.count
    if gathered.capacity < count {
      gathered.reserveCapacity(min(wanted, Self.growth * count))
    }
    gathered.append(contentsOf: bytes.slice)
  }

  /// Drops everything that is held and says how much it was.
  mutating func discard() -> Int {
    defer { self = StreamInput() }
    return bufferedBytes
  }
}
