internal import HTTP
internal import LinuxIO
internal import Manifests
internal import Wire

/// Requests that wait: for a broadcast, for media, for the rest of a segment.
extension ServeLoop {
  /// Adds to what waits for the same.
  func wait(_ key: Waiting.Key, _ add: (inout Waiting) -> Void) {
    let count = waiting.count
    add(&waiting[key, default: Waiting()])
    if waiting.count > count { inbox.expect(key.broadcast) }
  }

  /// Answers what waits for a broadcast to begin: it is there now, or won't be.
  func settleArrivals(_ path: BroadcastPath) {
    guard var entry = waiting.removeValue(forKey: Waiting.Key(broadcast: path, rendition: nil))
    else { return }
    for parked in entry.takeAllParked() {
      for member in parked.members {
        guard let client = unpark(member) else { continue }
        let answer =
          broadcasts[path] == nil ? Self.noBroadcast : answer(parked.head, from: client).0
        give(answer, to: member.request, parked.head, client, path)
        flush(client)
      }
    }
  }

  /// Releases what a new snapshot satisfies; the rest waits on.
  func wake(_ key: Waiting.Key) {
    guard let rendition = key.rendition, var entry = waiting.removeValue(forKey: key) else {
      return
    }
    // What waits is media, for which no absolute URL is needed.
    let responder = broadcasts[key.broadcast].map { Responder(view: $0, timeURL: "") }
    let answers = responder?.view.answers
    let released = entry.takeParked { parked in
      responder == nil
        ? Self.noBroadcast
        : answers?.answer(to: parked.head, after: parked.want) {
          responder?.answer(parked: parked.want, in: rendition, parked.head)
        }
    }
    let growing = entry.growing
    entry.growing = []
    // Requests that are pipelined behind those that are answered now may park meanwhile.
    if !entry.isEmpty { waiting[key] = entry }
    release(released, of: key.broadcast)
    for growing in growing { grow(growing, responder, key) }
  }

  /// Lets answers go out that were waited for: small ones first, of equals what was asked for first.
  private func release(
    _ released: [(parked: Waiting.Parked, answer: Answer)],
    of broadcast: BroadcastPath
  ) {
    var much: [Backlog.Release] = []
    for (parked, answer) in released {
      if case .now(let response) = answer {
        let release = Backlog.Release(
          response: response,
          head: parked.head,
          members: parked.members
        )
        if response.body.count > Backlog.muchBytes {
          much.append(release)
        } else {
          backlog.append(release)
        }
        continue
      }
      // What grows is told of the next part like those that grow already.
      for member in parked.members {
        guard let client = unpark(member) else { continue }
        give(answer, to: member.request, parked.head, client, broadcast)
        flush(client)
      }
    }
    for release in much { backlog.append(release) }
  }

  /// Sends what has come of a segment that is sent as it grows.
  private func grow(_ growing: Waiting.Growing, _ responder: Responder?, _ key: Waiting.Key) {
    guard let client = clients[growing.client] else { return }
    defer { flush(client) }
    guard let news = key.rendition.flatMap({ responder?.growth(growing.growth, in: $0) }) else {
      return client.abort(growing.request)
    }
    var growing = growing
    if !news.pieces.isEmpty {
      client.append(growing.request, news.pieces)
      growing.growth.sentParts = news.sent
      growing.deadline = holdDeadline(key.broadcast)
    }
    if news.isWhole {
      client.finish(growing.request)
    } else {
      wait(key) { $0.growing.append(growing) }
    }
  }

  /// Ends a request's wait, whatever comes of it; nil when its client has gone.
  func unpark(_ member: Waiting.Member) -> Client? {
    guard let client = clients[member.client] else {
      abandonedCount -= 1
      return nil
    }
    client.parkedCount -= 1
    parkedCount -= 1
    metrics.parked.increment(by: -1)
    return client
  }

  /// Ends the waits of a client that has gone; its requests are forgotten when there are many of the kind.
  func abandonParked(_ client: Client) {
    guard client.parkedCount > 0 else { return }
    abandonedCount += client.parkedCount
    parkedCount -= client.parkedCount
    metrics.parked.increment(by: -client.parkedCount)
    client.parkedCount = 0
  }

  func holdDeadline(_ path: BroadcastPath) -> Instant {
    now + .milliseconds(Int64(broadcasts[path]?.lowLatency.holdMilliseconds ?? 6000))
  }

  /// Refuses what has waited too long, and forgets requests whose clients have gone.
  func expireParked() {
    let forgets = abandonedCount > max(Self.keptAbandoned, parkedCount / 4)
    for key in Array(waiting.keys) {
      if forgets {
        abandonedCount -= waiting[key]?.forget { clients[$0] == nil } ?? 0
      }
      for parked in waiting[key]?.takeExpired(now: now) ?? [] {
        metrics.parkedExpired.increment(by: parked.members.count)
        backlog.append(
          Backlog.Release(
            response: parked.want.refusal,
            head: parked.head,
            members: parked.members
          )
        )
      }
      expireGrowing(key)
      if waiting[key]?.isEmpty == true { waiting[key] = nil }
    }
    inbox.expectOnly(Set(waiting.keys.lazy.map(\.broadcast)))
  }

  /// Abandoned requests that may lie about: looking for them costs a look at all that wait.
  private static let keptAbandoned = 64

  private func expireGrowing(_ key: Waiting.Key) {
    guard let growing = waiting[key]?.growing, !growing.isEmpty else { return }
    waiting[key]?.growing = growing.filter { $0.deadline > now && clients[$0.client] != nil }
    for growing in growing where growing.deadline <= now {
      guard let client = clients[growing.client] else { continue }
      client.abort(growing.request)
      flush(client)
    }
  }
}
