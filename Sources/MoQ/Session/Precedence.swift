import Wire

/// What of a request goes first where not all can go at once, draft-ietf-moq-transport §"Priorities".
struct Precedence {
  /// The subscriber's, smaller is sooner.
  private(set) var subscriberPriority: UInt8
  /// Whether an update of the request leaves the subscriber's as it is.
  private var keepsPriority = false
  /// The publisher's, which counts where the subscriber makes no difference.
  let publisherPriority: UInt8
  private(set) var groupOrder: GroupOrder
  /// The streams of a track go one after the other, those of several tracks in turn.
  private let flow: UInt64

  /// What a subscriber wants; where it says nothing, the publisher's choice is the oldest group first.
  init(_ parameters: Parameters, of track: BroadcastTrack) {
    subscriberPriority = parameters.subscriberPriority ?? 128
    publisherPriority = track.priority
    groupOrder = parameters.groupOrder ?? .ascending
    flow = UInt64(UInt(bitPattern: ObjectIdentifier(track)))
  }

  /// What the fill of a subscription wants: the same, but for what is said of it.
  func ofFill(_ parameters: Parameters) -> Precedence {
    var precedence = self
    precedence.update(subscriberPriority: parameters.subscriberPriority)
    precedence.keepsPriority = parameters.subscriberPriority != nil
    precedence.groupOrder = parameters.groupOrder ?? groupOrder
    return precedence
  }

  /// Takes what an update of the request says, which is not of a fill that was given a priority.
  mutating func update(subscriberPriority priority: UInt8?) {
    guard !keepsPriority else { return }
    subscriberPriority = priority ?? subscriberPriority
  }

  /// Where the stream of a group, or of a range that begins in it, stands among those of the session.
  ///
  /// What is past of a group goes before the rest of it, which who joins can't use without.
  func order(of group: UInt64, isPast: Bool = false) -> SendOrder {
    let group = min(group, .max / 2)
    let place = groupOrder == .ascending ? group : .max / 2 - group
    return SendOrder(
      priority: UInt16(subscriberPriority) << 8 | UInt16(publisherPriority),
      flow: flow,
      position: place * 2 + (isPast ? 0 : 1)
    )
  }
}

extension PublisherSession {
  /// Follows a subscriber that changes its mind about what goes first.
  func prioritize(_ requestID: UInt64, _ parameters: Parameters) {
    guard let priority = parameters.subscriberPriority else { return }
    subscriptions[requestID]?.precedence.update(subscriberPriority: priority)
    if let subscription = subscriptions[requestID] {
      for (group, out) in subscription.streams {
        transport.setOrder(subscription.precedence.order(of: group), of: out.stream)
      }
      for entry in draining where entry.requestID == requestID {
        transport.setOrder(subscription.precedence.order(of: entry.group), of: entry.stream)
      }
    }
    for index in fetches.indices where fetches[index].owner == requestID {
      fetches[index].precedence.update(subscriberPriority: priority)
      if let stream = fetches[index].stream {
        transport.setOrder(fetches[index].order, of: stream)
      }
    }
  }
}
