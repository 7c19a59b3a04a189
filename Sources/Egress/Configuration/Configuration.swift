package import Packaging
package import Wire

/// Everything that can be set, with its default.
///
/// Values are checked where they are read in, so that a configuration in hand is one that the
/// service can run with.
package struct Configuration: Equatable, Sendable {
  /// Whom to believe when a relay shows its certificate.
  package enum Trust: Equatable, Sendable {
    case systemRoots
    case certificateAuthorities(file: String)
    /// SHA-256 of the relay's certificate.
    case fingerprint(Bytes)
    /// Nobody is asked. Only for trying things out.
    case nothing
  }

  /// How detailed the log is.
  package enum LogLevel: String, CaseIterable, Sendable {
    case error, warning, info, debug, trace
  }

  package struct Upstream: Equatable, Sendable {
    package var url = ""
    package var namespace = ""
    package var namespaceSeparator = "/"
    /// Empty: `catalog`, then `catalog.json`.
    package var catalogTrack = ""
    /// 0: every draft that is spoken, best first.
    package var draft = 0
    package var transport = TransportChoice.auto
    package var caFile = ""
    package var fingerprint = ""
    package var insecure = false
    package var reconnectFirst = Interval.milliseconds(250)
    package var reconnectMost = Interval.seconds(8)
    package var answerTimeout = Interval.seconds(8)
  }

  package struct Server: Equatable, Sendable {
    package var listen = SocketAddress.loopback(port: 8080)
    /// Empty: `http://` and the request's Host.
    package var publicURL = ""
    package var threads = 0
    package var connections = 10_000
    package var parked = 10_000
    package var headBytes = 8192
    package var targetBytes = 4096
    package var fields = 64
    package var pipelined = 16
    package var headTimeout = Interval.seconds(30)
    package var idleTimeout = Interval.seconds(75)
    package var drainTimeout = Interval.seconds(10)
    package var drainBytes = 16 * 1024
  }

  package struct Transport: Equatable, Sendable {
    package var handshakeTimeout = Interval.seconds(10)
    package var idleTimeout = Interval.seconds(30)
    package var keepAlive = Interval.seconds(5)
    package var streamWindowBytes = 4 << 20
    package var connectionWindowBytes = 32 << 20
    package var uniStreams = 1024
  }

  package struct Sessions: Equatable, Sendable {
    package var objectBytes = 8 << 20
    package var controlMessageBytes = 65_535
    package var catalogBytes = 1 << 20
    package var tracks = 64
  }

  package var upstream = Upstream()
  package var packaging = PackagingPolicy()
  package var server = Server()
  package var quic = Transport()
  package var moq = Sessions()
  package var logLevel = LogLevel.info

  package init() {}

  /// How the upstream's certificate is checked.
  package var trust: Trust {
    if upstream.insecure { return .nothing }
    if let pin = Bytes(hex: upstream.fingerprint.filter { $0 != ":" }), !pin.isEmpty {
      return .fingerprint(pin)
    }
    return upstream.caFile.isEmpty ? .systemRoots : .certificateAuthorities(file: upstream.caFile)
  }
}
