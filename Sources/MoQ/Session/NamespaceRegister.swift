import Wire

/// Which namespaces a peer announced, and how: a namespace stays known as long as anything announces
/// it.
struct NamespaceRegister {
  private struct Interest {
    let prefix: TrackNamespace
    var isAccepted = false
    /// What came as NAMESPACE on its stream.
    var found: Set<TrackNamespace> = []
  }

  /// Our SUBSCRIBE_NAMESPACE requests.
  private var interests: [UInt64: Interest] = [:]
  /// What came as PUBLISH_NAMESPACE, by its request.
  private var published: [UInt64: TrackNamespace] = [:]
  /// How many requests announce each namespace.
  private var announcers: [TrackNamespace: Int] = [:]
  private var count = 0
  private let maximum: Int

  init(maximum: Int) { self.maximum = maximum }

  /// What a change means for the owner.
  enum Change: Equatable {
    case announced(TrackNamespace)
    case withdrawn(TrackNamespace)
  }

  private mutating func add(_ namespace: TrackNamespace) -> Change? {
    count += 1
    announcers[namespace, default: 0] += 1
    return announcers[namespace] == 1 ? .announced(namespace) : nil
  }

  private mutating func remove(_ namespace: TrackNamespace) -> Change? {
    guard let announced = announcers[namespace] else { return nil }
    count -= 1
    announcers[namespace] = announced > 1 ? announced - 1 : nil
    return announced > 1 ? nil : .withdrawn(namespace)
  }

  // MARK: Our requests

  /// Notes a SUBSCRIBE_NAMESPACE of ours.
  mutating func ask(_ requestID: UInt64, _ prefix: TrackNamespace) {
    interests[requestID] = Interest(prefix: prefix)
  }

  /// The request that asks for a prefix; nil when none does.
  func request(for prefix: TrackNamespace) -> UInt64? {
    interests.first { $0.value.prefix == prefix }?.key
  }

  /// Notes that a request was accepted; nil unless it is one of these, for the first time.
  mutating func accept(_ requestID: UInt64) -> TrackNamespace? {
    guard interests[requestID]?.isAccepted == false else { return nil }
    interests[requestID]?.isAccepted = true
    return interests[requestID]?.prefix
  }

  /// Forgets a request of ours and what came by it; nil when it is none of these.
  mutating func forget(
    _ requestID: UInt64
  ) -> (prefix: TrackNamespace, changes: [Change])? {
    guard let interest = interests.removeValue(forKey: requestID) else { return nil }
    return (interest.prefix, interest.found.compactMap { remove($0) })
  }

  /// Notes a NAMESPACE; nil when it is no news, not asked for any more, or one too many.
  ///
  /// From draft 18 on the request has to be answered before.
  mutating func announce(
    _ suffix: TrackNamespace,
    _ requestID: UInt64?,
    needsAcceptance: Bool
  ) throws(CodingError) -> Change? {
    guard let requestID else { throw .protocolViolation("NAMESPACE outside a request") }
    guard let interest = interests[requestID] else { return nil }
    guard interest.isAccepted || !needsAcceptance else {
      throw .protocolViolation("NAMESPACE before the answer to its request")
    }
    guard count < maximum else { return nil }
    let namespace = interest.prefix.appending(suffix)
    guard namespace.isWithinLimits else {
      throw .protocolViolation("namespace over the limits with its prefix")
    }
    guard interests[requestID]?.found.insert(namespace).inserted == true else { return nil }
    return add(namespace)
  }

  /// Forgets what a NAMESPACE_DONE withdraws; nil when it is no news or not asked for any more.
  mutating func withdraw(
    _ suffix: TrackNamespace,
    _ requestID: UInt64?
  ) throws(CodingError) -> Change? {
    guard let requestID else { throw .protocolViolation("NAMESPACE_DONE outside a request") }
    guard let prefix = interests[requestID]?.prefix else { return nil }
    let namespace = prefix.appending(suffix)
    guard interests[requestID]?.found.remove(namespace) != nil else {
      // Past the limit we did not note it, so it may well be one of those.
      guard count < maximum else { return nil }
      throw .protocolViolation("NAMESPACE_DONE before its NAMESPACE")
    }
    return remove(namespace)
  }

  // MARK: Announcements of the peer

  /// Whether there is room for another PUBLISH_NAMESPACE.
  var hasRoom: Bool { count < maximum }

  /// Notes a PUBLISH_NAMESPACE; nil when the namespace is known.
  mutating func publish(_ request: PublishNamespace) -> Change? {
    published[request.requestID] = request.namespace
    return add(request.namespace)
  }

  /// Forgets what a PUBLISH_NAMESPACE_DONE withdraws; nil when unknown.
  mutating func withdraw(_ reference: NamespaceReference) -> Change? {
    switch reference {
    case .request(let requestID): return withdraw(requestID)
    case .namespace(let namespace):
      guard let requestID = published.first(where: { $0.value == namespace })?.key else {
        return nil
      }
      return withdraw(requestID)
    }
  }

  /// Whether a request of the peer announces a namespace now.
  func isPublished(_ requestID: UInt64) -> Bool { published[requestID] != nil }

  /// Forgets what a request of the peer announced.
  mutating func withdraw(_ requestID: UInt64) -> Change? {
    published.removeValue(forKey: requestID).flatMap { remove($0) }
  }

  /// Forgets everything and says what was known.
  mutating func removeAll() -> [TrackNamespace] {
    defer { self = NamespaceRegister(maximum: maximum) }
    return announcers.keys.sorted { $0.description < $1.description }
  }
}
