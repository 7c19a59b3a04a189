import QUIC
import Wire

/// SplitMix64: small, seeded, the same everywhere.
struct SeededGenerator: RandomNumberGenerator {
  var state: UInt64
  mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
    return mixed ^ (mixed >> 31)
  }
}

/// A client and a server on a link with a virtual clock, delay, loss and reordering.
final class SimulatedLink {
  private struct Flight {
    var arrival: Instant
    var order: Int
    var bytes: [UInt8]
    var source: SocketAddress
    var toServer: Bool
  }

  var now = Instant(nanoseconds: 1_000_000_000)
  var delay: Interval = .milliseconds(10)
  /// Datagrams lost of a thousand.
  var lossPerMille = 0
  /// Extra delay of up to this much for each datagram, which reorders them.
  var jitter: Interval = .zero
  /// Whether datagrams pass at all.
  var isCut = false
  /// Returns credit for everything as it is reported.
  var consumesEverything = true
  /// Whether events are collected in `clientEvents` and `serverEvents`.
  var keepsEvents = true
  private(set) var datagramsToServer = 0
  private(set) var datagramsToClient = 0
  private(set) var largestDatagram = 0

  let client: Connection
  let server: ServerEndpoint
  private(set) var serverConnection: Connection?
  private(set) var serverKey: ServerEndpoint.Key?
  var clientEvents: [QUICEvent] = []
  var serverEvents: [QUICEvent] = []
  var onServerEvent: ((QUICEvent) -> Void)?

  private let clientAddress: SocketAddress
  private let serverAddress: SocketAddress
  private var flights: [Flight] = []
  private var order = 0
  private var random: SeededGenerator
  private var batch = DatagramBatch()

  init(
    client: Connection,
    server: ServerEndpoint,
    clientAddress: SocketAddress,
    serverAddress: SocketAddress,
    seed: UInt64
  ) {
    self.client = client
    self.server = server
    self.clientAddress = clientAddress
    self.serverAddress = serverAddress
    random = SeededGenerator(state: seed)
  }

  /// Lets time pass until the condition holds; false when it doesn't within `limit`.
  @discardableResult
  func run(for limit: Interval, until condition: () -> Bool = { false }) -> Bool {
    let end = now + limit
    while true {
      drain()
      if condition() { return true }
      flush()
      drain()
      if condition() { return true }
      let next = [
        flights.map(\.arrival).min(), client.deadline, server.deadline,
      ].compactMap { $0 }.min()
      guard let next, next <= end else {
        now = max(now, end)
        return condition()
      }
      now = max(now, next)
      deliver()
      if let due = client.deadline, due <= now { client.handleTimeout(now: now) }
      if let due = server.deadline, due <= now { server.handleTimeout(now: now) }
    }
  }

  /// Hands a datagram over at once, as if it had come off the wire.
  func inject(_ bytes: [UInt8], toServer: Bool, from source: SocketAddress? = nil) {
    if toServer {
      server.receive(bytes.span, from: source ?? clientAddress, now: now)
    } else {
      client.receive(bytes.span, from: source ?? serverAddress, now: now)
    }
  }

  private func deliver() {
    let due = flights.filter { $0.arrival <= now }
      .sorted { ($0.arrival, $0.order) < ($1.arrival, $1.order) }
    flights.removeAll { $0.arrival <= now }
    for flight in due {
      if flight.toServer { datagramsToServer += 1 } else { datagramsToClient += 1 }
    }
    for run in runs(of: due) {
      let bytes = run.flatMap(\.bytes)
      if run[0].toServer {
        server.receive(bytes.span, ofSize: run[0].bytes.count, from: run[0].source, now: now)
      } else {
        client.receive(bytes.span, ofSize: run[0].bytes.count, from: run[0].source, now: now)
      }
    }
  }

  /// What a kernel would hand over together: equal sizes one after the other, and a shorter one.
  private func runs(of flights: [Flight]) -> [[Flight]] {
    var runs: [[Flight]] = []
    for flight in flights {
      if let last = runs.last, let first = last.first, first.toServer == flight.toServer,
        first.source == flight.source, last.allSatisfy({ $0.bytes.count == first.bytes.count }),
        flight.bytes.count <= first.bytes.count
      {
        runs[runs.count - 1].append(flight)
      } else {
        runs.append([flight])
      }
    }
    return runs
  }

  private func flush() {
    for toServer in [true, false] {
      var hasMore = true
      // Each burst of a paced sender leaves at its time; no more than one is due now.
      for _ in 0..<1000 where hasMore {
        batch.removeAll()
        hasMore =
          toServer
          ? client.writeDatagrams(into: &batch, now: now)
          : server.writeDatagrams(into: &batch, now: now)
        if batch.isEmpty { break }
        batch.forEachDatagram { _, span in
          largestDatagram = max(largestDatagram, span.count)
          launch(Bytes(copying: span).array, toServer: toServer)
        }
      }
    }
  }

  private func launch(_ bytes: [UInt8], toServer: Bool) {
    guard !isCut, Int.random(in: 0..<1000, using: &random) >= lossPerMille else { return }
    let extra =
      jitter > .zero ? Int64.random(in: 0...jitter.nanoseconds, using: &random) : 0
    order += 1
    flights.append(
      Flight(
        arrival: now + delay + Interval(nanoseconds: extra),
        order: order,
        bytes: bytes,
        source: toServer ? clientAddress : serverAddress,
        toServer: toServer
      )
    )
  }

  private func drain() {
    while let event = client.poll() {
      if consumesEverything, case .streamData(let stream, let bytes, _) = event {
        client.consumed(bytes.count, on: stream)
      }
      if keepsEvents { clientEvents.append(event) }
    }
    while let (key, connection, event) = server.poll() {
      serverKey = key
      serverConnection = connection
      if consumesEverything, case .streamData(let stream, let bytes, _) = event {
        connection.consumed(bytes.count, on: stream)
      }
      if keepsEvents { serverEvents.append(event) }
      onServerEvent?(event)
    }
  }
}

extension [QUICEvent] {
  /// All bytes reported of a stream.
  func data(of stream: UInt64) -> [UInt8] {
    var all: [UInt8] = []
    for case .streamData(stream, let bytes, _) in self { all += bytes.array }
    return all
  }

  /// Whether the end of a stream was reported.
  func hasEnd(of stream: UInt64) -> Bool {
    contains { if case .streamData(stream, _, isFinal: true) = $0 { true } else { false } }
  }
}
