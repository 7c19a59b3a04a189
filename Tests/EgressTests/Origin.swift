import HTTP
import Packaging
import TestSupport
import Wire

@testable import Egress

/// What came of a request.
struct Reply {
  var status = 0
  /// By name in lower case; lines of a repeated field joined.
  var fields: [String: String] = [:]
  var body = Bytes()
  /// What is waited for, when nothing was answered.
  var want: Want?
  /// The answer goes on.
  var growth: Growth?

  /// Reads one answer; chunked content is joined.
  init(_ bytes: Bytes) {
    let text = String(decoding: bytes.slice.map { $0 < 0x80 ? $0 : 0x3F }, as: UTF8.self)
    guard let end = text.firstRange(of: "\r\n\r\n") else { return }
    let lines = text[..<end.lowerBound].split(separator: "\r\n")
    status = Int(lines[0].dropFirst(9).prefix(3)) ?? 0
    for line in lines.dropFirst() {
      let parts = line.split(separator: ":", maxSplits: 1)
      let value = parts.count > 1 ? String(parts[1].drop { $0 == " " }) : ""
      let name = parts[0].lowercased()
      fields[name] = fields[name].map { $0 + ", " + value } ?? value
    }
    let start = text.utf8.distance(from: text.startIndex, to: end.upperBound)
    body = bytes.suffix(from: start)
  }

  init(want: Want) { self.want = want }
}

/// A broadcast behind the responder: request bytes in, response bytes out, no sockets.
struct Origin {
  static let path = "/live/show"
  static let broadcast = BroadcastPath(fields: [Bytes(utf8: "live"), Bytes(utf8: "show")])
  static let date = HTTPDate(UTCTime(microseconds: 784_111_777_000_000))

  var snapshot: PresentationSnapshot
  var arrival = UTCTime(microseconds: 1_795_000_030_000_000)

  /// Video of 25 frames a second and audio, whose newest segment has two of its five parts.
  static let growing: PresentationSnapshot = {
    let broadcast = RecordedBroadcast.scripted([.video("v"), .audio("a")], seconds: 23)
    var bridge = SimulatedBridge(broadcast)
    // 21.1 s: video 20.0 to 20.96 is there, two parts of 0.48 s.
    bridge.run(broadcast, broadcast.entries.filter { $0.sentAt < 21_100_000 })
    return bridge.snapshots[bridge.snapshots.count - 1]
  }()

  static let ended: PresentationSnapshot = {
    let broadcast = RecordedBroadcast.scripted([.video("v"), .audio("a")], seconds: 12)
    var bridge = SimulatedBridge(broadcast)
    bridge.run(broadcast)
    bridge.finish(atMicroseconds: 13_000_000)
    return bridge.snapshots[bridge.snapshots.count - 1]
  }()

  init(_ snapshot: PresentationSnapshot = Origin.growing) { self.snapshot = snapshot }

  var view: BroadcastView {
    BroadcastView(snapshot, arrival: arrival, after: nil)
  }

  var responder: Responder { Responder(view: view, timeURL: "http://origin.example/time") }
  var video: RenditionSnapshot { snapshot.renditions[0] }
  /// The newest segment's number.
  var newest: Int64 { video.segments.last?.number ?? 0 }
  var epoch: String { video.segments.last?.epoch.name ?? "" }
  var targetDuration: Int { snapshot.constants.targetDuration }

  /// Sends a request below the broadcast's path.
  func request(
    _ tail: String,
    method: String = "GET",
    _ fields: [String] = [],
    version: String = "1.1"
  ) -> Reply {
    let asked = parse(tail, method, fields, version)
    guard let route = Route(asked.head.target.segments) else { return Reply(Bytes()) }
    return reply(responder.answer(route, asked.head), asked)
  }

  /// Asks again for what was parked; nil while it has to wait on.
  func again(_ want: Want, in rendition: String = "v", _ tail: String, _ fields: [String] = [])
    -> Reply?
  {
    let asked = parse(tail, "GET", fields, "1.1")
    return responder.answer(parked: want, in: rendition, asked.head).map { reply($0, asked) }
  }

  private func parse(
    _ tail: String,
    _ method: String,
    _ fields: [String],
    _ version: String
  ) -> Asked {
    let now = Instant(nanoseconds: 0)
    var connection = ServerConnection(ServerConfiguration(), now: now)
    let lines = ["\(method) \(Self.path)/\(tail) HTTP/\(version)", "Host: h"] + fields
    connection.receive(Bytes(utf8: lines.joined(separator: "\r\n") + "\r\n\r\n"), now: now)
    guard let (id, head) = connection.poll(now: now, date: Self.date) else {
      preconditionFailure("the test's request is well-formed")
    }
    return Asked(connection, id, head)
  }

  /// A request with the connection that it came on.
  private final class Asked {
    var connection: ServerConnection
    let id: RequestID
    let head: RequestHead

    init(_ connection: consuming ServerConnection, _ id: RequestID, _ head: RequestHead) {
      self.connection = connection
      self.id = id
      self.head = head
    }
  }

  private func reply(_ answer: Answer, _ asked: Asked) -> Reply {
    let id = asked.id
    switch answer {
    case .park(_, let want): return Reply(want: want)
    case .now(let response):
      asked.connection.respond(id, response.head, response.body, date: Self.date)
      return Reply(output(&asked.connection))
    case .growing(let response, let pieces, let growth):
      asked.connection.respond(id, response.head, response.body, date: Self.date)
      var reply = Reply(output(&asked.connection))
      reply.body = Bytes(pieces.flatMap(\.array))
      reply.growth = growth
      return reply
    }
  }

  private func output(_ connection: inout ServerConnection) -> Bytes {
    var bytes: [UInt8] = []
    while true {
      let pieces = connection.pollOutput(maxPieces: 16)
      if pieces.isEmpty { return Bytes(bytes) }
      for piece in pieces { bytes += piece.array }
      connection.wrote(pieces.reduce(0) { $0 + $1.count }, now: Instant(nanoseconds: 0))
    }
  }
}

extension Reply {
  var cacheControl: String { fields["cache-control"] ?? "" }
  /// The seconds of max-age, nil without it.
  var maxAge: Int? {
    cacheControl.split(separator: ",").map { $0.drop { $0 == " " } }
      .first { $0.hasPrefix("max-age=") }.flatMap { Int($0.dropFirst(8)) }
  }
}
