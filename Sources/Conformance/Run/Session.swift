internal import Wire

/// The core that plays what is at a URL.
enum Session: Sendable {
  case hls(HLSSession)

  var failure: String? {
    switch self {
    case .hls(let session): session.failure
    }
  }

  var deadline: Instant? {
    switch self {
    case .hls(let session): session.deadline
    }
  }

  var targets: HTTPTargets? {
    switch self {
    case .hls(let session): session.targets
    }
  }

  mutating func takeFetches() -> [Fetch] {
    switch self {
    case .hls(var session):
      defer { self = .hls(session) }
      return session.takeFetches()
    }
  }

  mutating func handleTimeout(now: Instant) {
    switch self {
    case .hls(var session):
      session.handleTimeout(now: now)
      self = .hls(session)
    }
  }

  mutating func receive(_ exchange: Exchange, of identifier: Int, into ledger: inout Ledger) {
    switch self {
    case .hls(var session):
      session.receive(exchange, of: identifier, into: &ledger)
      self = .hls(session)
    }
  }

  mutating func finish(now: Instant, into ledger: inout Ledger) {
    switch self {
    case .hls(var session):
      session.finish(now: now, into: &ledger)
      self = .hls(session)
    }
  }
}
