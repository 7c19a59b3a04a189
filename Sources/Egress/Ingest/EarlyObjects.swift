internal import MoQ
internal import Wire

/// Objects of one track that are kept until its past is here, where they have to be read in order.
struct EarlyObjects {
  private var objects: [Location: Object] = [:]
  private var ends: [UInt64: UInt64] = [:]
  private(set) var byteCount = 0
  private let byteLimit: Int

  /// What an object costs besides its payload, about.
  private static let objectOverhead = 256

  init(byteLimit: Int) { self.byteLimit = byteLimit }

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
  func hand(to intake: inout MediaIntake, now: Instant) {
    let ordered = objects.values.sorted { $0.location < $1.location }
    for (index, object) in ordered.enumerated() {
      intake.take(object, now: now)
      let isLast = index + 1 == ordered.count || ordered[index + 1].group != object.group
      if isLast, let end = ends[object.group] {
        intake.endGroup(object.group, at: end, now: now)
      }
    }
  }
}
