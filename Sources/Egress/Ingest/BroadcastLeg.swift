internal import MoQ
internal import Packaging
internal import Wire

/// A broadcast on one session: what is subscribed there, and as what; a reference, as every object is
/// looked up in it.
final class BroadcastLeg {
  /// What a subscription is for.
  enum Role: Equatable {
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

  let share: SessionShare
  var catalog: CatalogFollower
  var catalogNamespace: TrackNamespace
  private(set) var roles: [SubscriptionID: Role] = [:]
  /// Subscriptions that the publisher has not accepted yet.
  private(set) var unanswered: Set<SubscriptionID> = []
  var errands: [FetchID: Errand] = [:]
  /// The names left to try, by track.
  var names: [Int: [FullTrackName]] = [:]
  var ends: [Int: GroupEnds] = [:]
  /// The newest object that existed when a track was subscribed.
  var largest: [Int: Location] = [:]
  /// Whether ids that go back mean a new broadcast: no other session says otherwise.
  let isAlone: Bool
  var hasRestarted = false

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

  func note(_ id: SubscriptionID, _ role: Role) {
    roles[id] = role
    unanswered.insert(id)
  }

  func noteAnswer(_ id: SubscriptionID) { unanswered.remove(id) }

  func forget(_ id: SubscriptionID) -> Role? {
    unanswered.remove(id)
    return roles.removeValue(forKey: id)
  }

  func role(_ id: SubscriptionID) -> Role? { roles[id] }

  func subscription(of track: Int) -> SubscriptionID? {
    roles.first { $0.value == .media(track) }?.key
  }

  var catalogSubscription: SubscriptionID? { roles.first { $0.value == .catalog }?.key }
}
