internal import HTTP
internal import LinuxIO
internal import Wire

/// Who may ask, and what is written down about it.
extension ServeLoop {
  /// Takes a request from a client, if it may ask.
  func receive(_ head: RequestHead, _ id: RequestID, from client: Client) {
    if log != nil { client.note(id, head, now: now, utc: Clock.utc) }
    let side = client.listener.side
    guard side == .operators || !isTooEarly(head, client) else {
      metrics.requestsTooEarly.increment()
      return respond(.tooManyRequests, to: id, head, client)
    }
    switch gate.decide(head, from: side, utc: UTCTime(microseconds: dateSecond * 1_000_000)) {
    case .refused(let refusal):
      metrics.count(refusal)
      respond(refusal.response, to: id, head, client)
    case .authorized(let seconds):
      respond(.authorized(seconds: seconds), to: id, head, client)
    case .admitted(let head):
      if let response = knownAnswer(to: head) { return respond(response, to: id, head, client) }
      let (answer, path) = answer(head, from: client)
      give(answer, to: id, head, client, path)
    }
  }

  /// Who asks, as far as those between are to be believed.
  func viewer(_ head: RequestHead, _ client: Client) -> Viewer {
    let access = configuration.access
    return Viewer(head, peer: client.address, access.proxies, access.proxyFields)
  }

  private func isTooEarly(_ head: RequestHead, _ client: Client) -> Bool {
    guard limits.countsRequests, let address = viewer(head, client).address,
      !configuration.access.proxies.contains(address)
    else { return false }
    return !limits.take(address, now: now)
  }

  // MARK: Connections

  /// Counts a connection that was accepted; false when its address has enough.
  func admits(_ address: Bytes?) -> Bool {
    guard let address, !configuration.access.proxies.contains(address) else { return true }
    guard limits.open(address) else {
      metrics.connectionsRefusedByAddress.increment()
      return false
    }
    return true
  }

  /// Ends what `admits` has counted.
  func release(_ address: Bytes?) {
    guard let address, !configuration.access.proxies.contains(address) else { return }
    limits.close(address)
  }

  // MARK: Log

  /// Writes down what is wholly answered; with `isGone` everything, as nothing more goes out.
  func writeDown(_ client: Client, isGone: Bool = false) {
    guard log != nil else { return }
    for asked in client.takeAnswered(isGone: isGone) {
      AccessRecord(
        head: asked.head,
        address: viewer(asked.head, client).address,
        utc: asked.utc,
        status: asked.status ?? AccessRecord.clientHasGone,
        bytes: asked.bytes,
        duration: now - asked.start,
        held: asked.status == nil ? asked.parked.map { now - $0 } ?? .zero : asked.held
      ).render(configuration.access.logFormat, into: &logLines)
      logLineCount += 1
    }
    if logLines.count >= AccessLog.batchBytes { handOverLog() }
  }

  /// Gives lines to the thread that writes them: once a turn, not once a request.
  func handOverLog() {
    guard logLineCount > 0 else { return }
    log?.write(logLines.bytes, count: logLineCount)
    logLines = ByteWriter()
    logLineCount = 0
  }
}
