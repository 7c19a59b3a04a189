internal import Wire

extension Configuration {
  /// What is set and has no effect, or not the one that was meant, a sentence each.
  package var warnings: [String] {
    var warnings: [String] = []
    if server.secureListen.isEmpty {
      let idle = [
        ("server.certificates", !server.certificates.isEmpty),
        ("server.client-authorities", !server.clientAuthorities.isEmpty),
      ]
      for (key, isSet) in idle where isSet {
        warnings.append("\(key) is of no use: server.listen-tls names no address")
      }
    }
    if server.socketMode != nil, !server.endpoints.contains(where: \.isUnix) {
      warnings.append("server.socket-mode is of no use: no address is a Unix socket")
    }
    if quic.keepAlive >= quic.idleTimeout {
      warnings.append(
        "quic.keep-alive (\(quic.keepAlive.seconds) s) does not keep alive: after quic.idle-timeout "
          + "(\(quic.idleTimeout.seconds) s) of silence the connection is over"
      )
    }
    return warnings
  }
}

extension Configuration.Server.Endpoint {
  fileprivate var isUnix: Bool {
    if case .unix = address { true } else { false }
  }
}
