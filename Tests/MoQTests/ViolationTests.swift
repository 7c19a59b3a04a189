import TestSupport
import Testing
import Wire

@testable import MoQ

/// What a peer must not do, with the code that ends the session.
@Suite struct ViolationTests {
  func frame(_ type: UInt64, _ body: Bytes, _ draft: Draft) -> Bytes {
    var writer = DraftWriter(draft: draft)
    writer.integer(type)
    var frame = ByteWriter()
    frame.write(writer.bytes)
    frame.write(UInt16(body.count))
    frame.write(body)
    return frame.bytes
  }

  @Test(arguments: Draft.allCases)
  func `an unknown control message`(_ draft: Draft) {
    let peer = ScriptedPeer(draft)
    peer.handle(.streamData(peer.controlStream, frame(0x3f, [], draft), isFinal: false))
    #expect(peer.transport.closed?.code == 3)
    #expect(peer.events() == ["ready", "closed 3"])
  }

  @Test(arguments: Draft.allCases)
  func `a message with bytes too many, and one with too few`(_ draft: Draft) {
    for body: Bytes in [[0x00, 0x00, 0x00, 0x00, 0x00], []] {
      let peer = ScriptedPeer(draft)
      peer.handle(.streamData(peer.controlStream, frame(0x10, body, draft), isFinal: false))
      #expect(peer.transport.closed?.code == 3)
    }
  }

  @Test(arguments: Draft.allCases)
  func `an unknown stream type`(_ draft: Draft) {
    let peer = ScriptedPeer(draft)
    peer.handle(.streamData(peer.newUnidirectional(), [0x16, 0, 0, 0], isFinal: false))
    #expect(peer.transport.closed?.code == 3)
  }

  @Test(arguments: Draft.allCases)
  func `a second SETUP`(_ draft: Draft) {
    let peer = ScriptedPeer(draft)
    peer.answerSetup()
    #expect(peer.transport.closed?.code == 3)
  }

  @Test(arguments: Draft.allCases)
  func `the end of a control stream`(_ draft: Draft) {
    let finished = ScriptedPeer(draft)
    finished.handle(.streamData(finished.controlStream, [], isFinal: true))
    #expect(finished.transport.closed?.code == 3)
    let reset = ScriptedPeer(draft)
    reset.handle(.streamReset(reset.controlStream, code: 0))
    #expect(reset.transport.closed?.code == 3)
  }

  @Test(arguments: Draft.allCases)
  func `a stream that finishes inside an object`(_ draft: Draft) {
    let peer = ScriptedPeer(draft)
    _ = peer.session.subscribe(ScriptedPeer.track)
    peer.accept()
    let stream = peer.subgroup(group: 0, ids: 0...0, isFinal: false)
    peer.handle(.streamData(stream, [0], isFinal: true))
    #expect(peer.transport.closed?.code == 3)
  }

  @Test(arguments: Draft.allCases)
  func `one alias for two tracks`(_ draft: Draft) {
    let peer = ScriptedPeer(draft)
    _ = peer.session.subscribe(ScriptedPeer.track)
    _ = peer.session.subscribe(FullTrackName(ScriptedPeer.track.namespace, "audio"))
    peer.accept(0)
    peer.accept(1)
    #expect(peer.transport.closed?.code == 5)
  }

  @Test(arguments: Draft.allCases)
  func `a request id of the wrong parity`(_ draft: Draft) {
    let peer = ScriptedPeer(draft)
    let stream = peer.isStreams ? peer.newBidirectional() : 0
    peer.send(
      .publishNamespace(
        PublishNamespace(requestID: 2, namespace: ScriptedPeer.track.namespace)
      ),
      on: stream
    )
    #expect(peer.transport.closed?.code == 4)
  }

  @Test(arguments: [Draft.draft14, .draft16])
  func `a request id past our limit`(_ draft: Draft) {
    var limits = SessionLimits()
    limits.requestCredit = 1
    let peer = ScriptedPeer(draft, limits: limits)
    peer.send(
      .publishNamespace(
        PublishNamespace(requestID: 1, namespace: ScriptedPeer.track.namespace)
      ),
      on: 0
    )
    #expect(peer.transport.closed?.code == 7)
  }

  @Test func `a MAX_REQUEST_ID that does not grow`() {
    let peer = ScriptedPeer(.draft16)
    peer.send(.maximumRequestID(100), on: 0)
    #expect(peer.transport.closed?.code == 3)
  }

  @Test func `a version that was not offered`() {
    let peer = ScriptedPeer(.draft14, answersSetup: false)
    peer.send(.setup(Setup(sender: .server, versions: [0xff00_000d])), on: 0)
    #expect(peer.transport.closed?.code == 0x15)
  }

  @Test(arguments: Draft.allCases)
  func `PATH from a server`(_ draft: Draft) {
    let peer = ScriptedPeer(draft, answersSetup: false)
    var options = KeyValuePairs()
    options.append(1, Bytes(utf8: "/x"))
    peer.send(
      .setup(
        Setup(
          sender: draft >= .draft18 ? .either : .server,
          versions: draft == .draft14 ? [draft.versionCode] : [],
          options: options
        )
      ),
      on: peer.controlStream
    )
    #expect(peer.transport.closed?.code == 8)
  }

  @Test(arguments: Draft.allCases)
  func `no SETUP in time`(_ draft: Draft) {
    let peer = ScriptedPeer(draft, answersSetup: false)
    peer.now = peer.now + Interval.milliseconds(10_000)
    #expect(peer.session.deadline == peer.now)
    peer.session.handleTimeout(now: peer.now)
    #expect(peer.transport.closed?.code == 0x11)
  }

  @Test func `a second bidirectional stream in draft 14`() {
    let peer = ScriptedPeer(.draft14)
    peer.handle(.streamData(1, [0x11], isFinal: false))
    #expect(peer.transport.closed?.code == 3)
  }

  @Test func `a request stream that begins with a reply`() {
    let peer = ScriptedPeer(.draft18)
    peer.send(
      .requestOK(RequestOK(kind: .other, requestID: nil)),
      on: peer.newBidirectional()
    )
    #expect(peer.transport.closed?.code == 3)
  }

  @Test(arguments: [Draft.draft16, .draft18, .draft20, .draft22])
  func `an unknown parameter`(_ draft: Draft) {
    let peer = ScriptedPeer(draft)
    _ = peer.session.subscribe(ScriptedPeer.track)
    let head: Bytes = draft == .draft16 ? [0, 7] : [7]
    var body = ByteWriter()
    body.write(head)
    body.write([1, 0x3e, 0] as Bytes)
    peer.handle(.streamData(0, frame(4, body.bytes, draft), isFinal: false))
    #expect(peer.transport.closed?.code == 3)
  }

  @Test func `a malformed token is a formatting error`() {
    let peer = ScriptedPeer(.draft18)
    _ = peer.session.subscribe(ScriptedPeer.track)
    peer.handle(.streamData(0, frame(4, [7, 1, 3, 1, 9], .draft18), isFinal: false))
    #expect(peer.transport.closed?.code == 6)
  }

  @Test func `object ids that overflow`() {
    let peer = ScriptedPeer(.draft18)
    _ = peer.session.subscribe(ScriptedPeer.track)
    peer.accept()
    var writer = DraftWriter(draft: .draft18)
    writer.integer(.max)
    var bytes = ByteWriter()
    bytes.write([0x10, 7, 0, 128] as Bytes)
    bytes.write(writer.bytes)
    bytes.write([1, 0xaa, 0, 1, 0xbb] as Bytes)
    peer.handle(.streamData(peer.newUnidirectional(), bytes.bytes, isFinal: false))
    #expect(peer.events().suffix(2) == ["object 0/18446744073709551615", "closed 3"])
  }

  @Test(arguments: Draft.allCases)
  func `REQUEST_OK is no answer to a SUBSCRIBE`(_ draft: Draft) {
    let peer = ScriptedPeer(draft)
    _ = peer.session.subscribe(ScriptedPeer.track)
    let kind: RequestKind = draft == .draft14 ? .subscribeNamespace : .other
    peer.reply(.requestOK(RequestOK(kind: kind, requestID: peer.id(0))), toRequest: 0)
    #expect(peer.transport.closed?.code == 3)
  }

  @Test(arguments: [Draft.draft18, .draft20, .draft22])
  func `a REQUEST_UPDATE from the publishing side`(_ draft: Draft) {
    let update = ControlMessage.requestUpdate(
      RequestUpdate(requestID: 3, existingRequestID: nil, parameters: Parameters())
    )
    let peer = ScriptedPeer(draft)
    _ = peer.session.subscribe(ScriptedPeer.track)
    peer.accept()
    peer.send(update, on: 0)
    #expect(peer.transport.closed?.code == 3)
    let pushing = ScriptedPeer(draft, acceptsPublish: { _ in SubscribeOptions() })
    pushing.send(
      .publish(Publish(requestID: 1, track: ScriptedPeer.track, trackAlias: 9)),
      on: 1
    )
    #expect(pushing.transport.closed == nil)
    pushing.send(update, on: 1)
    #expect(pushing.transport.closed?.code == 3)
  }

  @Test(arguments: [Draft.draft20, .draft22])
  func `FETCH_OK is no answer to a fill`(_ draft: Draft) {
    let peer = ScriptedPeer(draft)
    _ = peer.session.subscribe(
      ScriptedPeer.track,
      options: SubscribeOptions(start: .currentGroup)
    )
    peer.accept(largest: .zero)
    peer.fetchOK(0, through: .zero)
    #expect(peer.transport.closed?.code == 3)
  }

  @Test(arguments: [Draft.draft18, .draft20, .draft22])
  func `the end inside a message fails the session, or the request alone`(_ draft: Draft) {
    let peer = ScriptedPeer(draft)
    _ = peer.session.subscribe(ScriptedPeer.track)
    peer.handle(.streamData(0, [4, 0], isFinal: true))
    if draft == .draft18 {
      #expect(peer.transport.closed?.code == 3)
    } else {
      #expect(peer.events() == ["ready", "failed unknown - request stream reset with code 0"])
      #expect(peer.transport.closed == nil)
    }
  }

  @Test func `nothing follows the end of a session`() {
    let peer = ScriptedPeer(.draft18)
    peer.session.close(reason: "bye")
    #expect(peer.events() == ["ready", "closed 0"])
    peer.answerSetup()
    _ = peer.session.subscribe(ScriptedPeer.track)
    #expect(peer.events() == ["failed goingAway - the session is ending"])
    #expect(peer.session.deadline == nil)
  }
}

/// Bounds on what a peer can make us hold, at the limit and past it.
@Suite struct SessionLimitTests {
  @Test(arguments: Draft.allCases)
  func `an object over the limit costs its stream, not the session`(_ draft: Draft) {
    var limits = SessionLimits()
    limits.objectBytes = 3
    let peer = ScriptedPeer(draft, limits: limits)
    _ = peer.session.subscribe(ScriptedPeer.track)
    peer.accept()
    peer.subgroup(group: 1, ids: 0...0, isFinal: false)
    let large = peer.subgroup(group: 10, ids: 0...0, isFinal: false)
    let stopped = StreamResetMeaning.excessiveLoad.code(in: draft)
    #expect(peer.transport.stopped[large] == stopped)
    #expect(
      peer.events() == [
        "ready", "subscribed -", "object 1/0",
        "stream 10.0 refused(reason: \"object of 4 bytes, at most 3\")",
      ]
    )
    #expect(peer.transport.closed == nil)
  }

  @Test func `a claimed length reserves nothing, and incomplete objects are bounded together`() {
    var limits = SessionLimits()
    limits.partialObjectBytes = 10
    let peer = ScriptedPeer(.draft18, limits: limits)
    _ = peer.session.subscribe(ScriptedPeer.track)
    peer.accept()
    _ = peer.events()
    var streams: [UInt64] = []
    for group in 0..<2 as Range<UInt8> {
      streams.append(peer.newUnidirectional())
      // A payload of 2^20 bytes is claimed, five are sent.
      peer.handle(
        .streamData(
          streams.last ?? 0,
          [0x10, 7, group, 128, 0, 0xd0, 0, 0, 1, 2, 3, 4, 5],
          isFinal: false
        )
      )
    }
    #expect(peer.events() == [])
    peer.handle(.streamData(streams[0], [6], isFinal: false))
    #expect(peer.transport.stopped[streams[0]] == 9)
    #expect(peer.transport.stopped[streams[1]] == nil)
  }

  @Test func `data streams are bounded in number`() {
    var limits = SessionLimits()
    limits.dataStreams = 2
    let peer = ScriptedPeer(.draft18, limits: limits)
    _ = peer.session.subscribe(ScriptedPeer.track)
    peer.accept()
    let streams = (0..<3).map { peer.subgroup(group: $0, ids: 0...0, isFinal: false) }
    #expect(peer.transport.stopped == [streams[2]: 9])
    peer.handle(.streamReset(streams[0], code: 0))
    let next = peer.subgroup(group: 4, ids: 0...0, isFinal: false)
    #expect(peer.transport.stopped[next] == nil)
  }

  @Test(arguments: Draft.allCases)
  func `what was refused is forgotten when it has ended`(_ draft: Draft) {
    var limits = SessionLimits()
    limits.dataStreams = 1
    let peer = ScriptedPeer(draft, limits: limits)
    _ = peer.session.subscribe(ScriptedPeer.track)
    peer.accept()
    _ = peer.subgroup(group: 0, ids: 0...0, isFinal: false)
    let refused = (1..<20).map { peer.subgroup(group: $0, ids: 0...0, isFinal: false) }
    #expect(refused.allSatisfy { peer.transport.stopped[$0] != nil })
    #expect(peer.session.core.incoming.count == 21 - (draft <= .draft16 ? 1 : 0))
    for stream in refused { peer.handle(.streamClosed(stream)) }
    #expect(peer.session.core.incoming.count == 2 - (draft <= .draft16 ? 1 : 0))
  }

  @Test func `a control message over the limit ends the session`() {
    var limits = SessionLimits()
    limits.controlMessageBytes = 20
    let peer = ScriptedPeer(.draft18, limits: limits)
    peer.send(
      .goAway(GoAway(uri: "moqt://b.examples", timeoutMilliseconds: 1)),
      on: peer.controlStream
    )
    #expect(peer.transport.closed == nil)
    let strict = ScriptedPeer(.draft18, limits: limits)
    strict.send(
      .goAway(GoAway(uri: "moqt://b.examples/1", timeoutMilliseconds: 1)),
      on: strict.controlStream
    )
    #expect(strict.transport.closed?.code == 3)
  }

  @Test func `requests of the peer are bounded in number`() {
    var limits = SessionLimits()
    limits.incomingRequests = 2
    let peer = ScriptedPeer(.draft18, limits: limits)
    let streams = (0..<3).map { _ in peer.newBidirectional() }
    for (index, stream) in streams.enumerated() {
      peer.send(
        .subscribeNamespace(
          SubscribeNamespace(requestID: UInt64(index * 2 + 1), prefix: TrackNamespace([]))
        ),
        on: stream
      )
    }
    #expect(peer.transport.stopped == [streams[2]: 9])
    #expect(peer.transport.closed == nil)
  }

  @Test func `announced namespaces are bounded in number`() throws {
    var limits = SessionLimits()
    limits.namespaces = 1
    let peer = ScriptedPeer(.draft16, limits: limits)
    for id in [1, 3] as [UInt64] {
      let namespace = try #require(TrackNamespace(text: "n\(id)"))
      peer.send(
        .publishNamespace(PublishNamespace(requestID: id, namespace: namespace)),
        on: 0
      )
    }
    #expect(peer.events() == ["ready", "+n1"])
    // One that goes makes room.
    peer.send(.publishNamespaceDone(.request(1)), on: 0)
    let namespace = try #require(TrackNamespace(text: "n5"))
    peer.send(.publishNamespace(PublishNamespace(requestID: 5, namespace: namespace)), on: 0)
    #expect(peer.events() == ["-n1", "+n5"])
  }
}

/// Parameters that no message has.
extension ViolationTests {
  /// A SUBSCRIBE of draft 20 or later with a block of parameters.
  private func subscribe(_ parameters: Bytes, _ draft: Draft) -> ScriptedSubscriber {
    let peer = ScriptedSubscriber(draft)
    var body = DraftWriter(draft: draft)
    body.integer(0)
    body.integer(1)
    for field in ["live", "video"] { body.lengthPrefixed(Bytes(utf8: field)) }
    let message = Bytes(body.bytes.array + parameters.array)
    peer.publisher.handle(
      .streamData(0, frame(0x03, message, draft), isFinal: false),
      now: peer.now
    )
    return peer
  }

  @Test(arguments: [Draft.draft20, .draft22])
  func `a fill in a fill, however deep`(_ draft: Draft) {
    var depth = 0
    var nested: [UInt8] = [0]
    while nested.count < 65_000 {
      var next = DraftWriter(draft: draft)
      next.integer(1)
      next.integer(0x23)
      next.integer(UInt64(nested.count))
      nested = next.bytes.array + nested
      depth += 1
      guard depth == 1 || depth == 2 || nested.count >= 65_000 else { continue }
      let peer = subscribe(Bytes(nested), draft)
      #expect(peer.transport.closed?.code == (depth == 1 ? nil : 3), "\(depth) deep")
    }
    #expect(depth > 10_000)
  }

  @Test(arguments: [Draft.draft20, .draft22])
  func `a parameter that comes twice, but for tokens, and more than anybody has`(_ draft: Draft) {
    // Two of the same type differ by 0.
    #expect(subscribe([2, 0x10, 1, 0x10, 1], draft).transport.closed == nil)
    #expect(subscribe([2, 0x10, 1, 0, 1], draft).transport.closed?.code == 3)
    #expect(subscribe([1, 0x10, 1], draft).transport.closed == nil)
    let token: [UInt8] = [3, 3, 0, 0x61]
    let twice: [UInt8] = [2, 3] + token + [0] + token
    #expect(subscribe(Bytes(twice), draft).transport.closed == nil)
    // 256 and 257 tokens.
    for (count, code) in [(256, nil), (257, 3)] as [(UInt64, UInt64?)] {
      var block = DraftWriter(draft: draft)
      block.integer(count)
      var tokens = block.bytes.array
      for index in 0..<count { tokens += [index == 0 ? 3 : 0] + token }
      let peer = subscribe(Bytes(tokens), draft)
      #expect(peer.transport.closed?.code == code, "\(count)")
    }
  }
}
