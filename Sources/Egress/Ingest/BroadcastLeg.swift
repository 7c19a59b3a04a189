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

    var track: Int {
      switch self {
      case .probe(let track), .backfill(let track), .repair(let track, _): track
      }
    }
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
    for id in errands.keys { share.cancel(id) }
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

  /// Gives up all that was asked for of a track.
  func giveUp(_ track: Int, named name: String) {
    for (id, role) in roles where role == .media(track) || role == .header(track: name) {
      _ = forget(id)
      share.unsubscribe(id)
    }
    for (id, errand) in errands where errand.track == track {
      errands[id] = nil
      share.cancel(id)
    }
    names[track] = nil
    ends[track] = nil
    largest[track] = nil
    doubts[track] = nil
    retries[.media(track)] = nil
    retries[.header(track: name)] = nil
    endedTracks.remove(track)
  }

  /// Takes a track out of which nothing is left; the indices of those behind it are one less then.
  func remove(_ track: Int) {
    func moved<Value>(_ values: [Int: Value]) -> [Int: Value] {
      var result: [Int: Value] = [:]
      for (index, value) in values where index != track {
        result[index > track ? index - 1 : index] = value
      }
      return result
    }
    names = moved(names)
    ends = moved(ends)
    largest = moved(largest)
    doubts = moved(doubts)
    endedTracks = Set(endedTracks.filter { $0 != track }.map { $0 > track ? $0 - 1 : $0 })
    var laterRetries: [Role: Retry] = [:]
    for (role, retry) in retries where role != .media(track) {
      if case .media(let index) = role, index > track {
        laterRetries[.media(index - 1)] = retry
      } else {
        laterRetries[role] = retry
      }
    }
    retries = laterRetries
    for (id, role) in roles {
      if case .media(let index) = role, index > track { roles[id] = .media(index - 1) }
    }
    for (id, errand) in errands where errand.track > track {
      errands[id] =
        switch errand {
        case .probe(let index): .probe(track: index - 1)
        case .backfill(let index): .backfill(track: index - 1)
        case .repair(let index, let range): .repair(track: index - 1, range)
        }
    }
  }

  var catalogSubscription: SubscriptionID? { roles.first { $0.value == .catalog }?.key }
}
