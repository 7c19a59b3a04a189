/// Keys of connections in line, each once, first come first served.
struct KeyQueue {
  private var order: [UInt64] = []
  private var head = 0
  private var members: Set<UInt64> = []

  /// The key whose turn it is; nil when there is none.
  var first: UInt64? { head < order.count ? order[head] : nil }

  mutating func append(_ key: UInt64) {
    if members.insert(key).inserted { order.append(key) }
  }

  mutating func removeFirst() {
    guard let key = first else { return }
    members.remove(key)
    head += 1
    if head == order.count {
      order.removeAll(keepingCapacity: true)
      head = 0
    }
  }
}

/// Where an endpoint's connections say that they may have events or datagrams.
final class ActivityList {
  private var keys = KeyQueue()

  func note(_ key: UInt64) { keys.append(key) }

  /// Takes the next key; nil when nothing has been noted since.
  func next() -> UInt64? {
    defer { keys.removeFirst() }
    return keys.first
  }
}
