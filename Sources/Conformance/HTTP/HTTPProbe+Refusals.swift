internal import Wire

extension HTTPProbe {
  /// What a server must not put up with.
  static func refusals(_ targets: HTTPTargets) -> [HTTPProbe] {
    let url = targets.entry
    var probes = [slow(url), preflight(targets.segment ?? url), unknown(targets)]
    for method in ["POST", "PUT", "DELETE"] {
      var request = Request(url, headers: [HeaderField("Content-Length", "0")])
      request.method = method
      request.isAlone = true
      probes.append(single(request) { HTTPRules.judgeMethod($0, into: &$1) })
    }
    return probes + malformed(url) + oversized(url) + traversals(url)
  }

  private static func slow(_ url: WebURL) -> HTTPProbe {
    var request = Request(url)
    request.raw = Bytes(utf8: "GET \(url.target) HTTP/1.1\r\nHost: \(url.authority)\r\nX-Slow: ")
    request.isAlone = true
    request.awaitsClose = true
    request.timeout = .seconds(33)
    return single(request) { HTTPRules.judgeSlow($0, into: &$1) }
  }

  private static func preflight(_ url: WebURL) -> HTTPProbe {
    var request = Request(
      url,
      headers: [
        HeaderField("Origin", HTTPRules.origin),
        HeaderField("Access-Control-Request-Method", "GET"),
        HeaderField(
          "Access-Control-Request-Headers",
          "cmcd-object,cmcd-request,cmcd-session,cmcd-status,range"
        ),
      ]
    )
    request.method = "OPTIONS"
    return single(request) { HTTPRules.judgePreflight($0, into: &$1) }
  }

  private static func unknown(_ targets: HTTPTargets) -> HTTPProbe {
    let url = targets.entry.resolve("no-such-thing/media.m3u8") ?? targets.entry
    var request = Request(url, headers: [HeaderField("Origin", HTTPRules.origin)])
    request.timeout = .seconds(5)
    return single(request) { answer, ledger in
      HTTPRules.judgeUnknown(answer, targetDuration: targets.targetDuration, into: &ledger)
      HTTPRules.judge(
        Observation(kind: .refused, exchange: answer),
        targetDuration: targets.targetDuration,
        into: &ledger
      )
    }
  }

  private static func malformed(_ url: WebURL) -> [HTTPProbe] {
    let line = "GET \(url.target) HTTP/1.1\r\n"
    let host = "Host: \(url.authority)\r\n"
    let lengths = "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n"
    let requests = [
      ("a bad request line", "GET\r\n\(host)\r\n"),
      ("no Host", "\(line)\r\n"),
      ("two Hosts", "\(line)\(host)\(host)\r\n"),
      ("a blank before the colon", "\(line)\(host)X-Field : 1\r\n\r\n"),
      ("two framings", "POST \(url.target) HTTP/1.1\r\n\(host)\(lengths)\r\n0\r\n\r\n"),
    ]
    return requests.map { what, text in
      var request = raw(url, text)
      request.awaitsClose = true
      return single(request) { HTTPRules.judgeMalformed($0, what, into: &$1) }
    }
  }

  private static func oversized(_ url: WebURL) -> [HTTPProbe] {
    let line = "GET \(url.target) HTTP/1.1\r\nHost: \(url.authority)\r\n"
    let field = "X-Long: \(String(repeating: "a", count: 200_000))\r\n"
    let path = "/" + String(repeating: "a", count: 40_000)
    return [
      single(raw(url, "\(line)\(field)\r\n")) {
        HTTPRules.judgeOversized($0, "a head of 200 kB", into: &$1)
      },
      single(raw(url, "GET \(path) HTTP/1.1\r\nHost: \(url.authority)\r\n\r\n")) {
        HTTPRules.judgeOversized($0, "a path of 40 kB", into: &$1)
      },
    ]
  }

  private static func traversals(_ url: WebURL) -> [HTTPProbe] {
    let climbs = ["..", "%2e%2e", "%252e%252e", "..%2f.."]
    return climbs.map { climb in
      let path = "/" + [String](repeating: climb, count: 8).joined(separator: "/") + "/etc/passwd"
      let request = raw(url, "GET \(path) HTTP/1.1\r\nHost: \(url.authority)\r\n\r\n")
      return single(request) { HTTPRules.judgeTraversal($0, path, into: &$1) }
    }
  }
}
