import Wire

// What arrives on streams: which of them are whose.
extension WebTransportSession {
  func take(_ event: TransportEvent) throws(HTTP3Violation) {
    guard phase != .ended else {
      if case .streamData(let stream, let bytes, _) = event { takeLate(bytes, on: stream) }
      return
    }
    switch event {
    case .streamData(let stream, let bytes, let isFinal):
      try receive(bytes, on: stream, isFinal: isFinal)
    case .streamReset(let stream, let code): try takeReset(stream, code)
    case .stopSending(let stream, let code): try takeStop(stream, code)
    case .streamClosed(let stream):
      if case .held? = streams[stream] { return }
      if case .session? = streams.removeValue(forKey: stream) {
        report(.stream(.streamClosed(stream)))
      }
    case .datagram(let bytes): try takeDatagram(bytes)
    case .streamCredit:
      openOwnStreams()
      if let offers = wantedRequest { sendRequest(offeringProtocols: offers) }
      if phase == .established { report(.stream(.streamCredit)) }
    }
  }

  /// After the end nothing may come on the CONNECT stream.
  private func takeLate(_ bytes: Bytes, on stream: UInt64) {
    carrier.consumed(bytes.count, on: stream)
    if stream == connectStream, !bytes.isEmpty { takeAfterClose(on: stream) }
  }

  private func receive(
    _ bytes: Bytes,
    on stream: UInt64,
    isFinal: Bool
  ) throws(HTTP3Violation) {
    let isPeers = StreamKind.isServers(stream) == isClient
    switch streams[stream] ?? (isPeers ? .opening(Bytes()) : .discarded) {
    case .opening(let start): try identify(stream, start, bytes, isFinal: isFinal)
    case .control:
      carrier.consumed(bytes.count, on: stream)
      control.append(bytes)
      try readControl()
      if isFinal { throw HTTP3Violation(.closedCriticalStream, "the control stream ended") }
    case .encoder:
      carrier.consumed(bytes.count, on: stream)
      try fields.readEncoderStream(bytes)
      if isFinal { throw HTTP3Violation(.closedCriticalStream, "the encoder stream ended") }
    case .decoder:
      carrier.consumed(bytes.count, on: stream)
      try fields.readDecoderStream(bytes)
      if isFinal { throw HTTP3Violation(.closedCriticalStream, "the decoder stream ended") }
    case .request(let request):
      carrier.consumed(bytes.count, on: stream)
      try read(bytes, of: request, on: stream, isFinal: isFinal)
    case .held(let session, let pieces, _):
      // Credit for a request's bytes is returned at once, as nobody else does.
      if session == nil { carrier.consumed(bytes.count, on: stream) }
      hold(stream, session: session, pieces, bytes, isFinal: isFinal)
    case .session: report(.stream(.streamData(stream, bytes, isFinal: isFinal)))
    case .discarded: carrier.consumed(bytes.count, on: stream)
    }
  }

  /// Reads what a stream of the peer begins with.
  private func identify(
    _ stream: UInt64,
    _ start: Bytes,
    _ bytes: Bytes,
    isFinal: Bool
  ) throws(HTTP3Violation) {
    let all = start.isEmpty ? bytes : Bytes(start.array + bytes.array)
    var reader = ByteReader(all)
    guard let type = try? reader.readVarint() else {
      wait(stream, all, bytes, isFinal: isFinal)
      return
    }
    let isUnidirectional = StreamKind.isUnidirectional(stream)
    if type == (isUnidirectional ? StreamType.session : StreamType.bidirectionalSession) {
      guard let session = try? reader.readVarint() else {
        wait(stream, all, bytes, isFinal: isFinal)
        return
      }
      let rest = reader.readRest()
      carrier.consumed(bytes.count - rest.count, on: stream)
      try assign(stream, to: session, rest, isFinal: isFinal)
      return
    }
    guard isUnidirectional else {
      carrier.consumed(bytes.count, on: stream)
      try beginRequest(stream, all, isFinal: isFinal)
      return
    }
    let rest = reader.readRest()
    carrier.consumed(bytes.count - rest.count, on: stream)
    switch type {
    case StreamType.control: streams[stream] = .control
    case StreamType.encoder: streams[stream] = .encoder
    case StreamType.decoder: streams[stream] = .decoder
    case StreamType.push:
      throw isClient
        ? HTTP3Violation(.idError, "a push that was not allowed")
        : HTTP3Violation(.streamCreationError, "a client can't push")
    default:
      carrier.stopSending(stream, code: HTTP3Code.streamCreationError.rawValue)
      streams[stream] = .discarded
      return
    }
    guard peerUniqueStreams.insert(type).inserted else {
      throw HTTP3Violation(.streamCreationError, "a second stream of type \(type)")
    }
    if isFinal || !rest.isEmpty { try receive(rest, on: stream, isFinal: isFinal) }
  }

  /// Keeps the start of a stream that says too little yet, fewer than 16 bytes.
  private func wait(_ stream: UInt64, _ all: Bytes, _ bytes: Bytes, isFinal: Bool) {
    carrier.consumed(bytes.count, on: stream)
    guard isFinal else {
      streams[stream] = .opening(all)
      return
    }
    streams[stream] = .discarded
    if !StreamKind.isUnidirectional(stream) {
      carrier.reset(stream, code: HTTP3Code.requestIncomplete.rawValue)
    }
  }

  // MARK: Streams of the session

  private func assign(
    _ stream: UInt64,
    to session: UInt64,
    _ rest: Bytes,
    isFinal: Bool
  ) throws(HTTP3Violation) {
    guard StreamKind.isRequest(session) else {
      throw HTTP3Violation(.idError, "no session can have the id \(session)")
    }
    guard phase == .established else {
      hold(stream, session: session, nil, rest, isFinal: isFinal)
      return
    }
    guard session == connectStream else {
      refuse(stream, .heldStreamRejected)
      return
    }
    streams[stream] = .session
    if isFinal || !rest.isEmpty {
      report(.stream(.streamData(stream, rest, isFinal: isFinal)))
    }
  }

  /// Lets a stream wait; `pieces` is nil when it has not waited before.
  func hold(
    _ stream: UInt64,
    session: UInt64?,
    _ pieces: [Bytes]?,
    _ bytes: Bytes,
    isFinal: Bool
  ) {
    let isNew = pieces == nil
    guard !isNew || heldStreamCount < limits.heldStreams,
      heldByteCount + bytes.count <= limits.heldBytes
    else {
      if let pieces { forget(pieces) }
      refuse(stream, session == nil ? .requestRejected : .heldStreamRejected)
      return
    }
    if isNew { heldStreamCount += 1 }
    heldByteCount += bytes.count
    streams[stream] = .held(
      session: session,
      (pieces ?? []) + (bytes.isEmpty ? [] : [bytes]),
      isFinal: isFinal
    )
  }

  /// Takes a stream that waited out of the count.
  private func forget(_ pieces: [Bytes]) {
    heldStreamCount -= 1
    for piece in pieces { heldByteCount -= piece.count }
  }

  /// Hands on what has waited for the session, which is there now.
  func releaseStreams() {
    for (stream, use) in streams.sorted(by: { $0.key < $1.key }) {
      guard case .held(let session?, let pieces, let isFinal) = use else { continue }
      forget(pieces)
      guard session == connectStream else {
        refuse(stream, .heldStreamRejected)
        continue
      }
      // Of a stream that has ended nothing more is told, not even its close, which came already.
      let isOver = isFinal && StreamKind.isUnidirectional(stream)
      streams[stream] = isOver ? nil : .session
      for piece in pieces { report(.stream(.streamData(stream, piece, isFinal: false))) }
      if isFinal { report(.stream(.streamData(stream, Bytes(), isFinal: true))) }
    }
  }

  /// Reads the requests that have waited for the client's settings.
  func releaseRequests() throws(HTTP3Violation) {
    for (stream, use) in streams.sorted(by: { $0.key < $1.key }) {
      guard case .held(nil, let pieces, let isFinal) = use else { continue }
      forget(pieces)
      streams[stream] = nil
      try beginRequest(stream, Bytes(pieces.flatMap(\.array)), isFinal: isFinal)
    }
  }

  // MARK: Ends of streams, datagrams

  private func takeReset(_ stream: UInt64, _ code: UInt64) throws(HTTP3Violation) {
    switch streams[stream] {
    case .control?, .encoder?, .decoder?:
      throw HTTP3Violation(.closedCriticalStream, "a critical stream was reset")
    case .request?:
      if stream == connectStream {
        endByPeer(code: 0, "the session's stream was reset with 0x\(String(code, radix: 16))")
      } else {
        refuse(stream, .requestIncomplete)
      }
    case .session? where code == HTTP3Code.sessionGone.rawValue:
      // The end of the session, which is about to be told, overtaken by what follows from it.
      streams[stream] = .discarded
    case .session?:
      report(
        .stream(
          .streamReset(stream, code: UInt64(ApplicationErrorCode.decode(code) ?? 0))
        )
      )
    case .held(_, let pieces, _)?:
      forget(pieces)
      streams[stream] = .discarded
    case .opening?: streams[stream] = .discarded
    case .discarded?, nil: break
    }
  }

  private func takeStop(_ stream: UInt64, _ code: UInt64) throws(HTTP3Violation) {
    if ownStreams.contains(stream) {
      throw HTTP3Violation(.closedCriticalStream, "a critical stream is not wanted")
    }
    if stream == connectStream, phase == .established {
      endByPeer(code: 0, "the session's stream was stopped with 0x\(String(code, radix: 16))")
    } else if case .session? = streams[stream], code != HTTP3Code.sessionGone.rawValue {
      report(
        .stream(
          .stopSending(stream, code: UInt64(ApplicationErrorCode.decode(code) ?? 0))
        )
      )
    }
  }

  private func takeDatagram(_ bytes: Bytes) throws(HTTP3Violation) {
    var reader = ByteReader(bytes)
    guard let quarter = try? reader.readVarint(), quarter < 1 << 60 else {
      throw HTTP3Violation(.datagramError, "a datagram names no stream")
    }
    // One that comes before its session is lost like any other.
    guard phase == .established, quarter * 4 == connectStream else { return }
    report(.stream(.datagram(reader.readRest())))
  }
}
