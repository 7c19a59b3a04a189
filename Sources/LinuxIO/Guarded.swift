internal import Synchronization

/// State that threads share, under a lock.
package struct Guarded<State: Sendable>: ~Copyable, Sendable {
  private let state: Mutex<State>
  /// Orders what is done under the lock once more: where threads contend for the lock, it is taken inside
  /// the standard library, of which the thread sanitizer sees nothing.
  private let order = Atomic<Bool>(false)

  package init(_ state: State) { self.state = Mutex(state) }

  package borrowing func withLock<Result: Sendable>(_ body: (inout State) -> Result) -> Result {
    state.withLock { state in
      _ = order.load(ordering: .acquiring)
      defer { order.store(true, ordering: .releasing) }
      return body(&state)
    }
  }
}
