import MoQ
import TestSupport
import Testing
import Wire

/// A subscriber and a publisher on the past of a track, over the whole way of the bytes.
@Suite struct PastTests {
  static let name = FullTrackName(
    TrackNamespace([Bytes(utf8: "live"), Bytes(utf8: "cam1")]),
    "video"
  )

  /// A track with groups from 1,000 to 1,004 of three objects each, the last one open; ids of several
  /// bytes tell the drafts' codings apart.
  func pair(
    _ draft: Draft,
    kept: Int = 8,
    pieceBytes: Int? = nil
  ) -> (pair: MoQSessionPair, track: BroadcastTrack) {
    var limits = BroadcastLimits()
    limits.groups = kept
    let pair = MoQSessionPair(
      draft,
      store: BroadcastStore(limits: limits),
      pieceBytes: pieceBytes
    )
    let track = pair.store.addTrack(Self.name)
    for group in 1000...1004 as ClosedRange<UInt64> {
      track.beginGroup(group, now: pair.now)
      for id in 0...2 { track.append(Bytes(utf8: "\(group)/\(id)")) }
    }
    return (pair, track)
  }

  /// The locations of all objects that were reported; their payloads say the same.
  func locations(_ events: [SubscriberEvent]) -> [String] {
    events.compactMap { event in
      switch event {
      case .object(_, let object), .fetched(_, let object):
        object.payload.text == "\(object.location)" ? object.payload.text : "wrong payload"
      default: nil
      }
    }
  }

  func group(_ id: UInt64, _ last: UInt64 = 2) -> [String] { (0...last).map { "\(id)/\($0)" } }

  @Test(arguments: Draft.allCases)
  func `a subscription that begins groups back has everything once`(_ draft: Draft) {
    for (back, first) in [(0, 1004), (2, 1002), (100, 1000)] as [(UInt64, UInt64)] {
      let (pair, track) = pair(draft, pieceBytes: 5)
      _ = pair.subscriber.subscribe(
        Self.name,
        options: SubscribeOptions(start: .groupsBack(back))
      )
      pair.run()
      track.append(Bytes(utf8: "1004/3"))
      track.beginGroup(1005, now: pair.now)
      track.append(Bytes(utf8: "1005/0"))
      pair.run()
      let events = pair.takeSubscriberEvents()
      let expected = (first..<1004).flatMap { group($0) } + group(1004, 3) + ["1005/0"]
      #expect(locations(events).sorted() == expected.sorted())
      let joins = events.compactMap { event -> FetchOutcome? in
        if case .joinEnded(_, let outcome) = event { outcome } else { nil }
      }
      #expect(joins.map(\.end) == [.complete])
      #expect(joins.first?.objects == UInt64(1004 - first + 1) * 3)
    }
  }

  @Test(arguments: Draft.allCases)
  func `what the publisher keeps no longer is not taken for absent`(_ draft: Draft) throws {
    let (pair, _) = pair(draft, kept: 2)
    _ = pair.subscriber.subscribe(Self.name, options: SubscribeOptions(start: .groupsBack(3)))
    pair.run()
    let events = pair.takeSubscriberEvents()
    #expect(locations(events) == group(1003) + group(1004))
    let end = try #require(events.map(describe).first { $0.hasPrefix("join") })
    // Draft 14 has no markers: there what was skipped looks as if it had never been.
    #expect(
      end
        == (draft == .draft14
          ? "join complete 6 -1001/0-1002/* -1003/3-*"
          : "join complete 6 -1003/3-* ?1001/0-1002/*")
    )
  }

  @Test(arguments: Draft.allCases)
  func `a hole is repaired and a group's end is learnt`(_ draft: Draft) {
    let (pair, _) = pair(draft, pieceBytes: 7)
    let id = pair.subscriber.subscribe(Self.name)
    pair.run()
    _ = pair.takeSubscriberEvents()
    let start = Location(group: 1002, object: 1)
    _ = pair.subscriber.fetch(id, range: start...Location(group: 1002, object: 2))
    _ = pair.subscriber.fetch(id, range: start...Location(group: 1002, object: .max))
    _ = pair.subscriber.fetch(
      id,
      range: Location(group: 1002, object: 5)...Location(group: 1002, object: 6)
    )
    pair.run()
    let events = pair.takeSubscriberEvents()
    #expect(locations(events) == ["1002/1", "1002/2"])
    #expect(
      events.map(describe).filter { $0.hasPrefix("fetch") || $0.hasPrefix("absent") } == [
        "fetch complete 2", "absent 1002/3-*", "fetch complete 2 -1002/3-*",
        "absent 1002/5-6", "fetch complete 0 -1002/5-6",
      ]
    )
  }

  @Test(arguments: Draft.allCases)
  func `a track is fetched without a subscription`(_ draft: Draft) {
    let (pair, _) = pair(draft)
    let range = Location(group: 1001, object: 2)...Location(group: 1003, object: 0)
    _ = pair.subscriber.fetch(Self.name, range: range)
    let other = FullTrackName(Self.name.namespace, "audio")
    _ = pair.subscriber.fetch(other, range: range)
    pair.run()
    let events = pair.takeSubscriberEvents()
    #expect(locations(events) == ["1001/2"] + group(1002) + ["1003/0"])
    let ends = events.map(describe).filter { $0.hasPrefix("fetch ") }
    #expect(
      Set(ends) == [
        "fetch complete 5 -1001/3-* -1002/3-*", "fetch failed doesNotExist 0 ?1001/2-1003/0",
      ]
    )
    #expect(pair.subscriber.canFetch)
  }

  @Test(arguments: Draft.allCases)
  func `a publisher that goes away ends what it serves`(_ draft: Draft) {
    let (pair, track) = pair(draft)
    let id = pair.subscriber.subscribe(Self.name)
    pair.run()
    pair.publisher.goAway(uri: "moqt://b", timeout: .seconds(3))
    pair.run()
    #expect(pair.takeSubscriberEvents().map(describe).last == "goaway moqt://b")
    // Objects go on until the subscriber leaves.
    track.beginGroup(1005, now: pair.now)
    track.append(Bytes(utf8: "1005/0"))
    pair.run()
    #expect(locations(pair.takeSubscriberEvents()) == ["1005/0"])
    pair.subscriber.unsubscribe(id)
    pair.advance(.seconds(3))
    #expect(pair.serverTransport.closed?.code == 0x10)
  }

  @Test(arguments: Draft.allCases)
  func `a pushed track is taken with its past`(_ draft: Draft) {
    let pair = MoQSessionPair(draft, publisherIsClient: true, pieceBytes: 3)
    pair.subscriber.acceptsPublish = { _ in SubscribeOptions(start: .groupsBack(1)) }
    let track = pair.store.addTrack(Self.name)
    for group in 1000...1002 as ClosedRange<UInt64> {
      track.beginGroup(group, now: pair.now)
      track.append(Bytes(utf8: "\(group)/0"))
    }
    pair.publisher.publish(Self.name)
    pair.run()
    track.append(Bytes(utf8: "1002/1"))
    track.beginGroup(1003, now: pair.now)
    track.append(Bytes(utf8: "1003/0"))
    track.end()
    pair.run()
    let events = pair.takeSubscriberEvents()
    #expect(locations(events).sorted() == ["1001/0", "1002/0", "1002/1", "1003/0"])
    #expect(events.map(describe).last == "ended trackEnded end of track")
    #expect(pair.clientTransport.closed == nil && pair.serverTransport.closed == nil)
  }

  @Test(arguments: Draft.allCases)
  func `who takes interest back hears no more`(_ draft: Draft) throws {
    let (pair, _) = pair(draft)
    let prefix = try #require(TrackNamespace(text: "live"))
    pair.subscriber.subscribeNamespace(prefix)
    pair.run()
    pair.subscriber.unsubscribeNamespace(prefix)
    pair.run()
    _ = pair.takeSubscriberEvents()
    pair.store.addTrack(
      FullTrackName(TrackNamespace([Bytes(utf8: "live"), Bytes(utf8: "cam2")]), "video")
    )
    pair.run()
    #expect(pair.takeSubscriberEvents().isEmpty)
    // It may be asked again.
    pair.subscriber.subscribeNamespace(prefix)
    pair.run()
    #expect(pair.takeSubscriberEvents().map(describe).contains("+live-cam2"))
    #expect(pair.serverTransport.closed == nil)
  }
}
