internal import CLinux
internal import Glibc
package import Wire

/// A signal that ends or reloads the service.
package enum Signal: Sendable {
  case terminate
  case interrupt
  case hangUp
  /// SIGUSR1, by which log files are asked to be opened anew.
  case reopen
}

/// Signals as readable events.
///
/// Create it on the first thread before any other is started: the block is inherited.
package final class Signals {
  private let event: FileDescriptor

  package init() throws(SystemError) {
    // A client that goes away while being written to is an error code, not a signal.
    _ = signal(SIGPIPE, SIG_IGN)
    let watched = [SIGTERM, SIGINT, SIGHUP, SIGUSR1]
    let descriptor = unsafe clinux_signalfd(watched, CInt(watched.count))
    guard descriptor >= 0 else { throw SystemError("signalfd") }
    event = FileDescriptor(owning: descriptor)
  }

  package var descriptor: CInt { event.rawValue }

  /// Blocks until a signal arrives or the deadline passes, which gives nil.
  package func wait(until deadline: Instant? = nil) -> Signal? {
    while true {
      if let signal = next() { return signal }
      var milliseconds: Int64 = -1
      if let deadline {
        milliseconds = (deadline - Clock.now).nanoseconds / 1_000_000
        guard milliseconds >= 0 else { return nil }
      }
      clinux_wait_readable(event.rawValue, CInt(clamping: milliseconds < 0 ? -1 : milliseconds + 1))
    }
  }

  /// The next signal that arrived, nil when none waits.
  package func next() -> Signal? {
    while true {
      switch clinux_signal_read(event.rawValue) {
      case 0: return nil
      case SIGTERM: return .terminate
      case SIGINT: return .interrupt
      case SIGHUP: return .hangUp
      case SIGUSR1: return .reopen
      default: continue
      }
    }
  }
}
