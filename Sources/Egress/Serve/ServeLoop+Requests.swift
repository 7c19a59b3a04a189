internal import HTTP
internal import LinuxIO
internal import Manifests
internal import Wire

/// Requests: what each is answered with.
extension ServeLoop {
  func answer(_ head: RequestHead, from client: Client) -> (Answer, BroadcastPath?) {
    switch head.method {
    case .get, .head: break
    case .options: return (.now(.preflight(head)), nil)
    case .other(let name):
      return (.now(.methodNotAllowed(name)), nil)
    }
    guard let route = routes.route(of: head) else {
      return (.now(.notFound("nothing is served here")), nil)
    }
    switch route {
    case .health: return (.now(.text(.ok, "ok", cacheControl: CachePolicy.never)), nil)
    case .readiness:
      let report = report()
      let isReady = report.ingest.isReady && !isDraining && !isStopping
      return (
        .now(
          .text(
            isReady ? .ok : .unavailable,
            isReady ? "ready" : "not ready",
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
      guard let view = broadcasts[path] else {
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
    // A manifest's absolute URL depends on the listener too.
    guard case .manifest = route else {
      let answer = view.answers.answer(to: head) {
        Responder(view: view, timeURL: "").answer(route, head)
      }
      if case .now(let response) = answer, response.isLasting, let shared = response.shared,
        let whole = hotMedia.content(of: route, shared.body)
      {
        shared.body = .whole([whole])
      }
      return answer ?? Self.noBroadcast
    }
    // Nobody may be named in HTTP/1.0; the clock's URL is absolute even then.
    let host = head.host?.text ?? ""
    let base =
      configuration.server.publicURL.isEmpty
      ? host.isEmpty ? client.listener.url : "\(client.listener.scheme)://\(host)"
      : configuration.server.publicURL
    let timeURL = base + (base.hasSuffix("/") ? "time" : "/time")
    return Responder(view: view, timeURL: timeURL).answer(route, head)
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
      respond(response, to: id, client)
    case .growing(let response, let pieces, let growth):
      respond(response, to: id, client)
      guard head.method == .get, let path,
        let rendition = Route(head.target.segments)?.growingRendition
      else { return }
      client.connection.append(id, pieces)
      waiting[Waiting.Key(broadcast: path, rendition: rendition), default: Waiting()].growing
        .append(
          Waiting.Growing(
            client: client.token,
            request: id,
            growth: growth,
            deadline: holdDeadline(path)
          )
        )
    case .park(let rendition, let want):
      guard let path, parkedCount < configuration.server.parked, !isStopping else {
        metrics.parkedRefused.increment()
        respond(
          .unavailable("too many requests wait"),
          to: id,
          client
        )
        return
      }
      parkedCount += 1
      metrics.parked.increment()
      metrics.parkedTotal.increment()
      waiting[Waiting.Key(broadcast: path, rendition: rendition), default: Waiting()].parked
        .append(
          Waiting.Parked(
            client: client.token,
            request: id,
            head: head,
            want: want,
            deadline: want == .broadcast ? now + OnDemand.patience : holdDeadline(path)
          )
        )
    }
  }

  func respond(_ response: Response, to id: RequestID, _ client: Client) {
    metrics.count(status: response.status.rawValue)
    if let shared = response.shared {
      client.connection.respond(id, shared, date: date)
    } else {
      client.connection.respond(id, response.head, response.body, date: date)
    }
  }
}
