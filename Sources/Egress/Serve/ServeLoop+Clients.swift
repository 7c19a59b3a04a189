internal import HTTP
internal import LinuxIO
internal import Logging
internal import TLS
internal import Wire

/// Connections: accepting, reading, writing, closing.
extension ServeLoop {
  /// Takes one connection from a listener; false when no more are to be had for now.
  func accept(_ listener: ServeListener) -> Bool {
    switch listener.socket.accept() {
    case .connection(let socket):
      welcome(socket, at: listener)
      return true
    case .none:
      return false
    case .exhausted:
      // Until the next sweep, or the loop would spin on a listener that stays readable.
      pauseListening()
      if now >= nextExhaustionReport {
        logger.error("out of descriptors or memory: accepting pauses; told once a minute")
        nextExhaustionReport = now + .seconds(60)
      }
      return false
    }
  }

  private func welcome(_ socket: TCPSocket, at listener: ServeListener) {
    let session = listener.isSecure ? tls.flatMap { try? ServerSession($0) } : nil
    let address = listener.peerAddress(of: socket)
    guard admits(address) else { return }
    guard clients.count < configuration.server.connections, !isStopping,
      session != nil || !listener.isSecure,
      let token = try? loop.add(socket.descriptor, onlyChanges: true)
    else {
      // Closed at once; accepting no more would leave it in the queue, unanswered.
      metrics.connectionsRefused.increment()
      release(address)
      return
    }
    clients.insert(
      Client(
        socket: socket,
        listener: listener,
        tls: session,
        token: token,
        connection: ServerConnection(http, knownHeads: knownHeads, now: now),
        now: now
      )
    )
    metrics.connectionsOpen.increment()
    metrics.connectionsTotal.increment()
  }

  func pauseListening() {
    for (token, listener) in listening { loop.remove(listener.socket.descriptor, token) }
    listening = [:]
  }

  func serve(_ client: Client, _ readiness: Readiness) {
    // Until its turn nothing is taken from it, or what it asks would pile up.
    if client.isPostponed, !readiness.isHungUp { return ignore(client) }
    if readiness.canRead || readiness.isHungUp {
      switch client.socket.read(into: &buffer) {
      case .bytes(let count):
        // There may be more, or the end, of which nothing else is told.
        client.mayHaveUnread = count == buffer.count || readiness.hasEnded || readiness.isHungUp
        if client.isLingering { return watch(client, reads: true, writes: false) }
        receive(buffer.span.extracting(first: count), from: client)
      case .closed:
        // A client that has closed its side may still read what it has asked for.
        guard !readiness.isHungUp, !client.isLingering, !client.hasEnded else {
          return close(client)
        }
        client.connection.receiveEnd()
        client.hasEnded = true
      case .wouldBlock: break
      }
    }
    flush(client)
  }

  private func receive(_ bytes: Span<UInt8>, from client: Client) {
    guard client.isEncrypted else { return client.connection.receive(bytes, now: now) }
    let plain: Bytes
    do throws(TLSError) {
      plain = try client.opened(Bytes(copying: bytes))
    } catch {
      logger.debug("TLS with \(client.socket.peer) at \(client.listener.url): \(error)")
      metrics.tlsFailures.increment()
      // The alert that says why may still go out.
      _ = write(client)
      return close(client)
    }
    if client.hasJustShakenHands {
      metrics.tlsHandshakes.increment()
      if client.isResumed { metrics.tlsResumptions.increment() }
    }
    client.connection.receive(plain, now: now)
    if client.isClosedByPeer, !client.hasEnded {
      client.connection.receiveEnd()
      client.hasEnded = true
    }
  }

  /// Takes requests, answers them, writes what can be written, and settles what to wait for.
  ///
  /// Many requests, and much to write, are left to the backlog, except when it is the client's turn there.
  func flush(_ client: Client, inTurn: Bool = false) {
    guard !client.isClosed, !client.isLingering, !client.isPostponed else { return }
    var (isBusy, mayWriteMuch, requests) = (true, inTurn, 0)
    var standing = client.connection.standing
    repeat {
      let before = requests
      while requests < Backlog.requestsPerVisit, standing.mayHaveRequest {
        guard let (id, head) = client.connection.poll(now: now, date: date) else {
          standing = client.connection.standing
          break
        }
        receive(head, id, from: client)
        requests += 1
        standing = client.connection.standing
      }
      isBusy = standing.pendingBytes > 0 || requests > before
      if standing.pendingBytes > Backlog.muchBytes {
        guard mayWriteMuch else { return postpone(client) }
        mayWriteMuch = false
      }
      if standing.hasRefusal, let status = client.connection.takeRefusal() {
        metrics.count(status: status.rawValue)
        metrics.requestsRefused.increment()
      }
      let isOut = write(client, &standing)
      guard !client.isClosed else { return }
      // What was written makes room for requests that wait behind it.
      isBusy = isBusy && isOut && standing.mayHaveRequest
      if isBusy, requests >= Backlog.requestsPerVisit { return postpone(client) }
    } while isBusy
    if let closing = standing.closing {
      switch closing {
      case .orderly:
        client.endSession()
        guard write(client) else { return watch(client, client.connection.standing) }
        guard !client.hasEnded else { return close(client) }
        client.socket.shutdownWriting()
        client.isLingering = true
        // A stop need not be slow for clients that don't close.
        client.lingerDeadline = now + (isStopping ? .milliseconds(500) : .seconds(2))
        watch(client, reads: true, writes: false)
      case .reset:
        client.socket.resetAtClose()
        close(client)
      }
      return
    }
    watch(client, standing)
  }

  /// Waits for what the client is to do next.
  private func watch(_ client: Client, _ standing: ServerConnection.Standing) {
    guard !client.isClosed else { return }
    watch(
      client,
      reads: standing.wantsRead && client.hasRoom && !client.hasEnded,
      writes: standing.pendingBytes > 0 || client.hasSealedOutput
    )
  }

  private func watch(_ client: Client, reads: Bool, writes: Bool) {
    guard reads != client.watchesRead || writes != client.watchesWrite || client.mayHaveUnread
    else {
      return
    }
    client.watchesRead = reads
    client.watchesWrite = writes
    client.mayHaveUnread = false
    loop.modify(client.socket.descriptor, client.token, readable: reads, writable: writes)
  }

  /// Writes until the socket is full or nothing is left; true when everything went out.
  func write(_ client: Client) -> Bool {
    var standing = client.connection.standing
    return write(client, &standing)
  }

  /// As ``write(_:)``; `standing` is where the connection stands, and then stood.
  private func write(_ client: Client, _ standing: inout ServerConnection.Standing) -> Bool {
    while standing.pendingBytes > 0 || client.hasSealedOutput {
      guard client.sealOutput(now: now) else {
        close(client)
        return false
      }
      // An answer to a request can't be there before the handshake is over; an alert may be.
      guard let sent = client.send(hotMedia.copies) else { break }
      switch sent.transfer {
      case .bytes(let count):
        metrics.bytesSent.increment(by: count)
        client.noteProgress(count, now: now, enough: configuration.server.drainBytes)
        standing = client.wrote(count, now: now)
        // A socket that does not take all is full, and would only say so.
        guard count == sent.offered else {
          client.noteFull(now: now)
          return false
        }
      case .wouldBlock:
        client.noteFull(now: now)
        standing = client.connection.standing
        return false
      case .closed:
        close(client)
        return false
      }
    }
    client.noteEmpty()
    writeDown(client)
    return true
  }

  func close(_ client: Client) {
    guard !client.isClosed else { return }
    client.isClosed = true
    loop.remove(client.socket.descriptor, client.token)
    clients.remove(client)
    abandonParked(client)
    writeDown(client, isGone: true)
    release(client.address)
    metrics.connectionsOpen.increment(by: -1)
  }

  /// Whether a deadline of the client has passed.
  func isOverdue(_ client: Client) -> Bool {
    if client.isLingering { return now >= client.lingerDeadline }
    if client.isTooSlow(now: now, configuration.server) { return true }
    return client.connection.deadline.map { $0 <= now } ?? false
  }

  /// Does what is to become of a client whose deadline has passed.
  func expire(_ client: Client) {
    if client.isLingering { return close(client) }
    if client.isTooSlow(now: now, configuration.server) {
      // It holds media that may have left the window long ago.
      metrics.clientsTooSlow.increment()
      client.socket.resetAtClose()
      discarded.append(client.socket)
      return close(client)
    }
    metrics.clientsTimedOut.increment()
    // Nothing can be said to who has not shaken hands.
    guard client.isReady else { return close(client) }
    client.connection.handleTimeout(now: now, date: date)
    flush(client)
  }
}
