import Wire

// The control stream, the request, its answer, and what travels on its stream afterwards.
extension WebTransportSession {
  // MARK: Control stream

  func readControl() throws(HTTP3Violation) {
    while phase != .ended,
      let element = try control.next({ (type, length) throws(HTTP3Violation) in
        try controlTreatment(type, length)
      })
    {
      guard case .whole(let type, let value) = element else { continue }
      if type == FrameType.settings {
        try take(Settings(value))
      } else {
        var reader = ByteReader(value)
        guard let id = try? reader.readVarint(), reader.isAtEnd else {
          throw HTTP3Violation(.frameError, "a frame of type \(type) is not one integer")
        }
        try takeControl(type, id)
      }
    }
  }

  private func controlTreatment(
    _ type: UInt64,
    _ length: UInt64
  ) throws(HTTP3Violation) -> ElementReader.Treatment {
    if settings == nil, type != FrameType.settings {
      throw HTTP3Violation(.missingSettings, "the control stream begins with frame \(type)")
    }
    let unexpected = HTTP3Violation(.frameUnexpected, "frame \(type) on the control stream")
    switch type {
    case FrameType.settings:
      guard settings == nil else { throw unexpected }
      guard length <= UInt64(limits.settingsBytes) else {
        throw HTTP3Violation(.excessiveLoad, "settings of \(length) bytes")
      }
      return .gather
    case FrameType.goAway, FrameType.cancelPush, FrameType.maximumPushID:
      guard type != FrameType.maximumPushID || !isClient else { throw unexpected }
      guard (1...8).contains(length) else {
        throw HTTP3Violation(.frameError, "frame \(type) of \(length) bytes")
      }
      return .gather
    case StreamType.bidirectionalSession:
      throw HTTP3Violation(.frameError, "a session's signal on the control stream")
    case FrameType.data, FrameType.headers, FrameType.pushPromise: throw unexpected
    default:
      guard !FrameType.reserved.contains(type) else { throw unexpected }
      return .skip
    }
  }

  private func take(_ settings: Settings) throws(HTTP3Violation) {
    self.settings = settings
    guard isClient else {
      try releaseRequests()
      return
    }
    if let lack = settings.lack {
      end(.unsupported(lack), closing: .requirementsNotMet)
    } else {
      sendRequest(offeringProtocols: true)
    }
  }

  private func takeControl(_ type: UInt64, _ id: UInt64) throws(HTTP3Violation) {
    switch type {
    case FrameType.goAway:
      guard id <= lastGoAway ?? .max, !isClient || StreamKind.isRequest(id) else {
        throw HTTP3Violation(.idError, "GOAWAY of \(id)")
      }
      lastGoAway = id
      if phase == .established {
        report(.draining)
      } else if isClient, id <= connectStream ?? .max {
        end(.goingAway, closing: .noError)
      }
    case FrameType.maximumPushID:
      guard id >= largestPushID else {
        throw HTTP3Violation(.idError, "the largest push id went back to \(id)")
      }
      largestPushID = id
    default: throw HTTP3Violation(.idError, "there is no push \(id)")
    }
  }

  // MARK: Request and answer

  /// Sends the client's request, now or as soon as there is a stream for it.
  func sendRequest(offeringProtocols: Bool) {
    guard case .client(let request) = role, let settings else { return }
    guard let stream = carrier.openStream(bidirectional: true) else {
      wantedRequest = offeringProtocols
      return
    }
    wantedRequest = nil
    phase = .requested
    connectStream = stream
    streams[stream] = .request(RequestStream())
    let section = fields.encode(
      request.fields(offeringProtocols: offeringProtocols, settings),
      stream: stream
    )
    sendFrame(FrameType.headers, section, on: stream)
  }

  /// Takes the first bytes of a stream that is no session's.
  func beginRequest(_ stream: UInt64, _ bytes: Bytes, isFinal: Bool) throws(HTTP3Violation) {
    guard !isClient else {
      throw HTTP3Violation(.streamCreationError, "a server can't make requests")
    }
    guard settings != nil else {
      hold(stream, session: nil, nil, bytes, isFinal: isFinal)
      return
    }
    let request = RequestStream()
    streams[stream] = .request(request)
    try read(bytes, of: request, on: stream, isFinal: isFinal)
  }

  func read(
    _ bytes: Bytes,
    of request: RequestStream,
    on stream: UInt64,
    isFinal: Bool
  ) throws(HTTP3Violation) {
    request.frames.append(bytes)
    while case .request? = streams[stream], phase != .ended,
      let element = try request.frames.next({ (type, length) throws(HTTP3Violation) in
        try requestTreatment(type, length, hasHead: request.hasHead)
      })
    {
      switch element {
      case .whole(_, let section): try takeHead(section, of: request, on: stream)
      case .piece(let bytes): try takeCapsules(bytes)
      }
    }
    if phase == .ended, stream == connectStream, request.frames.hasInput {
      takeAfterClose(on: stream)
    }
    guard isFinal, phase != .ended, case .request? = streams[stream] else { return }
    guard request.frames.isAtBoundary else {
      throw HTTP3Violation(.frameError, "a stream ends inside a frame")
    }
    try takeEnd(on: stream)
  }

  private func requestTreatment(
    _ type: UInt64,
    _ length: UInt64,
    hasHead: Bool
  ) throws(HTTP3Violation) -> ElementReader.Treatment {
    switch type {
    case FrameType.data where hasHead: return .pass
    case FrameType.headers where !hasHead:
      guard length <= UInt64(limits.fieldSectionBytes) else {
        throw HTTP3Violation(.excessiveLoad, "a field section of \(length) bytes")
      }
      return .gather
    case FrameType.pushPromise where isClient:
      throw HTTP3Violation(.idError, "a push that was not allowed")
    case StreamType.bidirectionalSession:
      throw HTTP3Violation(.frameError, "a session's signal inside a request")
    case FrameType.data, FrameType.headers, FrameType.pushPromise, FrameType.settings,
      FrameType.goAway, FrameType.cancelPush, FrameType.maximumPushID:
      throw HTTP3Violation(.frameUnexpected, "frame \(type) on a request stream")
    default:
      guard !FrameType.reserved.contains(type) else {
        throw HTTP3Violation(.frameUnexpected, "frame \(type) on a request stream")
      }
      return .skip
    }
  }

  private func takeHead(
    _ section: Bytes,
    of request: RequestStream,
    on stream: UInt64
  ) throws(HTTP3Violation) {
    let fields = try fields.decode(section, stream: stream, limits: limits)
    switch role {
    case .client(let wanted):
      try takeAnswer(try wanted.answer(fields), of: request, on: stream, wanted)
    case .server(let policy):
      request.hasHead = true
      answer(fields, policy, on: stream)
    }
  }

  private func takeAnswer(
    _ answer: ConnectRequest.Answer,
    of request: RequestStream,
    on stream: UInt64,
    _ wanted: ConnectRequest
  ) throws(HTTP3Violation) {
    switch answer {
    case .interim:
      request.interimResponses += 1
      guard request.interimResponses <= limits.interimResponses else {
        throw HTTP3Violation(.excessiveLoad, "too many interim responses")
      }
    case .accepted(let chosen):
      request.hasHead = true
      establish(chosen)
    case .unusable(let reason): end(.noCommonProtocol(reason), closing: .protocolNegotiationFailed)
    case .refused(400) where wanted.allowsNoProtocol && !wanted.protocols.isEmpty && !hasRetried:
      // Some servers refuse an offer of which they know nothing, though they would go on without.
      hasRetried = true
      carrier.send(Bytes(), on: stream, isFinal: true)
      carrier.stopSending(stream, code: HTTP3Code.noError.rawValue)
      streams[stream] = .discarded
      connectStream = nil
      sendRequest(offeringProtocols: false)
    case .refused(let status): end(.refused(status: status), closing: .noError)
    }
  }

  private func answer(_ fields: [Field], _ policy: ConnectPolicy, on stream: UInt64) {
    let answer: ConnectPolicy.Answer
    do throws(HTTP3Violation) {
      answer = try policy.answer(fields)
    } catch {
      refuse(stream, error.code)
      return
    }
    switch answer {
    case .refused(let status):
      respond([Field(":status", "\(status)")], on: stream, isFinal: true)
      carrier.stopSending(stream, code: HTTP3Code.noError.rawValue)
      streams[stream] = .discarded
    case .accepted(let chosen):
      guard connectStream == nil else {
        refuse(stream, .requestRejected)
        return
      }
      guard settings?.takesDatagrams == true else {
        refuse(stream, .messageError)
        return
      }
      connectStream = stream
      let choice = chosen.map { Field("wt-protocol", StructuredField.serialize([$0])) }
      respond([Field(":status", "200")] + [choice].compactMap { $0 }, on: stream)
      establish(chosen)
    }
  }

  private func respond(_ response: [Field], on stream: UInt64, isFinal: Bool = false) {
    let section = fields.encode(response, stream: stream)
    sendFrame(FrameType.headers, section, on: stream, isFinal: isFinal)
  }

  private func establish(_ chosen: String?) {
    phase = .established
    report(.established(chosen: chosen))
    releaseStreams()
  }

  // MARK: Capsules

  /// Takes a piece of a DATA frame; those of requests that were refused never come here.
  private func takeCapsules(_ bytes: Bytes) throws(HTTP3Violation) {
    capsules.append(bytes)
    while phase != .ended,
      let element = try capsules.next({ (type, length) throws(HTTP3Violation) in
        try Capsule.treatment(type: type, length: length, limits: limits)
      })
    {
      guard case .whole(let type, let value) = element else { continue }
      switch try Capsule(type: type, value) {
      case .datagram(let payload): report(.stream(.datagram(payload)))
      case .drain: report(.draining)
      case .close(let code, let reason):
        let isLast = !capsules.hasInput
        endByPeer(code: code, reason)
        if !isLast, let connectStream { takeAfterClose(on: connectStream) }
      }
    }
  }

  func takeAfterClose(on stream: UInt64) {
    if case .request? = streams[stream] { refuse(stream, .messageError) }
  }

  private func takeEnd(on stream: UInt64) throws(HTTP3Violation) {
    guard stream == connectStream else {
      refuse(stream, .requestIncomplete)
      return
    }
    guard phase == .established else {
      throw HTTP3Violation(.messageError, "the server ended the request's stream unanswered")
    }
    guard capsules.isAtBoundary else {
      throw HTTP3Violation(.messageError, "the session's stream ends inside a capsule")
    }
    endByPeer(code: 0, "")
  }

  /// The peer has ended the session: our half of its stream ends, and all others are given up.
  func endByPeer(code: UInt32, _ reason: String) {
    if let connectStream, phase == .established {
      carrier.send(Bytes(), on: connectStream, isFinal: true)
    }
    abandonStreams()
    end(.closedByPeer(code: code, reason: reason), closing: phase == .established ? nil : .noError)
  }
}
