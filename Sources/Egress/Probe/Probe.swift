internal import CMAF
internal import LinuxIO
internal import MoQ
internal import QUIC
package import Wire

/// Looks at an upstream for a while and tells what is there.
package final class Probe {
  /// How a probe ended.
  package enum Outcome: Equatable, Sendable {
    case seen
    /// No connection, or no session.
    case unreachable(String)
    /// A session, but nothing of what was asked for.
    case nothing(String)
  }

  private let configuration: Configuration
  private let url: UpstreamURL
  private let write: (String) -> Void
  private let loop: EventLoop
  private let link: UpstreamLink
  private let token: EventToken
  private var now: Instant
  private var session: SubscriberSession? { link.session }
  private var catalogNames: [FullTrackName] = []
  private var roles: [SubscriptionID: String] = [:]
  private var catalogID: SubscriptionID?
  private var groups: [String: (group: UInt64, objects: Int, bytes: Int)] = [:]
  private var sawCatalog = false
  private var failure: String?
  private var lastRefusal = "no answer"

  /// Connects to `upstream.url`; lines for people go to `write`.
  ///
  /// Throws what can't work at all.
  package init(_ configuration: Configuration, write: @escaping (String) -> Void) throws {
    self.configuration = configuration
    self.write = write
    url = try UpstreamURL(
      configuration.upstream.urls.first ?? "",
      transport: configuration.upstream.transport
    )
    if !configuration.upstream.namespace.isEmpty {
      let namespace = try configuration.upstream.trackNamespace()
      catalogNames = CatalogNames.candidates(for: namespace, configuration.upstream)
    }
    loop = try EventLoop()
    now = Clock.now
    let addresses = try Resolver.addresses(of: url.host, port: url.port)
    link = try UpstreamLink(
      url,
      at: addresses[0],
      configuration: configuration,
      credentials: try ClientCredentials(configuration.upstream.trust),
      now: now
    )
    token = try loop.add(link.descriptor)
  }

  /// Watches for so long, or until the upstream is lost.
  package func run(for duration: Interval) throws -> Outcome {
    let end = now + duration
    var isConnected = false
    while now < end, failure == nil {
      let due = [link.deadline, end].compactMap { $0 }.min()
      try loop.wait(until: due) { _, _ in
        now = Clock.now
        link.receive(now: now)
      }
      now = Clock.now
      link.handleTimeouts(now: now)
      while failure == nil, let event = link.poll(now: now) {
        switch event {
        case .failed(let reason): failure = reason
        case .session(let event):
          isConnected = true
          handle(event)
        }
      }
      link.flush(now: now)
    }
    link.close(now: now)
    guard isConnected else {
      return .unreachable(
        failure ?? "no session with \(url.authority) within \(duration.seconds) s"
      )
    }
    guard configuration.upstream.namespace.isEmpty || sawCatalog else {
      return .nothing(
        "no catalog for namespace \(configuration.upstream.namespace): \(failure ?? lastRefusal)"
      )
    }
    return .seen
  }

  private func handle(_ event: SubscriberEvent) {
    switch event {
    case .ready(let draft):
      let transport = link.transport?.name ?? "?"
      write("connected to \(url.authority): \(transport), draft \(draft.rawValue)")
      if catalogNames.isEmpty {
        session?.subscribeNamespace(TrackNamespace([]))
      } else {
        askForCatalog()
      }
    case .namespaceAnnounced(let namespace): write("namespace \(namespace.joined())")
    case .namespaceWithdrawn(let namespace): write("namespace \(namespace.joined()) is gone")
    case .namespacesRefused(_, let failure):
      write("namespaces are not told: \(failure.meaning) \(failure.reason)")
    case .subscriptionFailed(let id, let failure):
      lastRefusal = "\(failure.meaning) \(failure.reason)"
      guard id == catalogID else {
        write("track \(roles[id] ?? "?") refused: \(lastRefusal)")
        return
      }
      catalogNames.removeFirst()
      askForCatalog()
    case .object(let id, let object):
      if id == catalogID {
        takeCatalog(object)
      } else if let track = roles[id] {
        count(object, track)
      }
    case .subscriptionEnded(let id, let end):
      write("track \(roles[id] ?? "catalog") ended: \(end.status) \(end.reason)")
    case .goAway(let uri, _, _): write("the relay goes away \(uri)")
    case .subscribed, .published, .absent, .groupStreamEnded, .joinEnded, .fetched, .fetchFinished,
      .namespacesAccepted, .requestsBlocked, .closed:
      break
    }
  }

  private func askForCatalog() {
    guard let name = catalogNames.first else {
      failure = "the relay refused every catalog: \(lastRefusal)"
      return
    }
    catalogID = session?.subscribe(
      name,
      options: SubscribeOptions(priority: 0, start: .currentGroup)
    )
  }

  private func takeCatalog(_ object: Object) {
    guard !object.payload.isEmpty else { return }
    do throws(CatalogError) {
      guard case .independent(let catalog, let problems) = try CatalogUpdate.decode(object.payload)
      else { return }
      for problem in problems where !sawCatalog { write("catalog: \(problem.description)") }
      guard !sawCatalog else { return }
      sawCatalog = true
      write("catalog \(catalogNames[0]) at \(object.location), \(catalog.tracks.count) tracks:")
      for track in catalog.tracks { describe(track) }
    } catch {
      write("catalog \(object.location): \(error.description)")
    }
  }

  private func describe(_ track: CatalogTrack) {
    var text = "  \(track.name): \(track.packaging.text)"
    if let role = track.role { text += " \(role)" }
    if let codec = track.codec { text += " \(codec)" }
    if let width = track.width, let height = track.height { text += " \(width)x\(height)" }
    if let rate = track.framerateThousandths { text += " \(Double(rate) / 1000) fps" }
    if let rate = track.sampleRate { text += " \(rate) Hz" }
    if let bitrate = track.bitrate { text += " \(bitrate / 1000) kbit/s" }
    if case .data(let header)? = track.initialization, let read = try? CMAFHeader(header) {
      text += " [header: \(read.tracks.map(\.codec).joined(separator: ", "))]"
    }
    write(text)
    guard let name = track.fullTrackNames(in: catalogNames[0].namespace).first,
      let id = session?.subscribe(name)
    else { return }
    roles[id] = track.name
  }

  private func count(_ object: Object, _ track: String) {
    if let open = groups[track], open.group != object.group {
      write("  \(track): group \(open.group), \(open.objects) objects, \(open.bytes) bytes")
      groups[track] = nil
    }
    guard object.status == .normal else { return }
    let open = groups[track] ?? (object.group, 0, 0)
    groups[track] = (object.group, open.objects + 1, open.bytes + object.payload.count)
  }
}
