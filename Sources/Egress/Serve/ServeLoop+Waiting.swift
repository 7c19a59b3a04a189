internal import HTTP
internal import Manifests
internal import Wire

/// Requests that wait: for a broadcast, for media, for the rest of a segment.
extension ServeLoop {
  /// Answers what waits for a broadcast to begin: it is there now, or won't be.
  func settleArrivals(_ path: BroadcastPath) {
    guard let entry = waiting.removeValue(forKey: Waiting.Key(broadcast: path, rendition: nil))
    else { return }
    for parked in entry.parked {
      unpark()
      guard let client = clients[parked.client] else { continue }
      let answer = broadcasts[path] == nil ? Self.noBroadcast : answer(parked.head, from: client).0
      give(answer, to: parked.request, parked.head, client, path)
      flush(client)
    }
  }

  /// Answers what a new snapshot satisfies; the rest waits on.
  func wake(_ key: Waiting.Key) {
    guard let entry = waiting.removeValue(forKey: key), let rendition = key.rendition else {
      return
    }
    var rest = Waiting()
    // What waits is media, for which no absolute URL is needed.
    let responder = broadcasts[key.broadcast].map { Responder(view: $0, timeURL: "") }
    let answers = responder?.view.answers
    for parked in entry.parked {
      guard let client = clients[parked.client] else {
        unpark()
        continue
      }
      let given =
        responder == nil
        ? Self.noBroadcast
        : answers?.answer(to: parked.head, after: parked.want) {
          responder?.answer(parked: parked.want, in: rendition, parked.head)
        }
      guard let answer = given else {
        rest.parked.append(parked)
        continue
      }
      unpark()
      give(answer, to: parked.request, parked.head, client, key.broadcast)
      flush(client)
    }
    for var growing in entry.growing {
      guard let client = clients[growing.client] else { continue }
      guard let news = responder?.growth(growing.growth, in: rendition) else {
        client.abort(growing.request)
        flush(client)
        continue
      }
      if !news.pieces.isEmpty {
        client.append(growing.request, news.pieces)
        growing.growth.sentParts = news.sent
        growing.deadline = holdDeadline(key.broadcast)
      }
      if news.isWhole {
        client.finish(growing.request)
      } else {
        rest.growing.append(growing)
      }
      flush(client)
    }
    // Requests that were pipelined behind those just answered may have parked meanwhile.
    waiting[key, default: Waiting()].parked += rest.parked
    waiting[key, default: Waiting()].growing += rest.growing
  }

  func unpark() {
    parkedCount -= 1
    metrics.parked.increment(by: -1)
  }

  func holdDeadline(_ path: BroadcastPath) -> Instant {
    now + .milliseconds(Int64(broadcasts[path]?.lowLatency.holdMilliseconds ?? 6000))
  }

  func expire(_ entry: Waiting, _ key: Waiting.Key) {
    var kept = entry
    kept.parked = []
    for parked in entry.parked {
      guard let client = clients[parked.client] else {
        unpark()
        continue
      }
      guard parked.deadline <= now else {
        kept.parked.append(parked)
        continue
      }
      unpark()
      metrics.parkedExpired.increment()
      respond(parked.want.refusal, to: parked.request, client)
      flush(client)
    }
    kept.growing = entry.growing.filter { growing in
      guard let client = clients[growing.client] else { return false }
      guard growing.deadline <= now else { return true }
      client.abort(growing.request)
      flush(client)
      return false
    }
    // Answers above may have let pipelined requests park under the same key.
    let fresh = waiting[key] ?? Waiting()
    kept.parked += fresh.parked.dropFirst(entry.parked.count)
    kept.growing += fresh.growing.dropFirst(entry.growing.count)
    waiting[key] = kept.isEmpty ? nil : kept
  }
}
