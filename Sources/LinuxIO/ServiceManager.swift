internal import CLinux
package import Wire

/// The service manager that started this process, such as systemd, and wants to know how it is.
///
/// One datagram a message, sd_notify(3).
package struct ServiceManager: Sendable {
  package enum State: Sendable {
    /// It serves: at the start, and after a reload.
    case ready
    case reloading(since: Instant)
    case stopping
    /// It is not stuck.
    case alive
  }

  private let socket: [CChar]
  /// At least how often it wants to hear `State.alive`; nil when it does not watch.
  package let watchdogInterval: Interval?

  /// Finds the manager by the variables it sets; nil when there is none.
  package init?(_ environment: [String: String]) {
    guard let name = environment["NOTIFY_SOCKET"], name.hasPrefix("/") || name.hasPrefix("@") else {
      return nil
    }
    socket = name.utf8.map { CChar(bitPattern: $0) }
    // A day is as good as never, and keeps absurd numbers out of the arithmetic.
    watchdogInterval = environment["WATCHDOG_USEC"].flatMap { Int64($0) }.flatMap { microseconds in
      microseconds > 0 ? .milliseconds(min(microseconds, 86_400_000_000) / 1000) : nil
    }
  }

  /// Says how it is; a manager that does not listen is no reason to stop.
  package func tell(_ state: State) {
    let text = Self.text(state).utf8.map { CChar(bitPattern: $0) }
    _ = unsafe clinux_send_to_unix(socket, CInt(clamping: socket.count), text, CInt(text.count))
  }

  private static func text(_ state: State) -> String {
    switch state {
    case .ready: "READY=1"
    case .reloading(let since): "RELOADING=1\nMONOTONIC_USEC=\(since.nanoseconds / 1000)"
    case .stopping: "STOPPING=1"
    case .alive: "WATCHDOG=1"
    }
  }
}
