internal import HTTP
internal import LinuxIO
internal import TLS
internal import Wire

/// One client connection of a serve loop.
///
/// Not Sendable: it belongs to that loop.
final class Client {
  let socket: TCPSocket
  let listener: ServeListener
  let token: EventToken
  /// The peer's IP address, in its shortest form.
  let address: Bytes?
  var connection: ServerConnection
  var watchesRead = true
  var watchesWrite = false
  /// The socket has more than was read, or may have; it does not tell so again.
  var mayHaveUnread = false
  /// The client has closed its side.
  var hasEnded = false
  /// Our side is closed; what comes is thrown away until the client closes too.
  var isLingering = false
  var lingerDeadline: Instant
  var isClosed = false
  /// Its requests that wait for media.
  var parkedCount = 0
  /// It waits for its turn in the loop's backlog.
  var isPostponed = false
  /// Its deadline has passed, and it waits for what becomes of that.
  var isLate = false
  /// Since when the client has taken less than it must; nil while nothing is pending.
  private var drainStart: Instant?
  private var drained = 0
  /// What was pending at a moment, as far as it still is; all of it must go in time.
  private var owed: (bytes: Int, since: Instant)?
  /// In the order they came; empty when nothing is to be known about them.
  var asked: [Asked] = []
  /// Of encrypted connections.
  private let tls: ServerSession?
  /// What is encrypted and waits for the socket.
  private var sealed = Bytes()
  private var hasEndedSession = false
  /// The handshake ended with the bytes that were just opened.
  private(set) var hasJustShakenHands = false

  init(
    socket: TCPSocket,
    listener: ServeListener,
    tls: ServerSession?,
    token: EventToken,
    connection: consuming ServerConnection,
    now: Instant
  ) {
    self.socket = socket
    self.listener = listener
    self.tls = tls
    self.token = token
    address = listener.peerAddress(of: socket)
    self.connection = connection
    lingerDeadline = now
  }

  /// Notes bytes that the socket took; `enough` of them begin a new measurement.
  func noteProgress(_ count: Int, now: Instant, enough: Int) {
    drained += count
    if drainStart == nil || drained >= enough {
      drainStart = now
      drained = 0
    }
    guard let owed else { return }
    self.owed = (owed.bytes - count, owed.since)
    // What came behind it meanwhile is measured anew.
    if owed.bytes <= count { self.owed = (connection.pendingBytes + sealed.count, now) }
  }

  /// Notes that the socket takes no more for now.
  func noteFull(now: Instant) {
    drainStart = drainStart ?? now
    owed = owed ?? (connection.pendingBytes + sealed.count, now)
  }

  /// Notes that the socket took everything.
  func noteEmpty() {
    drainStart = nil
    owed = nil
  }

  /// Whether it takes less than it must, or takes it too slowly for what it holds.
  func isTooSlow(now: Instant, _ server: Configuration.Server) -> Bool {
    drainStart.map { now - $0 > server.drainTimeout } ?? false
      || owed.map { now - $0.since > server.responseTimeout } ?? false
  }
}

// MARK: Encryption

extension Client {
  /// How much is encrypted ahead of the socket.
  private static let sealedLimit = 65_536

  /// What the bytes that came from the socket say; throws why they end the session.
  func opened(_ bytes: Bytes) throws(TLSError) -> Bytes {
    guard let tls else { return bytes }
    let wasEstablished = tls.isEstablished
    defer {
      seal(tls.takeOutput())
      hasJustShakenHands = !wasEstablished && tls.isEstablished
    }
    return try tls.receive(bytes)
  }

  var isEncrypted: Bool { tls != nil }
  /// Whether the client said that it sends nothing more, inside the session.
  var isClosedByPeer: Bool { tls?.isClosedByPeer ?? false }
  var isResumed: Bool { tls?.isResumed ?? false }

  /// Whether answers can be given: at once, or when the handshake is over.
  var isReady: Bool { tls?.isEstablished ?? true }

  /// Whether something is encrypted and waits for the socket.
  var hasSealedOutput: Bool { !sealed.isEmpty }
  /// Whether more may be read: also what brings no request can ask for an answer.
  var hasRoom: Bool { sealed.count < Self.sealedLimit }
  var hasOutput: Bool { hasSealedOutput || connection.pendingBytes > 0 }

  /// Gives the socket what is next, and tells of how many bytes it had the choice; nil when that has to wait
  /// for the handshake.
  func send(_ copies: KeptCopies) -> (transfer: Transfer, offered: Int)? {
    if isEncrypted { return sealed.isEmpty ? nil : (socket.write(sealed), sealed.count) }
    if let only = connection.onlyOutput { return (socket.write(only), only.count) }
    if let (first, copy) = connection.copiedOutput,
      let transfer = copies.write(first, then: copy, to: socket)
    {
      return (transfer, connection.pendingBytes)
    }
    let pieces = connection.pollOutput(maxPieces: TCPSocket.piecesPerWrite)
    return (socket.write(pieces), pieces.reduce(0) { $0 + $1.count })
  }

  /// Encrypts what the connection has to say; false when the session has broken.
  func sealOutput(now: Instant) -> Bool {
    guard let tls, tls.isEstablished, sealed.isEmpty else { return true }
    var rest = Self.sealedLimit
    while rest > 0, let piece = connection.pollOutput(maxPieces: 1).first {
      let part = piece.prefix(rest)
      guard (try? tls.send(part)) != nil else { return false }
      connection.wrote(part.count, now: now)
      rest -= part.count
    }
    seal(tls.takeOutput())
    return true
  }

  /// Notes what the socket took of what was sent; returns where the connection stands then.
  func wrote(_ count: Int, now: Instant) -> ServerConnection.Standing {
    guard isEncrypted else { return connection.wrote(count, now: now) }
    sealed = sealed.suffix(from: count)
    return connection.standing
  }

  /// Says inside the session that nothing more comes.
  func endSession() {
    guard let tls, !hasEndedSession else { return }
    hasEndedSession = true
    tls.close()
    seal(tls.takeOutput())
  }

  private func seal(_ bytes: Bytes) {
    guard !bytes.isEmpty else { return }
    sealed = sealed.isEmpty ? bytes : Bytes(sealed.array + bytes.array)
  }
}
