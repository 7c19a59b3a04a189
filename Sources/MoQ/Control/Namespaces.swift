package import Wire

/// SUBSCRIBE_NAMESPACE and SUBSCRIBE_TRACKS: tell me what there is under a prefix.
package struct SubscribeNamespace: Hashable, Sendable {
  /// The id that the request uses up.
  package var requestID: UInt64
  /// What the namespaces begin with.
  package var prefix: TrackNamespace
  /// What to report: 0 tracks, 1 namespaces, 2 both; draft 16 only.
  package var options: UInt64?
  /// The settings that come with it.
  package var parameters: Parameters

  /// Joins the parts.
  package init(
    requestID: UInt64,
    prefix: TrackNamespace,
    options: UInt64? = nil,
    parameters: Parameters = .init()
  ) {
    self.requestID = requestID
    self.prefix = prefix
    self.options = options
    self.parameters = parameters
  }
}

/// PUBLISH_NAMESPACE: I serve tracks of this namespace.
package struct PublishNamespace: Hashable, Sendable {
  /// The id that the request uses up.
  package var requestID: UInt64
  /// The namespace, in full.
  package var namespace: TrackNamespace
  /// The settings that come with it.
  package var parameters: Parameters

  /// Joins the parts.
  package init(
    requestID: UInt64,
    namespace: TrackNamespace,
    parameters: Parameters = .init()
  ) {
    self.requestID = requestID
    self.namespace = namespace
    self.parameters = parameters
  }
}

/// Which PUBLISH_NAMESPACE a DONE or a CANCEL ends: draft 14 says the namespace, 16 the request.
package enum NamespaceReference: Hashable, Sendable {
  case namespace(TrackNamespace)
  case request(UInt64)
}

/// PUBLISH_NAMESPACE_CANCEL: the receiver of an announcement revokes it.
package struct PublishNamespaceCancel: Hashable, Sendable {
  /// Which announcement it is.
  package var reference: NamespaceReference
  /// The code as sent.
  package var code: UInt64
  /// A text for people.
  package var reason: String

  /// Joins the parts.
  package init(reference: NamespaceReference, code: UInt64, reason: String) {
    self.reference = reference
    self.code = code
    self.reason = reason
  }
}

/// PUBLISH_BLOCKED (18), PUBLISH_SKIPPED (20): a track that could not be pushed.
package struct PublishBlocked: Hashable, Sendable {
  /// The fields after the prefix.
  package var suffix: TrackNamespace
  /// The track's name.
  package var name: Bytes

  /// Joins the parts.
  package init(suffix: TrackNamespace, name: Bytes) {
    self.suffix = suffix
    self.name = name
  }
}

/// PUBLISH: the publisher opens a subscription itself.
package struct Publish: Hashable, Sendable {
  /// The id that the request uses up.
  package var requestID: UInt64
  /// The track that it is about.
  package var track: FullTrackName
  /// What data streams and datagrams call the track.
  package var trackAlias: UInt64
  /// The settings that come with it.
  package var parameters: Parameters
  /// The properties of the track.
  package var trackProperties: Properties

  /// Joins the parts.
  package init(
    requestID: UInt64,
    track: FullTrackName,
    trackAlias: UInt64,
    parameters: Parameters = .init(),
    trackProperties: Properties = .init()
  ) {
    self.requestID = requestID
    self.track = track
    self.trackAlias = trackAlias
    self.parameters = parameters
    self.trackProperties = trackProperties
  }
}

/// PUBLISH_OK of drafts 14 and 16; REQUEST_OK later.
package struct PublishOK: Hashable, Sendable {
  /// The id that the request uses up.
  package var requestID: UInt64
  /// The settings that come with it.
  package var parameters: Parameters

  /// Joins the parts.
  package init(requestID: UInt64, parameters: Parameters = .init()) {
    self.requestID = requestID
    self.parameters = parameters
  }
}

extension DraftReader {
  mutating func subscribeNamespace() throws(CodingError) -> SubscribeNamespace {
    var message = SubscribeNamespace(
      requestID: try integer(),
      // Draft 14 has no empty prefix, but some of its peers send one.
      prefix: try namespace(mayBeEmpty: true)
    )
    if draft == .draft16 {
      let options = try integer()
      guard options <= 2 else { throw .protocolViolation("subscribe options \(options)") }
      message.options = options
    }
    message.parameters = try parameters()
    return message
  }

  mutating func publishNamespace() throws(CodingError) -> PublishNamespace {
    PublishNamespace(
      requestID: try integer(),
      namespace: try namespace(mayBeEmpty: profile.emptyNamespace),
      parameters: try parameters()
    )
  }

  mutating func namespaceReference() throws(CodingError) -> NamespaceReference {
    draft == .draft14
      ? .namespace(try namespace(mayBeEmpty: false)) : .request(try integer())
  }

  mutating func publishNamespaceCancel() throws(CodingError) -> PublishNamespaceCancel {
    PublishNamespaceCancel(
      reference: try namespaceReference(),
      code: try integer(),
      reason: try reason()
    )
  }

  mutating func publishBlocked() throws(CodingError) -> PublishBlocked {
    PublishBlocked(
      suffix: try namespace(mayBeEmpty: true),
      name: try lengthPrefixed(limit: TrackNamespace.maximumBytes, "track name")
    )
  }

  mutating func publish() throws(CodingError) -> Publish {
    var message = Publish(
      requestID: try integer(),
      track: try trackName(),
      trackAlias: try integer()
    )
    if profile.parameters == .fixedFields {
      var fields = Parameters()
      fields.groupOrder = try groupOrder(mayBeOpen: true)
      fields.largestObject = try largestField()
      fields.forward = try flag("forward")
      message.parameters = try parameters(adding: fields)
    } else {
      message.parameters = try parameters()
      message.trackProperties = try propertiesToEnd()
    }
    return message
  }

  mutating func publishOK() throws(CodingError) -> PublishOK {
    let requestID = try integer()
    guard profile.parameters == .fixedFields else {
      return PublishOK(requestID: requestID, parameters: try parameters())
    }
    var fields = Parameters()
    fields.forward = try flag("forward")
    fields.subscriberPriority = try byte()
    fields.groupOrder = try groupOrder(mayBeOpen: true)
    fields.filter = try filterFields()
    return PublishOK(requestID: requestID, parameters: try parameters(adding: fields))
  }
}

extension DraftWriter {
  mutating func subscribeNamespace(_ message: SubscribeNamespace) {
    integer(message.requestID)
    namespace(message.prefix)
    if draft == .draft16 { integer(message.options ?? 1) }
    parameters(message.parameters)
  }

  mutating func publishNamespace(_ message: PublishNamespace) {
    integer(message.requestID)
    namespace(message.namespace)
    parameters(message.parameters)
  }

  mutating func namespaceReference(_ reference: NamespaceReference) {
    switch reference {
    case .namespace(let namespace):
      precondition(draft == .draft14, "\(draft) names the request")
      self.namespace(namespace)
    case .request(let requestID):
      precondition(draft != .draft14, "\(draft) names the namespace")
      integer(requestID)
    }
  }

  mutating func publishNamespaceCancel(_ message: PublishNamespaceCancel) {
    namespaceReference(message.reference)
    integer(message.code)
    lengthPrefixed(message.reason)
  }

  mutating func publishBlocked(_ message: PublishBlocked) {
    namespace(message.suffix)
    lengthPrefixed(message.name)
  }

  mutating func publish(_ message: Publish) {
    integer(message.requestID)
    trackName(message.track)
    integer(message.trackAlias)
    if profile.parameters == .fixedFields {
      byte((message.parameters.groupOrder ?? .ascending).rawValue)
      largestField(message.parameters.largestObject)
      flag(message.parameters.forward ?? true)
    }
    parameters(message.parameters)
    if profile.trackProperties { keyValuePairs(message.trackProperties.pairs) }
  }

  mutating func publishOK(_ message: PublishOK) {
    integer(message.requestID)
    if profile.parameters == .fixedFields {
      flag(message.parameters.forward ?? true)
      byte(message.parameters.subscriberPriority ?? 128)
      byte((message.parameters.groupOrder ?? .ascending).rawValue)
      filterFields(message.parameters.filter ?? .none)
    }
    parameters(message.parameters)
  }
}
