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
  let transport: any StreamTransport
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
  /// A request waits for a stream, and that was said.
  var isOutOfStreams = false
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
    transport: any StreamTransport,
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
}
