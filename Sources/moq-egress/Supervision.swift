import Egress
import LinuxIO
import Wire

/// A service's life by its signals.
///
/// SIGHUP reloads, SIGUSR1 opens the access log anew, the first SIGTERM or SIGINT drains and stops, a second
/// ends at once. The service manager is told.
struct Supervision {
  private let service: Service
  private let signals: Signals
  private let manager: ServiceManager?

  init(_ service: Service, _ signals: Signals, _ manager: ServiceManager?) {
    self.service = service
    self.signals = signals
    self.manager = manager
  }

  /// Returns when the service has stopped.
  func run(reload: () -> Void) {
    manager?.tell(.ready)
    serve(reload)
    manager?.tell(.stopping)
    if !drain() || !finish() { service.endNow() }
    service.stop()
  }

  /// Until a signal asks for the end.
  private func serve(_ reload: () -> Void) {
    while true {
      switch wait(until: nil) {
      case .terminate, .interrupt: return
      case .hangUp:
        manager?.tell(.reloading(since: Clock.now))
        reload()
        manager?.tell(.ready)
      case .reopen: service.reopenLog()
      case nil: continue
      }
    }
  }

  /// Waits for balancers to look elsewhere; false when another signal ends that.
  private func drain() -> Bool {
    guard service.drainDelay > .seconds(0) else { return true }
    service.drain()
    return !isHurried(until: Clock.now + service.drainDelay)
  }

  /// Waits for answers to be taken; false when another signal ends that.
  private func finish() -> Bool {
    service.beginStop()
    while !service.hasStopped {
      if isHurried(until: Clock.now + .milliseconds(20)) { return false }
    }
    return true
  }

  /// Whether a signal to end comes before the deadline.
  private func isHurried(until deadline: Instant) -> Bool {
    while Clock.now < deadline {
      switch wait(until: deadline) {
      case .terminate, .interrupt: return true
      case .hangUp, .reopen, nil: continue
      }
    }
    return false
  }

  /// The next signal, nil when the deadline passes; tells the manager meanwhile that nothing hangs.
  private func wait(until deadline: Instant?) -> Signal? {
    while true {
      var next = deadline
      if let interval = manager?.watchdogInterval {
        if service.isAlive(now: Clock.now) { manager?.tell(.alive) }
        let due = Clock.now + .milliseconds(max(1, interval.nanoseconds / 2_000_000))
        next = next.map { min($0, due) } ?? due
      }
      if let signal = signals.wait(until: next) { return signal }
      if let deadline, Clock.now >= deadline { return nil }
    }
  }
}

/// Blocks until a signal asks to stop.
func waitForStop(_ signals: Signals) {
  while true {
    switch signals.wait() {
    case .terminate, .interrupt: return
    case .hangUp, .reopen, nil: continue
    }
  }
}
