import MoQ
import TestSupport
import Testing
import Wire

/// A publisher session whose peer, a client that subscribes, is played by the test.
final class ScriptedSubscriber {
  let draft: Draft
  let store: BroadcastStore
  let track: BroadcastTrack
  let transport = MoQFakeTransport(role: .server)
  let publisher: PublisherSession
  var now = Instant(nanoseconds: 1_000_000_000)
  private var requests = 0

  /// A track with groups 5 to 7, each with objects 0 to 2; the last group is open.
  init(_ draft: Draft, keptGroups: Int = 8, pendingBytesPerStream: Int = 256 << 10) {
    self.draft = draft
    var limits = BroadcastLimits()
    limits.groups = keptGroups
    store = BroadcastStore(limits: limits)
    track = store.addTrack(ScriptedPeer.track)
    var publisherLimits = PublisherLimits()
    publisherLimits.pendingBytesPerStream = pendingBytesPerStream
    publisher = PublisherSession(
      draft: draft,
      transport: transport,
      role: .server,
      store: store,
      publisherLimits: publisherLimits
    )
    publisher.start(now: now)
    for group in 5...7 as ClosedRange<UInt64> {
      track.beginGroup(group, now: now)
      for id in 0...2 { track.append(Bytes(utf8: "\(group)/\(id)")) }
    }
    var options = KeyValuePairs()
    if !isStreams { options.append(2, 1000) }
    let setup = Setup(
      sender: isStreams ? .either : .client,
      versions: draft == .draft14 ? [draft.versionCode] : [],
      options: options
    )
    send(.setup(setup), on: isStreams ? 2 : 0)
  }

  var isStreams: Bool { draft >= .draft18 }

  func send(_ message: ControlMessage, on stream: UInt64) {
    publisher.handle(
      .streamData(stream, message.encode(for: draft), isFinal: false),
      now: now
    )
  }

  /// Sends the next request and says what came back for it.
  @discardableResult
  func request(_ message: (UInt64) -> ControlMessage) throws -> [ControlMessage] {
    let stream: UInt64 = isStreams ? UInt64(requests * 4) : 0
    let before = transport.sent[stream]?.count ?? 0
    send(message(UInt64(requests * 2)), on: stream)
    requests += 1
    let bytes = (transport.sent[stream] ?? Bytes()).suffix(from: before)
    return try decodeControl([bytes], draft)
  }

  func subscribe(_ filter: LocationFilter = .nextObject) throws -> ControlMessage? {
    var parameters = Parameters()
    parameters.filter = filter
    return try request {
      .subscribe(Subscribe(requestID: $0, track: track.name, parameters: parameters))
    }.first
  }

  func fetch(
    _ start: Location,
    through end: Location,
    _ order: GroupOrder? = nil
  ) throws -> ControlMessage? {
    var parameters = Parameters()
    parameters.groupOrder = order
    guard draft >= .draft20 else {
      let after = Location(group: end.group, object: end.object + 1)
      return try request {
        .fetch(
          Fetch(
            requestID: $0,
            range: .standalone(track.name, start: start, end: after),
            parameters: parameters
          )
        )
      }.first
    }
    parameters.filter = .range(start: start, end: end)
    return try request {
      .fetch(Fetch(requestID: $0, range: .filtered(track.name), parameters: parameters))
    }.first
  }

  /// What the newest unidirectional stream carries, when it answers a FETCH.
  func fetched(isDescending: Bool = false) throws -> [FetchItem] {
    guard let stream = transport.opened.last(where: { $0 & 2 != 0 }),
      let bytes = transport.sent[stream]
    else { return [] }
    var reader = DraftReader(bytes, draft: draft)
    guard case .fetch(let requestID) = try StreamHeader.decode(&reader) else { return [] }
    let header = StreamHeader.fetch(requestID: requestID).encode(for: draft)
    return try decodeFetch([bytes.suffix(from: header.count)], draft, isDescending: isDescending)
  }

  func errorMeaning(_ message: ControlMessage?) -> RequestErrorMeaning? {
    guard case .requestError(let error)? = message else { return nil }
    return RequestErrorMeaning(code: error.code, draft: draft, kind: error.kind)
  }
}

/// The locations of what a subgroup stream carries.
func decodeSubgroupStream(_ bytes: Bytes?, _ draft: Draft) throws -> [String] {
  var reader = DraftReader(bytes ?? Bytes(), draft: draft)
  guard case .subgroup(let header) = try StreamHeader.decode(&reader) else { return [] }
  let body = (bytes ?? Bytes()).suffix(from: StreamHeader.subgroup(header).encode(for: draft).count)
  return try decodeSubgroup(header, [body], draft).map { "\($0.location)" }
}
