internal import HTTP
internal import Wire

/// Media that is asked for more than once, each in one piece: the kernel takes one piece of 200 KB in half
/// the time of sixty, and in less when it has a copy itself.
///
/// What is newest is asked for most, so what was put here first leaves first.
struct HotMedia {
  /// Bytes kept by one loop, copies in the kernel among them, beside the window itself.
  static let limit = 16 << 20
  /// What is smaller has few pieces.
  static let least = 16_384
  /// Names that were asked for once.
  static let namesLimit = 256

  /// Media in one piece.
  struct Content {
    let bytes: Bytes
    let copy: ContentCopy?
    /// What it takes of the limit.
    var cost: Int { copy == nil ? bytes.count : 2 * bytes.count }
  }

  let copies: KeptCopies
  private var media: [Route: Content] = [:]
  private var order: [Route] = []
  private(set) var cost = 0
  private var askedOnce: Set<Route> = []

  /// Copies are of no use where everything is encrypted.
  init(keepsCopies: Bool = true) { copies = KeptCopies(isOpen: keepsCopies) }

  /// Whether content is worth having in one piece, and is not.
  static func joins(_ body: Body) -> Bool {
    guard case .whole(let pieces) = body, pieces.count > 1 else { return false }
    return body.count >= least && body.count <= limit / 4
  }

  /// The content of an answer that lasts, from the second time on that it is asked for.
  mutating func content(of route: Route, _ body: Body) -> Content? {
    guard Self.joins(body), case .whole(let pieces) = body else { return nil }
    if let known = media[route] { return known }
    guard askedOnce.remove(route) != nil else {
      if askedOnce.count >= Self.namesLimit { askedOnce = [] }
      askedOnce.insert(route)
      return nil
    }
    var writer = ByteWriter(reserving: body.count)
    for piece in pieces { writer.write(piece) }
    let bytes = writer.bytes
    makeRoom(for: copies.takes(bytes) ? 2 * bytes.count : bytes.count)
    let content = Content(bytes: bytes, copy: copies.keep(bytes))
    media[route] = content
    order.append(route)
    cost += content.cost
    return content
  }

  private mutating func makeRoom(for more: Int) {
    while cost + more > Self.limit, let content = media.removeValue(forKey: order.removeFirst()) {
      cost -= content.cost
      if let copy = content.copy { copies.drop(copy) }
    }
  }

  /// Forgets everything: a broadcast is no more, and may begin anew.
  mutating func removeAll() {
    makeRoom(for: Self.limit)
    askedOnce = []
  }
}
