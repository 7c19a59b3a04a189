import MoQ
import TestSupport
import Testing
import Wire

/// What a publisher tells of its namespaces and tracks.
@Suite struct PublisherNamespaceTests {
  func prefix(_ text: String) throws -> TrackNamespace { try #require(TrackNamespace(text: text)) }

  /// Asks for a prefix, on a stream of its own from draft 16 on, and says what came back.
  func ask(
    _ peer: ScriptedSubscriber,
    _ text: String,
    number: Int,
    options: UInt64 = 1,
    tracks: Bool = false
  ) throws -> [ControlMessage] {
    let stream: UInt64 = peer.draft == .draft14 ? 0 : UInt64(number * 4 + 4)
    let before = peer.transport.sent[stream]?.count ?? 0
    let request = SubscribeNamespace(
      requestID: UInt64(number * 2),
      prefix: try prefix(text),
      options: peer.draft == .draft16 ? options : nil
    )
    peer.send(tracks ? .subscribeTracks(request) : .subscribeNamespace(request), on: stream)
    return try decodeControl(
      [(peer.transport.sent[stream] ?? Bytes()).suffix(from: before)],
      peer.draft
    )
  }

  func publishes(_ peer: ScriptedSubscriber) throws -> [Publish] {
    try peer.transport.opened.filter { $0 & 2 == 0 }.flatMap {
      try decodeControl([peer.transport.sent[$0] ?? Bytes()], peer.draft)
    }.compactMap { if case .publish(let publish) = $0 { publish } else { nil } }
  }

  @Test(arguments: Draft.allCases)
  func `a prefix is answered with the namespaces under it`(_ draft: Draft) throws {
    let peer = ScriptedSubscriber(draft)
    let replies = try ask(peer, "live", number: 0)
    let ok = RequestOK(
      kind: draft == .draft14 ? .subscribeNamespace : .other,
      requestID: draft < .draft18 ? 0 : nil
    )
    #expect(replies.first == .requestOK(ok))
    if draft == .draft14 {
      #expect(
        replies.last
          == .publishNamespace(PublishNamespace(requestID: 1, namespace: try prefix("live")))
      )
    } else {
      #expect(replies.last == .namespace(suffix: TrackNamespace([])))
    }
    #expect(replies.count == 2)
  }

  @Test(arguments: Draft.allCases)
  func `prefixes may not overlap`(_ draft: Draft) throws {
    let peer = ScriptedSubscriber(draft)
    _ = try ask(peer, "live/a", number: 0)
    for (number, text) in [(1, "live"), (2, "live/a"), (3, "live/a/b")] {
      let reply = try ask(peer, text, number: number).first
      guard case .requestError(let error)? = reply else {
        Issue.record("\(text) is not refused")
        continue
      }
      #expect(error.code == (draft == .draft14 ? 5 : 0x30))
    }
    let other = try ask(peer, "live/b", number: 4).first
    #expect(peer.errorMeaning(other) == nil)
  }

  @Test(arguments: [Draft.draft16, .draft18, .draft20, .draft22])
  func `tracks are pushed to who asks for them`(_ draft: Draft) throws {
    let peer = ScriptedSubscriber(draft)
    if draft == .draft16 {
      _ = try ask(peer, "live", number: 0, options: 0)
      // Draft 16 pushes on the control stream.
      let control = try decodeControl([peer.transport.sent[0] ?? Bytes()], draft)
      #expect(control.contains { if case .publish = $0 { true } else { false } })
      return
    }
    _ = try ask(peer, "live", number: 0)
    let replies = try ask(peer, "live", number: 1, tracks: true)
    #expect(replies == [.requestOK(RequestOK(kind: .other, requestID: nil))])
    #expect(try publishes(peer).map(\.track) == [ScriptedPeer.track])
    let audio = FullTrackName(ScriptedPeer.track.namespace, "audio")
    peer.store.addTrack(audio)
    peer.publisher.pump(now: peer.now)
    #expect(try publishes(peer).map(\.track) == [ScriptedPeer.track, audio])
  }

  @Test(arguments: [Draft.draft18, .draft20, .draft22])
  func `a track that is subscribed to is not pushed`(_ draft: Draft) throws {
    let peer = ScriptedSubscriber(draft)
    _ = try peer.subscribe()
    _ = try ask(peer, "live", number: 1, tracks: true)
    #expect(try publishes(peer) == [])
  }

  @Test func `who asks draft 16 for both is told namespaces`() throws {
    let peer = ScriptedSubscriber(.draft16)
    let replies = try ask(peer, "live", number: 0, options: 2)
    #expect(replies.last == .namespace(suffix: TrackNamespace([])))
    #expect(try publishes(peer) == [])
  }
}
