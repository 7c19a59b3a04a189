/// A thread that takes what it is sent, one message after the other, so that a loop need not wait for it.
package final class Worker<Message: Sendable>: Sendable {
  /// What waits; nil ends the thread.
  private let mailbox: Mailbox<Message?>
  private let thread: LoopThread

  /// Starts a thread that first makes what takes the messages, and waits until that is made.
  ///
  /// What is made stays on the thread, so it need not be Sendable. Throws what `make` threw; `name` is cut
  /// to the kernel's 15 bytes.
  package init(
    name: String,
    making make: @escaping @Sendable () throws -> (Message) -> Void
  ) throws {
    let mailbox = try Mailbox<Message?>()
    self.mailbox = mailbox
    thread = try LoopThread(name: name) {
      let take = try make()
      let loop = try EventLoop()
      _ = try loop.add(mailbox)
      return {
        while true {
          guard (try? loop.wait(until: nil) { _, _ in }) != nil else { return }
          for message in mailbox.drain() {
            guard let message else { return }
            take(message)
          }
        }
      }
    }
  }

  /// Sends a message, unless `limit` of them wait; tells whether it was sent.
  @discardableResult
  package func send(_ message: Message, limit: Int = .max) -> Bool {
    var isSent = true
    mailbox.post(message) { waiting, _ in
      isSent = waiting.count < limit
      return !isSent
    }
    return isSent
  }

  /// Lets the thread take what waits, and ends it; call once.
  package func stop() {
    mailbox.post(nil)
    thread.join()
  }
}
