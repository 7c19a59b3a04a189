import LinuxIO
import Synchronization
import Testing
import Wire

@Suite struct WorkerTests {
  private final class Taken: Sendable {
    let messages = Mutex<[Int]>([])
  }

  /// Lets one thread wait for a word of another.
  private final class Gate: Sendable {
    private let mailbox: Mailbox<Void>
    init() throws { mailbox = try Mailbox() }
    func open() { mailbox.post(()) }
    func wait() throws {
      let loop = try EventLoop()
      _ = try loop.add(mailbox)
      try loop.wait(until: Clock.now + .seconds(20)) { _, _ in }
      try #require(mailbox.takeLast() != nil)
    }
  }

  @Test func `all that was sent is taken in order before a worker has stopped`() throws {
    let taken = Taken()
    let worker = try Worker<Int>(name: "test") {
      { message in taken.messages.withLock { $0.append(message) } }
    }
    for message in 0..<1000 { #expect(worker.send(message)) }
    worker.stop()
    #expect(taken.messages.withLock { $0 } == Array(0..<1000))
  }

  @Test func `no more than the limit waits`() throws {
    let taken = Taken()
    let (begun, goOn) = (try Gate(), try Gate())
    let worker = try Worker<Int>(name: "test") {
      { message in
        taken.messages.withLock { $0.append(message) }
        guard message == 0 else { return }
        begun.open()
        do { try goOn.wait() } catch { Issue.record(error) }
      }
    }
    worker.send(0)
    try begun.wait()
    #expect((1...4).map { worker.send($0, limit: 2) } == [true, true, false, false])
    #expect(worker.send(5, limit: 3))
    goOn.open()
    worker.stop()
    #expect(taken.messages.withLock { $0 } == [0, 1, 2, 5])
  }

  @Test func `what can't be made is an error at the start`() {
    #expect(throws: SystemError.self) {
      _ = try Worker<Int>(name: "test") { throw SystemError(operation: "test", code: 1) }
    }
  }
}
