internal import MoQ

/// Where tracks can be subscribed: a session, or a recording of one.
protocol SubscriptionSource: AnyObject {
  /// How many requests wait for the peer's permission.
  var waitingRequests: Int { get }
  /// Whether it is worth to ask for the past here.
  var canFetch: Bool { get }
  func subscribe(_ track: FullTrackName, options: SubscribeOptions) -> SubscriptionID
  func unsubscribe(_ id: SubscriptionID)
  func fetch(
    _ id: SubscriptionID,
    range: ClosedRange<Location>,
    priority: UInt8?
  ) -> FetchID
  func cancelFetch(_ id: FetchID)
  func subscribeNamespace(_ prefix: TrackNamespace, token: Token?)
  func unsubscribeNamespace(_ prefix: TrackNamespace)
}

extension SubscriberSession: SubscriptionSource {}
