internal import CMAF
internal import Packaging
internal import Wire

/// Media that comes before packaging begins: the past that is fetched, and what is live meanwhile.
///
/// Both come at once; packaging wants them in order of media time.
struct EarlyMedia {
  private struct Item {
    enum Content {
      case object(MediaObject)
      case groupEnd(UInt64, at: UInt64)
    }

    let track: Int
    let content: Content
  }

  private var items: [Item] = []
  private(set) var byteCount = 0
  private let byteLimit: Int
  /// In microseconds, as headers may change what ticks are.
  private var firstStarts: [Int: [UInt64: Int64]] = [:]

  init(byteLimit: Int) { self.byteLimit = byteLimit }

  var isFull: Bool { byteCount >= byteLimit }

  mutating func add(_ object: MediaObject, track: Int) {
    guard byteCount + object.byteCount <= byteLimit else { return }
    byteCount += object.byteCount
    let group = object.position.group
    let known = firstStarts[track]?[group] ?? .max
    firstStarts[track, default: [:]][group] = min(known, microseconds(object.start, object))
    items.append(Item(track: track, content: .object(object)))
  }

  mutating func endGroup(_ group: UInt64, at end: UInt64, track: Int) {
    guard !isFull else { return }
    items.append(Item(track: track, content: .groupEnd(group, at: end)))
  }

  /// Takes a track out; the indices of those behind it are one less then.
  mutating func remove(_ track: Int) {
    var starts: [Int: [UInt64: Int64]] = [:]
    for (index, known) in firstStarts where index != track {
      starts[index > track ? index - 1 : index] = known
    }
    firstStarts = starts
    items = items.compactMap { item in
      if item.track == track {
        if case .object(let object) = item.content { byteCount -= object.byteCount }
        return nil
      }
      return Item(track: item.track > track ? item.track - 1 : item.track, content: item.content)
    }
  }

  /// How long the group before the newest of a track lasts, in seconds of media; nil when its
  /// neighbour is not known.
  func groupSeconds(track: Int) -> Double? {
    guard let starts = firstStarts[track] else { return nil }
    for (group, start) in starts.sorted(by: { $0.key > $1.key }) where group < .max {
      guard let next = starts[group + 1], next > start else { continue }
      return Double(next - start) / 1_000_000
    }
    return nil
  }

  /// One thing to hand to packaging.
  struct Handed {
    enum Content {
      case object(MediaObject)
      case groupEnd(UInt64, at: UInt64)
    }

    let track: Int
    let content: Content
    /// How much older its end is than the newest media of its track.
    let age: Interval

    fileprivate var isGroupEnd: Bool { if case .groupEnd = content { true } else { false } }
  }

  /// Everything, oldest media first, ends of groups behind their objects.
  func inOrder() -> [Handed] {
    var groupTimes: [Int: [UInt64: Int64]] = [:]
    var newest: [Int: Int64] = [:]
    for item in items {
      guard case .object(let object) = item.content else { continue }
      let end = microseconds(object.end, object)
      newest[item.track] = max(newest[item.track] ?? .min, end)
      let known = groupTimes[item.track]?[object.position.group] ?? .min
      groupTimes[item.track, default: [:]][object.position.group] = max(
        known,
        end
      )
    }
    var handed: [Handed] = []
    for item in items {
      guard let edge = newest[item.track] else { continue }
      switch item.content {
      case .object(let object):
        handed.append(
          Handed(
            track: item.track,
            content: .object(object),
            age: .microseconds(edge - microseconds(object.end, object))
          )
        )
      case .groupEnd(let group, let end):
        guard let time = groupTimes[item.track]?[group] else { continue }
        handed.append(
          Handed(
            track: item.track,
            content: .groupEnd(group, at: end),
            age: .microseconds(edge - time)
          )
        )
      }
    }
    return handed.enumerated().sorted { left, right in
      let (first, second) = (left.element, right.element)
      guard first.age == second.age else { return first.age > second.age }
      guard first.isGroupEnd == second.isGroupEnd else { return second.isGroupEnd }
      return left.offset < right.offset
    }.map(\.element)
  }

  private func microseconds(_ ticks: Int64, _ object: MediaObject) -> Int64 {
    let timescale = object.description?.info.timescale ?? 1
    return MediaTime(ticks: ticks, timescale: timescale).rounded(toScale: 1_000_000)
  }
}
