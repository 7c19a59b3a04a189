import Wire

/// A range of the past on its way to the peer.
struct OutgoingFetch {
  /// The FETCH, or the subscription that is filled.
  let owner: UInt64
  /// The request whose id the stream carries.
  let streamID: UInt64
  let items: [FetchItem]
  /// When its stream goes where not all can go at once.
  var precedence: Precedence
  /// Into `items`.
  var next = 0
  var encoder: FetchEncoder
  /// Nil until the peer allows one.
  var stream: UInt64?

  init(
    owner: UInt64,
    streamID: UInt64,
    items: [FetchItem],
    precedence: Precedence,
    draft: Draft
  ) {
    self.owner = owner
    self.streamID = streamID
    self.items = items
    self.precedence = precedence
    encoder = FetchEncoder(requestID: streamID, draft: draft, groupOrder: precedence.groupOrder)
  }

  /// Where its stream stands among those of the session.
  var order: SendOrder {
    switch items.first {
    case .object(let object)?: precedence.order(of: object.group, isPast: true)
    case .gap(let last, _)?: precedence.order(of: last.group, isPast: true)
    case nil: precedence.order(of: 0, isPast: true)
    }
  }

  var isSent: Bool { stream != nil && next == items.count }
}

/// Objects of the past.
extension PublisherSession {
  /// What a FETCH asks for.
  private enum Target {
    case range(BroadcastTrack, ClosedRange<Location>?)
    case noTrack
    case noSubscription
  }

  func fetch(_ request: Fetch) {
    let requestID = request.requestID
    let track: BroadcastTrack
    let range: ClosedRange<Location>?
    switch target(of: request) {
    case .range(let found, let wanted): (track, range) = (found, wanted)
    case .noTrack: return core.refuse(requestID, .fetch, .doesNotExist, "no such track")
    case .noSubscription:
      return core.refuse(requestID, .fetch, .invalidJoiningRequestID, "no such subscription")
    }
    guard !request.parameters.hasRangeFilters else {
      return core.refuse(requestID, .fetch, .invalidFilter, "no range filters")
    }
    guard fetches.count < core.limits.incomingRequests else {
      return core.refuse(requestID, .fetch, .excessiveLoad, "too many")
    }
    guard let range, let largest = track.largest, range.lowerBound <= largest else {
      return core.refuse(requestID, .fetch, .invalidRange, "nothing is in the range")
    }
    let end = min(range.upperBound, largest)
    let precedence = Precedence(request.parameters, of: track)
    let items = items(of: track, from: range.lowerBound, through: end, precedence.groupOrder)
    if draft == .draft14, let failure = failureOfDraft14(request, items, range.lowerBound, track) {
      return core.refuse(requestID, .fetch, failure, "not all of the range is kept")
    }
    var parameters = Parameters()
    // FETCH_OK has a field for it there; in later drafts the request says it.
    if draft == .draft14 { parameters.groupOrder = precedence.groupOrder }
    core.send(
      .fetchOK(
        FetchOK(
          requestID: core.replyID(requestID),
          isEndOfTrack: track.isEnded && end == largest,
          end: written(end, of: track),
          parameters: parameters,
          trackProperties: ownProperties(of: track)
        )
      ),
      for: requestID
    )
    fetches.append(
      OutgoingFetch(
        owner: requestID,
        streamID: requestID,
        items: items,
        precedence: precedence,
        draft: draft
      )
    )
  }

  private func target(of request: Fetch) -> Target {
    let joined: UInt64
    switch request.range {
    case .standalone(let name, let start, let end):
      guard let track = store[name] else { return .noTrack }
      let last =
        end.object == 0 ? Location(group: end.group, object: .max) : end.predecessor ?? end
      return .range(track, start <= last ? start...last : nil)
    case .filtered(let name):
      guard let track = store[name] else { return .noTrack }
      return .range(
        track,
        (request.parameters.filter ?? .none).resolve(largest: track.largest)
      )
    case .relativeJoining(let id, _), .absoluteJoining(let id, _): joined = id
    }
    guard let subscription = subscriptions[joined] else { return .noSubscription }
    guard let largest = subscription.largest else { return .range(subscription.track, nil) }
    var start = Location.zero
    switch request.range {
    case .relativeJoining(_, let groups): start.group = largest.group - min(groups, largest.group)
    case .absoluteJoining(_, let group): start.group = group
    case .standalone, .filtered: break
    }
    return .range(subscription.track, start <= largest ? start...largest : nil)
  }

  /// Draft 14 has no markers, so what is kept no longer must not look as if it had never been.
  private func failureOfDraft14(
    _ request: Fetch,
    _ items: [FetchItem],
    _ start: Location,
    _ track: BroadcastTrack
  ) -> RequestErrorMeaning? {
    let isForgotten = track.groups.first.map { start.group < $0.id } ?? true
    // Who joins is better served with a part than with nothing.
    if case .standalone = request.range, isForgotten { return .unknownStatusInRange }
    return items.isEmpty ? .noObjects : nil
  }

  /// The end of a range as the draft writes it, the object after it before draft 20, 0 for the whole
  /// group.
  private func written(_ end: Location, of track: BroadcastTrack) -> Location {
    guard draft.profile.fetchEndInclusive else {
      return Location(group: end.group, object: end.object == .max ? 0 : end.object + 1)
    }
    // Not every peer reads integers of 64 bits.
    return Location(group: end.group, object: min(end.object, ByteWriter.maximumVarint))
  }

  /// What is kept of a range as it is sent, with a marker for what was kept no longer.
  func items(
    of track: BroadcastTrack,
    from start: Location,
    through end: Location,
    _ order: GroupOrder
  ) -> [FetchItem] {
    let objects = track.objects(from: start, through: end)
    guard let first = objects.first else { return [] }
    var items: [FetchItem]
    let isForgotten = draft != .draft14 && first.group > start.group
    // A marker ends where the range that it tells of does, in the order that objects are sent in.
    switch order {
    case .ascending:
      items = objects.map { .object($0) }
      if isForgotten {
        let before = Location(group: first.group - 1, object: ByteWriter.maximumVarint)
        items.insert(.gap(through: before, .unknown), at: 0)
      }
    case .descending:
      items = objects.sorted { ($1.group, $0.id) < ($0.group, $1.id) }.map { .object($0) }
      if isForgotten {
        let oldest = Location(group: start.group, object: ByteWriter.maximumVarint)
        items.append(.gap(through: oldest, .unknown))
      }
    }
    return items
  }

  /// Hands the transport as much of every range as it takes.
  func sendFetches() {
    for index in fetches.indices where !fetches[index].isSent {
      guard send(&fetches[index]) else { break }
      // A fill ends without its subscription.
      if fetches[index].isSent, fetches[index].owner == fetches[index].streamID,
        subscriptions[fetches[index].owner] == nil
      {
        core.finish(requestID: fetches[index].owner)
      }
    }
    fetches.removeAll { $0.isSent && $0.stream.map { transport.pendingBytes(on: $0) } == 0 }
  }

  /// Sends what it can; false when no stream can be opened now.
  private func send(_ fetch: inout OutgoingFetch) -> Bool {
    let stream: UInt64
    if let opened = fetch.stream {
      stream = opened
    } else {
      guard let opened = transport.openStream(bidirectional: false) else { return false }
      stream = opened
      fetch.stream = stream
      transport.setOrder(fetch.order, of: stream)
      transport.send(fetch.encoder.headerBytes, on: stream, isFinal: fetch.items.isEmpty)
    }
    while fetch.next < fetch.items.count,
      transport.pendingBytes(on: stream) < limits.pendingBytesPerStream
    {
      let bytes = fetch.encoder.encode(fetch.items[fetch.next])
      fetch.next += 1
      transport.send(bytes, on: stream, isFinal: fetch.next == fetch.items.count)
    }
    if fetch.next < fetch.items.count { fullStreams.append(stream) }
    return true
  }

  /// Gives up ranges that the peer does not want any more.
  func cancelFetches(_ matches: (OutgoingFetch) -> Bool) {
    for fetch in fetches where matches(fetch) {
      guard let stream = fetch.stream else { continue }
      transport.reset(stream, code: StreamResetMeaning.cancelled.code(in: draft))
    }
    fetches.removeAll(where: matches)
  }
}
