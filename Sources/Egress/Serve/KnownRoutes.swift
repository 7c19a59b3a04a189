internal import HTTP

/// What the targets of shared heads name, so that they are read once for all who ask in the same words.
struct KnownRoutes {
  /// Keeps its head alive: the identity of one that is gone may come again.
  private struct Entry {
    let head: RequestHead
    let route: Route?
  }

  /// As many as there are heads to share; past it all are read anew.
  private static let limit = 1024
  private var entries: [ObjectIdentifier: Entry] = [:]

  mutating func route(of head: RequestHead) -> Route? {
    if let known = entries[ObjectIdentifier(head)] { return known.route }
    let route = Route(head.target.segments)
    if entries.count >= Self.limit { entries.removeAll(keepingCapacity: true) }
    entries[ObjectIdentifier(head)] = Entry(head: head, route: route)
    return route
  }
}
