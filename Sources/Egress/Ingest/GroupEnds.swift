internal import MoQ
internal import Packaging
internal import Wire

/// Notes where the groups of a track end, and what of them is still on its way, from how one session
/// delivers them.
struct GroupEnds {
  private struct Group {
    var highest: UInt64?
    var objects = 0
    var streams: Set<UInt64?> = []
    var ended: Set<UInt64?> = []
  }

  private let isVideo: Bool
  private var groups: [UInt64: Group] = [:]

  /// Groups are over long before so many newer ones have begun.
  private static let groupLimit = 64
  /// A stream for each object is possible, and of so many none is looked at by itself.
  private static let streamLimit = 64

  init(isVideo: Bool) { self.isVideo = isVideo }

  /// Takes an object; says where its group ends when it tells.
  mutating func note(_ object: Object) -> (group: UInt64, end: UInt64)? {
    if groups[object.group] == nil, groups.count >= Self.groupLimit,
      let oldest = groups.keys.min()
    {
      groups[oldest] = nil
    }
    var group = groups[object.group] ?? Group()
    if group.streams.count < Self.streamLimit { group.streams.insert(object.subgroup) }
    if object.status == .normal {
      group.objects += 1
      group.highest = max(group.highest ?? 0, object.id)
    }
    groups[object.group] = group
    switch object.status {
    case .endOfGroup, .endOfTrack: return (object.group, object.id)
    default: return nil
    }
  }

  /// The end of a group that a stream's end tells; nil when it tells none.
  mutating func streamEnded(
    group: UInt64,
    subgroup: UInt64?,
    _ end: GroupStreamEnd
  ) -> (group: UInt64, end: UInt64)? {
    if groups[group]?.streams.contains(subgroup) == true { groups[group]?.ended.insert(subgroup) }
    guard case .finished(let endOfGroup) = end, let known = groups[group],
      let highest = known.highest, highest < .max
    else { return nil }
    // A stream that ends without a word is the whole group where it carried all of it: publishers
    // that send a stream an object never mean that.
    guard endOfGroup || known.streams.count == 1 && (known.objects > 1 || !isVideo) else {
      return nil
    }
    return (group, highest + 1)
  }

  /// Whether an object may come yet on a stream that has begun: what is sent on one comes in order.
  func isComing(_ position: ObjectPosition) -> Bool {
    guard let known = groups[position.group], !known.streams.isSubset(of: known.ended) else {
      return false
    }
    return known.highest.map { $0 < position.object } ?? true
  }
}
