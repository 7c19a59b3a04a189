import MoQ
import TestSupport
import Wire

/// A subscriber session whose peer, a server, is played by the test.
final class ScriptedPeer {
  let draft: Draft
  let transport = MoQFakeTransport(role: .client)
  let session: SubscriberSession
  var now = Instant(nanoseconds: 1_000_000_000)
  private var nextUnidirectional: UInt64 = 3
  private var nextBidirectional: UInt64 = 1

  static let track = FullTrackName(TrackNamespace([Bytes(utf8: "live")]), "video")

  init(
    _ draft: Draft,
    options: SessionOptions = SessionOptions(),
    limits: SessionLimits = SessionLimits(),
    answersSetup: Bool = true,
    acceptsPublish: ((FullTrackName) -> SubscribeOptions?)? = nil
  ) {
    self.draft = draft
    session = SubscriberSession(
      draft: draft,
      transport: transport,
      options: options,
      limits: limits
    )
    session.acceptsPublish = acceptsPublish
    session.start(now: now)
    if answersSetup { answerSetup() }
  }

  var isStreams: Bool { draft >= .draft18 }

  func answerSetup(maximumRequestID: UInt64 = 100) {
    var options = KeyValuePairs()
    if !isStreams { options.append(2, maximumRequestID) }
    let setup = Setup(
      sender: isStreams ? .either : .server,
      versions: draft == .draft14 ? [draft.versionCode] : [],
      options: options
    )
    send(.setup(setup), on: controlStream)
  }

  /// The stream on which the peer sends control messages.
  lazy var controlStream: UInt64 = isStreams ? newUnidirectional() : 0

  func newUnidirectional() -> UInt64 {
    defer { nextUnidirectional += 4 }
    return nextUnidirectional
  }

  func newBidirectional() -> UInt64 {
    defer { nextBidirectional += 4 }
    return nextBidirectional
  }

  func handle(_ event: TransportEvent) { session.handle(event, now: now) }

  func send(_ message: ControlMessage, on stream: UInt64, isFinal: Bool = false) {
    handle(.streamData(stream, message.encode(for: draft), isFinal: isFinal))
  }

  /// Sends a reply where the draft wants it: on the n-th request's stream, or on the control stream.
  func reply(_ message: ControlMessage, toRequest number: Int) {
    if isStreams {
      send(message, on: requestStream(number))
    } else {
      send(message, on: 0)
    }
  }

  func requestStream(_ number: Int) -> UInt64 { UInt64(number * 4) }
  func id(_ value: UInt64) -> UInt64? { isStreams ? nil : value }

  func accept(_ number: Int = 0, alias: UInt64 = 7, largest: Location? = nil) {
    var parameters = Parameters()
    parameters.largestObject = largest
    reply(
      .subscribeOK(
        SubscribeOK(
          requestID: id(UInt64(number * 2)),
          trackAlias: alias,
          parameters: parameters
        )
      ),
      toRequest: number
    )
  }

  func done(_ number: Int = 0, streams: UInt64, status: PublishDoneStatus = .trackEnded) {
    reply(
      .publishDone(
        PublishDone(
          requestID: id(UInt64(number * 2)),
          status: status.code(in: draft),
          streamCount: streams,
          reason: "eof"
        )
      ),
      toRequest: number
    )
  }

  /// Refuses the n-th request.
  func refuse(_ number: Int, _ kind: RequestKind, code: UInt64, redirect: String? = nil) {
    reply(
      .requestError(
        RequestError(
          kind: draft == .draft14 ? kind : .other,
          requestID: id(UInt64(number * 2)),
          code: code,
          reason: "no",
          redirect: redirect.map { .init(uri: $0, track: Self.track) }
        )
      ),
      toRequest: number
    )
  }

  /// Sends a FETCH_OK for the n-th request, which ends with a location.
  func fetchOK(_ number: Int, through end: Location) {
    let written =
      draft >= .draft20
      ? end
      : Location(group: end.group, object: end.object == .max ? 0 : end.object + 1)
    reply(
      .fetchOK(FetchOK(requestID: id(UInt64(number * 2)), isEndOfTrack: false, end: written)),
      toRequest: number
    )
  }

  /// Sends the stream of a FETCH or a fill.
  @discardableResult
  func fetched(_ requestID: UInt64, _ items: [FetchItem], isFinal: Bool = true) -> UInt64 {
    var encoder = FetchEncoder(requestID: requestID, draft: draft)
    let stream = newUnidirectional()
    handle(.streamData(stream, encoder.headerBytes, isFinal: isFinal && items.isEmpty))
    for (index, item) in items.enumerated() {
      let isLast = index == items.count - 1
      handle(.streamData(stream, encoder.encode(item), isFinal: isFinal && isLast))
    }
    return stream
  }

  /// Objects of one group as a FETCH brings them.
  func items(_ group: UInt64, _ ids: ClosedRange<UInt64>) -> [FetchItem] {
    ids.map { .object(object(group, $0)) }
  }

  /// Every FETCH that was sent, in order.
  func fetches() throws -> [Fetch] {
    try sentMessages().compactMap { if case .fetch(let fetch) = $0 { fetch } else { nil } }
  }

  /// Lets time pass.
  func advance(_ interval: Interval) {
    now = now + interval
    session.handleTimeout(now: now)
  }

  /// Sends a whole subgroup stream.
  @discardableResult
  func subgroup(
    alias: UInt64 = 7,
    group: UInt64,
    subgroup: UInt64 = 0,
    ids: ClosedRange<UInt64>,
    endsGroup: Bool = false,
    isFinal: Bool = true
  ) -> UInt64 {
    let stream = newUnidirectional()
    let header = SubgroupHeader(
      trackAlias: alias,
      group: group,
      subgroup: .explicit(subgroup),
      endsGroup: endsGroup
    )
    var encoder = SubgroupEncoder(header: header, draft: draft)
    handle(.streamData(stream, encoder.headerBytes, isFinal: false))
    for id in ids {
      let bytes = encoder.encode(object(group, id, subgroup))
      handle(.streamData(stream, bytes, isFinal: isFinal && id == ids.upperBound))
    }
    return stream
  }

  func object(_ group: UInt64, _ id: UInt64, _ subgroup: UInt64? = 0) -> Object {
    Object(group: group, id: id, subgroup: subgroup, payload: Bytes(utf8: "\(group)/\(id)"))
  }

  /// Everything that the session reports, as text.
  func events() -> [String] {
    var result: [String] = []
    while let event = session.poll() { result.append(describe(event)) }
    return result
  }

  /// The control messages that the session sent, wherever they went.
  func sentMessages() throws -> [ControlMessage] {
    var messages: [ControlMessage] = []
    for stream in transport.opened.sorted() {
      messages += try decodeControl([transport.sent[stream] ?? Bytes()], draft)
    }
    return messages
  }
}

func describe(_ event: SubscriberEvent) -> String {
  switch event {
  case .ready: "ready"
  case .subscribed(_, let largest, _): "subscribed \(largest.map { "\($0)" } ?? "-")"
  case .subscriptionFailed(_, let failure):
    "failed \(failure.meaning) \(failure.code.map { "\($0)" } ?? "-") \(failure.reason)"
  case .published(_, let track): "published \(track)"
  case .object(_, let object): "object \(object.location)\(object.status == .normal ? "" : "!")"
  case .absent(_, let range): "absent \(describe(range))"
  case .groupStreamEnded(_, let group, let subgroup, let end):
    "stream \(group).\(subgroup.map { "\($0)" } ?? "-") \(end)"
  case .joinEnded(_, let outcome): "join \(describe(outcome))"
  case .fetched(_, let object): "fetched \(object.location)"
  case .fetchFinished(_, let outcome): "fetch \(describe(outcome))"
  case .subscriptionEnded(_, let end): "ended \(end.status) \(end.reason)"
  case .namespacesAccepted(let prefix): "accepted \(prefix)"
  case .namespacesRefused(let prefix, let failure): "refused \(prefix) \(failure.meaning)"
  case .namespaceAnnounced(let namespace): "+\(namespace)"
  case .namespaceWithdrawn(let namespace): "-\(namespace)"
  case .goAway(let uri, _, let subscription): "goaway \(uri)\(subscription == nil ? "" : " one")"
  case .requestsBlocked(let waiting): "blocked \(waiting)"
  case .closed(let error): "closed \(error.code.rawValue)"
  }
}

/// How it ended, with how many objects, and what is absent (`-`) or unknown (`?`).
func describe(_ outcome: FetchOutcome) -> String {
  let end =
    switch outcome.end {
    case .failed(let failure): "failed \(failure.meaning)"
    case .reset(let code): "reset \(code)"
    case .refused: "refused"
    default: "\(outcome.end)"
    }
  return
    ([end, "\(outcome.objects)"] + outcome.absent.map { "-\(describe($0))" }
    + outcome.unknown.map { "?\(describe($0))" }).joined(separator: " ")
}

/// `group/first-last`, with `*` for everything after, or two locations.
func describe(_ range: ClosedRange<Location>) -> String {
  func text(_ id: UInt64) -> String { id == .max ? "*" : "\(id)" }
  let (start, end) = (range.lowerBound, range.upperBound)
  if start == end { return "\(start)" }
  if start.group == end.group { return "\(start)-\(text(end.object))" }
  return "\(start)-\(text(end.group))/\(text(end.object))"
}
