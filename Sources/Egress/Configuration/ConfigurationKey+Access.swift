internal import HTTP
internal import Wire

/// Who may ask for what, and what is written down about it.
extension ConfigurationKey {
  static let accessKeys = [
    text(
      "access.token-keys",
      "PATH",
      "File of ID:SECRET lines that sign viewers' tokens; empty asks for none. Read again on SIGHUP.",
      \.access.tokenKeys
    ),
    text(
      "access.origin-secrets",
      "PATH",
      "File of secrets, one a line, one of which the CDN must show; empty asks for none. Read again on SIGHUP.",
      \.access.originSecrets
    ),
    ConfigurationKey(
      path: "access.origin-secret-field",
      unit: "name",
      explanation: "The field of requests that the CDN shows its secret in.",
      get: { $0.access.originSecretField },
      set: { configuration, text throws(ConfigurationError) in
        guard ResponseHead.isFieldName(text) else {
          throw ConfigurationError("'\(text)' is not the name of a field, such as X-Origin-Secret")
        }
        configuration.access.originSecretField = text
      }
    ),
    flag(
      "access.open-health",
      "Tell /healthz and /readyz without the CDN's secret.",
      \.access.hasOpenHealth
    ),
    ConfigurationKey(
      path: "access.cross-origin",
      unit: "* or ORIGIN …",
      explanation:
        "Whose pages may read answers, such as https://*.player.example. With a list caches must heed Vary: Origin.",
      get: { $0.access.crossOrigin.description },
      set: { configuration, text throws(ConfigurationError) in
        configuration.access.crossOrigin = try CrossOrigin(text)
      }
    ),
    ConfigurationKey(
      path: "access.trusted-proxies",
      unit: "ADDRESS/BITS …",
      explanation:
        "Proxies whose word about viewers counts; unix: for those on Unix sockets.",
      get: { $0.access.proxies.description },
      set: { configuration, text throws(ConfigurationError) in
        configuration.access.proxies = try TrustedProxies(text)
      }
    ),
    ConfigurationKey(
      path: "access.proxy-fields",
      unit: "x-forwarded or forwarded",
      explanation:
        "What they write: X-Forwarded-For, -Proto and -Host, or Forwarded (RFC 7239). The other may be a viewer's.",
      get: { $0.access.proxyFields.rawValue },
      set: { configuration, text throws(ConfigurationError) in
        guard let fields = Viewer.Fields(rawValue: text) else {
          throw ConfigurationError("'\(text)' is neither x-forwarded nor forwarded")
        }
        configuration.access.proxyFields = fields
      }
    ),
    text(
      "access.log",
      "PATH or -",
      "File of one line for each request, opened anew on SIGHUP and SIGUSR1; - is standard output, empty none.",
      \.access.log
    ),
    ConfigurationKey(
      path: "access.log-format",
      unit: "combined or json",
      explanation:
        "Its lines: the Combined Log Format with seconds taken and held at its end, or JSON.",
      get: { $0.access.logFormat.rawValue },
      set: { configuration, text throws(ConfigurationError) in
        guard let format = Configuration.Access.LogFormat(rawValue: text) else {
          throw ConfigurationError("'\(text)' is neither combined nor json")
        }
        configuration.access.logFormat = format
      }
    ),
    integer(
      "access.connections-per-address",
      "connections",
      "Open connections of one address, or 64 bits of IPv6, but of trusted proxies; 0: any number.",
      \.access.connectionsPerAddress,
      0...1_000_000
    ),
    integer(
      "access.requests-per-second",
      "requests",
      "Requests of one address, on average, more are answered 429; 0: any number.",
      \.access.requestsPerSecond,
      0...1_000_000
    ),
    integer(
      "access.request-burst",
      "requests",
      "Requests that one address may send at once.",
      \.access.requestBurst,
      1...1_000_000
    ),
  ]
}
