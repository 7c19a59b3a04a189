internal import Synchronization
internal import Wire

/// What one address may cost; shared by all serve loops.
///
/// Of IPv6 the first 64 bits are an address: who has one of them has all that begin so.
final class ClientLimits: Sendable {
  private struct State {
    var connections: [Bytes: Int] = [:]
    /// When the requests so far would all have been due, had they come evenly.
    var due: [Bytes: Instant] = [:]
  }

  private let connections: Int
  /// Between requests that come evenly; nil: no limit.
  private let interval: Interval?
  /// How far ahead of that requests may be.
  private let lead: Interval
  private let state = Mutex(State())

  /// Most addresses whose requests are counted; those past it are not.
  static let addressLimit = 65_536

  init(_ access: Configuration.Access) {
    connections = access.connectionsPerAddress
    interval =
      access.requestsPerSecond > 0
      ? Interval(nanoseconds: 1_000_000_000 / Int64(access.requestsPerSecond)) : nil
    lead = (interval ?? .zero) * Int64(access.requestBurst - 1)
  }

  var countsRequests: Bool { interval != nil }

  /// Counts a connection; false when the address has enough.
  func open(_ address: Bytes) -> Bool {
    guard connections > 0 else { return true }
    let key = Self.key(address)
    return state.withLock { state in
      let count = state.connections[key, default: 0]
      guard count < connections else { return false }
      state.connections[key] = count + 1
      return true
    }
  }

  /// Ends a connection that was counted.
  func close(_ address: Bytes) {
    guard connections > 0 else { return }
    let key = Self.key(address)
    state.withLock { state in
      let count = state.connections[key, default: 0]
      state.connections[key] = count > 1 ? count - 1 : nil
    }
  }

  /// Counts a request; false when it comes too early.
  func take(_ address: Bytes, now: Instant) -> Bool {
    guard let interval else { return true }
    let key = Self.key(address)
    return state.withLock { state in
      let due = max(state.due[key] ?? now, now)
      guard due - now <= lead else { return false }
      if state.due.count >= Self.addressLimit, state.due[key] == nil {
        state.due = state.due.filter { $0.value > now }
        guard state.due.count < Self.addressLimit else { return true }
      }
      state.due[key] = due + interval
      return true
    }
  }

  private static func key(_ address: Bytes) -> Bytes {
    address.count == 16 ? address.prefix(8) : address
  }
}
