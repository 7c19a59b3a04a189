import Wire

/// FETCH: objects of the past, on one stream.
package struct Fetch: Hashable, Sendable {
  /// What is asked for.
  package enum Range: Hashable, Sendable {
    /// Drafts 14 to 18: from a location up to the object before `end`, or to the end of its group
    /// when its object is 0.
    case standalone(FullTrackName, start: Location, end: Location)
    /// From so many groups before the largest object of a subscription up to that object.
    case relativeJoining(requestID: UInt64, groups: UInt64)
    /// From the beginning of a group up to the largest object of a subscription.
    case absoluteJoining(requestID: UInt64, group: UInt64)
    /// Draft 20 and later: what the filter among the parameters says.
    case filtered(FullTrackName)
  }

  /// The id that the request uses up.
  package var requestID: UInt64
  /// What is asked for.
  package var range: Range
  /// The settings that come with it.
  package var parameters: Parameters

  /// Joins the parts.
  package init(requestID: UInt64, range: Range, parameters: Parameters = .init()) {
    self.requestID = requestID
    self.range = range
    self.parameters = parameters
  }
}

/// FETCH_OK.
package struct FetchOK: Hashable, Sendable {
  /// The answered request; nil where the stream says it.
  package var requestID: UInt64?
  /// Whether the range ends with the last object that the track will ever have.
  package var isEndOfTrack: Bool
  /// The end as the draft writes it: inclusive from 20 on, the object after it before.
  package var end: Location
  /// The settings that come with it.
  package var parameters = Parameters()
  /// The properties of the track.
  package var trackProperties = Properties()

  /// Joins the parts.
  package init(
    requestID: UInt64?,
    isEndOfTrack: Bool,
    end: Location,
    parameters: Parameters = .init(),
    trackProperties: Properties = .init()
  ) {
    self.requestID = requestID
    self.isEndOfTrack = isEndOfTrack
    self.end = end
    self.parameters = parameters
    self.trackProperties = trackProperties
  }
}

extension DraftReader {
  mutating func fetch() throws(CodingError) -> Fetch {
    let requestID = try integer()
    guard profile.fetchHasType else {
      let track = try trackName()
      return Fetch(requestID: requestID, range: .filtered(track), parameters: try parameters())
    }
    var fields = Parameters()
    if profile.parameters == .fixedFields {
      fields.subscriberPriority = try byte()
      fields.groupOrder = try groupOrder(mayBeOpen: true)
    }
    let range: Fetch.Range
    switch try integer() {
    case 1: range = .standalone(try trackName(), start: try location(), end: try location())
    case 2: range = .relativeJoining(requestID: try integer(), groups: try integer())
    case 3: range = .absoluteJoining(requestID: try integer(), group: try integer())
    case let type: throw .protocolViolation("fetch type \(type)")
    }
    return Fetch(
      requestID: requestID,
      range: range,
      parameters: try parameters(adding: fields)
    )
  }

  mutating func fetchOK() throws(CodingError) -> FetchOK {
    let requestID = profile.repliesCarryRequestID ? try integer() : nil
    var fields = Parameters()
    if profile.parameters == .fixedFields {
      fields.groupOrder = try groupOrder(mayBeOpen: true)
    }
    var message = FetchOK(
      requestID: requestID,
      isEndOfTrack: try flag("end of track"),
      end: try location(),
      parameters: try parameters(adding: fields)
    )
    if profile.trackProperties { message.trackProperties = try propertiesToEnd() }
    return message
  }
}

extension DraftWriter {
  mutating func fetch(_ message: Fetch) {
    integer(message.requestID)
    if profile.parameters == .fixedFields {
      byte(message.parameters.subscriberPriority ?? 128)
      byte(message.parameters.groupOrder?.rawValue ?? 0)
    }
    switch message.range {
    case .filtered(let track):
      precondition(!profile.fetchHasType, "\(draft) has no filtered FETCH")
      trackName(track)
    case .standalone(let track, let start, let end):
      precondition(profile.fetchHasType, "\(draft) has only filtered FETCH")
      integer(1)
      trackName(track)
      location(start)
      location(end)
    case .relativeJoining(let requestID, let groups):
      precondition(profile.fetchHasType, "\(draft) has only filtered FETCH")
      integer(2)
      integer(requestID)
      integer(groups)
    case .absoluteJoining(let requestID, let group):
      precondition(profile.fetchHasType, "\(draft) has only filtered FETCH")
      integer(3)
      integer(requestID)
      integer(group)
    }
    parameters(message.parameters)
  }

  mutating func fetchOK(_ message: FetchOK) {
    replyID(message.requestID)
    if profile.parameters == .fixedFields {
      byte((message.parameters.groupOrder ?? .ascending).rawValue)
    }
    flag(message.isEndOfTrack)
    location(message.end)
    parameters(message.parameters)
    if profile.trackProperties { keyValuePairs(message.trackProperties.pairs) }
  }
}
