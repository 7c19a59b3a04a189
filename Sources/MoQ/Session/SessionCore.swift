import Wire

/// What both kinds of session share: SETUP, request ids and credit, and which stream carries which
/// message.
///
/// Above it requests are told apart by their id alone, whatever the draft.
final class SessionCore {
  enum Event {
    case ready
    /// A message, with the request it opens or belongs to; nil when it names none.
    case message(ControlMessage, requestID: UInt64?)
    /// The peer ended its half of a request's stream.
    case requestFinished(UInt64)
    /// The peer gave up a request's stream.
    case requestReset(UInt64, code: UInt64)
    /// The peer reads no more of a request that we opened; its answers may go on.
    case requestStopped(UInt64)
    case goAway(GoAway, requestID: UInt64?)
    /// A data stream whose header is read; the input holds what came after it.
    case streamOpened(UInt64, StreamHeader, StreamInput)
    case streamBytes(UInt64, Bytes)
    case streamFinished(UInt64)
    case streamReset(UInt64, code: UInt64)
    /// The peer does not want a data stream of ours.
    case stopSending(UInt64, code: UInt64)
    case datagram(Bytes)
    case credit
    /// So many requests wait until the peer allows more.
    case blocked(waiting: Int)
  }

  /// What a peer's unidirectional stream is.
  enum Incoming {
    case unclassified(StreamInput)
    case data
    case control
    case discarded
  }

  struct RequestStream {
    var requestID: UInt64?
    /// The side that opened it is the publisher.
    var isPublish = false
    var decoder: ControlDecoder
    var receivedGoAway = false
    /// The peer's half is over, so nothing more needs to be dropped.
    var isFinished = false
    /// Our half is over.
    var isEnded = false
  }

  let draft: Draft
  let role: SessionRole
  let limits: SessionLimits
  let transport: any Transport
  let options: SessionOptions
  let profile: WireProfile

  var error: SessionError?
  var isReady = false
  var setupDeadline: Instant?
  var events = EventQueue<Event>()

  var controlStream: UInt64?
  var controlOutbox: [Bytes] = []
  var peerControlStream: UInt64?
  var controlDecoder: ControlDecoder
  var receivedSetup = false
  var receivedGoAway = false
  var sentGoAway = false
  /// When the peer must have left.
  var goAwayDeadline: Instant?

  var nextRequestID: UInt64
  var queue: [(requestID: UInt64, message: ControlMessage)] = []
  var peerMaximumRequestID: UInt64 = 0
  /// The peer has not said how many requests it takes.
  var assumesRequestCredit = false
  var reportedBlockedAt: UInt64?
  var ourMaximumRequestID: UInt64
  var nextPeerRequestID: UInt64
  var seenPeerRequests = IntervalSet()

  var incoming: [UInt64: Incoming] = [:]
  var dataStreamCount = 0
  var requestStreams: [UInt64: RequestStream] = [:]
  var streamOfRequest: [UInt64: UInt64] = [:]

  init(
    draft: Draft,
    role: SessionRole,
    transport: any Transport,
    options: SessionOptions,
    limits: SessionLimits
  ) {
    self.draft = draft
    self.role = role
    self.transport = transport
    self.options = options
    self.limits = limits
    profile = draft.profile
    controlDecoder = ControlDecoder(
      draft: draft,
      maximumBodyBytes: limits.controlMessageBytes
    )
    nextRequestID = role == .client ? 0 : 1
    nextPeerRequestID = role == .client ? 1 : 0
    ourMaximumRequestID = limits.requestCredit
  }

  var hasRequestStreams: Bool { profile.topology == .streamPerRequest }

  // MARK: Starting and ending

  func start(now: Instant) {
    setupDeadline = now + limits.setupInterval
    guard role == .client || hasRequestStreams else { return }
    controlOutbox.append(ControlMessage.setup(ourSetup()).encode(for: draft))
    openControlStream()
  }

  var deadline: Instant? {
    error == nil ? [setupDeadline, goAwayDeadline].compactMap { $0 }.min() : nil
  }

  func handleTimeout(now: Instant) {
    guard error == nil else { return }
    if let setupDeadline, setupDeadline <= now {
      close(.controlMessageTimeout, "no SETUP within \(limits.setupInterval.seconds) s")
    } else if let goAwayDeadline, goAwayDeadline <= now {
      close(.goAwayTimeout, "still here after GOAWAY")
    }
  }

  func close(_ code: SessionErrorCode, _ reason: String) {
    guard error == nil else { return }
    error = SessionError(code: code, reason: reason)
    events = EventQueue()
    incoming = [:]
    requestStreams = [:]
    streamOfRequest = [:]
    queue = []
    transport.close(code: code.rawValue, reason: reason)
  }

  func close(_ error: CodingError) {
    switch error {
    case .truncated: close(.protocolViolation, "message ends early")
    case .violation(let code, let reason): close(code, reason)
    }
  }

  func poll() -> Event? { error == nil ? events.popFirst() : nil }

  func ourSetup() -> Setup {
    var setup = Setup(
      sender: hasRequestStreams ? .either : role == .client ? .client : .server
    )
    if profile.versionsInSetup { setup.versions = [draft.versionCode] }
    if role == .client, let path = options.path {
      setup.options.append(Setup.Option.path, Bytes(utf8: path))
    }
    if !hasRequestStreams {
      setup.options.append(Setup.Option.maximumRequestID, ourMaximumRequestID)
    }
    if let token = options.token {
      var writer = DraftWriter(draft: draft)
      writer.token(token)
      setup.options.append(Setup.Option.authorizationToken, writer.bytes)
    }
    if role == .client, let authority = options.authority {
      setup.options.append(Setup.Option.authority, Bytes(utf8: authority))
    }
    if let implementation = options.implementation {
      setup.options.append(Setup.Option.implementation, Bytes(utf8: implementation))
    }
    return setup
  }

  func openControlStream() {
    guard controlStream == nil, !controlOutbox.isEmpty else { return }
    guard let stream = transport.openStream(bidirectional: !hasRequestStreams) else { return }
    controlStream = stream
    if !hasRequestStreams { peerControlStream = stream }
    for bytes in controlOutbox { transport.send(bytes, on: stream, isFinal: false) }
    controlOutbox = []
  }

  func sendOnControlStream(_ message: ControlMessage) {
    let bytes = message.encode(for: draft)
    if let controlStream {
      transport.send(bytes, on: controlStream, isFinal: false)
    } else {
      controlOutbox.append(bytes)
    }
  }

  // MARK: Our requests

  /// Sends a request as soon as the peer lets us, and says its id.
  func request(_ message: (UInt64) -> ControlMessage) -> UInt64 {
    let requestID = takeRequestID()
    queue.append((requestID, message(requestID)))
    sendQueuedRequests()
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
    return true
  }

  func sendQueuedRequests() {
    var sent = 0
    defer { queue.removeFirst(sent) }
    while sent < queue.count {
      let (requestID, message) = queue[sent]
      if !hasRequestStreams {
        guard isReady else { return }
        guard requestID < peerMaximumRequestID else {
          reportBlocked(waiting: queue.count - sent)
          return
        }
      } else if controlStream == nil {
        return
      }
      if usesOwnStream(message) {
        guard let stream = transport.openStream(bidirectional: true) else { return }
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

  func reportBlocked(waiting: Int) {
    guard reportedBlockedAt != peerMaximumRequestID else { return }
    reportedBlockedAt = peerMaximumRequestID
    sendOnControlStream(.requestsBlocked(maximum: peerMaximumRequestID))
    events.append(.blocked(waiting: waiting))
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
