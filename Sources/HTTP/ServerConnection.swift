package import Wire

/// What connections of one server share.
package struct ServerConfiguration: Sendable, Hashable {
  package var limits: HTTPLimits
  /// Field lines of answers that the connection makes itself, each ended by CRLF.
  package var errorFields: Bytes

  package init(limits: HTTPLimits = HTTPLimits(), errorFields: Bytes = Bytes()) {
    self.limits = limits
    self.errorFields = errorFields
  }
}

/// The server's side of one HTTP/1.1 connection: bytes in, requests out; answers in, bytes out.
///
/// After every call that changes it (``receive(_:now:)``, ``receiveEnd()``, an answer,
/// ``wrote(_:now:)``, ``handleTimeout(now:date:)``) the caller takes ``poll(now:date:)`` until nil,
/// writes ``pollOutput(maxPieces:)``, then looks at ``wantsRead``, ``closing`` and ``deadline``.
///
/// Answers may be given in any order; they leave in the order of the requests (RFC 9112 §9.3.2). Not
/// copyable: a copy of a connection means nothing. What is read after each request has a `mutating get`, though
/// nothing changes: else who keeps the connection in an object copies all of its bits to look at it.
package struct ServerConnection: ~Copyable {
  /// How a connection ends, once its output is written.
  package enum Closing: Sendable, Hashable {
    /// Shut down writing, and read on for a moment, so that unread input does not reset the
    /// connection before the client has the answer (RFC 9112 §9.6).
    case orderly
    /// Reset: the last answer is not whole, and nothing else would tell the client of HTTP/1.0.
    case reset
  }

  private let configuration: ServerConfiguration
  private let knownHeads: KnownHeads?
  private var parser: RequestParser
  /// A whole head that has come and was known; what follows it is in the parser.
  private var knownHead: RequestHead?
  /// What came at once when nothing had come before: perhaps a whole head, to be known from then on.
  private var freshBytes: [UInt8]?
  private var drain: (RequestHead, ContentDrain)?
  /// In the order of the requests; the first one's answer is the next to leave.
  private var exchanges: [Exchange] = []
  private var output = OutputQueue()
  private var requestCount = 0
  /// No more requests are read: the last one is queued, or the input has failed or ended.
  private var isInputDone = false
  private var inputHasEnded = false
  private var ending: Closing?
  private var refusal: Status?
  /// When the request being received began; nil between requests.
  private var requestStart: Instant?
  private var idleStart: Instant

  /// Connections with equal limits may share what heads they know.
  package init(
    _ configuration: ServerConfiguration,
    knownHeads: KnownHeads? = nil,
    now: Instant
  ) {
    self.configuration = configuration
    self.knownHeads = knownHeads
    parser = RequestParser(limits: configuration.limits)
    idleStart = now
  }

  // MARK: Input

  /// Takes bytes from the socket.
  package mutating func receive(_ bytes: Bytes, now: Instant) {
    receive(bytes.slice.span, now: now)
  }

  /// Takes bytes from the socket; they are copied as far as they are kept.
  package mutating func receive(_ bytes: Span<UInt8>, now: Instant) {
    guard !isInputDone, !bytes.isEmpty else { return }
    requestStart = requestStart ?? now
    freshBytes = nil
    if let knownHeads, bytes.count <= KnownHeads.longest, parser.isFresh, drain == nil,
      knownHead == nil
    {
      knownHead = knownHeads.head(bytes)
      guard knownHead == nil else { return }
      freshBytes = Bytes(copying: bytes).array
    }
    parser.append(bytes)
  }

  /// Notes that the client will send no more; requests already here are still answered.
  package mutating func receiveEnd() {
    inputHasEnded = true
  }

  /// The next request, nil when there is none or enough are waiting.
  ///
  /// A request that can't be read is answered here, and is the last.
  package mutating func poll(now: Instant, date: HTTPDate) -> (RequestID, RequestHead)? {
    let request = nextRequest(now: now, date: date)
    advance()
    return request
  }

  private mutating func nextRequest(
    now: Instant,
    date: HTTPDate
  ) -> (RequestID, RequestHead)? {
    let limits = configuration.limits
    guard !isInputDone, hasRoom else { return nil }
    guard hasInput else { return nil }
    if let head = knownHead {
      knownHead = nil
      return take(head, isLast: false)
    }
    // While enough requests waited, the client could not go on with this one.
    if parser.bufferedCount > 0 { requestStart = requestStart ?? now }
    do throws(RequestError) {
      if drain == nil, let (head, content) = try parser.next() {
        if let freshBytes, content == .none, parser.bufferedCount == 0, head.value("expect") == nil
        {
          knownHeads?.remember(head, freshBytes)
        }
        freshBytes = nil
        drain = (head, try ContentDrain(content, limit: limits.bodyBytes))
      }
      // A client that waits for 100 (Continue) gets its answer at once, and is not waited for.
      if let (head, content) = drain {
        let isWaiting = head.expectsContinue && !content.isDone
        var isComplete = isWaiting
        if !isWaiting { isComplete = try drain?.1.drain(&parser) == true }
        if isComplete {
          drain = nil
          return take(head, isLast: isWaiting)
        }
      }
    } catch {
      refuse(error, isHead: drain.map { $0.0.method == .head } ?? parser.isHead, date: date)
      return nil
    }
    if inputHasEnded { endInput() }
    return nil
  }

  /// Whether another request may be taken: few answers wait, and little of them.
  ///
  /// Else a client that does not read could make us hold a segment for each request it pipelines.
  private var hasRoom: Bool {
    exchanges.count < configuration.limits.pipelinedRequests
      && output.count < ServerConnection.outputMark
  }

  private mutating func take(_ head: RequestHead, isLast: Bool) -> (RequestID, RequestHead) {
    requestStart = nil
    let id = RequestID(ordinal: requestCount)
    requestCount += 1
    let closes =
      isLast || !head.wantsKeepAlive
      || requestCount >= configuration.limits.requestsPerConnection
    exchanges.append(
      Exchange(id: id, isHead: head.method == .head, version: head.version, closes: closes)
    )
    if closes { endInput() }
    return (id, head)
  }

  /// Queues the answer to a request that can't be read, and reads no more.
  private mutating func refuse(_ error: RequestError, isHead: Bool, date: HTTPDate) {
    var exchange = Exchange(
      id: RequestID(ordinal: requestCount),
      isHead: isHead,
      version: .http11,
      closes: true
    )
    requestCount += 1
    let head = ResponseHead(
      error.status,
      [ServerConnection.plainText, configuration.errorFields]
    )
    exchange.respond(head, .whole([Bytes(utf8: error.reason + "\n")]), date: date)
    exchanges.append(exchange)
    refusal = error.status
    endInput()
  }

  /// The status of a request that could not be read and was answered here, told once; nil when there is
  /// none.
  package mutating func takeRefusal() -> Status? {
    defer { refusal = nil }
    return refusal
  }

  private mutating func endInput() {
    isInputDone = true
    drain = nil
    knownHead = nil
    freshBytes = nil
    requestStart = nil
    parser.discard()
  }

  /// Reads no more requests, and closes once those already taken are answered: the server stops.
  package mutating func stopReading() {
    endInput()
    if let last = exchanges.indices.last { exchanges[last].closes = true }
    advance()
  }

  // MARK: Answers

  /// Answers a request.
  ///
  /// An id whose connection has ended meanwhile is ignored; a second answer traps.
  package mutating func respond(
    _ id: RequestID,
    _ head: ResponseHead,
    _ body: Body,
    date: HTTPDate
  ) {
    update(id) { $0.respond(head, body, date: date) }
  }

  /// Answers a request with what others get too.
  package mutating func respond(_ id: RequestID, _ answer: SharedAnswer, date: HTTPDate) {
    guard let first = exchanges.first, first.id == id, first.phase == .waiting, !first.isHead,
      !first.closes, first.version == .http11, ending == nil,
      output.count < ServerConnection.outputMark
    else { return update(id) { $0.respond(answer.head, answer.body, date: date) } }
    // The usual case: the answer is the next to leave, and does so at once.
    output.append(answer.output(date), copyOfLast: answer.copy)
    removeFirstExchange()
    advance()
  }

  /// Adds content to a growing answer; ignored when that has ended or goes to a HEAD.
  package mutating func append(_ id: RequestID, _ pieces: [Bytes]) {
    update(id) { $0.append(pieces) }
  }

  /// Ends a growing answer: all its content has been appended.
  package mutating func finish(_ id: RequestID) {
    update(id) { $0.finish() }
  }

  /// Breaks off a growing answer: the connection closes after what was appended, so that no client
  /// takes it for whole.
  package mutating func abort(_ id: RequestID) {
    update(id) { $0.abort() }
  }

  private mutating func update(_ id: RequestID, _ change: (inout Exchange) -> Void) {
    guard let index = exchanges.firstIndex(where: { $0.id == id }) else { return }
    change(&exchanges[index])
    advance()
  }

  // MARK: Output

  /// The piece to write when there is only one; the same until ``wrote(_:now:)``.
  package var onlyOutput: Bytes? { mutating get { output.only } }

  /// What to write when it is one piece and then the last one, of which there is a copy; the same until
  /// ``wrote(_:now:)``.
  package var copiedOutput: (first: Bytes, then: ContentCopy)? { mutating get { output.copied } }

  /// The next pieces to write, at most `maxPieces`; the same until ``wrote(_:now:)``.
  package func pollOutput(maxPieces: Int) -> [Bytes] { output.next(maxPieces) }

  /// Notes how many of the bytes that come next, ``pollOutput(maxPieces:)``, the socket took; returns where the
  /// connection stands then.
  @discardableResult
  package mutating func wrote(_ count: Int, now: Instant) -> Standing {
    output.drop(count)
    idleStart = now
    advance()
    return standing
  }

  /// Bytes of answers that wait for the socket.
  package var pendingBytes: Int { mutating get { output.count } }

  /// Moves answers to the output in order, as long as there is little in it.
  private mutating func advance() {
    while ending == nil, let first = exchanges.first, output.count < ServerConnection.outputMark {
      guard !first.output.isEmpty || !ServerConnection.isOpen(first.phase) else { break }
      output.append(first.output)
      exchanges[0].output = []
      switch first.phase {
      case .waiting, .growing: return
      case .complete:
        removeFirstExchange()
        if first.closes { end(.orderly) }
      case .aborted:
        removeFirstExchange()
        end(first.version == .http11 ? .orderly : .reset)
      }
    }
    if ending == nil, isInputDone, exchanges.isEmpty { end(.orderly) }
  }

  /// Removing the only one, as most are, needs no look at what moves up.
  private mutating func removeFirstExchange() {
    if exchanges.count == 1 { exchanges.removeLast() } else { exchanges.removeFirst() }
  }

  private static func isOpen(_ phase: Exchange.Phase) -> Bool {
    switch phase {
    case .waiting, .growing: true
    case .complete, .aborted: false
    }
  }

  private mutating func end(_ closing: Closing) {
    ending = closing
    exchanges = []
    endInput()
  }

  // MARK: State

  /// Where a connection stands: what is asked after each request, in one reading.
  package struct Standing {
    /// As ``ServerConnection/pendingBytes``.
    package let pendingBytes: Int
    /// Whether ``poll(now:date:)`` may give another request without more input.
    package let mayHaveRequest: Bool
    /// Whether ``takeRefusal()`` has something to tell.
    package let hasRefusal: Bool
    /// As ``ServerConnection/wantsRead``.
    package let wantsRead: Bool
    /// As ``ServerConnection/closing``.
    package let closing: Closing?
  }

  package var standing: Standing {
    mutating get {
      Standing(
        pendingBytes: output.count,
        mayHaveRequest: !isInputDone && hasInput,
        hasRefusal: refusal != nil,
        wantsRead: wantsRead,
        closing: closing
      )
    }
  }

  private var hasInput: Bool {
    parser.bufferedCount > 0 || drain != nil || inputHasEnded || knownHead != nil
  }

  /// Whether the caller should read from the socket.
  package var wantsRead: Bool {
    !isInputDone && !inputHasEnded && hasRoom
  }

  /// How to close, now; nil while the connection lives or has output to write.
  package var closing: Closing? { output.isEmpty ? ending : nil }

  /// Requests whose answers have not wholly moved to the output.
  package var openRequests: Int { exchanges.count }

  /// When ``handleTimeout(now:date:)`` has something to do; nil while the server is to act.
  package var deadline: Instant? {
    guard !isInputDone, ending == nil else { return nil }
    if requestStart != nil || requestCount == 0 {
      guard hasRoom else { return nil }
      return (requestStart ?? idleStart) + configuration.limits.requestHeadTimeout
    }
    guard exchanges.isEmpty, output.isEmpty else { return nil }
    return idleStart + configuration.limits.idleTimeout
  }

  /// Acts on a deadline that has passed: 408 in the middle of a request, else an end without words.
  package mutating func handleTimeout(now: Instant, date: HTTPDate) {
    guard let deadline, deadline <= now else { return }
    if requestStart != nil {
      refuse(
        RequestError(.requestTimeout, "the request did not come in time"),
        isHead: parser.isHead,
        date: date
      )
    } else {
      endInput()
    }
    advance()
  }

  private static let plainText = ResponseHead.line("Content-Type", "text/plain; charset=utf-8")
  /// Answers are moved to the output while it has less than this: enough to fill a socket buffer,
  /// little enough that a client that doesn't read soon stops being read.
  private static let outputMark = 65_536
}
