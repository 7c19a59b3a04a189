internal import MoQ
internal import Wire

/// A recording in place of a session: what was recorded of a track is told to whoever subscribes to it.
final class RecordedSource: SubscriptionSource {
  private var subscriptions: [SubscriptionID: FullTrackName] = [:]
  private var past: [FullTrackName: [RecordedEvent]] = [:]
  private let known: Set<FullTrackName>
  private var lastNumber: UInt64 = 0
  private var events: [SubscriberEvent] = []

  var waitingRequests: Int { 0 }
  var canFetch: Bool { true }

  /// Knows the tracks that any entry is of.
  init(_ entries: [RecordedEntry]) { known = Set(entries.map(\.track)) }

  /// The next event; nil when there is none for now.
  func poll() -> SubscriberEvent? { events.isEmpty ? nil : events.removeFirst() }

  /// Plays an entry; of a track that nobody has subscribed to yet it waits.
  func play(_ entry: RecordedEntry) {
    let ids = subscriptions.filter { $0.value == entry.track }.map(\.key)
    guard !ids.isEmpty else {
      past[entry.track, default: []].append(entry.event)
      return
    }
    for id in ids { events.append(entry.event.event(for: id)) }
  }

  func subscribe(_ track: FullTrackName, options: SubscribeOptions) -> SubscriptionID {
    lastNumber += 1
    let id = SubscriptionID(number: lastNumber)
    subscriptions[id] = track
    if !known.contains(track) { events.append(RecordedEvent.refused.event(for: id)) }
    for event in past.removeValue(forKey: track) ?? [] { events.append(event.event(for: id)) }
    return id
  }

  func unsubscribe(_ id: SubscriptionID) { subscriptions[id] = nil }

  func fetch(
    _ id: SubscriptionID,
    range: ClosedRange<Location>,
    priority: UInt8?
  ) -> FetchID {
    lastNumber += 1
    // No end is reported: what was fetched in its time comes among the track's objects.
    return FetchID(number: lastNumber)
  }

  func cancelFetch(_ id: FetchID) {}

  func subscribeNamespace(_ prefix: TrackNamespace, token: Token?) {}
  func unsubscribeNamespace(_ prefix: TrackNamespace) {}
}
