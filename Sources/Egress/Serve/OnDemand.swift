internal import MoQ
internal import Packaging
internal import Wire

/// Which broadcasts are followed only while somebody asks, and the telling of it.
struct OnDemand {
  private struct Scope {
    let fields: [Bytes]
    let isPrefix: Bool
  }

  private let scopes: [Scope]
  private var lastTold: [BroadcastPath: Instant] = [:]

  /// Ingest is told of use this often, for each broadcast.
  private static let interval = Interval.seconds(1)
  /// How long a request may wait for a broadcast to begin.
  static let patience = Interval.seconds(15)

  init(_ configuration: Configuration) {
    scopes = configuration.effectiveSources.compactMap { source in
      guard source.isOnDemand, let namespace = try? source.trackNamespace() else { return nil }
      return Scope(fields: namespace.fields, isPrefix: source.discover)
    }
  }

  /// Whether all broadcasts are followed whether or not somebody asks.
  var isEmpty: Bool { scopes.isEmpty }

  func covers(_ path: BroadcastPath) -> Bool {
    scopes.contains { scope in
      scope.isPrefix ? path.fields.starts(with: scope.fields) : path.fields == scope.fields
    }
  }

  /// Notes that a broadcast is asked for; true when ingest has to know.
  mutating func use(_ path: BroadcastPath, now: Instant) -> Bool {
    guard covers(path) else { return false }
    if let last = lastTold[path], now - last < Self.interval { return false }
    lastTold[path] = now
    return true
  }

  /// Forgets uses that are too old to matter: names come from requests.
  mutating func sweep(now: Instant) {
    guard !lastTold.isEmpty else { return }
    lastTold = lastTold.filter { now - $0.value < Self.interval }
  }
}
