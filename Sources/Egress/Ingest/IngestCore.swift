internal import MoQ
internal import Packaging
internal import Wire

/// Decides which broadcasts are followed, and on which connections.
///
/// A source of the configuration is one broadcast, or all under a prefix; each is followed on as many of
/// the source's upstreams as it wants live, others stand in. Broadcasts share connections. No IO: the
/// loop opens and closes the connections that are asked for here.
final class IngestCore {
  enum Output {
    case open(ConnectionID, Endpoint)
    case close(ConnectionID)
    case log(Configuration.LogLevel, String)
    case snapshot(BroadcastPath, PresentationSnapshot)
    /// Nobody has the broadcast that was asked for.
    case absent(BroadcastPath)
    /// The broadcast is no longer followed.
    case retired(BroadcastPath)
  }

  /// A connection for as long as it lives.
  struct ConnectionID: Hashable, Sendable {
    let number: Int
  }

  /// Who needs a connection.
  enum User: Hashable {
    case leg(LegID)
    /// The index of a source that discovers broadcasts.
    case discovery(Int)
  }

  /// What is known of a connection; a reference, as every event is looked up in it.
  final class Connection {
    let endpoint: Endpoint
    /// Nil while it is being made.
    var share: SessionShare?
    var users: Set<User> = []
    /// The relay lets it have no more requests.
    var isFull = false
    /// The relay goes away; another takes its place.
    var isLeaving = false
    /// When what still uses it goes with it.
    var leaveDeadline: Instant?
    /// When it is left if requests still wait.
    var blockedDeadline: Instant?
    /// Since when its session is ready.
    var readySince: Instant?
    /// For whom it was opened.
    let opener: User
    /// Those who were sent here from elsewhere.
    var hops: [User: Hop] = [:]
    /// The sources that were told something here.
    var tellsSources: Set<Int> = []

    init(endpoint: Endpoint, for user: User) {
      self.endpoint = endpoint
      opener = user
      users = [user]
    }

    /// The endpoint of the configuration that led here.
    func origin(of user: User) -> Endpoint { hops[user]?.origin ?? endpoint }
  }

  /// The way by which relays sent somebody to an endpoint that the configuration may not have.
  struct Hop {
    let origin: Endpoint
    /// How many times since it was last of use anywhere.
    let count: Int
  }

  /// A question for namespaces.
  struct NamespaceRequest {
    var backoff: Backoff
    var refusals = 0
    /// When to ask again; nil while it is being asked.
    var due: Instant?
    /// When it is to be answered; nil when it has been.
    var answerDeadline: Instant?
    var acceptedAt: Instant?

    init(_ settings: Configuration.Upstream) {
      backoff = Backoff(first: settings.reconnectFirst, most: settings.reconnectMost)
    }
  }

  struct Source {
    let settings: Configuration.Upstream
    let namespace: TrackNamespace
    let fixedCatalog: Catalog?
    var roster: EndpointRoster
    /// Connections on which broadcasts are discovered.
    var discoveries: Set<ConnectionID> = []
    /// Who announces what.
    var announced: [TrackNamespace: Set<ConnectionID>] = [:]
    /// What is not followed for want of room.
    var leftOut: Set<TrackNamespace> = []
    /// What those were asked who discover them.
    var requests: [ConnectionID: NamespaceRequest] = [:]
    var complaints = Complaints()
  }

  enum Due {
    /// Something has happened since it was last known.
    case unknown
    /// Nil for never.
    case at(Instant?)
  }

  /// A broadcast that is followed; a reference, as every event is looked up in it.
  final class Followed {
    let ingest: BroadcastIngest
    let source: Int
    var roster: EndpointRoster
    var legs: [LegID: ConnectionID] = [:]
    var lastUse: Instant
    /// When it ends because nobody announces it any more.
    var retireAt: Instant?
    /// When it is forgotten after its end.
    var forgetAt: Instant?
    /// When it wants to be looked at; cached, because all are asked at every turn of the loop.
    var due = Due.unknown
    var hasMedia = false
    var complaints = Complaints()
    var reportedPhase: IngestStatus.Phase?

    init(ingest: BroadcastIngest, source: Int, roster: EndpointRoster, lastUse: Instant) {
      self.ingest = ingest
      self.source = source
      self.roster = roster
      self.lastUse = lastUse
    }
  }

  let configuration: Configuration
  var sources: [Source] = []
  var connections: [ConnectionID: Connection] = [:]
  var followed: [BroadcastPath: Followed] = [:]
  var random = SystemRandomNumberGenerator()
  private var outputs: [Output] = []
  private var lastNumber = 0

  /// Is told of every event of a track, with the session's draft.
  typealias Tap = (RecordedEntry, Draft) -> Void

  let tap: Tap?

  init(_ configuration: Configuration, tap: Tap? = nil) throws(ConfigurationError) {
    self.configuration = configuration
    self.tap = tap
    for settings in configuration.effectiveSources {
      sources.append(
        Source(
          settings: settings,
          namespace: try settings.trackNamespace(),
          fixedCatalog: try settings.fixedCatalog(),
          roster: EndpointRoster(settings)
        )
      )
    }
  }

  func poll() -> Output? { outputs.isEmpty ? nil : outputs.removeFirst() }

  func put(_ output: Output) { outputs.append(output) }

  func log(_ level: Configuration.LogLevel, _ text: String) { put(.log(level, text)) }

  func newNumber() -> Int {
    lastNumber += 1
    return lastNumber
  }

  // MARK: Driving

  /// Begins to follow what is not left to demand.
  func start(now: Instant) {
    for index in sources.indices {
      if sources[index].settings.discover {
        fillDiscovery(index, now: now)
      } else if !sources[index].settings.isOnDemand {
        follow(sources[index].namespace, source: index, now: now)
      }
    }
  }

  /// When `handleTimeout` wants to be called.
  var deadline: Instant? {
    var earliest: Instant?
    func consider(_ candidate: Instant?) {
      guard let candidate else { return }
      earliest = earliest.map { min($0, candidate) } ?? candidate
    }
    for (path, entry) in followed { consider(due(entry, path)) }
    for connection in connections.values {
      consider(connection.leaveDeadline)
      consider(connection.blockedDeadline)
    }
    for index in sources.indices { consider(discoveryDeadline(index)) }
    return earliest
  }

  func handleTimeout(utc: UTCTime, now: Instant) {
    for (path, entry) in followed {
      guard let due = due(entry, path), due <= now else { continue }
      entry.ingest.handleTimeout(utc: utc, now: now)
      drain(path, now: now)
      age(path, now: now)
      fillLegs(path, now: now)
      settle(path, now: now)
    }
    for index in sources.indices {
      fillDiscovery(index, now: now)
      askForNamespaces(index, now: now)
    }
    for (id, connection) in connections {
      if let due = connection.blockedDeadline, due <= now { leaveIfBlocked(id, now: now) }
      if let due = connection.leaveDeadline, due <= now {
        lose(id, "the relay has gone away", now: now)
      }
    }
  }

  // MARK: Broadcasts

  static func path(_ namespace: TrackNamespace) -> BroadcastPath {
    BroadcastPath(fields: namespace.fields)
  }

  /// Begins to follow a broadcast; one that is followed already stays as it is.
  func follow(_ namespace: TrackNamespace, source: Int, now: Instant) {
    let path = Self.path(namespace)
    sources[source].leftOut.remove(namespace)
    guard followed[path] == nil else { return }
    guard followed.count < configuration.moq.broadcasts else {
      log(
        .error,
        "broadcast \(namespace.joined()) is left out: moq.broadcasts = "
          + "\(configuration.moq.broadcasts) are followed already"
      )
      // What was only pushed ends with its connection, and nobody would say so.
      let settings = sources[source].settings
      if !settings.isOnDemand, !settings.discover || sources[source].announced[namespace] != nil {
        sources[source].leftOut.insert(namespace)
      }
      put(.absent(path))
      return
    }
    followed[path] = Followed(
      ingest: BroadcastIngest(
        configuration: configuration,
        source: sources[source].settings,
        namespace: namespace,
        fixedCatalog: sources[source].fixedCatalog
      ),
      source: source,
      roster: EndpointRoster(sources[source].settings),
      lastUse: now
    )
    fillLegs(path, now: now)
    settle(path, now: now)
  }

  /// Forgets a broadcast with all that it uses.
  func unfollow(_ path: BroadcastPath, _ reason: String, now: Instant) {
    guard let entry = followed.removeValue(forKey: path) else { return }
    for (leg, connection) in entry.legs {
      entry.ingest.leave(leg, reason)
      release(connection, .leg(leg))
    }
    put(entry.hasMedia ? .retired(path) : .absent(path))
    followLeftOut(now: now)
  }

  /// Follows what was left out, as far as there is room now.
  private func followLeftOut(now: Instant) {
    for index in sources.indices {
      let names = sources[index].leftOut.sorted { $0.joined() < $1.joined() }
      for namespace in names where followed.count < configuration.moq.broadcasts {
        log(.info, "there is room for broadcast \(namespace.joined()), which was left out")
        follow(namespace, source: index, now: now)
      }
    }
  }

  /// Somebody asks for a broadcast.
  func want(_ path: BroadcastPath, now: Instant) {
    if let entry = followed[path] {
      entry.lastUse = now
      return
    }
    let namespace = TrackNamespace(path.fields)
    guard let index = sources.indices.first(where: { covers($0, namespace) }) else {
      put(.absent(path))
      return
    }
    log(.info, "broadcast \(namespace.joined()) is asked for")
    follow(namespace, source: index, now: now)
  }

  /// Whether a source gives a broadcast on demand.
  private func covers(_ index: Int, _ namespace: TrackNamespace) -> Bool {
    let source = sources[index]
    guard source.settings.isOnDemand, FullTrackName(namespace, "").isValid else { return false }
    guard source.settings.discover else { return source.namespace == namespace }
    guard namespace.hasPrefix(source.namespace) else { return false }
    // A relay that tells what it has is believed; one that does not is asked.
    return source.discoveries.isEmpty || source.announced[namespace] != nil
  }

  /// Ends, forgets or drops a broadcast whose time has come.
  private func age(_ path: BroadcastPath, now: Instant) {
    guard let entry = followed[path] else { return }
    if let due = entry.retireAt, due <= now {
      let patience = sources[entry.source].settings.retireTimeout
      if !entry.ingest.legs.isEmpty, let last = entry.ingest.status.lastObject,
        last + patience > now
      {
        // What comes is there, whoever says that it is not.
        entry.retireAt = last + patience
      } else {
        entry.retireAt = nil
        entry.ingest.finish(now: now)
        drain(path, now: now)
      }
    }
    if let due = forgetTime(entry), due <= now {
      log(.info, "broadcast \(entry.ingest.namespace.joined()) is over and forgotten")
      return unfollow(path, "it is over", now: now)
    }
    if let end = idleEnd(entry), end <= now {
      log(.info, "broadcast \(entry.ingest.namespace.joined()) is asked for no more")
      unfollow(path, "nobody asks for it", now: now)
    }
  }

  /// Players may finish what a window holds; a broadcast that is configured by name may come back.
  private func forgetTime(_ entry: Followed) -> Instant? {
    sources[entry.source].settings.discover ? entry.forgetAt : nil
  }

  /// When nobody has asked for a broadcast for too long; nil when it is not on demand.
  ///
  /// Before it has media, whoever asked still waits.
  private func idleEnd(_ entry: Followed) -> Instant? {
    let settings = sources[entry.source].settings
    guard settings.isOnDemand else { return nil }
    let patience =
      entry.hasMedia
      ? settings.idleTimeout : max(settings.idleTimeout, OnDemand.patience)
    return entry.lastUse + patience
  }

  /// Takes what a broadcast has to say; when it is due again is found out when somebody asks.
  func settle(_ path: BroadcastPath, now: Instant) {
    drain(path, now: now)
    guard let entry = followed[path] else { return }
    if entry.ingest.status.phase != .ended {
      entry.forgetAt = nil
    } else if entry.forgetAt == nil {
      entry.forgetAt = now + configuration.packaging.window
    }
    entry.due = .unknown
  }

  private func due(_ entry: Followed, _ path: BroadcastPath) -> Instant? {
    if case .at(let due) = entry.due { return due }
    let due = earliestDeadline(entry, path)
    entry.due = .at(due)
    return due
  }

  private func earliestDeadline(_ entry: Followed, _ path: BroadcastPath) -> Instant? {
    var due = entry.ingest.deadline
    func consider(_ candidate: Instant?) {
      guard let candidate else { return }
      due = due.map { min($0, candidate) } ?? candidate
    }
    consider(entry.retireAt)
    consider(forgetTime(entry))
    consider(idleEnd(entry))
    if liveLegs(entry) < sources[entry.source].settings.live {
      consider(entry.roster.earliest(besides: usedEndpoints(path)))
    }
    return due
  }

  private func drain(_ path: BroadcastPath, now: Instant) {
    while let entry = followed[path], let output = entry.ingest.poll() {
      switch output {
      case .log(let level, let text):
        let name = followed.count > 1 ? TrackNamespace(path.fields).joined() + ": " : ""
        log(level, name + text)
      case .snapshot(let snapshot):
        if !entry.hasMedia {
          entry.hasMedia = true
          // Who waited for this begins to use it now.
          entry.lastUse = now
        }
        // One that still brings nothing has said so.
        if entry.legs.keys.allSatisfy(entry.ingest.hasMedia) { entry.complaints = Complaints() }
        put(.snapshot(path, snapshot))
      case .legFailed(let leg, let reason, let pause):
        legFailed(leg, reason, after: pause, now: now)
      case .redirected(let leg, let uri): redirect(leg, to: uri, now: now)
      }
    }
  }

  // MARK: Reporting

  /// Whether a broadcast's phase is another than when this was last asked.
  func hasNewPhase() -> Bool {
    var hasNew = false
    for entry in followed.values where entry.reportedPhase != entry.ingest.status.phase {
      entry.reportedPhase = entry.ingest.status.phase
      hasNew = true
    }
    return hasNew
  }

  /// The state of everything, for monitors.
  func report() -> IngestReport {
    IngestReport(
      broadcasts: followed.values.map { $0.ingest.currentStatus() }
        .sorted { $0.broadcast < $1.broadcast },
      upstreams: connections.sorted { $0.key.number < $1.key.number }.map { _, connection in
        IngestReport.Upstream(
          url: connection.endpoint.url,
          isConnected: connection.share != nil,
          draft: connection.share?.draft.rawValue,
          transport: connection.share?.transport,
          broadcasts: connection.legCount
        )
      },
      unready: Array(unready.prefix(Self.unreadyLimit))
    )
  }

  /// Why not every broadcast that is configured is live or over, and of those that are discovered not all
  /// that are told, or nobody tells them; empty when all is well.
  private var unready: [String] {
    let silent = sources.compactMap { source -> String? in
      let name = source.namespace.joined()
      if source.settings.discover {
        return source.discoveries.isEmpty ? "no upstream tells what is under '\(name)'" : nil
      }
      let isMissing = !source.settings.isOnDemand && followed[Self.path(source.namespace)] == nil
      return isMissing ? "\(name) is left out" : nil
    }
    let waiting = followed.values.compactMap { entry -> String? in
      let phase = entry.ingest.status.phase
      let isReady =
        sources[entry.source].settings.isOnDemand || phase == .live || phase == .ended
      return isReady ? nil : "\(entry.ingest.namespace.joined()) is \(phase.rawValue)"
    }
    return silent + waiting.sorted()
  }

  /// More need not be told at once.
  private static let unreadyLimit = 8
}
