internal import HTTP
internal import LinuxIO
internal import Wire

/// What is done at the end of a turn, as far as its time goes.
extension ServeLoop {
  /// Gives answers to those who waited, then lets clients have their turn of whom there is much.
  func workOff() {
    guard !backlog.isEmpty else { return }
    let start = Clock.now
    while let (response, members) = backlog.nextReleased() {
      for member in members {
        guard let client = unpark(member) else { continue }
        respond(response, to: member.request, client)
        flush(client)
      }
      guard Clock.now - start < Backlog.patience else { break }
    }
    let middle = Clock.now
    // Whoever is postponed again comes after those who wait for their first turn.
    for _ in 0..<backlog.postponedCount {
      guard let token = backlog.nextPostponed() else { break }
      if let client = clients[token] {
        client.isPostponed = false
        flush(client, inTurn: true)
      }
      guard Clock.now - middle < Backlog.patience else { break }
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
