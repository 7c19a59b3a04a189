package import MoQ
package import Wire

/// A transport in memory: records what a session does, and hands it to a peer when there is one.
package final class MoQFakeTransport: StreamTransport {
  package let role: SessionRole
  /// Who receives what is sent here; nil for a scripted peer.
  package weak var peer: MoQFakeTransport?
  /// What waits to be handled by the session on this side, in order.
  package var inbox: [TransportEvent] = []
  /// How many more streams may be opened.
  package var bidirectionalCredit = 1000
  /// Whether a bidirectional stream that is given up makes room for another, as the peer closes it too.
  package var returnsCredit = false
  package var unidirectionalCredit = 100_000
  /// The bytes that `pendingBytes` reports for each stream; a slow network is played with them.
  package var pending: [UInt64: Int] = [:]
  /// What it reports for every other stream.
  package var defaultPending = 0
  /// Whether datagrams can be sent.
  package var takesDatagrams = true
  /// Cuts what is sent into pieces of this many bytes.
  package var pieceBytes: Int?

  package private(set) var sent: [UInt64: Bytes] = [:]
  package private(set) var opened: [UInt64] = []
  package private(set) var orders: [UInt64: SendOrder] = [:]
  package private(set) var finished: Set<UInt64> = []
  package private(set) var resets: [UInt64: UInt64] = [:]
  package private(set) var stopped: [UInt64: UInt64] = [:]
  package private(set) var datagrams: [Bytes] = []
  package private(set) var consumedBytes: [UInt64: Int] = [:]
  package private(set) var closed: (code: UInt64, reason: String)?
  private var counts: [Bool: UInt64] = [:]
  /// Where the session has what comes next of its streams.
  private var rooms: [UInt64: StreamRoom] = [:]
  /// The streams for which there is a room that is not full.
  package var roomStreams: Set<UInt64> { Set(rooms.keys) }
  /// How many rooms have been filled.
  package private(set) var filledRoomCount = 0

  package init(role: SessionRole) { self.role = role }

  /// Two transports that deliver to each other.
  package static func pair() -> (client: MoQFakeTransport, server: MoQFakeTransport) {
    let client = MoQFakeTransport(role: .client)
    let server = MoQFakeTransport(role: .server)
    client.peer = server
    server.peer = client
    return (client, server)
  }

  package func openStream(bidirectional: Bool) -> UInt64? {
    if bidirectional {
      guard bidirectionalCredit > 0 else { return nil }
      bidirectionalCredit -= 1
    } else {
      guard unidirectionalCredit > 0 else { return nil }
      unidirectionalCredit -= 1
    }
    let number = counts[bidirectional, default: 0]
    counts[bidirectional] = number + 1
    let stream = number << 2 | (bidirectional ? 0 : 2) | (role == .client ? 0 : 1)
    opened.append(stream)
    return stream
  }

  package func send(_ bytes: Bytes, on stream: UInt64, isFinal: Bool) {
    var writer = ByteWriter()
    writer.write(sent[stream] ?? Bytes())
    writer.write(bytes)
    sent[stream] = writer.bytes
    if isFinal { finished.insert(stream) }
    var rest = bytes
    if let pieceBytes {
      while rest.count > pieceBytes {
        peer?.inbox.append(.streamData(stream, rest.prefix(pieceBytes), isFinal: false))
        rest = rest.suffix(from: pieceBytes)
      }
    }
    peer?.inbox.append(.streamData(stream, rest, isFinal: isFinal))
  }

  package func setOrder(_ order: SendOrder, of stream: UInt64) { orders[stream] = order }

  package func reset(_ stream: UInt64, code: UInt64) {
    // As in QUIC, a finished stream can be reset until all of it is acknowledged.
    guard !finished.contains(stream) || pendingBytes(on: stream) > 0, resets[stream] == nil else {
      return
    }
    resets[stream] = code
    if returnsCredit, stream & 2 == 0 {
      bidirectionalCredit += 1
      inbox.append(.streamCredit)
    }
    peer?.inbox.append(.streamReset(stream, code: code))
  }

  package func stopSending(_ stream: UInt64, code: UInt64) {
    guard stopped[stream] == nil else { return }
    stopped[stream] = code
    peer?.inbox.append(.stopSending(stream, code: code))
  }

  package func sendDatagram(_ bytes: Bytes) -> Bool {
    guard takesDatagrams else { return false }
    datagrams.append(bytes)
    peer?.inbox.append(.datagram(bytes))
    return true
  }

  package func consumed(_ count: Int, on stream: UInt64) {
    consumedBytes[stream, default: 0] += count
  }

  package func close(code: UInt64, reason: String) {
    closed = (code, reason)
    peer?.inbox = []
  }

  package func pendingBytes(on stream: UInt64) -> Int { pending[stream] ?? defaultPending }

  package func fill(_ room: StreamRoom, on stream: UInt64) -> Bool {
    // The events that wait have not been consumed, but they are taken in order here.
    rooms[stream] = room
    return true
  }

  /// Takes the oldest waiting event, after what of it belongs into a room.
  package func takeEvent() -> TransportEvent? {
    while !inbox.isEmpty {
      guard case .streamData(let stream, let bytes, let isFinal) = inbox[0],
        let room = rooms[stream], !bytes.isEmpty
      else { return inbox.removeFirst() }
      let count = room.append(bytes)
      consumedBytes[stream, default: 0] += count
      let rest = TransportEvent.streamData(
        stream,
        bytes.suffix(from: count),
        isFinal: isFinal
      )
      inbox[0] = rest
      if room.missing == 0 {
        rooms[stream] = nil
        filledRoomCount += 1
        return .streamData(stream, Bytes(), isFinal: false)
      }
      // Taken whole, and nothing to tell but an end.
      inbox.removeFirst()
      if isFinal { return rest }
    }
    return nil
  }
}
