internal import LinuxIO
internal import Wire

/// What a serve loop is told, and which of it the loop waits for.
///
/// A snapshot of a broadcast that no request waits for does not wake the loop, which takes it at the
/// beginning of its next turn, before it looks at what clients ask. A loop that nothing else wakes has a
/// turn in each of its ``Rounds``.
final class ServeInbox: Sendable {
  private let mailbox: Mailbox<ServeMessage>
  private let awaited = Guarded<Set<BroadcastPath>>([])

  init() throws(SystemError) { mailbox = try Mailbox() }

  /// Adds a message, in place of an older one about the same thing: a slow loop finds the newest.
  func post(_ message: ServeMessage) {
    switch message {
    case .snapshot(let path, _, _):
      // Whoever begins to wait says so and then looks whether one has come: one of the two sees the other.
      mailbox.post(message, wakes: false, merging: Self.merge)
      if awaited.withLock({ $0.contains(path) }) { mailbox.wake() }
    case .status:
      mailbox.post(message, wakes: false, merging: Self.merge)
    default:
      mailbox.post(message)
    }
  }

  /// Takes everything that waits, oldest first.
  func drain() -> [ServeMessage] { mailbox.drain() }

  /// Lets snapshots of a broadcast wake the loop, one that has come since it last looked among them.
  func expect(_ path: BroadcastPath) {
    if awaited.withLock({ $0.insert(path).inserted }) { mailbox.wake() }
  }

  /// Lets snapshots of these broadcasts wake the loop, and of no others.
  func expectOnly(_ paths: Set<BroadcastPath>) { awaited.withLock { $0 = paths } }

  /// Has a loop told of what wakes it.
  func watch(in loop: EventLoop) throws(SystemError) -> EventToken { try loop.add(mailbox) }

  private static func merge(_ waiting: inout [ServeMessage], _ message: ServeMessage) -> Bool {
    for index in waiting.indices.reversed() {
      switch (waiting[index], message) {
      // A snapshot that came before the end of its broadcast is not the place for one after it.
      case (.retired(let old), .snapshot(let new, _, _)) where old == new: return false
      case (.snapshot(let old, _, _), .snapshot(let new, _, _)) where old == new: break
      case (.status, .status): break
      default: continue
      }
      waiting[index] = message
      return true
    }
    return false
  }
}
