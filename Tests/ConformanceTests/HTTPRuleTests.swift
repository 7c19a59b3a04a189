import Testing
import Wire

@testable import Conformance

/// The rules of HTTP.
@Suite struct HTTPRuleTests {
  static func headers(
    _ type: String,
    _ cache: String,
    without: String? = nil,
    with extra: [(String, String)] = []
  ) -> [(String, String)] {
    [
      ("Content-Type", type), ("Cache-Control", cache), ("ETag", "\"a\""),
      ("Date", "Thu, 26 Nov 2026 05:00:00 GMT"), ("Access-Control-Allow-Origin", "*"),
      ("Access-Control-Expose-Headers", "Age, Date"),
    ].filter { $0.0 != without } + extra
  }

  static let playlistType = "application/vnd.apple.mpegurl"

  static func judge(_ kind: ResourceKind, _ exchange: Exchange) -> [String] {
    failures {
      HTTPRules.judge(
        Observation(kind: kind, exchange: exchange),
        targetDuration: 4,
        into: &$0
      )
    }
  }

  static let rows: [(numbers: [String], kind: ResourceKind, exchange: Exchange)] = [
    ([], .playlist, Samples.exchange(200, headers(playlistType, "max-age=2"))),
    ([], .blockingPlaylist, Samples.exchange(200, headers(playlistType, "max-age=24"))),
    ([], .segment, Samples.exchange(200, headers("video/mp4", "max-age=60, immutable"))),
    ([], .refused, Samples.exchange(404, headers("text/plain", "max-age=1"))),
    (
      [], .blockingPlaylist,
      Samples.exchange(200, headers(playlistType, "max-age=600"), body: "#EXT-X-ENDLIST\n")
    ),
    (["HLS-002"], .playlist, Samples.exchange(200, headers("text/plain", "max-age=2"))),
    (
      ["HTTP-006"], .segment,
      Samples.exchange(
        200,
        headers("video/mp4", "max-age=60", with: [("Content-Encoding", "gzip")])
      )
    ),
    (
      ["HTTP-007"], .playlist,
      Samples.exchange(
        200,
        headers(playlistType, "max-age=2", without: "Access-Control-Allow-Origin")
      )
    ),
    (
      ["HTTP-007"], .refused,
      Samples.exchange(
        404,
        headers("text/plain", "max-age=1", without: "Access-Control-Expose-Headers")
      )
    ),
    (
      ["HTTP-014"], .playlist,
      Samples.exchange(200, headers(playlistType, "max-age=2", without: "Cache-Control"))
    ),
    (["HTTP-015"], .playlist, Samples.exchange(200, headers(playlistType, "max-age=3"))),
    (
      ["HTTP-015"], .playlist, Samples.exchange(200, headers(playlistType, "s-maxage=3, max-age=1"))
    ),
    (["HTTP-016"], .blockingPlaylist, Samples.exchange(200, headers(playlistType, "no-store"))),
    (["HTTP-016"], .blockingPlaylist, Samples.exchange(200, headers(playlistType, "max-age=25"))),
    (["HTTP-017"], .part, Samples.exchange(200, headers("video/mp4", "max-age=23"))),
    (["HTTP-018"], .refused, Samples.exchange(404, headers("text/plain", "max-age=5"))),
    (
      ["HTTP-019"], .playlist,
      Samples.exchange(200, headers(playlistType, "max-age=2", without: "Date"))
    ),
    (
      ["HTTP-019"], .playlist,
      Samples.exchange(200, headers(playlistType, "max-age=2", with: [("Age", "1")]))
    ),
    (
      ["HTTP-019"], .playlist,
      Samples.exchange(200, headers(playlistType, "max-age=2"), after: 4000)
    ),
    (["HTTP-023"], .segment, Samples.exchange(302, headers("text/plain", "max-age=60"))),
    (["HTTP-025"], .initSegment, Samples.exchange(200, headers("text/plain", "max-age=60"))),
  ]

  @Test(arguments: rows.indices)
  func `a wrong head fails its number`(_ index: Int) {
    let row = Self.rows[index]
    #expect(Self.judge(row.kind, row.exchange) == row.numbers)
  }

  @Test func `bodies end as they are framed`() {
    var exchange = Samples.exchange(200, Self.headers(Self.playlistType, "max-age=2"))
    exchange.responses[0].framing = .close
    #expect(Self.judge(.playlist, exchange) == ["HTTP-020"])
    exchange.partial = exchange.responses.removeFirst()
    exchange.failure = .closed
    #expect(Self.judge(.playlist, exchange) == ["HTTP-020"])
    exchange.partial = nil
    exchange.failure = .malformed("x")
    #expect(Self.judge(.playlist, exchange) == ["HTTP-020"])
  }

  static func closed(_ exchange: Exchange) -> Exchange {
    var exchange = exchange
    exchange.closedAt = exchange.ended
    return exchange
  }

  @Test func `connections, pipelines and refusals`() {
    func row(_ number: String, _ exchange: Exchange, _ judge: (Exchange, inout Ledger) -> Void) {
      #expect(failures { judge(exchange, &$0) } == [number])
    }
    func pass(_ exchange: Exchange, _ judge: (Exchange, inout Ledger) -> Void) {
      #expect(failures { judge(exchange, &$0) } == [])
    }
    pass(Self.closed(Samples.exchange())) { HTTPRules.judgeClose($0, into: &$1) }
    row("HTTP-001", Samples.exchange()) { HTTPRules.judgeClose($0, into: &$1) }

    var pipeline = Samples.exchange()
    pipeline.responses = [200, 200, 404].map { Response(status: $0) }
    var request = pipeline.request
    request.pipeline = ["GET", "GET", "GET"]
    func piped(_ statuses: [Int]) -> Exchange {
      var exchange = Exchange(request: request, begun: pipeline.begun, begunUTC: pipeline.begunUTC)
      exchange.responses = statuses.map { Response(status: $0) }
      return exchange
    }
    pass(piped([200, 200, 404])) { HTTPRules.judgePipeline($0, into: &$1) }
    row("HTTP-002", piped([200, 200])) { HTTPRules.judgePipeline($0, into: &$1) }
    row("HTTP-002", piped([404, 200, 200])) { HTTPRules.judgePipeline($0, into: &$1) }

    pass(Samples.exchange(405, [("Allow", "GET")])) { HTTPRules.judgeMethod($0, into: &$1) }
    row("HTTP-010", Samples.exchange(405)) { HTTPRules.judgeMethod($0, into: &$1) }
    row("HTTP-010", Samples.exchange(200)) { HTTPRules.judgeMethod($0, into: &$1) }

    pass(Self.closed(Samples.exchange(400))) { HTTPRules.judgeMalformed($0, "x", into: &$1) }
    row("HTTP-011", Samples.exchange(400)) { HTTPRules.judgeMalformed($0, "x", into: &$1) }
    row("HTTP-011", Self.closed(Samples.exchange())) {
      HTTPRules.judgeMalformed($0, "x", into: &$1)
    }

    pass(Samples.exchange(431)) { HTTPRules.judgeOversized($0, "x", into: &$1) }
    row("HTTP-012", Samples.exchange(200)) { HTTPRules.judgeOversized($0, "x", into: &$1) }
    row("HTTP-012", ReloadRuleTests.timedOut) { HTTPRules.judgeOversized($0, "x", into: &$1) }

    pass(Self.closed(Samples.exchange(408, after: 9000))) { HTTPRules.judgeSlow($0, into: &$1) }
    row("HTTP-013", ReloadRuleTests.timedOut) { HTTPRules.judgeSlow($0, into: &$1) }

    pass(Samples.exchange()) { HTTPRules.judgeOld($0, into: &$1) }
    row("HTTP-021", Samples.exchange(200, [("Transfer-Encoding", "chunked")])) {
      HTTPRules.judgeOld($0, into: &$1)
    }

    pass(Samples.exchange(404)) { HTTPRules.judgeTraversal($0, "/..", into: &$1) }
    row("HTTP-022", Samples.exchange(200)) { HTTPRules.judgeTraversal($0, "/..", into: &$1) }
    row("HTTP-022", Samples.exchange(404, body: "root:x:0:0")) {
      HTTPRules.judgeTraversal($0, "/..", into: &$1)
    }
  }

  @Test func `HEAD is GET without a body`() {
    let get = Samples.exchange(
      200,
      [("ETag", "\"a\""), ("Content-Type", "video/mp4")],
      body: "abc"
    )
    let head = Samples.exchange(200, [("ETag", "\"a\""), ("Content-Type", "video/mp4")])
    func judge(_ head: Exchange) -> [String] {
      failures { HTTPRules.judgeHead(get, head, isConstant: true, into: &$0) }
    }
    #expect(judge(head) == [])
    #expect(judge(Samples.exchange(405)) == ["HTTP-003"])
    #expect(judge(Samples.exchange(200, [("Content-Type", "video/mp4")])) == ["HTTP-003"])
    #expect(judge(get) == ["HTTP-003"])
  }

  @Test func `ranges are exact`() {
    let whole = Bytes(utf8: "0123456789")
    func judge(_ first: Int?, _ last: Int?, _ status: Int, _ range: String, _ body: String)
      -> [String]
    {
      let exchange = Samples.exchange(status, [("Content-Range", range)], body: body)
      return failures {
        HTTPRules.judgeRange(exchange, first: first, last: last, of: whole, into: &$0)
      }
    }
    #expect(judge(2, 4, 206, "bytes 2-4/10", "234") == [])
    #expect(judge(8, nil, 206, "bytes 8-9/10", "89") == [])
    #expect(judge(nil, 3, 206, "bytes 7-9/10", "789") == [])
    #expect(judge(10, nil, 416, "bytes */10", "") == [])
    #expect(judge(2, 4, 206, "bytes 2-4/10", "345") == ["HTTP-004"])
    #expect(judge(2, 4, 206, "bytes 2-4/*", "234") == ["HTTP-004"])
    #expect(judge(2, 4, 200, "bytes 2-4/10", "234") == ["HTTP-004"])
    #expect(judge(10, nil, 200, "absent", "") == ["HTTP-004"])
  }

  @Test func `conditional requests are answered 304`() {
    func judge(_ tag: String?, _ status: Int, _ headers: [(String, String)]) -> [String] {
      let get = Samples.exchange(200, tag.map { [("ETag", $0), ("Cache-Control", "x")] } ?? [])
      let second = Samples.exchange(status, headers)
      return failures {
        HTTPRules.judgeConditional(get, second, isMedia: true, into: &$0)
      }
    }
    let kept = [("ETag", "\"a\""), ("Cache-Control", "x")]
    #expect(judge("\"a\"", 304, kept) == [])
    #expect(judge(nil, 304, kept) == ["HTTP-005"])
    #expect(judge("W/\"a\"", 304, kept) == ["HTTP-005"])
    #expect(judge("\"a\"", 200, kept) == ["HTTP-005"])
    #expect(judge("\"a\"", 304, [("ETag", "\"a\"")]) == ["HTTP-005"])
  }

  @Test func `preflights, unknown paths, CMCD and codings`() {
    let allowed = [
      ("Access-Control-Allow-Methods", "GET, HEAD"), ("Access-Control-Max-Age", "1"),
      (
        "Access-Control-Allow-Headers",
        "Range, CMCD-Object, CMCD-Request, CMCD-Session, CMCD-Status"
      ),
    ]
    #expect(failures { HTTPRules.judgePreflight(Samples.exchange(204, allowed), into: &$0) } == [])
    for index in allowed.indices {
      var fewer = allowed
      fewer.remove(at: index)
      let failed = failures { HTTPRules.judgePreflight(Samples.exchange(204, fewer), into: &$0) }
      #expect(failed == ["HTTP-008"])
    }
    func unknown(_ status: Int, _ cache: String) -> [String] {
      failures {
        HTTPRules.judgeUnknown(
          Samples.exchange(status, [("Cache-Control", cache)]),
          targetDuration: 4,
          into: &$0
        )
      }
    }
    #expect(unknown(404, "max-age=4") == [])
    #expect(unknown(404, "max-age=5") == ["HTTP-009"])
    #expect(unknown(200, "max-age=4") == ["HTTP-009"])
    func cmcd(_ body: String) -> [String] {
      failures {
        HTTPRules.judgeCMCD(
          Samples.exchange(body: "a"),
          Samples.exchange(body: body),
          into: &$0
        )
      }
    }
    #expect(cmcd("a") == [])
    #expect(cmcd("b") == ["HTTP-024"])
    let coded = Samples.exchange(200, [("Content-Encoding", "gzip"), ("ETag", "\"a\"")])
    let bare = Samples.exchange(200, [("ETag", "\"a\"")])
    #expect(failures { HTTPRules.judgeBareMedia(coded, into: &$0) } == ["HTTP-006"])
    let failed = failures { ledger in
      guard let first = coded.response, let second = bare.response else { return }
      HTTPRules.judgeCodings(first, second, subject: "s", into: &ledger)
    }
    #expect(failed == ["HTTP-006"])
  }
}
