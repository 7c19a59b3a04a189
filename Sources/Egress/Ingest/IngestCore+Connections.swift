internal import MoQ
internal import Wire

/// Connections and what uses them.
extension IngestCore {
  // MARK: From the loop

  /// A connection's session is ready.
  func ready(
    _ id: ConnectionID,
    _ session: any SubscriptionSource,
    draft: Draft,
    over transport: TransportKind,
    now: Instant
  ) {
    guard let connection = connections[id] else { return }
    let share = SessionShare(
      session,
      draft: draft,
      transport: transport,
      url: connection.endpoint.url
    )
    connection.share = share
    for user in connection.users {
      switch user {
      case .leg(let leg): join(leg, share, now: now)
      case .discovery(let source): share.subscribeNamespace(sources[source].namespace)
      }
    }
  }

  /// Something happened on a session.
  func handle(_ event: SubscriberEvent, on id: ConnectionID, utc: UTCTime, now: Instant) {
    guard let share = connections[id]?.share else { return }
    if let tap, let track = share.track(of: event), let recorded = RecordedEvent(event) {
      tap(RecordedEntry(track: track, utc: utc, now: now, event: recorded), share.draft)
    }
    if let leg = share.owner(of: event) {
      let entry = followed[leg.broadcast]
      entry?.ingest.handle(event, of: leg, utc: utc, now: now)
      settle(leg.broadcast, now: now)
      return
    }
    if share.keep(event) { return }
    switch event {
    case .published(let subscription, let track): pushed(subscription, track, on: id, now: now)
    case .goAway(let uri, let timeout, nil): move(id, to: uri, within: timeout, now: now)
    case .namespaceAnnounced(let namespace): announced(namespace, on: id, now: now)
    case .namespaceWithdrawn(let namespace): withdrawn(namespace, on: id, now: now)
    case .requestsBlocked: fill(id, now: now)
    case .namespacesAccepted(let prefix): discovers(prefix, on: id, now: now)
    case .namespacesRefused(let prefix, let failure):
      log(
        .error,
        "\(share.url) does not tell the namespaces under '\(prefix.joined())': "
          + "\(failure.meaning) \(failure.reason)"
      )
      for index in sources.indices { sources[index].discoveries.remove(id) }
    default: break
    }
  }

  /// A connection has failed, or could not be made.
  func lose(_ id: ConnectionID, _ reason: String, now: Instant) {
    guard let connection = connections.removeValue(forKey: id) else { return }
    put(.close(id))
    forgetAnnouncements(of: id)
    for user in connection.users {
      switch user {
      case .leg(let leg): drop(leg, connection, reason, now: now)
      case .discovery(let index):
        sources[index].discoveries.remove(id)
        if !connection.isLeaving {
          sources[index].roster.failed(connection.endpoint, now: now, using: &random)
        }
        fillDiscovery(index, now: now)
      }
    }
  }

  // MARK: Legs

  /// A broadcast finds nothing on a connection that others may go on using.
  func legFailed(_ leg: LegID, _ reason: String, now: Instant) {
    guard let id = followed[leg.broadcast]?.legs[leg], let connection = connections[id] else {
      return
    }
    drop(leg, connection, reason, now: now)
    release(id, .leg(leg))
  }

  /// A broadcast is to be had elsewhere; who sends it in circles has failed.
  func redirect(_ leg: LegID, to uri: String, now: Instant) {
    let path = leg.broadcast
    guard let entry = followed[path], let id = entry.legs[leg], let connection = connections[id]
    else { return }
    guard entry.redirects < Self.redirectLimit else {
      return legFailed(leg, "it is sent elsewhere again and again, now to \(uri)", now: now)
    }
    log(.info, "broadcast \(entry.ingest.namespace.joined()) is at \(uri)")
    entry.redirects += 1
    entry.legs[leg] = nil
    entry.ingest.leave(leg, "it is at \(uri)")
    addLeg(path, at: connection.endpoint.moved(to: uri), now: now)
    release(id, .leg(leg))
    settle(path, now: now)
  }

  private static let redirectLimit = 4

  private func drop(_ leg: LegID, _ connection: Connection, _ reason: String, now: Instant) {
    let path = leg.broadcast
    guard let entry = followed[path], entry.legs[leg] != nil else { return }
    entry.legs[leg] = nil
    entry.ingest.leave(leg, reason)
    if !connection.isLeaving {
      entry.roster.failed(connection.endpoint, now: now, using: &random)
      complain("\(connection.endpoint.url): \(reason)", path)
    }
    let settings = sources[entry.source].settings
    if settings.isOnDemand, !entry.hasMedia, entry.legs.isEmpty, entry.roster.haveAllFailed {
      return unfollow(path, reason)
    }
    fillLegs(path, now: now)
    settle(path, now: now)
  }

  /// The same failure again and again is worth one line, and one more when it changes.
  private func complain(_ complaint: String, _ path: BroadcastPath) {
    guard let entry = followed[path] else { return }
    log(entry.complaint == complaint ? .debug : .error, "upstream \(complaint)")
    entry.complaint = complaint
  }

  func usedEndpoints(_ path: BroadcastPath) -> Set<Endpoint> {
    Set((followed[path]?.legs.values).map { $0.compactMap { connections[$0]?.endpoint } } ?? [])
  }

  /// Follows a broadcast on as many upstreams as it wants live.
  func fillLegs(_ path: BroadcastPath, now: Instant) {
    guard let entry = followed[path] else { return }
    let wanted = sources[entry.source].settings.live
    func liveLegs() -> Int {
      followed[path]?.legs.values.filter { connections[$0]?.isLeaving == false }.count ?? wanted
    }
    while liveLegs() < wanted,
      let endpoint = entry.roster.next(besides: usedEndpoints(path), now: now)
    {
      addLeg(path, at: endpoint, now: now)
    }
    if followed[path]?.legs.isEmpty == false, followed[path]?.ingest.legs.isEmpty == true {
      followed[path]?.ingest.setPhase(.connecting)
    }
  }

  private func addLeg(_ path: BroadcastPath, at endpoint: Endpoint, now: Instant) {
    let leg = LegID(broadcast: path, number: newNumber())
    let id = acquire(endpoint, .leg(leg))
    followed[path]?.legs[leg] = id
    if let share = connections[id]?.share { join(leg, share, now: now) }
  }

  private func join(_ leg: LegID, _ share: SessionShare, now: Instant) {
    followed[leg.broadcast]?.ingest.join(leg, share, now: now)
    settle(leg.broadcast, now: now)
  }

  // MARK: Sharing

  /// A connection to an endpoint, the present one where there is one.
  func acquire(_ endpoint: Endpoint, _ user: User) -> ConnectionID {
    let present = connections.filter { _, connection in
      connection.endpoint == endpoint && !connection.isLeaving && connection.hasRoom(for: user)
    }
    if let id = present.keys.min(by: { $0.number < $1.number }) {
      connections[id]?.users.insert(user)
      return id
    }
    let id = ConnectionID(number: newNumber())
    connections[id] = Connection(endpoint: endpoint, users: [user])
    put(.open(id, endpoint))
    return id
  }

  /// A connection that nobody uses is closed.
  func release(_ id: ConnectionID, _ user: User) {
    guard connections[id]?.users.remove(user) != nil, connections[id]?.users.isEmpty == true
    else { return }
    connections[id] = nil
    forgetAnnouncements(of: id)
    put(.close(id))
  }

  /// A relay takes no more requests on a connection: what waits for an answer on it goes to others,
  /// newest first, until nothing is blocked.
  private func fill(_ id: ConnectionID, now: Instant) {
    guard let connection = connections[id], connection.legCount > 1 else { return }
    connection.isFull = true
    log(.debug, "\(connection.endpoint.url) takes no more requests on one connection")
    let legs = connection.users.compactMap { user in
      if case .leg(let leg) = user { leg } else { nil }
    }
    // The oldest stays, or a relay that takes too few for any would have them move for ever.
    for leg in legs.sorted(by: { $0.number > $1.number }).dropLast() {
      guard connection.share?.isBlocked == true else { return }
      guard let entry = followed[leg.broadcast], entry.ingest.waitsForAnswer(leg) else { continue }
      entry.legs[leg] = nil
      entry.ingest.leave(leg, "the connection is full")
      addLeg(leg.broadcast, at: connection.endpoint, now: now)
      release(id, .leg(leg))
      settle(leg.broadcast, now: now)
    }
  }

  // MARK: Moving

  /// A relay goes away: its successor is joined before it is left.
  private func move(
    _ id: ConnectionID,
    to uri: String,
    within timeout: Interval?,
    now: Instant
  ) {
    guard let connection = connections[id], !connection.isLeaving else { return }
    let successor = connection.endpoint.moved(to: uri)
    log(
      .warning,
      "\(connection.endpoint.url) goes away, moving to \(successor.url)"
    )
    connection.isLeaving = true
    let patience = min(timeout ?? Self.movePatience, Self.movePatience)
    connection.leaveDeadline = now + max(patience, .milliseconds(100))
    for user in connection.users {
      switch user {
      case .leg(let leg):
        addLeg(leg.broadcast, at: successor, now: now)
        settle(leg.broadcast, now: now)
      case .discovery(let index):
        sources[index].discoveries.remove(id)
        release(id, user)
        let next = acquire(successor, .discovery(index))
        connections[next]?.share?.subscribeNamespace(sources[index].namespace)
      }
    }
  }

  /// How long the old session is kept beside the new one.
  private static let movePatience = Interval.seconds(5)
}

extension IngestCore.Connection {
  var legCount: Int { users.count { if case .leg = $0 { true } else { false } } }

  /// Whether one more may use it.
  func hasRoom(for user: IngestCore.User) -> Bool {
    switch user {
    case .discovery: true
    case .leg: !isFull && legCount < endpoint.settings.broadcastsPerConnection
    }
  }
}
