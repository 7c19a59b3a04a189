import MoQ
import TestSupport
import Testing
import Wire

/// The past that a subscription begins with.
@Suite struct JoinTests {
  /// A peer that was asked for a track from some groups back and says that 9/1 is its newest object.
  func join(
    _ draft: Draft,
    _ start: SubscriptionStart,
    limits: SessionLimits = SessionLimits()
  ) -> ScriptedPeer {
    let peer = ScriptedPeer(draft, limits: limits)
    _ = peer.session.subscribe(ScriptedPeer.track, options: SubscribeOptions(start: start))
    peer.accept(largest: Location(group: 9, object: 1))
    #expect(peer.events() == ["ready", "subscribed 9/1"])
    return peer
  }

  /// The request whose id the stream of the past carries.
  func request(_ draft: Draft) -> UInt64 { draft >= .draft20 ? 0 : 2 }

  @Test(arguments: Draft.allCases)
  func `the past is asked for as the draft has it`(_ draft: Draft) throws {
    for (start, groups) in [
      (SubscriptionStart.currentGroup, 0), (.groupsBack(0), 0), (.groupsBack(3), 3),
      (.groupsBack(.max), UInt64.max),
    ] {
      let peer = ScriptedPeer(draft)
      _ = peer.session.subscribe(ScriptedPeer.track, options: SubscribeOptions(start: start))
      // Publishers of draft 14 refuse a FETCH that comes before they have answered.
      #expect(try peer.fetches() == [])
      peer.accept(largest: Location(group: 9, object: 1))
      let subscribes = try peer.sentMessages().compactMap { message -> Subscribe? in
        if case .subscribe(let subscribe) = message { subscribe } else { nil }
      }
      let subscribe = try #require(subscribes.first)
      if draft >= .draft20 {
        #expect(try peer.fetches() == [])
        #expect(
          subscribe.parameters.filter == (draft == .draft22 ? .relative(groups: 1) : .nextObject)
        )
        #expect(
          subscribe.parameters.fill?.filter == .relative(groups: groups < .max ? groups + 1 : .max)
        )
      } else {
        #expect(subscribe.parameters.filter == .nextObject)
        let largest: UInt64 = draft == .draft18 ? .max : 1 << 62 - 1
        #expect(
          try peer.fetches().map(\.range) == [
            .relativeJoining(requestID: 0, groups: min(groups, largest))
          ]
        )
        #expect(try peer.fetches().map(\.requestID) == [2])
      }
    }
  }

  @Test(arguments: Draft.allCases)
  func `the past and the present meet, and nothing comes twice`(_ draft: Draft) {
    let peer = join(draft, .groupsBack(1))
    peer.subgroup(group: 9, ids: 1...2, isFinal: false)
    let items = peer.items(8, 0...1) + peer.items(9, 0...1)
    if draft < .draft20 { peer.fetchOK(1, through: Location(group: 9, object: 1)) }
    peer.fetched(request(draft), items)
    #expect(
      peer.events() == [
        "object 9/1", "object 9/2", "object 8/0", "object 8/1", "absent 8/2-*", "object 9/0",
        "join complete 4 -8/2-*",
      ]
    )
    #expect(peer.session.deadline == nil)
  }

  @Test(arguments: [Draft.draft20, .draft22])
  func `a fill may overtake SUBSCRIBE_OK and counts as a stream`(_ draft: Draft) {
    let peer = ScriptedPeer(draft)
    _ = peer.session.subscribe(
      ScriptedPeer.track,
      options: SubscribeOptions(start: .currentGroup)
    )
    peer.fetched(0, peer.items(5, 0...0))
    #expect(peer.events() == ["ready"])
    peer.accept(largest: Location(group: 5, object: 0))
    #expect(peer.events() == ["subscribed 5/0", "object 5/0", "join complete 1"])
    peer.done(streams: 1)
    #expect(peer.events() == ["ended trackEnded eof"])
  }

  @Test(arguments: Draft.allCases)
  func `nothing published means nothing to join`(_ draft: Draft) throws {
    let peer = ScriptedPeer(draft)
    _ = peer.session.subscribe(
      ScriptedPeer.track,
      options: SubscribeOptions(start: .groupsBack(2))
    )
    peer.accept()
    #expect(peer.events() == ["ready", "subscribed -", "join complete 0"])
    #expect(try peer.fetches() == [])
    #expect(peer.session.deadline == nil)
    // A fill that comes all the same is nobody's.
    let stream = peer.fetched(request(draft), peer.items(0, 0...0), isFinal: false)
    #expect(peer.transport.stopped[stream] == 1)
  }

  @Test(arguments: [Draft.draft14, .draft16, .draft18])
  func `a refused join leaves the subscription live`(_ draft: Draft) throws {
    let peer = join(draft, .currentGroup)
    peer.refuse(1, .fetch, code: 3)
    peer.subgroup(group: 9, ids: 2...2, isFinal: false)
    #expect(peer.events() == ["join failed notSupported 0 ?9/0-1", "object 9/2"])
    #expect(try peer.fetches().count == 1)
    // That says nothing of standalone FETCH.
    #expect(peer.session.canFetch)
  }

  @Test(arguments: [Draft.draft14, .draft16, .draft18])
  func `an empty join says nothing of what exists`(_ draft: Draft) {
    let peer = join(draft, .currentGroup)
    peer.fetched(2, [])
    #expect(peer.events() == [])
    peer.fetchOK(1, through: Location(group: 9, object: 1))
    #expect(peer.events() == ["join complete 0 ?9/0-1"])
  }

  @Test(arguments: [Draft.draft14, .draft16, .draft18])
  func `a joining FETCH whose stream never comes is given up`(_ draft: Draft) throws {
    let peer = join(draft, .currentGroup)
    #expect(peer.session.deadline == peer.now + Interval.milliseconds(5000))
    peer.advance(.milliseconds(5000))
    #expect(peer.events() == ["join unanswered 0 ?9/0-1"])
    #expect(peer.session.deadline == nil)
    if draft == .draft18 {
      #expect(peer.transport.stopped[4] == 1)
    } else {
      #expect(try peer.sentMessages().last == .fetchCancel(requestID: 2))
    }
  }

  @Test(arguments: [Draft.draft14, .draft16, .draft18])
  func `a peer that gives one group at a time is asked so, newest first`(_ draft: Draft) throws {
    let peer = join(draft, .groupsBack(2))
    peer.refuse(1, .fetch, code: 3)
    for (number, group) in [(2, 9), (3, 8), (4, 7)] as [(Int, UInt64)] {
      let last: UInt64 = group == 9 ? 1 : .max
      let fetches = try peer.fetches()
      #expect(fetches.count == number)
      #expect(
        fetches.last?.range
          == .standalone(
            ScriptedPeer.track,
            start: Location(group: group, object: 0),
            end: Location(group: group, object: group == 9 ? 2 : 0)
          )
      )
      peer.fetchOK(number, through: Location(group: group, object: last))
      peer.fetched(UInt64(number * 2), peer.items(group, 0...1))
    }
    #expect(
      peer.events() == [
        "object 9/0", "object 9/1", "object 8/0", "object 8/1", "absent 8/2-*", "object 7/0",
        "object 7/1", "absent 7/2-*", "join complete 6 -8/2-* -7/2-*",
      ]
    )
  }

  @Test(arguments: [Draft.draft20, .draft22])
  func `a fill that never comes is asked for group by group`(_ draft: Draft) throws {
    let peer = join(draft, .groupsBack(1))
    #expect(peer.session.deadline == peer.now + Interval.milliseconds(2000))
    peer.advance(.milliseconds(2000))
    #expect(
      try peer.fetches().map(\.parameters.filter) == [
        .range(start: Location(group: 9, object: 0), end: Location(group: 9, object: 1))
      ]
    )
    peer.refuse(1, .fetch, code: 3)
    #expect(try peer.fetches().count == 1)
    #expect(peer.events() == ["join failed notSupported 0 ?9/0-1 ?8/0-*"])
    #expect(!peer.session.canFetch)
    // A single group too, for a late fill is not read any more.
    let single = join(draft, .currentGroup)
    single.advance(.milliseconds(2000))
    #expect(try single.fetches().count == 1)
    let late = single.fetched(0, single.items(9, 0...1), isFinal: false)
    #expect(single.transport.stopped[late] == 1)
    single.fetchOK(1, through: Location(group: 9, object: 1))
    single.fetched(2, single.items(9, 0...1))
    #expect(single.events() == ["object 9/0", "object 9/1", "join complete 2"])
  }

  @Test func `groups asked for one at a time are bounded in number`() throws {
    var limits = SessionLimits()
    limits.splitGroups = 2
    let peer = join(.draft18, .groupsBack(4), limits: limits)
    peer.refuse(1, .fetch, code: 3)
    for number in 2...3 {
      peer.fetchOK(number, through: Location(group: UInt64(11 - number), object: .max))
      peer.fetched(UInt64(number * 2), peer.items(UInt64(11 - number), 0...0))
    }
    #expect(try peer.fetches().count == 3)
    #expect(peer.events().last == "join complete 2 -9/1 -8/1-* ?5/0-7/*")
  }

  @Test(arguments: [Draft.draft14, .draft16])
  func `groups that the draft cannot say are not asked for one at a time`(_ draft: Draft) throws {
    let peer = ScriptedPeer(draft)
    let last = UInt64(1) << 62 - 1
    let first = Location(group: last - 1, object: 0)
    _ = peer.session.fetch(ScriptedPeer.track, range: first...Location(group: .max, object: .max))
    // Whether the peer serves one group at a time shows only when it is asked for one.
    peer.refuse(0, .fetch, code: 3)
    let groups = try peer.fetches().dropFirst().map(\.range)
    #expect(
      groups == [
        .standalone(
          ScriptedPeer.track,
          start: Location(group: last, object: 0),
          end: Location(group: last, object: 0)
        )
      ]
    )
  }

  @Test(arguments: Draft.allCases)
  func `a broken off join says what is not known`(_ draft: Draft) {
    let peer = join(draft, .groupsBack(1))
    if draft < .draft20 { peer.fetchOK(1, through: Location(group: 9, object: 1)) }
    let stream = peer.fetched(request(draft), peer.items(8, 0...0), isFinal: false)
    peer.handle(.streamReset(stream, code: 2))
    #expect(peer.events() == ["object 8/0", "join reset 2 1 ?8/1-9/1"])
  }

  @Test(arguments: Draft.allCases)
  func `unsubscribing ends the join without a word`(_ draft: Draft) throws {
    let peer = ScriptedPeer(draft)
    let id = peer.session.subscribe(
      ScriptedPeer.track,
      options: SubscribeOptions(start: .currentGroup)
    )
    peer.accept(largest: Location(group: 9, object: 1))
    let stream = peer.fetched(request(draft), peer.items(9, 0...0), isFinal: false)
    _ = peer.events()
    peer.session.unsubscribe(id)
    #expect(peer.transport.stopped[stream] == 1)
    #expect(peer.events() == [])
    #expect(peer.session.deadline == nil)
    if draft == .draft18 { #expect(peer.transport.resets[4] == 1) }
    if draft < .draft18 {
      #expect(
        try peer.sentMessages().suffix(2) == [
          .fetchCancel(requestID: 2), .unsubscribe(requestID: 0),
        ]
      )
    }
  }
}
