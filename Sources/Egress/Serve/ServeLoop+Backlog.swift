internal import HTTP
internal import LinuxIO
internal import Wire

/// What is done at the end of a turn, as far as its time goes.
extension ServeLoop {
  /// Gives answers to those who waited, then does some of the rest.
  func workOff() {
    guard !backlog.isEmpty else { return }
    let start = Clock.now
    while let (release, members) = backlog.nextReleased() {
      for member in members {
        guard let client = unpark(member) else { continue }
        respond(release.response, to: member.request, release.head, client)
        flush(client)
      }
      guard Clock.now - start < Backlog.releasePatience else { break }
    }
    let middle = Clock.now
    while let work = backlog.next() {
      perform(work)
      guard Clock.now - middle < Backlog.patience else { break }
    }
    // Their sockets tell again.
    backlog.arrivals = []
  }

  private func perform(_ work: Backlog.Work) {
    switch work {
    case .arrival(let listener):
      if accept(listener) { backlog.arrivals.append(listener) }
    case .postponed(let token):
      guard let client = clients[token] else { return }
      client.isPostponed = false
      flush(client, inTurn: true)
    case .late(let token):
      guard let client = clients[token] else { return }
      client.isLate = false
      // It may have done what it was late with.
      if isOverdue(client) { expire(client) }
    }
  }

  func postpone(_ client: Client) {
    client.isPostponed = true
    backlog.append(client.token)
  }

  /// Watches a client for nothing; its turn sets right what it is watched for.
  func ignore(_ client: Client) {
    client.watchesRead = false
    client.watchesWrite = false
    loop.modify(client.socket.descriptor, client.token, readable: false, writable: false)
  }
}
