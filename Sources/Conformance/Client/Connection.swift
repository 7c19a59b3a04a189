internal import LinuxIO
internal import TLS
internal import Wire

/// One connection to a server: socket, TLS when asked for, and the exchange it carries.
///
/// Belongs to its client's thread.
final class Connection {
  /// What makes connections exchangeable.
  struct Origin: Hashable {
    let isSecure: Bool
    let authority: String
  }

  let origin: Origin
  let socket: TCPSocket
  var token: EventToken?
  var exchange: Exchange?
  var identifier = 0
  private var parser: ResponseParser?
  private let tls: ClientSession?
  private var isConnected = false
  private var output: [Bytes] = []
  /// The exchanges that ended well here.
  private(set) var served = 0
  /// Whether nobody may use the connection again.
  private(set) var isSpent = false

  init(to url: WebURL, address: SocketAddress, protocols: [String], trust: ServerTrust)
    throws(Exchange.Failure)
  {
    origin = Origin(isSecure: url.isSecure, authority: url.authority)
    do {
      socket = try TCPSocket(connectingTo: address)
    } catch {
      throw .unreachable("\(error)")
    }
    do throws(TLSError) {
      tls =
        url.isSecure
        ? try ClientSession(serverName: url.host, protocols: protocols, trust: trust) : nil
    } catch {
      throw .insecure(error.description)
    }
  }

  /// Whether the socket is to be watched for room to write.
  var wantsToWrite: Bool { !isConnected || !output.isEmpty }

  /// Takes on an exchange; the connection must have none.
  func begin(_ exchange: Exchange, identifier: Int) {
    precondition(self.exchange == nil, "a connection carries one exchange at a time")
    self.exchange = exchange
    self.exchange?.reuses = served
    self.identifier = identifier
    let request = exchange.request
    parser = ResponseParser(
      methods: request.raw == nil ? [request.method] : request.pipeline,
      bodyLimit: request.bodyLimit
    )
    guard !request.isHandshakeOnly else { return }
    do throws(TLSError) {
      if let tls { try tls.send(request.bytes) } else { output.append(request.bytes) }
    } catch {
      fail(.insecure(error.description))
    }
  }

  /// Moves what can be moved; true when the exchange is over.
  func turn(_ readiness: Readiness, buffer: inout [UInt8], now: Instant) -> Bool {
    if !isConnected {
      guard readiness.canWrite || readiness.isHungUp else { return false }
      if let failure = socket.connectionFailure() { return fail(.unreachable("\(failure)")) }
      isConnected = true
    }
    if readiness.canRead || readiness.isHungUp, read(&buffer, now: now) { return true }
    flush()
    return false
  }

  /// Sends what waits, as far as the kernel takes it.
  func flush() {
    guard isConnected else { return }
    if let bytes = tls?.takeOutput(), !bytes.isEmpty { output.append(bytes) }
    while !output.isEmpty, case .bytes(var count) = socket.write(output) {
      while let first = output.first, count >= first.count {
        count -= first.count
        output.removeFirst()
      }
      if count > 0, let first = output.first { output[0] = first.suffix(from: count) }
    }
  }

  /// Ends the exchange for a reason of ours.
  @discardableResult
  func fail(_ failure: Exchange.Failure) -> Bool {
    exchange?.failure = failure
    return true
  }

  /// Hands out the exchange that is over.
  func takeExchange(now: Instant) -> Exchange? {
    guard var ended = exchange else { return nil }
    exchange = nil
    ended.ended = now
    ended.responses = parser?.responses ?? []
    ended.partial = parser?.partial
    ended.negotiatedProtocol = tls?.negotiatedProtocol
    let surplus = parser?.surplus ?? 0
    parser = nil
    served += 1
    let saysClose = ended.responses.last.map { response in
      response.framing == .close || response.list("Connection").contains("close")
        || response.version == "HTTP/1.0" && !response.list("Connection").contains("keep-alive")
    }
    if ended.failure != nil || ended.closedAt != nil || saysClose ?? true || surplus > 0
      || ended.request.isAlone
    {
      isSpent = true
    }
    return ended
  }

  /// Reads all there is; true when the exchange is over.
  private func read(_ buffer: inout [UInt8], now: Instant) -> Bool {
    // A server that sends without pause must not keep other connections waiting.
    for _ in 0..<16 {
      switch socket.read(into: &buffer) {
      case .wouldBlock: return false
      case .closed: return end(now)
      case .bytes(let count):
        guard exchange != nil else {
          isSpent = true
          return true
        }
        if take(Bytes(Array(buffer[..<count])), now: now) { return true }
      }
    }
    return false
  }

  private func take(_ received: Bytes, now: Instant) -> Bool {
    var plain = received
    if let tls {
      do throws(TLSError) {
        plain = try tls.receive(received)
      } catch {
        // The alert that tells the server goes out if it can.
        flush()
        return fail(.insecure(error.description))
      }
      if exchange?.request.isHandshakeOnly == true, tls.isEstablished { return true }
    }
    do throws(ResponseParser.Malformation) {
      try parser?.receive(plain, now: now)
    } catch {
      switch error {
      case .malformed(let reason): return fail(.malformed(reason))
      case .tooLarge: return fail(.tooLarge)
      }
    }
    if tls?.isClosedByPeer == true { return end(now) }
    return parser?.isFinished == true && exchange?.request.awaitsClose == false
  }

  private func end(_ now: Instant) -> Bool {
    isSpent = true
    exchange?.closedAt = now
    guard let exchange else { return true }
    if exchange.request.isHandshakeOnly { return fail(.closed) }
    let isWhole = parser?.receiveEnd(now: now) == true || parser?.isFinished == true
    if !isWhole { fail(.closed) }
    return true
  }
}
