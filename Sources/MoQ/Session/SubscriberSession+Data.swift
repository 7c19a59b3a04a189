import Wire

/// Objects from streams and datagrams, and the endings of subscriptions.
extension SubscriberSession {
  func streamOpened(
    _ stream: UInt64,
    _ header: StreamHeader,
    _ input: StreamInput
  ) throws(CodingError) {
    guard let key = ParkingLot.Key(header) else { return }
    var input = input
    switch key {
    case .alias(let alias):
      if let requestID = aliases[alias] {
        try begin(stream, header, requestID, [input.takeUnread()])
      } else if tombstones.contains(alias) {
        core.refuse(stream)
      } else {
        park(key, stream, header, input.takeUnread())
      }
    case .request(let requestID):
      guard let owner = joins[requestID], let subscription = subscriptions[owner] else {
        core.refuse(stream)
        return
      }
      if case .live = subscription.phase {
        try begin(stream, header, owner, [input.takeUnread()])
      } else {
        park(key, stream, header, input.takeUnread())
      }
    }
  }

  func park(
    _ key: ParkingLot.Key,
    _ stream: UInt64?,
    _ header: StreamHeader?,
    _ bytes: Bytes
  ) {
    guard parked.entries.count < limits.parkedStreams,
      parked.byteCount + bytes.count <= limits.parkedBytes
    else {
      if let stream { core.refuse(stream) }
      return
    }
    parked.append(
      ParkingLot.Parked(
        key: key,
        stream: stream,
        header: header,
        pieces: [bytes],
        deadline: now + limits.parkedInterval,
        byteCount: bytes.count
      )
    )
  }

  func resume(_ entry: ParkingLot.Parked) throws(CodingError) {
    guard let stream = entry.stream, let header = entry.header else {
      for bytes in entry.pieces { try receiveDatagram(bytes) }
      return
    }
    core.transport.consumed(entry.uncredited, on: stream)
    let owner: UInt64?
    switch entry.key {
    case .alias(let alias): owner = aliases[alias]
    case .request(let requestID): owner = joins[requestID]
    }
    guard let owner, subscriptions[owner] != nil else {
      core.refuse(stream)
      return
    }
    try begin(stream, header, owner, entry.pieces)
    if entry.isFinished { try streamFinished(stream) }
  }

  func drop(_ entry: ParkingLot.Parked) {
    guard let stream = entry.stream else { return }
    core.transport.consumed(entry.uncredited, on: stream)
    if !entry.isFinished { core.refuse(stream) }
  }

  func begin(
    _ stream: UInt64,
    _ header: StreamHeader,
    _ requestID: UInt64,
    _ pieces: [Bytes]
  ) throws(CodingError) {
    guard let subscription = subscriptions[requestID] else { return }
    let content: DataStream.Content
    switch header {
    case .subgroup(let header):
      subscriptions[requestID]?.streamsSeen += 1
      content = .subgroup(
        SubgroupDecoder(
          header: header,
          draft: draft,
          defaultPriority: subscription.defaultPriority,
          limits: limits.object
        )
      )
    case .fetch:
      guard subscription.join?.stream == nil, subscription.join != nil else {
        core.refuse(stream)
        return
      }
      // A fill is among the streams that PUBLISH_DONE counts, a FETCH is not.
      if draft >= .draft20 { subscriptions[requestID]?.streamsSeen += 1 }
      subscriptions[requestID]?.join?.stream = stream
      content = .fetch(FetchDecoder(draft: draft, limits: limits.object))
    case .control, .padding: return
    }
    subscriptions[requestID]?.openStreams.insert(stream)
    streams[stream] = DataStream(subscription: requestID, content: content)
    for bytes in pieces { try feed(stream, bytes) }
  }

  func streamBytes(_ stream: UInt64, _ bytes: Bytes) throws(CodingError) {
    if streams[stream] != nil {
      core.transport.consumed(bytes.count, on: stream)
      try feed(stream, bytes)
    } else if parked.contains(stream: stream) {
      // No credit back: what waits may not take the window that its SUBSCRIBE_OK needs.
      guard parked.byteCount + bytes.count <= limits.parkedBytes else {
        for entry in parked.take({ $0.stream == stream }) { drop(entry) }
        core.transport.consumed(bytes.count, on: stream)
        return
      }
      _ = parked.append(bytes, to: stream)
    } else {
      core.transport.consumed(bytes.count, on: stream)
    }
  }

  func feed(_ stream: UInt64, _ bytes: Bytes) throws(CodingError) {
    guard !bytes.isEmpty, let data = streams[stream],
      var subscription = subscriptions.removeValue(forKey: data.subscription)
    else { return }
    let before = data.bufferedBytes
    var problem: DataStreamError?
    do throws(DataStreamError) {
      try data.receive(bytes) { item in
        guard case .object(let object) = item else { return }
        if data.header == nil { subscription.join?.objects += 1 }
        guard subscription.delivered.insert(object.location) else { return }
        events.append(.object(subscription.id, object))
      }
    } catch { problem = error }
    subscriptions[data.subscription] = subscription
    partialBytes += data.bufferedBytes - before
    if problem == nil, partialBytes > limits.partialObjectBytes {
      problem = .tooLarge("\(partialBytes) bytes of incomplete objects")
    }
    switch problem {
    case nil: break
    case .violation(let code, let reason)?: throw .violation(code, reason)
    case .tooLarge(let reason)?:
      core.refuse(stream, .excessiveLoad)
      endStream(stream, .refused(reason: reason))
    }
  }

  func streamFinished(_ stream: UInt64) throws(CodingError) {
    if parked.finish(stream: stream) { return }
    guard let data = streams[stream] else { return }
    guard data.isBetweenObjects else {
      throw .protocolViolation("data stream finished inside an object")
    }
    endStream(stream, .finished(endOfGroup: data.header?.endsGroup ?? false))
  }

  func streamReset(_ stream: UInt64, code: UInt64) {
    for entry in parked.take({ $0.stream == stream }) {
      core.transport.consumed(entry.uncredited, on: stream)
    }
    endStream(stream, .reset(code: code))
  }

  /// Forgets a data stream and reports how it ended.
  func endStream(_ stream: UInt64, _ end: GroupStreamEnd) {
    guard let data = streams.removeValue(forKey: stream) else { return }
    partialBytes -= data.bufferedBytes
    let requestID = data.subscription
    guard let subscription = subscriptions[requestID] else { return }
    subscriptions[requestID]?.openStreams.remove(stream)
    if let header = data.header {
      events.append(
        .groupStreamEnded(
          subscription.id,
          group: header.group,
          subgroup: data.subgroupID,
          end
        )
      )
    } else if let join = subscription.join {
      switch end {
      case .finished:
        let isEmpty = join.objects == 0
        endJoin(of: requestID, isEmpty ? .empty : .finished(objects: join.objects))
      case .reset(let code): endJoin(of: requestID, .reset(code: code))
      case .refused(let reason):
        endJoin(of: requestID, .failed(RequestFailure(meaning: .internalError, reason: reason)))
      }
    }
    endIfDrained(requestID)
  }

  func receiveDatagram(_ bytes: Bytes) throws(CodingError) {
    let datagram: ObjectDatagram?
    do throws(CodingError) { datagram = try ObjectDatagram.decode(bytes, draft: draft) } catch {
      throw error.inWhole("datagram")
    }
    guard var datagram else { return }
    guard datagram.object.payload.count <= limits.objectBytes else { return }
    guard let requestID = aliases[datagram.trackAlias] else {
      if !tombstones.contains(datagram.trackAlias) {
        park(.alias(datagram.trackAlias), nil, nil, bytes)
      }
      return
    }
    guard let subscription = subscriptions[requestID] else { return }
    if datagram.inheritsPriority { datagram.object.priority = subscription.defaultPriority }
    if subscriptions[requestID]?.delivered.insert(datagram.object.location) == true {
      events.append(.object(subscription.id, datagram.object))
    }
    if datagram.endsGroup {
      events.append(
        .groupStreamEnded(
          subscription.id,
          group: datagram.object.group,
          subgroup: nil,
          .finished(endOfGroup: true)
        )
      )
    }
  }

  // MARK: Endings

  func endJoin(of requestID: UInt64, _ outcome: FetchOutcome) {
    guard let subscription = subscriptions[requestID], let join = subscription.join else {
      return
    }
    subscriptions[requestID]?.join = nil
    joins[join.requestID] = nil
    events.append(.fetchEnded(subscription.id, outcome))
    endIfDrained(requestID)
  }

  func cancelJoin(of requestID: UInt64) {
    guard let join = subscriptions[requestID]?.join else { return }
    joins[join.requestID] = nil
    guard join.requestID != requestID, !core.withdraw(requestID: join.requestID) else { return }
    if draft.profile.topology == .streamPerRequest {
      core.cancel(requestID: join.requestID)
    } else {
      core.send(.fetchCancel(requestID: join.requestID), for: join.requestID)
    }
  }

  func endIfDrained(_ requestID: UInt64) {
    if subscriptions[requestID]?.isDrained == true { end(requestID) }
  }

  /// Reports the end that PUBLISH_DONE announced.
  func end(_ requestID: UInt64) {
    guard let subscription = subscriptions[requestID], let end = subscription.end else { return }
    core.finish(requestID: requestID)
    core.forget(requestID: requestID)
    cancelJoin(of: requestID)
    forget(requestID)
    events.append(.subscriptionEnded(subscription.id, end))
  }

  /// Removes every trace of a subscription but the tombstone of its alias.
  func forget(_ requestID: UInt64) {
    guard let subscription = subscriptions.removeValue(forKey: requestID) else { return }
    joins[requestID] = nil
    if let join = subscription.join { joins[join.requestID] = nil }
    for stream in subscription.openStreams {
      if let data = streams.removeValue(forKey: stream) { partialBytes -= data.bufferedBytes }
      core.refuse(stream)
    }
    for entry in parked.take({ $0.key == .request(requestID) }) { drop(entry) }
    if let alias = subscription.alias, aliases[alias] == requestID { bury(alias: alias) }
  }

  /// Remembers that an alias is not wanted, and drops what waits for it.
  func bury(alias: UInt64) {
    aliases[alias] = nil
    tombstones.append(alias)
    if tombstones.count > limits.tombstones { tombstones.removeFirst() }
    for entry in parked.take({ $0.key == .alias(alias) }) { drop(entry) }
  }
}

extension Subscription.Join {
  /// Nothing more is waited for once the stream has begun.
  var joinDeadline: Instant? { stream == nil ? deadline : nil }
}

/// Milliseconds of a peer as a length of time, at most a day.
func clampedMilliseconds(_ value: UInt64) -> Int64 { Int64(min(value, 86_400_000)) }
