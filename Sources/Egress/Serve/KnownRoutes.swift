internal import HTTP

/// What a target names, and where that is once it has been found.
final class KnownRoute {
  /// Nil when nothing is served there.
  let route: Route?
  private var seat: BroadcastTable.Seat?

  init(_ head: RequestHead) { route = Route(head.target.segments) }

  /// The newest view of the route's broadcast, as far as that was found before.
  var knownView: BroadcastView? { seat?.view }

  /// The newest view of the route's broadcast, whose path is given; nil when there is none.
  func view(of path: BroadcastPath, in broadcasts: BroadcastTable) -> BroadcastView? {
    if let knownView { return knownView }
    seat = broadcasts.seat(of: path)
    return seat?.view
  }
}

/// What the targets of shared heads name, so that they are read once for all who ask in the same words.
struct KnownRoutes {
  private var routes = HeadTable<KnownRoute>()

  /// Nil when nobody has asked in these words lately.
  subscript(head: RequestHead) -> KnownRoute? { routes[head] }

  mutating func route(of head: RequestHead) -> KnownRoute {
    if let known = self[head] { return known }
    let route = KnownRoute(head)
    routes.remember(route, for: head)
    return route
  }
}
