internal import MoQ
internal import Wire

/// Objects of one track that are kept until its past is here, where they have to be read in order.
struct EarlyObjects {
  private var objects: [Location: Object] = [:]
  private var ends: [UInt64: UInt64] = [:]
  private(set) var byteCount = 0
  private let byteLimit: Int
  /// Whether objects carry their times in properties.
  private let isTimedByProperties: Bool

  /// What an object costs besides its payload, about.
  private static let objectOverhead = 256

  init(byteLimit: Int, isTimedByProperties: Bool) {
    self.byteLimit = byteLimit
    self.isTimedByProperties = isTimedByProperties
  }

  mutating func add(_ object: Object) {
    let cost = object.payload.count + Self.objectOverhead
    guard byteCount + cost <= byteLimit, objects[object.location] == nil else { return }
    byteCount += cost
    objects[object.location] = object
  }

  mutating func endGroup(_ group: UInt64, at end: UInt64) {
    guard byteCount < byteLimit else { return }
    byteCount += ends.updateValue(end, forKey: group) == nil ? Self.objectOverhead : 0
  }

  /// Hands everything on in the order of ids, the end of each group after its objects.
  ///
  /// There are relays that deliver the past without properties: it has no times, and to begin with it
  /// would make the whole track one without times.
  func hand(to intake: MediaIntake, now: Instant) {
    var ordered = objects.values.sorted { $0.location < $1.location }[...]
    if isTimedByProperties, let timed = ordered.firstIndex(where: { !$0.properties.isEmpty }) {
      ordered = ordered[timed...]
    }
    for (index, object) in zip(ordered.indices, ordered) {
      intake.take(object, now: now)
      let isLast = index + 1 == ordered.endIndex || ordered[index + 1].group != object.group
      if isLast, let end = ends[object.group] {
        intake.endGroup(object.group, at: end, now: now)
      }
    }
  }
}
