internal import Synchronization
package import Wire

/// Tells other threads that a loop still turns.
package final class Pulse: Sendable {
  private let last: Atomic<Int64>

  package init() { last = Atomic(Clock.now.nanoseconds) }

  /// Notes a turn of the loop.
  package func beat(_ now: Instant) { last.store(now.nanoseconds, ordering: .relaxed) }

  /// When it last turned.
  package var lastBeat: Instant { Instant(nanoseconds: last.load(ordering: .relaxed)) }
}
