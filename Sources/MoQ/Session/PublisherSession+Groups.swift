import Wire

/// Groups from the store to the subscribers, as fast as each takes them.
extension PublisherSession {
  func pump(_ requestID: UInt64) {
    guard var subscription = subscriptions.removeValue(forKey: requestID) else { return }
    if subscription.isAccepted, subscription.forward {
      let groups = subscription.track.groups
      abandonForgotten(&subscription, keeping: groups)
      for (index, group) in groups.enumerated()
      where group.id >= subscription.start.group && group.id <= subscription.end.group
        && !subscription.closedGroups.contains(group.id)
      {
        let next = index + 1 < groups.count ? groups[index + 1].began : nil
        guard send(group, nextBegan: next, &subscription) else { break }
      }
    }
    subscriptions[requestID] = subscription
    // From draft 20 on a subscription does not end with its filter.
    if subscription.isAccepted, subscription.isExhausted,
      draft < .draft20 || subscription.track.isEnded
    {
      let isOver = subscription.track.isEnded
      finish(requestID, isOver ? .trackEnded : .subscriptionEnded, isOver ? "end of track" : "")
    }
  }

  /// Gives up groups that left the store before they were sent.
  func abandonForgotten(
    _ subscription: inout OutgoingSubscription,
    keeping groups: [BroadcastGroup]
  ) {
    guard let oldest = groups.first?.id else { return }
    subscription.closedGroups = subscription.closedGroups.filter { $0 >= oldest }
    for group in subscription.streams.keys.sorted() where group < oldest {
      abandon(group, &subscription)
    }
  }

  func abandon(_ group: UInt64, _ subscription: inout OutgoingSubscription) {
    if let out = subscription.streams.removeValue(forKey: group) {
      transport.reset(out.stream, code: StreamResetMeaning.deliveryTimeout.code(in: draft))
    }
    subscription.closedGroups.insert(group)
    events.append(.groupDropped(subscription.track.name, group: group))
  }

  /// Sends what it can of a group; false when no stream can be opened now.
  func send(
    _ group: BroadcastGroup,
    nextBegan: Instant?,
    _ subscription: inout OutgoingSubscription
  ) -> Bool {
    if let nextBegan, nextBegan + subscription.lateness <= now {
      abandon(group.id, &subscription)
      return true
    }
    if subscription.streams[group.id] == nil {
      let first =
        group.objects.firstIndex { $0.location >= subscription.start } ?? group.objects.count
      guard first < group.objects.count else {
        if group.isComplete { subscription.closedGroups.insert(group.id) }
        return true
      }
      guard let stream = transport.openStream(bidirectional: false) else { return false }
      let header = SubgroupHeader(
        trackAlias: subscription.alias,
        group: group.id,
        priority: subscription.track.priority,
        hasProperties: subscription.track.hasProperties,
        endsGroup: true,
        startsSubgroup: first == 0
      )
      let encoder = SubgroupEncoder(header: header, draft: draft)
      transport.setOrder(subscription.precedence.order(of: group.id), of: stream)
      transport.send(encoder.headerBytes, on: stream, isFinal: false)
      subscription.streams[group.id] = OutgoingGroup(
        stream: stream,
        encoder: encoder,
        nextIndex: first
      )
      subscription.streamCount += 1
    }
    guard var out = subscription.streams[group.id] else { return true }
    while out.nextIndex < group.objects.count,
      transport.pendingBytes(on: out.stream) < limits.pendingBytesPerStream
    {
      let object = group.objects[out.nextIndex]
      guard object.location <= subscription.end else {
        // The subscriber's range ends inside the group, so the group's end must not be claimed.
        transport.reset(out.stream, code: StreamResetMeaning.cancelled.code(in: draft))
        subscription.streams[group.id] = nil
        subscription.closedGroups.insert(group.id)
        return true
      }
      transport.send(out.encoder.prefix(of: object), on: out.stream, isFinal: false)
      if !object.payload.isEmpty {
        transport.send(object.payload, on: out.stream, isFinal: false)
      }
      out.nextIndex += 1
    }
    if out.nextIndex < group.objects.count { fullStreams.append(out.stream) }
    subscription.streams[group.id] = out
    if group.isComplete, out.nextIndex == group.objects.count {
      transport.send([], on: out.stream, isFinal: true)
      subscription.streams[group.id] = nil
      subscription.closedGroups.insert(group.id)
      draining.append(
        DrainingGroup(
          requestID: subscription.requestID,
          stream: out.stream,
          track: subscription.track.name,
          group: group.id,
          until: now + subscription.lateness
        )
      )
    }
    return true
  }

  /// Resets streams that are queued to their end but do not get through.
  func giveUpLateStreams() {
    draining.removeAll { transport.pendingBytes(on: $0.stream) == 0 }
    for entry in draining where entry.until <= now {
      transport.reset(entry.stream, code: StreamResetMeaning.deliveryTimeout.code(in: draft))
      events.append(.groupDropped(entry.track, group: entry.group))
    }
    draining.removeAll { $0.until <= now }
  }

  func finish(_ requestID: UInt64, _ status: PublishDoneStatus, _ reason: String) {
    guard let subscription = subscriptions.removeValue(forKey: requestID) else { return }
    for out in subscription.streams.values {
      transport.reset(out.stream, code: StreamResetMeaning.cancelled.code(in: draft))
    }
    core.send(
      .publishDone(
        PublishDone(
          requestID: core.replyID(requestID),
          status: status.code(in: draft),
          streamCount: subscription.streamCount,
          reason: reason
        )
      ),
      for: requestID,
      isFinal: true
    )
    core.forget(requestID: requestID)
    events.append(.unsubscribed(subscription.track.name))
  }

  func drop(_ requestID: UInt64) {
    guard let subscription = subscriptions.removeValue(forKey: requestID) else { return }
    for out in subscription.streams.values {
      transport.reset(out.stream, code: StreamResetMeaning.cancelled.code(in: draft))
    }
    events.append(.unsubscribed(subscription.track.name))
  }

  func takeAlias() -> UInt64 {
    defer { nextAlias += 1 }
    return nextAlias
  }

  func ownProperties(of track: BroadcastTrack) -> Properties {
    draft.profile.trackProperties ? track.trackProperties : Properties()
  }
}
