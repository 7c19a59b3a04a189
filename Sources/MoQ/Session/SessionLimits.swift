package import Wire

/// Bounds on what a peer can make a session hold, and on how long it waits.
package struct SessionLimits: Sendable {
  /// The most bytes of one object's payload; past it its stream is refused.
  package var objectBytes = 8 << 20
  /// The most bytes of one object's properties; past it its stream is refused.
  package var propertyBytes = 64 << 10
  /// The most bytes of all objects that are not complete; past it the stream that adds is refused.
  ///
  /// As many again may be promised to the transport, which are counted as held when it has told of them.
  package var partialObjectBytes = 64 << 20
  /// The most bytes of one control message's body; past it the session ends.
  package var controlMessageBytes = 0xffff
  /// The most data streams at a time; past it new ones are refused.
  package var dataStreams = 1024
  /// The most streams and datagrams that wait for their subscription's alias.
  package var parkedStreams = 64
  /// The most bytes that wait for their subscription's alias.
  package var parkedBytes = 1 << 20
  /// How long a stream waits for its subscription's alias.
  package var parkedInterval = Interval.milliseconds(5_000)
  /// The most aliases of ended subscriptions that are remembered.
  package var tombstones = 256
  /// For how many groups of a track delivered objects are remembered.
  package var deduplicatedGroups = 256
  /// The most separate runs of object ids remembered in one group.
  package var deduplicatedRuns = 1024
  /// The most requests of the peer at a time; past it they are refused.
  package var incomingRequests = 1024
  /// The most namespaces that a peer can announce; past it announcements are refused.
  package var namespaces = 1024
  /// The most requests of ours that wait for the peer's permission; past it they are refused here.
  package var waitingRequests = 256
  /// How many more request ids the peer may use before it needs our MAX_REQUEST_ID (14 and 16).
  package var requestCredit: UInt64 = 2048
  /// How long the peer may take to send its SETUP.
  package var setupInterval = Interval.milliseconds(10_000)
  /// How long after PUBLISH_DONE the streams it counted are waited for.
  package var doneInterval = Interval.milliseconds(5_000)
  /// How long a fill may take to begin its stream; without objects there is none.
  package var fillInterval = Interval.milliseconds(2_000)
  /// How long a FETCH may take to begin its stream.
  package var fetchInterval = Interval.milliseconds(5_000)
  /// How long the stream of a FETCH or a fill may be silent before it is given up.
  package var fetchSilence = Interval.milliseconds(10_000)
  /// The most ranges that are fetched at a time; past it they are refused here.
  package var fetches = 64
  /// The most groups that are asked for one at a time, where the peer does not give several at once.
  package var splitGroups = 64
  /// The most ranges that the outcome of one FETCH tells of each kind.
  package var fetchRanges = 1024

  /// The defaults.
  package init() {}

  var object: ObjectLimits {
    ObjectLimits(payloadBytes: objectBytes, propertyBytes: propertyBytes)
  }
}

/// What a session says of itself in SETUP.
package struct SessionOptions: Sendable {
  /// Path and query of the URL; only for a client on raw QUIC.
  package var path: String?
  /// Host and port of the URL; only for a client on raw QUIC.
  package var authority: String?
  /// The name and version of this implementation.
  package var implementation: String?
  /// An authorization token for the whole session.
  package var token: Token?
  /// An authorization token for every request that has none of its own.
  package var requestToken: Token?

  /// Makes options; the defaults say nothing.
  package init(
    path: String? = nil,
    authority: String? = nil,
    implementation: String? = nil,
    token: Token? = nil,
    requestToken: Token? = nil
  ) {
    self.path = path
    self.authority = authority
    self.implementation = implementation
    self.token = token
    self.requestToken = requestToken
  }
}
