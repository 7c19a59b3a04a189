import Wire

/// Requests of ours, and answers to those of the peer.
extension SessionCore {
  /// Sends a request as soon as the peer lets us, and says its id.
  func request(_ message: (UInt64) -> ControlMessage) -> UInt64 {
    let requestID = takeRequestID()
    queue.append((requestID, message(requestID)))
    sendQueuedRequests(isNew: true)
    return requestID
  }

  /// Uses up the id of a request that goes on the stream of another one.
  func takeRequestID() -> UInt64 {
    defer { nextRequestID += 2 }
    return nextRequestID
  }

  /// Whether a request id was given out here.
  func isOurs(requestID: UInt64) -> Bool {
    requestID < nextRequestID && requestID % 2 == nextRequestID % 2
  }

  /// Whether a request of ours waits for the peer's permission.
  func isQueued(requestID: UInt64) -> Bool { queue.contains { $0.requestID == requestID } }

  /// Takes back a request that was not sent; false when it was, or when its id must be used.
  func withdraw(requestID: UInt64) -> Bool {
    guard hasRequestStreams, let index = queue.firstIndex(where: { $0.requestID == requestID })
    else { return false }
    queue.remove(at: index)
    if queue.isEmpty { isOutOfStreams = false }
    return true
  }

  /// Sends what the peer permits; that something waits is told once, and of each new request.
  func sendQueuedRequests(isNew: Bool = false) {
    var sent = 0
    defer { queue.removeFirst(sent) }
    while sent < queue.count {
      let (requestID, message) = queue[sent]
      if !hasRequestStreams {
        guard isReady else { return }
        guard requestID < peerMaximumRequestID else {
          reportBlocked(waiting: queue.count - sent, isNew: isNew)
          return
        }
      } else if controlStream == nil {
        return
      }
      if usesOwnStream(message) {
        guard let stream = transport.openStream(bidirectional: true) else {
          if isNew || !isOutOfStreams { events.append(.blocked(waiting: queue.count - sent)) }
          isOutOfStreams = true
          return
        }
        isOutOfStreams = false
        requestStreams[stream] = RequestStream(
          requestID: requestID,
          isPublish: message.isPublish,
          decoder: newDecoder()
        )
        streamOfRequest[requestID] = stream
        transport.send(message.encode(for: draft), on: stream, isFinal: false)
      } else {
        sendOnControlStream(message)
      }
      sent += 1
    }
  }

  func reportBlocked(waiting: Int, isNew: Bool) {
    let isKnown = reportedBlockedAt == peerMaximumRequestID
    if !isKnown {
      reportedBlockedAt = peerMaximumRequestID
      sendOnControlStream(.requestsBlocked(maximum: peerMaximumRequestID))
    }
    if isNew || !isKnown { events.append(.blocked(waiting: waiting)) }
  }

  func usesOwnStream(_ message: ControlMessage) -> Bool {
    switch profile.topology {
    case .singleStream: return false
    case .singleStreamAndNamespaces:
      if case .subscribeNamespace = message { return true }
      return false
    case .streamPerRequest: return true
    }
  }

  func newDecoder() -> ControlDecoder {
    ControlDecoder(draft: draft, maximumBodyBytes: limits.controlMessageBytes)
  }

  /// The id to put into a reply: replies name their request only on a shared stream.
  func replyID(_ requestID: UInt64) -> UInt64? {
    profile.repliesCarryRequestID ? requestID : nil
  }

  /// Sends a message that belongs to a request of either side.
  func send(_ message: ControlMessage, for requestID: UInt64, isFinal: Bool = false) {
    guard error == nil else { return }
    if isQueued(requestID: requestID) {
      // Whatever follows a request must not overtake it.
      queue.append((requestID, message))
    } else if let stream = streamOfRequest[requestID] {
      guard requestStreams[stream]?.isEnded == false else { return }
      transport.send(message.encode(for: draft), on: stream, isFinal: isFinal)
      if isFinal { endOurHalf(of: stream) }
    } else if !hasRequestStreams {
      sendOnControlStream(message)
    }
  }

  /// Ends our half of a request's own stream in order.
  func finish(requestID: UInt64) {
    guard error == nil, let stream = streamOfRequest[requestID],
      requestStreams[stream]?.isEnded == false
    else { return }
    transport.send([], on: stream, isFinal: true)
    endOurHalf(of: stream)
  }

  func endOurHalf(of stream: UInt64) {
    requestStreams[stream]?.isEnded = true
    removeIfOver(stream)
  }

  /// Forgets a request's stream when both halves are over.
  func removeIfOver(_ stream: UInt64) {
    guard let request = requestStreams[stream], request.isFinished, request.isEnded else {
      return
    }
    requestStreams[stream] = nil
    if let requestID = request.requestID { streamOfRequest[requestID] = nil }
  }

  /// Gives up a request's own stream in both directions; false when it has none.
  @discardableResult
  func cancel(requestID: UInt64) -> Bool {
    guard error == nil, let stream = streamOfRequest.removeValue(forKey: requestID) else {
      return false
    }
    let request = requestStreams.removeValue(forKey: stream)
    let code = StreamResetMeaning.cancelled.code(in: draft)
    if request?.isFinished != true {
      incoming[stream] = .discarded
      transport.stopSending(stream, code: code)
    }
    transport.reset(stream, code: code)
    return true
  }

  /// Answers a request with REQUEST_OK.
  func accept(_ requestID: UInt64, _ kind: RequestKind) {
    send(
      .requestOK(
        RequestOK(kind: draft == .draft14 ? kind : .other, requestID: replyID(requestID))
      ),
      for: requestID
    )
  }

  /// Answers a request with an error and forgets it.
  func refuse(
    _ requestID: UInt64,
    _ kind: RequestKind,
    _ meaning: RequestErrorMeaning,
    _ reason: String
  ) {
    let kind = draft == .draft14 ? kind : .other
    send(
      .requestError(
        RequestError(
          kind: kind,
          requestID: replyID(requestID),
          code: meaning.code(in: draft, kind: kind),
          reason: reason
        )
      ),
      for: requestID,
      isFinal: true
    )
    forget(requestID: requestID)
  }

  /// Forgets a request whose stream ended on both sides.
  func forget(requestID: UInt64) {
    guard let stream = streamOfRequest.removeValue(forKey: requestID) else { return }
    if requestStreams.removeValue(forKey: stream)?.isFinished != true {
      incoming[stream] = .discarded
    }
  }

  /// Asks the peer to leave, once; past the timeout the session ends, 0 waits for ever.
  ///
  /// Only a server may say where to go.
  func sendGoAway(uri: String, timeoutMilliseconds: UInt64, now: Instant) {
    guard error == nil, !sentGoAway else { return }
    sentGoAway = true
    if timeoutMilliseconds > 0 {
      goAwayDeadline = now + .milliseconds(clampedMilliseconds(timeoutMilliseconds))
    }
    let timeout = profile.goAway == .uri ? nil : timeoutMilliseconds
    let requestID = profile.goAway == .uriTimeoutRequest ? nextPeerRequestID : nil
    sendOnControlStream(
      .goAway(
        GoAway(
          uri: role == .server ? uri : "",
          timeoutMilliseconds: timeout,
          requestID: requestID
        )
      )
    )
  }
}
