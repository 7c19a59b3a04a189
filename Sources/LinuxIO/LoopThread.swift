internal import CLinux
internal import Glibc

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
      &thread, nil,
      { context in
        guard let context = unsafe context else { return nil }
        let start = unsafe Unmanaged<Start>.fromOpaque(context).takeRetainedValue()
        unsafe clinux_thread_name(start.name)
        start.body()
        return nil
      }, context.toOpaque())
    guard result == 0 else {
      unsafe context.release()
      throw SystemError(operation: "pthread_create \(name)", code: result)
    }
    self.thread = thread
  }

  /// Waits for the body to return; call once.
  package func join() { _ = pthread_join(thread, nil) }
}
