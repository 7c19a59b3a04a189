internal import MoQ
internal import Packaging
internal import Wire

/// A broadcast on one session: what is subscribed there, and as what; a reference, as every object is
/// looked up in it.
final class BroadcastLeg {
  /// What a subscription is for.
  enum Role: Hashable {
    case catalog
    /// The CMAF header of an entry of the catalog.
    case header(track: String)
    /// An index of the broadcast's tracks.
    case media(Int)
  }

  /// A FETCH under way.
  enum Errand: Equatable {
    /// A group before the newest, to learn how long groups are.
    case probe(track: Int)
    case backfill(track: Int)
    case repair(track: Int, ClosedRange<ObjectPosition>)
  }

  /// When to ask again for what was refused, or not answered.
  struct Retry {
    var backoff: Backoff
    /// Nil while it is being asked for.
    var due: Instant?
    var acceptedAt: Instant?
    /// How long its publisher wants to be left alone, of all the names that were tried.
    var wish = Interval.zero
  }

  let share: SessionShare
  var catalog: CatalogFollower
  var catalogNamespace: TrackNamespace
  private(set) var roles: [SubscriptionID: Role] = [:]
  /// Subscriptions that the publisher has not accepted yet, and until when it may.
  private(set) var unanswered: [SubscriptionID: Instant] = [:]
  var retries: [Role: Retry] = [:]
  var errands: [FetchID: Errand] = [:]
  /// The names left to try, by track.
  var names: [Int: [FullTrackName]] = [:]
  var ends: [Int: GroupEnds] = [:]
  /// The newest object that existed when a track was subscribed.
  var largest: [Int: Location] = [:]
  /// Whether ids that go back mean a new broadcast: no other session says otherwise.
  let isAlone: Bool
  var hasRestarted = false
  /// Tracks whose ids went back, and how many objects have not told yet what that means.
  var doubts: [Int: Int] = [:]
  /// Whether media has come.
  var hasMedia = false
  /// Tracks that have ended here, and elsewhere perhaps have not.
  var endedTracks: Set<Int> = []
  /// When they should have ended everywhere.
  var endDeadline: Instant?

  init(
    _ share: SessionShare,
    catalog: CatalogFollower,
    namespace: TrackNamespace,
    isAlone: Bool
  ) {
    self.share = share
    self.catalog = catalog
    catalogNamespace = namespace
    self.isAlone = isAlone
  }

  func note(_ id: SubscriptionID, _ role: Role, until: Instant) {
    roles[id] = role
    unanswered[id] = until
  }

  func noteAnswer(_ id: SubscriptionID, now: Instant) {
    unanswered[id] = nil
    guard let role = roles[id] else { return }
    retries[role]?.acceptedAt = now
    retries[role]?.wish = .zero
  }

  func forget(_ id: SubscriptionID) -> Role? {
    unanswered[id] = nil
    return roles.removeValue(forKey: id)
  }

  /// Gives up all but the catalog: indexes of tracks mean others from now on.
  func forgetTracks() {
    for (id, role) in roles where role != .catalog {
      share.unsubscribe(id)
      _ = forget(id)
    }
    retries = retries.filter { $0.key == .catalog }
    errands = [:]
    names = [:]
    ends = [:]
    largest = [:]
    doubts = [:]
    endedTracks = []
    endDeadline = nil
  }

  /// Whether a track, or what its objects need to be read, is asked for.
  var hasTracks: Bool { roles.values.contains { $0 != .catalog } }

  /// When something has to be done that nothing else brings about.
  var deadline: Instant? {
    let due = [catalog.deadline, endDeadline, unanswered.values.min()].compactMap { $0 }
    return (due + retries.values.compactMap(\.due)).min()
  }

  func role(_ id: SubscriptionID) -> Role? { roles[id] }

  func subscription(of track: Int) -> SubscriptionID? {
    roles.first { $0.value == .media(track) }?.key
  }

  var catalogSubscription: SubscriptionID? { roles.first { $0.value == .catalog }?.key }
}
