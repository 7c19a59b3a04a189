internal import HTTP

/// What the targets of shared heads name, so that they are read once for all who ask in the same words.
struct KnownRoutes {
  /// What a head's target names; nil where nothing is served.
  final class Entry {
    /// Kept alive: the identity of one that is gone may come again.
    private let head: RequestHead
    let route: Route?

    fileprivate init(_ head: RequestHead) {
      self.head = head
      route = Route(head.target.segments)
    }
  }

  /// As many as there are heads to share; past it all are read anew.
  private static let limit = 1024
  private var entries: [ObjectIdentifier: Entry] = [:]

  mutating func entry(of head: RequestHead) -> Entry {
    if let known = entries[ObjectIdentifier(head)] { return known }
    let entry = Entry(head)
    if entries.count >= Self.limit { entries.removeAll(keepingCapacity: true) }
    entries[ObjectIdentifier(head)] = entry
    return entry
  }
}
