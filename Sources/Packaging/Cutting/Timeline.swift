package import CMAF

/// The segment boundaries of a broadcast, as its lead rendition sets them; the other renditions cut
/// at the same places.
package struct Timeline: Sendable {
  /// Where one segment starts.
  package struct Boundary: Equatable, Sendable {
    package let number: Int64
    package let start: MediaTime
    /// Media time does not continue from the segment before.
    package let isDiscontinuity: Bool
    /// Discontinuities before and at this segment since the bridge joined.
    package let discontinuitySequence: Int
    /// Nothing of the segment exists in the lead rendition.
    package let isGap: Bool
    /// The outage before it was too long to list; earlier segments leave the playlist.
    package let clearsWindow: Bool
    /// Where the lead's media ended, when the end of the segment was lost.
    fileprivate(set) var lossStart: MediaTime?
  }

  /// What is known about the segment that holds a time.
  package enum Answer: Equatable, Sendable {
    case segment(Boundary)
    /// The lead rendition has not come that far.
    case unknown
    /// Before the first boundary, or after the end of a timeline that is over: in no segment.
    case outside
  }

  private var grid: SlotGrid
  /// Ascending; the last `historyLimit` of this epoch.
  private var boundaries: [Boundary] = []
  private var discontinuitySequence: Int
  /// The end of the lead's media so far.
  package private(set) var coverage: MediaTime?
  /// Before it no segment can begin any more.
  private var settled: MediaTime?
  /// Where groups are shorter than slots: before it no group begins, whose header may be another.
  private var nextGroup: MediaTime?
  /// Whether the lead's frames last as long as they say, so that groups begin where others end.
  private let isSteady: Bool
  /// The end of the lead's segment, when it is known that nothing of it follows.
  private var closedAt: MediaTime?
  /// Nothing follows in this timeline: media continues in another, or nowhere.
  private var isFinished = false
  private let gapLimit: Int
  private let longest: MediaTime
  private let groupLength: MediaTime
  /// The newest segment before this timeline; nil for the first timeline of a bridge.
  private let previousNumber: Int64?
  /// Whether the first segment surely begins at its boundary, although nothing before it was seen.
  private var isFirstProven = true
  private static let historyLimit = 256
  /// Numbers that were given although the grid says otherwise, so that they stay dense.
  package private(set) var drift: Int64 = 0

  /// Starts a timeline.
  ///
  /// - Parameters:
  ///   - grid: the numbering.
  ///   - groupLength: the distance between independent chunks of the lead.
  ///   - isSteady: whether the lead's groups begin where others end, to a tick.
  ///   - gapLimit: missing segments that are listed as gaps.
  ///   - longest: how long a segment may be.
  ///   - previousNumber: the newest segment before this timeline, nil when the bridge has just joined.
  ///   - discontinuitySequence: the count for the first segment.
  package init(
    grid: SlotGrid,
    groupLength: MediaTime,
    isSteady: Bool,
    gapLimit: Int,
    longest: MediaTime,
    previousNumber: Int64?,
    discontinuitySequence: Int
  ) {
    self.grid = grid
    self.groupLength = groupLength
    self.isSteady = isSteady
    self.gapLimit = gapLimit
    self.longest = longest
    self.previousNumber = previousNumber
    self.discontinuitySequence = discontinuitySequence
  }

  package var last: Boundary? { boundaries.last }
  package var first: Boundary? { boundaries.first }

  /// What a timeline after this one starts with; one without a boundary passes on what it got.
  package var next: (previousNumber: Int64?, discontinuitySequence: Int) {
    guard let last else { return (previousNumber, discontinuitySequence) }
    return (last.number, last.discontinuitySequence + 1)
  }

  /// The length of a slot.
  package var slotLength: MediaTime { grid.length }

  /// Takes the next chunk of the lead rendition in decode order.
  ///
  /// A segment starts only with an independent chunk.
  ///
  /// - Parameters:
  ///   - start: the chunk's start.
  ///   - end: the chunk's end.
  ///   - isIndependent: whether it starts with a sync sample.
  ///   - isDiscontinuity: whether the publisher's time jumped before it.
  ///   - isNewHeader: whether it comes under another header, which a segment has but one of.
  ///   - isLoss: whether objects before it are missing.
  package mutating func advance(
    start: MediaTime,
    end: MediaTime,
    isIndependent: Bool,
    isDiscontinuity: Bool,
    isNewHeader: Bool,
    isLoss: Bool
  ) {
    if isIndependent {
      begin(start, isDiscontinuity: isDiscontinuity, isNewHeader: isNewHeader, isLoss: isLoss)
    }
    if isIndependent, groupLength < grid.length {
      let scale = start.timescale
      let length = groupLength.rounded(toScale: scale)
      let tolerance = min(length / 4, Int64(scale) / 10)
      nextGroup = MediaTime(ticks: start.ticks + length - tolerance, timescale: scale)
    }
    coverage = end
    // A camera's next group may begin before the last frame is over, but not before that frame.
    settled = isSteady ? end : start
    closedAt = nil
  }

  private mutating func begin(
    _ start: MediaTime,
    isDiscontinuity: Bool,
    isNewHeader: Bool,
    isLoss: Bool
  ) {
    var number = grid.slot(at: start) + drift
    guard let previous = boundaries.last?.number ?? previousNumber else {
      let before = MediaTime(
        ticks: start.ticks - groupLength.rounded(toScale: start.timescale),
        timescale: start.timescale
      )
      if number < 1 {
        // A track with a clock of its own can put media time 0 before 2020.
        drift = 1 - number
        number = 1
      }
      isFirstProven = grid.slot(at: before) + drift < number
      append(number, start, isDiscontinuity: false, isGap: false, clears: false)
      return
    }
    if isLoss, !boundaries.isEmpty { boundaries[boundaries.count - 1].lossStart = coverage }
    let isFirst = boundaries.isEmpty
    var isBreak = isDiscontinuity || isFirst
    guard number > previous || isBreak || isNewHeader else { return }
    if number <= previous {
      drift += previous + 1 - number
      number = previous + 1
    }
    let missing = Int(clamping: number - previous - 1)
    // What took the publisher's place may have its groups elsewhere in the slots: too much time is lost for
    // the segments that there are.
    if isLoss, exceedsLongest(until: start, missing) { isBreak = true }
    // A segment that may have been closed has no place for what other renditions have after its end.
    let end = coverage.flatMap { grid.slot(at: $0) + drift > previous ? $0 : nil }
    let joint = isBreak || isLoss ? start : end.map { min($0, start) } ?? start
    guard missing > 0 else {
      append(number, joint, isDiscontinuity: isBreak, isGap: false, clears: false)
      return
    }
    guard isBreak || isLoss else {
      // A group longer than a slot: numbers must still step by one.
      drift -= Int64(missing)
      append(previous + 1, joint, isDiscontinuity: false, isGap: false, clears: false)
      return
    }
    guard missing <= gapLimit else {
      append(number, start, isDiscontinuity: isBreak, isGap: false, clears: true)
      return
    }
    // After a break the gaps precede the new media on its clock; a loss fills the time it left.
    let step = grid.length.rounded(toScale: start.timescale)
    let from = isBreak ? nil : coverage?.rounded(toScale: start.timescale)
    for index in 0..<missing {
      let ticks =
        from.map { $0 + (start.ticks - $0) / Int64(missing) * Int64(index) }
        ?? start.ticks - step * Int64(missing - index)
      append(
        previous + 1 + Int64(index),
        MediaTime(ticks: ticks, timescale: start.timescale),
        isDiscontinuity: isBreak && index == 0,
        isGap: true,
        clears: false
      )
    }
    append(number, start, isDiscontinuity: false, isGap: false, clears: false)
  }

  /// Whether the segments up to a start would be too long if they filled all time.
  private func exceedsLongest(until start: MediaTime, _ missing: Int) -> Bool {
    guard let from = missing > 0 ? coverage : boundaries.last?.start else { return false }
    let ticks = start.ticks - from.rounded(toScale: start.timescale)
    return MediaTime(ticks: ticks / Int64(max(missing, 1)), timescale: start.timescale) > longest
  }

  /// Takes the end of a group of the lead rendition; true when its segment ends there too.
  package mutating func closesSegment(at end: MediaTime) -> Bool {
    guard let last, grid.slot(at: end) + drift > last.number else { return false }
    closedAt = end
    return true
  }

  /// The segment that holds a time in a rendition; the lead's media is always known.
  package func segment(at time: MediaTime, isLead: Bool) -> Answer {
    guard let first = boundaries.first else { return .unknown }
    guard time >= first.start else { return .outside }
    guard let last, time >= last.start else {
      let boundary = boundaries.last { $0.start <= time } ?? first
      // What others have where the lead lost more than a segment holds has no place.
      if let lossStart = boundary.lossStart, !isLead, time >= lossStart {
        let limit = longest.rounded(toScale: time.timescale)
        let length = time.ticks - boundary.start.rounded(toScale: time.timescale)
        if length + Int64(time.timescale) / 10 > limit { return .outside }
      }
      return .segment(boundary)
    }
    if let closedAt, time >= closedAt { return isFinished ? .outside : .unknown }
    if let known = isLead ? coverage : settled, time < known { return .segment(last) }
    // No segment can start before the next slot does, or the next group.
    if let nextGroup, time >= nextGroup { return .unknown }
    return grid.slot(at: time) + drift <= last.number ? .segment(last) : .unknown
  }

  /// Whether a time lies past the end of a segment; nil when the lead has not come that far.
  package func isPast(_ time: MediaTime, segment number: Int64) -> Bool? {
    if let next = boundaries.first(where: { $0.number > number }) { return time >= next.start }
    if let closedAt { return time >= closedAt }
    if let coverage, time < coverage { return false }
    return grid.slot(at: time) + drift <= number ? false : nil
  }

  /// Takes the knowledge that this timeline is over: media continues in another.
  package mutating func finish() {
    closedAt = coverage
    settled = coverage
    isFinished = true
  }

  /// Whether a segment that a rendition joins at a time surely starts there: what comes a step before
  /// lies in an earlier segment.
  package func isStart(_ time: MediaTime, step: Int64, of boundary: Boundary) -> Bool {
    guard isFirstProven || boundary != boundaries.first else { return false }
    return MediaTime(ticks: time.ticks - step, timescale: time.timescale) < boundary.start
  }

  /// The boundaries with numbers after one and up to another.
  package func boundaries(after number: Int64, through last: Int64) -> [Boundary] {
    boundaries.filter { $0.number > number && $0.number <= last }
  }

  /// The boundary of a segment; nil when it is not known, or not any more.
  package func boundary(_ number: Int64) -> Boundary? { boundaries.last { $0.number == number } }

  /// The end of a segment, once known.
  package func end(of number: Int64) -> MediaTime? {
    boundaries.first { $0.number > number }?.start ?? closedAt
  }

  private mutating func append(
    _ number: Int64,
    _ start: MediaTime,
    isDiscontinuity: Bool,
    isGap: Bool,
    clears: Bool
  ) {
    if boundaries.count == Self.historyLimit { boundaries.removeFirst() }
    if isDiscontinuity, !boundaries.isEmpty { discontinuitySequence += 1 }
    boundaries.append(
      Boundary(
        number: number,
        start: start,
        isDiscontinuity: isDiscontinuity,
        discontinuitySequence: discontinuitySequence,
        isGap: isGap,
        clearsWindow: clears
      )
    )
  }
}
