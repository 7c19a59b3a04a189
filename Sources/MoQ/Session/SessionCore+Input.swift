import Wire

/// What the transport reports, sorted by stream and by request.
extension SessionCore {
  func handle(_ event: TransportEvent, now: Instant) {
    guard error == nil else { return }
    do throws(CodingError) {
      switch event {
      case .streamData(let stream, let bytes, let isFinal):
        if isUnidirectional(stream) {
          try receiveUnidirectional(stream, bytes, isFinal: isFinal)
        } else {
          try receiveBidirectional(stream, bytes, isFinal: isFinal)
        }
      case .streamReset(let stream, let code): try receiveReset(stream, code: code)
      case .stopSending(let stream, let code): try receiveStopSending(stream, code: code)
      case .datagram(let bytes): events.append(.datagram(bytes))
      case .streamCredit:
        openControlStream()
        sendQueuedRequests()
        events.append(.credit)
      case .streamClosed(let stream):
        // One that was stopped has no other end.
        if case .discarded? = incoming[stream] { incoming[stream] = nil }
      }
    } catch { close(error) }
  }

  func isUnidirectional(_ stream: UInt64) -> Bool { stream & 2 != 0 }
  func isPeers(_ stream: UInt64) -> Bool { (stream & 1 == 0) == (role == .server) }

  func receiveUnidirectional(
    _ stream: UInt64,
    _ bytes: Bytes,
    isFinal: Bool
  ) throws(CodingError) {
    switch incoming[stream] {
    case .data?:
      // With neither bytes nor an end it says that a room has been filled.
      if !bytes.isEmpty || !isFinal { events.append(.streamBytes(stream, bytes)) }
    case .control?:
      transport.consumed(bytes.count, on: stream)
      guard !isFinal else { throw .protocolViolation("control stream finished") }
      try receiveControl(bytes)
      return
    case .discarded?: transport.consumed(bytes.count, on: stream)
    case .unclassified(var input)?:
      transport.consumed(bytes.count, on: stream)
      input.append(bytes)
      try classify(stream, input, isFinal: isFinal)
    case nil:
      transport.consumed(bytes.count, on: stream)
      guard isPeers(stream) else { return }
      var input = StreamInput()
      input.append(bytes)
      try classify(stream, input, isFinal: isFinal)
    }
    guard isFinal else { return }
    if case .data? = incoming[stream] {
      dataStreamCount -= 1
      events.append(.streamFinished(stream))
    }
    incoming[stream] = nil
  }

  /// Reads the beginning of a unidirectional stream when enough of it is here.
  func classify(
    _ stream: UInt64,
    _ input: StreamInput,
    isFinal: Bool
  ) throws(CodingError) {
    var input = input
    let header = try input.parse(draft: draft) { (reader) throws(CodingError) in
      try StreamHeader.decode(&reader)
    }
    switch header {
    case nil:
      guard !isFinal || input.isEmpty else {
        throw .protocolViolation("stream finished inside its header")
      }
      incoming[stream] = .unclassified(input)
    case .control?:
      guard peerControlStream == nil else {
        throw .protocolViolation("second control stream")
      }
      guard !isFinal else { throw .protocolViolation("control stream finished") }
      peerControlStream = stream
      incoming[stream] = .control
      try receiveControl(input.takeUnread())
    case .padding?: incoming[stream] = .discarded
    case .subgroup?, .fetch?:
      guard dataStreamCount < limits.dataStreams else {
        incoming[stream] = .discarded
        refuse(stream, .excessiveLoad)
        return
      }
      dataStreamCount += 1
      incoming[stream] = .data
      if let header { events.append(.streamOpened(stream, header, input)) }
    }
  }

  /// Stops a data stream; what still comes of it is dropped.
  func refuse(_ stream: UInt64, _ meaning: StreamResetMeaning = .cancelled) {
    if case .data? = incoming[stream] {
      dataStreamCount -= 1
      incoming[stream] = .discarded
    }
    transport.stopSending(stream, code: meaning.code(in: draft))
  }

  func receiveBidirectional(
    _ stream: UInt64,
    _ bytes: Bytes,
    isFinal: Bool
  ) throws(CodingError) {
    transport.consumed(bytes.count, on: stream)
    if case .discarded? = incoming[stream] {
      if isFinal { incoming[stream] = nil }
      return
    }
    if !hasRequestStreams {
      if peerControlStream == nil, isPeers(stream) {
        peerControlStream = stream
        controlStream = stream
      }
      if stream == peerControlStream {
        guard !isFinal else { throw .protocolViolation("control stream finished") }
        return try receiveControl(bytes)
      }
    }
    if requestStreams[stream] == nil {
      guard isPeers(stream) else { return }
      guard profile.topology != .singleStream else {
        throw .protocolViolation("second bidirectional stream")
      }
      guard requestStreams.count < limits.incomingRequests else {
        incoming[stream] = .discarded
        let code = StreamResetMeaning.excessiveLoad.code(in: draft)
        transport.stopSending(stream, code: code)
        transport.reset(stream, code: code)
        return
      }
      requestStreams[stream] = RequestStream(requestID: nil, decoder: newDecoder())
    }
    requestStreams[stream]?.decoder.receive(bytes)
    while let message = try requestStreams[stream]?.decoder.next() {
      try receiveRequestMessage(message, on: stream)
    }
    guard isFinal, let request = requestStreams[stream] else { return }
    guard request.decoder.isBetweenMessages else {
      // From draft 20 on that fails the request alone.
      guard draft >= .draft20 else {
        throw .protocolViolation("request stream finished inside a message")
      }
      return try receiveReset(stream, code: StreamResetMeaning.internalError.code(in: draft))
    }
    if let requestID = request.requestID {
      requestStreams[stream]?.isFinished = true
      events.append(.requestFinished(requestID))
      removeIfOver(stream)
    } else {
      requestStreams[stream] = nil
    }
  }

  func receiveReset(_ stream: UInt64, code: UInt64) throws(CodingError) {
    if stream == peerControlStream { throw .protocolViolation("control stream reset") }
    if let request = requestStreams.removeValue(forKey: stream) {
      if let requestID = request.requestID {
        streamOfRequest[requestID] = nil
        transport.reset(stream, code: StreamResetMeaning.cancelled.code(in: draft))
        events.append(.requestReset(requestID, code: code))
      }
      return
    }
    if case .data? = incoming.removeValue(forKey: stream) {
      dataStreamCount -= 1
      events.append(.streamReset(stream, code: code))
    }
  }

  func receiveStopSending(_ stream: UInt64, code: UInt64) throws(CodingError) {
    if stream == controlStream { throw .protocolViolation("control stream refused") }
    if !isPeers(stream), let request = requestStreams[stream] {
      // Some stacks say so whenever they drop a stream's reading half, so it cancels nothing.
      transport.reset(stream, code: StreamResetMeaning.cancelled.code(in: draft))
      endOurHalf(of: stream)
      if let requestID = request.requestID { events.append(.requestStopped(requestID)) }
    } else if let request = requestStreams[stream] {
      // This is how a peer cancels its request.
      transport.reset(stream, code: StreamResetMeaning.cancelled.code(in: draft))
      requestStreams[stream] = nil
      if !request.isFinished { incoming[stream] = .discarded }
      if let requestID = request.requestID {
        streamOfRequest[requestID] = nil
        transport.stopSending(stream, code: StreamResetMeaning.cancelled.code(in: draft))
        events.append(.requestReset(requestID, code: code))
      }
    } else if isUnidirectional(stream), !isPeers(stream) {
      events.append(.stopSending(stream, code: code))
    }
  }

  func receiveControl(_ bytes: Bytes) throws(CodingError) {
    controlDecoder.receive(bytes)
    while error == nil, let message = try controlDecoder.next() {
      try receiveControlMessage(message)
    }
  }

  func receiveControlMessage(_ message: ControlMessage) throws(CodingError) {
    if case .setup(let setup) = message { return try receiveSetup(setup) }
    guard receivedSetup else { throw .protocolViolation("message before SETUP") }
    switch message {
    case .goAway(let goAway):
      guard !receivedGoAway else { throw .protocolViolation("second GOAWAY") }
      receivedGoAway = true
      guard role == .client || goAway.uri.isEmpty else {
        throw .protocolViolation("GOAWAY with a URI from a client")
      }
      if let requestID = goAway.requestID, requestID % 2 != nextRequestID % 2 {
        throw .violation(.invalidRequestID, "GOAWAY names request \(requestID), which is not ours")
      }
      events.append(.goAway(goAway, requestID: nil))
    case _ where hasRequestStreams:
      throw .protocolViolation("request message on the control stream")
    case .maximumRequestID(let maximum):
      guard assumesRequestCredit || maximum > peerMaximumRequestID else {
        throw .protocolViolation("MAX_REQUEST_ID \(maximum) after \(peerMaximumRequestID)")
      }
      peerMaximumRequestID = maximum
      assumesRequestCredit = false
      sendQueuedRequests()
    case .requestsBlocked: break
    default:
      if let requestID = message.openedRequestID { try admit(requestID) }
      events.append(.message(message, requestID: message.mentionedRequestID))
    }
  }

  func receiveSetup(_ setup: Setup) throws(CodingError) {
    guard !receivedSetup else { throw .protocolViolation("second SETUP") }
    if !hasRequestStreams, (setup.sender == .client) != (role == .server) {
      throw .protocolViolation("SETUP of the wrong side")
    }
    if profile.versionsInSetup {
      guard setup.versions.contains(draft.versionCode) else {
        throw .violation(
          .versionNegotiationFailed,
          "versions \(setup.versions.map { String($0, radix: 16) }), not draft \(draft.rawValue)"
        )
      }
    }
    if role == .client {
      guard setup.options.bytes(Setup.Option.path) == nil else {
        throw .violation(.invalidPath, "PATH from a server")
      }
      guard setup.options.bytes(Setup.Option.authority) == nil else {
        throw .violation(.invalidAuthority, "AUTHORITY from a server")
      }
    }
    receivedSetup = true
    setupDeadline = nil
    if let maximum = setup.options.integer(Setup.Option.maximumRequestID) {
      peerMaximumRequestID = maximum
    } else if role == .client {
      // The drafts say 0, but a server that wants no requests makes no sense: those that do not
      // implement the option leave it out and take what comes.
      peerMaximumRequestID = .max
      assumesRequestCredit = true
    }
    if role == .server, !hasRequestStreams { sendOnControlStream(.setup(ourSetup())) }
    isReady = true
    events.append(.ready)
    sendQueuedRequests()
  }

  /// Checks the id of a request that the peer opens.
  ///
  /// MOQT §"Request ID".
  func admit(_ requestID: UInt64) throws(CodingError) {
    guard requestID % 2 == (role == .client ? 1 : 0) else {
      throw .violation(.invalidRequestID, "request id \(requestID) has the wrong parity")
    }
    if hasRequestStreams {
      guard seenPeerRequests.insert(requestID / 2) else {
        throw .violation(.invalidRequestID, "request id \(requestID) twice")
      }
      guard seenPeerRequests.runs.count <= limits.incomingRequests else {
        throw .violation(.invalidRequestID, "request ids with too many gaps")
      }
      nextPeerRequestID = max(nextPeerRequestID, requestID &+ 2)
      return
    }
    guard requestID == nextPeerRequestID else {
      throw .violation(
        .invalidRequestID,
        "request id \(requestID), expected \(nextPeerRequestID)"
      )
    }
    guard requestID < ourMaximumRequestID else {
      throw .violation(
        .tooManyRequests,
        "request id \(requestID), allowed below \(ourMaximumRequestID)"
      )
    }
    nextPeerRequestID += 2
    if ourMaximumRequestID - requestID <= limits.requestCredit / 2 {
      ourMaximumRequestID += limits.requestCredit
      sendOnControlStream(.maximumRequestID(ourMaximumRequestID))
    }
  }

  func receiveRequestMessage(
    _ message: ControlMessage,
    on stream: UInt64
  ) throws(CodingError) {
    if let requestID = requestStreams[stream]?.requestID {
      switch message {
      case .goAway(let goAway):
        guard requestStreams[stream]?.receivedGoAway == false else {
          throw .protocolViolation("second GOAWAY on a request stream")
        }
        requestStreams[stream]?.receivedGoAway = true
        events.append(.goAway(goAway, requestID: requestID))
      case .requestUpdate(let update):
        // Only who asked may change the request; with PUBLISH the other side is the subscriber.
        guard isPeers(stream) != requestStreams[stream]?.isPublish else {
          throw .protocolViolation("REQUEST_UPDATE from the wrong side")
        }
        try admit(update.requestID)
        events.append(.message(message, requestID: requestID))
      default:
        guard message.opensRequestStream == false else {
          throw .protocolViolation("second request on a request stream")
        }
        events.append(.message(message, requestID: requestID))
      }
      return
    }
    guard message.opensRequestStream, let requestID = message.openedRequestID,
      usesOwnStream(message)
    else { throw .protocolViolation("request stream begins with another message") }
    if !hasRequestStreams, !receivedSetup { throw .protocolViolation("request before SETUP") }
    try admit(requestID)
    requestStreams[stream]?.requestID = requestID
    requestStreams[stream]?.isPublish = message.isPublish
    streamOfRequest[requestID] = stream
    events.append(.message(message, requestID: requestID))
  }
}

extension StreamInput {
  /// Takes over whatever is not read.
  mutating func takeUnread() -> Bytes {
    let rest = (try? parse(draft: .draft14) { (reader) throws(CodingError) in reader.rest() })
    return (rest ?? nil) ?? Bytes()
  }
}
