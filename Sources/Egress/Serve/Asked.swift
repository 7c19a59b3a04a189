internal import HTTP
internal import Wire

/// A request of a client and its answer as far as it goes, for the access log.
struct Asked {
  let id: RequestID
  /// As it came.
  let head: RequestHead
  let start: Instant
  let utc: UTCTime
  /// Since when it waits for media.
  var parked: Instant?
  var held = Interval.zero
  /// Nil until there is an answer.
  var status: UInt16?
  /// Of content, so far.
  var bytes = 0
  var isComplete = false
}

/// What is remembered about requests; nothing without a log.
extension Client {
  func note(_ id: RequestID, _ head: RequestHead, now: Instant, utc: UTCTime) {
    asked.append(Asked(id: id, head: head, start: now, utc: utc))
  }

  func noteParked(_ id: RequestID, now: Instant) { update(id) { $0.parked = now } }

  func noteAnswer(_ id: RequestID, _ response: Response, now: Instant) {
    update(id) { asked in
      asked.held = asked.parked.map { now - $0 } ?? .zero
      asked.status = response.status.rawValue
      let isHead = asked.head.method == .head
      if !isHead { asked.bytes = response.body.count }
      if case .growing = response.body, !isHead { return }
      asked.isComplete = true
    }
  }

  /// Takes those whose answers are wholly out; with `isGone` all, as nothing more goes out.
  func takeAnswered(isGone: Bool) -> [Asked] {
    guard !asked.isEmpty else { return [] }
    let count = isGone ? asked.count : asked.prefix { $0.isComplete }.count
    guard count > 0 else { return [] }
    var taken = Array(asked.prefix(count))
    asked.removeFirst(count)
    // What waits for the socket is of the last answer, unless several were written at once.
    if isGone, let last = taken.lastIndex(where: { $0.status != nil }) {
      taken[last].bytes = max(0, taken[last].bytes - connection.pendingBytes)
    }
    return taken
  }

  private func update(_ id: RequestID, _ change: (inout Asked) -> Void) {
    guard let index = asked.firstIndex(where: { $0.id == id }) else { return }
    change(&asked[index])
  }
}

/// Growing answers.
extension Client {
  func append(_ id: RequestID, _ pieces: [Bytes]) {
    connection.append(id, pieces)
    update(id) { $0.bytes += pieces.reduce(0) { $0 + $1.count } }
  }

  func finish(_ id: RequestID) {
    connection.finish(id)
    update(id) { $0.isComplete = true }
  }

  func abort(_ id: RequestID) {
    connection.abort(id)
    update(id) { $0.isComplete = true }
  }
}
