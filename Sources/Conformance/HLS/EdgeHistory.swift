internal import Wire

/// When each position of a rendition was first seen, for comparing renditions in time.
struct EdgeHistory: Sendable {
  /// Positions that are kept; older ones go.
  static let maximumEntries = 4096

  struct Entry: Equatable, Sendable {
    let position: Position
    let time: Instant
    /// Where the playlist says that the position ends; nil without dates.
    let date: UTCTime?
    /// Missing media, of which only the place is known.
    var isGap = false
    /// Whether a gap or a discontinuity stands before it.
    var isMarked = false
  }

  /// Ascending in position and in time.
  private(set) var entries: [Entry] = []
  private var ordinals: [Position: Int] = [:]
  private var dropped = 0
  /// Whether a gap or a discontinuity stands behind the last media.
  private var isBehindBreak = false

  /// What came, for finding outages.
  var activities: [Activity] {
    entries.lazy.filter { !$0.isGap }.map { Activity(time: $0.time, isMarked: $0.isMarked) }
  }

  /// Notes the positions of a playlist that were not seen before.
  mutating func note(_ playlist: MediaPlaylist, time: Instant) {
    let last = entries.last?.position
    for (segment, date) in zip(playlist.segments, playlist.dates)
    where segment.number >= (last?.number ?? 0) {
      if let last, segment.number > last.number, segment.startsDiscontinuity || segment.isGap {
        isBehindBreak = true
      }
      if !playlist.hasParts {
        guard segment.duration != nil else { continue }
        let position = Position(number: segment.number)
        add(position, date?.advanced(by: segment.duration ?? 0), segment.isGap, time, last)
        continue
      }
      var end: Int64 = 0
      for (index, part) in segment.parts.enumerated() {
        end += part.duration
        let position = Position(number: segment.number, part: index)
        add(position, date?.advanced(by: end), part.isGap, time, last)
      }
    }
  }

  private mutating func add(
    _ position: Position,
    _ date: UTCTime?,
    _ isGap: Bool,
    _ time: Instant,
    _ last: Position?
  ) {
    if let last, position <= last { return }
    if isGap { isBehindBreak = true }
    ordinals[position] = dropped + entries.count
    entries.append(
      Entry(
        position: position,
        time: time,
        date: date,
        isGap: isGap,
        isMarked: isBehindBreak && !isGap
      )
    )
    if !isGap { isBehindBreak = false }
    if entries.count > Self.maximumEntries {
      ordinals[entries.removeFirst().position] = nil
      dropped += 1
    }
  }

  /// The last position that was seen at a time; nil when none was.
  func edge(at time: Instant) -> Entry? {
    var low = 0
    var high = entries.count
    while low < high {
      let middle = (low + high) / 2
      if entries[middle].time <= time { low = middle + 1 } else { high = middle }
    }
    return low == 0 ? nil : entries[low - 1]
  }

  /// The running number of a position; nil when it was not seen.
  func ordinal(_ position: Position) -> Int? { ordinals[position] }

  /// Counts a report about this rendition that came at a time: it may not be ahead of what is known
  /// shortly after, nor more than one part behind what was known shortly before.
  func judge(
    reported: Position,
    at time: Instant,
    slack: Interval,
    into tally: inout Tally
  ) {
    guard let after = edge(at: time + slack), let before = edge(at: time - slack) else { return }
    guard let ordinal = ordinal(reported) else {
      // Never seen: ahead of everything, or older than what is kept.
      if reported > after.position { tally.add(isWrong: true, .zero) }
      return
    }
    let isAhead = reported > after.position
    let behind = (self.ordinal(before.position) ?? ordinal) - ordinal
    tally.add(isWrong: isAhead || behind > 1, .zero)
  }

  /// Whether at a time this rendition had gone more than a part target beyond a date: what is told
  /// there about it is then held against what it had at that time.
  func isBeyond(_ date: UTCTime?, by partTarget: Int64, at time: Instant) -> Bool {
    guard let date, let own = edge(at: time)?.date else { return false }
    let ahead = own.microseconds.subtractingReportingOverflow(date.microseconds).partialValue
    return ahead > partTarget
  }

  /// Counts for each position of another rendition whether this one was there within a part target
  /// of media time, shortly after.
  ///
  /// `end` is when this rendition was last asked for.
  func judgeSteps(
    of other: EdgeHistory,
    partTarget: Int64,
    slack: Interval,
    until end: Instant,
    into tally: inout Tally
  ) {
    guard let begin = entries.first?.time else { return }
    for entry in other.entries where entry.time > begin && entry.time + slack < end {
      guard let date = entry.date, let own = edge(at: entry.time + slack)?.date else { continue }
      let behind = date.microseconds.subtractingReportingOverflow(own.microseconds).partialValue
      let told = Interval.microseconds(min(max(behind, 0), 1_000_000_000_000))
      tally.add(isWrong: behind > partTarget + 1000, told)
    }
  }
}
