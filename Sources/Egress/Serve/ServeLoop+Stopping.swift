internal import HTTP
internal import LinuxIO
internal import Wire

/// The end of a loop, which lasts until all connections are gone.
extension ServeLoop {
  /// Gives up its addresses, refuses what waits for media, and lets what is being sent go on.
  func stop() {
    guard !isStopping else { return }
    // Whoever has connected and asked already gets an answer.
    for listener in listening.values { while accept(listener) {} }
    for client in clients.all where client.isReady { serve(client, .readable) }
    isStopping = true
    stopDeadline = now + configuration.server.stopTimeout
    pauseListening()
    for listener in listeners { listener.socket.stop() }
    for client in clients.all { client.connection.stopReading() }
    refuseParked()
    for client in clients.all { finish(client) }
  }

  /// Tells those whose requests wait that there is nothing to wait for; segments that are being sent as
  /// they grow go on growing.
  private func refuseParked() {
    for key in Array(waiting.keys) {
      for parked in waiting[key]?.takeAllParked() ?? [] {
        for member in parked.members {
          guard let client = unpark(member) else { continue }
          respond(
            .unavailable("the server is stopping"),
            to: member.request,
            parked.head,
            client
          )
        }
      }
    }
  }

  /// Lets a client go that is owed nothing; the others go when they have what is theirs.
  private func finish(_ client: Client) {
    guard client.isReady else { return close(client) }
    guard client.connection.openRequests == 0, !client.hasOutput, !client.isLingering else {
      return flush(client)
    }
    client.endSession()
    _ = write(client)
    close(client)
  }

  /// Breaks off what is left.
  func end() {
    for client in clients.all {
      if client.connection.openRequests > 0 || client.hasOutput { client.socket.resetAtClose() }
      close(client)
    }
    waiting = [:]
  }
}
