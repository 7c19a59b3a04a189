/// What a running service makes of another configuration.
package struct ConfigurationChange: Sendable {
  /// The paths of keys that change at once.
  package private(set) var live: [String] = []
  /// The paths of keys that differ and are not looked at before the next start.
  package private(set) var atRestart: [String] = []
  /// What is in force from now on.
  package private(set) var result: Configuration

  /// Compares what is in force with what is wanted.
  package init(from current: Configuration, to wanted: Configuration) {
    result = current
    for key in ConfigurationKey.all where key.get(current) != key.get(wanted) {
      if key.isLive { live.append(key.path) } else { atRestart.append(key.path) }
    }
    if current.sources != wanted.sources { atRestart.append("sources") }
    result.logLevel = wanted.logLevel
    result.server = wanted.server
    // Sockets and threads are there already.
    result.server.listen = current.server.listen
    result.server.secureListen = current.server.secureListen
    result.server.adminListen = current.server.adminListen
    result.server.socketMode = current.server.socketMode
    result.server.threads = current.server.threads
    result.access = wanted.access
    // What counts and what writes are made at the start, as is who was not counted.
    result.access.proxies = current.access.proxies
    result.access.log = current.access.log
    result.access.connectionsPerAddress = current.access.connectionsPerAddress
    result.access.requestsPerSecond = current.access.requestsPerSecond
    result.access.requestBurst = current.access.requestBurst
  }
}

extension ConfigurationKey {
  /// Whether a service that runs takes a new value.
  package var isLive: Bool {
    switch path {
    case "server.listen", "server.listen-tls", "server.listen-admin", "server.socket-mode",
      "server.threads", "access.trusted-proxies", "access.log", "access.connections-per-address",
      "access.requests-per-second", "access.request-burst":
      false
    default:
      path == "log-level" || path.hasPrefix("server.") || path.hasPrefix("access.")
    }
  }
}
