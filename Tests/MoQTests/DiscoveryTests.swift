import MoQ
import TestSupport
import Testing
import Wire

/// Namespaces and pushed tracks.
@Suite struct DiscoveryTests {
  @Test(arguments: [Draft.draft14, .draft16, .draft18])
  func `namespaces are found as the draft tells them`(_ draft: Draft) throws {
    let prefix = try #require(TrackNamespace(text: "live"))
    let suffix = try #require(TrackNamespace(text: "cam1"))
    let peer = ScriptedPeer(draft)
    peer.session.subscribeNamespace(prefix)
    let stream: UInt64 = draft == .draft16 ? 4 : 0
    peer.send(
      .requestOK(
        RequestOK(
          kind: draft == .draft14 ? .subscribeNamespace : .other,
          requestID: peer.id(0)
        )
      ),
      on: stream
    )
    if draft == .draft14 {
      let namespace = prefix.appending(suffix)
      peer.send(
        .publishNamespace(PublishNamespace(requestID: 1, namespace: namespace)),
        on: 0
      )
      peer.send(.publishNamespaceDone(.namespace(namespace)), on: 0)
      #expect(
        try peer.sentMessages().contains(
          .requestOK(RequestOK(kind: .publishNamespace, requestID: 1))
        )
      )
    } else {
      peer.send(.namespace(suffix: suffix), on: stream)
      peer.send(.namespaceDone(suffix: suffix), on: stream)
    }
    #expect(peer.events() == ["ready", "accepted live", "+live-cam1", "-live-cam1"])
  }

  @Test(arguments: Draft.allCases)
  func `a server that announces, asks and pushes is answered politely`(_ draft: Draft) throws {
    let peer = ScriptedPeer(draft)
    let namespace = try #require(TrackNamespace(text: "live"))
    let isStreams = draft >= .draft18
    let streams = (0..<3).map { _ in isStreams ? peer.newBidirectional() : 0 }
    peer.send(
      .publishNamespace(PublishNamespace(requestID: 1, namespace: namespace)),
      on: streams[0]
    )
    let ask = ControlMessage.subscribeNamespace(
      SubscribeNamespace(
        requestID: 3,
        prefix: namespace,
        options: draft == .draft16 ? 1 : nil
      )
    )
    let askStream = draft == .draft16 ? peer.newBidirectional() : streams[1]
    peer.send(ask, on: askStream)
    peer.send(
      .publish(Publish(requestID: 5, track: ScriptedPeer.track, trackAlias: 9)),
      on: streams[2]
    )
    #expect(peer.events() == ["ready", "+live"])
    let pushed = peer.subgroup(alias: 9, group: 0, ids: 0...0, isFinal: false)
    #expect(peer.transport.stopped[pushed] == 1)
    #expect(peer.transport.closed == nil)
    let replies = try (isStreams ? streams : Set([0, askStream]).sorted()).flatMap {
      try decodeControl([peer.transport.sent[$0] ?? Bytes()], draft)
    }
    let oks = replies.filter { if case .requestOK = $0 { true } else { false } }
    #expect(oks.count == 2)
    let codes = replies.compactMap { message -> UInt64? in
      if case .requestError(let error) = message { error.code } else { nil }
    }
    #expect(codes == [draft == .draft14 ? 4 : 0x20])
  }

  @Test(arguments: [Draft.draft18, .draft20, .draft22])
  func `an announcement outlives the orderly end of its stream, not a reset`(_ draft: Draft) {
    for (end, events) in [
      (TransportEvent.streamData(1, [], isFinal: true), ["ready", "+live"]),
      (.streamReset(1, code: 1), ["ready", "+live", "-live"]),
      (.stopSending(1, code: 1), ["ready", "+live", "-live"]),
    ] {
      let peer = ScriptedPeer(draft)
      peer.send(
        .publishNamespace(
          PublishNamespace(requestID: 1, namespace: ScriptedPeer.track.namespace)
        ),
        on: 1
      )
      peer.handle(end)
      #expect(peer.events() == events)
    }
  }
}
