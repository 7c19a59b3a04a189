import Wire

/// What kind of request a reply answers: draft 14 has a message and a code table for each.
package enum RequestKind: Sendable {
  case subscribe, fetch, publish, publishNamespace, subscribeNamespace, trackStatus
  /// A kind that exists only where replies do not depend on it.
  case other
}

/// REQUEST_ERROR, and draft 14's six error messages.
package struct RequestError: Hashable, Sendable {
  /// Where to ask instead; draft 18 and later.
  package struct Redirect: Hashable, Sendable {
    /// Empty means this session.
    package var uri: String
    /// No fields and an empty name mean the same track.
    package var track: FullTrackName
    /// Joins the parts.
    package init(uri: String, track: FullTrackName) {
      self.uri = uri
      self.track = track
    }
  }

  /// Which of draft 14's messages this is; `.other` in later drafts.
  package var kind: RequestKind
  /// The answered request; nil where the stream says it.
  package var requestID: UInt64?
  /// The code as sent; `RequestErrorMeaning` says what it means.
  package var code: UInt64
  /// 0: do not try again; otherwise one more than the milliseconds to wait.
  ///
  /// Draft 16 and later.
  package var retryInterval: UInt64
  /// A text for people.
  package var reason: String
  /// Where to ask instead.
  package var redirect: Redirect?

  /// Joins the parts.
  package init(
    kind: RequestKind,
    requestID: UInt64?,
    code: UInt64,
    retryInterval: UInt64 = 0,
    reason: String,
    redirect: Redirect? = nil
  ) {
    self.kind = kind
    self.requestID = requestID
    self.code = code
    self.retryInterval = retryInterval
    self.reason = reason
    self.redirect = redirect
  }

  static let redirectCode: UInt64 = 0x34
}

/// REQUEST_OK, and draft 14's PUBLISH_NAMESPACE_OK and SUBSCRIBE_NAMESPACE_OK.
package struct RequestOK: Hashable, Sendable {
  /// Which of draft 14's messages this is; `.other` in later drafts.
  package var kind: RequestKind
  /// The answered request; nil where the stream says it.
  package var requestID: UInt64?
  /// The settings that come with it.
  package var parameters = Parameters()
  /// The properties of the track.
  package var trackProperties = Properties()

  /// Joins the parts.
  package init(
    kind: RequestKind,
    requestID: UInt64?,
    parameters: Parameters = .init(),
    trackProperties: Properties = .init()
  ) {
    self.kind = kind
    self.requestID = requestID
    self.parameters = parameters
    self.trackProperties = trackProperties
  }
}

/// GOAWAY: move to another session.
package struct GoAway: Hashable, Sendable {
  /// Where to connect; empty is where we are connected.
  package var uri: String
  /// How long the sender waits; draft 18 and later.
  package var timeoutMilliseconds: UInt64?
  /// The smallest request that was not processed; draft 18, on the control stream only.
  package var requestID: UInt64?

  /// Joins the parts.
  package init(uri: String, timeoutMilliseconds: UInt64? = nil, requestID: UInt64? = nil) {
    self.uri = uri
    self.timeoutMilliseconds = timeoutMilliseconds
    self.requestID = requestID
  }

  static let maximumURIBytes = 8192
}

extension DraftReader {
  mutating func requestError(_ kind: RequestKind) throws(CodingError) -> RequestError {
    var message = RequestError(
      kind: kind,
      requestID: profile.repliesCarryRequestID ? try integer() : nil,
      code: try integer(),
      reason: ""
    )
    if draft != .draft14 { message.retryInterval = try integer() }
    message.reason = try reason()
    if profile.topology == .streamPerRequest, message.code == RequestError.redirectCode {
      let uri = try lengthPrefixed(limit: GoAway.maximumURIBytes, "redirect URI")
      message.redirect = .init(uri: uri.text, track: try trackName())
    }
    return message
  }

  mutating func requestOK(_ kind: RequestKind) throws(CodingError) -> RequestOK {
    var message = RequestOK(
      kind: kind,
      requestID: profile.repliesCarryRequestID ? try integer() : nil
    )
    guard draft != .draft14 else { return message }
    message.parameters = try parameters()
    if profile.topology == .streamPerRequest { message.trackProperties = try propertiesToEnd() }
    return message
  }

  mutating func goAway() throws(CodingError) -> GoAway {
    var message = GoAway(
      uri: try lengthPrefixed(limit: GoAway.maximumURIBytes, "GOAWAY URI").text
    )
    guard profile.goAway != .uri else { return message }
    message.timeoutMilliseconds = try integer()
    if profile.goAway == .uriTimeoutRequest, !isAtEnd { message.requestID = try integer() }
    return message
  }
}

extension DraftWriter {
  mutating func requestError(_ message: RequestError) {
    replyID(message.requestID)
    integer(message.code)
    if draft != .draft14 { integer(message.retryInterval) }
    lengthPrefixed(message.reason)
    if profile.topology == .streamPerRequest, message.code == RequestError.redirectCode {
      lengthPrefixed(message.redirect?.uri ?? "")
      trackName(message.redirect?.track ?? FullTrackName(TrackNamespace([]), ""))
    }
  }

  mutating func requestOK(_ message: RequestOK) {
    replyID(message.requestID)
    guard draft != .draft14 else { return }
    parameters(message.parameters)
    if profile.topology == .streamPerRequest { keyValuePairs(message.trackProperties.pairs) }
  }

  mutating func goAway(_ message: GoAway) {
    lengthPrefixed(message.uri)
    guard profile.goAway != .uri else { return }
    integer(message.timeoutMilliseconds ?? 0)
    if profile.goAway == .uriTimeoutRequest, let id = message.requestID { integer(id) }
  }
}
