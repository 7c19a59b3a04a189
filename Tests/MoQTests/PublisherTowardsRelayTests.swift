import MoQ
import TestSupport
import Testing
import Wire

/// A publisher that dials a relay, which is played by the test.
@Suite struct PublisherTowardsRelayTests {
  final class Relay {
    let draft: Draft
    let store = BroadcastStore()
    let track: BroadcastTrack
    let transport = MoQFakeTransport(role: .client)
    let publisher: PublisherSession
    let now = Instant(nanoseconds: 1_000_000_000)

    init(_ draft: Draft) {
      self.draft = draft
      track = store.addTrack(ScriptedPeer.track)
      publisher = PublisherSession(
        draft: draft,
        transport: transport,
        role: .client,
        store: store,
        options: SessionOptions(path: "/live?x=1", authority: "relay.example", implementation: "t")
      )
      publisher.start(now: now)
      var options = KeyValuePairs()
      if draft < .draft18 { options.append(2, 100) }
      send(
        .setup(
          Setup(
            sender: draft < .draft18 ? .server : .either,
            versions: draft == .draft14 ? [draft.versionCode] : [],
            options: options
          )
        ),
        on: draft < .draft18 ? 0 : 3
      )
    }

    func send(_ message: ControlMessage, on stream: UInt64) {
      publisher.handle(
        .streamData(stream, message.encode(for: draft), isFinal: false),
        now: now
      )
    }

    /// The id in replies to our first request; nil where replies have none.
    var firstID: UInt64? { draft < .draft18 ? 0 : nil }

    func accept() {
      if draft < .draft18 {
        send(.publishOK(PublishOK(requestID: 0)), on: 0)
      } else {
        send(.requestOK(RequestOK(kind: .other, requestID: nil)), on: 0)
      }
    }

    func events() -> [PublisherEvent] {
      var result: [PublisherEvent] = []
      while let event = publisher.poll() { result.append(event) }
      return result
    }
  }

  @Test(arguments: Draft.allCases)
  func `SETUP carries path and authority`(_ draft: Draft) throws {
    let relay = Relay(draft)
    let stream: UInt64 = draft < .draft18 ? 0 : 2
    let messages = try decodeControl([relay.transport.sent[stream] ?? Bytes()], draft)
    guard case .setup(let setup)? = messages.first else {
      Issue.record("no SETUP")
      return
    }
    #expect(setup.options.bytes(Setup.Option.path)?.text == "/live?x=1")
    #expect(setup.options.bytes(Setup.Option.authority)?.text == "relay.example")
    #expect(setup.options.bytes(Setup.Option.implementation)?.text == "t")
    #expect((setup.options.integer(Setup.Option.maximumRequestID) != nil) == (draft < .draft18))
  }

  @Test(arguments: Draft.allCases)
  func `an accepted PUBLISH is followed by objects under its alias`(_ draft: Draft) throws {
    let relay = Relay(draft)
    relay.publisher.publish(ScriptedPeer.track)
    relay.track.beginGroup(1, now: relay.now)
    relay.track.append([0xaa])
    relay.publisher.pump(now: relay.now)
    let stream: UInt64 = draft < .draft18 ? 2 : 6
    #expect(relay.transport.sent[stream] == nil)
    relay.accept()
    let bytes = try #require(relay.transport.sent[stream])
    var reader = DraftReader(bytes, draft: draft)
    guard case .subgroup(let header) = try StreamHeader.decode(&reader) else {
      Issue.record("no subgroup")
      return
    }
    #expect(header.trackAlias == 1)
    #expect(header.group == 1)
    relay.track.end()
    relay.publisher.pump(now: relay.now)
    let control = try decodeControl([relay.transport.sent[0] ?? Bytes()], draft)
    guard case .publishDone(let done)? = control.last else {
      Issue.record("no PUBLISH_DONE")
      return
    }
    #expect(
      done
        == PublishDone(
          requestID: relay.firstID,
          status: 2,
          streamCount: 1,
          reason: "end of track"
        )
    )
  }

  @Test(arguments: Draft.allCases)
  func `a refused announcement says why`(_ draft: Draft) {
    let relay = Relay(draft)
    relay.publisher.announce(ScriptedPeer.track.namespace)
    relay.send(
      .requestError(
        RequestError(
          kind: draft == .draft14 ? .publishNamespace : .other,
          requestID: relay.firstID,
          code: 1,
          reason: "who are you"
        )
      ),
      on: 0
    )
    let failures = relay.events().compactMap { event -> RequestFailure? in
      if case .namespaceRefused(_, let failure) = event { failure } else { nil }
    }
    #expect(failures == [RequestFailure(meaning: .unauthorized, code: 1, reason: "who are you")])
    #expect(relay.transport.closed == nil)
  }

  @Test(arguments: Draft.allCases)
  func `an announcement may be revoked`(_ draft: Draft) {
    let relay = Relay(draft)
    relay.publisher.announce(ScriptedPeer.track.namespace)
    switch draft {
    case .draft14, .draft16:
      relay.send(
        .publishNamespaceCancel(
          PublishNamespaceCancel(
            reference: draft == .draft14
              ? .namespace(ScriptedPeer.track.namespace) : .request(0),
            code: 2,
            reason: "idle"
          )
        ),
        on: 0
      )
    default: relay.publisher.handle(.stopSending(0, code: 1), now: relay.now)
    }
    let refused = relay.events().filter { event in
      if case .namespaceRefused = event { true } else { false }
    }
    #expect(refused.count == 1)
    #expect(relay.transport.closed == nil)
  }

  @Test(arguments: Draft.allCases)
  func `GOAWAY from a relay is passed on`(_ draft: Draft) {
    let relay = Relay(draft)
    relay.send(
      .goAway(GoAway(uri: "moqt://b", timeoutMilliseconds: draft < .draft18 ? nil : 1)),
      on: draft < .draft18 ? 0 : 3
    )
    let uris = relay.events().compactMap { event -> String? in
      if case .goAway(let uri) = event { uri } else { nil }
    }
    #expect(uris == ["moqt://b"])
  }
}
