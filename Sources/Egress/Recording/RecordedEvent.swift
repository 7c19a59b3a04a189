internal import MoQ
internal import Wire

/// What a session told of one track, as far as packaging depends on it.
enum RecordedEvent: Hashable {
  case subscribed(largest: Location?, Properties)
  case refused
  case object(Object)
  /// A stream ended whole; false where more of its group may follow on others.
  case streamEnded(group: UInt64, endsGroup: Bool)
  case absent(ClosedRange<Location>)
  /// The publisher has nothing more; false when the track may come back.
  case ended(isTrackEnd: Bool)

  init?(_ event: SubscriberEvent) {
    switch event {
    case .subscribed(_, let largest, let properties):
      self = .subscribed(largest: largest, properties)
    case .subscriptionFailed: self = .refused
    case .object(_, let object): self = .object(object)
    case .groupStreamEnded(_, let group, _, .finished(let endsGroup)):
      self = .streamEnded(group: group, endsGroup: endsGroup)
    case .absent(_, let range): self = .absent(range)
    case .subscriptionEnded(_, let end): self = .ended(isTrackEnd: end.status == .trackEnded)
    default: return nil
    }
  }

  /// The event again, for a subscription of the track.
  func event(for id: SubscriptionID) -> SubscriberEvent {
    switch self {
    case .subscribed(let largest, let properties):
      .subscribed(id, largest: largest, trackProperties: properties)
    case .refused:
      .subscriptionFailed(id, RequestFailure(meaning: .doesNotExist, reason: "it was refused"))
    case .object(let object): .object(id, object)
    case .streamEnded(let group, let endsGroup):
      .groupStreamEnded(id, group: group, subgroup: nil, .finished(endOfGroup: endsGroup))
    case .absent(let range): .absent(id, range)
    case .ended(let isTrackEnd):
      .subscriptionEnded(
        id,
        SubscriptionEnd(
          status: isTrackEnd ? .trackEnded : .unknown,
          code: nil,
          reason: "as recorded"
        )
      )
    }
  }
}

/// An event with the track that it is of, and when it came.
struct RecordedEntry: Hashable {
  let track: FullTrackName
  let utc: UTCTime
  let now: Instant
  let event: RecordedEvent

  var isObject: Bool { if case .object = event { true } else { false } }
}
