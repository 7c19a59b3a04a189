import HTTP
import Wire

/// Gives the input to a connection at once, to another byte by byte, and to one that knows its heads;
/// all must say the same.
func fuzzRequest(_ bytes: Bytes) {
  var whole = Client()
  whole.send(bytes)
  var pieces = Client()
  for byte in bytes.slice { pieces.send([byte]) }
  precondition(whole.requests == pieces.requests, "requests don't depend on how bytes arrive")
  precondition(whole.output == pieces.output, "answers don't depend on how bytes arrive")
  let known = KnownHeads()
  for _ in 0..<2 {
    var again = Client(known)
    again.send(bytes)
    precondition(whole.requests == again.requests, "requests don't depend on what is known")
    precondition(whole.output == again.output, "answers don't depend on what is known")
  }
  for request in whole.requests {
    for segment in request.target.segments {
      precondition(segment != [0x2E] && segment != [0x2E, 0x2E], "no segment climbs")
    }
    _ = ByteRange(request, of: 1000, entityTag: "\"a\"")
    _ = Precondition(request, entityTag: "\"a\"")
    _ = request.host
    _ = ContentCoding.acceptsGzip(request.value("accept-encoding"))
  }
}

/// A client that reads everything, of a server that answers everything at once.
private struct Client: ~Copyable {
  static let now = Instant(nanoseconds: 0)
  static let date = HTTPDate(UTCTime(microseconds: 0))

  var connection: ServerConnection
  var requests: [RequestHead] = []
  var output: [UInt8] = []

  init(_ knownHeads: KnownHeads? = nil) {
    connection = ServerConnection(ServerConfiguration(), knownHeads: knownHeads, now: Self.now)
  }

  mutating func send(_ bytes: Bytes) {
    connection.receive(bytes, now: Self.now)
    var isBusy = true
    while isBusy {
      isBusy = false
      while let (id, head) = connection.poll(now: Self.now, date: Self.date) {
        isBusy = true
        requests.append(head)
        let isGrowing = head.target.segments.count % 2 == 0
        connection.respond(
          id,
          ResponseHead(.ok),
          isGrowing ? .growing : .whole([[0x78]]),
          date: Self.date
        )
        if isGrowing {
          connection.append(id, [[0x79]])
          connection.finish(id)
        }
      }
      for piece in connection.pollOutput(maxPieces: 8) {
        isBusy = true
        output += piece.array
        connection.wrote(piece.count, now: Self.now)
      }
    }
  }
}
