internal import Compression
internal import MoQ
internal import Wire

/// Finds the catalog of a broadcast on one session, and keeps up with it.
struct CatalogFollower {
  /// What an object of the catalog track led to.
  enum Result {
    /// The catalog has changed, or is here for the first time.
    case changed(Catalog, [CatalogProblem])
    case nothing
    /// It could not be read; the last good one, if there is one, stays.
    case unreadable(String)
  }

  /// The names that are left to try, the present one first.
  private(set) var names: [FullTrackName]
  /// Until when an answer is waited for.
  var deadline: Instant?
  /// Why the last name was none.
  var lastRefusal = "no answer"
  private(set) var catalog: Catalog?
  /// Tracks that the catalog has, though it can't be read what they are.
  private(set) var unreadTracks: Set<String> = []
  private let limits: CatalogLimits
  private var newest: Location?
  /// The last object that was taken before the track ended: what relays keep of it says nothing new.
  private var lastBeforeEnd: (location: Location, payload: Bytes)?
  private var lastPayload = Bytes()
  /// A delta could not be read: what follows in its group builds on nothing.
  private var isPoisoned = false

  init(names: [FullTrackName], limits: CatalogLimits) {
    self.names = names
    self.limits = limits
  }

  /// Gives the present name up.
  mutating func refuse(_ reason: String) {
    lastRefusal = reason
    if !names.isEmpty { names.removeFirst() }
  }

  /// Another subscription begins: what it brings first stands by itself.
  mutating func renew() { newest = nil }

  /// The track is over; another publisher may begin it anew.
  mutating func end() {
    lastBeforeEnd = newest.map { ($0, lastPayload) } ?? lastBeforeEnd
  }

  /// Whether an object is of what ended.
  private func isOld(_ object: Object) -> Bool {
    guard let last = lastBeforeEnd, object.group == last.location.group else { return false }
    return object.id < last.location.object
      || object.id == last.location.object && object.payload == last.payload
  }

  /// The text of an object, which publishers may have compressed without a word.
  private func plain(_ payload: Bytes) -> Bytes {
    guard payload.count > 2, payload[0] == 0x1f, payload[1] == 0x8b else { return payload }
    return gunzip(payload, limit: limits.bytes) ?? payload
  }

  mutating func take(_ object: Object) -> Result {
    guard !object.payload.isEmpty, !isOld(object) else { return .nothing }
    // Only the newest group counts, and of it each object once.
    if let newest {
      guard object.group > newest.group || object.group == newest.group && object.id > newest.object
      else { return .nothing }
    }
    let follows = object.group == newest?.group
    // Of hang, only its place tells a patch from a whole catalog.
    if follows, isPoisoned, catalog?.isHang == true { return .nothing }
    var problems: [CatalogProblem]
    do throws(CatalogError) {
      let previous = follows ? catalog : nil
      let payload = plain(object.payload)
      switch try CatalogUpdate.decode(payload, continuing: previous, limits: limits) {
      case .independent(let whole, let found):
        catalog = whole
        isPoisoned = false
        problems = found
        unreadTracks = []
      case .delta(let delta):
        guard let old = catalog, follows, !isPoisoned else { return .nothing }
        (catalog, problems) = try old.applying(delta, limits: limits)
      case .patch(let patch):
        guard let old = catalog, follows, !isPoisoned else { return .nothing }
        (catalog, problems) = try old.applying(patch, limits: limits)
        unreadTracks = []
      }
    } catch {
      isPoisoned = true
      lastRefusal = error.description
      return .unreadable("catalog \(object.location): \(error.description)")
    }
    newest = object.location
    lastPayload = object.payload
    lastBeforeEnd = nil
    deadline = nil
    for problem in problems where problem.isTrackSkipped { unreadTracks.insert(problem.track) }
    return catalog.map { .changed($0, problems) } ?? .nothing
  }
}
