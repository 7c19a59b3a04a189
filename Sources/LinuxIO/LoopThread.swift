internal import CLinux
internal import Glibc
internal import Synchronization

/// A named thread that runs a loop to its end.
///
/// The body builds the loop's state inside itself, so that nothing unsendable crosses threads.
package final class LoopThread: Sendable {
  private final class Start: Sendable {
    let name: String
    let body: @Sendable () -> Void
    init(name: String, body: @escaping @Sendable () -> Void) {
      self.name = name
      self.body = body
    }
  }

  private let thread: pthread_t

  /// Starts a thread; `name` is cut to the kernel's 15 bytes.
  package init(name: String, _ body: @escaping @Sendable () -> Void) throws(SystemError) {
    let start = Start(name: String(name.prefix(15)), body: body)
    var thread = pthread_t()
    // The retain is balanced by the thread, or below when there is none.
    let context = unsafe Unmanaged.passRetained(start)
    let result = unsafe pthread_create(
      &thread,
      nil,
      { context in
        guard let context = unsafe context else { return nil }
        let start = unsafe Unmanaged<Start>.fromOpaque(context).takeRetainedValue()
        unsafe clinux_thread_name(start.name)
        start.body()
        return nil
      },
      context.toOpaque()
    )
    guard result == 0 else {
      unsafe context.release()
      throw SystemError(operation: "pthread_create \(name)", code: result)
    }
    self.thread = thread
  }

  /// Starts a thread that first makes something and then runs it, and waits until that is made.
  ///
  /// What is made stays on the thread, so it need not be Sendable. Throws what `make` threw; the thread
  /// is over then.
  package convenience init(
    name: String,
    making make: @escaping @Sendable () throws -> () -> Void
  ) throws {
    let outcome = try Outcome()
    let body: @Sendable () -> Void = {
      do {
        let run = try make()
        outcome.report(nil)
        run()
      } catch {
        outcome.report(error)
      }
    }
    try self.init(name: name, body)
    guard let error = outcome.wait() else { return }
    join()
    throw error
  }

  /// What came of making something on another thread.
  private final class Outcome: Sendable {
    private let error = Mutex<(any Error)?>(nil)
    private let event: FileDescriptor

    init() throws(SystemError) {
      let descriptor = clinux_eventfd()
      guard descriptor >= 0 else { throw SystemError("eventfd") }
      event = FileDescriptor(owning: descriptor)
    }

    func report(_ error: (any Error)?) {
      self.error.withLock { $0 = error }
      var one: UInt64 = 1
      _ = unsafe write(event.rawValue, &one, 8)
    }

    func wait() -> (any Error)? {
      clinux_wait_readable(event.rawValue, -1)
      return error.withLock { $0 }
    }
  }

  /// Waits for the body to return; call once.
  package func join() { _ = pthread_join(thread, nil) }

  /// Lets the thread end by itself; nothing may be called after it, and not after ``join()``.
  package func detach() { _ = pthread_detach(thread) }
}
