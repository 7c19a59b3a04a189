import Glibc
import LinuxIO
import Logging
import Packaging
import Synchronization
import TLS
import TestSupport
import Wire

@testable import Egress

/// A real serve loop on loopback, fed by its inbox.
final class TestServer {
  static let broadcast = BroadcastPath(fields: [Bytes(utf8: "live")])

  let inbox: ServeInbox
  /// What the loop tells ingest.
  let ingest: Mailbox<IngestMessage>
  let metrics = Metrics()
  let address: SocketAddress
  private let log: AccessLog?
  private let closer: SocketCloser
  private let thread: LoopThread
  private var isStopped = false

  init(
    credentials: ServerCredentials? = nil,
    _ change: (inout Configuration) -> Void = { _ in }
  ) throws {
    // As the service does: a client that goes away while being written to must not end all tests.
    _ = signal(SIGPIPE, SIG_IGN)
    var configuration = Configuration()
    configuration.server.listen = [.loopback(port: 0)]
    change(&configuration)
    let inbox = try ServeInbox()
    self.inbox = inbox
    let ingest = try Mailbox<IngestMessage>()
    self.ingest = ingest
    let bound = Bound()
    let (settings, metrics) = (configuration, metrics)
    let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
    let log =
      settings.access.log.isEmpty
      ? nil : try AccessLog(settings.access.log, metrics: metrics, logger: logger)
    self.log = log
    let closer = try SocketCloser()
    self.closer = closer
    thread = try LoopThread(name: "test-serve") {
      guard case .port(let address) = settings.server.listen[0] else {
        throw TestFault("the address is none of TCP")
      }
      let listener = try TCPListener(address, isShared: false)
      bound.address.withLock { $0 = listener.address }
      let loop = try ServeLoop(
        configuration: settings,
        listeners: [ServeListener(socket: listener, isSecure: credentials != nil)],
        tls: try credentials.map { try ServerContext($0, protocol: ServeLoop.httpName) },
        secrets: try AccessSecrets(settings.access),
        limits: ClientLimits(settings.access),
        log: log,
        inbox: inbox,
        ingest: ingest,
        closer: closer,
        metrics: metrics,
        logger: logger
      )
      return { loop.run() }
    }
    address = bound.address.withLock { $0 }
  }

  private final class Bound: Sendable {
    let address = Mutex(SocketAddress.loopback(port: 0))
  }

  func post(_ snapshot: PresentationSnapshot) {
    inbox.post(.snapshot(Self.broadcast, snapshot, Clock.utc))
  }

  func client() throws -> TestClient { try TestClient(address) }

  /// Sends a snapshot and waits until the loop has it.
  func serve(_ snapshot: PresentationSnapshot) throws {
    post(snapshot)
    let client = try client()
    try until("the broadcast is served") {
      try client.get("/live/index.m3u8").status == 200
    }
  }

  /// Waits for a condition, with a round trip to the loop between looks at it.
  func until(_ what: String, _ condition: () throws -> Bool) throws {
    let deadline = Clock.now + .seconds(20)
    var client = try client()
    while try !condition() {
      guard Clock.now < deadline else { throw TestFault("not within 20 s: \(what)") }
      // A connection serves so many requests and no more.
      if try client.get("/healthz").fields["connection"] == "close" { client = try self.client() }
    }
  }

  func waitForParked(_ count: Int) throws {
    try until("\(count) requests wait") { metrics.parked.value == count }
  }

  func stop() {
    guard !isStopped else { return }
    isStopped = true
    inbox.post(.stop)
    thread.join()
    closer.stop()
    log?.stop()
  }

  deinit { stop() }
}

/// Why a test could not go on.
struct TestFault: Error, CustomStringConvertible {
  let description: String
  init(_ description: String) { self.description = description }
}

/// An answer off the wire.
struct WireReply {
  var status: Int
  /// By name in lower case.
  var fields: [String: String]
  var body: [UInt8] = []
  /// The chunks as they were framed.
  var chunks: [[UInt8]] = []

  var text: String { String(decoding: body, as: UTF8.self) }
}

/// A raw TCP client; every wait ends after 20 seconds.
final class TestClient {
  private var socket: TCPSocket?
  private let loop: EventLoop
  private let token: EventToken
  private(set) var buffer: [UInt8] = []
  /// Bytes that have come, encrypted where they are.
  private(set) var received = 0
  private(set) var isClosed = false
  /// The end was a reset: what came before it is not all.
  private(set) var wasReset = false

  private let tls: ClientSession?

  /// Connects, and with `trust` shakes hands.
  init(_ address: SocketAddress, trust: ServerTrust? = nil) throws {
    let socket = try TCPSocket(connectingTo: address)
    self.socket = socket
    tls = try trust.map {
      try ClientSession(serverName: "first.example", protocols: ["http/1.1"], trust: $0)
    }
    loop = try EventLoop()
    token = try loop.add(socket.descriptor, writable: true)
    try wait { $0.canWrite }
    if let failure = socket.connectionFailure() { throw failure }
    loop.modify(socket.descriptor, token, readable: true, writable: false)
    guard let tls else { return }
    write(tls.takeOutput())
    while !tls.isEstablished {
      guard try fill() else { throw TestFault("the connection ended in the handshake") }
    }
  }

  func send(_ text: String) { send(Bytes(utf8: text)) }

  func send(_ bytes: Bytes) {
    guard let tls else { return write(bytes) }
    guard (try? tls.send(bytes)) != nil else { return }
    write(tls.takeOutput())
  }

  private func write(_ bytes: Bytes) {
    var rest = bytes
    while !rest.isEmpty, let socket {
      switch socket.write([rest]) {
      case .bytes(let count): rest = rest.suffix(from: count)
      case .wouldBlock: break
      case .closed: return
      }
    }
  }

  /// Closes for good, as a player that gives up, or with a reset as one that breaks down.
  func abandon(withReset: Bool = false) {
    if withReset { socket?.resetAtClose() }
    if let socket { loop.remove(socket.descriptor, token) }
    socket = nil
  }

  func closeSending() { socket?.shutdownWriting() }

  /// Waits until the socket is ready for something.
  private func wait(_ isEnough: (Readiness) -> Bool) throws {
    let deadline = Clock.now + .seconds(20)
    var isReady = false
    while !isReady {
      guard Clock.now < deadline else { throw TestFault("nothing came in 20 s") }
      try loop.wait(until: deadline) { _, readiness in
        if isEnough(readiness) || readiness.isHungUp { isReady = true }
      }
    }
  }

  /// Reads once; false at the end of the connection.
  @discardableResult
  func fill() throws -> Bool {
    guard let socket, tls?.isClosedByPeer != true else { return false }
    var bytes = [UInt8](repeating: 0, count: 65_536)
    while true {
      errno = 0
      switch socket.read(into: &bytes) {
      case .bytes(let count):
        received += count
        guard let tls else {
          buffer += bytes.prefix(count)
          return true
        }
        let text = try tls.receive(Bytes(Array(bytes.prefix(count))))
        buffer += text.array
        write(tls.takeOutput())
        // The end may come along with what is before it.
        return !tls.isClosedByPeer || !text.isEmpty
      case .closed:
        isClosed = true
        wasReset = errno == ECONNRESET
        return false
      case .wouldBlock:
        try wait { $0.canRead }
      }
    }
  }

  private func need(_ count: Int) throws {
    while buffer.count < count {
      guard try fill() else { throw TestFault("the connection ended early") }
    }
  }

  private func take(_ count: Int) throws -> [UInt8] {
    try need(count)
    defer { buffer.removeFirst(count) }
    return Array(buffer.prefix(count))
  }

  private func takeLine() throws -> String {
    var position = 0
    while true {
      while position + 1 < buffer.count {
        if buffer[position] == 13, buffer[position + 1] == 10 {
          let line = String(decoding: buffer.prefix(position), as: UTF8.self)
          buffer.removeFirst(position + 2)
          return line
        }
        position += 1
      }
      guard try fill() else { throw TestFault("the connection ended in a line") }
    }
  }

  func head() throws -> WireReply {
    let status = try takeLine()
    guard status.hasPrefix("HTTP/1.1 "), let code = Int(status.dropFirst(9).prefix(3)) else {
      throw TestFault("status line \(status)")
    }
    var reply = WireReply(status: code, fields: [:])
    while true {
      let line = try takeLine()
      if line.isEmpty { return reply }
      let parts = line.split(separator: ":", maxSplits: 1)
      reply.fields[parts[0].lowercased()] = String(
        (parts.count > 1 ? parts[1] : "").drop { $0 == " " }
      )
    }
  }

  /// The next chunk of chunked content; empty at its end.
  func chunk() throws -> [UInt8] {
    let line = try takeLine()
    guard let count = Int(line, radix: 16) else { throw TestFault("chunk size \(line)") }
    let bytes = try take(count)
    guard try take(2) == [13, 10] else { throw TestFault("a chunk does not end") }
    return bytes
  }

  /// A whole answer; `isHead` when it answers a HEAD.
  func reply(isHead: Bool = false) throws -> WireReply {
    var reply = try head()
    if isHead || reply.status == 304 || reply.status == 204 { return reply }
    if reply.fields["transfer-encoding"] == "chunked" {
      while true {
        let bytes = try chunk()
        if bytes.isEmpty { return reply }
        reply.chunks.append(bytes)
        reply.body += bytes
      }
    }
    if let length = reply.fields["content-length"].flatMap({ Int($0) }) {
      reply.body = try take(length)
      return reply
    }
    while try fill() {}
    reply.body = try take(buffer.count)
    return reply
  }

  func get(_ path: String, _ fields: String = "") throws -> WireReply {
    send("GET \(path) HTTP/1.1\r\nHost: origin\r\n\(fields)\r\n")
    return try reply()
  }

  /// Whether nothing but the end of the connection follows.
  func endsHere() throws -> Bool {
    guard buffer.isEmpty else { return false }
    return try !fill()
  }
}

/// States of a live broadcast with one video and one audio track.
enum Live {
  static let states: [PresentationSnapshot] = {
    let broadcast = RecordedBroadcast.scripted([.video("v"), .audio("a")], seconds: 26)
    var bridge = SimulatedBridge(broadcast)
    bridge.run(broadcast)
    return bridge.snapshots
  }()

  /// The same state with a target duration of a second, so that waits end soon.
  static func impatient(_ state: PresentationSnapshot) -> PresentationSnapshot {
    var constants = state.constants
    constants.targetDuration = 1
    return PresentationSnapshot(
      constants: constants,
      renditions: state.renditions,
      periods: state.periods,
      isEnded: false
    )
  }

  /// The first state in which the video's newest segment has started at 20 s and has `parts`.
  static func index(parts: Int) -> Int {
    states.firstIndex { state in
      guard let last = state.renditions[0].segments.last else { return false }
      return last.start == 1_800_000 && last.parts.count == parts && !last.isComplete
    } ?? 0
  }
}
