internal import LinuxIO
package import Logging
internal import MoQ
internal import Synchronization
package import Wire

/// Follows a broadcast as the service would, and gives everything that comes as a recording.
package final class Recorder {
  private let mailbox: Mailbox<IngestMessage>
  private let thread: LoopThread

  /// Starts; `write` is called on a thread of the recorder with the recording's bytes, piece by piece, and
  /// whether they are of an object.
  ///
  /// Throws what can be known to fail: a bad URL, unreadable credentials.
  package init(
    _ configuration: Configuration,
    logger: Logger,
    write: @escaping @Sendable (Bytes, _ isObject: Bool) -> Void
  ) throws {
    let mailbox = try Mailbox<IngestMessage>()
    self.mailbox = mailbox
    thread = try LoopThread(
      name: "record",
      making: {
        var writer = RecordingFormat.Writer()
        var hasStarted = false
        let loop = try IngestLoop(
          configuration: configuration,
          serving: [],
          observer: nil,
          mailbox: mailbox,
          logger: logger,
          tap: { entry, draft in
            if !hasStarted { write(RecordingFormat.Writer.start(draft: draft), false) }
            hasStarted = true
            write(writer.bytes(of: entry), entry.isObject)
          }
        )
        return { loop.run() }
      }
    )
  }

  /// Ends the recording and waits for the last of it.
  package func stop() {
    mailbox.post(.stop)
    thread.join()
  }
}
