import CNgtcp2
package import Wire

/// One QUIC connection, client's or server's: datagrams and time in, events and datagrams out.
///
/// After anything that may have produced events call `poll` until nil; after anything that may have
/// produced datagrams call `writeDatagrams`; at `deadline` call `handleTimeout`.
@safe package final class Connection {
  enum Phase: Equatable {
    case handshaking
    case established
    /// A close has been sent; what still comes is answered with it until the deadline.
    case closing(until: Instant)
    case finished
  }

  let handle: OpaquePointer
  let streams: StreamTable
  var phase = Phase.handshaking
  /// A packet that ends the connection, to be sent and sent again.
  var closePacket = Bytes()
  var closePacketIsDue = false
  var packetsSinceClose = 0
  var destination: SocketAddress
  var datagrams: [Bytes] = []
  let configuration: QUICConfiguration
  private let keepAlive: AnyObject
  private var lastTick: UInt64 = 1
  private var hasHeardPeer = false
  private var refusalCount = 0
  /// Where an endpoint learns which of its connections have something to do.
  var activity: (list: ActivityList, key: UInt64)?

  init(
    handle: OpaquePointer,
    streams: StreamTable,
    configuration: QUICConfiguration,
    keepAlive: AnyObject,
    remote: SocketAddress
  ) {
    unsafe self.handle = handle
    self.streams = streams
    self.configuration = configuration
    self.keepAlive = keepAlive
    destination = remote
  }

  // The table outlives the call: it is released after this body.
  deinit { unsafe door_free(handle) }

  /// Begins connecting; the first datagrams wait in `writeDatagrams`.
  ///
  /// `serverName` is what the certificate must be for, a host name or an IP literal. Throws
  /// `.setup` when an argument is unusable.
  package static func connect(
    configuration: QUICConfiguration,
    credentials: ClientCredentials,
    alpn: [String],
    serverName: String,
    local: SocketAddress,
    remote: SocketAddress,
    now: Instant
  ) throws(QUICError) -> Connection {
    guard local.isIPv6 == remote.isIPv6 else {
      throw .setup("\(local) and \(remote) are of different address families")
    }
    let protocols = try encodeProtocols(alpn)
    let streams = StreamTable()
    let context = unsafe Unmanaged.passUnretained(streams).toOpaque()
    var settings = door_settings(configuration)
    var callbacks = makeCallbacks()
    var from = door_address(local)
    var to = door_address(remote)
    let (made, text) = unsafe withExplanation { explanation in
      unsafe door_connect(
        &settings,
        credentials.handle,
        protocols,
        protocols.count,
        serverName,
        &from,
        &to,
        &callbacks,
        context,
        max(1, UInt64(clamping: now.nanoseconds)),
        explanation
      )
    }
    guard let made = unsafe made else { throw .setup(text) }
    return unsafe Connection(
      handle: made,
      streams: streams,
      configuration: configuration,
      keepAlive: credentials,
      remote: remote
    )
  }

  // MARK: Input

  /// Takes what came together from `source` with the ECN bits of its IP header: datagrams of `size`
  /// bytes one after the other, the last maybe shorter; without a size, one.
  package func receive(
    _ datagrams: Span<UInt8>,
    ofSize size: Int? = nil,
    from source: SocketAddress,
    ecn: UInt8 = 0,
    now: Instant
  ) {
    switch phase {
    case .finished: return
    case .closing:
      // RFC 9000 §10.2.1: answer at a falling rate.
      packetsSinceClose += 1
      if packetsSinceClose & (packetsSinceClose - 1) == 0 {
        closePacketIsDue = true
        flagForWriting()
      }
      return
    case .handshaking, .established: break
    }
    guard !datagrams.isEmpty, source.isIPv6 == destination.isIPv6 else { return }
    let time = tick(now)
    var from = door_address(source)
    let size = max(size ?? datagrams.count, 1)
    let result = unsafe datagrams.withUnsafeBufferPointer { buffer in
      unsafe door_read(handle, buffer.baseAddress, buffer.count, size, &from, ecn, time)
    }
    hasHeardPeer = true
    settle(result, now: now)
  }

  /// Does what has become due; call at `deadline`.
  package func handleTimeout(now: Instant) {
    switch phase {
    case .finished: return
    case .closing(let until):
      if now >= until { finish() }
    case .handshaking, .established:
      let time = tick(now)
      guard unsafe door_expiry(handle) <= time else { return }
      settle(unsafe door_handle_expiry(handle, time), now: now)
    }
  }

  /// Takes the kernel's word that nobody listens at the peer's port.
  ///
  /// Only a hint, as anybody can forge it: three of them end a handshake in which the peer has never
  /// been heard, and one makes its timeout read `.unreachable`.
  package func noteRefused(now: Instant) {
    guard phase == .handshaking, !hasHeardPeer else { return }
    refusalCount += 1
    if refusalCount >= 3 {
      streams.report(.closed(.unreachable))
      finish()
    }
  }

  /// When `handleTimeout` is due; nil for never.
  package var deadline: Instant? {
    switch phase {
    case .finished: return nil
    case .closing(let until): return until
    case .handshaking, .established:
      let expiry = unsafe door_expiry(handle)
      return expiry == .max ? nil : Instant(nanoseconds: Int64(clamping: expiry))
    }
  }

  // MARK: Output

  /// Takes the next event; nil when there is none for now.
  package func poll() -> QUICEvent? { streams.nextReport() }

  /// Whether nothing will ever come from this connection again, so that it can be forgotten.
  package var isFinished: Bool { phase == .finished && !streams.hasEvents }

  /// Whether streams can be opened and used.
  package var isEstablished: Bool { phase == .established }

  // MARK: Streams

  /// Opens a stream; nil when the peer allows no more for now, and `.streamCredit` tells when again.
  package func openStream(bidirectional: Bool) -> UInt64? {
    guard phase == .established else { return nil }
    let stream = unsafe door_open_stream(handle, bidirectional ? 1 : 0)
    guard stream >= 0 else {
      if bidirectional {
        streams.wantsBidirectionalCredit = true
      } else {
        streams.wantsUnidirectionalCredit = true
      }
      return nil
    }
    streams.open(stream, isLocal: true)
    return UInt64(stream)
  }

  /// Queues bytes without copying them; they are held until the peer has them.
  ///
  /// Bytes for a stream that is unknown, finished, reset or stopped are dropped.
  package func send(_ bytes: Bytes, on stream: UInt64, isFinal: Bool = false) {
    guard phase == .established, let id = Int64(exactly: stream),
      var queue = streams.sending.removeValue(forKey: id)
    else { return }
    if !queue.isFinished, !queue.isAbandoned {
      queue.append(bytes, isFinal: isFinal)
      streams.heldByteCount += bytes.count
    }
    streams.sending[id] = queue
    streams.makeReady(id)
    flagForWriting()
  }

  /// Says when a stream's bytes go where not all can go at once; until then, before those of all streams
  /// with an order.
  package func setOrder(_ order: SendOrder, of stream: UInt64) {
    guard phase == .established, let id = Int64(exactly: stream) else { return }
    streams.setOrder(order, of: id)
    flagForWriting()
  }

  /// Bytes queued on a stream that have not been sent yet.
  package func pendingBytes(on stream: UInt64) -> Int {
    Int64(exactly: stream).flatMap { streams.sending[$0]?.unsentByteCount } ?? 0
  }

  /// Bytes queued on all streams that the peer has not acknowledged yet.
  package var heldBytes: Int { streams.heldByteCount }

  /// Gives up sending on a stream; what is queued is dropped.
  package func reset(_ stream: UInt64, code: UInt64) {
    guard phase == .established, let id = Int64(exactly: stream) else { return }
    streams.leaveLine(id)
    guard var queue = streams.sending.removeValue(forKey: id) else { return }
    queue.isAbandoned = true
    streams.sending[id] = queue
    _ = unsafe door_reset(handle, id, min(code, StreamTable.largestCode))
    flagForWriting()
  }

  /// Asks the peer to give up sending on a stream; nothing more of it is reported but its close.
  package func stopSending(_ stream: UInt64, code: UInt64) {
    guard phase == .established, let id = Int64(exactly: stream),
      let state = streams.receiving[id], !state.isStopped
    else { return }
    let due = streams.stop(id)
    if due > 0 { unsafe door_extend_connection(handle, UInt64(due)) }
    if !state.isEnded {
      _ = unsafe door_stop_sending(handle, id, min(code, StreamTable.largestCode))
    }
    flagForWriting()
  }

  /// Returns the credit of bytes that were reported, so that the peer may send as many more.
  ///
  /// More than was reported counts as what was reported.
  package func consumed(_ count: Int, on stream: UInt64) {
    guard let id = Int64(exactly: stream) else { return }
    let (taken, streamIsOpen) = streams.consume(count, on: id)
    guard taken > 0, phase == .established else { return }
    if streamIsOpen { unsafe door_extend_stream(handle, id, UInt64(taken)) }
    unsafe door_extend_connection(handle, UInt64(taken))
    flagForWriting()
  }

  /// Lets what comes next of a stream be written into `room`, with its credit returned at once, and an event
  /// without bytes when it is full; false when bytes before it are not consumed yet or nothing more comes.
  package func fill(_ room: StreamRoom, on stream: UInt64) -> Bool {
    guard let id = Int64(exactly: stream) else { return false }
    return streams.fill(room, on: id)
  }

  /// Queues a DATAGRAM frame; false when the peer takes none of that size or too many wait.
  package func sendDatagram(_ bytes: Bytes) -> Bool {
    guard phase == .established, bytes.count <= maxDatagramByteCount,
      datagrams.count < configuration.maxQueuedDatagrams
    else { return false }
    datagrams.append(bytes)
    flagForWriting()
    return true
  }

  /// The most bytes that `sendDatagram` takes now; 0 when the peer takes none.
  package var maxDatagramByteCount: Int {
    phase == .established ? unsafe door_datagram_capacity(handle) : 0
  }

  /// Streams of which anything is remembered, closed ones with unconsumed bytes included.
  package var trackedStreamCount: Int {
    streams.receiving.count + streams.sending.keys.count { streams.receiving[$0] == nil }
  }

  /// Bytes of memory that the transport holds, without TLS and without what is queued.
  package var transportMemoryBytes: Int { unsafe Int(clamping: door_heap_bytes(handle)) }

  /// The smoothed round-trip time.
  package var roundTripTime: Interval {
    var statistics = door_statistics()
    unsafe door_get_statistics(handle, &statistics)
    return Interval(nanoseconds: Int64(clamping: statistics.smoothed_round_trip))
  }

  // MARK: Ends

  /// Ends the connection with the application's code and a short reason.
  package func close(code: UInt64, reason: String, now: Instant) {
    guard phase == .handshaking || phase == .established else { return }
    let text = Array(reason.utf8.prefix(256))
    let time = tick(now)
    unsafe end(.closedLocally(code: code, reason: reason), now: now) {
      handle,
      into,
      capacity,
      written in
      unsafe door_write_application_close(
        handle,
        into,
        capacity,
        min(code, StreamTable.largestCode),
        text,
        text.count,
        time,
        written
      )
    }
  }

  // MARK: Steps

  /// Behaves as if an assertion had failed inside ngtcp2; for tests.
  func failAssertion(now: Instant) { settle(unsafe door_fail_assertion(handle), now: now) }

  /// This moment for ngtcp2, which must never see time go back.
  func tick(_ now: Instant) -> UInt64 {
    lastTick = max(lastTick, UInt64(clamping: now.nanoseconds))
    return lastTick
  }

  func takeConnectionIDChanges() -> [(id: Bytes, isAdded: Bool)] {
    defer { streams.connectionIDChanges = [] }
    return streams.connectionIDChanges
  }

  /// Drops what a connection that was never announced would have reported.
  func discardEvents() {
    while streams.nextReport() != nil {}
  }

  func flagForWriting() {
    if let activity { activity.list.note(activity.key) }
  }

  /// Acts on the outcome of a read, a timeout or a write.
  func settle(_ result: Int32, now: Instant) {
    if streams.droppedByteCount > 0 {
      unsafe door_extend_connection(handle, streams.droppedByteCount)
      streams.droppedByteCount = 0
    }
    for (stream, count) in streams.takeFilled() {
      if streams.receiving[stream]?.isEnded == false {
        unsafe door_extend_stream(handle, stream, UInt64(count))
      }
      unsafe door_extend_connection(handle, UInt64(count))
    }
    if activity == nil { streams.connectionIDChanges = [] }
    flagForWriting()
    guard result == DOOR_OK.rawValue else {
      fail(result, now: now)
      return
    }
    if streams.handshakeWasCompleted, phase == .handshaking {
      phase = .established
    }
  }

  private func fail(_ result: Int32, now: Instant) {
    let silent: QUICError?
    switch result {
    case DOOR_DRAINING.rawValue: silent = peerClose
    case DOOR_IDLE_TIMEOUT.rawValue: silent = .idleTimeout
    case DOOR_STATELESS_RESET.rawValue: silent = .statelessReset
    case DOOR_VERSION_NEGOTIATION.rawValue: silent = .noCommonVersion
    case DOOR_HANDSHAKE_TIMEOUT.rawValue:
      silent = refusalCount > 0 && !hasHeardPeer ? .unreachable : .handshakeTimeout
    case DOOR_DROP.rawValue, DOOR_RETRY.rawValue, DOOR_CLOSING.rawValue:
      silent = .transport(code: 0, reason: "the handshake can't go on", byPeer: false)
    default: silent = nil
    }
    if let silent {
      streams.report(.closed(silent))
      finish()
      return
    }
    let time = tick(now)
    unsafe end(ownFailure, now: now) { handle, into, capacity, written in
      unsafe door_write_failure_close(handle, into, capacity, time, written)
    }
  }

  private var peerClose: QUICError {
    var close = unsafe door_close()
    unsafe door_peer_close(handle, &close)
    let reason = unsafe String(
      decoding: UnsafeBufferPointer(start: close.reason, count: close.reason_count),
      as: UTF8.self
    )
    return unsafe close.kind == DOOR_CLOSE_APPLICATION
      ? .closedByPeer(code: close.code, reason: reason)
      : QUICError(transportCode: close.code, reason: reason, byPeer: true)
  }

  private var ownFailure: QUICError {
    if let refusal = unsafe door_certificate_refusal(handle) {
      return unsafe .certificateRefused(String(cString: refusal))
    }
    let text = unsafe door_failure_text(handle)
    let reason = if let text = unsafe text { unsafe String(cString: text) } else { "" }
    return QUICError(transportCode: unsafe door_failure_code(handle), reason: reason, byPeer: false)
  }

  /// Makes the packet that ends the connection and lingers for its repetition.
  private func end(
    _ error: QUICError,
    now: Instant,
    _ write: (OpaquePointer, UnsafeMutablePointer<UInt8>?, Int, UnsafeMutablePointer<door_written>)
      -> Int64
  ) {
    var packet = [UInt8](repeating: 0, count: Int(DOOR_MAX_DATAGRAM_BYTES))
    var written = door_written()
    let count = unsafe packet.withUnsafeMutableBufferPointer { buffer in
      unsafe write(handle, buffer.baseAddress, buffer.count, &written)
    }
    streams.report(.closed(error))
    guard count > 0 else {
      finish()
      return
    }
    packet.removeLast(packet.count - Int(count))
    closePacket = Bytes(packet)
    closePacketIsDue = true
    let probe = unsafe Int64(clamping: door_probe_timeout(handle))
    phase = .closing(until: now + Interval(nanoseconds: min(probe, 1_000_000_000) * 3))
    drop()
    flagForWriting()
  }

  private func finish() {
    phase = .finished
    closePacketIsDue = false
    drop()
    flagForWriting()
  }

  private func drop() {
    streams.line.removeAll()
    datagrams = []
  }
}
