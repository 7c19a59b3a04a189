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
      if aliases[alias] != nil {
        try begin(stream, header, [input.takeUnread()])
      } else if tombstones.contains(alias) {
        core.refuse(stream)
      } else {
        park(key, stream, header, input.takeUnread())
      }
    case .request(let requestID):
      if fetchOfRequest[requestID] != nil {
        try begin(stream, header, [input.takeUnread()])
      } else if subscriptions[requestID]?.awaitsFill == true {
        park(key, stream, header, input.takeUnread())
      } else {
        core.refuse(stream)
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
    try begin(stream, header, entry.pieces)
    if entry.isFinished { try streamFinished(stream) }
  }

  func drop(_ entry: ParkingLot.Parked) {
    guard let stream = entry.stream else { return }
    core.transport.consumed(entry.uncredited, on: stream)
    if !entry.isFinished { core.refuse(stream) }
  }

  /// Starts reading a stream for those whose it is; without any it is refused.
  func begin(
    _ stream: UInt64,
    _ header: StreamHeader,
    _ pieces: [Bytes]
  ) throws(CodingError) {
    let data: DataStream?
    switch header {
    case .subgroup(let header): data = beginSubgroup(stream, header)
    case .fetch(let requestID): data = beginFetch(stream, requestID)
    case .control, .padding: data = nil
    }
    guard let data else {
      core.refuse(stream)
      return
    }
    streams[stream] = data
    for bytes in pieces { try feed(stream, bytes) }
  }

  private func beginSubgroup(_ stream: UInt64, _ header: SubgroupHeader) -> DataStream? {
    guard let owners = aliases[header.trackAlias], let first = owners.first else { return nil }
    for owner in owners {
      subscriptions[owner]?.streamsSeen += 1
      subscriptions[owner]?.openStreams.insert(stream)
    }
    return DataStream(
      owner: .subscriptions(owners),
      content: .subgroup(
        SubgroupDecoder(
          header: header,
          draft: draft,
          defaultPriority: subscriptions[first]?.defaultPriority ?? 128,
          limits: limits.object
        )
      )
    )
  }

  private func beginFetch(_ stream: UInt64, _ requestID: UInt64) -> DataStream? {
    guard let id = fetchOfRequest[requestID], let attempt = fetches[id]?.attempt,
      attempt.stream == nil
    else { return nil }
    // A fill is among the streams that PUBLISH_DONE counts, a FETCH is not.
    if case .fill(let subscription) = attempt.form {
      subscriptions[subscription]?.streamsSeen += 1
    }
    hasFetched = hasFetched || attempt.form == .standalone
    fetches[id]?.attempt?.stream = stream
    fetches[id]?.attempt?.deadline = now + limits.fetchSilence
    return DataStream(
      owner: .fetch(id),
      content: .fetch(FetchDecoder(draft: draft, limits: limits.object))
    )
  }

  /// Takes bytes of a data stream; none when a room has been filled.
  func streamBytes(_ stream: UInt64, _ bytes: Bytes) throws(CodingError) {
    // A peer may send frames without any, of which a parked stream must not hold one after the other.
    guard !bytes.isEmpty || streams[stream] != nil else { return }
    if streams[stream] != nil {
      core.transport.consumed(bytes.count, on: stream)
      try feed(stream, bytes)
      offerRoom(of: stream)
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
    guard let data = streams[stream] else { return }
    if case .fetch(let id) = data.owner, !bytes.isEmpty {
      fetches[id]?.attempt?.deadline = now + limits.fetchSilence
    }
    let before = data.partial
    var problem: DataStreamError?
    do throws(DataStreamError) {
      try data.receive(bytes) { item in
        switch data.owner {
        case .subscriptions(let owners):
          guard case .object(let object) = item else { return }
          for owner in owners { deliver(object, to: owner) }
        case .fetch(let id): take(item, of: id)
        }
      }
    } catch { problem = error }
    // Whoever has taken what came may have given up the stream, and what it held with it.
    if streams[stream] === data {
      partial -= before
      partial += data.partial
    }
    if problem == nil, partial.held > limits.partialObjectBytes {
      problem = .tooLarge("\(partial.held) bytes of incomplete objects")
    }
    switch problem {
    case nil: break
    case .violation(let code, let reason)?: throw .violation(code, reason)
    case .tooLarge(let reason)?:
      core.refuse(stream, .excessiveLoad)
      endStream(stream, .refused(reason: reason))
    }
  }

  /// Lets the transport write the rest of an object where it is to be, as long as not too much is promised so.
  private func offerRoom(of stream: UInt64) {
    guard let data = streams[stream], let room = data.unfilledRoom,
      partial.promised + room.missing <= limits.partialObjectBytes,
      core.transport.fill(room, on: stream)
    else { return }
    partial.promised += room.missing
    data.promise(room)
  }

  /// Reports an object, and what it says of others, unless it is known.
  func deliver(_ object: Object, to requestID: UInt64) {
    guard let subscription = subscriptions[requestID], subscription.note(object) else { return }
    for range in object.absences { events.append(.absent(subscription.id, range)) }
    events.append(.object(subscription.id, object))
  }

  func streamFinished(_ stream: UInt64) throws(CodingError) {
    if parked.finish(stream: stream) { return }
    guard let data = streams[stream] else { return }
    guard data.isBetweenObjects else {
      throw .protocolViolation("data stream finished inside an object")
    }
    if case .subscriptions(let owners) = data.owner, let range = data.absentAfterEnd {
      for owner in owners {
        if let id = subscriptions[owner]?.id { events.append(.absent(id, range)) }
      }
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
    partial -= data.partial
    switch data.owner {
    case .fetch(let id): fetchStreamEnded(id, end)
    case .subscriptions(let owners):
      guard let header = data.header else { return }
      for owner in owners {
        guard let id = subscriptions[owner]?.id else { continue }
        subscriptions[owner]?.openStreams.remove(stream)
        events.append(
          .groupStreamEnded(id, group: header.group, subgroup: data.subgroupID, end)
        )
        endIfDrained(owner)
      }
    }
  }

  func receiveDatagram(_ bytes: Bytes) throws(CodingError) {
    let datagram: ObjectDatagram?
    do throws(CodingError) { datagram = try ObjectDatagram.decode(bytes, draft: draft) } catch {
      throw error.inWhole("datagram")
    }
    guard var datagram else { return }
    guard datagram.object.payload.count <= limits.objectBytes else { return }
    guard let owners = aliases[datagram.trackAlias] else {
      if !tombstones.contains(datagram.trackAlias) {
        park(.alias(datagram.trackAlias), nil, nil, bytes)
      }
      return
    }
    if datagram.inheritsPriority, let first = owners.first {
      datagram.object.priority = subscriptions[first]?.defaultPriority ?? 128
    }
    let object = datagram.object
    for owner in owners {
      guard let id = subscriptions[owner]?.id else { continue }
      deliver(object, to: owner)
      guard datagram.endsGroup else { continue }
      if let next = object.location.successor, next.group == object.group {
        events.append(.absent(id, next...Location(group: object.group, object: .max)))
      }
      events.append(
        .groupStreamEnded(id, group: object.group, subgroup: nil, .finished(endOfGroup: true))
      )
    }
  }

  // MARK: Endings

  func endIfDrained(_ requestID: UInt64) {
    guard subscriptions[requestID]?.isDrained == true,
      !fetches.values.contains(where: { $0.subscription == requestID })
    else { return }
    end(requestID)
  }

  /// Reports the end that PUBLISH_DONE announced.
  func end(_ requestID: UInt64) {
    guard let subscription = subscriptions[requestID], let end = subscription.end else { return }
    core.finish(requestID: requestID)
    core.forget(requestID: requestID)
    cancelFetches(of: requestID, isReported: true)
    forget(requestID)
    events.append(.subscriptionEnded(subscription.id, end))
  }

  /// Removes every trace of a subscription but the tombstone of its alias.
  func forget(_ requestID: UInt64) {
    cancelFetches(of: requestID, isReported: false)
    guard let subscription = subscriptions.removeValue(forKey: requestID) else { return }
    for stream in subscription.openStreams {
      guard let data = streams[stream], case .subscriptions(let owners) = data.owner else {
        continue
      }
      let others = owners.filter { $0 != requestID }
      data.owner = .subscriptions(others)
      guard others.isEmpty else { continue }
      streams[stream] = nil
      partial -= data.partial
      core.refuse(stream)
    }
    for entry in parked.take({ $0.key == .request(requestID) }) { drop(entry) }
    guard let alias = subscription.alias else { return }
    aliases[alias]?.removeAll { $0 == requestID }
    if aliases[alias]?.isEmpty == true { bury(alias: alias) }
  }

  /// Remembers that an alias is not wanted, and drops what waits for it.
  func bury(alias: UInt64) {
    aliases[alias] = nil
    tombstones.append(alias)
    if tombstones.count > limits.tombstones { tombstones.removeFirst() }
    for entry in parked.take({ $0.key == .alias(alias) }) { drop(entry) }
  }
}

/// Milliseconds of a peer as a length of time, at most a day.
func clampedMilliseconds(_ value: UInt64) -> Int64 { Int64(min(value, 86_400_000)) }
