internal import Synchronization

/// Counters that all loops add to and any loop prints.
final class Metrics: Sendable {
  let responses1xx3xx = Atomic<Int>(0)
  let responses2xx = Atomic<Int>(0)
  let responses4xx = Atomic<Int>(0)
  let responses5xx = Atomic<Int>(0)
  let bytesSent = Atomic<Int>(0)
  let connectionsOpen = Atomic<Int>(0)
  let connectionsTotal = Atomic<Int>(0)
  let connectionsRefused = Atomic<Int>(0)
  let tlsHandshakes = Atomic<Int>(0)
  let tlsResumptions = Atomic<Int>(0)
  let tlsFailures = Atomic<Int>(0)
  let clientsTooSlow = Atomic<Int>(0)
  let clientsTimedOut = Atomic<Int>(0)
  let requestsRefused = Atomic<Int>(0)
  let parked = Atomic<Int>(0)
  let parkedTotal = Atomic<Int>(0)
  let parkedRefused = Atomic<Int>(0)
  let parkedExpired = Atomic<Int>(0)

  let connectionsRefusedByAddress = Atomic<Int>(0)
  let requestsTooEarly = Atomic<Int>(0)
  let accessLinesDropped = Atomic<Int>(0)
  let refusedTokens = Atomic<Int>(0)
  let refusedSecrets = Atomic<Int>(0)
  let reloads = Atomic<Int>(0)
  let reloadsRefused = Atomic<Int>(0)

  func count(_ refusal: Gate.Refusal) {
    switch refusal {
    case .token: refusedTokens.increment()
    case .secret: refusedSecrets.increment()
    case .notServedHere: break
    }
  }

  func count(status: UInt16) {
    switch status {
    case 200..<300: responses2xx.add(1, ordering: .relaxed)
    case 400..<500: responses4xx.add(1, ordering: .relaxed)
    case 500...: responses5xx.add(1, ordering: .relaxed)
    default: responses1xx3xx.add(1, ordering: .relaxed)
    }
  }
}

extension Atomic<Int> {
  /// Adds without ordering other memory: a count, not a signal.
  func increment(by count: Int = 1) { add(count, ordering: .relaxed) }

  var value: Int { load(ordering: .relaxed) }
}
