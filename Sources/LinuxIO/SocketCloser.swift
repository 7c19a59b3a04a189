/// Closes sockets on a thread of its own.
///
/// With a socket goes all that its peer has not taken, which keeps the kernel busy for longer than most
/// answers take: whoever is asked by others meanwhile leaves it to this.
package final class SocketCloser: Sendable {
  private let worker: Worker<[TCPSocket]>

  package init() throws {
    // A socket is closed when the last reference to it goes, which is this one.
    worker = try Worker(name: "close") { { _ in } }
  }

  /// Takes sockets to which nobody else refers any more.
  package func close(_ sockets: [TCPSocket]) { worker.send(sockets) }

  /// Closes what waits, and ends.
  package func stop() { worker.stop() }
}
