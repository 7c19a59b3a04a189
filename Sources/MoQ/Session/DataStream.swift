import Wire

/// One data stream whose subscription or FETCH is known.
final class DataStream {
  enum Content {
    case subgroup(SubgroupDecoder)
    case fetch(FetchDecoder)
  }
  enum Owner {
    /// The subscriptions of an alias, several from draft 20 on.
    case subscriptions([UInt64])
    case fetch(FetchID)
  }

  var owner: Owner
  /// The header of a subgroup stream; nil for a FETCH stream.
  let header: SubgroupHeader?
  private var content: Content
  /// What an object takes that is not complete.
  private(set) var partial = PartialBytes()
  /// What the transport fills.
  private var filled: StreamRoom?
  /// The object that came last, without its payload.
  private(set) var last: (location: Location, status: ObjectStatus)?

  init(owner: Owner, content: Content) {
    self.owner = owner
    self.content = content
    if case .subgroup(let decoder) = content { header = decoder.header } else { header = nil }
  }

  /// What an orderly end says of the group after this stream; nil when it says nothing.
  var absentAfterEnd: ClosedRange<Location>? {
    guard header?.endsGroup == true, let last, last.status == .normal,
      let next = last.location.successor, next.group == last.location.group
    else { return nil }
    return next...Location(group: next.group, object: .max)
  }

  /// The id of a subgroup stream's subgroup; nil when nothing said it.
  var subgroupID: UInt64? {
    if case .subgroup(let decoder) = content { decoder.subgroupID } else { nil }
  }

  /// Whether the stream may end here.
  var isBetweenObjects: Bool {
    switch content {
    case .subgroup(let decoder): decoder.isBetweenObjects
    case .fetch(let decoder): decoder.isBetweenObjects
    }
  }

  /// The rest of a payload that the transport could write itself; nil when there is too little of it, and
  /// for a FETCH, of which every piece tells that it goes on.
  var unfilledRoom: StreamRoom? {
    guard filled == nil, case .subgroup(let decoder) = content, let room = decoder.room,
      room.missing >= Self.leastRoom
    else { return nil }
    return room
  }

  /// Less than this is as well copied twice.
  private static let leastRoom = 8 << 10

  /// Counts the rest of `unfilledRoom`, which the transport fills now, and takes memory for it.
  func promise(_ room: StreamRoom) {
    filled = room
    partial.promised = room.missing
    room.reserve()
  }

  /// Takes bytes and hands out every object that is complete with them.
  func receive(
    _ bytes: Bytes,
    _ body: (FetchItem) -> Void
  ) throws(DataStreamError) {
    // The decoder moves out and back in, so that its buffers are never shared.
    switch content {
    case .subgroup(var decoder):
      content = .fetch(FetchDecoder(draft: .draft14))
      defer {
        if decoder.room !== filled { filled = nil }
        partial = PartialBytes(held: decoder.bufferedBytes, promised: filled?.missing ?? 0)
        content = .subgroup(decoder)
      }
      decoder.receive(bytes)
      while let object = try decoder.next() {
        last = (object.location, object.status)
        body(.object(object))
      }
    case .fetch(var decoder):
      content = .fetch(FetchDecoder(draft: .draft14))
      defer {
        partial.held = decoder.bufferedBytes
        content = .fetch(decoder)
      }
      decoder.receive(bytes)
      while let item = try decoder.next() { body(item) }
    }
  }
}

/// Streams and datagrams whose subscription is not known yet, in order of arrival.
///
/// Aliases are the publisher's, so data may overtake the SUBSCRIBE_OK that explains them.
struct ParkingLot {
  enum Key: Hashable {
    case alias(UInt64)
    case request(UInt64)
    init?(_ header: StreamHeader) {
      switch header {
      case .subgroup(let header): self = .alias(header.trackAlias)
      case .fetch(let requestID): self = .request(requestID)
      case .control, .padding: return nil
      }
    }
  }

  struct Parked {
    var key: Key
    /// Nil for a datagram.
    var stream: UInt64?
    var header: StreamHeader?
    /// What of a stream was read with its header; a datagram's bytes are here too.
    var pieces: [Bytes]
    /// The bytes for which the peer has no credit back yet.
    var uncredited = 0
    var isFinished = false
    var deadline: Instant
    var byteCount: Int
  }

  private(set) var entries: [Parked] = []
  private(set) var byteCount = 0

  var deadline: Instant? { entries.first?.deadline }

  mutating func append(_ entry: Parked) {
    entries.append(entry)
    byteCount += entry.byteCount
  }

  func contains(stream: UInt64) -> Bool { entries.contains { $0.stream == stream } }

  /// Adds to a parked stream; false when it is not here.
  mutating func append(_ bytes: Bytes, to stream: UInt64) -> Bool {
    guard let index = entries.firstIndex(where: { $0.stream == stream }) else { return false }
    entries[index].pieces.append(bytes)
    entries[index].byteCount += bytes.count
    entries[index].uncredited += bytes.count
    byteCount += bytes.count
    return true
  }

  mutating func finish(stream: UInt64) -> Bool {
    guard let index = entries.firstIndex(where: { $0.stream == stream }) else { return false }
    entries[index].isFinished = true
    return true
  }

  /// Takes out every entry that fits.
  mutating func take(_ matches: (Parked) -> Bool) -> [Parked] {
    let taken = entries.filter(matches)
    guard !taken.isEmpty else { return [] }
    entries.removeAll(where: matches)
    for entry in taken { byteCount -= entry.byteCount }
    return taken
  }
}
