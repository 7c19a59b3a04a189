import CNgtcp2
import Wire

/// What a connection knows of its streams and has yet to report.
///
/// The C callbacks change it while ngtcp2 runs, so nothing here calls back into the door.
final class StreamTable {
  /// RFC 9000 §16: codes are integers of 62 bits.
  static let largestCode: UInt64 = (1 << 62) - 1

  /// The receiving side of a stream.
  struct Receiving {
    /// Bytes reported and not yet consumed.
    var unconsumed = 0
    /// The peer has ended or reset the stream: it needs no more credit.
    var isEnded = false
    /// Both directions are done: only what is unconsumed keeps this record.
    var isClosed = false
    /// The owner wants no more of it.
    var isStopped = false
  }

  var receiving: [Int64: Receiving] = [:]
  var sending: [Int64: SendQueue] = [:]
  /// The streams that have something to send and may.
  var line = SendLine()
  /// Bytes dropped unseen, for which the connection's credit has yet to be returned.
  var droppedByteCount: UInt64 = 0
  /// Bytes queued on all streams and not yet acknowledged.
  var heldByteCount = 0
  /// Connection ids that came and went, for the endpoint to route by.
  var connectionIDChanges: [(id: Bytes, isAdded: Bool)] = []
  private(set) var handshakeWasCompleted = false
  /// Whether `openStream` has failed since credit was last reported, by direction.
  var wantsUnidirectionalCredit = false
  var wantsBidirectionalCredit = false

  private var events: [QUICEvent] = []
  private var nextEvent = 0
  private var data = GrowingData()
  /// Where readers have what comes next of their streams.
  private var rooms: [Int64: StreamRoom] = [:]
  /// The room that was written last, and how much was in it when its credit was returned.
  private var filling: (stream: Int64, room: StreamRoom, credited: Int)?
  /// Bytes in rooms for which credit has yet to be returned.
  private var filled: [(stream: Int64, count: Int)] = []

  var hasEvents: Bool { nextEvent < events.count || data.stream != nil }

  func report(_ event: QUICEvent) {
    closeData()
    events.append(event)
  }

  func nextReport() -> QUICEvent? {
    closeData()
    guard nextEvent < events.count else { return nil }
    let event = events[nextEvent]
    nextEvent += 1
    if nextEvent == events.count {
      events.removeAll(keepingCapacity: true)
      nextEvent = 0
    }
    return event
  }

  private func closeData() {
    guard let stream = data.stream else { return }
    let isFinal = data.isFinal
    let bytes = data.take()
    receiving[stream, default: Receiving()].unconsumed += bytes.count
    if isFinal { receiving[stream]?.isEnded = true }
    events.append(.streamData(UInt64(stream), bytes, isFinal: isFinal))
  }

  // MARK: What the callbacks say

  func completeHandshake(alpn: String) {
    handshakeWasCompleted = true
    report(.connected(alpn: alpn))
  }

  /// Records a stream, whoever opened it.
  func open(_ stream: Int64, isLocal: Bool = false) {
    let isBidirectional = StreamID.isBidirectional(UInt64(stream))
    if isBidirectional || !isLocal { receiving[stream] = Receiving() }
    if isBidirectional || isLocal { sending[stream] = SendQueue() }
  }

  func receive(_ bytes: Span<UInt8>, on stream: Int64, isFinal: Bool) {
    let count = fill(bytes, on: stream)
    let rest = bytes.extracting(droppingFirst: count)
    if count > 0, rest.isEmpty, !isFinal { return }
    if !data.append(rest, of: stream, isFinal: isFinal) {
      begin(rest, on: stream, isFinal: isFinal)
    }
    if isFinal { closeData() }
  }

  /// Writes what belongs into the stream's room; returns how much that is.
  private func fill(_ bytes: Span<UInt8>, on stream: Int64) -> Int {
    // Most packets of media belong where the last one did.
    if filling?.stream != stream {
      guard let room = rooms[stream] else { return 0 }
      closeFilling()
      filling = (stream, room, room.bytes.count)
    }
    guard let room = filling?.room else { return 0 }
    let count = room.append(bytes)
    if expectMore(in: room, as: count) == 0 {
      forgetRoom(of: stream)
      report(.streamData(UInt64(stream), Bytes(), isFinal: false))
    }
    return count
  }

  /// Fetches the memory that another packet of `count` bytes will be written to, while it is decrypted;
  /// returns how much of the room is left.
  private func expectMore(in room: StreamRoom, as count: Int) -> Int {
    unsafe room.bytes.withUnsafeBufferPointer { written in
      let missing = room.wanted - written.count
      if let start = written.baseAddress {
        unsafe door_expect_writing(start + written.count, min(count, missing))
      }
      return missing
    }
  }

  private func closeFilling() {
    guard let (stream, room, credited) = filling else { return }
    filling = nil
    if room.bytes.count > credited { filled.append((stream, room.bytes.count - credited)) }
  }

  /// Bytes that went into rooms since the last call, for which credit is due.
  func takeFilled() -> [(stream: Int64, count: Int)] {
    closeFilling()
    guard !filled.isEmpty else { return [] }
    defer { filled.removeAll(keepingCapacity: true) }
    return filled
  }

  private func begin(_ bytes: Span<UInt8>, on stream: Int64, isFinal: Bool) {
    closeData()
    if receiving[stream]?.isStopped == true {
      droppedByteCount += UInt64(bytes.count)
      if isFinal { receiving[stream]?.isEnded = true }
      return
    }
    data.begin(stream)
    _ = data.append(bytes, of: stream, isFinal: isFinal)
  }

  func reset(_ stream: Int64, code: UInt64) {
    closeData()
    forgetRoom(of: stream)
    guard var state = receiving[stream] else {
      // Reset before anything else of it came: it never opens, so it never closes either.
      report(.streamReset(UInt64(stream), code: code))
      report(.streamClosed(UInt64(stream)))
      return
    }
    guard !state.isEnded else { return }
    state.isEnded = true
    // The owner drops what it has of a reset stream; its credit must not go with it.
    droppedByteCount += UInt64(state.unconsumed)
    state.unconsumed = 0
    receiving[stream] = state
    if !state.isStopped { report(.streamReset(UInt64(stream), code: code)) }
  }

  func close(_ stream: Int64, code: UInt64?) {
    closeData()
    forgetRoom(of: stream)
    leaveLine(stream)
    if let queue = sending.removeValue(forKey: stream) {
      heldByteCount -= queue.heldByteCount
      // Only a peer's STOP_SENDING leaves a code on a stream that we neither reset nor finished.
      if let code, !queue.isAbandoned, !queue.finalWasSent || queue.heldByteCount > 0 {
        report(.stopSending(UInt64(stream), code: code))
      }
    }
    if var state = receiving[stream] {
      state.isEnded = true
      state.isClosed = true
      receiving[stream] = state.unconsumed > 0 ? state : nil
    }
    report(.streamClosed(UInt64(stream)))
  }

  func acknowledge(_ stream: Int64, before offset: UInt64) {
    guard var queue = sending.removeValue(forKey: stream) else { return }
    let held = queue.heldByteCount
    queue.acknowledge(before: offset)
    heldByteCount -= held - queue.heldByteCount
    sending[stream] = queue
  }

  func unblock(_ stream: Int64) {
    sending[stream]?.isBlocked = false
    makeReady(stream)
  }

  func noteCredit(bidirectional: Bool) {
    if bidirectional, wantsBidirectionalCredit {
      wantsBidirectionalCredit = false
      report(.streamCredit(bidirectional: true))
    } else if !bidirectional, wantsUnidirectionalCredit {
      wantsUnidirectionalCredit = false
      report(.streamCredit(bidirectional: false))
    }
  }

  // MARK: What the owner asks

  /// Puts a stream in line for sending when it has something to send and may.
  func makeReady(_ stream: Int64) {
    guard let queue = sending[stream], queue.hasWork, !queue.isBlocked, !queue.isReady else {
      return
    }
    sending[stream]?.isReady = true
    line.insert(stream, queue.order)
  }

  /// Takes a stream out of the line, where it is there.
  func leaveLine(_ stream: Int64) {
    if let isReady = sending[stream]?.isReady {
      guard isReady else { return }
      sending[stream]?.isReady = false
    }
    line.remove(stream)
  }

  /// Says when a stream's bytes go where not all can go at once.
  func setOrder(_ order: SendOrder, of stream: Int64) {
    leaveLine(stream)
    sending[stream]?.order = order
    makeReady(stream)
  }

  /// Takes bytes off a stream's account; returns those that were on it and whether the stream
  /// itself can use the credit.
  func consume(_ count: Int, on stream: Int64) -> (count: Int, streamIsOpen: Bool) {
    closeData()
    guard var state = receiving[stream] else { return (0, false) }
    let taken = min(max(count, 0), state.unconsumed)
    state.unconsumed -= taken
    receiving[stream] = state.isClosed && state.unconsumed == 0 ? nil : state
    return (taken, !state.isEnded)
  }

  /// Lets what comes next of a stream be written into `room`; false when bytes before it are not consumed
  /// yet, or nothing more comes.
  func fill(_ room: StreamRoom, on stream: Int64) -> Bool {
    closeData()
    guard let state = receiving[stream], !state.isEnded, !state.isStopped, state.unconsumed == 0,
      rooms[stream] == nil, room.missing > 0
    else { return false }
    rooms[stream] = room
    return true
  }

  private func forgetRoom(of stream: Int64) {
    if filling?.stream == stream { closeFilling() }
    rooms[stream] = nil
  }

  /// Stops reporting a stream's bytes; returns those for which credit is due.
  func stop(_ stream: Int64) -> Int {
    closeData()
    forgetRoom(of: stream)
    guard var state = receiving[stream], !state.isStopped else { return 0 }
    let due = state.unconsumed
    state.unconsumed = 0
    state.isStopped = true
    receiving[stream] = state.isClosed ? nil : state
    return due
  }
}
