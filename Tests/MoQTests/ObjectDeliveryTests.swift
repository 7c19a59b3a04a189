import TestSupport
import Testing
import Wire

@testable import MoQ

/// Objects from streams and datagrams to the subscription whose they are.
@Suite struct ObjectDeliveryTests {
  @Test(arguments: Draft.allCases)
  func `data that overtakes SUBSCRIBE_OK waits for its alias`(_ draft: Draft) {
    let peer = ScriptedPeer(draft)
    _ = peer.session.subscribe(ScriptedPeer.track)
    let stream = peer.subgroup(group: 5, ids: 0...1, isFinal: false)
    #expect(peer.events() == ["ready"])
    let header = peer.transport.consumedBytes[stream] ?? 0
    peer.accept()
    #expect(peer.events() == ["subscribed -", "object 5/0", "object 5/1"])
    // The credit for what waited comes back only now.
    #expect((peer.transport.consumedBytes[stream] ?? 0) > header)
  }

  @Test func `a finished stream and a datagram wait for their alias too`() {
    let peer = ScriptedPeer(.draft18)
    _ = peer.session.subscribe(ScriptedPeer.track)
    peer.subgroup(group: 5, ids: 0...0)
    peer.handle(
      .datagram(
        ObjectDatagram(trackAlias: 7, object: peer.object(6, 0, nil)).encode(for: .draft18)
      )
    )
    peer.accept()
    #expect(
      peer.events() == [
        "ready", "subscribed -", "object 5/0", "stream 5.0 finished(endOfGroup: false)",
        "object 6/0",
      ]
    )
  }

  @Test func `a stream that waits holds nothing for frames without bytes`() {
    let peer = ScriptedPeer(.draft18)
    let stream = peer.subgroup(group: 5, ids: 0...0, isFinal: false)
    let held = peer.session.parked.entries[0].pieces.count
    for _ in 0..<100 { peer.handle(.streamData(stream, Bytes(), isFinal: false)) }
    #expect(peer.session.parked.entries[0].pieces.count == held)
    _ = peer.session.subscribe(ScriptedPeer.track)
    peer.accept()
    #expect(peer.events() == ["ready", "subscribed -", "object 5/0"])
  }

  @Test func `what nobody claims is dropped after its time`() {
    let peer = ScriptedPeer(.draft18)
    let stream = peer.subgroup(group: 5, ids: 0...0, isFinal: false)
    #expect(peer.session.deadline == peer.now + Interval.milliseconds(5000))
    peer.now = peer.now + Interval.milliseconds(5000)
    peer.session.handleTimeout(now: peer.now)
    #expect(peer.transport.stopped[stream] == 1)
    #expect(peer.session.deadline == nil)
  }

  @Test func `parked streams are bounded in number and in bytes`() {
    var limits = SessionLimits()
    limits.parkedStreams = 2
    limits.parkedBytes = 12
    let peer = ScriptedPeer(.draft18, limits: limits)
    let first = peer.subgroup(group: 1, ids: 0...0, isFinal: false)
    let second = peer.subgroup(group: 2, ids: 0...0, isFinal: false)
    let third = peer.subgroup(group: 3, ids: 0...0, isFinal: false)
    #expect(peer.transport.stopped == [third: 1])
    // Each holds an object of five bytes; one more than two would be the thirteenth.
    peer.handle(.streamData(first, [0, 0], isFinal: false))
    #expect(peer.transport.stopped == [third: 1])
    peer.handle(.streamData(first, [0], isFinal: false))
    #expect(peer.transport.stopped == [third: 1, first: 1])
    #expect(peer.transport.stopped[second] == nil)
  }

  @Test(arguments: Draft.allCases)
  func `a reset stream is reported with its code`(_ draft: Draft) {
    let peer = ScriptedPeer(draft)
    _ = peer.session.subscribe(ScriptedPeer.track)
    peer.accept()
    let stream = peer.subgroup(group: 0, ids: 0...1, isFinal: false)
    peer.handle(.streamReset(stream, code: 2))
    #expect(
      peer.events() == [
        "ready", "subscribed -", "object 0/0", "object 0/1", "stream 0.0 reset(code: 2)",
      ]
    )
  }

  @Test(arguments: Draft.allCases)
  func `datagrams deliver objects once`(_ draft: Draft) {
    let peer = ScriptedPeer(draft)
    _ = peer.session.subscribe(ScriptedPeer.track)
    peer.accept()
    let datagram = ObjectDatagram(
      trackAlias: 7,
      object: peer.object(3, 4, nil),
      endsGroup: true
    )
    peer.handle(.datagram(datagram.encode(for: draft)))
    peer.handle(.datagram(datagram.encode(for: draft)))
    #expect(
      peer.events().filter { $0.hasPrefix("object") } == ["object 3/4"]
    )
  }

  @Test func `the track's priority is inherited`() throws {
    let peer = ScriptedPeer(.draft18)
    _ = peer.session.subscribe(ScriptedPeer.track)
    let properties = try #require(Properties(type: 0x0e, value: 64))
    peer.send(
      .subscribeOK(SubscribeOK(requestID: nil, trackAlias: 7, trackProperties: properties)),
      on: 0
    )
    let header = SubgroupHeader(trackAlias: 7, group: 1, priority: nil)
    var encoder = SubgroupEncoder(header: header, draft: .draft18)
    let stream = peer.newUnidirectional()
    peer.handle(.streamData(stream, encoder.headerBytes, isFinal: false))
    peer.handle(.streamData(stream, encoder.encode(peer.object(1, 0)), isFinal: false))
    let priorities = sequence(state: ()) { _ in peer.session.poll() }
      .compactMap { event -> UInt8? in
        if case .object(_, let object) = event { object.priority } else { nil }
      }
    #expect(priorities == [64])
  }

  @Test(arguments: [Draft.draft18, .draft20, .draft22])
  func `padding is drained`(_ draft: Draft) {
    let peer = ScriptedPeer(draft)
    let stream = peer.newUnidirectional()
    peer.handle(.streamData(stream, StreamHeader.padding.encode(for: draft), isFinal: false))
    peer.handle(.streamData(stream, [0, 0, 0], isFinal: true))
    #expect(peer.transport.consumedBytes[stream] == 8)
    #expect(peer.events() == ["ready"])
  }

  @Test(arguments: Draft.allCases)
  func `what does not exist is told by status, by properties and by the end of a stream`(
    _ draft: Draft
  ) throws {
    let peer = ScriptedPeer(draft)
    _ = peer.session.subscribe(ScriptedPeer.track)
    peer.accept()
    let gaps = try #require(Properties(type: 0x3c, value: 2))
    let hole = try #require(Properties(type: 0x3e, value: 3))
    let tooFar = try #require(Properties(type: 0x3c, value: 10))
    var objects = [
      Object(group: 9, id: 0, properties: gaps, payload: [1]),
      Object(group: 9, id: 4, properties: hole, payload: [1]),
      // It would reach before the first group.
      Object(group: 9, id: 5, properties: tooFar, payload: [1]),
      Object(group: 9, id: 7, status: .endOfGroup),
    ]
    if draft == .draft14 { objects.insert(Object(group: 9, id: 6, status: .doesNotExist), at: 3) }
    let header = SubgroupHeader(trackAlias: 7, group: 9, hasProperties: true, endsGroup: true)
    var encoder = SubgroupEncoder(header: header, draft: draft)
    let stream = peer.newUnidirectional()
    peer.handle(.streamData(stream, encoder.headerBytes, isFinal: false))
    for object in objects {
      peer.handle(.streamData(stream, encoder.encode(object), isFinal: false))
    }
    // The bit in the header says no more than the status did.
    peer.handle(.streamData(stream, [], isFinal: true))
    #expect(
      peer.events() == ["ready", "subscribed -", "absent 7/0-8/*", "object 9/0"]
        + ["absent 9/1-3", "object 9/4", "object 9/5"]
        + (draft == .draft14 ? ["absent 9/6", "object 9/6!"] : [])
        + ["absent 9/7-*", "object 9/7!", "stream 9.0 finished(endOfGroup: true)"]
    )
  }

  @Test(arguments: Draft.allCases)
  func `the end of a track is the end of all its groups`(_ draft: Draft) {
    let peer = ScriptedPeer(draft)
    _ = peer.session.subscribe(ScriptedPeer.track)
    peer.accept()
    let object = Object(group: 9, id: 2, subgroup: nil, status: .endOfTrack)
    peer.handle(.datagram(ObjectDatagram(trackAlias: 7, object: object).encode(for: draft)))
    #expect(peer.events().suffix(2) == ["absent 9/2-*/*", "object 9/2!"])
  }

  @Test(arguments: Draft.allCases)
  func `a reset stream says nothing of the end of its group`(_ draft: Draft) {
    let peer = ScriptedPeer(draft)
    _ = peer.session.subscribe(ScriptedPeer.track)
    peer.accept()
    let stream = peer.subgroup(group: 0, ids: 0...1, endsGroup: true, isFinal: false)
    peer.handle(.streamReset(stream, code: 2))
    #expect(!peer.events().contains { $0.hasPrefix("absent") })
  }

  @Test(arguments: [500, 1439, 20_000, 1_000_000])
  func `what remains of a large object is written where it is to be`(_ pieceBytes: Int) {
    let peer = ScriptedPeer(.draft18)
    let id = peer.session.subscribe(ScriptedPeer.track)
    peer.accept()
    _ = peer.events()
    let stream = peer.newUnidirectional()
    let header = SubgroupHeader(trackAlias: 7, group: 3, subgroup: .explicit(0))
    var encoder = SubgroupEncoder(header: header, draft: .draft18)
    var sent = encoder.headerBytes.array
    let objects = (0..<4 as Range<UInt64>).map { index in
      let count = [100_000, 5, 40_000, 18_000][Int(index)]
      let payload = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ Int(index)) }
      return Object(group: 3, id: index, subgroup: 0, payload: Bytes(payload))
    }
    for object in objects { sent += encoder.encode(object).array }
    for start in stride(from: 0, to: sent.count, by: pieceBytes) {
      let piece = Bytes(sent[start..<min(start + pieceBytes, sent.count)])
      peer.transport.inbox.append(.streamData(stream, piece, isFinal: false))
    }
    peer.transport.inbox.append(.streamData(stream, Bytes(), isFinal: true))
    while let event = peer.transport.takeEvent() { peer.handle(event) }
    var arrived: [Object] = []
    while let event = peer.session.poll() {
      if case .object(id, let object) = event { arrived.append(object) }
    }
    #expect(arrived == objects)
    // A piece that brings an object's end and the next one's start leaves too little to be worth it.
    #expect(
      peer.transport.filledRoomCount == [500: 3, 1439: 3, 20_000: 2, 1_000_000: 0][pieceBytes]
    )
    #expect(peer.transport.consumedBytes[stream] == sent.count)
  }

  @Test func `no more is promised for objects than may be held`() {
    var limits = SessionLimits()
    limits.partialObjectBytes = 50_000
    let peer = ScriptedPeer(.draft18, limits: limits)
    _ = peer.session.subscribe(ScriptedPeer.track)
    peer.accept()
    _ = peer.events()
    /// An object of 30,000 bytes, 20 of which are there.
    func begin(_ group: UInt8) -> UInt64 {
      let stream = peer.newUnidirectional()
      let start = [0x10, 7, group, 128, 0, 0xc0, 0x75, 0x30] + [UInt8](repeating: 1, count: 10)
      peer.handle(.streamData(stream, Bytes(start), isFinal: false))
      peer.handle(.streamData(stream, Bytes([UInt8](repeating: 1, count: 10)), isFinal: false))
      return stream
    }
    let streams = [begin(0), begin(1)]
    #expect(peer.transport.roomStreams == [streams[0]])
    // What is promised takes nothing from what may be held.
    peer.handle(.streamData(streams[1], Bytes([UInt8](repeating: 1, count: 29_980)), isFinal: true))
    #expect(
      peer.events() == ["object 1/0", "stream 1.0 finished(endOfGroup: false)"]
    )
    // The end of a stream gives back what it was promised.
    peer.handle(.streamReset(streams[0], code: 0))
    let third = begin(2)
    #expect(peer.transport.roomStreams == [streams[0], third])
    #expect(peer.transport.stopped == [:])
  }
}
