internal import MoQ
internal import Wire

/// The bytes of a recording: a mark, the draft, then tracks and events in the order in which they came.
///
/// All integers are big-endian. A track's entry (0) has its number and name; an event's entry (1 and
/// above) has the number of its track, UTC in microseconds, the monotonic clock in nanoseconds, and
/// what its kind needs.
enum RecordingFormat {
  static let mark = Bytes(utf8: "MoQ recording 1\n")
  /// The most tracks of a recording.
  static let trackLimit = 65_536

  private enum Kind: UInt8 {
    case track = 0, subscribed, refused, object, streamEnded, absent, ended
  }

  /// Writes entries; it knows which tracks were named.
  struct Writer {
    private var numbers: [FullTrackName: UInt32] = [:]

    /// What a recording begins with.
    static func start(draft: Draft) -> Bytes {
      var writer = ByteWriter()
      writer.write(mark)
      writer.write(UInt8(draft.rawValue))
      return writer.bytes
    }

    /// The bytes of the next entry.
    mutating func bytes(of entry: RecordedEntry) -> Bytes {
      var writer = ByteWriter()
      let number: UInt32
      if let known = numbers[entry.track] {
        number = known
      } else {
        number = UInt32(numbers.count)
        numbers[entry.track] = number
        writer.write(Kind.track.rawValue)
        writer.write(number)
        writer.write(UInt8(entry.track.namespace.fields.count))
        for field in entry.track.namespace.fields + [entry.track.name] { writer.sized(field) }
      }
      writer.write(Self.kind(entry.event).rawValue)
      writer.write(number)
      writer.write(UInt64(bitPattern: entry.utc.microseconds))
      writer.write(UInt64(bitPattern: entry.now.nanoseconds))
      Self.write(entry.event, to: &writer)
      return writer.bytes
    }

    private static func kind(_ event: RecordedEvent) -> Kind {
      switch event {
      case .subscribed: .subscribed
      case .refused: .refused
      case .object: .object
      case .streamEnded: .streamEnded
      case .absent: .absent
      case .ended: .ended
      }
    }

    private static func write(_ event: RecordedEvent, to writer: inout ByteWriter) {
      switch event {
      case .subscribed(let largest, let properties):
        writer.write(UInt8(largest == nil ? 0 : 1))
        writer.location(largest ?? .zero)
        writer.properties(properties)
      case .refused: break
      case .object(let object):
        writer.location(object.location)
        writer.write(UInt8(object.subgroup == nil ? 0 : 1))
        writer.write(object.subgroup ?? 0)
        writer.write(object.priority)
        writer.write(UInt8(object.status.rawValue))
        writer.properties(object.properties)
        writer.sized(object.payload)
      case .streamEnded(let group, let endsGroup):
        writer.write(group)
        writer.write(UInt8(endsGroup ? 1 : 0))
      case .absent(let range):
        writer.location(range.lowerBound)
        writer.location(range.upperBound)
      case .ended(let isTrackEnd): writer.write(UInt8(isTrackEnd ? 1 : 0))
      }
    }
  }

  /// Reads a whole recording; one that was cut off gives what is whole of it.
  static func read(_ bytes: Bytes) throws(RecordingError) -> (draft: Draft, [RecordedEntry]) {
    var reader = ByteReader(bytes)
    guard bytes.count > mark.count, bytes.prefix(mark.count) == mark else { throw .otherFormat }
    var entries: [RecordedEntry] = []
    var tracks: [FullTrackName] = []
    do throws(DecodeError) {
      try reader.skip(mark.count)
      guard let draft = Draft(rawValue: Int(try reader.readUInt8())) else {
        throw .invalid("an unknown draft")
      }
      while !reader.isAtEnd {
        let start = reader.position
        do throws(DecodeError) {
          if let entry = try readEntry(&reader, &tracks) { entries.append(entry) }
        } catch {
          if case .truncated = error { return (draft, entries) }
          throw .invalid("\(error) in the entry at byte \(start)")
        }
      }
      return (draft, entries)
    } catch {
      throw .malformed("\(error)")
    }
  }

  private static func readEntry(
    _ reader: inout ByteReader,
    _ tracks: inout [FullTrackName]
  ) throws(DecodeError) -> RecordedEntry? {
    let raw = try reader.readUInt8()
    guard let kind = Kind(rawValue: raw) else { throw .invalid("kind \(raw)") }
    let number = Int(try reader.readUInt32())
    if kind == .track {
      guard number == tracks.count, number < trackLimit else {
        throw .invalid("track number \(number)")
      }
      var fields: [Bytes] = []
      for _ in 0..<(try reader.readUInt8()) { fields.append(try reader.sized()) }
      let name = FullTrackName(namespace: TrackNamespace(fields), name: try reader.sized())
      guard name.isValid else { throw .invalid("a track name that no draft can say") }
      tracks.append(name)
      return nil
    }
    guard tracks.indices.contains(number) else { throw .invalid("track number \(number)") }
    let utc = UTCTime(microseconds: Int64(bitPattern: try reader.readUInt64()))
    let now = Instant(nanoseconds: Int64(bitPattern: try reader.readUInt64()))
    let event = try readEvent(kind, &reader)
    return RecordedEntry(track: tracks[number], utc: utc, now: now, event: event)
  }

  private static func readEvent(
    _ kind: Kind,
    _ reader: inout ByteReader
  ) throws(DecodeError) -> RecordedEvent {
    switch kind {
    case .track, .refused: return .refused
    case .subscribed:
      let hasLargest = try reader.readUInt8() != 0
      let largest = try reader.location()
      return .subscribed(largest: hasLargest ? largest : nil, try reader.properties())
    case .object:
      let location = try reader.location()
      let hasSubgroup = try reader.readUInt8() != 0
      let subgroup = try reader.readUInt64()
      let priority = try reader.readUInt8()
      let raw = try reader.readUInt8()
      guard let status = ObjectStatus(rawValue: UInt64(raw)) else {
        throw .invalid("object status \(raw)")
      }
      return .object(
        Object(
          group: location.group,
          id: location.object,
          subgroup: hasSubgroup ? subgroup : nil,
          priority: priority,
          properties: try reader.properties(),
          status: status,
          payload: try reader.sized()
        )
      )
    case .streamEnded:
      return .streamEnded(
        group: try reader.readUInt64(),
        endsGroup: try reader.readUInt8() != 0
      )
    case .absent:
      let (first, last) = (try reader.location(), try reader.location())
      guard first <= last else { throw .invalid("a range that ends before it begins") }
      return .absent(first...last)
    case .ended: return .ended(isTrackEnd: try reader.readUInt8() != 0)
    }
  }
}

/// Why a recording can't be read.
package enum RecordingError: Error, Hashable, Sendable, CustomStringConvertible {
  case otherFormat
  case malformed(String)
  /// It has nothing that could be packaged; the text says why.
  case empty(String)

  package var description: String {
    switch self {
    case .otherFormat: "it is no recording: it does not begin as one"
    case .malformed(let reason): "the recording is damaged: \(reason)"
    case .empty(let reason): "the recording gives no media: \(reason)"
    }
  }
}

extension ByteWriter {
  fileprivate mutating func sized(_ bytes: Bytes) {
    write(UInt32(bytes.count))
    write(bytes)
  }

  fileprivate mutating func location(_ location: Location) {
    write(location.group)
    write(location.object)
  }

  fileprivate mutating func properties(_ properties: Properties) {
    for pairs in [properties.pairs.pairs, properties.immutable.pairs] {
      write(UInt16(clamping: pairs.count))
      for pair in pairs.prefix(Int(UInt16.max)) {
        write(pair.type)
        switch pair.value {
        case .integer(let value): write(value)
        case .bytes(let bytes): sized(bytes)
        }
      }
    }
  }
}

extension ByteReader {
  fileprivate mutating func sized() throws(DecodeError) -> Bytes {
    try readBytes(Int(try readUInt32()))
  }

  fileprivate mutating func location() throws(DecodeError) -> Location {
    Location(group: try readUInt64(), object: try readUInt64())
  }

  fileprivate mutating func properties() throws(DecodeError) -> Properties {
    Properties(try keyValuePairs(), immutable: try keyValuePairs())
  }

  private mutating func keyValuePairs() throws(DecodeError) -> KeyValuePairs {
    var pairs = KeyValuePairs()
    for _ in 0..<(try readUInt16()) {
      let type = try readUInt64()
      if type.isMultiple(of: 2) {
        pairs.append(type, try readUInt64())
      } else {
        let bytes = try sized()
        guard bytes.count <= 0xffff else { throw .invalid("a property of \(bytes.count) bytes") }
        pairs.append(type, bytes)
      }
    }
    return pairs
  }
}
