internal import Wire

/// Where broadcasts come from.
extension ConfigurationKey {
  static let upstreamKeys = [
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
    ConfigurationKey(
      path: "upstream.namespace-separator",
      unit: "one character",
      explanation: "What separates the fields of the namespace tuple.",
      get: { $0.upstream.namespaceSeparator },
      set: { configuration, text throws(ConfigurationError) in
        guard text.count == 1 else { throw ConfigurationError("'\(text)' is not one character") }
        configuration.upstream.namespaceSeparator = text
      }
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
      "How long nothing of what is missing may come until it is fetched.",
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
}
