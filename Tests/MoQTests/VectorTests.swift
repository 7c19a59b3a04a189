import FoundationEssentials
import MoQ
import Testing
import Wire

/// One entry of `Fixtures/Wire/moqt-vectors.json`.
struct Vector: CustomTestStringConvertible, Sendable {
  let draft: Draft
  let message: String
  let fields: JSONValue
  let bytes: Bytes

  var testDescription: String { "\(draft) \(message)" }

  enum Family: String, CaseIterable { case integer, control, subgroup, fetch, datagram, padding }

  var family: Family {
    if message == "varint" || message == "vi64" { return .integer }
    if message.hasPrefix("SUBGROUP") { return .subgroup }
    if message.hasPrefix("FETCH stream") { return .fetch }
    if message.hasPrefix("OBJECT_DATAGRAM") { return .datagram }
    if message.hasPrefix("PADDING") { return .padding }
    return .control
  }

  static let all: [Vector] = {
    var path = #filePath.split(separator: "/").dropLast(3).map(String.init)
    path += ["Fixtures", "Wire", "moqt-vectors.json"]
    guard let data = try? Data(contentsOf: URL(filePath: "/" + path.joined(separator: "/"))),
      let entries = JSONValue(parsing: Bytes(Array(data)))?.elements
    else { return [] }
    return entries.compactMap { entry in
      guard case .integer(let number)? = entry["draft"], let draft = Draft(rawValue: Int(number)),
        case .string(let message)? = entry["message"], let fields = entry["fields"],
        case .string(let text)? = entry["hex"], let bytes = Bytes(hex: text)
      else { return nil }
      return Vector(draft: draft, message: message, fields: fields, bytes: bytes)
    }
  }()

  static func of(_ family: Family) -> [Vector] { all.filter { $0.family == family } }

  func integer(_ key: String) -> UInt64? {
    switch fields[key] {
    case .integer(let value)?: UInt64(bitPattern: value)
    // The one value above Int64: 2^64 - 1.
    case .fraction?: .max
    default: nil
    }
  }

  func text(_ key: String) -> String? {
    if case .string(let value)? = fields[key] { value } else { nil }
  }

  func location(_ key: String) -> Location? {
    guard case .integer(let group)? = fields[key]?.elements?.first,
      case .integer(let object)? = fields[key]?.elements?.last
    else { return nil }
    return Location(group: UInt64(group), object: UInt64(object))
  }

  func namespace(_ key: String) -> TrackNamespace? {
    fields[key]?.elements.map { elements in
      TrackNamespace(
        elements.compactMap { if case .string(let text) = $0 { Bytes(utf8: text) } else { nil } }
      )
    }
  }

  /// The code in a text such as `DOES_NOT_EXIST(0x10)`.
  func code(_ key: String) -> UInt64? {
    guard let text = text(key), let start = text.firstRange(of: "(0x") else { return nil }
    return UInt64(text[start.upperBound...].dropLast(), radix: 16)
  }
}

@Suite struct VectorTests {
  @Test func `all 227 vectors are exercised, each by the test of its family`() {
    let counts = Dictionary(grouping: Vector.all, by: \.family).mapValues(\.count)
    #expect(
      counts == [
        .integer: 21, .control: 155, .subgroup: 27, .fetch: 11, .datagram: 10, .padding: 3,
      ]
    )
    #expect(Vector.all.count == 227)
  }

  @Test(arguments: Vector.of(.integer))
  func `integers`(_ vector: Vector) throws {
    var reader = DraftReader(vector.bytes, draft: vector.draft)
    let value = try reader.integer()
    #expect(value == vector.integer("value"))
    var writer = DraftWriter(draft: vector.draft)
    writer.integer(value)
    #expect(writer.bytes == vector.bytes)
    for length in 0..<vector.bytes.count {
      #expect(throws: CodingError.truncated) {
        var reader = DraftReader(vector.bytes.prefix(length), draft: vector.draft)
        _ = try reader.integer()
      }
    }
  }

  @Test(arguments: Vector.of(.control))
  func `control messages decode, name their fields and encode to the same bytes`(
    _ vector: Vector
  ) throws {
    let message = try #require(try decodeControl([vector.bytes], vector.draft).first)
    #expect(message.encode(for: vector.draft) == vector.bytes)
    checkFields(message, vector)
    let pieces = (0..<vector.bytes.count).map { vector.bytes[$0..<$0 + 1] }
    #expect(try decodeControl(pieces, vector.draft) == [message])
    for length in 0..<vector.bytes.count {
      #expect(try decodeControl([vector.bytes.prefix(length)], vector.draft) == [])
    }
  }

  @Test(arguments: Vector.of(.subgroup))
  func `subgroup streams`(_ vector: Vector) throws {
    var reader = DraftReader(vector.bytes, draft: vector.draft)
    guard case .subgroup(let header) = try StreamHeader.decode(&reader) else {
      Issue.record("no subgroup header")
      return
    }
    let headerBytes = StreamHeader.subgroup(header).encode(for: vector.draft)
    #expect(headerBytes == vector.bytes.prefix(headerBytes.count))
    let body = vector.bytes.suffix(from: headerBytes.count)
    let objects = try decodeSubgroup(header, [body], vector.draft)
    checkSubgroup(header, objects, vector)
    var encoder = SubgroupEncoder(header: header, draft: vector.draft)
    var written = ByteWriter()
    written.write(encoder.headerBytes)
    for object in objects { written.write(encoder.encode(object)) }
    #expect(written.bytes == vector.bytes)
    let pieces = (0..<body.count).map { body[$0..<$0 + 1] }
    #expect(try decodeSubgroup(header, pieces, vector.draft) == objects)
    for length in 0..<headerBytes.count {
      #expect(throws: CodingError.truncated) {
        var reader = DraftReader(vector.bytes.prefix(length), draft: vector.draft)
        _ = try StreamHeader.decode(&reader)
      }
    }
    for length in 0..<body.count {
      #expect(try decodeSubgroup(header, [body.prefix(length)], vector.draft).count < objects.count)
    }
  }

  @Test(arguments: Vector.of(.fetch))
  func `fetch streams`(_ vector: Vector) throws {
    // The markers are given without the header of their stream.
    var header = Bytes()
    var encoder = FetchEncoder(requestID: 2, draft: vector.draft)
    if vector.integer("request_id") != nil {
      header = encoder.headerBytes
      var reader = DraftReader(vector.bytes, draft: vector.draft)
      #expect(try StreamHeader.decode(&reader) == .fetch(requestID: 2))
    }
    let body = vector.bytes.suffix(from: header.count)
    let items = try decodeFetch([body], vector.draft)
    if vector.fields["objects"] != nil {
      let properties = try #require(Properties(type: 2, value: 1000))
      #expect(
        items == [
          .object(Object(group: 98, id: 0, subgroup: 0, payload: Bytes(utf8: "abcd"))),
          .object(Object(group: 98, id: 1, subgroup: 0, payload: Bytes(utf8: "efgh"))),
          .object(
            Object(
              group: 99,
              id: 0,
              subgroup: 1,
              properties: properties,
              payload: Bytes(utf8: "ij")
            )
          ),
        ]
      )
    } else {
      let gap: FetchGap = vector.message.contains("Timed-Out") ? .timedOut : .unknown
      #expect(items == [.gap(through: Location(group: 99, object: 7), gap)])
    }
    var written = ByteWriter()
    written.write(header)
    for item in items { written.write(encoder.encode(item)) }
    #expect(written.bytes == vector.bytes)
    #expect(
      try decodeFetch((0..<body.count).map { body[$0..<$0 + 1] }, vector.draft) == items
    )
    for length in 0..<body.count {
      #expect(try decodeFetch([body.prefix(length)], vector.draft).count < items.count)
    }
  }

  @Test(arguments: Vector.of(.datagram))
  func `datagrams`(_ vector: Vector) throws {
    let datagram = try #require(try ObjectDatagram.decode(vector.bytes, draft: vector.draft))
    let id = try #require(vector.integer("object"))
    #expect(
      datagram
        == ObjectDatagram(
          trackAlias: 7,
          object: Object(group: 100, id: id, subgroup: nil, payload: Bytes(utf8: "abcd"))
        )
    )
    #expect(datagram.encode(for: vector.draft) == vector.bytes)
    for length in 0..<vector.bytes.count {
      let prefix = vector.bytes.prefix(length)
      if length < vector.bytes.count - 4 {
        #expect(throws: CodingError.truncated) {
          try ObjectDatagram.decode(prefix, draft: vector.draft)
        }
      } else {
        let short = try ObjectDatagram.decode(prefix, draft: vector.draft)
        #expect(short?.object.payload.count == length - (vector.bytes.count - 4))
      }
    }
  }

  @Test(arguments: Vector.of(.padding))
  func `padding streams`(_ vector: Vector) throws {
    var reader = DraftReader(vector.bytes, draft: vector.draft)
    #expect(try StreamHeader.decode(&reader) == .padding)
    let header = StreamHeader.padding.encode(for: vector.draft)
    #expect(header == vector.bytes.prefix(5))
    #expect(vector.bytes.suffix(from: 5) == [0, 0, 0])
  }
}

func decodeControl(_ pieces: [Bytes], _ draft: Draft) throws -> [ControlMessage] {
  var decoder = ControlDecoder(draft: draft)
  var messages: [ControlMessage] = []
  for piece in pieces {
    decoder.receive(piece)
    while let message = try decoder.next() { messages.append(message) }
  }
  return messages
}

func decodeSubgroup(
  _ header: SubgroupHeader,
  _ pieces: [Bytes],
  _ draft: Draft
) throws -> [Object] {
  var decoder = SubgroupDecoder(header: header, draft: draft)
  var objects: [Object] = []
  for piece in pieces {
    decoder.receive(piece)
    while let object = try decoder.next() { objects.append(object) }
  }
  return objects
}

func decodeFetch(
  _ pieces: [Bytes],
  _ draft: Draft,
  isDescending: Bool = false
) throws -> [FetchItem] {
  var decoder = FetchDecoder(draft: draft, isDescending: isDescending)
  var items: [FetchItem] = []
  for piece in pieces {
    decoder.receive(piece)
    while let item = try decoder.next() { items.append(item) }
  }
  return items
}

extension Properties {
  init?(type: UInt64, value: UInt64) {
    var pairs = KeyValuePairs()
    pairs.append(type, value)
    self.init(pairs)
  }
}
