import Wire

/// Objects of the past.
extension PublisherSession {
  func fetch(_ request: Fetch) {
    let track: BroadcastTrack?
    let range: ClosedRange<Location>?
    switch request.range {
    case .standalone(let name, let start, let end):
      track = store[name]
      let last =
        end.object == 0
        ? Location(group: end.group, object: .max)
        : Location(group: end.group, object: end.object - 1)
      range = start <= last ? start...last : nil
    case .filtered(let name):
      track = store[name]
      range = (request.parameters.filter ?? .none).resolve(largest: track?.largest)
    case .relativeJoining(let joined, _), .absoluteJoining(let joined, _):
      guard let subscription = subscriptions[joined] else {
        return core.refuse(
          request.requestID,
          .fetch,
          .invalidJoiningRequestID,
          "no such subscription"
        )
      }
      track = subscription.track
      range = subscription.largest.flatMap { largest in
        let group: UInt64
        switch request.range {
        case .relativeJoining(_, let groups): group = largest.group - min(groups, largest.group)
        case .absoluteJoining(_, let first): group = first
        default: return nil
        }
        let start = Location(group: group, object: 0)
        return start <= largest ? start...largest : nil
      }
    }
    guard let track else {
      return core.refuse(request.requestID, .fetch, .doesNotExist, "no such track")
    }
    guard waitingFetches.count < core.limits.incomingRequests else {
      return core.refuse(request.requestID, .fetch, .excessiveLoad, "too many")
    }
    guard let range, let largest = track.largest, range.lowerBound <= largest else {
      return core.refuse(request.requestID, .fetch, .invalidRange, "nothing is in the range")
    }
    let end = min(range.upperBound, largest)
    let items = items(of: track, from: range.lowerBound, through: end)
    if items.isEmpty, draft == .draft14 {
      return core.refuse(request.requestID, .fetch, .noObjects, "nothing is kept of the range")
    }
    // Before draft 20 the end is the object after the last one, 0 the whole group.
    let written =
      draft.profile.fetchEndInclusive
      ? end : Location(group: end.group, object: end.object == .max ? 0 : end.object + 1)
    core.send(
      .fetchOK(
        FetchOK(
          requestID: core.replyID(request.requestID),
          isEndOfTrack: track.isEnded && end == largest,
          end: written,
          trackProperties: ownProperties(of: track)
        )
      ),
      for: request.requestID
    )
    waitingFetches.append((request.requestID, items))
  }

  /// What is kept of a range, with a marker for what was kept no longer.
  func items(
    of track: BroadcastTrack,
    from start: Location,
    through end: Location
  ) -> [FetchItem] {
    let objects = track.objects(from: start, through: end)
    guard let first = objects.first else { return [] }
    var items = objects.map { FetchItem.object($0) }
    if draft != .draft14, first.group > start.group {
      let before = Location(group: first.group - 1, object: ByteWriter.maximumVarint)
      items.insert(.gap(through: before, .unknown), at: 0)
    }
    return items
  }

  func sendFetches() {
    while let (requestID, items) = waitingFetches.first {
      guard let stream = transport.openStream(bidirectional: false) else { return }
      waitingFetches.removeFirst()
      var encoder = FetchEncoder(requestID: requestID, draft: draft)
      transport.send(encoder.headerBytes, on: stream, isFinal: items.isEmpty)
      for (index, item) in items.enumerated() {
        transport.send(encoder.encode(item), on: stream, isFinal: index == items.count - 1)
      }
      fetchStreams[requestID] = stream
      if subscriptions[requestID] == nil { core.finish(requestID: requestID) }
    }
  }
}
