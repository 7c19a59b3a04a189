import Wire

/// What both kinds of session share: SETUP, request ids and credit, and which stream carries which
/// message. Above it requests are told apart by their id alone, whatever the draft.
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
  }

  /// What a peer's unidirectional stream is.
  private enum Incoming {
    case unclassified(StreamInput)
    case data
    case control
    case discarded
  }

  private struct RequestStream {
    var requestID: UInt64?
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
  private let options: SessionOptions
  private let profile: WireProfile

  private(set) var error: SessionError?
  private(set) var isReady = false
  private var setupDeadline: Instant?
  private var events = EventQueue<Event>()

  private var controlStream: UInt64?
  private var controlOutbox: [Bytes] = []
  private var peerControlStream: UInt64?
  private var controlDecoder: ControlDecoder
  private var receivedSetup = false
  private var receivedGoAway = false

  private var nextRequestID: UInt64
  private var queue: [(requestID: UInt64, message: ControlMessage)] = []
  private var peerMaximumRequestID: UInt64 = 0
  private var reportedBlockedAt: UInt64?
  private var ourMaximumRequestID: UInt64
  private var nextPeerRequestID: UInt64
  private var seenPeerRequests = IntervalSet()

  private var incoming: [UInt64: Incoming] = [:]
  private(set) var dataStreamCount = 0
  private var requestStreams: [UInt64: RequestStream] = [:]
  private var streamOfRequest: [UInt64: UInt64] = [:]

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

  private var hasRequestStreams: Bool { profile.topology == .streamPerRequest }

  // MARK: Starting and ending

  func start(now: Instant) {
    setupDeadline = now + limits.setupInterval
    guard role == .client || hasRequestStreams else { return }
    controlOutbox.append(ControlMessage.setup(ourSetup()).encode(for: draft))
    openControlStream()
  }

  var deadline: Instant? { error == nil ? setupDeadline : nil }

  func handleTimeout(now: Instant) {
    guard error == nil, let setupDeadline, setupDeadline <= now else { return }
    close(.controlMessageTimeout, "no SETUP within \(limits.setupInterval.seconds) s")
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

  private func ourSetup() -> Setup {
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

  private func openControlStream() {
    guard controlStream == nil, !controlOutbox.isEmpty else { return }
    guard let stream = transport.openStream(bidirectional: !hasRequestStreams) else { return }
    controlStream = stream
    if !hasRequestStreams { peerControlStream = stream }
    for bytes in controlOutbox { transport.send(bytes, on: stream, isFinal: false) }
    controlOutbox = []
  }

  private func sendOnControlStream(_ message: ControlMessage) {
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
    let requestID = nextRequestID
    nextRequestID += 2
    queue.append((requestID, message(requestID)))
    sendQueuedRequests()
    return requestID
  }

  /// Whether a request id was given out here.
  func isOurs(requestID: UInt64) -> Bool {
    requestID < nextRequestID && requestID % 2 == nextRequestID % 2
  }

  /// Takes back a request that was not sent; false when it was, or when its id must be used.
  func withdraw(requestID: UInt64) -> Bool {
    guard hasRequestStreams, let index = queue.firstIndex(where: { $0.requestID == requestID })
    else { return false }
    queue.remove(at: index)
    return true
  }

  private func sendQueuedRequests() {
    var sent = 0
    defer { queue.removeFirst(sent) }
    while sent < queue.count {
      let (requestID, message) = queue[sent]
      if !hasRequestStreams {
        guard isReady else { return }
        guard requestID < peerMaximumRequestID else {
          reportBlocked()
          return
        }
      } else if controlStream == nil {
        return
      }
      if usesOwnStream(message) {
        guard let stream = transport.openStream(bidirectional: true) else { return }
        requestStreams[stream] = RequestStream(requestID: requestID, decoder: newDecoder())
        streamOfRequest[requestID] = stream
        transport.send(message.encode(for: draft), on: stream, isFinal: false)
      } else {
        sendOnControlStream(message)
      }
      sent += 1
    }
  }

  private func reportBlocked() {
    guard reportedBlockedAt != peerMaximumRequestID else { return }
    reportedBlockedAt = peerMaximumRequestID
    sendOnControlStream(.requestsBlocked(maximum: peerMaximumRequestID))
  }

  private func usesOwnStream(_ message: ControlMessage) -> Bool {
    switch profile.topology {
    case .singleStream: return false
    case .singleStreamAndNamespaces:
      if case .subscribeNamespace = message { return true }
      return false
    case .streamPerRequest: return true
    }
  }

  private func newDecoder() -> ControlDecoder {
    ControlDecoder(draft: draft, maximumBodyBytes: limits.controlMessageBytes)
  }

  /// The id to put into a reply: replies name their request only on a shared stream.
  func replyID(_ requestID: UInt64) -> UInt64? {
    profile.repliesCarryRequestID ? requestID : nil
  }

  /// Sends a message that belongs to a request of either side.
  func send(_ message: ControlMessage, for requestID: UInt64, isFinal: Bool = false) {
    guard error == nil else { return }
    if queue.contains(where: { $0.requestID == requestID }) {
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

  private func endOurHalf(of stream: UInt64) {
    requestStreams[stream]?.isEnded = true
    removeIfOver(stream)
  }

  /// Forgets a request's stream when both halves are over.
  private func removeIfOver(_ stream: UInt64) {
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

  /// Forgets a request whose stream ended on both sides.
  func forget(requestID: UInt64) {
    guard let stream = streamOfRequest.removeValue(forKey: requestID) else { return }
    if requestStreams.removeValue(forKey: stream)?.isFinished != true {
      incoming[stream] = .discarded
    }
  }

  func sendGoAway(uri: String, timeoutMilliseconds: UInt64) {
    guard error == nil else { return }
    let timeout = profile.goAway == .uri ? nil : timeoutMilliseconds
    let requestID = profile.goAway == .uriTimeoutRequest ? nextPeerRequestID : nil
    sendOnControlStream(
      .goAway(GoAway(uri: uri, timeoutMilliseconds: timeout, requestID: requestID))
    )
  }

  // MARK: Input

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
      }
    } catch { close(error) }
  }

  private func isUnidirectional(_ stream: UInt64) -> Bool { stream & 2 != 0 }
  private func isPeers(_ stream: UInt64) -> Bool { (stream & 1 == 0) == (role == .server) }

  private func receiveUnidirectional(
    _ stream: UInt64,
    _ bytes: Bytes,
    isFinal: Bool
  ) throws(CodingError) {
    switch incoming[stream] {
    case .data?:
      if !bytes.isEmpty { events.append(.streamBytes(stream, bytes)) }
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
  private func classify(
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

  private func receiveBidirectional(
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
      throw .protocolViolation("request stream finished inside a message")
    }
    if let requestID = request.requestID {
      requestStreams[stream]?.isFinished = true
      events.append(.requestFinished(requestID))
      removeIfOver(stream)
    } else {
      requestStreams[stream] = nil
    }
  }

  private func receiveReset(_ stream: UInt64, code: UInt64) throws(CodingError) {
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

  private func receiveStopSending(_ stream: UInt64, code: UInt64) throws(CodingError) {
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

  private func receiveControl(_ bytes: Bytes) throws(CodingError) {
    controlDecoder.receive(bytes)
    while error == nil, let message = try controlDecoder.next() {
      try receiveControlMessage(message)
    }
  }

  private func receiveControlMessage(_ message: ControlMessage) throws(CodingError) {
    if case .setup(let setup) = message { return try receiveSetup(setup) }
    guard receivedSetup else { throw .protocolViolation("message before SETUP") }
    switch message {
    case .goAway(let goAway):
      guard !receivedGoAway else { throw .protocolViolation("second GOAWAY") }
      receivedGoAway = true
      guard role == .client || goAway.uri.isEmpty else {
        throw .protocolViolation("GOAWAY with a URI from a client")
      }
      events.append(.goAway(goAway, requestID: nil))
    case _ where hasRequestStreams:
      throw .protocolViolation("request message on the control stream")
    case .maximumRequestID(let maximum):
      guard maximum > peerMaximumRequestID else {
        throw .protocolViolation("MAX_REQUEST_ID \(maximum) after \(peerMaximumRequestID)")
      }
      peerMaximumRequestID = maximum
      sendQueuedRequests()
    case .requestsBlocked: break
    default:
      if let requestID = message.openedRequestID { try admit(requestID) }
      events.append(.message(message, requestID: message.mentionedRequestID))
    }
  }

  private func receiveSetup(_ setup: Setup) throws(CodingError) {
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
    peerMaximumRequestID = setup.options.integer(Setup.Option.maximumRequestID) ?? 0
    if role == .server, !hasRequestStreams { sendOnControlStream(.setup(ourSetup())) }
    isReady = true
    events.append(.ready)
    sendQueuedRequests()
  }

  /// Checks the id of a request that the peer opens. MOQT §"Request ID".
  private func admit(_ requestID: UInt64) throws(CodingError) {
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

  private func receiveRequestMessage(
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
        guard isPeers(stream) else {
          throw .protocolViolation("REQUEST_UPDATE from the side that answers")
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

extension ControlMessage {
  /// Whether a request stream may begin with this message.
  var opensRequestStream: Bool {
    switch self {
    case .subscribe, .fetch, .trackStatus, .publish, .publishNamespace, .subscribeNamespace,
      .subscribeTracks:
      true
    default: false
    }
  }

  /// The request id that this message uses up; nil for replies and the rest.
  var openedRequestID: UInt64? {
    switch self {
    case .subscribe(let message), .trackStatus(let message): message.requestID
    case .fetch(let message): message.requestID
    case .publish(let message): message.requestID
    case .publishNamespace(let message): message.requestID
    case .subscribeNamespace(let message), .subscribeTracks(let message): message.requestID
    case .requestUpdate(let message): message.requestID
    default: nil
    }
  }

  /// The request that a message on the shared stream opens or belongs to.
  var mentionedRequestID: UInt64? {
    switch self {
    case .subscribeOK(let message), .trackStatusOK(let message): message.requestID
    case .requestError(let message): message.requestID
    case .requestOK(let message): message.requestID
    case .requestUpdate(let message): message.existingRequestID
    case .unsubscribe(let id), .fetchCancel(let id): id
    case .publishDone(let message): message.requestID
    case .fetchOK(let message): message.requestID
    case .publishOK(let message): message.requestID
    case .publishNamespaceDone(.request(let id)): id
    case .publishNamespaceCancel(let message):
      if case .request(let id) = message.reference { id } else { nil }
    default: openedRequestID
    }
  }
}
