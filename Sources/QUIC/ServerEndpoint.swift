import CNgtcp2
package import Wire

/// A server's side of one UDP socket: finds the connection of each datagram, and makes new ones.
package final class ServerEndpoint {
  /// What an endpoint takes upon itself.
  package struct Limits: Sendable {
    /// Connections at once; further clients are refused with CONNECTION_REFUSED.
    package var maxConnections = 1000
    /// From this many incomplete handshakes on, a client must prove its address by a Retry first.
    package var handshakesBeforeRetry = 32
    /// Every client must prove its address first.
    package var requiresRetry = false
    /// How long a client may take to come back with the token of a Retry.
    package var retryTokenLifetime: Interval = .milliseconds(10_000)
    /// Answers that belong to no connection and may wait to be written; further ones are dropped.
    package var maxQueuedAnswers = 64

    package init() {}
  }

  /// Names a connection of this endpoint, never reused.
  package typealias Key = UInt64

  package let configuration: QUICConfiguration
  package let limits: Limits
  private let credentials: ServerCredentials
  private let protocols: [UInt8]
  private let local: SocketAddress
  private let secret: [UInt8]

  private var connections: [Key: Connection] = [:]
  private var routes: [Bytes: Key] = [:]
  private var routesByKey: [Key: Set<Bytes>] = [:]
  private var handshaking: Set<Key> = []
  private var nextKey: Key = 1
  private let activity = ActivityList()
  /// Connections to ask for events.
  private var polling = KeyQueue()
  /// Connections to ask for datagrams.
  private var writing = KeyQueue()
  private var answers: [(bytes: Bytes, destination: SocketAddress)] = []

  /// Prepares an endpoint that listens at `local`; throws `.setup`.
  package init(
    configuration: QUICConfiguration,
    limits: Limits = Limits(),
    credentials: ServerCredentials,
    alpn: [String],
    local: SocketAddress
  ) throws(QUICError) {
    self.configuration = configuration
    self.limits = limits
    self.credentials = credentials
    self.local = local
    protocols = try encodeProtocols(alpn)
    var secret = [UInt8](repeating: 0, count: Int(DOOR_SECRET_BYTES))
    guard unsafe door_random(&secret, secret.count) == DOOR_OK.rawValue else {
      throw .setup("no random bytes")
    }
    self.secret = secret
  }

  package var connectionCount: Int { connections.count }

  /// The connection of a key; nil when it is gone.
  package subscript(key: Key) -> Connection? { connections[key] }

  // MARK: Input

  /// Takes what came together from `source`, of any content: datagrams of `size` bytes one after the
  /// other, the last maybe shorter; without a size, one.
  package func receive(
    _ datagrams: Span<UInt8>,
    ofSize size: Int? = nil,
    from source: SocketAddress,
    ecn: UInt8 = 0,
    now: Instant
  ) {
    guard source.isIPv6 == local.isIPv6 else { return }
    // Clients that share an address may be several connections.
    forEachDatagram(of: datagrams, ofSize: max(size ?? datagrams.count, 1)) { datagram in
      receive(datagram, source, ecn, now)
    }
  }

  private func receive(
    _ datagram: Span<UInt8>,
    _ source: SocketAddress,
    _ ecn: UInt8,
    _ now: Instant
  ) {
    var header = unsafe door_header()
    let kind = unsafe datagram.withUnsafeBufferPointer { buffer in
      unsafe door_parse(buffer.baseAddress, buffer.count, &header)
    }
    let destination = unsafe header.destination.value
    if let key = routes[destination], let connection = connections[key] {
      connection.receive(datagram, from: source, ecn: ecn, now: now)
      activity.note(key)
      return
    }
    switch kind {
    case DOOR_PACKET_INITIAL:
      // The token is inside the datagram, which outlives these calls.
      unsafe open(&header, datagram, destination, source, ecn, now)
    case DOOR_PACKET_UNKNOWN_VERSION:
      unsafe answer(to: source) { into, capacity in
        unsafe door_write_version_negotiation(into, capacity, &header)
      }
    case DOOR_PACKET_ROUTED where unsafe header.is_short != 0:
      unsafe answer(to: source) { into, capacity in
        unsafe door_write_stateless_reset(into, capacity, &header, datagram.count, secret)
      }
    default: break
    }
  }

  private func open(
    _ header: inout door_header,
    _ datagram: Span<UInt8>,
    _ destination: Bytes,
    _ source: SocketAddress,
    _ ecn: UInt8,
    _ now: Instant
  ) {
    let time = max(1, UInt64(clamping: now.nanoseconds))
    var remote = door_address(source)
    var original = door_connection_id()
    let token = unsafe door_check_token(
      &header,
      &remote,
      secret,
      UInt64(clamping: limits.retryTokenLifetime.nanoseconds),
      time,
      &original
    )
    switch token {
    case DOOR_TOKEN_VALID: break
    case DOOR_TOKEN_INVALID:
      unsafe refuse(&header, source, code: 0xb)  // INVALID_TOKEN
      return
    default:
      guard limits.requiresRetry || handshaking.count >= limits.handshakesBeforeRetry else { break }
      unsafe answer(to: source) { into, capacity in
        unsafe door_write_retry(into, capacity, &header, &remote, secret, time)
      }
      return
    }
    guard connections.count < limits.maxConnections else {
      unsafe refuse(&header, source, code: 0x2)  // CONNECTION_REFUSED
      return
    }
    let streams = StreamTable()
    let context = unsafe Unmanaged.passUnretained(streams).toOpaque()
    var settings = door_settings(configuration)
    var callbacks = makeCallbacks()
    var listening = door_address(local)
    let wasRetried = token == DOOR_TOKEN_VALID
    let (made, _) = unsafe withExplanation { explanation in
      unsafe withUnsafePointer(to: &original) { original in
        unsafe door_accept(
          &settings,
          credentials.handle,
          protocols,
          protocols.count,
          &header,
          wasRetried ? original : nil,
          secret,
          &listening,
          &remote,
          &callbacks,
          context,
          time,
          explanation
        )
      }
    }
    guard let made = unsafe made else { return }
    let connection = unsafe Connection(
      handle: made,
      streams: streams,
      configuration: configuration,
      keepAlive: credentials,
      remote: source
    )
    let key = nextKey
    nextKey += 1
    connection.activity = (activity, key)
    connections[key] = connection
    handshaking.insert(key)
    route(destination, to: key)
    var own = [door_connection_id](repeating: door_connection_id(), count: 32)
    let count = unsafe door_connection_ids(made, &own, own.count)
    for id in own.prefix(count) { route(id.value, to: key) }
    connection.receive(datagram, from: source, ecn: ecn, now: now)
    activity.note(key)
  }

  /// When `handleTimeout` is due; nil for never.
  package var deadline: Instant? {
    connections.values.lazy.compactMap { $0.deadline }.min()
  }

  /// Does what has become due on any connection.
  package func handleTimeout(now: Instant) {
    for (key, connection) in connections {
      guard let due = connection.deadline, due <= now else { continue }
      connection.handleTimeout(now: now)
      activity.note(key)
    }
  }

  // MARK: Output

  /// Takes the next event of any connection; nil when there is none for now.
  ///
  /// A connection is first seen with `.connected`, and gone after `.closed`. Handshakes that fail are
  /// not reported.
  package func poll() -> (key: Key, connection: Connection, event: QUICEvent)? {
    gather()
    while let key = polling.first {
      guard let connection = connections[key], let event = connection.poll() else {
        polling.removeFirst()
        if let connection = connections[key] { follow(key, connection) }
        continue
      }
      if handshaking.contains(key) {
        guard case .connected = event else { continue }
        handshaking.remove(key)
      }
      return (key, connection, event)
    }
    return nil
  }

  /// Adds what may be sent now to a batch; true when more may follow at once.
  ///
  /// Call it after `poll` has returned nil, as connections are forgotten here when they are finished.
  package func writeDatagrams(into batch: inout DatagramBatch, now: Instant) -> Bool {
    gather()
    while let answer = answers.last {
      guard batch.append(answer.bytes, to: answer.destination) else { return true }
      answers.removeLast()
    }
    while let key = writing.first {
      guard let connection = connections[key] else {
        writing.removeFirst()
        continue
      }
      if connection.writeDatagrams(into: &batch, now: now) { return true }
      writing.removeFirst()
      follow(key, connection)
    }
    gather()
    return false
  }

  // MARK: Steps

  /// Spreads what has been noticed over the lists of what is to be done.
  private func gather() {
    while let key = activity.next() {
      guard let connection = connections[key] else { continue }
      for change in connection.takeConnectionIDChanges() {
        if change.isAdded { route(change.id, to: key) } else { unroute(change.id, from: key) }
      }
      if connection.phase != .handshaking, connection.phase != .established,
        handshaking.contains(key)
      {
        connection.discardEvents()
        handshaking.remove(key)
      }
      polling.append(key)
      writing.append(key)
    }
  }

  private func follow(_ key: Key, _ connection: Connection) {
    guard connection.isFinished else { return }
    connections[key] = nil
    handshaking.remove(key)
    for id in routesByKey.removeValue(forKey: key) ?? [] { routes[id] = nil }
  }

  private func route(_ id: Bytes, to key: Key) {
    routes[id] = key
    routesByKey[key, default: []].insert(id)
  }

  private func unroute(_ id: Bytes, from key: Key) {
    guard routes[id] == key else { return }
    routes[id] = nil
    routesByKey[key]?.remove(id)
  }

  private func refuse(_ header: inout door_header, _ source: SocketAddress, code: UInt64) {
    unsafe answer(to: source) { into, capacity in
      unsafe door_write_refusal(into, capacity, &header, code)
    }
  }

  /// Queues a datagram that belongs to no connection.
  private func answer(
    to destination: SocketAddress,
    _ write: (UnsafeMutablePointer<UInt8>?, Int) -> Int
  ) {
    guard answers.count < limits.maxQueuedAnswers else { return }
    var packet = [UInt8](repeating: 0, count: Int(DOOR_MAX_DATAGRAM_BYTES))
    let count = unsafe packet.withUnsafeMutableBufferPointer { buffer in
      unsafe write(buffer.baseAddress, buffer.count)
    }
    guard count > 0 else { return }
    packet.removeLast(packet.count - count)
    answers.append((Bytes(packet), destination))
  }
}
