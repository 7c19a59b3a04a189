/// Closes sockets on a thread of its own.
///
/// With a socket goes all that its peer has not taken, which keeps the kernel busy for longer than most
/// answers take: whoever is asked by others meanwhile leaves it to this.
package final class SocketCloser: Sendable {
  private enum Message: Sendable {
    case sockets([TCPSocket])
    case stop
  }

  private let mailbox: Mailbox<Message>
  private let thread: LoopThread

  package init() throws {
    let mailbox = try Mailbox<Message>()
    self.mailbox = mailbox
    thread = try LoopThread(name: "close") {
      let loop = try EventLoop()
      _ = try loop.add(mailbox.descriptor)
      return {
        while true {
          guard (try? loop.wait(until: nil) { _, _ in }) != nil else { return }
          for message in mailbox.drain() {
            if case .stop = message { return }
          }
        }
      }
    }
  }

  /// Takes sockets to which nobody else refers any more.
  package func close(_ sockets: [TCPSocket]) { mailbox.post(.sockets(sockets)) }

  /// Closes what waits, and ends.
  package func stop() {
    mailbox.post(.stop)
    thread.join()
  }
}
