internal import HTTP
internal import Wire

/// Media that is asked for more than once, each in one piece: the kernel takes one piece of 200 KB in half
/// the time of sixty.
///
/// What is newest is asked for most, so what was put here first leaves first.
struct HotMedia {
  /// Bytes kept by one loop, beside the window itself.
  static let limit = 16 << 20
  /// What is smaller has few pieces.
  static let least = 16_384
  /// Names that were asked for once.
  static let namesLimit = 256

  private var media: [Route: Bytes] = [:]
  private var order: [Route] = []
  private(set) var count = 0
  private var askedOnce: Set<Route> = []

  /// The content of an answer that lasts, from the second time on that it is asked for.
  mutating func content(of route: Route, _ body: Body) -> Bytes? {
    guard case .whole(let pieces) = body, pieces.count > 1, body.count >= Self.least,
      body.count <= Self.limit / 4
    else { return nil }
    if let known = media[route] { return known }
    guard askedOnce.remove(route) != nil else {
      if askedOnce.count >= Self.namesLimit { askedOnce = [] }
      askedOnce.insert(route)
      return nil
    }
    var writer = ByteWriter(reserving: body.count)
    for piece in pieces { writer.write(piece) }
    media[route] = writer.bytes
    order.append(route)
    count += writer.count
    while count > Self.limit {
      count -= media.removeValue(forKey: order.removeFirst())?.count ?? 0
    }
    return media[route]
  }

  /// Forgets everything: a broadcast is no more, and may begin anew.
  mutating func removeAll() { self = HotMedia() }
}
