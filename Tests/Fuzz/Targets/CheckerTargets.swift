import Conformance
import Wire

/// Pieces of an input between zero bytes, of which a test takes few.
private func pieces(_ bytes: Bytes) -> [Bytes] {
  bytes.slice.split(separator: 0, maxSplits: 3, omittingEmptySubsequences: false).map { Bytes($0) }
}

/// Lets the checker watch copies of a playlist; it finds the same twice.
func fuzzCheckedPlaylist(_ bytes: Bytes) {
  let copies = pieces(bytes)
  let first = Offline.judge(playlists: copies).failed
  precondition(first == Offline.judge(playlists: copies).failed, "a check has one outcome")
}

/// Lets the checker follow an MPD; it finds the same twice.
func fuzzCheckedManifest(_ bytes: Bytes) {
  let copies = pieces(bytes)
  let first = Offline.judge(manifests: copies).failed
  precondition(first == Offline.judge(manifests: copies).failed, "a check has one outcome")
}

/// Lets the checker read media: two bytes for the length of the init segment, that, and a segment.
func fuzzCheckedMedia(_ bytes: Bytes) {
  guard bytes.count >= 2 else { return }
  let length = Int(bytes[0]) << 8 | Int(bytes[1])
  let rest = bytes.suffix(from: 2)
  let header = rest.prefix(min(length, rest.count))
  _ = Offline.judge(header: header, segment: rest.suffix(from: header.count))
}

/// Gives what a server sends to the checker's client at once, and byte by byte; both read the same.
func fuzzResponse(_ bytes: Bytes) {
  func read(_ pieces: [Bytes]) -> ([Response], Response?, Bool) {
    let now = Instant(nanoseconds: 0)
    var parser = ResponseParser(methods: ["GET", "HEAD", "GET", "GET"], bodyLimit: 4096)
    for piece in pieces {
      guard (try? parser.receive(piece, now: now)) != nil else { return ([], nil, false) }
    }
    _ = parser.receiveEnd(now: now)
    return (parser.responses, parser.partial, true)
  }
  let whole = read([bytes])
  let single = read(bytes.slice.map { [$0] })
  precondition(whole.2 == single.2, "what is malformed does not depend on how bytes arrive")
  // Arrivals alone tell how they came.
  func bare(_ responses: [Response]) -> [Response] {
    responses.map { response in
      var response = response
      response.arrivals = []
      _ = response.decodedBody
      return response
    }
  }
  precondition(bare(whole.0) == bare(single.0), "responses don't depend on how bytes arrive")
  let rests = [whole.1, single.1].map { bare($0.map { [$0] } ?? []) }
  precondition(rests[0] == rests[1], "nor does what came of the last")
}
