package import Wire

/// Every control message of every draft; which ones exist, and under which number, the draft says.
package enum ControlMessage: Hashable, Sendable {
  case setup(Setup)
  case subscribe(Subscribe)
  case subscribeOK(SubscribeOK)
  case requestError(RequestError)
  case requestOK(RequestOK)
  case requestUpdate(RequestUpdate)
  case unsubscribe(requestID: UInt64)
  case publishDone(PublishDone)
  case publishStateNotify(Parameters)
  case fetch(Fetch)
  case fetchOK(FetchOK)
  case fetchCancel(requestID: UInt64)
  case trackStatus(Subscribe)
  case trackStatusOK(SubscribeOK)
  case publish(Publish)
  case publishOK(PublishOK)
  case publishNamespace(PublishNamespace)
  case publishNamespaceDone(NamespaceReference)
  case publishNamespaceCancel(PublishNamespaceCancel)
  case subscribeNamespace(SubscribeNamespace)
  case unsubscribeNamespace(prefix: TrackNamespace)
  case subscribeTracks(SubscribeNamespace)
  case namespace(suffix: TrackNamespace)
  case namespaceDone(suffix: TrackNamespace)
  case publishBlocked(PublishBlocked)
  case goAway(GoAway)
  case maximumRequestID(UInt64)
  case requestsBlocked(maximum: UInt64)
}

extension ControlMessage {
  /// The message with its type and length, as it goes on a stream.
  ///
  /// Traps when the draft has no such message or the body passes 65,535 bytes: both are ours.
  package func encode(for draft: Draft) -> Bytes {
    var body = DraftWriter(draft: draft)
    write(to: &body)
    precondition(body.count <= 0xffff, "a control message has at most 65,535 bytes")
    var frame = DraftWriter(draft: draft)
    frame.integer(type(in: draft))
    frame.uint16(UInt16(body.count))
    frame.raw(body.bytes)
    return frame.bytes
  }

  /// Reads the body of a message of a type.
  package static func decode(
    type: UInt64,
    body: Bytes,
    draft: Draft
  ) throws(CodingError) -> ControlMessage {
    do { return try decodeWhole(type: type, DraftReader(body, draft: draft)) } catch {
      // Some peers write LARGEST_OBJECT with a length that these drafts do not have.
      guard draft.profile.parameters == .typed else { throw error }
      var lenient = DraftReader(body, draft: draft)
      lenient.expectsPrefixedLargest = true
      if let message = try? decodeWhole(type: type, lenient) { return message }
      throw error
    }
  }

  private static func decodeWhole(
    type: UInt64,
    _ input: DraftReader
  ) throws(CodingError) -> ControlMessage {
    var reader = input
    let name = "message 0x\(String(type, radix: 16))"
    do throws(CodingError) {
      let message = try read(type: type, &reader)
      guard reader.isAtEnd else {
        throw CodingError.protocolViolation("\(reader.remaining) bytes too many in \(name)")
      }
      return message
    } catch { throw error.inWhole(name) }
  }

  private static func read(
    type: UInt64,
    _ reader: inout DraftReader
  ) throws(CodingError) -> ControlMessage {
    let draft = reader.draft
    let is14 = draft == .draft14
    let isStreams = reader.profile.topology == .streamPerRequest
    switch type {
    case 0x02: return .requestUpdate(try reader.requestUpdate())
    case 0x03: return .subscribe(try reader.subscribe())
    case 0x04: return .subscribeOK(try reader.subscribeOK())
    case 0x05: return .requestError(try reader.requestError(is14 ? .subscribe : .other))
    case 0x06: return .publishNamespace(try reader.publishNamespace())
    case 0x07: return .requestOK(try reader.requestOK(is14 ? .publishNamespace : .other))
    case 0x08 where is14: return .requestError(try reader.requestError(.publishNamespace))
    case 0x08: return .namespace(suffix: try reader.namespace(mayBeEmpty: true))
    case 0x09 where !isStreams: return .publishNamespaceDone(try reader.namespaceReference())
    case 0x0a where !isStreams: return .unsubscribe(requestID: try reader.integer())
    case 0x0b: return .publishDone(try reader.publishDone())
    case 0x0c where !isStreams:
      return .publishNamespaceCancel(try reader.publishNamespaceCancel())
    case 0x0d: return .trackStatus(try reader.subscribe())
    case 0x0e where is14: return .trackStatusOK(try reader.subscribeOK())
    case 0x0e: return .namespaceDone(suffix: try reader.namespace(mayBeEmpty: true))
    case 0x0f where is14: return .requestError(try reader.requestError(.trackStatus))
    case 0x0f where isStreams: return .publishBlocked(try reader.publishBlocked())
    case 0x10: return .goAway(try reader.goAway())
    case 0x11 where !isStreams: return .subscribeNamespace(try reader.subscribeNamespace())
    case 0x12 where is14: return .requestOK(try reader.requestOK(.subscribeNamespace))
    case 0x13 where is14: return .requestError(try reader.requestError(.subscribeNamespace))
    case 0x14 where is14:
      return .unsubscribeNamespace(prefix: try reader.namespace(mayBeEmpty: false))
    case 0x15 where !isStreams: return .maximumRequestID(try reader.integer())
    case 0x16: return .fetch(try reader.fetch())
    case 0x17 where !isStreams: return .fetchCancel(requestID: try reader.integer())
    case 0x18: return .fetchOK(try reader.fetchOK())
    case 0x19 where is14: return .requestError(try reader.requestError(.fetch))
    case 0x1a where !isStreams: return .requestsBlocked(maximum: try reader.integer())
    case 0x1d: return .publish(try reader.publish())
    case 0x1e where !isStreams: return .publishOK(try reader.publishOK())
    // Draft 18 lists PUBLISH_OK in its table but answers with REQUEST_OK in its text.
    case 0x1e where draft == .draft18: return .requestOK(try reader.requestOK(.other))
    case 0x1f where is14: return .requestError(try reader.requestError(.publish))
    case 0x20 where !isStreams: return .setup(try reader.setup(.client))
    case 0x21 where !isStreams: return .setup(try reader.setup(.server))
    case 0x22 where draft >= .draft20: return .publishStateNotify(try reader.parameters())
    case 0x50 where isStreams: return .subscribeNamespace(try reader.subscribeNamespace())
    case 0x51 where isStreams: return .subscribeTracks(try reader.subscribeNamespace())
    case ControlDecoder.setupType where isStreams: return .setup(try reader.setup(.either))
    default: throw .protocolViolation("unknown message 0x\(String(type, radix: 16))")
    }
  }

  /// The number of this message in a draft; traps when the draft has no such message.
  func type(in draft: Draft) -> UInt64 {
    let is14 = draft == .draft14
    let isStreams = draft.profile.topology == .streamPerRequest
    switch self {
    case .setup(let setup):
      switch setup.sender {
      case .client where !isStreams: return 0x20
      case .server where !isStreams: return 0x21
      default:
        precondition(isStreams, "SETUP of \(draft) has a sender")
        return ControlDecoder.setupType
      }
    case .subscribe: return 0x03
    case .subscribeOK: return 0x04
    case .requestError(let error): return is14 ? error.kind.errorTypeOfDraft14 : 0x05
    case .requestOK(let message):
      return is14 && message.kind == .subscribeNamespace ? 0x12 : 0x07
    case .requestUpdate: return 0x02
    case .unsubscribe: return 0x0a
    case .publishDone: return 0x0b
    case .publishStateNotify: return 0x22
    case .fetch: return 0x16
    case .fetchOK: return 0x18
    case .fetchCancel: return 0x17
    case .trackStatus: return 0x0d
    case .trackStatusOK: return 0x0e
    case .publish: return 0x1d
    case .publishOK: return 0x1e
    case .publishNamespace: return 0x06
    case .publishNamespaceDone: return 0x09
    case .publishNamespaceCancel: return 0x0c
    case .subscribeNamespace: return isStreams ? 0x50 : 0x11
    case .unsubscribeNamespace: return 0x14
    case .subscribeTracks: return 0x51
    case .namespace: return 0x08
    case .namespaceDone: return 0x0e
    case .publishBlocked: return 0x0f
    case .goAway: return 0x10
    case .maximumRequestID: return 0x15
    case .requestsBlocked: return 0x1a
    }
  }

  private func write(to writer: inout DraftWriter) {
    switch self {
    case .setup(let message): writer.setup(message)
    case .subscribe(let message), .trackStatus(let message): writer.subscribe(message)
    case .subscribeOK(let message), .trackStatusOK(let message): writer.subscribeOK(message)
    case .requestError(let message): writer.requestError(message)
    case .requestOK(let message): writer.requestOK(message)
    case .requestUpdate(let message): writer.requestUpdate(message)
    case .unsubscribe(let id), .fetchCancel(let id): writer.integer(id)
    case .publishDone(let message): writer.publishDone(message)
    case .publishStateNotify(let parameters): writer.parameters(parameters)
    case .fetch(let message): writer.fetch(message)
    case .fetchOK(let message): writer.fetchOK(message)
    case .publish(let message): writer.publish(message)
    case .publishOK(let message): writer.publishOK(message)
    case .publishNamespace(let message): writer.publishNamespace(message)
    case .publishNamespaceDone(let reference): writer.namespaceReference(reference)
    case .publishNamespaceCancel(let message): writer.publishNamespaceCancel(message)
    case .subscribeNamespace(let message), .subscribeTracks(let message):
      writer.subscribeNamespace(message)
    case .unsubscribeNamespace(let prefix): writer.namespace(prefix)
    case .namespace(let suffix), .namespaceDone(let suffix): writer.namespace(suffix)
    case .publishBlocked(let message): writer.publishBlocked(message)
    case .goAway(let message): writer.goAway(message)
    case .maximumRequestID(let value), .requestsBlocked(let value): writer.integer(value)
    }
  }
}

extension RequestKind {
  fileprivate var errorTypeOfDraft14: UInt64 {
    switch self {
    case .subscribe, .other: 0x05
    case .publishNamespace: 0x08
    case .trackStatus: 0x0f
    case .subscribeNamespace: 0x13
    case .fetch: 0x19
    case .publish: 0x1f
    }
  }
}
