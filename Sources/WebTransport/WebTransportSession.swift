package import Wire

/// One WebTransport session and the HTTP/3 that it needs, on a QUIC connection of its own: stream
/// events in, commands to the carrier and events out.
///
/// After each call that may have produced events, call `poll` until nil. When the session has ended,
/// so has its connection, or its owner closes it.
package final class WebTransportSession: StreamTransport {
  /// Which side this is, and what it asks for or takes.
  package enum Role: Sendable {
    case client(ConnectRequest)
    case server(ConnectPolicy)
  }

  enum Phase {
    /// Waits for the peer's settings, and for the request.
    case opening
    /// The request is on its way.
    case requested
    case established
    case ended
  }

  /// What a stream that is open is for.
  enum Stream {
    /// The integers at its start are not complete.
    case opening(Bytes)
    case control, encoder, decoder
    case request(RequestStream)
    /// Waits for the session of this id, or for the client's settings when it is a request.
    case held(session: UInt64?, [Bytes], isFinal: Bool)
    case session
    /// What still comes is dropped.
    case discarded
  }

  /// The frames of a request or of its answer.
  final class RequestStream {
    var frames = ElementReader()
    /// The final head has been read.
    var hasHead = false
    var interimResponses = 0
  }

  enum StreamType {
    static let control: UInt64 = 0x00
    static let push: UInt64 = 0x01
    static let encoder: UInt64 = 0x02
    static let decoder: UInt64 = 0x03
    static let session: UInt64 = 0x54
    /// At the start of a bidirectional stream, in the place of a frame's type.
    static let bidirectionalSession: UInt64 = 0x41
  }

  enum FrameType {
    static let data: UInt64 = 0x00
    static let headers: UInt64 = 0x01
    static let cancelPush: UInt64 = 0x03
    static let settings: UInt64 = 0x04
    static let pushPromise: UInt64 = 0x05
    static let goAway: UInt64 = 0x07
    static let maximumPushID: UInt64 = 0x0d
    /// HTTP/2's, which may not come, RFC 9114 §7.2.8.
    static let reserved: Set<UInt64> = [0x02, 0x06, 0x08, 0x09]
  }

  let role: Role
  let carrier: any StreamTransport
  let limits: WebTransportLimits
  let fields = FieldCoder()
  var phase = Phase.opening
  var streams: [UInt64: Stream] = [:]
  var heldStreamCount = 0
  var heldByteCount = 0
  /// Our control, encoder and decoder stream, as far as they could be opened.
  var ownStreams: [UInt64] = []
  var control = ElementReader()
  var peerUniqueStreams: Set<UInt64> = []
  var settings: Settings?
  var lastGoAway: UInt64?
  var largestPushID: UInt64 = 0
  /// The stream of the request, whose id is the session's.
  var connectStream: UInt64?
  /// Whether a request waits for a stream, and if it offers protocols.
  var wantedRequest: Bool?
  /// The request has been made a second time, without an offer.
  var hasRetried = false
  var capsules = ElementReader()
  private var events: [WebTransportEvent] = []
  private var nextEvent = 0

  package init(
    _ role: Role,
    carrier: any StreamTransport,
    limits: WebTransportLimits = WebTransportLimits()
  ) {
    self.role = role
    self.carrier = carrier
    self.limits = limits
  }

  var isClient: Bool {
    if case .client = role { true } else { false }
  }

  /// Begins: settings go out, and the request once the server's have come.
  package func start() { openOwnStreams() }

  /// Takes what happened on the connection.
  package func handle(_ event: TransportEvent) {
    do throws(HTTP3Violation) {
      try take(event)
    } catch {
      end(.violated(error.code, error.reason), closing: error.code)
    }
  }

  /// The next event; nil when there is none for now.
  package func poll() -> WebTransportEvent? {
    guard nextEvent < events.count else { return nil }
    defer {
      nextEvent += 1
      if nextEvent == events.count {
        events.removeAll(keepingCapacity: true)
        nextEvent = 0
      }
    }
    return events[nextEvent]
  }

  // MARK: The session's streams

  /// Opens a stream of the session; nil while the peer allows none.
  package func openStream(bidirectional: Bool) -> UInt64? {
    guard phase == .established, let connectStream,
      let stream = carrier.openStream(bidirectional: bidirectional)
    else { return nil }
    streams[stream] = .session
    var writer = ByteWriter()
    writer.writeVarint(bidirectional ? StreamType.bidirectionalSession : StreamType.session)
    writer.writeVarint(connectStream)
    carrier.send(writer.bytes, on: stream, isFinal: false)
    return stream
  }

  package func send(_ bytes: Bytes, on stream: UInt64, isFinal: Bool) {
    guard phase == .established, case .session? = streams[stream] else { return }
    carrier.send(bytes, on: stream, isFinal: isFinal)
  }

  package func setOrder(_ order: SendOrder, of stream: UInt64) {
    guard case .session? = streams[stream] else { return }
    carrier.setOrder(order, of: stream)
  }

  /// Ends our half of a stream; of the code, 32 bits can be told.
  package func reset(_ stream: UInt64, code: UInt64) {
    guard phase == .established, case .session? = streams[stream] else { return }
    carrier.reset(stream, code: ApplicationErrorCode.encode(UInt32(clamping: code)))
  }

  /// Asks the peer to end its half of a stream; of the code, 32 bits can be told.
  package func stopSending(_ stream: UInt64, code: UInt64) {
    guard phase == .established, case .session? = streams[stream] else { return }
    carrier.stopSending(stream, code: ApplicationErrorCode.encode(UInt32(clamping: code)))
  }

  /// Returns the credit of bytes that were reported.
  package func consumed(_ count: Int, on stream: UInt64) { carrier.consumed(count, on: stream) }

  package func fill(_ room: StreamRoom, on stream: UInt64) -> Bool {
    // What is still to be reported has no credit back yet, and the carrier refuses for that.
    guard case .session? = streams[stream] else { return false }
    return carrier.fill(room, on: stream)
  }

  /// The bytes queued on a stream that have not been sent yet.
  package func pendingBytes(on stream: UInt64) -> Int { carrier.pendingBytes(on: stream) }

  /// Sends a datagram; false when it cannot go now or ever.
  ///
  /// One that the path does not take goes as a capsule while few bytes wait there.
  package func sendDatagram(_ bytes: Bytes) -> Bool {
    guard phase == .established, let connectStream else { return false }
    var writer = ByteWriter(reserving: bytes.count + 8)
    writer.writeVarint(connectStream / 4)
    writer.write(bytes)
    if carrier.sendDatagram(writer.bytes) { return true }
    let pending = carrier.pendingBytes(on: connectStream)
    guard bytes.count <= limits.datagramCapsuleBytes,
      pending + bytes.count <= limits.pendingCapsuleBytes
    else { return false }
    sendCapsule(.datagram(bytes))
    return true
  }

  /// Asks the peer to come to an end soon.
  package func drain() {
    if phase == .established { sendCapsule(.drain) }
  }

  /// Ends the session; of the code, 32 bits can be told.
  package func close(code: UInt64, reason: String) {
    switch phase {
    case .ended: return
    case .opening, .requested: end(.closedLocally, closing: .noError)
    case .established:
      sendCapsule(.close(code: UInt32(clamping: code), reason: reason), isFinal: true)
      abandonStreams()
      end(.closedLocally, closing: nil)
    }
  }

  // MARK: Steps

  func report(_ event: WebTransportEvent) { events.append(event) }

  /// Ends the session, and the connection when there is a code for that.
  func end(_ end: WebTransportEnd, closing code: HTTP3Code?) {
    guard phase != .ended else { return }
    phase = .ended
    if let code { carrier.close(code: code.rawValue, reason: end.description) }
    report(.ended(end))
  }

  func sendCapsule(_ capsule: Capsule, isFinal: Bool = false) {
    guard let connectStream else { return }
    var writer = ByteWriter()
    capsule.write(to: &writer)
    sendFrame(FrameType.data, writer.bytes, on: connectStream, isFinal: isFinal)
  }

  func sendFrame(_ type: UInt64, _ value: Bytes, on stream: UInt64, isFinal: Bool = false) {
    var writer = ByteWriter()
    writer.writeElement(type: type, value)
    carrier.send(writer.bytes, on: stream, isFinal: isFinal)
  }

  /// Opens the three streams of our HTTP/3, as many as the peer allows for now.
  func openOwnStreams() {
    let types = [StreamType.control, StreamType.encoder, StreamType.decoder]
    while ownStreams.count < types.count {
      guard let stream = carrier.openStream(bidirectional: false) else { return }
      let type = types[ownStreams.count]
      ownStreams.append(stream)
      var writer = ByteWriter()
      writer.writeVarint(type)
      if type == StreamType.control {
        writer.writeElement(type: FrameType.settings, Settings.ours(limits))
      }
      carrier.send(writer.bytes, on: stream, isFinal: false)
    }
  }

  /// Gives up every stream of the session, which is over.
  func abandonStreams() {
    for (stream, use) in streams.sorted(by: { $0.key < $1.key }) {
      switch use {
      case .session, .held: refuse(stream, .sessionGone)
      default: break
      }
    }
  }

  /// Ends both halves of a stream, as far as it has them.
  func refuse(_ stream: UInt64, _ code: HTTP3Code) {
    let isOwn = StreamKind.isServers(stream) != isClient
    if !StreamKind.isUnidirectional(stream) || !isOwn {
      carrier.stopSending(stream, code: code.rawValue)
    }
    if !StreamKind.isUnidirectional(stream) || isOwn {
      carrier.reset(stream, code: code.rawValue)
    }
    streams[stream] = .discarded
  }
}
