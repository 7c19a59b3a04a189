import LinuxIO
import Testing
import Wire

@Suite struct MailboxTests {
  private let mailbox: Mailbox<Int>
  private let loop: EventLoop

  init() throws {
    mailbox = try Mailbox()
    loop = try EventLoop()
    _ = try loop.add(mailbox)
  }

  /// How often the mailbox is reported: events are there when `post` has returned.
  private func reports() throws -> Int {
    var count = 0
    try loop.wait(until: Clock.now) { _, _ in count += 1 }
    return count
  }

  @Test func `whoever watches is woken once for all that waits`() throws {
    mailbox.post(1)
    mailbox.post(2)
    #expect(try reports() == 1)
    #expect(mailbox.drain() == [1, 2])
    #expect(mailbox.drain() == [])
    #expect(try reports() == 0)
    mailbox.post(3)
    #expect(try reports() == 1)
  }

  @Test func `one who looks later is told of what came before it watched`() throws {
    mailbox.post(1)
    let late = try EventLoop()
    _ = try late.add(mailbox)
    var count = 0
    try late.wait(until: Clock.now) { _, _ in count += 1 }
    #expect(count == 1)
  }

  @Test func `what does not wake waits until somebody does`() throws {
    mailbox.post(1, wakes: false)
    #expect(try reports() == 0)
    mailbox.wake()
    mailbox.wake()
    #expect(try reports() == 1)
    #expect(mailbox.drain() == [1])
    mailbox.wake()
    #expect(try reports() == 0)
  }

  @Test func `what waits quietly is found with what wakes`() throws {
    mailbox.post(1, wakes: false)
    mailbox.post(2)
    #expect(try reports() == 1)
    #expect(mailbox.drain() == [1, 2])
  }

  @Test func `a value is merged into those that wait, and kept where there are none`() {
    let replace = { (waiting: inout [Int], value: Int) in
      waiting = [value]
      return true
    }
    mailbox.post(1, merging: replace)
    mailbox.post(2, merging: replace)
    #expect(mailbox.drain() == [2])
  }
}
