internal import HTTP
internal import LinuxIO
internal import Logging
internal import Manifests
internal import Packaging
internal import Wire

/// One share-nothing loop: a listener, its connections, and the requests that wait on them.
///
/// Media arrives by mailbox. Between two turns of the loop nothing changes, so a request that finds
/// its media missing can be parked without a race: what satisfies it comes by the same mailbox.
final class ServeLoop {
  private let configuration: Configuration
  private let mailbox: Mailbox<ServeMessage>
  private let ingest: Mailbox<IngestMessage>
  private let metrics: Metrics
  private let logger: Logger
  private let loop: EventLoop
  private let listener: TCPListener
  private var listenerToken: EventToken
  private var isListening = true
  private let mailboxToken: EventToken
  private let http: ServerConfiguration

  private var clients: [EventToken: Client] = [:]
  private var broadcasts: [BroadcastPath: BroadcastView] = [:]
  private var ingestReport = IngestReport()
  private var onDemand: OnDemand
  private var waiting: [Waiting.Key: Waiting] = [:]
  private var parkedCount = 0
  private var isStopping = false
  private var now: Instant
  private var date: HTTPDate
  private var dateSecond: Int64
  private var nextSweep: Instant
  private var buffer = [UInt8](repeating: 0, count: 16_384)

  /// Takes over a listener that is bound already; the loop belongs to the thread that calls `run`.
  init(
    configuration: Configuration,
    listener: TCPListener,
    mailbox: Mailbox<ServeMessage>,
    ingest: Mailbox<IngestMessage>,
    metrics: Metrics,
    logger: Logger
  ) throws(SystemError) {
    self.configuration = configuration
    self.listener = listener
    self.mailbox = mailbox
    self.ingest = ingest
    onDemand = OnDemand(configuration)
    self.metrics = metrics
    self.logger = logger
    loop = try EventLoop()
    listenerToken = try loop.add(listener.descriptor)
    mailboxToken = try loop.add(mailbox.descriptor)
    var limits = HTTPLimits()
    limits.headBytes = configuration.server.headBytes
    limits.targetBytes = configuration.server.targetBytes
    limits.fields = configuration.server.fields
    limits.pipelinedRequests = configuration.server.pipelined
    limits.requestHeadTimeout = configuration.server.headTimeout
    limits.idleTimeout = configuration.server.idleTimeout
    http = ServerConfiguration(limits: limits, errorFields: Response.errorFields)
    now = Clock.now
    let utc = Clock.utc
    dateSecond = utc.microseconds / 1_000_000
    date = HTTPDate(utc)
    nextSweep = now + Self.sweepInterval
  }

  /// Deadlines are looked at this often: all are seconds long.
  private static let sweepInterval = Interval.milliseconds(500)
  /// Accepted in one turn, so that a flood of connections does not starve those that exist.
  private static let acceptsPerTurn = 64

  /// Runs until a stop message has been handled.
  func run() {
    while !isStopping || !clients.isEmpty {
      do {
        try loop.wait(until: nextSweep) { token, readiness in
          tick()
          handle(token, readiness)
        }
      } catch {
        logger.critical("event loop failed: \(error)")
        return
      }
      tick()
      if now >= nextSweep { sweep() }
    }
  }

  private func tick() {
    now = Clock.now
    let utc = Clock.utc
    guard utc.microseconds / 1_000_000 != dateSecond else { return }
    dateSecond = utc.microseconds / 1_000_000
    date = HTTPDate(utc)
  }

  private func handle(_ token: EventToken, _ readiness: Readiness) {
    if token == listenerToken {
      accept()
    } else if token == mailboxToken {
      for message in mailbox.drain() { take(message) }
    } else if let client = clients[token] {
      serve(client, readiness)
    }
  }

  // MARK: Messages

  private func take(_ message: ServeMessage) {
    switch message {
    case .snapshot(let path, let snapshot, let time):
      broadcasts[path] = BroadcastView(snapshot, publishTime: time, after: broadcasts[path])
      settleArrivals(path)
      for rendition in snapshot.renditions {
        wake(Waiting.Key(broadcast: path, rendition: rendition.info.name))
      }
    case .status(let report):
      ingestReport = report
    case .absent(let path):
      settleArrivals(path)
    case .retired(let path):
      let names = broadcasts.removeValue(forKey: path)?.snapshot.renditions.map(\.info.name) ?? []
      for name in names { wake(Waiting.Key(broadcast: path, rendition: name)) }
    case .stop:
      stop()
    }
  }

  /// Answers what waits for a broadcast to begin: it is there now, or won't be.
  private func settleArrivals(_ path: BroadcastPath) {
    guard let entry = waiting.removeValue(forKey: Waiting.Key(broadcast: path, rendition: nil))
    else { return }
    for parked in entry.parked {
      unpark()
      guard let client = clients[parked.client] else { continue }
      let answer = broadcasts[path] == nil ? Self.noBroadcast : answer(parked.head).0
      give(answer, to: parked.request, parked.head, client, path)
      flush(client)
    }
  }

  /// Answers what a new snapshot satisfies; the rest waits on.
  private func wake(_ key: Waiting.Key) {
    guard let entry = waiting.removeValue(forKey: key), let rendition = key.rendition else {
      return
    }
    var rest = Waiting()
    // What waits is media, for which no absolute URL is needed.
    let responder = broadcasts[key.broadcast].map { Responder(view: $0, timeURL: "") }
    for parked in entry.parked {
      guard let client = clients[parked.client] else {
        unpark()
        continue
      }
      let given =
        responder == nil
        ? Self.noBroadcast : responder?.answer(parked: parked.want, in: rendition, parked.head)
      guard let answer = given else {
        rest.parked.append(parked)
        continue
      }
      unpark()
      give(answer, to: parked.request, parked.head, client, key.broadcast)
      flush(client)
    }
    for var growing in entry.growing {
      guard let client = clients[growing.client] else { continue }
      guard let news = responder?.growth(growing.growth, in: rendition) else {
        client.connection.abort(growing.request)
        flush(client)
        continue
      }
      if !news.pieces.isEmpty {
        client.connection.append(growing.request, news.pieces)
        growing.growth.sentParts = news.sent
        growing.deadline = holdDeadline(key.broadcast)
      }
      if news.isWhole {
        client.connection.finish(growing.request)
      } else {
        rest.growing.append(growing)
      }
      flush(client)
    }
    // Requests that were pipelined behind those just answered may have parked meanwhile.
    waiting[key, default: Waiting()].parked += rest.parked
    waiting[key, default: Waiting()].growing += rest.growing
  }

  private func unpark() {
    parkedCount -= 1
    metrics.parked.increment(by: -1)
  }

  private func holdDeadline(_ path: BroadcastPath) -> Instant {
    now + .milliseconds(Int64(broadcasts[path]?.lowLatency.holdMilliseconds ?? 6000))
  }

  // MARK: Connections

  private func accept() {
    for _ in 0..<Self.acceptsPerTurn {
      switch listener.accept() {
      case .connection(let socket):
        guard clients.count < configuration.server.connections, !isStopping,
          let token = try? loop.add(socket.descriptor)
        else {
          // Closed at once; accepting no more would leave it in the queue, unanswered.
          metrics.connectionsRefused.increment()
          continue
        }
        clients[token] = Client(
          socket: socket,
          token: token,
          connection: ServerConnection(http, now: now),
          now: now
        )
        metrics.connectionsOpen.increment()
        metrics.connectionsTotal.increment()
      case .none:
        return
      case .exhausted:
        // Until the next sweep, or the loop would spin on a listener that stays readable.
        loop.remove(listener.descriptor, listenerToken)
        isListening = false
        logger.error("out of descriptors or memory: accepting pauses")
        return
      }
    }
  }

  private func serve(_ client: Client, _ readiness: Readiness) {
    if readiness.canRead || readiness.isHungUp {
      switch client.socket.read(into: &buffer) {
      case .bytes(let count):
        if client.isLingering { return }
        client.connection.receive(Bytes(Array(buffer[..<count])), now: now)
      case .closed:
        // A client that has closed its side may still read; one with nothing to come is gone.
        guard client.connection.openRequests > 0, !readiness.isHungUp, !client.isLingering,
          !client.hasEnded
        else { return close(client) }
        client.connection.receiveEnd()
        client.hasEnded = true
      case .wouldBlock: break
      }
    }
    flush(client)
  }

  /// Takes requests, answers them, writes what can be written, and settles what to wait for.
  private func flush(_ client: Client) {
    guard !client.isClosed, !client.isLingering else { return }
    var isBusy = true
    while isBusy {
      isBusy = false
      while let (id, head) = client.connection.poll(now: now, date: date) {
        let (answer, path) = answer(head)
        give(answer, to: id, head, client, path)
        isBusy = true
      }
      // What was written makes room for requests that wait behind it.
      isBusy = write(client) && isBusy
    }
    guard !client.isClosed else { return }
    if let closing = client.connection.closing {
      switch closing {
      case .orderly:
        guard !client.hasEnded else { return close(client) }
        client.socket.shutdownWriting()
        client.isLingering = true
        client.lingerDeadline = now + .seconds(2)
        loop.modify(client.socket.descriptor, client.token, readable: true, writable: false)
      case .reset:
        close(client)
      }
      return
    }
    let wantsWrite = client.connection.pendingBytes > 0
    let wantsRead = client.connection.wantsRead && !client.hasEnded
    if wantsWrite != client.watchesWrite || wantsRead != client.watchesRead {
      client.watchesWrite = wantsWrite
      client.watchesRead = wantsRead
      loop.modify(client.socket.descriptor, client.token, readable: wantsRead, writable: wantsWrite)
    }
  }

  /// Writes until the socket is full or nothing is left; true when everything went out.
  private func write(_ client: Client) -> Bool {
    while client.connection.pendingBytes > 0 {
      let pieces = client.connection.pollOutput(maxPieces: TCPSocket.piecesPerWrite)
      switch client.socket.write(pieces) {
      case .bytes(let count):
        metrics.bytesSent.increment(by: count)
        client.noteProgress(count, now: now, enough: configuration.server.drainBytes)
        client.connection.wrote(count, now: now)
      case .wouldBlock:
        client.drainStart = client.drainStart ?? now
        return false
      case .closed:
        close(client)
        return false
      }
    }
    client.drainStart = nil
    return true
  }

  private func close(_ client: Client) {
    guard !client.isClosed else { return }
    client.isClosed = true
    loop.remove(client.socket.descriptor, client.token)
    clients[client.token] = nil
    metrics.connectionsOpen.increment(by: -1)
  }

  // MARK: Requests

  private func answer(_ head: RequestHead) -> (Answer, BroadcastPath?) {
    switch head.method {
    case .get, .head: break
    case .options: return (.now(.preflight(head)), nil)
    case .other(let name):
      return (.now(.methodNotAllowed(name)), nil)
    }
    guard let route = Route(head.target.segments) else {
      return (.now(.notFound("nothing is served here")), nil)
    }
    switch route {
    case .health: return (.now(.text(.ok, "ok", cacheControl: CachePolicy.never)), nil)
    case .readiness:
      let report = report()
      let isReady = report.ingest.isReady && !isStopping
      return (
        .now(
          .text(
            isReady ? .ok : .unavailable,
            isReady ? "ready" : "not ready",
            cacheControl: CachePolicy.never
          )
        ), nil
      )
    case .metrics:
      return (
        .now(.operational(report().prometheus(), "text/plain; version=0.0.4; charset=utf-8")), nil
      )
    case .status: return (.now(.operational(report().json(), "application/json")), nil)
    case .time:
      return (.now(.operational(Clock.utc.iso8601, "text/plain; charset=utf-8")), nil)
    case .multivariant(let path), .manifest(let path), .mediaPlaylist(let path, _),
      .initSegment(let path, _, _), .segment(let path, _, _, _), .part(let path, _, _, _):
      if onDemand.use(path, now: now) { ingest.post(.wanted(path)) }
      guard let view = broadcasts[path] else {
        return (onDemand.covers(path) ? .park(rendition: nil, .broadcast) : Self.noBroadcast, path)
      }
      return (responder(view, route, head).answer(route, head), path)
    }
  }

  private static let noBroadcast = Answer.now(
    .notFound("no such broadcast, or it has no media yet")
  )

  /// Host may be absent in HTTP/1.0 and empty in any version; the clock's URL is absolute even then.
  private func responder(_ view: BroadcastView, _ route: Route, _ head: RequestHead) -> Responder {
    guard case .manifest = route else { return Responder(view: view, timeURL: "") }
    let host = head.value("host")?.text ?? ""
    let base =
      configuration.server.publicURL.isEmpty
      ? "http://" + (host.isEmpty ? listener.address.description : host)
      : configuration.server.publicURL
    return Responder(view: view, timeURL: base + (base.hasSuffix("/") ? "time" : "/time"))
  }

  private func give(
    _ answer: Answer,
    to id: RequestID,
    _ head: RequestHead,
    _ client: Client,
    _ path: BroadcastPath?
  ) {
    switch answer {
    case .now(let response):
      respond(response, to: id, client)
    case .growing(let response, let pieces, let growth):
      respond(response, to: id, client)
      guard head.method == .get, let path,
        case .segment(_, let rendition, _, _)? = Route(head.target.segments)
      else { return }
      client.connection.append(id, pieces)
      waiting[Waiting.Key(broadcast: path, rendition: rendition), default: Waiting()].growing
        .append(
          Waiting.Growing(
            client: client.token,
            request: id,
            growth: growth,
            deadline: holdDeadline(path)
          )
        )
    case .park(let rendition, let want):
      guard let path, parkedCount < configuration.server.parked, !isStopping else {
        metrics.parkedRefused.increment()
        respond(
          .unavailable("too many requests wait"),
          to: id,
          client
        )
        return
      }
      parkedCount += 1
      metrics.parked.increment()
      metrics.parkedTotal.increment()
      waiting[Waiting.Key(broadcast: path, rendition: rendition), default: Waiting()].parked
        .append(
          Waiting.Parked(
            client: client.token,
            request: id,
            head: head,
            want: want,
            deadline: want == .broadcast ? now + OnDemand.patience : holdDeadline(path)
          )
        )
    }
  }

  private func respond(_ response: Response, to id: RequestID, _ client: Client) {
    metrics.count(status: response.status.rawValue)
    client.connection.respond(id, response.head, response.body, date: date)
  }

  private func report() -> StatusReport {
    StatusReport(
      metrics: metrics,
      ingest: ingestReport,
      utc: Clock.utc
    )
  }

  // MARK: Time

  private func sweep() {
    nextSweep = now + Self.sweepInterval
    if !isListening, !isStopping, let token = try? loop.add(listener.descriptor) {
      listenerToken = token
      isListening = true
    }
    onDemand.sweep(now: now)
    for (key, entry) in waiting { expire(entry, key) }
    for client in clients.values { check(client) }
  }

  private func expire(_ entry: Waiting, _ key: Waiting.Key) {
    var kept = entry
    kept.parked = []
    for parked in entry.parked {
      guard let client = clients[parked.client] else {
        unpark()
        continue
      }
      guard parked.deadline <= now else {
        kept.parked.append(parked)
        continue
      }
      unpark()
      metrics.parkedExpired.increment()
      respond(parked.want.refusal, to: parked.request, client)
      flush(client)
    }
    kept.growing = entry.growing.filter { growing in
      guard let client = clients[growing.client] else { return false }
      guard growing.deadline <= now else { return true }
      client.connection.abort(growing.request)
      flush(client)
      return false
    }
    // Answers above may have let pipelined requests park under the same key.
    let fresh = waiting[key] ?? Waiting()
    kept.parked += fresh.parked.dropFirst(entry.parked.count)
    kept.growing += fresh.growing.dropFirst(entry.growing.count)
    waiting[key] = kept.isEmpty ? nil : kept
  }

  private func check(_ client: Client) {
    if client.isLingering {
      if now >= client.lingerDeadline { close(client) }
      return
    }
    if let start = client.drainStart, now - start > configuration.server.drainTimeout {
      // It holds media that may have left the window long ago.
      metrics.clientsTooSlow.increment()
      close(client)
      return
    }
    guard let deadline = client.connection.deadline, deadline <= now else { return }
    client.connection.handleTimeout(now: now, date: date)
    flush(client)
  }

  /// Stops accepting, answers what waits with 503, and lets what is being written finish.
  private func stop() {
    guard !isStopping else { return }
    isStopping = true
    if isListening { loop.remove(listener.descriptor, listenerToken) }
    isListening = false
    for entry in waiting.values {
      for parked in entry.parked {
        unpark()
        guard let client = clients[parked.client] else { continue }
        respond(
          .unavailable("the server is stopping"),
          to: parked.request,
          client
        )
        flush(client)
      }
      for growing in entry.growing {
        guard let client = clients[growing.client] else { continue }
        client.connection.abort(growing.request)
        flush(client)
      }
    }
    waiting = [:]
    for client in clients.values where client.connection.pendingBytes == 0 { close(client) }
    // What is still being written has the drain timeout; idle connections were closed above.
    for client in clients.values { client.drainStart = client.drainStart ?? now }
  }
}
