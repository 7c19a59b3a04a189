internal import Wire

/// What answers to particular requests show.
extension HTTPRules {
  /// Judges the answer to a request that asked for the connection to be closed.
  static func judgeClose(_ exchange: Exchange, into ledger: inout Ledger) {
    ledger.expect(
      "HTTP-001",
      exchange.responses.first?.status == 200 && exchange.closedAt != nil,
      exchange.request.url.description,
      "Connection: close, the connection \(exchange.closedAt == nil ? "stays" : "closes")"
    )
  }

  /// Judges the answers to several GETs of one resource in one write.
  static func judgePipeline(_ exchange: Exchange, into ledger: inout Ledger) {
    let wanted = exchange.request.pipeline.count
    let isWhole = exchange.responses.count == wanted
    // The last asks for something else, so that order shows.
    let statuses = exchange.responses.map(\.status)
    let isOrdered = statuses.dropLast().allSatisfy { $0 == 200 } && statuses.last == 404
    ledger.expect(
      "HTTP-002",
      isWhole && isOrdered,
      exchange.request.url.description,
      "\(statuses) to \(wanted) requests\(exchange.failure.map { ", \($0)" } ?? "")"
    )
  }

  /// Judges HEAD beside GET of the same; `isConstant` says that the resource never changes.
  static func judgeHead(
    _ get: Exchange,
    _ head: Exchange,
    isConstant: Bool,
    into ledger: inout Ledger
  ) {
    guard let wanted = get.response else { return }
    let response = head.response
    var differences: [String] = []
    if response == nil { differences.append(head.summary) }
    if let response {
      if response.status != wanted.status { differences.append("status \(response.status)") }
      let names = ["Content-Type"] + (isConstant ? ["ETag", "Content-Length"] : [])
      for name in names where response.header(name) != wanted.header(name) {
        differences.append("\(name) \(response.header(name) ?? "absent")")
      }
      if head.closedAt == nil, !response.body.isEmpty { differences.append("a body") }
    }
    ledger.expect(
      "HTTP-003",
      differences.isEmpty,
      get.request.url.description,
      differences.isEmpty ? "as GET" : "unlike GET: \(differences.joined(separator: ", "))"
    )
  }

  /// Judges a range of a resource whose whole is known; nil bounds are left out of the request.
  static func judgeRange(
    _ exchange: Exchange,
    first: Int?,
    last: Int?,
    of whole: Bytes,
    into ledger: inout Ledger
  ) {
    let subject = exchange.request.url.description
    let name = "bytes=\(first.map(String.init) ?? "")-\(last.map(String.init) ?? "")"
    guard let response = exchange.response else {
      ledger.record("HTTP-004", .fail, subject, "\(name): \(exchange.summary)")
      return
    }
    let range = response.header("Content-Range") ?? "absent"
    let seen = "\(name): status \(response.status), Content-Range \(range)"
    let start = first ?? max(0, whole.count - (last ?? 0))
    if start >= whole.count {
      let holds = response.status == 416 && range == "bytes */\(whole.count)"
      ledger.expect("HTTP-004", holds, subject, seen)
      return
    }
    let end = first == nil ? whole.count : min(whole.count, (last ?? whole.count - 1) + 1)
    let isExact = range == "bytes \(start)-\(end - 1)/\(whole.count)"
    ledger.expect(
      "HTTP-004",
      response.status == 206 && isExact && response.body == whole[start..<end],
      subject,
      seen
    )
  }

  /// Judges the validators of a resource and a conditional request with them.
  ///
  /// `isMedia` resources need strong ones, and never change.
  static func judgeConditional(
    _ get: Exchange,
    _ conditional: Exchange,
    isMedia: Bool,
    into ledger: inout Ledger
  ) {
    let subject = get.request.url.description
    guard let first = get.response else { return }
    guard let tag = first.header("ETag"), !(isMedia && tag.hasPrefix("W/")) else {
      ledger.record("HTTP-005", .fail, subject, "ETag \(first.header("ETag") ?? "absent")")
      return
    }
    guard let second = conditional.response else {
      ledger.record("HTTP-005", .fail, subject, "If-None-Match: \(conditional.summary)")
      return
    }
    // A live playlist may have gone on meanwhile.
    if !isMedia, second.status == 200, second.header("ETag") != tag { return }
    var faults = second.status == 304 ? [] : ["status \(second.status)"]
    for name in ["ETag", "Cache-Control", "Vary"]
    where first.header(name) != nil && second.header(name) == nil { faults.append("no \(name)") }
    if conditional.closedAt == nil, !second.body.isEmpty { faults.append("a body") }
    ledger.expect(
      "HTTP-005",
      faults.isEmpty,
      subject,
      "If-None-Match: \(faults.isEmpty ? "304" : faults.joined(separator: ", "))"
    )
  }

  /// Judges the answer to a preflight.
  static func judgePreflight(_ exchange: Exchange, into ledger: inout Ledger) {
    guard let response = exchange.response else {
      ledger.record("HTTP-008", .fail, exchange.request.url.description, exchange.summary)
      return
    }
    let methods = response.list("Access-Control-Allow-Methods")
    let headers = response.list("Access-Control-Allow-Headers")
    let wanted = ["range", "cmcd-object", "cmcd-request", "cmcd-session", "cmcd-status"]
    var faults: [String] = []
    if !(200...299).contains(response.status) { faults.append("status \(response.status)") }
    if !methods.contains("*"), !(methods.contains("get") && methods.contains("head")) {
      faults.append("methods \(methods.joined(separator: " "))")
    }
    if !headers.contains("*") {
      faults += wanted.filter { !headers.contains($0) }.map { "\($0) is not allowed" }
    }
    if response.header("Access-Control-Max-Age") == nil { faults.append("no Max-Age") }
    ledger.expect(
      "HTTP-008",
      faults.isEmpty,
      exchange.request.url.description,
      faults.isEmpty ? "allowed" : faults.joined(separator: ", ")
    )
  }

  /// Judges the answer for a path that does not exist.
  static func judgeUnknown(
    _ exchange: Exchange,
    targetDuration: Int,
    into ledger: inout Ledger
  ) {
    let lifetime = exchange.response.map(CacheLifetime.init)
    ledger.expect(
      "HTTP-009",
      exchange.response?.status == 404 && exchange.duration <= .seconds(1)
        && lifetime?.isAtMost(targetDuration) == true,
      exchange.request.url.description,
      "\(exchange.summary), Cache-Control \(exchange.response?.header("Cache-Control") ?? "absent")"
    )
  }

  /// Judges the answer to a method that changes things.
  static func judgeMethod(_ exchange: Exchange, into ledger: inout Ledger) {
    let response = exchange.response
    let isRefused = response?.status == 405 && response?.header("Allow") != nil
    ledger.expect(
      "HTTP-010",
      isRefused || response?.status == 501,
      exchange.request.url.description,
      "\(exchange.request.method): \(exchange.summary), Allow \(response?.header("Allow") ?? "absent")"
    )
  }

  /// Judges the answer to a malformed request.
  static func judgeMalformed(_ exchange: Exchange, _ what: String, into ledger: inout Ledger) {
    let status = exchange.responses.first?.status
    let isCut = status == nil && exchange.closedAt != nil
    let holds = (status == 400 || isCut) && exchange.closedAt != nil
    ledger.expect(
      "HTTP-011",
      holds,
      exchange.request.url.description,
      "\(what): \(status.map { "status \($0)" } ?? "no answer"),"
        + " the connection \(exchange.closedAt == nil ? "stays" : "closes")"
    )
  }

  /// Judges the answer to a head or target that is too large.
  static func judgeOversized(_ exchange: Exchange, _ what: String, into ledger: inout Ledger) {
    let status = exchange.responses.first?.status
    let isRefused = status.map { [400, 404, 413, 414, 431].contains($0) } ?? false
    ledger.expect(
      "HTTP-012",
      isRefused || status == nil && exchange.closedAt != nil,
      exchange.request.url.description,
      "\(what): \(status.map { "status \($0)" } ?? exchange.summary)"
    )
  }

  /// Judges what came of a request whose head never ended.
  static func judgeSlow(_ exchange: Exchange, into ledger: inout Ledger) {
    guard exchange.failure != .cancelled else { return }
    let cut = exchange.closedAt ?? exchange.responses.first.map { _ in exchange.ended }
    let holds = cut.map { $0 - exchange.begun <= .seconds(30) } ?? false
    ledger.expect(
      "HTTP-013",
      holds,
      exchange.request.url.description,
      cut.map { "cut off after \(($0 - exchange.begun).milliseconds) ms" } ?? "not cut off"
    )
  }

  /// Judges the answer to a request of HTTP/1.0.
  static func judgeOld(_ exchange: Exchange, into ledger: inout Ledger) {
    let response = exchange.responses.first
    ledger.expect(
      "HTTP-021",
      response.map { $0.header("Transfer-Encoding") == nil } ?? false,
      exchange.request.url.description,
      response.map { "Transfer-Encoding \($0.header("Transfer-Encoding") ?? "absent")" }
        ?? exchange.summary
    )
  }

  /// Judges the answer for a path that climbs.
  static func judgeTraversal(_ exchange: Exchange, _ path: String, into ledger: inout Ledger) {
    let response = exchange.responses.first
    let leaks = response?.body.text.contains("root:") ?? false
    let isRefused = response.map { $0.status == 400 || $0.status == 404 } ?? false
    ledger.expect(
      "HTTP-022",
      !leaks && (isRefused || response == nil && exchange.closedAt != nil),
      exchange.request.url.description,
      "\(path): \(response.map { "status \($0.status)" } ?? exchange.summary)"
    )
  }

  /// Judges whether CMCD changes what is answered.
  static func judgeCMCD(_ bare: Exchange, _ measured: Exchange, into ledger: inout Ledger) {
    guard let first = bare.response else { return }
    let second = measured.response
    ledger.expect(
      "HTTP-024",
      second?.status == first.status && second?.body == first.body
        && second?.header("ETag") == first.header("ETag"),
      measured.request.url.description,
      "with CMCD: \(measured.summary)"
    )
  }

  /// Judges whether media is answered without a content coding to those who would take one.
  static func judgeBareMedia(_ exchange: Exchange, into ledger: inout Ledger) {
    guard let response = exchange.response else { return }
    let codings = response.list("Content-Encoding")
    ledger.expect(
      "HTTP-006",
      codings.isEmpty,
      exchange.request.url.description,
      "Accept-Encoding: gzip, codings \(codings)"
    )
  }
}
