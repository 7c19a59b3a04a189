internal import Packaging
internal import Wire

/// Why a configuration is refused: where, which value, and what to do.
package struct ConfigurationError: Error, Equatable, Sendable, CustomStringConvertible {
  package let description: String

  package init(_ description: String) { self.description = description }
}

/// One thing that can be set: by its path in the file, its environment variable, or a flag.
package struct ConfigurationKey: Sendable {
  /// Dotted, such as `packaging.part-target`.
  package let path: String
  /// What the value counts, or its form.
  package let unit: String
  package let explanation: String
  /// Renders the value of a configuration.
  package let get: @Sendable (Configuration) -> String
  /// Parses a value into a configuration; the error says what would be valid.
  package let set: @Sendable (inout Configuration, String) throws(ConfigurationError) -> Void

  /// What all environment variables begin with.
  static let prefix = "MOQ_EGRESS_"

  /// The environment variable: `MOQ_EGRESS_` and the path in capitals.
  package var variable: String {
    ConfigurationKey.prefix + path.uppercased().map { $0 == "." || $0 == "-" ? "_" : $0 }
  }
}

extension ConfigurationKey {
  /// Every key, in the order of the file.
  package static let all: [ConfigurationKey] =
    upstreamKeys + packagingKeys + serverKeys + transportKeys + sessionKeys + [
      ConfigurationKey(
        path: "log-level",
        unit: "error, warning, info, debug, trace",
        explanation: "How detailed the log on standard error is.",
        get: { $0.logLevel.rawValue },
        set: { configuration, text throws(ConfigurationError) in
          guard let level = Configuration.LogLevel(rawValue: text) else {
            throw ConfigurationError("'\(text)' is none of error, warning, info, debug, trace")
          }
          configuration.logLevel = level
        }
      )
    ]

  package static func named(_ path: String) -> ConfigurationKey? { all.first { $0.path == path } }

  /// The valid path that is closest to a wrong one, by edit distance, when it is close at all.
  package static func nearest(to path: String) -> String? {
    nearest(to: path, among: all.map(\.path))
  }

  /// A question for the valid variable that is closest to a wrong one; empty when none is close.
  static func hint(variable: String) -> String {
    // What all variables begin with must not make them alike.
    let names = all.map { String($0.variable.dropFirst(prefix.count)) }
    return nearest(to: String(variable.dropFirst(prefix.count)), among: names)
      .map { "; did you mean \(prefix)\($0)?" } ?? ""
  }

  private static func nearest(to wrong: String, among names: [String]) -> String? {
    func distance(_ other: String) -> Int { editDistance(Array(wrong.utf8), Array(other.utf8)) }
    guard let best = names.min(by: { distance($0) < distance($1) }) else { return nil }
    return distance(best) <= max(2, wrong.utf8.count / 3) ? best : nil
  }

  private static let upstreamKeys = [
    text(
      "upstream.url",
      "moqt://HOST:PORT/PATH or https://HOST:PORT/PATH",
      "The relay or publisher to subscribe at, or several, separated by blanks: the later ones stand in.",
      \.upstream.url
    ),
    integer(
      "upstream.live",
      "connections",
      "How many of the URLs are subscribed at once; of two equal objects the first counts.",
      \.upstream.live,
      1...4
    ),
    text(
      "upstream.namespace",
      "text",
      "The broadcast's track namespace, or the prefix of those to discover.",
      \.upstream.namespace
    ),
    flag(
      "upstream.discover",
      "Follow every broadcast that is announced under the namespace.",
      \.upstream.discover
    ),
    flag(
      "upstream.on-demand",
      "Subscribe to a broadcast only once somebody asks for it.",
      \.upstream.isOnDemand
    ),
    seconds(
      "upstream.idle-timeout",
      "How long nobody may ask for an on-demand broadcast until it is dropped.",
      \.upstream.idleTimeout,
      1...86_400
    ),
    seconds(
      "upstream.retire-timeout",
      "How long a discovered broadcast that is withdrawn may come back until it ends.",
      \.upstream.retireTimeout,
      0...3600
    ),
    text(
      "upstream.namespace-separator",
      "one character",
      "What separates the fields of the namespace tuple.",
      \.upstream.namespaceSeparator
    ),
    text(
      "upstream.catalog-track",
      "track name",
      "The catalog track; empty looks for catalog, catalog.json and .catalog.",
      \.upstream.catalogTrack
    ),
    text(
      "upstream.catalog",
      "JSON",
      "The catalog itself (MSF), for publishers that send none.",
      \.upstream.catalog
    ),
    ConfigurationKey(
      path: "upstream.draft",
      unit: "14, 16, 18, 20, 22 or 0",
      explanation: "The one MoQT draft to offer; 0 offers all, 18 first.",
      get: { String($0.upstream.draft) },
      set: { configuration, text throws(ConfigurationError) in
        guard let draft = Int(text), [0, 14, 16, 18, 20, 22].contains(draft) else {
          throw ConfigurationError("'\(text)' is none of 14, 16, 18, 20, 22 and 0")
        }
        configuration.upstream.draft = draft
      }
    ),
    ConfigurationKey(
      path: "upstream.transport",
      unit: "auto, quic or webtransport",
      explanation: "What to offer a moqt:// relay; auto offers both, https:// is WebTransport's.",
      get: { $0.upstream.transport.rawValue },
      set: { configuration, text throws(ConfigurationError) in
        guard let choice = TransportChoice(rawValue: text) else {
          throw ConfigurationError("'\(text)' is none of auto, quic and webtransport")
        }
        configuration.upstream.transport = choice
      }
    ),
    text(
      "upstream.token",
      "text",
      "An authorization token, sent with the session and every request.",
      \.upstream.token
    ),
    integer(
      "upstream.token-type",
      "number",
      "The type of the token; 0 is agreed out of band.",
      \.upstream.tokenType,
      0...1_073_741_823
    ),
    flag(
      "upstream.backfill",
      "Fetch the past of a broadcast on joining, as much as the window holds.",
      \.upstream.backfills
    ),
    integer(
      "upstream.broadcasts-per-connection",
      "broadcasts",
      "Broadcasts that share a connection, at most: relays limit the requests of one.",
      \.upstream.broadcastsPerConnection,
      1...100_000
    ),
    seconds(
      "upstream.repair-delay",
      "How long a missing object may be late until it is fetched.",
      \.upstream.repairDelay,
      0.01...10
    ),
    text(
      "upstream.ca-file",
      "PEM file",
      "Certificate authorities that vouch for the relay; empty takes the system's.",
      \.upstream.caFile
    ),
    ConfigurationKey(
      path: "upstream.fingerprint",
      unit: "64 hexadecimal digits",
      explanation: "SHA-256 of the relay's certificate, instead of any authority.",
      get: { $0.upstream.fingerprint },
      set: { configuration, text throws(ConfigurationError) in
        let digits = text.filter { $0 != ":" }
        guard digits.isEmpty || Bytes(hex: digits)?.count == 32 else {
          throw ConfigurationError("'\(text)' is not 64 hexadecimal digits")
        }
        configuration.upstream.fingerprint = text
      }
    ),
    flag(
      "upstream.insecure",
      "Accept any certificate. Only for trying things out.",
      \.upstream.insecure
    ),
    seconds(
      "upstream.reconnect-first",
      "The pause before the first reconnection; it doubles each time.",
      \.upstream.reconnectFirst,
      0.01...60
    ),
    seconds(
      "upstream.reconnect-most",
      "The longest pause between reconnections.",
      \.upstream.reconnectMost,
      0.1...600
    ),
    seconds(
      "upstream.answer-timeout",
      "How long the relay may take to answer a request.",
      \.upstream.answerTimeout,
      0.5...120
    ),
  ]

  private static let packagingKeys = [
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

  private static let serverKeys = [
    ConfigurationKey(
      path: "server.listen",
      unit: "ADDRESS:PORT",
      explanation: "Where HTTP is served; port 0 lets the kernel pick.",
      get: { $0.server.listen.description },
      set: { configuration, text throws(ConfigurationError) in
        guard let address = SocketAddress(text) else {
          throw ConfigurationError(
            "'\(text)' is not ADDRESS:PORT, such as 127.0.0.1:8080 or [::1]:8080"
          )
        }
        configuration.server.listen = address
      }
    ),
    text(
      "server.public-url",
      "http://HOST or https://HOST",
      "What players reach this origin by, for DASH clocks; empty takes the request's Host.",
      \.server.publicURL
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
  ]

  private static let transportKeys = [
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

  private static let sessionKeys = [
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

extension ConfigurationKey {
  private typealias Path<Value> = any WritableKeyPath<Configuration, Value> & Sendable

  private static func text(
    _ path: String,
    _ unit: String,
    _ explanation: String,
    _ field: Path<String>
  ) -> ConfigurationKey {
    ConfigurationKey(
      path: path,
      unit: unit,
      explanation: explanation,
      get: { $0[keyPath: field] },
      set: { configuration, text throws(ConfigurationError) in configuration[keyPath: field] = text
      }
    )
  }

  private static func flag(
    _ path: String,
    _ explanation: String,
    _ field: Path<Bool>
  ) -> ConfigurationKey {
    ConfigurationKey(
      path: path,
      unit: "true or false",
      explanation: explanation,
      get: { String($0[keyPath: field]) },
      set: { configuration, text throws(ConfigurationError) in
        guard let value = Bool(text) else {
          throw ConfigurationError("'\(text)' is neither true nor false")
        }
        configuration[keyPath: field] = value
      }
    )
  }

  private static func integer(
    _ path: String,
    _ unit: String,
    _ explanation: String,
    _ field: Path<Int>,
    _ range: ClosedRange<Int>,
    scale: Int = 1
  ) -> ConfigurationKey {
    ConfigurationKey(
      path: path,
      unit: unit,
      explanation: explanation,
      get: { String($0[keyPath: field] / scale) },
      set: { configuration, text throws(ConfigurationError) in
        guard let value = Int(text), range.contains(value) else {
          throw ConfigurationError(
            "'\(text)' is not a whole number from \(range.lowerBound) to \(range.upperBound)"
          )
        }
        configuration[keyPath: field] = value * scale
      }
    )
  }

  private static func megabytes(
    _ path: String,
    _ explanation: String,
    _ field: Path<Int>,
    _ range: ClosedRange<Int>
  ) -> ConfigurationKey {
    integer(path, "MiB", explanation, field, range, scale: 1 << 20)
  }

  private static func seconds(
    _ path: String,
    _ explanation: String,
    _ field: Path<Interval>,
    _ range: ClosedRange<Double>
  ) -> ConfigurationKey {
    ConfigurationKey(
      path: path,
      unit: "seconds",
      explanation: explanation,
      get: { rendered($0[keyPath: field].seconds) },
      set: { configuration, text throws(ConfigurationError) in
        guard let value = Double(text), range.contains(value) else {
          throw ConfigurationError(
            "'\(text)' is not a number of seconds from \(rendered(range.lowerBound)) "
              + "to \(rendered(range.upperBound))"
          )
        }
        configuration[keyPath: field] = Interval(seconds: value)
      }
    )
  }

  private static func rendered(_ value: Double) -> String {
    value == value.rounded() ? String(Int64(value)) : String(value)
  }
}

/// The Levenshtein distance.
private func editDistance(_ left: [UInt8], _ right: [UInt8]) -> Int {
  var previous = Array(0...right.count)
  for (row, first) in left.enumerated() {
    var current = [row + 1]
    for (column, second) in right.enumerated() {
      current.append(
        min(
          previous[column + 1] + 1,
          current[column] + 1,
          previous[column] + (first == second ? 0 : 1)
        )
      )
    }
    previous = current
  }
  return previous[right.count]
}
