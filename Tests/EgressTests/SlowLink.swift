import MoQ
import Wire

/// A link that carries so many bytes of unidirectional streams: each has its turn for a packet, whatever
/// came first.
struct SlowLink {
  /// Bytes that may still pass.
  var credit = 0
  private var waiting: [UInt64: [TransportEvent]] = [:]
  private var turns: [UInt64] = []

  private static let packetBytes = 1200

  /// Takes what is sent; returns what arrives by now.
  mutating func pass(_ events: [TransportEvent]) -> [TransportEvent] {
    var arrived: [TransportEvent] = []
    for event in events {
      guard let stream = Self.stream(of: event) else {
        arrived.append(event)
        continue
      }
      if waiting[stream] == nil { turns.append(stream) }
      waiting[stream, default: []].append(event)
    }
    while credit > 0, !turns.isEmpty { arrived.append(next()) }
    // An idle link saves nothing for later.
    if turns.isEmpty { credit = min(credit, 0) }
    return arrived
  }

  private mutating func next() -> TransportEvent {
    let stream = turns.removeFirst()
    var queue = waiting.removeValue(forKey: stream) ?? []
    var event = queue.removeFirst()
    if case .streamData(_, let bytes, let isFinal) = event {
      let count = min(bytes.count, Self.packetBytes)
      credit -= count
      if count < bytes.count {
        event = .streamData(stream, bytes.prefix(count), isFinal: false)
        queue.insert(.streamData(stream, bytes.suffix(from: count), isFinal: isFinal), at: 0)
      }
    }
    if !queue.isEmpty {
      waiting[stream] = queue
      turns.append(stream)
    }
    return event
  }

  private static func stream(of event: TransportEvent) -> UInt64? {
    switch event {
    case .streamData(let stream, _, _) where stream & 2 != 0: stream
    case .streamReset(let stream, _) where stream & 2 != 0: stream
    default: nil
    }
  }
}
