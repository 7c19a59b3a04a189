import MoQ
import Testing
import Wire

@Suite struct CodingTests {
  static let large = Location(group: 1 << 40, object: 300)

  @Test(arguments: Draft.allCases)
  func `every filter that a draft can say survives with large ids`(_ draft: Draft) throws {
    let start = Self.large
    let filters: [LocationFilter] = [
      .nextGroup, .nextObject, .relative(groups: 200), .start(start),
      .groups(start: start, endGroup: start.group + 1000),
      .range(start: start, end: Location(group: start.group + 1000, object: 9)),
    ]
    var tested = 0
    for filter in filters where filter.isExpressible(in: draft) {
      var parameters = Parameters()
      parameters.filter = filter
      let message = ControlMessage.subscribe(
        Subscribe(requestID: 2, track: ScriptedPeer.track, parameters: parameters)
      )
      let decoded = try decodeControl([message.encode(for: draft)], draft).first
      guard case .subscribe(let subscribe)? = decoded else {
        Issue.record("no SUBSCRIBE")
        return
      }
      #expect(subscribe.parameters.filter == filter)
      tested += 1
    }
    #expect(tested == (draft < .draft20 ? 4 : 6))
  }

  @Test func `drafts 20 and 22 differ where ids are large`() {
    var parameters = Parameters()
    parameters.filter = .start(Self.large)
    let message = ControlMessage.subscribe(
      Subscribe(requestID: 2, track: ScriptedPeer.track, parameters: parameters)
    )
    #expect(message.encode(for: .draft20) != message.encode(for: .draft22))
  }

  @Test(arguments: Draft.allCases)
  func `messages without a vector survive`(_ draft: Draft) throws {
    let namespace = ScriptedPeer.track.namespace
    var messages: [ControlMessage] = []
    if draft == .draft14 {
      messages = [
        .requestOK(RequestOK(kind: .publishNamespace, requestID: 4)),
        .requestOK(RequestOK(kind: .subscribeNamespace, requestID: 4)),
        .publishNamespaceDone(.namespace(namespace)),
        .publishNamespaceCancel(
          PublishNamespaceCancel(reference: .namespace(namespace), code: 1, reason: "no")
        ),
        .unsubscribeNamespace(prefix: namespace),
      ]
      for kind in [
        RequestKind.subscribe, .fetch, .publish, .publishNamespace, .subscribeNamespace,
        .trackStatus,
      ] {
        messages.append(
          .requestError(RequestError(kind: kind, requestID: 6, code: 2, reason: "late"))
        )
      }
      var parameters = Parameters()
      parameters.expiresMilliseconds = 0
      parameters.groupOrder = .descending
      parameters.largestObject = Self.large
      messages.append(
        .trackStatusOK(SubscribeOK(requestID: 2, trackAlias: 0, parameters: parameters))
      )
    } else if draft == .draft16 {
      messages = [
        .publishNamespaceDone(.request(3)),
        .publishNamespaceCancel(
          PublishNamespaceCancel(reference: .request(3), code: 1, reason: "no")
        ),
      ]
    } else {
      messages = [
        .goAway(GoAway(uri: "", timeoutMilliseconds: 0)),
        .requestOK(RequestOK(kind: .other, requestID: nil)),
      ]
    }
    for message in messages {
      #expect(try decodeControl([message.encode(for: draft)], draft) == [message])
    }
  }

  @Test func `a LARGEST_OBJECT with a length is understood where the draft has none`() throws {
    let bytes = try #require(Bytes(hex: "040007070109026405"))
    let messages = try decodeControl(
      [bytes.prefix(2) == [4, 0] ? fixLength(bytes) : bytes],
      .draft18
    )
    guard case .subscribeOK(let ok)? = messages.first else {
      Issue.record("no SUBSCRIBE_OK")
      return
    }
    #expect(ok.parameters.largestObject == Location(group: 100, object: 5))
  }

  /// Writes the length that the body has.
  func fixLength(_ bytes: Bytes) -> Bytes {
    var writer = ByteWriter()
    writer.write(bytes.prefix(1))
    writer.write(UInt16(bytes.count - 3))
    writer.write(bytes.suffix(from: 3))
    return writer.bytes
  }

  @Test func `codes that moved between drafts keep their meaning`() {
    #expect(RequestErrorMeaning(code: 4, draft: .draft14, kind: .subscribe) == .doesNotExist)
    #expect(RequestErrorMeaning(code: 4, draft: .draft14, kind: .publish) == .uninterested)
    #expect(RequestErrorMeaning(code: 4, draft: .draft16, kind: .other) == .malformedAuthToken)
    #expect(RequestErrorMeaning(code: 0x19, draft: .draft20, kind: .other) == .unknown)
    #expect(PublishDoneStatus(code: 5, draft: .draft16) == .expired)
    #expect(PublishDoneStatus(code: 5, draft: .draft18) == .tooFarBehind)
    #expect(PublishDoneStatus(code: 3, draft: .draft22) == .unknown)
    #expect(StreamResetMeaning(code: 4, draft: .draft16) == .unknownObjectStatus)
    #expect(StreamResetMeaning(code: 4, draft: .draft18) == .goingAway)
  }

  @Test func `integers of more bytes than needed are read`() throws {
    var quic = ByteReader([0x40, 0x25])
    #expect(try quic.readVarint() == 37)
    var vi64 = ByteReader([0x80, 0x25])
    #expect(try vi64.readVi64() == 37)
    var long = ByteReader([0xff, 0, 0, 0, 0, 0, 0, 0, 1])
    #expect(try long.readVi64() == 1)
  }

  @Test func `every width of both integers survives at its ends`() throws {
    for bits in 0...64 {
      let values: [UInt64] = bits == 64 ? [.max] : [(1 << UInt64(bits)) - 1, 1 << UInt64(bits)]
      for value in values {
        var writer = ByteWriter()
        writer.writeVi64(value)
        var reader = ByteReader(writer.bytes)
        #expect(try reader.readVi64() == value)
        #expect(reader.isAtEnd)
        guard value <= ByteWriter.maximumVarint else { continue }
        var quic = ByteWriter()
        quic.writeVarint(value)
        var quicReader = ByteReader(quic.bytes)
        #expect(try quicReader.readVarint() == value)
        #expect(quicReader.isAtEnd)
      }
    }
  }

  @Test func `immutable properties are searched too`() throws {
    // Property 0x0b with two bytes in it, type 0x10 = 5.
    let header = SubgroupHeader(trackAlias: 1, group: 0, hasProperties: true)
    let objects = try decodeSubgroup(
      header,
      [[0, 4, 0x0b, 2, 0x10, 5, 1, 0xaa]],
      .draft18
    )
    #expect(objects.first?.properties.integer(0x10) == 5)
  }

  @Test(arguments: Draft.allCases)
  func `a subgroup keeps ids over holes, its own id that of the first object`(
    _ draft: Draft
  ) throws {
    let header = SubgroupHeader(trackAlias: 1, group: 9, subgroup: .firstObject)
    var encoder = SubgroupEncoder(header: header, draft: draft)
    var writer = ByteWriter()
    let sent = [2, 3, 100, 1 << 40].map { id in
      Object(group: 9, id: id, subgroup: 2, payload: Bytes(utf8: "object \(id)"))
    }
    for object in sent { writer.write(encoder.encode(object)) }
    #expect(try decodeSubgroup(header, [writer.bytes], draft) == sent)
  }

  @Test(arguments: [Draft.draft18, .draft20, .draft22])
  func `a descending FETCH counts groups down`(_ draft: Draft) throws {
    // 5/0 in full, then a group delta of 1 (two down), object id absolute.
    let bytes: Bytes = [0x1c, 5, 0, 128, 1, 0xaa, 0x0c, 1, 7, 1, 0xbb]
    let items: [FetchItem] = [
      .object(Object(group: 5, id: 0, payload: [0xaa])),
      .object(Object(group: 3, id: 7, payload: [0xbb])),
    ]
    #expect(try decodeFetch([bytes], draft, isDescending: true) == items)
    var encoder = FetchEncoder(requestID: 2, draft: draft, groupOrder: .descending)
    var writer = ByteWriter()
    for item in items { writer.write(encoder.encode(item)) }
    #expect(writer.bytes == bytes)
  }

  @Test(arguments: Draft.allCases)
  func `datagrams with every feature survive`(_ draft: Draft) throws {
    let properties = try #require(Properties(type: 0x10, value: 7))
    var object = Object(
      group: 300,
      id: 0,
      subgroup: nil,
      priority: 3,
      properties: properties,
      payload: [1, 2]
    )
    var datagram = ObjectDatagram(trackAlias: 900, object: object, endsGroup: true)
    #expect(try ObjectDatagram.decode(datagram.encode(for: draft), draft: draft) == datagram)
    object.payload = []
    object.properties = Properties()
    object.status = .endOfGroup
    datagram = ObjectDatagram(trackAlias: 900, object: object)
    #expect(try ObjectDatagram.decode(datagram.encode(for: draft), draft: draft) == datagram)
  }

  @Test func `names print as the drafts say`() {
    let name = FullTrackName(
      TrackNamespace([Bytes(utf8: "example.com"), Bytes(utf8: "a_b")]),
      "v-1"
    )
    #expect("\(name)" == "example.2ecom-a_b--v.2d1")
    #expect(TrackNamespace(text: "a//b") == nil)
    #expect(TrackNamespace(text: "")?.fields == [])
    #expect(TrackNamespace(text: "live/cam1")?.joined() == "live/cam1")
  }
}
