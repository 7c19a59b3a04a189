extension ControlMessage {
  /// Whether a request stream may begin with this message.
  var opensRequestStream: Bool {
    switch self {
    case .subscribe, .fetch, .trackStatus, .publish, .publishNamespace, .subscribeNamespace,
      .subscribeTracks:
      true
    default: false
    }
  }

  var isPublish: Bool { if case .publish = self { true } else { false } }

  /// The request that this message opens, and of what kind; nil when it opens none.
  var openedRequest: (requestID: UInt64, kind: RequestKind)? {
    guard opensRequestStream, let requestID = openedRequestID else { return nil }
    let kind: RequestKind =
      switch self {
      case .subscribe: .subscribe
      case .fetch: .fetch
      case .trackStatus: .trackStatus
      case .publish: .publish
      case .publishNamespace: .publishNamespace
      case .subscribeNamespace: .subscribeNamespace
      default: .other
      }
    return (requestID, kind)
  }

  /// The request id that this message uses up; nil for replies and the rest.
  var openedRequestID: UInt64? {
    switch self {
    case .subscribe(let message), .trackStatus(let message): message.requestID
    case .fetch(let message): message.requestID
    case .publish(let message): message.requestID
    case .publishNamespace(let message): message.requestID
    case .subscribeNamespace(let message), .subscribeTracks(let message): message.requestID
    case .requestUpdate(let message): message.requestID
    default: nil
    }
  }

  /// The request that a message on the shared stream opens or belongs to.
  var mentionedRequestID: UInt64? {
    switch self {
    case .subscribeOK(let message), .trackStatusOK(let message): message.requestID
    case .requestError(let message): message.requestID
    case .requestOK(let message): message.requestID
    case .requestUpdate(let message): message.existingRequestID
    case .unsubscribe(let id), .fetchCancel(let id): id
    case .publishDone(let message): message.requestID
    case .fetchOK(let message): message.requestID
    case .publishOK(let message): message.requestID
    case .publishNamespaceDone(.request(let id)): id
    case .publishNamespaceCancel(let message):
      if case .request(let id) = message.reference { id } else { nil }
    default: openedRequestID
    }
  }
}
