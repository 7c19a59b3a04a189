internal import Wire

/// One place where broadcasts may be had, with all that a connection to it depends on; equal endpoints
/// share a connection.
struct Endpoint: Hashable, Sendable {
  /// As written.
  let url: String
  /// Without what is about broadcasts.
  let settings: Configuration.Upstream

  init(url: String, _ source: Configuration.Upstream) {
    self.url = url
    var settings = source
    let defaults = Configuration.Upstream()
    settings.url = url
    settings.live = defaults.live
    settings.namespace = defaults.namespace
    settings.namespaceSeparator = defaults.namespaceSeparator
    settings.discover = defaults.discover
    settings.isOnDemand = defaults.isOnDemand
    settings.idleTimeout = defaults.idleTimeout
    settings.retireTimeout = defaults.retireTimeout
    settings.catalogTrack = defaults.catalogTrack
    settings.catalog = defaults.catalog
    settings.backfills = defaults.backfills
    settings.repairDelay = defaults.repairDelay
    self.settings = settings
  }

  /// The same with another URL, as a relay that goes away names one; empty is the same relay.
  func moved(to uri: String) -> Endpoint {
    uri.isEmpty ? self : Endpoint(url: uri, settings)
  }
}

/// Which of a source's endpoints to try: in order of preference, while those that failed rest.
struct EndpointRoster {
  private struct Rest {
    var backoff: Backoff
    var until: Instant
  }

  let endpoints: [Endpoint]
  private var resting: [Endpoint: Rest] = [:]
  private let backoff: Backoff

  init(_ source: Configuration.Upstream) {
    endpoints = source.urls.map { Endpoint(url: $0, source) }
    backoff = Backoff(first: source.reconnectFirst, most: source.reconnectMost)
  }

  /// Lets an endpoint rest, longer each time, and as long as it wants to be left alone.
  mutating func failed(
    _ endpoint: Endpoint,
    atLeast wish: Interval = .zero,
    now: Instant,
    using random: inout some RandomNumberGenerator
  ) {
    // Relays can name any number of others.
    guard endpoints.contains(endpoint) else { return }
    var rest = resting[endpoint] ?? Rest(backoff: backoff, until: now)
    rest.until = now + max(rest.backoff.next(using: &random), min(wish, Backoff.longestWish))
    resting[endpoint] = rest
  }

  /// The next failure is the first again.
  mutating func succeeded(_ endpoint: Endpoint) { resting[endpoint] = nil }

  /// The most preferred endpoint that is not in use and does not rest.
  func next(besides used: Set<Endpoint>, now: Instant) -> Endpoint? {
    endpoints.first { endpoint in
      !used.contains(endpoint) && (resting[endpoint].map { $0.until <= now } ?? true)
    }
  }

  /// When the first of the endpoints that are not in use has rested; nil when none rests.
  func earliest(besides used: Set<Endpoint>) -> Instant? {
    endpoints.filter { !used.contains($0) }.compactMap { resting[$0]?.until }.min()
  }

  /// Whether every endpoint has failed since it last succeeded.
  var haveAllFailed: Bool { endpoints.allSatisfy { resting[$0] != nil } }
}
