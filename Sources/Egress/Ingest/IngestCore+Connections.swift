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
    connection.readySince = now
    for user in connection.users {
      switch user {
      case .leg(let leg): join(leg, share, now: now)
      case .discovery(let source): ask(source, on: id, now: now)
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
      doesNotTell(prefix, failure, on: id, now: now)
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
      case .leg(let leg):
        drop(leg, connection, reason, hasFailed: !connection.isLeaving, now: now)
      case .discovery(let index):
        if !connection.isLeaving {
          rest(user, connection, now: now)
          complain("\(connection.endpoint.url): \(reason)", ofSource: index)
        }
        fillDiscovery(index, now: now)
      }
    }
  }

  // MARK: Legs

  /// A broadcast finds nothing on a connection that others may go on using.
  func legFailed(_ leg: LegID, _ reason: String, after pause: Interval = .zero, now: Instant) {
    guard let id = followed[leg.broadcast]?.legs[leg], let connection = connections[id] else {
      return
    }
    let hasFailed = !connection.isLeaving
    drop(leg, connection, reason, after: pause, hasFailed: hasFailed, now: now)
    release(id, .leg(leg))
  }

  /// A broadcast is to be had elsewhere; who sends it in circles has failed.
  func redirect(_ leg: LegID, to uri: String, now: Instant) {
    let path = leg.broadcast
    guard let entry = followed[path], let id = entry.legs[leg], let connection = connections[id]
    else { return }
    let hop = nextHop(.leg(leg), connection, now: now)
    guard hop.count <= Self.hopLimit else {
      return legFailed(leg, "it is sent elsewhere again and again, now to \(uri)", now: now)
    }
    log(.info, "broadcast \(entry.ingest.namespace.joined()) is at \(uri)")
    entry.legs[leg] = nil
    entry.ingest.leave(leg, "it is at \(uri)")
    addLeg(path, at: connection.endpoint.moved(to: uri), hop, now: now)
    release(id, .leg(leg))
    settle(path, now: now)
  }

  private static let hopLimit = 4

  private func nextHop(_ user: User, _ connection: Connection, now: Instant) -> Hop {
    let count = hasLasted(user, connection, now: now) ? 0 : connection.hops[user]?.count ?? 0
    return Hop(origin: connection.origin(of: user), count: count + 1)
  }

  private func drop(
    _ leg: LegID,
    _ connection: Connection,
    _ reason: String,
    after pause: Interval = .zero,
    hasFailed: Bool,
    now: Instant
  ) {
    let path = leg.broadcast
    guard let entry = followed[path], entry.legs[leg] != nil else { return }
    if hasFailed {
      rest(.leg(leg), connection, after: pause, now: now)
      complain("\(connection.endpoint.url): \(reason)", path)
    }
    entry.legs[leg] = nil
    entry.ingest.leave(leg, reason)
    if hasFailed { entry.ingest.failed(reason) }
    let settings = sources[entry.source].settings
    if settings.isOnDemand, !entry.hasMedia, entry.legs.isEmpty, entry.roster.haveAllFailed {
      return unfollow(path, reason, now: now)
    }
    fillLegs(path, now: now)
    settle(path, now: now)
  }

  // MARK: Failures

  /// Whether somebody got on a connection what it is for.
  private func isOfUse(_ user: User, _ connection: Connection) -> Bool {
    switch user {
    case .leg(let leg): followed[leg.broadcast]?.ingest.hasMedia(leg) == true
    case .discovery(let index): connection.tellsSources.contains(index)
    }
  }

  /// Whether connecting was worth it: a relay that gives something, and at once sends everybody away, is no
  /// better than one that fails.
  private func hasLasted(_ user: User, _ connection: Connection, now: Instant) -> Bool {
    guard let since = connection.readySince else { return false }
    return now - since >= Self.lastingInterval && isOfUse(user, connection)
  }

  /// How long a session lasts that was of use.
  static let lastingInterval = Interval.seconds(1)

  /// Lets the endpoint rest that led somebody to a connection, longer each time that it was of no use.
  func rest(
    _ user: User,
    _ connection: Connection,
    after pause: Interval = .zero,
    now: Instant
  ) {
    let endpoint = connection.origin(of: user)
    let hasLasted = hasLasted(user, connection, now: now)
    switch user {
    case .leg(let leg):
      guard let entry = followed[leg.broadcast] else { return }
      if hasLasted { entry.roster.succeeded(endpoint) }
      entry.roster.failed(endpoint, atLeast: pause, now: now, using: &random)
    case .discovery(let index):
      if hasLasted { sources[index].roster.succeeded(endpoint) }
      sources[index].roster.failed(endpoint, atLeast: pause, now: now, using: &random)
    }
  }

  /// The same failure again and again is worth one line, and one more when it changes.
  private func complain(_ complaint: String, _ path: BroadcastPath) {
    guard let entry = followed[path] else { return }
    log(entry.complaints.note(complaint) ? .error : .debug, "upstream \(complaint)")
  }

  func complain(_ complaint: String, ofSource index: Int) {
    log(sources[index].complaints.note(complaint) ? .error : .debug, "upstream \(complaint)")
  }

  /// Where a broadcast is followed, and what led there; not what it is about to leave.
  func usedEndpoints(_ path: BroadcastPath) -> Set<Endpoint> {
    var used: Set<Endpoint> = []
    for (leg, id) in followed[path]?.legs ?? [:] {
      guard let connection = connections[id], !connection.isLeaving else { continue }
      used.insert(connection.endpoint)
      used.insert(connection.origin(of: .leg(leg)))
    }
    return used
  }

  func liveLegs(_ entry: Followed) -> Int {
    entry.legs.values.count { connections[$0]?.isLeaving == false }
  }

  /// Follows a broadcast on as many upstreams as it wants live.
  func fillLegs(_ path: BroadcastPath, now: Instant) {
    guard let entry = followed[path] else { return }
    let wanted = sources[entry.source].settings.live
    while liveLegs(entry) < wanted,
      let endpoint = entry.roster.next(besides: usedEndpoints(path), now: now)
    {
      addLeg(path, at: endpoint, now: now)
      // It may have been forgotten.
      guard followed[path] === entry else { return }
    }
    if followed[path]?.legs.isEmpty == false, followed[path]?.ingest.legs.isEmpty == true {
      followed[path]?.ingest.setPhase(.connecting)
    }
  }

  private func addLeg(
    _ path: BroadcastPath,
    at endpoint: Endpoint,
    _ hop: Hop? = nil,
    now: Instant
  ) {
    // Sent where it is followed already, it needs another place, if there is one.
    if let hop, usedEndpoints(path).contains(endpoint) {
      // Who sent it there would do so again at once.
      followed[path]?.roster.failed(hop.origin, now: now, using: &random)
      return fillLegs(path, now: now)
    }
    let leg = LegID(broadcast: path, number: newNumber())
    let id = acquire(endpoint, .leg(leg), hop)
    followed[path]?.legs[leg] = id
    if let share = connections[id]?.share { join(leg, share, now: now) }
  }

  private func join(_ leg: LegID, _ share: SessionShare, now: Instant) {
    followed[leg.broadcast]?.ingest.join(leg, share, now: now)
    settle(leg.broadcast, now: now)
  }

  // MARK: Sharing

  /// A connection to an endpoint, the present one where there is one.
  func acquire(_ endpoint: Endpoint, _ user: User, _ hop: Hop? = nil) -> ConnectionID {
    let present = connections.filter { _, connection in
      connection.endpoint == endpoint && !connection.isLeaving && connection.hasRoom(for: user)
    }
    if let id = present.keys.min(by: { $0.number < $1.number }) {
      connections[id]?.users.insert(user)
      connections[id]?.hops[user] = hop
      return id
    }
    let id = ConnectionID(number: newNumber())
    let connection = Connection(endpoint: endpoint, for: user)
    connection.hops[user] = hop
    connections[id] = connection
    put(.open(id, endpoint))
    return id
  }

  /// A connection that nobody uses is closed.
  func release(_ id: ConnectionID, _ user: User) {
    connections[id]?.hops[user] = nil
    guard connections[id]?.users.remove(user) != nil, connections[id]?.users.isEmpty == true
    else { return }
    connections[id] = nil
    forgetAnnouncements(of: id)
    put(.close(id))
  }

  /// A relay takes no more requests on a connection: what waits for an answer on it goes to others,
  /// newest first, until nothing is blocked.
  private func fill(_ id: ConnectionID, now: Instant) {
    guard let connection = connections[id], !connection.isLeaving, let share = connection.share
    else { return }
    // From draft 18 on requests that end make room for others; before, only the relay can.
    let isFinal = share.draft < .draft18
    func hasMedia(_ leg: LegID) -> Bool { isFinal && isOfUse(.leg(leg), connection) }
    let legs = connection.users.compactMap { user in
      if case .leg(let leg) = user { leg } else { nil }
    }
    // Another connection would give no more room to who has this one from its beginning and for itself.
    if connection.users == [connection.opener], !legs.contains(where: hasMedia) { return }
    if !connection.isFull {
      connection.isFull = true
      log(.debug, "\(connection.endpoint.url) takes no more requests on one connection")
    }
    // Whom it was opened for stays, or a relay that takes too few for any would have all move for ever.
    for leg in legs.sorted(by: { $0.number > $1.number }) where .leg(leg) != connection.opener {
      guard share.isBlocked else { return }
      guard let entry = followed[leg.broadcast], entry.ingest.waitsForAnswer(leg), !hasMedia(leg)
      else { continue }
      entry.legs[leg] = nil
      entry.ingest.leave(leg, "the connection is full")
      moveLeg(leg, from: connection, now: now)
      release(id, .leg(leg))
      settle(leg.broadcast, now: now)
    }
    guard isFinal, share.isBlocked, connections[id] != nil else { return }
    let least = (connection.readySince ?? now) + Self.fullInterval
    connection.blockedDeadline =
      connection.blockedDeadline ?? max(now + Self.blockedPatience, least)
  }

  /// Makes a new connection for a leg that has failed nowhere.
  private func moveLeg(_ leg: LegID, from connection: Connection, now: Instant) {
    let hop = connection.hops[.leg(leg)]
    let path = leg.broadcast
    let next = LegID(broadcast: path, number: newNumber())
    let id = acquire(connection.endpoint, .leg(next), hop)
    followed[path]?.legs[next] = id
    if let share = connections[id]?.share { join(next, share, now: now) }
  }

  /// Leaves a connection of use whose relay still takes no requests, for a new one.
  func leaveIfBlocked(_ id: ConnectionID, now: Instant) {
    guard let connection = connections[id] else { return }
    connection.blockedDeadline = nil
    guard !connection.isLeaving, connection.share?.isBlocked == true,
      connection.users.contains(where: { isOfUse($0, connection) })
    else { return }
    log(.info, "\(connection.endpoint.url) takes no more requests, connecting anew")
    connection.isLeaving = true
    connection.leaveDeadline = now + Self.movePatience
    for user in connection.users {
      switch user {
      case .leg(let leg):
        guard followed[leg.broadcast]?.legs[leg] == id else { continue }
        if !isOfUse(user, connection) {
          followed[leg.broadcast]?.legs[leg] = nil
          followed[leg.broadcast]?.ingest.leave(leg, "the connection is full")
          release(id, user)
        }
        moveLeg(leg, from: connection, now: now)
        settle(leg.broadcast, now: now)
      case .discovery(let index):
        let hop = connection.hops[user]
        stopDiscovery(index, on: id)
        discover(index, at: connection.endpoint, hop, now: now)
      }
    }
  }

  /// How long a relay that allows no more requests may take to allow some.
  private static let blockedPatience = Interval.seconds(1)
  /// How long a connection is kept at least, however few requests it takes.
  private static let fullInterval = Interval.seconds(10)

  // MARK: Moving

  /// A relay goes away: its successor is joined before it is left.
  ///
  /// One that goes away before it was of use has failed, but where it names another, that is tried.
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
    // 0 is no time that somebody has to be gone by.
    let given = timeout.flatMap { $0 > .zero ? $0 : nil } ?? Self.movePatience
    connection.leaveDeadline = now + max(min(given, Self.movePatience), .milliseconds(100))
    for user in connection.users {
      let hop = nextHop(user, connection, now: now)
      let mayFollow =
        hasLasted(user, connection, now: now)
        || successor != connection.endpoint && hop.count <= Self.hopLimit
      switch user {
      case .leg(let leg): move(leg, id, to: mayFollow ? (successor, hop) : nil, now: now)
      case .discovery(let index):
        if !mayFollow { rest(user, connection, now: now) }
        stopDiscovery(index, on: id)
        if mayFollow {
          discover(index, at: successor, hop, now: now)
        } else {
          fillDiscovery(index, now: now)
        }
      }
    }
  }

  /// Moves a leg to where its relay sends it, or to whatever else there is.
  private func move(
    _ leg: LegID,
    _ id: ConnectionID,
    to next: (endpoint: Endpoint, hop: Hop)?,
    now: Instant
  ) {
    guard let connection = connections[id], followed[leg.broadcast]?.legs[leg] == id else { return }
    let hasMedia = isOfUse(.leg(leg), connection)
    let reason = "the relay goes away"
    if let next {
      if !hasMedia {
        followed[leg.broadcast]?.legs[leg] = nil
        followed[leg.broadcast]?.ingest.leave(leg, reason)
      }
      addLeg(leg.broadcast, at: next.endpoint, next.hop, now: now)
      if !hasMedia { release(id, .leg(leg)) }
    } else if hasMedia {
      rest(.leg(leg), connection, now: now)
      complain("\(connection.endpoint.url): \(reason)", leg.broadcast)
      fillLegs(leg.broadcast, now: now)
    } else {
      drop(leg, connection, reason, hasFailed: true, now: now)
      release(id, .leg(leg))
    }
    settle(leg.broadcast, now: now)
  }

  /// How long the old session is kept beside the new one.
  private static let movePatience = Interval.seconds(5)
}

extension IngestCore.Connection {
  var legCount: Int { users.count { if case .leg = $0 { true } else { false } } }

  /// Whether one more may use it.
  func hasRoom(for user: IngestCore.User) -> Bool {
    guard !isFull, share?.isBlocked != true else { return false }
    switch user {
    case .discovery: return true
    case .leg: return legCount < endpoint.settings.broadcastsPerConnection
    }
  }
}
