import Wire

/// The streams of a connection that have something to send, in the order in which they go.
///
/// Streams without an order come first, in turn; then those of the smallest priority, whose flows take turns.
struct SendLine {
  private struct Flow {
    let id: UInt64
    /// Ascending; never empty.
    var streams: [(position: UInt64, id: Int64)]
  }

  private struct Level {
    let priority: Int
    /// The first is at its turn; never empty.
    var flows: [Flow] = []
    /// What the flow at its turn has sent of its share.
    var sentBytes = 0
  }

  /// A share of many packets lets the receiver take them as one run, and a live group of media leave before
  /// the one of another track begins.
  static let shareBytes = 64 << 10

  /// The priority of streams without an order.
  private static let beforeAll = -1

  /// By ascending priority; none is empty.
  private var levels: [Level] = []

  var isEmpty: Bool { levels.isEmpty }

  /// The stream that is to send next; nil when none has anything to send.
  var first: Int64? { levels.first?.flows[0].streams[0].id }

  /// Adds a stream that is not in line.
  mutating func insert(_ stream: Int64, _ order: SendOrder?) {
    let level = index(of: order.map { Int($0.priority) } ?? SendLine.beforeAll)
    let position = order?.position ?? 0
    let id = order?.flow ?? UInt64(bitPattern: stream)
    guard let flow = levels[level].flows.firstIndex(where: { $0.id == id }) else {
      levels[level].flows.append(Flow(id: id, streams: [(position, stream)]))
      return
    }
    let place = levels[level].flows[flow].streams.firstIndex { $0.position > position }
    levels[level].flows[flow].streams.insert(
      (position, stream),
      at: place ?? levels[level].flows[flow].streams.endIndex
    )
  }

  /// The level of a priority, which is made when there is none.
  private mutating func index(of priority: Int) -> Int {
    let index = levels.firstIndex { $0.priority >= priority } ?? levels.endIndex
    if index == levels.endIndex || levels[index].priority != priority {
      levels.insert(Level(priority: priority), at: index)
    }
    return index
  }

  /// Takes a stream out of the line; nothing when it is not there.
  mutating func remove(_ stream: Int64) {
    for level in levels.indices {
      for flow in levels[level].flows.indices {
        guard let place = levels[level].flows[flow].streams.firstIndex(where: { $0.id == stream })
        else { continue }
        levels[level].flows[flow].streams.remove(at: place)
        guard levels[level].flows[flow].streams.isEmpty else { return }
        levels[level].flows.remove(at: flow)
        if flow == 0 { levels[level].sentBytes = 0 }
        if levels[level].flows.isEmpty { levels.remove(at: level) }
        return
      }
    }
  }

  /// Counts what the first stream has sent; the flow that has had its share goes behind the others.
  mutating func count(_ bytes: Int) {
    guard !levels.isEmpty else { return }
    levels[0].sentBytes += bytes
    guard levels[0].sentBytes >= SendLine.shareBytes else { return }
    levels[0].sentBytes = 0
    levels[0].flows.append(levels[0].flows.removeFirst())
  }

  mutating func removeAll() { levels = [] }
}
