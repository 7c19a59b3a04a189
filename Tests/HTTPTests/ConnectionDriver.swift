import HTTP
import Testing
import Wire

/// A connection with a clock and a client that reads everything.
struct Driver: ~Copyable {
  static let date = HTTPDate(UTCTime(microseconds: 784_111_777_000_000))
  static let errorFields = Bytes(
    utf8: "Access-Control-Allow-Origin: *\r\nCache-Control: max-age=1\r\n"
  )

  var connection: ServerConnection
  var now = Instant(nanoseconds: 0)
  var requests: [RequestHead] = []
  var ids: [RequestID] = []
  var output: [UInt8] = []

  init(knownHeads: KnownHeads? = nil, _ change: (inout HTTPLimits) -> Void = { _ in }) {
    var limits = HTTPLimits()
    change(&limits)
    connection = ServerConnection(
      ServerConfiguration(limits: limits, errorFields: Self.errorFields),
      knownHeads: knownHeads,
      now: now
    )
  }

  mutating func receive(_ text: String) { receive(Bytes(utf8: text)) }

  mutating func receive(_ bytes: Bytes) {
    connection.receive(bytes, now: now)
    turn()
  }

  /// Takes requests and writes what there is.
  mutating func turn(writing: Bool = true) {
    repeat {
      while let (id, head) = connection.poll(now: now, date: Self.date) {
        ids.append(id)
        requests.append(head)
      }
      guard writing else { return }
      let pieces = connection.pollOutput(maxPieces: 4)
      for piece in pieces { output += piece.array }
      connection.wrote(pieces.reduce(0) { $0 + $1.count }, now: now)
    } while !connection.pollOutput(maxPieces: 1).isEmpty
  }

  mutating func respond(_ index: Int, _ status: Status = .ok, _ body: Body = .none) {
    connection.respond(ids[index], ResponseHead(status), body, date: Self.date)
    turn()
  }

  /// The output as text, taken.
  mutating func takeText() -> String {
    defer { output = [] }
    return String(decoding: output, as: UTF8.self)
  }

  /// The statuses in the output, in order.
  var statuses: [Int] {
    String(decoding: output, as: UTF8.self).split(separator: "HTTP/1.1 ").compactMap {
      Int($0.prefix(3))
    }
  }
}

let get = "GET /a HTTP/1.1\r\nHost: h\r\n\r\n"
let dateLine = "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
