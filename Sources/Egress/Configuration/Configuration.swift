package import Packaging
package import Wire

/// Everything that can be set, with its default.
///
/// Values are checked where they are read in, so that a configuration in hand is one that the
/// service can run with.
package struct Configuration: Equatable, Sendable {
  /// How detailed the log is.
  package enum LogLevel: String, CaseIterable, Sendable {
    case error, warning, info, debug, trace
  }

  package struct Server: Equatable, Sendable {
    package var listen = [ListenAddress.loopback(port: 8080)]
    package var secureListen: [ListenAddress] = []
    /// For operations; empty: they are where viewers are.
    package var adminListen: [ListenAddress] = []
    /// Who may connect to Unix sockets, as of chmod(2); nil: what the umask says.
    package var socketMode: UInt32?
    /// `CHAIN:KEY`, paths of PEM files.
    package var certificates: [String] = []
    /// A PEM file; empty: clients need no certificate.
    package var clientAuthorities = ""
    /// Empty: the request's Host, by the scheme that it came by.
    package var publicURL = ""
    package var threads = 0
    package var connections = 10_000
    package var parked = 10_000
    package var headBytes = 8192
    package var targetBytes = 4096
    package var fields = 64
    package var pipelined = 16
    package var headTimeout = Interval.seconds(25)
    package var idleTimeout = Interval.seconds(75)
    package var drainTimeout = Interval.seconds(10)
    package var drainBytes = 16 * 1024
    package var responseTimeout = Interval.seconds(60)
    package var drainDelay = Interval.seconds(0)
    package var stopTimeout = Interval.seconds(10)

    /// Checks what no single key can.
    package func validate() throws(ConfigurationError) {
      guard secureListen.isEmpty || !certificates.isEmpty else {
        throw ConfigurationError("server.listen-tls needs server.certificates")
      }
    }
  }

  /// Who may ask for what, and what is written down about it.
  package struct Access: Equatable, Sendable {
    package enum LogFormat: String, CaseIterable, Sendable {
      /// The Combined Log Format, then seconds until the answer was out, and those among them that
      /// the request waited for media.
      case combined
      /// One JSON object a line.
      case json
    }

    /// A file of `ID:SECRET` lines; empty: no tokens.
    package var tokenKeys = ""
    /// A file of one secret a line; empty: anybody may ask.
    package var originSecrets = ""
    package var originSecretField = "X-Origin-Secret"
    package var hasOpenHealth = true
    package var crossOrigin = CrossOrigin()
    package var proxies = TrustedProxies()
    package var proxyFields = Viewer.Fields.xForwarded
    /// `-` for standard output; empty: none.
    package var log = ""
    package var logFormat = LogFormat.combined
    /// 0: no limit.
    package var connectionsPerAddress = 0
    /// 0: no limit.
    package var requestsPerSecond = 0
    package var requestBurst = 100
  }

  package struct Transport: Equatable, Sendable {
    package var handshakeTimeout = Interval.seconds(10)
    package var idleTimeout = Interval.seconds(10)
    package var keepAlive = Interval.seconds(3)
    package var streamWindowBytes = 4 << 20
    package var connectionWindowBytes = 32 << 20
    package var uniStreams = 1024
  }

  package struct Sessions: Equatable, Sendable {
    package var objectBytes = 8 << 20
    package var controlMessageBytes = 65_535
    package var catalogBytes = 1 << 20
    package var tracks = 64
    package var broadcasts = 1000
  }

  /// The source given by flags, variables or the file's `upstream`; the defaults of `sources`.
  package var upstream = Upstream()
  /// The sources that the file lists; empty when `upstream` is the only one.
  package var sources: [Upstream] = []
  package var packaging = PackagingPolicy()
  package var server = Server()
  package var access = Access()
  package var quic = Transport()
  package var moq = Sessions()
  package var logLevel = LogLevel.info

  package init() {}

  /// Everything that is followed.
  package var effectiveSources: [Upstream] { sources.isEmpty ? [upstream] : sources }

  /// Whether there is something to follow.
  package var isServing: Bool {
    !sources.isEmpty || !upstream.url.isEmpty && (upstream.discover || !upstream.namespace.isEmpty)
  }
}
