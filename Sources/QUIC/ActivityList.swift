/// Keys of the connections that may have events or datagrams, each once, in the order of notice.
final class ActivityList {
  private var order: [UInt64] = []
  private var members: Set<UInt64> = []

  func note(_ key: UInt64?) {
    if let key, members.insert(key).inserted { order.append(key) }
  }

  /// Hands over all keys and starts anew.
  func take() -> [UInt64] {
    defer {
      order.removeAll(keepingCapacity: true)
      members.removeAll(keepingCapacity: true)
    }
    return order
  }
}
