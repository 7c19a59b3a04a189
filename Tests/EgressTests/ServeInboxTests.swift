import LinuxIO
import Packaging
import Testing
import Wire

@testable import Egress

/// What wakes a serve loop, and what it finds.
@Suite struct ServeInboxTests {
  private let inbox: ServeInbox
  private let loop: EventLoop
  private let path = BroadcastPath(fields: [Bytes(utf8: "one")])
  private let other = BroadcastPath(fields: [Bytes(utf8: "other")])

  init() throws {
    inbox = try ServeInbox()
    loop = try EventLoop()
    _ = try inbox.watch(in: loop)
  }

  private func post(_ path: BroadcastPath) {
    inbox.post(.snapshot(path, Origin.growing, UTCTime(microseconds: 0)))
  }

  private func isWoken() throws -> Bool {
    var isWoken = false
    try loop.wait(until: Clock.now) { _, _ in isWoken = true }
    return isWoken
  }

  @Test func `a snapshot wakes the loop when a request waits for its broadcast`() throws {
    inbox.expect(path)
    post(other)
    #expect(try !isWoken())
    post(path)
    #expect(try isWoken())
    #expect(inbox.drain().count == 2)
    inbox.expectOnly([other])
    post(path)
    #expect(try !isWoken())
    post(other)
    #expect(try isWoken())
  }

  @Test func `a snapshot that came before its broadcast was waited for wakes the loop then`() throws
  {
    post(path)
    #expect(try !isWoken())
    inbox.expect(path)
    #expect(try isWoken())
    inbox.expect(path)
    #expect(try !isWoken())
    #expect(inbox.drain().count == 1)
    inbox.expect(other)
    #expect(try !isWoken())
  }

  @Test func `what is told of the whole wakes the loop only where it changes what it does`() throws
  {
    inbox.post(.status(IngestReport(unready: [])))
    #expect(try !isWoken())
    for message in [ServeMessage.absent(path), .retired(path), .drain, .stop, .end] {
      inbox.post(message)
      #expect(try isWoken())
      _ = inbox.drain()
    }
  }

  @Test func `the newest snapshot of a broadcast takes the place of the one before it`() {
    for path in [path, other, path] { post(path) }
    #expect(inbox.drain().count == 2)
  }
}
