internal import MoQ
internal import Wire

/// Subscriptions of one session that the publisher opened, with what came on them, until a broadcast wants
/// the track.
///
/// A publisher may push a track before the catalog that says what it is.
struct PushedTracks {
  private struct Waiting {
    let track: FullTrackName
    var events: [SubscriberEvent] = []
    var byteCount = 0
  }

  private var waiting: [SubscriptionID: Waiting] = [:]
  private var byteCount = 0

  /// All that waits on a session; past it the track that holds the most is given up.
  static let byteLimit = 4 << 20
  /// What an event costs beside an object's payload.
  private static let eventBytes = 256

  mutating func add(_ id: SubscriptionID, _ track: FullTrackName) {
    waiting[id] = Waiting(track: track)
  }

  /// Keeps an event of a subscription that waits; false when it is of none.
  mutating func keep(_ event: SubscriberEvent, of id: SubscriptionID) -> Bool {
    guard waiting[id] != nil else { return false }
    var cost = Self.eventBytes
    switch event {
    case .object(_, let object): cost += object.payload.count
    case .subscriptionEnded, .subscriptionFailed:
      forget(id)
      return true
    default: break
    }
    waiting[id]?.events.append(event)
    waiting[id]?.byteCount += cost
    byteCount += cost
    return true
  }

  /// A subscription to give up because too much waits; nil when it does not.
  mutating func takeExcess() -> SubscriptionID? {
    guard byteCount > Self.byteLimit,
      let largest = waiting.max(by: { $0.value.byteCount < $1.value.byteCount })?.key
    else { return nil }
    forget(largest)
    return largest
  }

  /// Hands out a track with what came on it; nil when it was not pushed.
  mutating func take(_ track: FullTrackName) -> (id: SubscriptionID, events: [SubscriberEvent])? {
    guard let (id, value) = waiting.first(where: { $0.value.track == track }) else { return nil }
    forget(id)
    return (id, value.events)
  }

  private mutating func forget(_ id: SubscriptionID) {
    byteCount -= waiting.removeValue(forKey: id)?.byteCount ?? 0
  }
}
