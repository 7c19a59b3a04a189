internal import Packaging
internal import Wire

/// What is made of broadcasts, and what peers and clients may cost.
extension ConfigurationKey {
  static let packagingKeys = [
    seconds(
      "packaging.part-target",
      "The longest part; longer chunks of the publisher raise it.",
      \.packaging.partTarget,
      0.1...5
    ),
    seconds(
      "packaging.segment-target",
      "The shortest segment: the smallest whole number of groups that reaches it.",
      \.packaging.segmentTarget,
      1...30
    ),
    seconds(
      "packaging.window",
      "Media that playlists and manifests list.",
      \.packaging.window,
      6...14_400
    ),
    seconds(
      "packaging.publish-delay",
      "Time from capture to here that MPDs promise; 0 measures it. Origins of one CDN need the same.",
      \.packaging.publishDelay,
      0...30
    ),
    megabytes(
      "packaging.window-megabytes",
      "Media held for one rendition, at most.",
      \.packaging.windowBytes,
      1...65_536
    ),
    seconds(
      "packaging.hole-patience",
      "How long an object waits for one missing before it.",
      \.packaging.holePatience,
      0.1...30
    ),
    seconds(
      "packaging.concealment",
      "The most lost sound that copies of the frame before it stand in for; 0 makes a gap of all.",
      \.packaging.concealment,
      0...0.5
    ),
    seconds(
      "packaging.priming-patience",
      "How long packaging waits for a silent track at the start.",
      \.packaging.primingPatience,
      1...60
    ),
    seconds(
      "packaging.stall-patience",
      "How long renditions wait for one that falls behind.",
      \.packaging.stallPatience,
      0.1...30
    ),
    integer(
      "packaging.gap-limit",
      "segments",
      "Missing segments listed as gaps; after more, the playlist starts afresh.",
      \.packaging.gapLimit,
      0...100
    ),
    megabytes(
      "packaging.reorder-megabytes",
      "Media of one track that waits for missing objects, at most.",
      \.packaging.reorderBytes,
      1...1024
    ),
  ]

  static let serverKeys = [
    addresses(
      "server.listen",
      "Where HTTP is served, none or several; port 0 lets the kernel pick.",
      \.server.listen
    ),
    addresses(
      "server.listen-tls",
      "Where HTTPS is served, none or several.",
      \.server.secureListen
    ),
    addresses(
      "server.listen-admin",
      "Where operations are served, and no more where viewers are; empty: there.",
      \.server.adminListen
    ),
    ConfigurationKey(
      path: "server.socket-mode",
      unit: "octal digits",
      explanation: "Who may connect to Unix sockets, such as 660; empty: what the umask says.",
      get: { $0.server.socketMode.map { String($0, radix: 8) } ?? "" },
      set: { configuration, text throws(ConfigurationError) in
        guard text.isEmpty || (UInt32(text, radix: 8).map { $0 <= 0o777 } ?? false) else {
          throw ConfigurationError("'\(text)' is not a mode of three octal digits, such as 660")
        }
        configuration.server.socketMode = UInt32(text, radix: 8)
      }
    ),
    ConfigurationKey(
      path: "server.certificates",
      unit: "CHAIN:KEY …",
      explanation:
        "PEM files for HTTPS, chosen by the name asked for, else the first; read again on SIGHUP.",
      get: { $0.server.certificates.joined(separator: " ") },
      set: { configuration, text throws(ConfigurationError) in
        let pairs = text.split(separator: " ").map(String.init)
        for pair in pairs where pair.split(separator: ":").count != 2 {
          throw ConfigurationError("'\(pair)' is not CHAIN:KEY, two paths of PEM files")
        }
        configuration.server.certificates = pairs
      }
    ),
    text(
      "server.client-authorities",
      "PATH",
      "PEM file of who vouches for clients of HTTPS, who then must show a certificate; empty asks for none.",
      \.server.clientAuthorities
    ),
    ConfigurationKey(
      path: "server.public-url",
      unit: "http://HOST or https://HOST",
      explanation:
        "What players reach this origin by, for DASH clocks; empty takes the request's Host.",
      get: { $0.server.publicURL },
      set: { configuration, text throws(ConfigurationError) in
        let isURL = ["http://", "https://"].contains { scheme in
          text.hasPrefix(scheme) && text.utf8.count > scheme.utf8.count
            && text.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F && !"\"<>".utf8.contains($0) }
        }
        guard isURL || text.isEmpty else {
          throw ConfigurationError("'\(text)' is neither http://HOST nor https://HOST")
        }
        configuration.server.publicURL = text
      }
    ),
    integer(
      "server.threads",
      "threads",
      "Serve loops; 0 is one fewer than there are cores, at least one.",
      \.server.threads,
      0...256
    ),
    integer(
      "server.connections",
      "connections",
      "Open connections of one serve loop, at most.",
      \.server.connections,
      16...1_000_000
    ),
    integer(
      "server.parked",
      "requests",
      "Requests of one serve loop that wait for media, at most.",
      \.server.parked,
      16...1_000_000
    ),
    integer(
      "server.head-bytes",
      "bytes",
      "A request head, at most; longer is answered 431.",
      \.server.headBytes,
      512...65_536
    ),
    integer(
      "server.target-bytes",
      "bytes",
      "A request target, at most; longer is answered 414.",
      \.server.targetBytes,
      256...16_384
    ),
    integer(
      "server.fields",
      "fields",
      "Header fields of a request, at most; more is answered 431.",
      \.server.fields,
      8...256
    ),
    integer(
      "server.pipelined",
      "requests",
      "Requests of one connection waiting for their turn, at most.",
      \.server.pipelined,
      1...256
    ),
    seconds(
      "server.head-timeout",
      "How long a request head may take to arrive.",
      \.server.headTimeout,
      1...120
    ),
    seconds(
      "server.idle-timeout",
      "How long a connection may stay without a request.",
      \.server.idleTimeout,
      1...3600
    ),
    seconds(
      "server.drain-timeout",
      "How long a response may go without drain-bytes being taken.",
      \.server.drainTimeout,
      1...600
    ),
    integer(
      "server.drain-bytes",
      "bytes",
      "What a client must take of a response per drain-timeout.",
      \.server.drainBytes,
      1...1_048_576
    ),
    seconds(
      "server.response-timeout",
      "How long the last byte of a response may wait: so long after the window a client holds media.",
      \.server.responseTimeout,
      1...3600
    ),
    seconds(
      "server.drain-delay",
      "How long readyz fails before a stop closes anything: as long as balancers take to see it.",
      \.server.drainDelay,
      0...600
    ),
    seconds(
      "server.stop-timeout",
      "How long responses that are being sent may go on after a stop.",
      \.server.stopTimeout,
      0...600
    ),
  ]

  static let transportKeys = [
    seconds(
      "quic.handshake-timeout",
      "How long connecting may take.",
      \.quic.handshakeTimeout,
      1...60
    ),
    seconds(
      "quic.idle-timeout",
      "How long a connection lives without a sign of the relay.",
      \.quic.idleTimeout,
      1...600
    ),
    seconds(
      "quic.keep-alive",
      "The pause after which a sign of life is sent.",
      \.quic.keepAlive,
      0.5...300
    ),
    integer(
      "quic.stream-window-bytes",
      "bytes",
      "What a stream may send ahead, at most.",
      \.quic.streamWindowBytes,
      65_536...268_435_456
    ),
    integer(
      "quic.connection-window-bytes",
      "bytes",
      "What a connection may send ahead, at most.",
      \.quic.connectionWindowBytes,
      65_536...1_073_741_824
    ),
    integer(
      "quic.uni-streams",
      "streams",
      "Open streams that the relay may have, at most.",
      \.quic.uniStreams,
      16...65_536
    ),
  ]

  static let sessionKeys = [
    integer(
      "moq.object-bytes",
      "bytes",
      "An object, at most; the stream of a larger one is cancelled.",
      \.moq.objectBytes,
      1024...268_435_456
    ),
    integer(
      "moq.control-message-bytes",
      "bytes",
      "A control message, at most; a longer one ends the session.",
      \.moq.controlMessageBytes,
      1024...65_535
    ),
    integer(
      "moq.catalog-bytes",
      "bytes",
      "A catalog, at most.",
      \.moq.catalogBytes,
      1024...16_777_216
    ),
    integer(
      "moq.tracks",
      "tracks",
      "Tracks of a broadcast, at most; more are left out.",
      \.moq.tracks,
      1...1024
    ),
    integer(
      "moq.broadcasts",
      "broadcasts",
      "Broadcasts followed at once, at most; more are left out.",
      \.moq.broadcasts,
      1...100_000
    ),
  ]
}
