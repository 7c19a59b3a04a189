internal import CLinux
internal import Glibc
internal import Synchronization

/// Hands values from any thread to one loop and wakes it: the one lock between loops.
///
/// The receiving loop watches `descriptor` for input and calls `drain` when it is readable.
package final class Mailbox<Value: Sendable>: Sendable {
  private let values = Mutex<[Value]>([])
  /// Orders what is done under the lock once more: where threads contend for the lock, it is taken inside
  /// the standard library, of which the thread sanitizer sees nothing.
  private let order = Atomic<Bool>(false)
  private let event: FileDescriptor

  package init() throws(SystemError) {
    let descriptor = clinux_eventfd()
    guard descriptor >= 0 else { throw SystemError("eventfd") }
    event = FileDescriptor(owning: descriptor)
  }

  package var descriptor: CInt { event.rawValue }

  /// Adds a value, or lets `merge` put it into what is waiting (true: it did), so that a slow receiver
  /// finds the newest state and not a queue of old ones.
  package func post(
    _ value: Value,
    merging merge: (inout [Value], Value) -> Bool = { _, _ in false }
  ) {
    let wasEmpty = values.withLock { waiting in
      _ = order.load(ordering: .acquiring)
      defer { order.store(true, ordering: .releasing) }
      let wasEmpty = waiting.isEmpty
      if wasEmpty || !merge(&waiting, value) { waiting.append(value) }
      return wasEmpty
    }
    guard wasEmpty else { return }
    var one: UInt64 = 1
    _ = unsafe write(event.rawValue, &one, 8)
  }

  /// Takes the newest value without waiting for the loop; nil when none waits.
  package func takeLast() -> Value? { drain().last }

  /// Takes everything that waits, oldest first.
  package func drain() -> [Value] {
    var count: UInt64 = 0
    _ = unsafe read(event.rawValue, &count, 8)
    return values.withLock { waiting in
      _ = order.load(ordering: .acquiring)
      defer { order.store(true, ordering: .releasing) }
      let taken = waiting
      waiting = []
      return taken
    }
  }
}
