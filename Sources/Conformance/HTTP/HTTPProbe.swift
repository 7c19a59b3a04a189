internal import Wire

/// Where examples of each kind of resource are.
struct HTTPTargets: Sendable {
  /// The multivariant playlist or MPD.
  var entry: WebURL
  /// A whole segment.
  var segment: WebURL?
  var initSegment: WebURL?
  /// Seconds.
  var targetDuration: Int

  init(entry: WebURL, segment: WebURL?, initSegment: WebURL?, targetDuration: Int) {
    self.entry = entry
    self.segment = segment
    self.initSegment = initSegment
    self.targetDuration = targetDuration
  }
}

/// One thing to try on a server: some requests, one after another, and a judgement on the answers.
struct HTTPProbe: Sendable {
  let requests: [Request]
  let judge: @Sendable (_ answers: [Exchange], _ ledger: inout Ledger) -> Void

  /// All there is to try.
  static func all(_ targets: HTTPTargets) -> [HTTPProbe] {
    var probes = connections(targets.entry) + refusals(targets)
    probes += [head(targets.entry, isConstant: false), conditional(targets.entry, isMedia: false)]
    if let segment = targets.segment { probes += media(segment) }
    if let initSegment = targets.initSegment { probes.append(head(initSegment, isConstant: true)) }
    return probes
  }

  private static func get(_ url: WebURL, _ fields: [(String, String)] = []) -> Request {
    var request = Request(url, headers: [HeaderField("Origin", HTTPRules.origin)])
    request.headers += fields.map { HeaderField($0.0, $0.1) }
    return request
  }

  /// A request whose bytes are given; it has a connection of its own.
  static func raw(_ url: WebURL, _ text: String, count: Int = 1) -> Request {
    var request = Request(url)
    request.raw = Bytes(utf8: text)
    request.pipeline = [String](repeating: "GET", count: count)
    request.isAlone = true
    request.timeout = .seconds(5)
    return request
  }

  static func single(
    _ request: Request,
    _ judge: @escaping @Sendable (Exchange, inout Ledger) -> Void
  ) -> HTTPProbe {
    HTTPProbe(requests: [request]) { answers, ledger in
      if let answer = answers.first { judge(answer, &ledger) }
    }
  }

  private static func connections(_ url: WebURL) -> [HTTPProbe] {
    var closing = get(url, [("Connection", "close")])
    closing.isAlone = true
    closing.awaitsClose = true
    closing.timeout = .seconds(5)
    let host = "Host: \(url.authority)\r\n"
    let line = "GET \(url.target) HTTP/1.1\r\n\(host)\r\n"
    let three = line + line + "GET /no/such/thing HTTP/1.1\r\n\(host)\r\n"
    var old = raw(url, "GET \(url.target) HTTP/1.0\r\n\(host)\r\n")
    old.awaitsClose = false
    return [
      single(closing) { HTTPRules.judgeClose($0, into: &$1) },
      single(raw(url, three, count: 3)) { HTTPRules.judgePipeline($0, into: &$1) },
      single(old) { HTTPRules.judgeOld($0, into: &$1) },
    ]
  }

  private static func head(_ url: WebURL, isConstant: Bool) -> HTTPProbe {
    var request = get(url)
    request.method = "HEAD"
    return HTTPProbe(requests: [get(url), request]) { answers, ledger in
      guard answers.count == 2 else { return }
      HTTPRules.judgeHead(answers[0], answers[1], isConstant: isConstant, into: &ledger)
    }
  }

  /// A conditional request carries a validator of the answer before it; see `HTTPProbes`.
  static let validatorPlaceholder = "{etag}"

  private static func conditional(_ url: WebURL, isMedia: Bool, _ text: String? = nil) -> HTTPProbe
  {
    let value = text ?? validatorPlaceholder
    let second = get(url, [("If-None-Match", value)])
    return HTTPProbe(requests: [get(url), second]) { answers, ledger in
      guard answers.count == 2 else { return }
      HTTPRules.judgeConditional(answers[0], answers[1], isMedia: isMedia, into: &ledger)
    }
  }

  private static func media(_ url: WebURL) -> [HTTPProbe] {
    let ranges: [(first: Int?, last: Int?)] = [
      (0, 99), (100, nil), (nil, 50), (0, 0), (1 << 40, nil),
    ]
    let ranged = HTTPProbe(
      requests: [get(url)]
        + ranges.map { range in
          let first = range.first.map(String.init) ?? ""
          let last = range.last.map(String.init) ?? ""
          return get(url, [("Range", "bytes=\(first)-\(last)")])
        }
    ) { answers, ledger in
      guard let whole = answers.first?.response, whole.status == 200 else { return }
      for (range, answer) in zip(ranges, answers.dropFirst()) {
        HTTPRules.judgeRange(
          answer,
          first: range.first,
          last: range.last,
          of: whole.body,
          into: &ledger
        )
      }
    }
    let cmcd = HTTPProbe(
      requests: [
        get(url),
        get(url.with(query: "CMCD=br%3D1000%2Csid%3D%22a%22"), [("CMCD-Session", "sid=\"a\"")]),
      ]
    ) { answers, ledger in
      guard answers.count == 2 else { return }
      HTTPRules.judgeCMCD(answers[0], answers[1], into: &ledger)
    }
    return [
      ranged, cmcd, head(url, isConstant: true), conditional(url, isMedia: true),
      conditional(url, isMedia: true, "\"other\", \(validatorPlaceholder)"),
      conditional(url, isMedia: true, "*"),
      single(get(url, [("Accept-Encoding", "gzip")])) { HTTPRules.judgeBareMedia($0, into: &$1) },
    ]
  }
}
