import MoQ
import TestSupport
import Testing
import Wire

/// Wrong input of every kind: it may be refused, it may not trap.
@Suite struct MutationTests {
  func mutate(_ bytes: Bytes, _ generator: inout SeededGenerator) -> Bytes {
    var array = bytes.array
    for _ in 0..<Int.random(in: 1...4, using: &generator) {
      switch Int.random(in: 0..<4, using: &generator) {
      case 0 where !array.isEmpty:
        array[Int.random(in: 0..<array.count, using: &generator)] = .random(
          in: 0...255,
          using: &generator
        )
      case 1 where !array.isEmpty:
        array[Int.random(in: 0..<array.count, using: &generator)] = 0xff
      case 2 where !array.isEmpty:
        array.remove(at: Int.random(in: 0..<array.count, using: &generator))
      default:
        array.insert(
          .random(in: 0...255, using: &generator),
          at: Int.random(in: 0...array.count, using: &generator)
        )
      }
    }
    return Bytes(array)
  }

  @Test(arguments: [1, 2, 3, 4] as [UInt64])
  func `20,000 mutated inputs through decoders and sessions`(_ seed: UInt64) throws {
    var generator = SeededGenerator(seed: seed)
    let vectors = Vector.all.filter { $0.family != .integer }
    var decoded = 0
    for _ in 0..<5000 {
      let vector = try #require(vectors.randomElement(using: &generator))
      let bytes = mutate(vector.bytes, &generator)
      var draft = vector.draft
      if Bool.random(using: &generator), let other = Draft.allCases.randomElement(using: &generator)
      {
        draft = other
      }
      if let messages = try? decodeControl([bytes], draft) {
        // What can be read can be written, and read again.
        for message in messages {
          decoded += 1
          #expect(try decodeControl([message.encode(for: draft)], draft).count == 1)
        }
      }
      var reader = DraftReader(bytes, draft: draft)
      if case .subgroup(let header)? = try? StreamHeader.decode(&reader) {
        _ = try? decodeSubgroup(header, [bytes.suffix(from: min(4, bytes.count))], draft)
      }
      _ = try? decodeFetch([bytes.suffix(from: min(2, bytes.count))], draft)
      _ = try? ObjectDatagram.decode(bytes, draft: draft)
      run(bytes, draft, &generator)
    }
    #expect(decoded > 200)
  }

  /// Feeds a subscriber and a publisher that have something going on.
  func run(_ bytes: Bytes, _ draft: Draft, _ generator: inout SeededGenerator) {
    let peer = ScriptedPeer(draft, acceptsPublish: { _ in SubscribeOptions(start: .groupsBack(1)) })
    let id = peer.session.subscribe(
      ScriptedPeer.track,
      options: SubscribeOptions(start: .groupsBack(2))
    )
    peer.accept(largest: Location(group: 3, object: 0))
    _ = peer.session.fetch(id, range: .zero...Location(group: 2, object: .max))
    peer.session.subscribeNamespace(ScriptedPeer.track.namespace)
    let streams = [
      peer.controlStream, 0, 4, 8, 12, peer.newUnidirectional(), peer.newBidirectional(),
    ]
    for _ in 0..<2 {
      let stream = streams.randomElement(using: &generator) ?? 0
      peer.handle(.streamData(stream, bytes, isFinal: Bool.random(using: &generator)))
    }
    peer.handle(.datagram(bytes))
    // A FETCH stream whose answer to the right request is wrong.
    let requestID: UInt64 = draft >= .draft20 ? 0 : [2, 4].randomElement(using: &generator) ?? 2
    let response = peer.newUnidirectional()
    peer.handle(
      .streamData(
        response,
        StreamHeader.fetch(requestID: requestID).encode(for: draft),
        isFinal: false
      )
    )
    peer.handle(.streamData(response, bytes.suffix(from: min(2, bytes.count)), isFinal: false))
    peer.session.unsubscribeNamespace(ScriptedPeer.track.namespace)
    // Whatever waits gives up at last.
    var rounds = 0
    while peer.session.deadline != nil, rounds < 100 {
      peer.advance(.milliseconds(10_000))
      rounds += 1
    }
    #expect(rounds < 100)
    _ = peer.events()

    let store = BroadcastStore()
    let track = store.addTrack(
      FullTrackName(
        TrackNamespace([Bytes(utf8: "live"), Bytes(utf8: "cam1")]),
        "video"
      )
    )
    let transport = MoQFakeTransport(role: .server)
    let publisher = PublisherSession(
      draft: draft,
      transport: transport,
      role: .server,
      store: store
    )
    publisher.start(now: peer.now)
    track.beginGroup(98, now: peer.now)
    track.append([1, 2, 3])
    let isStreams = draft >= .draft18
    let setup = Setup(
      sender: isStreams ? .either : .client,
      versions: draft == .draft14 ? [draft.versionCode] : []
    )
    publisher.handle(
      .streamData(
        isStreams ? 2 : 0,
        ControlMessage.setup(setup).encode(for: draft),
        isFinal: false
      ),
      now: peer.now
    )
    publisher.handle(.streamData(isStreams ? 4 : 0, bytes, isFinal: false), now: peer.now)
    track.beginGroup(200, now: peer.now)
    track.append([4])
    track.end()
    publisher.handleTimeout(now: peer.now + Interval.milliseconds(60_000))
    while publisher.poll() != nil {}
  }

  @Test func `mutated catalogs`() {
    var generator = SeededGenerator(seed: 5)
    let text = Bytes(
      utf8: #"{"version":"1","tracks":[{"name":"v","packaging":"cmaf","framerate":1e9,"#
        + #""template":[0,1,[0,0],[1,0],0,1],"buffers":{"min":1}}],"initDataList":[]}"#
    )
    for _ in 0..<2000 {
      guard
        case .independent(let catalog, _)? = try? CatalogUpdate.decode(
          mutate(text, &generator)
        )
      else { continue }
      _ = catalog.encode()
    }
  }
}
