internal import CLinux
internal import Glibc

/// Hands values from any thread to one loop and wakes it.
///
/// The receiving loop watches it by ``EventLoop/add(_:)`` and calls ``drain()`` when it is reported.
package final class Mailbox<Value: Sendable>: Sendable {
  private struct Content {
    var values: [Value] = []
    /// The receiver has been woken since it last looked.
    var hasWoken = false
  }

  private let content = Guarded(Content())
  /// Only ever written to: each write is an event of its own to a loop that watches for changes, and
  /// reading would be one more call.
  private let event: FileDescriptor

  package init() throws(SystemError) {
    let descriptor = clinux_eventfd()
    guard descriptor >= 0 else { throw SystemError("eventfd") }
    event = FileDescriptor(owning: descriptor)
  }

  fileprivate var descriptor: CInt { event.rawValue }

  /// Adds a value, or lets `merge` put it into what is waiting (true: it did), so that a slow receiver
  /// finds the newest state and not a queue of old ones.
  ///
  /// What need not `wake` the receiver is found when it next looks.
  package func post(
    _ value: Value,
    wakes: Bool = true,
    merging merge: (inout [Value], Value) -> Bool = { _, _ in false }
  ) {
    let isToWake = content.withLock { content in
      if content.values.isEmpty || !merge(&content.values, value) { content.values.append(value) }
      guard wakes, !content.hasWoken else { return false }
      content.hasWoken = true
      return true
    }
    if isToWake { signal() }
  }

  /// Wakes the receiver for what waits, unless it has been woken since it last looked.
  package func wake() {
    let isToWake = content.withLock { content in
      guard !content.values.isEmpty, !content.hasWoken else { return false }
      content.hasWoken = true
      return true
    }
    if isToWake { signal() }
  }

  private func signal() {
    var one: UInt64 = 1
    _ = unsafe write(event.rawValue, &one, 8)
  }

  /// Takes the newest value without waiting for the loop; nil when none waits.
  package func takeLast() -> Value? { drain().last }

  /// Takes everything that waits, oldest first.
  package func drain() -> [Value] {
    content.withLock { content in
      content.hasWoken = false
      guard !content.values.isEmpty else { return [] }
      let taken = content.values
      content.values = []
      return taken
    }
  }
}

extension EventLoop {
  /// Starts watching a mailbox: it is reported when something was posted that wakes.
  package func add<Value>(_ mailbox: Mailbox<Value>) throws(SystemError) -> EventToken {
    try add(mailbox.descriptor, onlyChanges: true)
  }
}
