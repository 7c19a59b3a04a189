internal import MoQ
package import Wire

extension Configuration {
  /// Whom to believe when a relay shows its certificate.
  package enum Trust: Hashable, Sendable {
    case systemRoots
    case certificateAuthorities(file: String)
    /// SHA-256 of the relay's certificate.
    case fingerprint(Bytes)
    /// Nobody is asked. Only for trying things out.
    case nothing
  }

  /// Where one broadcast comes from, or all those under a prefix.
  package struct Upstream: Hashable, Sendable {
    /// One URL or several, separated by blanks or commas; the first is preferred.
    package var url = ""
    /// How many of the URLs are connected at once.
    package var live = 1
    package var namespace = ""
    package var namespaceSeparator = "/"
    /// The namespace is a prefix: every broadcast that is announced under it is followed.
    package var discover = false
    /// Nothing is subscribed before somebody asks for the broadcast.
    package var isOnDemand = false
    /// After how long without a request an on-demand broadcast is dropped.
    package var idleTimeout = Interval.seconds(60)
    /// How long a broadcast that is no longer announced may come back.
    package var retireTimeout = Interval.seconds(30)
    /// Empty: the names that are usual.
    package var catalogTrack = ""
    /// The catalog itself, as JSON, instead of a track.
    package var catalog = ""
    /// 0: every draft that is spoken, best first.
    package var draft = 0
    package var transport = TransportChoice.auto
    package var token = ""
    package var tokenType = 0
    package var backfills = true
    /// How many broadcasts share a connection.
    package var broadcastsPerConnection = 16
    package var repairDelay = Interval.milliseconds(150)
    package var caFile = ""
    package var fingerprint = ""
    package var insecure = false
    package var reconnectFirst = Interval.milliseconds(250)
    package var reconnectMost = Interval.seconds(8)
    package var answerTimeout = Interval.seconds(8)

    package init() {}

    /// The URLs in order of preference, as written.
    package var urls: [String] {
      url.split { $0 == "," || $0.isWhitespace }.map(String.init)
    }

    /// How certificates are checked.
    package var trust: Trust {
      if insecure { return .nothing }
      if let pin = Bytes(hex: fingerprint.filter { $0 != ":" }), !pin.isEmpty {
        return .fingerprint(pin)
      }
      return caFile.isEmpty ? .systemRoots : .certificateAuthorities(file: caFile)
    }

    /// What sessions and requests are authorized with; nil when there is no token.
    var authorization: Token? {
      token.isEmpty ? nil : .useValue(type: UInt64(tokenType), value: Bytes(utf8: token))
    }

    /// The track namespace, or the prefix when broadcasts are discovered.
    func trackNamespace() throws(ConfigurationError) -> TrackNamespace {
      guard namespaceSeparator.count == 1, let character = namespaceSeparator.first,
        let parsed = TrackNamespace(text: namespace, separator: character),
        discover && parsed.fields.isEmpty || FullTrackName(parsed, "catalog.json").isValid
      else {
        throw ConfigurationError(
          "namespace '\(namespace)' is not 1 to 32 fields separated by '\(namespaceSeparator)', "
            + "none empty"
        )
      }
      return parsed
    }

    /// Checks what no single key can.
    func validate() throws(ConfigurationError) {
      guard !urls.isEmpty else { throw ConfigurationError("upstream '' is no URL") }
      for url in urls { _ = try UpstreamURL(url, transport: transport) }
      guard live <= urls.count else {
        throw ConfigurationError("live is \(live), but only \(urls.count) URLs are given")
      }
      _ = try trackNamespace()
      _ = try fixedCatalog()
    }

    /// The catalog that the configuration gives; nil when it is a track.
    func fixedCatalog() throws(ConfigurationError) -> Catalog? {
      guard !catalog.isEmpty else { return nil }
      let update: CatalogUpdate
      do throws(CatalogError) {
        update = try CatalogUpdate.decode(Bytes(utf8: catalog))
      } catch {
        throw ConfigurationError("catalog: \(error.description)")
      }
      guard case .independent(let catalog, let problems) = update else {
        throw ConfigurationError("catalog: it is an update, not a whole one")
      }
      if let problem = problems.first(where: \.isTrackSkipped) {
        throw ConfigurationError("catalog: \(problem.description)")
      }
      return catalog
    }
  }
}
