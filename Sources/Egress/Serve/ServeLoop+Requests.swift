internal import HTTP
internal import LinuxIO
internal import Manifests
internal import Wire

/// Requests: what each is answered with.
extension ServeLoop {
  /// What others were answered who have asked in the same words; nil when it has to be looked into.
  func knownAnswer(to head: RequestHead) -> Response? {
    // The use of what is followed on demand has to be noted.
    guard onDemand.isEmpty, let response = routes[head]?.knownView?.answers[head] else {
      return nil
    }
    // Media in many pieces is joined when it is asked for again.
    if response.isLasting, let shared = response.shared, HotMedia.joins(shared.body) { return nil }
    return response
  }

  func answer(_ head: RequestHead, from client: Client) -> (Answer, BroadcastPath?) {
    switch head.method {
    case .get, .head: break
    case .options: return (.now(.preflight(head)), nil)
    case .other(let name):
      return (.now(.methodNotAllowed(name)), nil)
    }
    let known = routes.route(of: head)
    guard let route = known.route else {
      return (.now(.notFound("nothing is served here")), nil)
    }
    switch route {
    case .health: return (.now(.text(.ok, "ok", cacheControl: CachePolicy.never)), nil)
    case .readiness:
      let isEnding = isDraining || isStopping
      let reasons = isEnding ? ["it is to stop"] : ingestReport.unready
      return (
        .now(
          .text(
            reasons.isEmpty ? .ok : .unavailable,
            reasons.isEmpty ? "ready" : "not ready: " + reasons.joined(separator: "; "),
            cacheControl: CachePolicy.never
          )
        ), nil
      )
    case .metrics:
      return (
        .now(.operational(report().prometheus(), "text/plain; version=0.0.4; charset=utf-8")), nil
      )
    case .status: return (.now(.operational(report().json(), "application/json")), nil)
    case .time:
      return (.now(.operational(Clock.utc.iso8601, "text/plain; charset=utf-8")), nil)
    case .previewAsset(let version, let name):
      return (.now(preview.asset(version: version, name: name, head)), nil)
    case .previewWithoutSlash(let path):
      // Names nobody has are not asked for upstream: it is the page that makes a broadcast begin.
      let mayExist = broadcasts[path] != nil || onDemand.covers(path)
      return (mayExist ? .now(.redirect(toFolder: path)) : Self.noBroadcast, nil)
    case .preview(let path), .multivariant(let path), .manifest(let path, _),
      .mediaPlaylist(let path, _, _), .initSegment(let path, _, _), .segment(let path, _, _, _),
      .part(let path, _, _, _), .partOfSegment(let path, _, _, _, _),
      .numberedSegment(let path, _, _, _):
      if onDemand.use(path, now: now) { ingest.post(.wanted(path)) }
      guard let view = known.view(of: path, in: broadcasts) else {
        return (onDemand.covers(path) ? .park(rendition: nil, .broadcast) : Self.noBroadcast, path)
      }
      if case .preview = route { return (.now(preview.page(head)), path) }
      return (answer(route, head, of: view, client), path)
    }
  }

  static var noBroadcast: Answer { .now(.notFound("no such broadcast, or it has no media yet")) }

  private func answer(
    _ route: Route,
    _ head: RequestHead,
    of view: BroadcastView,
    _ client: Client
  ) -> Answer {
    // A manifest's absolute URL depends on the viewer too.
    guard case .manifest = route else {
      let answer = view.answers.answer(to: head) {
        Responder(view: view, timeURL: "").answer(route, head)
      }
      if case .now(let response) = answer, response.isLasting, let shared = response.shared,
        let content = hotMedia.content(of: route, shared.body)
      {
        shared.join(content.bytes, content.copy)
      }
      return answer ?? Self.noBroadcast
    }
    let base =
      configuration.server.publicURL.isEmpty
      ? url(askedBy: head, client) : configuration.server.publicURL
    let timeURL = base + (base.hasSuffix("/") ? "time" : "/time")
    let answer = Responder(view: view, timeURL: timeURL).answer(route, head)
    let access = configuration.access
    guard configuration.server.publicURL.isEmpty, !access.proxies.isEmpty,
      case .now(let response) = answer
    else { return answer }
    return .now(response.adding([access.proxyFields.vary]))
  }

  /// What the viewer has asked, as far as it is known.
  private func url(askedBy head: RequestHead, _ client: Client) -> String {
    let viewer = viewer(head, client)
    let scheme = viewer.scheme ?? client.listener.scheme
    let host = viewer.host ?? head.host?.text ?? ""
    return host.isEmpty ? client.listener.url : "\(scheme)://\(host)"
  }

  func give(
    _ answer: Answer,
    to id: RequestID,
    _ head: RequestHead,
    _ client: Client,
    _ path: BroadcastPath?
  ) {
    switch answer {
    case .now(let response):
      respond(response, to: id, head, client)
    case .growing(let response, let pieces, let growth):
      respond(response, to: id, head, client)
      guard head.method == .get, let path,
        let rendition = Route(head.target.segments)?.growingRendition
      else { return }
      client.append(id, pieces)
      wait(Waiting.Key(broadcast: path, rendition: rendition)) {
        $0.growing.append(
          Waiting.Growing(
            client: client.token,
            request: id,
            growth: growth,
            deadline: holdDeadline(path)
          )
        )
      }
    case .park(let rendition, let want):
      guard let path, parkedCount < configuration.server.parked, !isStopping else {
        metrics.parkedRefused.increment()
        respond(
          .unavailable("too many requests wait"),
          to: id,
          head,
          client
        )
        return
      }
      parkedCount += 1
      client.parkedCount += 1
      metrics.parked.increment()
      metrics.parkedTotal.increment()
      client.noteParked(id, now: now)
      wait(Waiting.Key(broadcast: path, rendition: rendition)) {
        $0.park(
          head,
          for: want,
          Waiting.Member(
            client: client.token,
            request: id,
            deadline: want == .broadcast ? now + OnDemand.patience : holdDeadline(path)
          )
        )
      }
    }
  }

  func respond(
    _ response: Response,
    to id: RequestID,
    _ request: RequestHead,
    _ client: Client
  ) {
    metrics.count(status: response.status.rawValue)
    if !client.asked.isEmpty { client.noteAnswer(id, response, now: now) }
    if hasOriginList {
      var head = response.head
      let fields = configuration.access.crossOrigin.fields(for: request.value("origin"))
      head.replace(Response.crossOrigin, by: fields)
      client.connection.respond(id, head, response.body, date: date)
    } else if let shared = response.shared {
      client.connection.respond(id, shared, date: date)
    } else {
      client.connection.respond(id, response.head, response.body, date: date)
    }
  }
}
