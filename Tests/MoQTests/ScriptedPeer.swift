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

  init(_ draft: Draft, limits: SessionLimits = SessionLimits(), answersSetup: Bool = true) {
    self.draft = draft
    session = SubscriberSession(draft: draft, transport: transport, limits: limits)
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
  case .object(_, let object): "object \(object.location)\(object.status == .normal ? "" : "!")"
  case .groupStreamEnded(_, let group, let subgroup, let end):
    "stream \(group).\(subgroup.map { "\($0)" } ?? "-") \(end)"
  case .fetchEnded(_, let outcome):
    if case .failed(let failure) = outcome {
      "fetch failed \(failure.meaning)"
    } else {
      "fetch \(outcome)"
    }
  case .subscriptionEnded(_, let end): "ended \(end.status) \(end.reason)"
  case .namespaceAnnounced(let namespace): "+\(namespace)"
  case .namespaceWithdrawn(let namespace): "-\(namespace)"
  case .namespacesRefused(let prefix, let failure): "refused \(prefix) \(failure.meaning)"
  case .goAway(let uri, _, let subscription): "goaway \(uri)\(subscription == nil ? "" : " one")"
  case .closed(let error): "closed \(error.code.rawValue)"
  }
}
