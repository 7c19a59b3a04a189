import Wire

/// SUBSCRIBE, and TRACK_STATUS, which has the same body.
package struct Subscribe: Hashable, Sendable {
  /// The id that the request uses up.
  package var requestID: UInt64
  /// The track that it is about.
  package var track: FullTrackName
  /// The settings that come with it.
  package var parameters: Parameters

  /// Joins the parts.
  package init(requestID: UInt64, track: FullTrackName, parameters: Parameters = .init()) {
    self.requestID = requestID
    self.track = track
    self.parameters = parameters
  }
}

/// SUBSCRIBE_OK, and draft 14's TRACK_STATUS_OK, which has the same body.
package struct SubscribeOK: Hashable, Sendable {
  /// The answered request; nil where the stream says it.
  package var requestID: UInt64?
  /// What data streams and datagrams call the track.
  package var trackAlias: UInt64
  /// The settings that come with it.
  package var parameters = Parameters()
  /// The properties of the track.
  package var trackProperties = Properties()

  /// Joins the parts.
  package init(
    requestID: UInt64?,
    trackAlias: UInt64,
    parameters: Parameters = .init(),
    trackProperties: Properties = .init()
  ) {
    self.requestID = requestID
    self.trackAlias = trackAlias
    self.parameters = parameters
    self.trackProperties = trackProperties
  }
}

/// REQUEST_UPDATE, called SUBSCRIBE_UPDATE in draft 14; absent parameters stay as they are.
package struct RequestUpdate: Hashable, Sendable {
  /// The id of the update itself.
  package var requestID: UInt64
  /// The request to change; nil where the stream says it.
  package var existingRequestID: UInt64?
  /// In draft 14 all of filter (start and end group), priority and forward are present.
  package var parameters: Parameters

  /// Joins the parts.
  package init(requestID: UInt64, existingRequestID: UInt64?, parameters: Parameters) {
    self.requestID = requestID
    self.existingRequestID = existingRequestID
    self.parameters = parameters
  }
}

/// PUBLISH_DONE: the publisher sends no more of a subscription.
package struct PublishDone: Hashable, Sendable {
  /// The ended request; nil where the stream says it.
  package var requestID: UInt64?
  /// The status as sent; `PublishDoneStatus` says what it means.
  package var status: UInt64
  /// How many data streams were opened for the subscription; huge when unknown.
  package var streamCount: UInt64
  /// A text for people.
  package var reason: String

  /// Joins the parts.
  package init(requestID: UInt64?, status: UInt64, streamCount: UInt64, reason: String) {
    self.requestID = requestID
    self.status = status
    self.streamCount = streamCount
    self.reason = reason
  }

  /// From here on a count means "unknown", whatever the draft's sentinel.
  package static let unknownStreamCount: UInt64 = ByteWriter.maximumVarint
}

extension DraftReader {
  mutating func groupOrder(mayBeOpen: Bool) throws(CodingError) -> GroupOrder? {
    let value = try byte()
    if value == 0, mayBeOpen { return nil }
    guard let order = GroupOrder(rawValue: value) else {
      throw .protocolViolation("group order \(value)")
    }
    return order
  }

  /// Reads draft 14's "content exists" byte and the location after it.
  mutating func largestField() throws(CodingError) -> Location? {
    try flag("content exists") ? try location() : nil
  }

  /// Reads the parameters of a message whose other settings were fixed fields.
  mutating func parameters(adding fields: Parameters) throws(CodingError) -> Parameters {
    var result = fields
    for entry in try parameters().entries where result[entry.type] == nil {
      result.append(entry.type, entry.value)
    }
    return result
  }

  mutating func subscribe() throws(CodingError) -> Subscribe {
    let requestID = try integer()
    let track = try trackName()
    guard profile.parameters == .fixedFields else {
      return Subscribe(requestID: requestID, track: track, parameters: try parameters())
    }
    var fields = Parameters()
    fields.subscriberPriority = try byte()
    fields.groupOrder = try groupOrder(mayBeOpen: true)
    fields.forward = try flag("forward")
    fields.filter = try filterFields()
    return Subscribe(
      requestID: requestID,
      track: track,
      parameters: try parameters(adding: fields)
    )
  }

  mutating func subscribeOK() throws(CodingError) -> SubscribeOK {
    var message = SubscribeOK(
      requestID: profile.repliesCarryRequestID ? try integer() : nil,
      trackAlias: try integer()
    )
    if profile.parameters == .fixedFields {
      message.parameters.expiresMilliseconds = try integer()
      message.parameters.groupOrder = try groupOrder(mayBeOpen: true)
      message.parameters.largestObject = try largestField()
      message.parameters = try parameters(adding: message.parameters)
    } else {
      message.parameters = try parameters()
      message.trackProperties = try propertiesToEnd()
    }
    return message
  }

  mutating func requestUpdate() throws(CodingError) -> RequestUpdate {
    let requestID = try integer()
    let existing = profile.repliesCarryRequestID ? try integer() : nil
    guard profile.parameters == .fixedFields else {
      return RequestUpdate(
        requestID: requestID,
        existingRequestID: existing,
        parameters: try parameters()
      )
    }
    var fields = Parameters()
    let start = try location()
    let end = try integer()
    guard end == 0 || end > start.group else {
      throw .protocolViolation("update ends before group \(end), starts with \(start.group)")
    }
    fields.filter = end == 0 ? .start(start) : .groups(start: start, endGroup: end - 1)
    fields.subscriberPriority = try byte()
    fields.forward = try flag("forward")
    return RequestUpdate(
      requestID: requestID,
      existingRequestID: existing,
      parameters: try parameters(adding: fields)
    )
  }

  mutating func publishDone() throws(CodingError) -> PublishDone {
    PublishDone(
      requestID: profile.repliesCarryRequestID ? try integer() : nil,
      status: try integer(),
      streamCount: try integer(),
      reason: try reason()
    )
  }
}

extension DraftWriter {
  mutating func subscribe(_ message: Subscribe) {
    integer(message.requestID)
    trackName(message.track)
    if profile.parameters == .fixedFields {
      byte(message.parameters.subscriberPriority ?? 128)
      byte(message.parameters.groupOrder?.rawValue ?? 0)
      flag(message.parameters.forward ?? true)
      filterFields(message.parameters.filter ?? .none)
    }
    parameters(message.parameters)
  }

  mutating func largestField(_ largest: Location?) {
    flag(largest != nil)
    if let largest { location(largest) }
  }

  mutating func subscribeOK(_ message: SubscribeOK) {
    replyID(message.requestID)
    integer(message.trackAlias)
    if profile.parameters == .fixedFields {
      integer(message.parameters.expiresMilliseconds ?? 0)
      byte((message.parameters.groupOrder ?? .ascending).rawValue)
      largestField(message.parameters.largestObject)
    }
    parameters(message.parameters)
    if profile.trackProperties { keyValuePairs(message.trackProperties.pairs) }
  }

  mutating func requestUpdate(_ message: RequestUpdate) {
    integer(message.requestID)
    replyID(message.existingRequestID)
    if profile.parameters == .fixedFields {
      switch message.parameters.filter {
      case .groups(let start, let endGroup)?:
        location(start)
        integer(endGroup &+ 1)
      case .start(let start)?:
        location(start)
        integer(0)
      default:
        location(.zero)
        integer(0)
      }
      byte(message.parameters.subscriberPriority ?? 128)
      flag(message.parameters.forward ?? true)
    }
    parameters(message.parameters)
  }

  mutating func publishDone(_ message: PublishDone) {
    replyID(message.requestID)
    integer(message.status)
    integer(message.streamCount)
    lengthPrefixed(message.reason)
  }
}
