import Wire

/// The unread bytes of one stream, for decoders that are fed in pieces.
///
/// Small structures are parsed again when more bytes arrive; runs are copied once, into room of their own
/// that grows with what arrives. What arrives is not held on to, so that whoever brings it can use its
/// memory again.
struct StreamInput {
  private var unread = Bytes()
  /// Where the run is gathered that has been asked for and is not complete.
  private(set) var room: StreamRoom?

  /// What this input holds on to.
  var bufferedBytes: Int { (room?.bytes.count ?? 0) + unread.count }
  var isEmpty: Bool { unread.isEmpty && room == nil }

  mutating func append(_ bytes: Bytes) {
    var bytes = bytes
    if let room {
      bytes = bytes.suffix(from: room.append(bytes))
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
    guard room == nil else { return nil }
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
    guard let room else {
      guard unread.count < count else {
        defer { unread = unread.suffix(from: count) }
        return Bytes(unread.prefix(count).array)
      }
      let room = StreamRoom(wanted: count)
      _ = room.append(unread)
      self.room = room
      unread = Bytes()
      return nil
    }
    guard room.missing == 0 else { return nil }
    self.room = nil
    return Bytes(room.bytes)
  }
}
