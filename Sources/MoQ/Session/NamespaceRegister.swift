import Wire

/// Which namespaces a peer announced, and how.
struct NamespaceRegister {
  /// Our SUBSCRIBE_NAMESPACE requests.
  var prefixes: [UInt64: TrackNamespace] = [:]
  /// What came as NAMESPACE on the stream of each.
  private var found: [UInt64: Set<TrackNamespace>] = [:]
  /// What came as PUBLISH_NAMESPACE, by its request.
  private var published: [UInt64: TrackNamespace] = [:]
  private let maximum: Int

  init(maximum: Int) { self.maximum = maximum }

  private var count: Int { found.values.reduce(published.count) { $0 + $1.count } }

  /// Notes a PUBLISH_NAMESPACE; false when there are too many.
  mutating func accept(_ request: PublishNamespace) -> Bool {
    guard count < maximum else { return false }
    published[request.requestID] = request.namespace
    return true
  }

  /// Notes a NAMESPACE; nil when it is known, not asked for any more, or one too many.
  mutating func announce(
    _ suffix: TrackNamespace,
    _ requestID: UInt64?
  ) throws(CodingError) -> TrackNamespace? {
    guard let requestID else { throw .protocolViolation("NAMESPACE outside a request") }
    guard let prefix = prefixes[requestID], count < maximum else { return nil }
    let namespace = prefix.appending(suffix)
    return found[requestID, default: []].insert(namespace).inserted ? namespace : nil
  }

  /// Forgets what a NAMESPACE_DONE withdraws; nil when it is not asked for any more.
  mutating func withdraw(
    _ suffix: TrackNamespace,
    _ requestID: UInt64?
  ) throws(CodingError) -> TrackNamespace? {
    guard let requestID else { throw .protocolViolation("NAMESPACE_DONE outside a request") }
    guard let prefix = prefixes[requestID] else { return nil }
    let namespace = prefix.appending(suffix)
    guard found[requestID]?.remove(namespace) != nil else {
      // Past the limit we did not note it, so it may well be one of those.
      guard count < maximum else { return nil }
      throw .protocolViolation("NAMESPACE_DONE before its NAMESPACE")
    }
    return namespace
  }

  /// Forgets what a PUBLISH_NAMESPACE_DONE withdraws; nil when unknown.
  mutating func withdraw(_ reference: NamespaceReference) -> TrackNamespace? {
    switch reference {
    case .request(let requestID): return published.removeValue(forKey: requestID)
    case .namespace(let namespace):
      guard let requestID = published.first(where: { $0.value == namespace })?.key else {
        return nil
      }
      return published.removeValue(forKey: requestID)
    }
  }

  /// Whether a request of the peer announces a namespace now.
  func isPublished(_ requestID: UInt64) -> Bool { published[requestID] != nil }

  /// What is withdrawn by the end of a request's stream; nil when it is no such request.
  ///
  /// An orderly end of an announcement's stream only says that no message follows it.
  mutating func requestEnded(_ requestID: UInt64, isReset: Bool) -> [TrackNamespace]? {
    if prefixes.removeValue(forKey: requestID) != nil {
      return found.removeValue(forKey: requestID).map(Array.init) ?? []
    }
    guard isReset, published[requestID] != nil else { return nil }
    return published.removeValue(forKey: requestID).map { [$0] }
  }
}
