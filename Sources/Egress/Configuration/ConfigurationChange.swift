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
    result.server.threads = current.server.threads
  }
}

extension ConfigurationKey {
  /// Whether a service that runs takes a new value.
  package var isLive: Bool {
    switch path {
    case "server.listen", "server.listen-tls", "server.threads": false
    default: path == "log-level" || path.hasPrefix("server.")
    }
  }
}
